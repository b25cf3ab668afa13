/**
 * Knows every live secret and cuts it out of everything that leaves the process, in whatever encoding it appears; and
 * what has the form of a credential, wherever it came from.
 * It keeps salted hashes of the secrets' pieces, never the secrets, so that holding the redactor holds no credential.
 */
import { randomBytes } from 'node:crypto';
import { credentialsIn } from '../base/credential-like.ts';

/** Shorter strings are not scrubbed (they occur by chance); a credential that short is refused instead. */
export const MIN_SECRET_LENGTH = 8;

/** A piece of a secret this long (or the whole of a shorter one) is cut out wherever it appears. */
const PIECE_LENGTH = 12;

export const REDACTED = '[redacted]';

/** How a secret may look when it is printed. Strings here are bytes, one character each ("latin1"). */
const ENCODINGS: ReadonlyArray<(secret: Buffer) => string[]> = [
  (secret) => [secret.toString('latin1')],
  (secret) => {
    const encoded = encodeURIComponent(secret.toString());
    const form = new URLSearchParams({ s: secret.toString() }).toString().slice(2);
    const strict = encoded.replace(/[!'()*]/g, percentEncode);
    return [encoded, form, strict].flatMap((url) => [url, lowerPercent(url)]);
  },
  (secret) => {
    const inJson = JSON.stringify(secret.toString()).slice(1, -1);
    return [inJson, inJson.replaceAll('/', '\\/'), inJson.replace(/["\\]/g, '\\$&')].map(toBytes);
  },
  (secret) => [/\\/g, /[\\']/g].map((escaped) => toBytes(secret.toString().replace(escaped, '\\$&'))),
  (secret) => [secret.toString('hex'), secret.toString('hex').toUpperCase()],
  (secret) => [[...secret].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')],
  (secret) => [[...secret].join(','), [...secret].join(', ')],
  (secret) => [0, 1, 2].map((shift) => base64At(secret, shift)),
  (secret) => [0, 1, 2].map((shift) => base64At(secret, shift).replaceAll('+', '-').replaceAll('/', '_')),
];

export class Redactor {
  readonly #hash = new PieceHash();
  /** Piece length → hashes of all pieces of that length. */
  readonly #pieces = new Map<number, HashSet>();

  /** Length of the longest piece: how far apart two bytes can be that make up one. */
  get reach(): number {
    return Math.max(0, ...this.#pieces.keys());
  }

  /** From now on `secret` is cut out of everything, also when only a part of it appears. */
  add(secret: string): void {
    const bytes = Buffer.from(secret.trim());
    if (bytes.length < MIN_SECRET_LENGTH) return;
    // Most encodings leave most secrets as they are.
    for (const encoded of new Set(ENCODINGS.flatMap((encode) => encode(bytes)))) {
      const length = Math.max(MIN_SECRET_LENGTH, Math.floor((encoded.length * PIECE_LENGTH) / bytes.length));
      this.#learn(encoded, Math.min(length, encoded.length));
    }
  }

  /** `text` without any secret. */
  text(text: string): string {
    const bytes = toBytes(text);
    const mask = this.mask(bytes);
    return mask === null ? text : Buffer.from(cutOut(bytes, mask), 'latin1').toString();
  }

  /** Marks with 1 every byte of `latin1` that belongs to a secret; null when there is none. */
  mask(latin1: string): Uint8Array | null {
    let mask = dumpedBytes(latin1);
    for (const { start, text } of credentialsIn(latin1)) {
      mask ??= new Uint8Array(latin1.length);
      mask.fill(1, start, start + text.length);
    }
    const bytes = Buffer.from(latin1, 'latin1');
    for (const [length, known] of this.#pieces) {
      this.#hash.each(bytes, length, (start, high, low) => {
        if (!known.has(high, low)) return;
        mask ??= new Uint8Array(latin1.length);
        mask.fill(1, start, start + length);
      });
    }
    return mask;
  }

  #learn(encoded: string, length: number): void {
    let hashes = this.#pieces.get(length);
    if (hashes === undefined) {
      hashes = new HashSet();
      this.#pieces.set(length, hashes);
    }
    const known = hashes;
    this.#hash.each(Buffer.from(encoded, 'latin1'), length, (_start, high, low) => known.add(high, low));
  }
}

/**
 * A salted hash of every piece of a text, each made from the one before: two polynomials modulo 2^32, in the manner of
 * Rabin and Karp, whose bases are the salt.
 */
class PieceHash {
  /** Odd, so that no character is forgotten on the way through a piece. */
  readonly #high = randomBytes(4).readInt32LE() | 1;
  readonly #low = randomBytes(4).readInt32LE() | 1;

  /** Calls `visit` with the start and the two halves of the hash of each piece of `length` bytes. */
  each(bytes: Uint8Array, length: number, visit: (start: number, high: number, low: number) => void): void {
    const highBase = this.#high;
    const lowBase = this.#low;
    let highOfFirst = 1;
    let lowOfFirst = 1;
    let high = 0;
    let low = 0;
    for (let i = 0; i < length && length <= bytes.length; i += 1) {
      highOfFirst = Math.imul(highOfFirst, highBase);
      lowOfFirst = Math.imul(lowOfFirst, lowBase);
      const next = (bytes[i] as number) + 1;
      high = (Math.imul(high, highBase) + next) | 0;
      low = (Math.imul(low, lowBase) + next) | 0;
    }
    for (let start = 0; start + length <= bytes.length; start += 1) {
      visit(start, high, low);
      const first = (bytes[start] as number) + 1;
      const next = (bytes[start + length] ?? 0) + 1;
      high = (Math.imul(high, highBase) + next - Math.imul(first, highOfFirst)) | 0;
      low = (Math.imul(low, lowBase) + next - Math.imul(first, lowOfFirst)) | 0;
    }
  }
}

/** Hashes of 53 bits. Nearly all that are looked up are not in it, and are told apart by a bit each. */
class HashSet {
  readonly #bits = new Uint8Array(8_192);
  readonly #hashes = new Set<number>();

  add(high: number, low: number): void {
    this.#bits[low >>> 19] = (this.#bits[low >>> 19] as number) | (1 << ((low >>> 16) & 7));
    this.#hashes.add(whole(high, low));
  }

  has(high: number, low: number): boolean {
    const mayBe = ((this.#bits[low >>> 19] as number) & (1 << ((low >>> 16) & 7))) !== 0;
    return mayBe && this.#hashes.has(whole(high, low));
  }
}

function whole(high: number, low: number): number {
  return (high >>> 11) * 0x100000000 + (low >>> 0);
}

/**
 * Marks the bytes in what Node prints for a Buffer. NODE_DEBUG shows answers in this form before anybody could know that
 * there is a credential in them.
 */
function dumpedBytes(latin1: string): Uint8Array | null {
  let mask: Uint8Array | null = null;
  for (const { index, 0: dump } of latin1.matchAll(/(?<=<Buffer )[0-9a-f]{2}(?: [0-9a-f]{2}){3,}/g)) {
    mask ??= new Uint8Array(latin1.length);
    mask.fill(1, index, index + dump.length);
  }
  return mask;
}

/** `latin1` with every run of marked bytes replaced by one `[redacted]`. */
function cutOut(latin1: string, mask: Uint8Array): string {
  let clean = '';
  for (let i = 0; i < latin1.length; i += 1) {
    if (mask[i] === 0) clean += latin1[i];
    else if (i === 0 || mask[i - 1] === 0) clean += REDACTED;
  }
  return clean;
}

function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function lowerPercent(encoded: string): string {
  return encoded.replace(/%[0-9A-F]{2}/g, (percent) => percent.toLowerCase());
}

/** The characters of a base64 text that depend on `secret` alone when `shift` other bytes stand before it. */
function base64At(secret: Buffer, shift: number): string {
  const encoded = Buffer.concat([Buffer.alloc(shift), secret])
    .toString('base64')
    .replace(/=+$/, '');
  const first = Math.ceil((shift * 8) / 6);
  const whole = Math.floor(((shift + secret.length) * 8) / 6);
  return encoded.slice(first, whole);
}
