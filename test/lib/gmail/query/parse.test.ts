import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asksForSpamOrTrash, labelNamed } from '../../../../lib/gmail/query/label-terms.ts';
import { parseQuery, type Term } from '../../../../lib/gmail/query/parse.ts';
import { QueryError } from '../../../../lib/gmail/query/tokens.ts';

/** A term as `-operator:value`, with `?` when it belongs to no condition, and `|` when its condition has other terms. */
function show({ operator, value, negated, condition }: Term, _index: number, all: readonly Term[]): string {
  const choices = all.filter((term) => condition !== null && term.condition === condition).length;
  const mark = ['?', ''][choices] ?? '|';
  return `${negated ? '-' : ''}${operator === '' ? '' : `${operator}:`}${value}${mark}`;
}

describe('parseQuery', () => {
  for (const [query, terms] of [
    ['one two', ['one', 'two']],
    ['  spaced   out ', ['spaced', 'out']],
    ['category:promotions older_than:14d', ['category:promotions', 'older_than:14d']],
    ['FROM:Alice', ['from:Alice']],
    ['"a phrase" -"not this"', ['a phrase', '-not this']],
    ['label:"A&E (old)"', ['label:A&E (old)']],
    ['-in:sent', ['-in:sent']],
    ['a OR b', ['a|', 'b|']],
    ['a AND b', ['a', 'b']],
    ['a or b', ['a', 'or', 'b']],
    ['"OR" x', ['OR', 'x']],
    ['{a b} c', ['a|', 'b|', 'c']],
    ['(a OR b) c', ['a|', 'b|', 'c']],
    ['(a b) c', ['a', 'b', 'c']],
    ['-(a b)', ['-a?', '-b?']],
    ['-(a -b)', ['-a?', 'b?']],
    ['-{a (b c)}', ['-a?', '-b?', '-c?']],
    ['subject:("verification code" OR "login code")', ['subject:verification code|', 'subject:login code|']],
    ['from:(a b)', ['from:a', 'from:b']],
    ['-from:{a b}', ['-from:a', '-from:b']],
    ['-(a OR b c)', ['-a?', '-b?', '-c?']],
    ['(((deep)))', ['deep']],
    ['https://example.com/x', ['https://example.com/x']],
    ['list:<news.example.com>', ['list:<news.example.com>']],
    ['rfc822msgid:<a@b.example>', ['rfc822msgid:<a@b.example>']],
    ['subject:Grüße 日本', ['subject:Grüße', '日本']],
    ['label:a/b-c', ['label:a/b-c']],
    ['12:30', ['12:30']],
    ['-{a b} c', ['-a', '-b', 'c']],
    ['-(a OR b)', ['-a', '-b']],
    ['-(a)', ['-a']],
    ['l:work', ['label:work']],
    ['in:inbox AND (a OR b)', ['in:inbox', 'a|', 'b|']],
    ['holiday AROUND 10 vacation', ['holiday', 'AROUND', '10', 'vacation']],
    ['+unicorn', ['+unicorn']],
    ['a-b', ['a-b']],
  ] as const) {
    it(`parses ${query}`, () => assert.deepEqual(parseQuery(query).map(show), terms));
  }

  for (const [query, message, at] of [
    ['"open', /quote is not closed/, 0],
    ['a subject:"open', /quote is not closed/, 10],
    ['word"open', /quote is not closed/, 4],
    ['(a', /"\(" is not closed/, 0],
    ['a {b (c)', /"\{" is not closed/, 2],
    ['a)', /"\)" closes nothing/, 1],
    ['a}', /"\}" closes nothing/, 1],
    ['(a}', /"\(" is closed by "\}"/, 2],
    ['{a)', /"\{" is closed by "\)"/, 2],
    ['x ()', /empty group/, 2],
    ['{ }', /empty group/, 0],
    ['(OR)', /an OR without a left side/, 1],
    ['OR a', /an OR without a left side/, 0],
    ['a OR OR b', /an OR without a left side/, 5],
    ['a OR', /an OR without a right side/, 2],
    ['(a OR) b', /an OR without a right side/, 3],
    ['from:', /"from:" has no value/, 0],
    ['a -from: b', /"from:" has no value/, 2],
    ['(from:)', /"from:" has no value/, 1],
    ['""', /empty term/, 0],
    ['a "  "', /empty term/, 2],
    ['a -', /a minus alone is an empty term/, 2],
    ['a - b', /a minus alone.*"a - b"/, 2],
    ['(a -)', /a minus alone/, 3],
    ['AND a', /an AND without a left side/, 0],
    ['(a AND)', /an AND without a right side/, 3],
    ['a AND OR b', /an OR without a left side/, 6],
    ['{a AND b}', /an AND in braces/, 3],
    ['from: alice', /"from:" has no value: no space/, 0],
    ['from :alice', /"from:" has no value: no space/, 0],
    ['-"open', /quote is not closed/, 1],
    ['"open”', /quote is not closed \(”/, 0],
    ['form:alice', /"form:" is no search operator \(did you mean "from:"\?\)/, 0],
    ['older_then:3d', /did you mean "older_than:"/, 0],
    ['x -catagory:social', /did you mean "category:"/, 2],
    ['lable:x', /did you mean "label:"/, 0],
  ] as const) {
    it(`refuses ${query} with its place`, () => {
      assert.throws(
        () => parseQuery(query),
        (error: unknown) => {
          assert.ok(error instanceof QueryError);
          assert.match(error.message, message);
          assert.equal(error.at, at);
          return true;
        },
      );
    });
  }

  for (const query of ['re 12:30', 'Re: hello', 'https://example.com/?a=b&c:d', 'subject:foo:bar', '3:16']) {
    it(`accepts the colon of ${query} as text`, () => assert.doesNotThrow(() => parseQuery(query)));
  }

  it('accepts 100 levels of brackets, and refuses more at once', () => {
    const nested = (levels: number) => `${'('.repeat(levels)}a${')'.repeat(levels)}`;
    assert.equal(parseQuery(nested(100)).length, 1);
    for (const query of [
      nested(101),
      nested(50_000),
      '('.repeat(50_000),
      '-{'.repeat(50_000),
      `${'"a" '.repeat(9)})`,
    ]) {
      assert.throws(() => parseQuery(query), QueryError);
    }
  });
});

describe('labelNamed', () => {
  for (const [query, label] of [
    ['in:inbox', 'INBOX'],
    ['IN:Inbox', 'INBOX'],
    ['is:unread', 'UNREAD'],
    ['is:read', 'UNREAD'],
    ['is:starred', 'STARRED'],
    ['has:yellow-star', 'STARRED'],
    ['is:important', 'IMPORTANT'],
    ['in:drafts', 'DRAFT'],
    ['in:draft', 'DRAFT'],
    ['is:chat', 'CHAT'],
    ['in:chats', 'CHAT'],
    ['in:sent', 'SENT'],
    ['in:trash', 'TRASH'],
    ['in:spam', 'SPAM'],
    ['in:archive', 'INBOX'],
    ['category:primary', 'CATEGORY_PERSONAL'],
    ['category:social', 'CATEGORY_SOCIAL'],
    ['label:inbox', 'INBOX'],
    ['label:Work', 'Work'],
    ['label:"A&E"', 'A&E'],
    ['in:work', 'work'],
    ['label:archive', 'archive'],
    ['label:read', 'read'],
    ['label:muted', null],
    ['in:scheduled', null],
    ['in:anywhere', null],
    ['has:attachment', null],
    ['from:inbox', null],
    ['inbox', null],
  ] as const) {
    it(`is ${label ?? 'null'} for ${query}`, () => {
      assert.equal(labelNamed(parseQuery(query)[0] as Term), label);
    });
  }
});

describe('asksForSpamOrTrash', () => {
  for (const [query, asks] of [
    ['in:spam', true],
    ['in:trash older_than:3d', true],
    ['in:anywhere from:bob', true],
    ['label:spam', true],
    ['{in:inbox in:trash}', true],
    ['-in:spam', false],
    ['-(in:spam OR in:trash)', false],
    ['in:inbox', false],
    ['spam', false],
    ['subject:trash', false],
  ] as const) {
    it(`is ${asks} for ${query}`, () => assert.equal(asksForSpamOrTrash(parseQuery(query)), asks));
  }
});
