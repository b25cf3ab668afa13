/** Mail addresses: what one looks like, and when two of them name the same mailbox. */

/** A local part and a domain with a dot. Quotes, brackets and list marks come from pasting, and are none of an address. */
export const MAIL_ADDRESS = /(?!['’])[^\s@<>()[\]{},;:="`“”\\\p{C}]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/u;

const WHOLE = new RegExp(`^${MAIL_ADDRESS.source}$`, 'u');

export function isMailAddress(text: string): boolean {
  return WHOLE.test(text);
}

/**
 * Whether two addresses name the same mailbox: capitals do not matter, and at gmail.com neither do dots before the @, nor
 * googlemail.com in its place (support.google.com/mail/answer/7436150 and 10313). Elsewhere dots matter.
 */
export function isSameMailbox(one: string, other: string): boolean {
  return canonical(one) === canonical(other);
}

function canonical(address: string): string {
  const lower = address.trim().toLowerCase();
  const at = lower.lastIndexOf('@');
  if (!['gmail.com', 'googlemail.com'].includes(lower.slice(at + 1))) return lower;
  return `${lower.slice(0, at).replaceAll('.', '')}@gmail.com`;
}
