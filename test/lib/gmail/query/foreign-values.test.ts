import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseQuery } from '../../../../lib/gmail/query/parse.ts';

describe('a search with values that Gmail does not know', () => {
  for (const [query, told] of [
    ['from:a@x.com,b@x.com', 'write {from:a@x.com from:b@x.com}'],
    ['-from:a@x.com,b@x.com is:unread', 'write -{from:a@x.com from:b@x.com}'],
    ['to:alice;bob', 'write {to:alice to:bob}'],
    ['filename:pdf,docx', 'write {filename:pdf filename:docx}'],
    ['category:social,promotions', 'write {category:social category:promotions}'],
    ['is:unread|starred', 'write {is:unread is:starred}'],
    ['filename:report*', 'write filename:report'],
    ['from:news*@shop.com', 'or from:shop.com for all addresses of the domain'],
    ['subject:invoice*', 'write subject:invoice, or subject:"invoice*" for the text itself'],
    ['from:*', 'finds whole words only'],
    ['invoice*', 'write the whole word in place of "invoice*", or "invoice*" for the text itself'],
    ['from:(boss@example.com, wife@example.com)', 'write several values as from:{a b}'],
    ['from:(a@x.com,b@x.com)', 'write {from:a@x.com from:b@x.com}'],
    ['filename:(pdf,doc)', 'write {filename:pdf filename:doc}'],
    ['is:(starred,important)', 'write {is:starred is:important}'],
    ['category:(social, promotions)', 'write several values as category:{a b}'],
    ['"is:starred"', 'quotes inside quotes'],
    ['"category:promotions older_than:3d"', 'quotes inside quotes'],
    ['-"in:inbox is:read"', 'write -(in:inbox is:read)'],
    ['from::x', 'write from:x'],
  ] as const) {
    it(`is refused with the right spelling: ${query}`, () => {
      assert.throws(
        () => parseQuery(query),
        ({ message }: Error) => message.includes(told) || assert.fail(message),
      );
    });
  }

  for (const query of [
    '"invoice* 2026"',
    'subject:"a, b*"',
    '2*3',
    'E*TRADE',
    '*URGENT*',
    'from:M*A*S*H',
    'a * b',
    'from:(Doe, John)',
    'from:{a@x.com b@x.com}',
    '"Ship to:John Doe"',
    '-"Bill to:ACME"',
    '"Check-in:15:00"',
    'your order is sent',
    'item in trash',
    'from:*@shop.com',
    'from:(*@shop.com OR *@*.example.com)',
    '-from:*.shop.com',
    'from:alice@*',
    'filename:*.pdf',
    'list:*.example.com',
    '***',
    'filename:report,final.pdf',
    'rfc822msgid:a*b@example.com',
    '"Re: from Bob"',
    '"from: Bob" in:inbox',
    'subject:"in:inbox"',
    'hello,world',
  ]) {
    it(`is accepted as text: ${query}`, () => {
      parseQuery(query);
    });
  }

  it("names the place of an operator's bracket that is not closed", () => {
    for (const [query, at] of [
      ['subject:(a OR b', 8],
      ['x -from:{a b', 8],
      ['(a', 0],
    ] as const) {
      assert.throws(() => parseQuery(query), { at });
    }
  });
});
