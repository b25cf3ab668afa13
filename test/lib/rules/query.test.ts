import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asksForSpamOrTrash, labelNamed, parseQuery, QueryError, type Term } from '../../../lib/rules/query.ts';

/** A term as `-operator:value`, with `?` when a match need not fulfil it, and `|` when it may fulfil another instead. */
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
    ['-from:{a b}', ['-from:a?', '-from:b?']],
    ['from:(a label:b)', ['from:a', 'label:b']],
    ['(((deep)))', ['deep']],
    ['https://example.com/x', ['https://example.com/x']],
    ['list:<news.example.com>', ['list:<news.example.com>']],
    ['rfc822msgid:<a@b.example>', ['rfc822msgid:<a@b.example>']],
    ['subject:Grüße 日本', ['subject:Grüße', '日本']],
    ['label:a/b-c', ['label:a/b-c']],
    ['a-b', ['a-b']],
    ['12:30', ['12:30']],
  ] as const) {
    it(`reads ${query}`, () => assert.deepEqual(parseQuery(query).map(show), terms));
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
    ['a -', /empty term/, 2],
    ['form:alice', /"form:" is no search operator \(did you mean "from:"\?\)/, 0],
    ['older_then:3d', /did you mean "older_than:"/, 0],
    ['x -catagory:social', /did you mean "category:"/, 2],
    ['lable:x', /did you mean "label:"/, 0],
  ] as const) {
    it(`refuses ${query}, and says where`, () => {
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

  it('takes a word with a colon that is like no operator for a word', () => {
    assert.doesNotThrow(() => parseQuery('JIRA-1: regarding:contract foobarbaz:x'.replace('1: ', '1 ')));
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
    ['in:anywhere', null],
    ['has:attachment', null],
    ['from:inbox', null],
    ['inbox', null],
    ['is:constructor', null],
  ] as const) {
    it(`says that ${query} names ${label ?? 'no label'}`, () => {
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
    it(`answers ${asks} for ${query}`, () => assert.equal(asksForSpamOrTrash(parseQuery(query)), asks));
  }
});
