/**
 * Makes names and subjects that a sender chose safe to show in one line: no character can move, hide or reverse the text
 * beside them. Does not escape them for HTML; callers do.
 */
import { stripVTControlCharacters } from 'node:util';
import addressParser from 'nodemailer/lib/addressparser';

/** In characters; longer texts fill the screen of a phone. */
const MAX_SUBJECT = 90;
const MAX_NAME = 40;
const MAX_ADDRESS = 254;

const CONTROLS = /\p{Cc}+/gu;
/** Characters that change the direction of the text that follows, and characters without width. */
const INVISIBLE = /[\u202a-\u202e\u2066-\u2069\u200b\u2060-\u2064\u206a-\u206f\ufeff\u00ad\ufff9-\ufffb]/gu;
/** More marks on one letter than any language needs; they would cover the lines above and below. */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu;

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

export interface Sender {
  /** The address when the sender has no name. */
  readonly name: string;
  /** In lower case; '' for none. */
  readonly address: string;
}

/** A subject in one line, or `(no subject)`. */
export function subjectLine(subject: string): string {
  return sanitize(subject, MAX_SUBJECT) || '(no subject)';
}

/** The sender in a From header. */
export function parseSender(from: string): Sender {
  const [first] = addressParser(from, { flatten: true });
  const address = sanitize(first?.address ?? '', MAX_ADDRESS).toLowerCase();
  const name = sanitize(first?.name ?? '', MAX_NAME) || sanitize(address, MAX_NAME) || '(unknown sender)';
  return { name, address };
}

/** `text` in one line of at most `most` grapheme clusters. */
function sanitize(text: string, most: number): string {
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
