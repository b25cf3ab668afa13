/**
 * Splits a Gmail search into terms and brackets, and refuses words and characters that only look like Gmail's search
 * language: Gmail would search for them as words.
 */
import { nearest, slips } from '../../base/nearest.ts';
import { findOddCharacter, nameForeign } from './characters.ts';
import { foreignValue } from './foreign-values.ts';
import { decodeQuery, hiddenOperator, missingColon, OPERATORS } from './operators.ts';
import { restrictsValues, takesMeasure, valueProblem } from './values.ts';

/** The search is invalid at the index `at`. */
export class QueryError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.name = 'QueryError';
    this.at = at;
  }
}

export interface Token {
  readonly at: number;
  /** The place of the value, with its quotes, from index `from` to before `to`. `to` is the end of the token. */
  readonly from: number;
  readonly to: number;
  readonly minus: boolean;
  /** In lower case, without the colon; '' for none. */
  readonly operator: string;
  /** An opening or closing bracket, or undefined for a term. */
  readonly bracket: string | undefined;
  readonly value: string;
  readonly quoted: boolean;
}

/** `l` is a short form of `label`. */
const SHORT: ReadonlyMap<string, string> = new Map([['l', 'label']]);

/** An operator of other programs → Gmail's operator with that meaning. */
const FOREIGN_OPERATORS: ReadonlyMap<string, string> = new Map([
  ...['sender', 'author'].map((word) => [word, 'from'] as const),
  ['recipient', 'to'],
  ['title', 'subject'],
  ...['tag', 'folder'].map((word) => [word, 'label'] as const),
  ['since', 'after'],
  ['until', 'before'],
  ...['file', 'attachment'].map((word) => [word, 'filename'] as const),
  ...['message-id', 'messageid', 'msgid'].map((word) => [word, 'rfc822msgid'] as const),
]);

/** Text in quotation marks that Gmail does not know, such as `'is:starred'`. */
const OTHER_QUOTES = /^(?:'[^"']*'|`[^"`]*`)(?=[\s(){}]|$)/;

const TOKEN = /(-?)(?:([\p{L}_][\p{L}\p{N}_-]*):(?!\/\/|[)}]))?(?:([(){}])|"([^"]*)"|([^\s"(){}]+))/uy;

/** @throws QueryError for a term that is invalid, or that Gmail would understand differently from its author. */
export function tokenize(query: string): Token[] {
  const odd = findOddCharacter(query);
  if (odd !== undefined) throw new QueryError(odd.inText ? odd.problem + orQuotes(query, odd.at) : odd.problem, odd.at);
  const decoded = decodeQuery(query);
  if (decoded !== undefined) {
    throw new QueryError(`the search is URL-encoded: write ${decoded}`, query.indexOf('%'));
  }
  const tokens: Token[] = [];
  let at = 0;
  while (at < query.length) {
    if (/\s/.test(query[at] ?? '')) {
      at += 1;
      continue;
    }
    requireValue(query, at);
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(query);
    if (match === null) throw unreadable(query, at);
    const [text, minus = '', prefix, bracket, phrase, bare] = match;
    const operator = prefix === undefined ? '' : knownOperator(prefix, query, at, phrase ?? bare ?? '');
    const closes = bracket === ')' || bracket === '}';
    if (operator !== '' && closes) throw new QueryError(`"${prefix}:" has no value`, at);
    const value = (phrase ?? bare ?? '').trim();
    if (bare === '-' && query[at + text.length] === '"') throw unreadable(query, at + text.length);
    if (bare === '-' && operator !== '') throw new QueryError(misplacedMinus(operator, '(…)'), at);
    if (bare === '-' || (closes && minus === '-')) throw loneMinus(query, at);
    if (bracket === undefined && value === '') throw new QueryError('an empty term', at);
    if (bare !== undefined) requirePlain(bare, { operator, at, query, afterMinus: minus === '-' });
    const from = at + minus.length + (prefix === undefined ? 0 : prefix.length + 1);
    const to = at + text.length;
    tokens.push({ at, from, to, minus: minus === '-', operator, bracket, value, quoted: phrase !== undefined });
    at = to;
  }
  return tokens;
}

function unreadable(query: string, at: number): QueryError {
  const quote = query.indexOf('"', at);
  if (quote < 0) return new QueryError('an empty term', at);
  const other = /[“”„«»]/.exec(query.slice(quote))?.[0];
  return new QueryError(`a quote is not closed${other === undefined ? '' : ` (${other} closes none: write ")`}`, quote);
}

/** Refuses `from:` without a value, and a misspelled operator without one: Gmail would take both for words. */
function requireValue(query: string, at: number): void {
  const pattern = /-?([\p{L}_][\p{L}\p{N}_-]*)\s*:(?=[\s)}]|$)|-?([\p{L}_]+)\s+:(?=[^\s:])/uy;
  pattern.lastIndex = at;
  const [text, prefix, spaced] = pattern.exec(query) ?? [];
  if (text === undefined) return;
  const name = (prefix ?? spaced ?? '').toLowerCase();
  if (OPERATORS.includes(name)) {
    const hint =
      prefix === undefined || /\s/.test(query[at + text.length] ?? '') ? ': no space may stand beside the colon' : '';
    throw new QueryError(`"${prefix ?? spaced}:" has no value${hint}`, at);
  }
  const near = nearest(name, OPERATORS);
  if (prefix === undefined || near === undefined || near.length < 4 || !isSlip(name, near)) return;
  throw new QueryError(`"${prefix}:" is no search operator (did you mean "${near}:"?)`, at);
}

function knownOperator(prefix: string, query: string, at: number, value: string): string {
  const operator = prefix.toLowerCase();
  const known = SHORT.get(operator) ?? operator;
  if (OPERATORS.includes(known)) return known;
  const meant = meantOperator(operator, value);
  const hint = meant === undefined ? orQuotes(query, at) : ` (did you mean "${meant}:"?)`;
  throw new QueryError(`"${prefix}:" is no search operator${nameForeign(prefix)}${hint}`, at);
}

/** The operator that was probably meant: with a similar name, and for which the value is valid. */
function meantOperator(operator: string, value: string): string | undefined {
  const meant = FOREIGN_OPERATORS.get(operator) ?? nearest(operator, OPERATORS);
  if (meant === undefined || (value !== '' && valueProblem(meant, value, '') !== null)) return undefined;
  if (FOREIGN_OPERATORS.has(operator)) return meant;
  // Any two letters are one typing error apart from another two: then only the value can tell.
  return isSlip(operator, meant) && (meant.length >= 4 || (restrictsValues(meant) && value !== '')) ? meant : undefined;
}

/** Whether two words are one typing error apart, or two in long words. */
function isSlip(typed: string, meant: string): boolean {
  return slips(typed.replaceAll('-', '_'), meant) <= (meant.length >= 8 ? 2 : 1);
}

/** Refuses a value or word without quotes in which an operator, a quote or a minus was meant. */
function requirePlain(
  bare: string,
  { operator, at, query, afterMinus }: { operator: string; at: number; query: string; afterMinus: boolean },
): void {
  const start = query.indexOf(bare, at);
  const other = OTHER_QUOTES.exec(query.slice(start))?.[0];
  if (other !== undefined) {
    const inner = other.slice(1, -1);
    const isTerm = hiddenOperator(`,${inner.replace(/^-/, '')}`) !== undefined;
    throw new QueryError(`Gmail knows no quotation mark but ": write ${isTerm ? inner : `"${inner}"`}`, start);
  }
  if (operator === '') {
    if (afterMinus && bare.startsWith('-')) throw new QueryError(`"-${bare}" has more than one minus`, at);
    const bang = /^[!~]/.test(bare) ? `: write -${bare.slice(1)}` : ': put a space, OR or a minus before an operator';
    if (hiddenOperator(bare) !== undefined) throw new QueryError(`Gmail takes "${bare}" for a word${bang}`, at);
  } else if (operator !== 'rfc822msgid') {
    requireOneOperator(operator, bare, at);
  }
  // parse.ts checks the first part, together with the next word.
  for (const part of bare.split(/[;,|&+]/).slice(1)) {
    const problem = operator === 'rfc822msgid' ? undefined : missingColon(part, '', false);
    if (problem !== undefined) throw new QueryError(`${problem}, with a space before it`, at);
  }
  const foreign = foreignValue(operator, bare, afterMinus ? '-' : '');
  if (foreign !== undefined) {
    const text =
      operator === '' || ['subject', 'label', 'in'].includes(operator)
        ? `, or ${operator === '' ? '' : `${operator}:`}"${bare}" for the text itself`
        : '';
    throw new QueryError(foreign + text, at);
  }
  if (operator !== '' && /^-./.test(bare) && !['label', 'in'].includes(operator) && !takesMeasure(operator)) {
    throw new QueryError(misplacedMinus(operator, bare.slice(1), afterMinus), at);
  }
}

function requireOneOperator(operator: string, bare: string, at: number): void {
  const written = `"${operator}:${bare}"`;
  if (bare.startsWith(':')) throw new QueryError(`${written} has two colons: write ${operator}${bare}`, at);
  if (hiddenOperator(`:${bare}`) === undefined) return;
  const rest = bare.slice(operator.length + 1);
  if (bare.toLowerCase().startsWith(`${operator}:`) && rest !== '' && valueProblem(operator, rest, '') === null) {
    throw new QueryError(`${written} has its operator twice: write ${operator}:${rest}`, at);
  }
  const quoted = restrictsValues(operator) ? '' : `, or quotes around text: ${operator}:"${bare}"`;
  throw new QueryError(`${written} holds a second operator: put a space or OR before it${quoted}`, at);
}

/** The end of a message that shows how to search for the text at `at`; '' when there is none. */
export function orQuotes(query: string, at: number): string {
  const text = textAround(query, at);
  return text === undefined ? '' : `, and text belongs in quotes: ${text}`;
}

/** The text around `at`, in quotes: a group such as `subject:(a - b)`, or the words beside `at`; undefined for none. */
function textAround(query: string, at: number): string | undefined {
  const group = /([a-z0-9_]+:)[({]([^"(){}]*)$/i.exec(query.slice(0, at));
  if (group !== null) {
    const rest = /^[^"(){}]*(?=[)}])/.exec(query.slice(at))?.[0];
    const [, operator = '', begun = ''] = group;
    if (rest !== undefined && !restrictsValues(operator.slice(0, -1).toLowerCase())) {
      return `${operator}"${(begun + rest).trim()}"`;
    }
  }
  const word = /^[^\s"(){}]+/.exec(query.slice(at))?.[0];
  if (word === undefined) return undefined;
  if (word.length > 1) return /^-?[\p{L}\p{N}]/u.test(word) ? `"${word.replace(/^-/, '')}"` : undefined;
  const [, left = '', before = ''] =
    /((?:^|(?<=[\s({]))-?(?:[a-z]+:)?)([^\s"(){}:]+\s+)$/i.exec(query.slice(0, at)) ?? [];
  const after = /^\s+[^\s"(){}:]+/.exec(query.slice(at + word.length))?.[0] ?? '';
  return before === '' && after === '' ? undefined : `${left}"${before}${word}${after}"`;
}

function misplacedMinus(operator: string, value: string, afterMinus = false): string {
  if (operator === 'subject' && /^\p{N}/u.test(value)) {
    return `Gmail takes the minus of "subject:-${value}" for a sign of its own: write ${afterMinus ? '-' : ''}subject:"-${value}"`;
  }
  if (afterMinus) return `"-${operator}:-${value}" has more than one minus`;
  return `the minus of "${operator}:-${value}" belongs before the operator: write -${operator}:${value}`;
}

function loneMinus(query: string, at: number): QueryError {
  const next = /^-\s+([^\s"(){}-][^\s"(){}]*|\((?=[^)]))/.exec(query.slice(at))?.[1]?.replace('(', '(…)');
  const leaveOut = next === undefined ? '' : `: write -${next} to leave that out`;
  return new QueryError(`a minus alone is an empty term${leaveOut}${orQuotes(query, at)}`, at);
}
