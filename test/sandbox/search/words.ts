// Turns text into the words by which a search compares it: lower case, without diacritics, separated by single spaces.

const BEYOND_ASCII = /[^\p{ASCII}]+/gu;
const NOT_A_WORD_IN_ASCII = /[\0-/:-`{-\x7f]+/g;
const NOT_A_WORD = /[^\p{L}\p{N}\p{M}]+/gu;
const DIACRITICS = /[\u0300-\u036f]+/g;
/** Scripts that are written without spaces: each character counts as a word, so any part of a text is a phrase. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]\p{M}*/gu;

/** Letters that Unicode does not decompose into a letter and a mark. */
const FOLDED = new Map([
  ['ł', 'l'],
  ['ø', 'o'],
  ['đ', 'd'],
  ['ß', 'ss'],
  ['æ', 'ae'],
  ['œ', 'oe'],
  ['ı', 'i'],
  ['þ', 'th'],
]);
const FOLDABLE = new RegExp(`[${[...FOLDED.keys()].join('')}]`, 'g');

/** Folding is slow, and texts repeat the same letters, so results are cached, up to a limit. */
const foldedRuns = new Map<string, string>();
const KEPT_RUNS = 20_000;

/**
 * Returns the words of a text with a space before, between and after them, or a single space when it has none: a phrase
 * is found by `wordsOf(text).includes(wordsOf(phrase))`.
 */
export function wordsOf(text: string): string {
  return ` ${text} `.toLowerCase().replace(BEYOND_ASCII, foldRun).replace(NOT_A_WORD_IN_ASCII, ' ');
}

function foldRun(run: string): string {
  const known = foldedRuns.get(run);
  if (known !== undefined) return known;
  const folded = run
    .normalize('NFKD')
    .replace(DIACRITICS, '')
    .replace(FOLDABLE, (letter) => FOLDED.get(letter) ?? letter)
    .replace(UNSPACED, ' $& ')
    .replace(NOT_A_WORD, ' ')
    .toLowerCase();
  if (foldedRuns.size >= KEPT_RUNS) foldedRuns.clear();
  foldedRuns.set(run, folded);
  return folded;
}
