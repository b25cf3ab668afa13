/**
 * Makes a server's error text safe to show. A server may answer with any text, even with the request itself, so only words
 * of a known form are shown: no token, key, address or URL's query.
 */
import { beginsLikeCredential } from './credential-like.ts';

const MAX_LENGTH = 240;
const LEFT_OUT = '…';

/** Forms of words that may be shown, without the punctuation around them. */
const FORMS = [
  // Words, also with an apostrophe or hyphens, and names such as GetSecretValue or userRateLimitExceeded.
  /^(?=.{1,40}$)[A-Z]{0,4}[a-z]{0,20}(?:[A-Z][a-z]{2,20})*$/,
  /^[A-Za-z]?[a-z]{1,20}(?:['’-][a-z]{1,20}){1,3}$/,
  // Constants, and words of OAuth: RATE_LIMIT_EXCEEDED, invalid_grant.
  /^(?=.{1,40}$)(?:[A-Z]{1,16}(?:_[A-Z]{1,16})*|[a-z]{1,16}(?:_[a-z]{1,16})+)$/,
  // Numbers, amounts, dates and times.
  /^[+-]?\d{1,12}(?:[.,:]\d{1,4})*(?:%|[a-z]{1,2}|[kMG]i?B)?$/,
  /^\d{4}-?\d{2}-?\d{2}(?:T\d{2}:?\d{2}:?\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:?\d{2}))?$/,
  // Actions and services: secretsmanager:GetSecretValue, gmail.googleapis.com.
  /^[a-z]{1,20}:[A-Z][A-Za-z]{1,40}$/,
  /^(?=.{1,60}$)[a-z]{1,20}(?:\.[a-z]{1,20}){1,4}$/,
  /^[-–—&+=]$/,
];

/** The presentable words of `text` in one line, with `…` for others; `''` for HTML, and when most words are left out. */
export function serverWords(text: unknown): string {
  if (typeof text !== 'string' || /^\s*</.test(text)) return '';
  // A server may echo a request of any size.
  const words = text
    .slice(0, 4 * MAX_LENGTH)
    .trim()
    .split(/\s+/);
  const shown = words.map((word) => (isPresentable(word) ? word : LEFT_OUT));
  if (shown.filter((word) => word === LEFT_OUT).length * 2 > shown.length || !/[a-z]{2}/i.test(shown.join())) return '';
  const line = shown.filter((word, at) => word !== LEFT_OUT || shown[at - 1] !== LEFT_OUT).join(' ');
  return line.length <= MAX_LENGTH ? line : `${line.slice(0, MAX_LENGTH).replace(/\s\S*$/, '')} ${LEFT_OUT}`;
}

/** A server's error code, such as `invalid_grant`; undefined for text without the form of a code. */
export function serverCode(text: unknown): string | undefined {
  return typeof text === 'string' && /^[A-Za-z_.]{1,64}$/.test(text) ? text : undefined;
}

function isPresentable(word: string): boolean {
  const bare = word.replace(/^["'`([“‘]+|["'`)\]”’.,;:!?]+$/g, '');
  return /^[ -~’“”‘–—]+$/.test(word) && !beginsLikeCredential(bare) && FORMS.some((form) => form.test(bare));
}
