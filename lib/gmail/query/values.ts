/**
 * Checks the values of search operators that take an age, a date, a size, a Message-ID or one of a fixed set of words.
 * Gmail accepts any value: it searches for an unknown value as a word, or the term matches nothing. With a minus before it
 * the term then matches everything.
 * Sources: support.google.com/mail/answer/7190; for weeks, which match nothing, github.com/amd/gaia/pull/2981.
 */
import { nearest, slips } from '../../base/nearest.ts';
import { nameForeign } from './characters.ts';

/** Values of `in:` that are not names of labels. */
export const IN_VALUES: readonly string[] = [
  ...['inbox', 'sent', 'draft', 'drafts', 'chat', 'chats', 'trash', 'spam'],
  ...['anywhere', 'archive', 'snoozed', 'scheduled', 'muted'],
];

/** Operator → its allowed values. */
const CLOSED: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'is',
    [
      ...['unread', 'read', 'starred', 'important', 'muted', 'snoozed'],
      ...['inbox', 'sent', 'draft', 'drafts', 'chat', 'chats', 'trash', 'spam'],
    ],
  ],
  [
    'has',
    [
      ...['attachment', 'drive', 'document', 'spreadsheet', 'presentation', 'youtube', 'userlabels', 'nouserlabels'],
      ...['yellow-star', 'orange-star', 'red-star', 'purple-star', 'blue-star', 'green-star'],
      ...['red-bang', 'yellow-bang', 'orange-guillemet', 'green-check', 'blue-info', 'purple-question'],
    ],
  ],
  ['category', ['primary', 'personal', 'social', 'promotions', 'updates', 'forums', 'reservations', 'purchases']],
]);

/** A word of other programs → the Gmail search with that meaning. */
const FOREIGN_WORDS: ReadonlyMap<string, string> = new Map([
  ...['star', 'stars'].map((word) => [word, 'is:starred, or has:yellow-star for stars of that colour'] as const),
  ...['flag', 'flagged', 'favorite', 'favourite'].map((word) => [word, 'is:starred'] as const),
  ...['seen', 'opened'].map((word) => [word, 'is:read'] as const),
  ...['unseen', 'unopened', 'new'].map((word) => [word, 'is:unread'] as const),
  ['archived', 'in:archive'],
  ...['deleted', 'bin'].map((word) => [word, 'in:trash'] as const),
  ['junk', 'in:spam'],
  ...['all', 'everywhere'].map((word) => [word, 'in:anywhere'] as const),
  ...['file', 'files', 'attached'].map((word) => [word, 'has:attachment'] as const),
  ...['label', 'labels', 'labeled', 'labelled'].map((word) => [word, 'has:userlabels'] as const),
  ...['nolabel', 'nolabels', 'unlabeled', 'unlabelled'].map((word) => [word, 'has:nouserlabels'] as const),
  ...['sheet', 'sheets'].map((word) => [word, 'has:spreadsheet'] as const),
  ['slides', 'has:presentation'],
  ['pdf', 'filename:pdf'],
  ['promo', 'category:promotions'],
]);

interface Advice {
  readonly problem: string;
  /** The term to write instead, when it is certain. */
  readonly write?: string | undefined;
}

type Check = (operator: string, value: string, following: string) => Advice | null;

const CHECKS: ReadonlyMap<string, Check> = new Map([
  ...['older_than', 'newer_than'].map((operator): [string, Check] => [operator, ageAdvice]),
  ...['after', 'before', 'older', 'newer'].map((operator): [string, Check] => [operator, dateAdvice]),
  ...['larger', 'smaller', 'size'].map((operator): [string, Check] => [operator, sizeAdvice]),
  ...['is', 'has', 'category'].map((operator): [string, Check] => [operator, memberAdvice]),
  ['rfc822msgid', messageIdAdvice],
]);

/** Whether the operator takes only values of a certain form, or from a fixed set. */
export function restrictsValues(operator: string): boolean {
  return CHECKS.has(operator);
}

/** Whether the operator takes an age, a date or a size. */
export function takesMeasure(operator: string): boolean {
  return restrictsValues(operator) && !CLOSED.has(operator) && operator !== 'rfc822msgid';
}

/**
 * The problem of `value` as a value of `operator`, with the nearest valid term; null when the value is valid. `following`
 * is the next plain word, or ''; `minus` is '-' when the term is negated.
 */
export function valueProblem(operator: string, value: string, following: string, minus = ''): string | null {
  const advice = operator === 'in' ? placeAdvice(value) : CHECKS.get(operator)?.(operator, value, following);
  if (advice == null) return null;
  const { problem, write } = advice;
  return write === undefined ? problem : `${problem}: write ${`${minus}${write}`.replace(/^--/, '')}`;
}

function placeAdvice(value: string): Advice | null {
  if (!value.startsWith('^')) return null;
  return {
    problem: `"in:${value}" is no place of Gmail: its internal labels belong to another operator`,
    write: `label:${value}`,
  };
}

function memberAdvice(operator: string, value: string): Advice | null {
  const members = CLOSED.get(operator) ?? [];
  if (members.includes(value.toLowerCase())) return null;
  const problem = `"${operator}:${value}" is unknown to Gmail${nameForeign(value)}`;
  const write = meantMember(operator, members, value);
  return write === undefined ? { problem: `${problem}: ${operator}: takes ${members.join(', ')}` } : { problem, write };
}

function meantMember(operator: string, members: readonly string[], value: string): string | undefined {
  const text = value
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_]+/g, '-');
  const word = text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
  if (/^[!~-]/.test(text)) return opposite(operator, members, word);
  if (members.includes(word)) return `${operator}:${word}`;
  return termOf(word) ?? oppositeOf(word, operator, members) ?? nearMember(word, operator, members);
}

const NEGATION = /^(?:un|not|non|no)-?/;

/** `-is:starred` for `unstarred`, `notstarred`, `nonstarred` and `nostar`. */
function oppositeOf(word: string, operator: string, members: readonly string[]): string | undefined {
  return NEGATION.test(word) ? opposite(operator, members, word.replace(NEGATION, '')) : undefined;
}

function opposite(operator: string, members: readonly string[], word: string): string | undefined {
  const member = [word, word.replace(/s$/, ''), `${word}s`].find((form) => members.includes(form));
  const term = member === undefined ? termOf(word)?.replace(/,.*/, '') : `${operator}:${member}`;
  return term === undefined ? undefined : `-${term}`;
}

/** The one member with a similar name; undefined when two are equally similar, or the member means the opposite. */
function nearMember(word: string, operator: string, members: readonly string[]): string | undefined {
  const near = nearest(word, members);
  if (near === undefined || NEGATION.test(near) !== NEGATION.test(word)) return undefined;
  const isAsNear = (member: string) => slips(word, member) === slips(word, near);
  return members.filter(isAsNear).length > 1 ? undefined : `${operator}:${near}`;
}

/** The term with the meaning of `word`, such as `category:social` for `social`; undefined for most words. */
export function termOf(word: string): string | undefined {
  const known = [['in', IN_VALUES] as const, ...CLOSED].find(([, members]) => members.includes(word));
  return known === undefined ? FOREIGN_WORDS.get(word) : `${known[0]}:${word}`;
}

/** Operator → its opposite. `older` and `newer` take dates. */
const OPPOSITES: ReadonlyMap<string, string> = new Map([
  ...[['older_than', 'newer_than'] as const, ['newer_than', 'older_than'] as const],
  ...[['after', 'before'] as const, ['before', 'after'] as const],
  ...[['newer', 'older'] as const, ['older', 'newer'] as const],
  ...[['larger', 'smaller'] as const, ['smaller', 'larger'] as const, ['size', 'smaller'] as const],
]);
/** Operators that already mean "greater than". */
const GREATER: ReadonlySet<string> = new Set(['older_than', 'after', 'newer', 'larger', 'size']);

/** A value without the signs before it, and the operator that these signs mean; undefined when that is uncertain. */
function readSigns(operator: string, value: string): { readonly plain: string; readonly meant: string | undefined } {
  const [, signs = '', plain = ''] = /^([-+<>=~!]*)(.*)$/s.exec(value.normalize('NFKC')) ?? [];
  if (/<.*>|>.*<|[!~]/.test(signs)) return { plain, meant: undefined };
  const isCompared = /[<>]/.test(signs);
  return {
    plain,
    meant: isCompared && signs.includes('>') !== GREATER.has(operator) ? OPPOSITES.get(operator) : operator,
  };
}

const UNITS: readonly (readonly [pattern: RegExp, name: string, days: number])[] = [
  [/^w(k|ks|eeks?)?$/i, 'weeks', 7],
  [/^(h|hrs?|hours?)$/i, 'hours', 1 / 24],
  [/^(min|mins|minutes?)$/i, 'minutes', 1 / 1_440],
  [/^(s|secs?|seconds?)$/i, 'seconds', 1 / 86_400],
  [/^(q|quarters?)$/i, 'quarters', 91],
];

/** Excludes 0 and ages of more than 5 digits, which match all messages or none. */
const AGE = /^0{0,4}[1-9]\d{0,4}[dmy]$/i;

function ageAdvice(operator: string, value: string, following: string): Advice | null {
  if (AGE.test(value)) return null;
  const written = `"${operator}:${value}"${nameForeign(value)}`;
  const { plain, meant } = readSigns(operator, value);
  const advise = (problem: string, age: string): Advice =>
    meant !== undefined && AGE.test(age)
      ? { problem, write: `${meant}:${age}` }
      : { problem: `${problem}: write for example ${operator}:14d` };
  if (/^\d+[dmy]$/i.test(plain)) return advise(`${written} is no age`, plain);
  const date = dateIn(plain);
  if (date !== undefined) {
    const kind = meant === 'older_than' ? 'older' : 'newer';
    const write = plain === value ? `${kind}:${date}` : undefined;
    return { problem: `${written} has a date in place of an age`, write };
  }
  const [, number, unit] = /^(\d+(?:[.,]\d+)?)[\s_-]*([a-z]*)$/i.exec(plain) ?? [];
  if (number === undefined || unit === undefined) {
    const examples = `${operator}:14d, ${operator}:6m, ${operator}:1y`;
    return { problem: `${written} is no age: Gmail knows days, months and years, such as ${examples}` };
  }
  const amount = Number(number.replace(',', '.'));
  const word = unit || (/^[a-z]+$/i.test(following) ? following : '');
  const days = (perUnit: number) => `${Math.ceil(amount * perUnit)}d`;
  for (const [pattern, name, perUnit] of UNITS) {
    if (pattern.test(word)) return advise(`${written}: ${name} are unknown to Gmail`, days(perUnit));
  }
  if (/^(d|days?)$/i.test(word)) return advise(`${written} is no age`, days(1));
  if (/^(m|mos?|mths?|months?)$/i.test(word)) {
    return advise(`${written} is no age`, Number.isInteger(amount) ? `${amount}m` : days(30.5));
  }
  if (/^(y|yrs?|years?)$/i.test(word)) {
    return advise(`${written} is no age`, Number.isInteger(amount) ? `${amount}y` : `${Math.ceil(amount * 12)}m`);
  }
  const problem =
    unit === ''
      ? `${written} has no unit`
      : `${written}: the unit "${unit}" is unknown to Gmail, which knows d, m and y`;
  return advise(problem, days(1));
}

function dateAdvice(operator: string, value: string, following: string): Advice | null {
  const written = `"${operator}:${value}"${nameForeign(value)}`;
  if (/^\d{9,10}$/.test(value)) return null;
  const parts =
    /^(?<y>\d{4})\/(?<m>\d{1,2})\/(?<d>\d{1,2})$/.exec(value) ??
    /^(?<y>\d{4})-(?<m>\d{1,2})-(?<d>\d{1,2})$/.exec(value) ??
    /^(?<m>\d{1,2})\/(?<d>\d{1,2})\/(?<y>\d{4})$/.exec(value);
  if (calendarDay(parts?.groups?.y, parts?.groups?.m, parts?.groups?.d) !== undefined) {
    if (!/^\d{1,2}:\d{2}/.test(following)) return null;
    const seconds = `Gmail takes a time of day only as seconds since 1970, such as ${operator}:1767225600`;
    return { problem: `${written} is followed by a time: ${seconds}` };
  }
  const { plain, meant } = readSigns(operator, value);
  const isSigned = plain !== value;
  const isMinus = /^-/.test(value);
  if (/^\d{13}$/.test(plain)) {
    const write = isSigned ? undefined : `${operator}:${plain.slice(0, 10)}`;
    return { problem: `${written} is in milliseconds: Gmail takes seconds`, write };
  }
  const day = dateIn(plain);
  if (day !== undefined) {
    const write = meant === undefined || isMinus ? undefined : `${meant}:${day}`;
    return { problem: `${written} is no date in a form that Gmail takes`, write };
  }
  const ages = operator === 'after' || operator === 'newer' ? 'newer_than' : 'older_than';
  if (/^\d+[a-z]+$/i.test(plain)) {
    const age = ageAdvice(ages, plain, following);
    const isSure = plain === value || /^-\d/.test(value);
    return {
      problem: `${written} has an age in place of a date`,
      write: isSure ? (age === null ? `${ages}:${plain}` : age.write) : undefined,
    };
  }
  if (parts !== null)
    return { problem: `${written} is no day of the calendar: write for example ${operator}:2026/01/31` };
  return { problem: `${written} is no date: write for example ${operator}:2026/01/31, or an age such as ${ages}:7d` };
}

/** `2026/01/31` for a date in any unambiguous form; undefined for other texts. */
function dateIn(text: string): string | undefined {
  const [, year, month, day] =
    /^(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?:$|T|\s)/i.exec(text) ?? /^(\d{4})(\d{2})(\d{2})$/.exec(text) ?? [];
  if (year !== undefined) return calendarDay(year, month, day);
  const [, first, sign, second, end] = /^(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4})$/.exec(text) ?? [];
  if (end === undefined) return undefined;
  const [monthFirst, dayFirst] = [calendarDay(end, first, second), calendarDay(end, second, first)];
  // With slashes Gmail reads the month first; with dots everybody writes the day first; hyphens decide nothing.
  if (sign === '/') return monthFirst ?? dayFirst;
  if (sign === '.') return dayFirst ?? monthFirst;
  return monthFirst !== undefined && dayFirst !== undefined && monthFirst !== dayFirst
    ? undefined
    : (monthFirst ?? dayFirst);
}

function calendarDay(year = '', month = '', day = ''): string | undefined {
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  const [y, m, d] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const isReal = y === Number(year) && m === Number(month) && d === Number(day);
  return isReal ? `${year}/${month.padStart(2, '0')}/${day.padStart(2, '0')}` : undefined;
}

const SIZE_UNIT = /^(bytes?|b|[kmgt]|[kmgt]i?b|kilobytes?|megabytes?|gigabytes?)$/i;
/** 2 TiB: no message is as large. */
const ABSURD_BYTES = 2 ** 41;

function isSize(text: string): boolean {
  const [, number, unit = ''] = /^(\d{1,13})([km]?)$/i.exec(text) ?? [];
  const bytes = Number(number ?? 0) * 1024 ** 'bkm'.indexOf(unit.toLowerCase() || 'b');
  return bytes > 0 && bytes < ABSURD_BYTES;
}

function sizeAdvice(operator: string, value: string, following: string): Advice | null {
  const splitUnit = SIZE_UNIT.test(following) && /^\d+$/.test(value);
  if (isSize(value) && !splitUnit) return null;
  const written = `"${operator}:${value}"${nameForeign(value)}`;
  const { plain, meant } = readSigns(operator, value);
  const [, number, own = ''] =
    /^(\d+(?:[.,]\d+)?)[\s_-]*([a-z]*)$/i.exec(plain.replace(/(?<=\d)[_,'](?=\d{3}(?!\d))/g, '')) ?? [];
  const unit = (splitUnit ? following : own).toLowerCase();
  if (number === undefined || !(unit === '' || SIZE_UNIT.test(unit))) {
    return { problem: `${written} is no size: write bytes, or for example ${operator}:500K, ${operator}:5M` };
  }
  const size = sizeOf(Number(number.replace(',', '.')), unit);
  const isSure = meant !== undefined && !value.startsWith('-') && isSize(size);
  const problem = splitUnit
    ? `${written} is followed by its unit, which Gmail would search for`
    : `${written} is no size`;
  return isSure ? { problem, write: `${meant}:${size}` } : { problem: `${problem}: write for example ${operator}:5M` };
}

/** A size as Gmail takes it: in M, in K when it is no whole number of M, or in bytes. */
function sizeOf(amount: number, unit: string): string {
  const power = 'bkmgt'.indexOf(unit[0] ?? 'b');
  if (power === 0) return String(Math.round(amount));
  const inM = amount * 1024 ** (power - 2);
  return Number.isInteger(inM) ? `${inM}M` : `${Math.round(inM * 1024)}K`;
}

/** Does not require an @, because some programs write Message-IDs without one. */
function messageIdAdvice(_operator: string, value: string): Advice | null {
  const isGmailsOwn = /^[0-9a-f]{16}$/i.test(value);
  if (!isGmailsOwn && /^<?[^\s<>]+>?$/.test(value)) return null;
  const own = isGmailsOwn ? ' but the id that Gmail gives a message' : '';
  const example = 'rfc822msgid:<200503292@example.com>';
  return { problem: `"rfc822msgid:${value}" is no Message-ID${own}: write the header's value, such as ${example}` };
}
