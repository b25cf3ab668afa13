/**
 * The values of search operators that require a certain form or one of a fixed set. Gmail refuses no value: it searches for
 * an unknown value as a word, or matches nothing, and with a minus before the term everything.
 * Sources: support.google.com/mail/answer/7190; that weeks find nothing was seen with the live service
 * (github.com/amd/gaia/pull/2981).
 */
import { nearest } from '../../nearest.ts';
import { nameForeign } from './characters.ts';

/** Values of `in:` that are no labels; a label's name may stand there too. */
export const PLACES: readonly string[] = [
  ...['inbox', 'sent', 'draft', 'drafts', 'chat', 'chats', 'trash', 'spam'],
  ...['anywhere', 'archive', 'snoozed', 'scheduled', 'muted'],
];

/** The allowed values of these operators. */
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

/** Words that other programs use → the Gmail search with that meaning. */
const MEANT: ReadonlyMap<string, string> = new Map([
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

type Check = (operator: string, value: string, following: string) => string | null;

/** The operators whose values have a form or are a closed set. */
const CHECKS: ReadonlyMap<string, Check> = new Map([
  ...['older_than', 'newer_than'].map((operator): [string, Check] => [operator, ageProblem]),
  ...['after', 'before', 'older', 'newer'].map((operator): [string, Check] => [operator, dateProblem]),
  ...['larger', 'smaller', 'size'].map((operator): [string, Check] => [operator, sizeProblem]),
  ...['is', 'has', 'category'].map((operator): [string, Check] => [operator, memberProblem]),
  ['rfc822msgid', messageIdProblem],
]);

/** Whether the operator takes some values only. */
export function isChecked(operator: string): boolean {
  return CHECKS.has(operator);
}

/**
 * The problem of `value` as a value of `operator`, with the nearest correct spelling; null when the value is correct.
 * `following` is the plain word after the term, or ''.
 */
export function valueProblem(operator: string, value: string, following: string): string | null {
  if (operator === 'in' && value.startsWith('^')) {
    return `"in:${value}" is no place of Gmail, which takes its internal labels behind label: write label:${value}`;
  }
  return CHECKS.get(operator)?.(operator, value, following) ?? null;
}

function memberProblem(operator: string, value: string): string | null {
  const members = CLOSED.get(operator) ?? [];
  if (members.includes(value.toLowerCase())) return null;
  const written = `"${operator}:${value}" is unknown to Gmail${nameForeign(value)}`;
  const minus = /^-+(.+)$/.exec(value)?.[1];
  if (minus !== undefined && memberProblem(operator, minus) === null) return `${written}: write -${operator}:${minus}`;
  const meant = meantMember(operator, members, value);
  return `${written}: ${meant === undefined ? `${operator}: takes ${members.join(', ')}` : `write ${meant}`}`;
}

function meantMember(operator: string, members: readonly string[], value: string): string | undefined {
  const word = value
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_]+/g, '-')
    .replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
  if (members.includes(word)) return `${operator}:${word}`;
  const near = nearest(word, members);
  return termOf(word) ?? (near === undefined ? undefined : `${operator}:${near}`);
}

/** The term that says `word` in Gmail's language, such as `category:social` for `social`; undefined for most words. */
export function termOf(word: string): string | undefined {
  const known = [['in', PLACES] as const, ...CLOSED].find(([, members]) => members.includes(word));
  return known === undefined ? MEANT.get(word) : `${known[0]}:${word}`;
}

const UNITS: readonly (readonly [pattern: RegExp, name: string, days: number])[] = [
  [/^w(k|ks|eeks?)?$/i, 'weeks', 7],
  [/^(h|hrs?|hours?)$/i, 'hours', 1 / 24],
  [/^(min|mins|minutes?)$/i, 'minutes', 1 / 1_440],
  [/^(s|secs?|seconds?)$/i, 'seconds', 1 / 86_400],
  [/^(q|quarters?)$/i, 'quarters', 91],
];

/** The problem of a value, and the term to write instead. */
interface Advice {
  readonly problem: string;
  readonly write?: string;
}

function ageProblem(operator: string, value: string, following: string): string | null {
  const advice = ageAdvice(operator, value, following);
  if (advice?.write === undefined) return advice?.problem ?? null;
  return `${advice.problem}: write ${advice.write}`;
}

function ageAdvice(operator: string, value: string, following: string): Advice | null {
  if (/^\d+[dmy]$/i.test(value)) return null;
  const written = `"${operator}:${value}"${nameForeign(value)}`;
  const advise = (problem: string, age: string): Advice => ({ problem, write: `${operator}:${age}` });
  const plain = value.normalize('NFKC').replace(/^[-+<>=~]+/, '');
  if (/^\d+[dmy]$/i.test(plain)) return advise(`${written} is no age`, plain);
  if (dateIn(plain) !== undefined) {
    const kind = operator === 'older_than' ? 'older' : 'newer';
    return { problem: `${written} has a date in place of an age`, write: `${kind}:${dateIn(plain)}` };
  }
  const [, number, unit] = /^(\d+(?:[.,]\d+)?)[\s_-]*([a-z]*)$/i.exec(plain) ?? [];
  if (number === undefined || unit === undefined) {
    const examples = `${operator}:14d, ${operator}:6m, ${operator}:1y`;
    return { problem: `${written} is no age: Gmail knows days, months and years, such as ${examples}` };
  }
  const amount = Number(number.replace(',', '.'));
  const word = unit || (/^[a-z]+$/i.test(following) ? following : '');
  const days = (perUnit: number) => `${Math.max(1, Math.ceil(amount * perUnit))}d`;
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

function dateProblem(operator: string, value: string, following: string): string | null {
  const written = `"${operator}:${value}"${nameForeign(value)}`;
  if (/^\d{9,10}$/.test(value)) return null;
  const parts =
    /^(?<y>\d{4})\/(?<m>\d{1,2})\/(?<d>\d{1,2})$/.exec(value) ??
    /^(?<y>\d{4})-(?<m>\d{1,2})-(?<d>\d{1,2})$/.exec(value) ??
    /^(?<m>\d{1,2})\/(?<d>\d{1,2})\/(?<y>\d{4})$/.exec(value);
  if (calendarDay(parts?.groups?.y, parts?.groups?.m, parts?.groups?.d) !== undefined) {
    if (!/^\d{1,2}:\d{2}/.test(following)) return null;
    return `${written} is followed by a time, for which Gmail has only seconds since 1970: write such as ${operator}:1767225600`;
  }
  const plain = value.normalize('NFKC').replace(/^[-+<>=~]+/, '');
  if (/^\d{13}$/.test(plain)) {
    return `${written} is in milliseconds: Gmail takes seconds: write ${operator}:${plain.slice(0, 10)}`;
  }
  const meant = dateIn(plain);
  if (meant !== undefined) return `${written} is no date in a form that Gmail takes: write ${operator}:${meant}`;
  const ages = operator === 'after' || operator === 'newer' ? 'newer_than' : 'older_than';
  if (/^\d+[a-z]+$/i.test(plain)) {
    const advice = ageAdvice(ages, plain, following);
    const age = advice === null ? `${ages}:${plain}` : (advice.write ?? `${ages}:14d`);
    return `${written} has an age in place of a date: write ${age}`;
  }
  if (parts !== null) return `${written} is no day of the calendar: write such as ${operator}:2026/01/31`;
  return `${written} is no date: write such as ${operator}:2026/01/31, or an age such as ${ages}:7d`;
}

/** `2026/01/31` for a date in any form that means a single day; undefined for what means none. */
function dateIn(text: string): string | undefined {
  const [, year, month, day] =
    /^(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?:$|T|\s)/i.exec(text) ?? /^(\d{4})(\d{2})(\d{2})$/.exec(text) ?? [];
  if (year !== undefined) return calendarDay(year, month, day);
  const [, first, second, end] = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})$/.exec(text) ?? [];
  if (end === undefined) return undefined;
  // Gmail puts the month first; what cannot be a month is the day.
  return calendarDay(end, first, second) ?? calendarDay(end, second, first);
}

function calendarDay(year = '', month = '', day = ''): string | undefined {
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  const [y, m, d] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const isReal = y === Number(year) && m === Number(month) && d === Number(day);
  return isReal ? `${year}/${month.padStart(2, '0')}/${day.padStart(2, '0')}` : undefined;
}

const SIZE_UNIT = /^(bytes?|b|[kmgt]|[kmgt]i?b|kilobytes?|megabytes?|gigabytes?)$/i;

function sizeProblem(operator: string, value: string, following: string): string | null {
  const splitUnit = SIZE_UNIT.test(following) && /^\d+$/.test(value);
  if (/^\d+[km]?$/i.test(value) && !splitUnit) return null;
  const written = `"${operator}:${value}"${nameForeign(value)}`;
  const plain = value
    .normalize('NFKC')
    .replace(/^[-+<>=~]+/, '')
    .replace(/(?<=\d)[_,'](?=\d{3}(?!\d))/g, '');
  const [, number, own = ''] = /^(\d+(?:[.,]\d+)?)[\s_-]*([a-z]*)$/i.exec(plain) ?? [];
  const unit = (splitUnit ? following : own).toLowerCase();
  if (number === undefined || !(unit === '' || SIZE_UNIT.test(unit))) {
    return `${written} is no size: write bytes, or such as ${operator}:500K, ${operator}:5M`;
  }
  const what = splitUnit ? `${written} is followed by its unit, which Gmail would search for` : `${written} is no size`;
  return `${what}: write ${operator}:${sizeOf(Number(number.replace(',', '.')), unit)}`;
}

/** A size as Gmail takes it: in M, or in K or bytes where it is no whole number of these. */
function sizeOf(amount: number, unit: string): string {
  const power = 'bkmgt'.indexOf(unit[0] ?? 'b');
  if (power === 0) return String(Math.round(amount));
  const inM = amount * 1024 ** (power - 2);
  return Number.isInteger(inM) ? `${inM}M` : `${Math.round(inM * 1024)}K`;
}

function messageIdProblem(_operator: string, value: string): string | null {
  if (/^<?[^\s<>@]+@[^\s<>]+>?$/.test(value)) return null;
  const written = `"rfc822msgid:${value}" is no Message-ID`;
  const own = /^[0-9a-f]{16}$/i.test(value) ? ' but the id that Gmail gives a message' : '';
  return `${written}${own}: write the header's value, such as rfc822msgid:<200503292@example.com>`;
}
