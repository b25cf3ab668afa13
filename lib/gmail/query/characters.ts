/**
 * Finds characters that look like a part of Gmail's search language and are not: word processors, phones and web pages put
 * them in place of quotes, minus signs and spaces. Gmail accepts them, and finds something else.
 */

export interface OddCharacter {
  /** Its index in the search. */
  readonly at: number;
  /** The character with its code point, and what to do about it. */
  readonly problem: string;
  /** Whether it may be a part of text without quotes. */
  readonly inText: boolean;
}

const QUOTES = /[“”„‟«»‹›〝〞〟＂「」『』″❝❞˝]/u;
/** Within a word some of them are an apostrophe or a letter. */
const SINGLE_QUOTES = /[‘’‚‛′＇´ʹʺ❛❜]/u;
/** After a number they are minutes, seconds, feet or inches. */
const PRIMES = /[′″]/u;
const DASHES = /[‐‑‒–—―−﹘﹣－˗⁃⁻₋➖]/u;
/** Inside a word of text, full-width brackets and colons are punctuation. */
const BRACKETS = /[（）｛｝［］]/u;
const COLONS = /[：﹕∶꞉︰ː⁚։׃]/u;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;

const NAMES: Readonly<Record<string, string>> = {
  '\u00a0': 'a no-break space',
  '\u00ad': 'a soft hyphen',
  '\u200b': 'a zero-width space',
  '\u200c': 'a zero-width non-joiner',
  '\u200d': 'a zero-width joiner',
  '\u200e': 'a left-to-right mark',
  '\u200f': 'a right-to-left mark',
  '\u2028': 'a line separator',
  '\u2029': 'a paragraph separator',
  '\u202f': 'a narrow no-break space',
  '\u2060': 'a word joiner',
  '\u3000': 'an ideographic space',
  '\ufeff': 'a byte order mark',
  '‐': 'a hyphen that is no minus',
  '‑': 'a no-break hyphen',
  '–': 'an en dash',
  '—': 'an em dash',
  '−': 'a mathematical minus',
  '－': 'a full-width minus',
  '：': 'a full-width colon',
};

/** The first character outside ASCII quotes that Gmail understands differently from a person; undefined for none. */
export function findOddCharacter(query: string): OddCharacter | undefined {
  // A closing single quote after a word is an apostrophe when there is no opening one.
  const isApostrophe = !/(?<![\p{L}\p{N}])[‘‚‛]/u.test(query);
  let inQuotes = false;
  let before = '';
  let at = 0;
  for (const character of query) {
    if (character === '"') inQuotes = !inQuotes;
    else if (!inQuotes && !(character === '’' && isApostrophe && endsIn(LETTER_OR_DIGIT, before))) {
      const problem = problemOf(character, before, query.slice(at + character.length));
      const inText = DASHES.test(character) || BRACKETS.test(character);
      if (problem !== undefined) return { at, problem, inText };
    }
    before = (before + character).slice(-MOST_BEFORE);
    at += character.length;
  }
  return undefined;
}

/** The longest text before a character that problemOf reads: the longest operator with a minus. */
const MOST_BEFORE = 16;

function problemOf(character: string, before: string, after: string): string | undefined {
  if (character <= '~' && character >= ' ') return undefined;
  const named = nameCharacter(character);
  const startsTerm = /(?:^|[\s(){}:-])$/.test(before);
  if (PRIMES.test(character) && endsIn(/\p{N}/u, before)) return undefined;
  if (QUOTES.test(character)) return `${named} is no quotation mark: write "`;
  if (SINGLE_QUOTES.test(character)) {
    const inWord = endsIn(LETTER_OR_DIGIT, before) && startsWith(LETTER_OR_DIGIT, after);
    return inWord ? undefined : `${named} is no quotation mark: write "`;
  }
  if (DASHES.test(character)) {
    return startsTerm ? `${named} is no minus sign to Gmail: write -` : undefined;
  }
  if (COLONS.test(character)) {
    return /(?:^|[\s(){}-])[a-z_0-9]+$/i.test(before) ? `${named} is no colon to Gmail: write :` : undefined;
  }
  if (BRACKETS.test(character)) {
    return startsTerm ? `${named} is no bracket to Gmail: write ( or )` : undefined;
  }
  if (/[\t\n\r]/.test(character)) return undefined;
  if (/\p{Z}/u.test(character)) return `${named} is no space to Gmail: write a plain space`;
  if (/[\p{Cf}\p{Cc}]/u.test(character)) {
    return isJoiner(character, before)
      ? undefined
      : `${named} cannot be seen, and Gmail takes it for a part of a word: remove it`;
  }
  return undefined;
}

/** Persian, Indian languages and many emoji are spelled with joiners. */
function isJoiner(character: string, before: string): boolean {
  return /\u200c|\u200d|[\u{e0020}-\u{e007f}]/u.test(character) && /[^\0-\x7f]$/u.test(before);
}

function endsIn(pattern: RegExp, text: string): boolean {
  return pattern.test([...text].at(-1) ?? '');
}

function startsWith(pattern: RegExp, text: string): boolean {
  return pattern.test(String.fromCodePoint(text.codePointAt(0) ?? 0));
}

/** `“ (U+201C)`, or for an invisible character `U+00A0 (a no-break space)`. */
function nameCharacter(character: string): string {
  const code = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  const name = NAMES[character];
  if (/[\p{Z}\p{C}]/u.test(character)) return name === undefined ? code : `${code} (${name})`;
  return name === undefined ? `${character} (${code})` : `${character} (${code}, ${name})`;
}

/** ` (its а is U+0430)` for a word with a character that may look like an ASCII one; '' for other words. */
export function nameForeign(word: string): string {
  const foreign = [...word].find((character) => character > '~');
  return foreign === undefined
    ? ''
    : ` (its ${foreign} is U+${(foreign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')})`;
}
