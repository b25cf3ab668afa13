/** A service account's private key: read from PEM text however it was pasted, and known to the redactor. */
import { createPrivateKey, type KeyObject } from 'node:crypto';

const ARMOUR = /-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----([\s\S]*?)-----END \1-----/;

/** What JSON makes of line breaks, also when it was escaped more than once, and line breaks themselves. */
const LINE_BREAKS = /(?:\\+[nr]|\s)+/;

/** RS256 with less is refused by Google, and by OpenSSL for a key that is shorter than its hash needs. */
const MIN_BITS = 2_048;

/** Whether `text` looks like PEM, of whatever kind. */
export function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/** Every piece of PEM text that is secret: each line between its first and its last, and all of them as one. */
export function secretLines(text: string): string[] {
  const lines = text
    .replace(/-----(BEGIN|END) [A-Z0-9 ]+-----/g, '\n')
    .split(LINE_BREAKS)
    .filter((line) => line !== '');
  return [lines.join(''), ...lines];
}

/** The RSA key in `text`, or what is wrong with it as a predicate ("is encrypted"), without a word of the text. */
export function readPrivateKey(text: string): KeyObject | string {
  const [, label = '', body = ''] = ARMOUR.exec(text) ?? [];
  if (label === '') {
    return isPem(text) ? 'is PEM, but no whole private key' : 'is no PEM text (it begins with five hyphens and BEGIN)';
  }
  const lines =
    body
      .split(LINE_BREAKS)
      .join('')
      .match(/.{1,64}/g) ?? [];
  if (label.startsWith('ENCRYPTED') || /\bProc-Type\b/.test(body)) return 'is encrypted with a passphrase';
  let key: KeyObject;
  try {
    key = createPrivateKey([`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n'));
  } catch {
    return 'is PEM, but its contents are damaged or incomplete';
  }
  if (key.asymmetricKeyType !== 'rsa') return 'is no RSA key';
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_BITS) return `is shorter than ${MIN_BITS} bits`;
  return key;
}
