/** Gmail's search operators, and words that were meant as operators: without a colon Gmail searches for the word. */
import { IN_VALUES, restrictsValues, valueProblem } from './values.ts';

/** Source: support.google.com/mail/answer/7190. */
export const OPERATORS: readonly string[] = [
  ...['from', 'to', 'cc', 'bcc', 'deliveredto', 'subject', 'list', 'rfc822msgid', 'filename', 'label', 'in', 'is'],
  ...['has', 'category', 'older', 'newer', 'older_than', 'newer_than', 'after', 'before', 'larger', 'smaller', 'size'],
];

const NAMES = OPERATORS.toSorted((a, b) => b.length - a.length).join('|');

/**
 * An operator where Gmail takes it for a part of a word: `!is:starred`, `from:a+is:starred`. The end of a domain before a
 * port is no operator, as in http://example.in:8080.
 */
const HIDDEN = new RegExp(`[^\\p{L}\\p{N}_"](?:${NAMES}):(?<!\\.(?:in|is|to|cc):(?=\\d))`, 'iu');

/** An operator inside a word, with the character before it; undefined for none. */
export function hiddenOperator(word: string): string | undefined {
  return HIDDEN.exec(word)?.[0];
}

const TERM = new RegExp(`^[({-]*(?:${NAMES}):\\S`, 'iu');

/** Whether a word is a term with an operator, such as `older_than:3d`. */
export function isTerm(word: string): boolean {
  return TERM.test(word);
}

/** These names are always meant as operators. */
const UNDERSCORED = /^(older|newer)_than(.*)$/iu;
/** People write these for the same operators; "older than" may also be text. */
const NEARLY_UNDERSCORED = /^(older|newer)[-_]?than\W*(\d.*)?$/iu;
const NAME_AND_SIGN = new RegExp(`^(${NAMES})([^\\p{L}\\p{N}\\s]+)(.+)$`, 'iu');
/** Characters that also join words of text, as in `to/from`, `in-house`, `in_box` and `list@example.com`. */
const IN_TEXT = /^(?:[-_/.,+&|'’@~!?*%#$^\\…\p{Pd}\p{Extended_Pictographic}]|\ufe0f|\u200d)+$/u;
const NEVER_A_COLON = /^['’@]/u;
const ADDRESS = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/**
 * The problem of a plain word, or a part of one, that was meant as an operator; undefined for a word of text. `following`
 * is the next plain word, or ''.
 */
export function missingColon(word: string, following: string, negated: boolean): string | undefined {
  const refuse = (operator: string, value: string) => refusal(word, operator, value, negated ? '-' : '');
  const [, kind, glued = ''] = UNDERSCORED.exec(word) ?? NEARLY_UNDERSCORED.exec(word) ?? [];
  if (kind !== undefined) {
    const age = glued.replace(/^[^\p{L}\p{N}]+/u, '') || following;
    const isAge = /^\d/.test(age);
    if (isAge || UNDERSCORED.test(word)) return refuse(`${kind.toLowerCase()}_than`, isAge ? age : '');
  }
  const [, name = '', sign = '', value = ''] = NAME_AND_SIGN.exec(word) ?? [];
  const operator = name.toLowerCase();
  if (name !== '' && !NEVER_A_COLON.test(sign) && (!IN_TEXT.test(sign) || isMeant(operator, value, sign))) {
    return refuse(operator, value);
  }
  if (!OPERATORS.includes(word.toLowerCase()) || following === '') return undefined;
  const isMistake = isMeant(word.toLowerCase(), following, '') || (negated && !restrictsValues(word.toLowerCase()));
  return isMistake ? refuse(word.toLowerCase(), following) : undefined;
}

/** Whether `value` is a value of the operator, and unlikely to be text. */
function isMeant(operator: string, value: string, sign: string): boolean {
  if (operator === 'in') return IN_VALUES.includes(value.toLowerCase());
  // A small number may be anything: "size 42".
  if (/^\d{1,4}$/.test(value)) return false;
  if (restrictsValues(operator)) return valueProblem(operator, value, '') === null;
  return sign === ',' && ADDRESS.test(value);
}

function refusal(word: string, operator: string, value: string, minus: string): string {
  const taken = `Gmail takes "${word}" for a word`;
  if (value === '') return `${taken}: write for example ${minus}${operator}:14d`;
  const problem = valueProblem(operator, value, '', minus);
  return problem === null ? `${taken}: write ${minus}${operator}:${value}` : `${taken}, and ${problem}`;
}

/** The decoded search when it was copied from the address bar of a browser; undefined for other searches. */
export function decodeQuery(query: string): string | undefined {
  if (!/%(?:3a|40|20|22|28|7b|2f)/i.test(query.replace(/"[^"]*"/g, ''))) return undefined;
  try {
    const decoded = decodeURIComponent(query.replaceAll('+', ' ')).replace(/^.*#[a-z]+\//i, '');
    const isMeant = query.includes('%40') || countOperators(decoded) > countOperators(query);
    return isMeant ? decoded : undefined;
  } catch {
    return undefined;
  }
}

function countOperators(query: string): number {
  return query.match(new RegExp(`(?<![^\\s(){}-])(?:${NAMES}):`, 'giu'))?.length ?? 0;
}
