/** Checks the form of mail addresses, and whether two addresses name the same mailbox. */

/** A local part, and a domain with a dot. Excludes quotes, brackets and separators that pasting adds. */
export const MAIL_ADDRESS = /(?!['’])[^\s@<>()[\]{},;:="`“”\\\p{C}]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/u;

const WHOLE = new RegExp(`^${MAIL_ADDRESS.source}$`, 'u');

export function isMailAddress(text: string): boolean {
  return WHOLE.test(text);
}

/**
 * Ignores case; at gmail.com also dots before the @, and the domain googlemail.com
 * (support.google.com/mail/answer/7436150 and 10313).
 */
export function isSameMailbox(one: string, other: string): boolean {
  return mailboxKey(one) === mailboxKey(other);
}

/** Equal for two addresses of the same mailbox. */
export function mailboxKey(address: string): string {
  const lower = address.trim().toLowerCase();
  const at = lower.lastIndexOf('@');
  if (!['gmail.com', 'googlemail.com'].includes(lower.slice(at + 1))) return lower;
  return `${lower.slice(0, at).replaceAll('.', '')}@gmail.com`;
}
