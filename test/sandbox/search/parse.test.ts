import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseQuery, type Query } from './parse.ts';
import { QuerySyntaxError, UnknownOperatorError } from './tokenize.ts';

/** The tree in full parentheses: & for and, | for or, ! for not. */
function shown(query: Query): string {
  if (query.kind === 'not') return `!${shown(query.part)}`;
  if (query.kind !== 'term') return `(${query.parts.map(shown).join(query.kind === 'and' ? ' & ' : ' | ')})`;
  const value = query.quoted ? `"${query.value}"` : query.value;
  return query.operator === undefined ? value : `${query.operator}:${value}`;
}

const TREES: readonly (readonly [title: string, query: string, tree: string])[] = [
  ['an empty query has no conditions', '  ', '()'],
  ['terms side by side must all match', 'a b c', '(a & b & c)'],
  ['AND says the same as a space', 'a AND b', '(a & b)'],
  ['OR binds tighter than the terms beside it', 'a OR b c', '((a | b) & c)'],
  ['OR binds tighter than the terms before it', 'a b OR c OR d', '(a & (b | c | d))'],
  ['OR binds tighter than AND', 'a AND b OR c', '(a & (b | c))'],
  ['or and and in lower case are words', 'a or b and c', '(a & or & b & and & c)'],
  ['braces hold alternatives', '{a b "c d"}', '(a | b | "c d")'],
  ['an OR inside braces changes nothing', '{a OR b c}', '((a | b) | c)'],
  ['parentheses group inside braces', '{(a b) c}', '((a & b) | c)'],
  ['a bracket around one term is that term', '((a))', 'a'],
  [
    'a minus negates a term, a phrase, a group and an operator',
    '-a -"b c" -(d e) -from:f',
    '(!a & !"b c" & !(d & e) & !from:f)',
  ],
  ['a minus inside a word belongs to the word', 'well-known', 'well-known'],
  ['an operator takes one word', 'subject:a b', '(subject:a & b)'],
  ['an operator is spread over its parentheses', 'subject:(a OR "b c")', '(subject:a | subject:"b c")'],
  ['an operator is spread over its braces', 'from:{a -b}', '(from:a | !from:b)'],
  ['operators are known in any case', 'FROM:a', 'from:a'],
  ['a value may contain colons and slashes', 'rfc822msgid:<a:b/c@d>', 'rfc822msgid:<a:b/c@d>'],
  ['a clock time is a word', '12:30', '12:30'],
];

for (const [title, query, tree] of TREES) {
  test(title, () => assert.equal(shown(parseQuery(query)), tree));
}

const MALFORMED: readonly (readonly [title: string, query: string])[] = [
  ['a quote that is not closed', 'subject:"a b'],
  ['a bare quote that is not closed', 'a "b'],
  ['a parenthesis that is not closed', '(a b'],
  ['a brace that is not closed', '{a b'],
  ['a parenthesis that was not opened', 'a) b'],
  ['brackets that cross', '(a {b) c}'],
  ['empty parentheses', 'a ()'],
  ['empty braces behind an operator', 'from:{}'],
  ['an operator at the end', 'from:'],
  ['a space behind an operator', 'from: a'],
  ['an OR at the start', 'OR a'],
  ['an OR at the end', 'a OR'],
  ['two ORs in a row', 'a OR OR b'],
  ['an AND inside braces', '{a AND b}'],
  ['an AND at the end', 'a AND'],
  ['a minus sign on its own', 'a - b'],
  ['a minus sign before a closing bracket', '(a -)'],
  ['a minus sign behind an operator', 'from:-a'],
  ['an operator inside the brackets of another', 'from:(a to:b)'],
];

for (const [title, query] of MALFORMED) {
  test(`refuses ${title}`, () => assert.throws(() => parseQuery(query), QuerySyntaxError));
}

test('refuses NOT and AROUND instead of taking them for words', () => {
  assert.throws(() => parseQuery('a NOT b'), UnknownOperatorError);
  assert.throws(() => parseQuery('a AROUND 5 b'), UnknownOperatorError);
});
