/** Whose mailbox a broken value of the secret is for, when it says so without doubt. */
import { isSameMailbox, MAIL_ADDRESS } from '../mail-address.ts';

const QUOTE = `\\\\?["'“”‘’\`]`;
const NAMES = '(?:email|subject)';
/** The key in quotes, or at the beginning of a line or of a pair: not the end of another one, such as client_email. */
const KEY = `(?:${QUOTE}${NAMES}${QUOTE}|(?:^|[\\n\\r{,;&?])[ \\t]*(?:-[ \\t]+)?${NAMES})`;
const VALUE = `(?:\\s*[:=]\\s*|\\t+)(?:${QUOTE})?\\s*(${MAIL_ADDRESS.source})(?!\\.?[\\p{L}\\p{N}-])`;
/** The beginning of another address behind it. */
const ANOTHER = `([\\s,;|/]+[^\\s@:="'{}]+@)?`;
const PAIR = new RegExp(KEY + VALUE + ANOTHER, 'giu');

/** The one address behind keys `email` and `subject`; undefined when there is none, or more than one. */
export function namedMailbox(text: string): string | undefined {
  const pairs = [...text.matchAll(PAIR)];
  const [first, ...others] = pairs.map(([, address = '']) => address);
  if (first === undefined || pairs.some(([, , another]) => another !== undefined)) return undefined;
  return others.every((other) => isSameMailbox(first, other)) ? first : undefined;
}
