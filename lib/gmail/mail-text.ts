/**
 * Text that a sender chose, such as names and subjects, made fit to be shown in one line: nothing in it can move,
 * hide or turn around what stands beside it. It is not escaped: that is the business of what it is put into.
 */
import { stripVTControlCharacters } from 'node:util';
import addressParser from 'nodemailer/lib/addressparser';

/** Longer texts fill a telephone's screen. */
const MAX_SUBJECT = 90;
const MAX_NAME = 40;
const MAX_ADDRESS = 254;

/** Control characters, lone surrogates excluded; line and paragraph separators are white space. */
const CONTROLS = /\p{Cc}+/gu;
/** Embeddings, overrides and isolates, which change the direction of what follows; zero-width space and its like. */
const INVISIBLE = /[\u202a-\u202e\u2066-\u2069\u200b\u2060-\u2064\u206a-\u206f\ufeff\u00ad\ufff9-\ufffb]/gu;
/** More accents on one letter than any language needs, which would run over the lines around it. */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu;

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Whom a message comes from. */
export interface Sender {
  /** The name; without one, the address. */
  readonly name: string;
  /** In lower case; '' when there is none. */
  readonly address: string;
}

/** A subject as one line; a message without one says so. */
export function subjectLine(subject: string): string {
  return tame(subject, MAX_SUBJECT) || '(no subject)';
}

/** The sender in a From header. */
export function parseSender(from: string): Sender {
  const [first] = addressParser(from, { flatten: true });
  const address = tame(first?.address ?? '', MAX_ADDRESS).toLowerCase();
  const name = tame(first?.name ?? '', MAX_NAME) || tame(address, MAX_NAME) || '(unknown sender)';
  return { name, address };
}

/** `text` in one line of at most `most` characters as people count them. */
function tame(text: string, most: number): string {
  const line = stripVTControlCharacters(text)
    .toWellFormed()
    .replace(CONTROLS, ' ')
    .replace(INVISIBLE, '')
    .replace(STACKED_MARKS, '$1')
    .replace(/\s+/gu, ' ')
    .trim();
  const characters: string[] = [];
  for (const { segment } of segmenter.segment(line)) {
    if (characters.length === most) return `${characters.slice(0, -1).join('').trimEnd()}…`;
    characters.push(segment);
  }
  return line;
}
