/**
 * Finds the mailbox's address in a refused value of the secret. A wrong address is worse than none, so an address counts
 * only where its meaning is beyond doubt.
 */
import { isObject } from '../base/json.ts';
import { isMailAddress, isSameMailbox, MAIL_ADDRESS } from '../base/mail-address.ts';
import { readPasted, unwrap } from './pasted.ts';
import { contentsOf, MAX_DEPTH } from './secrets-in-text.ts';
import { isFilled, isServiceAccount, looksLikeCredentials } from './shape.ts';

/** The mailbox's address in the value; undefined when there is none, or when it may be another address. */
export function namedMailbox(text: string): string | undefined {
  const pasted = readPasted(text);
  return 'value' in pasted ? namedInJson(pasted.value, text) : namedInBroken(unwrap(text));
}

/** The address that stands beside the credentials themselves. An address inside another key's value does not count. */
function namedInJson(value: unknown, text: string): string | undefined {
  if (!isObject(value)) return undefined;
  const { objects, depth } = contentsOf(value);
  const isService = isServiceAccount(value);
  const isContrary = isFilled(isService ? value.refresh_token : value.private_key);
  const isClientFile = isObject(value.installed) || isObject(value.web);
  const holdsOthers = objects.some(({ object }) => object !== value && looksLikeCredentials(object));
  if (depth > MAX_DEPTH || isContrary || isClientFile || holdsOthers) return undefined;
  // JSON.parse drops the first of two equal keys, so they are counted in the text.
  const [key, other] = isService ? (['subject', 'email'] as const) : (['email', 'subject'] as const);
  if (keysOf(text, key).length > 1) return undefined;
  const address = addressIn(value[key]);
  const second = addressIn(value[other]);
  return address === undefined || (second !== undefined && !isSameMailbox(address, second)) ? undefined : address;
}

function addressIn(value: unknown): string | undefined {
  const address = typeof value === 'string' ? unwrap(value) : '';
  return isMailAddress(address) ? address : undefined;
}

const QUOTE = `\\\\?["'“”‘’\`]`;
/** Every place of the key with its colon. */
function keysOf(text: string, key: string): RegExpExecArray[] {
  return [...text.matchAll(new RegExp(`${QUOTE}${key}${QUOTE}\\s*[:=]\\s*`, 'g'))];
}

const WHOLE_VALUE = new RegExp(
  `^(?:(?<open>${QUOTE})\\s*(?<quoted>${MAIL_ADDRESS.source})\\s*${QUOTE}\\s*(?=$|[,}\\n]|${QUOTE})|(?<bare>${MAIL_ADDRESS.source})\\s*(?=[,}\\n]))`,
  'u',
);
/** Marks of comments in JSON, YAML, SQL, INI and HTML, without the slashes of a URL and of a refresh token (`1//`). */
const LINE_COMMENT = /(?<!:|\b1)\/\/|\/\*|\*\/|#|<!--|--|;/;
const OPEN_COMMENT = /\/\*|<!--/;
/** A text in quotes without spaces, such as a token. In it, a comment's mark is part of the text. */
const WORD_IN_QUOTES = /"[^"\s]*"/g;
const SERVICE_ADDRESS = /@[\w.-]+\.gserviceaccount\.com\b/g;

/**
 * The address in broken JSON: only when the text has one address and one `email` or `subject`, together, in the outermost
 * braces, without a comment's mark on their line.
 */
function namedInBroken(text: string): string | undefined {
  const [first, ...more] = [...keysOf(text, 'email'), ...keysOf(text, 'subject')];
  if (first === undefined || more.length > 0 || !text.startsWith('{')) return undefined;
  if ((text.replace(SERVICE_ADDRESS, '').match(/[@＠]|%40|\\u0040/g) ?? []).length !== 1) return undefined;
  const before = text.slice(0, first.index);
  const after = text.slice(first.index + first[0].length);
  const isService = /service_account|private_key/.test(text);
  if (first[0].includes('subject') !== isService) return undefined;
  if (text.indexOf('{', 1) >= 0 || /[{}[\]]/.test(before.slice(1).replace(/\[[^[\]]*\]/g, ''))) return undefined;
  if (!beginsPair(before)) return undefined;
  const line = before.slice(before.lastIndexOf('\n') + 1) + (/^[^\n]*/.exec(after)?.[0] ?? '');
  if (LINE_COMMENT.test(line.replace(WORD_IN_QUOTES, ''))) return undefined;
  if (OPEN_COMMENT.test(before.replace(WORD_IN_QUOTES, ''))) return undefined;
  const { quoted, bare } = WHOLE_VALUE.exec(after)?.groups ?? {};
  return quoted ?? bare;
}

/** Whether a key may follow: after a brace, a comma, a line break or a whole value, and not inside a string. */
function beginsPair(before: string): boolean {
  if (before.replaceAll('\\"', '').split('"').length % 2 === 0) return false;
  const lead = before.trimEnd();
  const space = before.slice(lead.length);
  return /[{,]$/.test(lead) || space.includes('\n') || (space !== '' && /["'”’\]]$/.test(lead));
}
