/**
 * Cuts secrets out of everything that the process prints: the secrets of the process and of its runs, in any common
 * encoding, and texts in the form of a credential. Keeps salted hashes of the secrets' pieces, never the secrets.
 */
import { randomBytes } from 'node:crypto';
import { credentialsIn } from '../base/credential-like.ts';

/** Bytes. The redactor ignores shorter secrets, since such texts occur by chance; aws/ and authorize/ refuse them. */
export const MIN_SECRET_LENGTH = 8;

/** Bytes. The redactor cuts out every piece of a secret that is this long, and a shorter secret only as a whole. */
const PIECE_LENGTH = 12;

/**
 * Bytes. The lengths of encoded pieces: for each length in use, the redactor goes through every text once. So the pieces of
 * an encoding may be shorter than PIECE_LENGTH bytes of the secret would be.
 */
const LENGTHS = [64, 48, 32, 24, 16, PIECE_LENGTH];

export const REDACTED = '[redacted]';

/** How a secret may look when it is printed. Strings here are bytes, one character each (`latin1`). */
const ENCODINGS: ReadonlyArray<(secret: Buffer) => string[]> = [
  (secret) => [secret.toString('latin1')],
  (secret) => {
    const encoded = encodeURIComponent(secret.toString());
    const form = new URLSearchParams({ s: secret.toString() }).toString().slice(2);
    const strict = encoded.replace(/[!'()*]/g, percentEncode);
    const once = [encoded, form, strict].flatMap((url) => [url, lowerPercent(url)]);
    return [...once, ...once.map(encodeURIComponent)];
  },
  (secret) => {
    const inJson = JSON.stringify(secret.toString()).slice(1, -1);
    return [inJson, inJson.replaceAll('/', '\\/'), inJson.replace(/["\\]/g, '\\$&')].map(toBytes);
  },
  (secret) => [/\\/g, /[\\']/g].map((escaped) => toBytes(secret.toString().replace(escaped, '\\$&'))),
  (secret) => inHex(secret).flatMap((hex) => [hex, ...[' ', ':'].map((mark) => hex.replace(/..(?=.)/g, `$&${mark}`))]),
  // As the escape sequences of a string.
  (secret) => inHex(secret).map((hex) => hex.replace(/../g, '\\x$&')),
  (secret) => inHex(inUtf16(secret).swap16()).map((hex) => hex.replace(/.{4}/g, '\\u$&')),
  (secret) => [[...secret].join(','), [...secret].join(', ')],
  inBase64,
  (secret) => inBase64(inUtf16(secret)),
];

/** Adds the secrets of one run. Dispose of it when the run has ended. */
export interface RunSecrets extends Disposable {
  add(secret: string): void;
}

/** A run may write after its end, in a timer that it left behind. */
const FORGET_AFTER_MS = 60_000;

/**
 * Beyond this number of ended runs, the redactor forgets the first one early: each run takes about 0.4 MB, and slows all
 * searches.
 */
const MOST_ENDED = 10;

export class Redactor {
  readonly #hash = new PieceHash();
  readonly #pieces = new HashCounts();
  /** Piece length → how many pieces have it. */
  readonly #lengths = new Map<number, number>();
  readonly #ended = new Set<LearnedPieces>();
  readonly #later: (work: () => void, ms: number) => void;

  /** `later` calls `work` after `ms`. */
  constructor(later: (work: () => void, ms: number) => void = (work, ms) => void setTimeout(work, ms).unref()) {
    this.#later = later;
  }

  /** Bytes in the longest piece; 0 when no secret is known. */
  get reach(): number {
    return Math.max(0, ...this.#lengths.keys());
  }

  /** Cuts `secret` out of everything until the process ends, also when only a part of it appears. */
  add(secret: string): void {
    this.#learn(secret, null);
  }

  /** Cuts out the secrets of a run, and forgets them a minute after its end. Another run's equal secret stays. */
  openRun(): RunSecrets {
    const learned: LearnedPieces = { secrets: new Set(), hashes: [], lengths: new Map() };
    return {
      add: (secret) => this.#learn(secret, learned),
      [Symbol.dispose]: () => {
        this.#ended.add(learned);
        this.#later(() => this.#forgetEnded(learned), FORGET_AFTER_MS);
        const [first] = this.#ended;
        if (first !== undefined && this.#ended.size > MOST_ENDED) this.#forgetEnded(first);
      },
    };
  }

  /** `text` without any secret. */
  text(text: string): string {
    const bytes = toBytes(text);
    const mask = this.mask(bytes);
    return mask === null ? text : Buffer.from(cutOut(bytes, mask), 'latin1').toString();
  }

  /** Marks with 1 every byte of `latin1` that belongs to a secret; null when no byte does. */
  mask(latin1: string): Uint8Array | null {
    let mask = dumpedBytes(latin1);
    for (const { start, text } of credentialsIn(latin1)) {
      mask ??= new Uint8Array(latin1.length);
      mask.fill(1, start, start + text.length);
    }
    const bytes = Buffer.from(latin1, 'latin1');
    const pieces = this.#pieces;
    for (const length of this.#lengths.keys()) {
      this.#hash.each(bytes, length, (start, high, low) => {
        if (!pieces.has(high, low)) return;
        mask ??= new Uint8Array(latin1.length);
        mask.fill(1, start, start + length);
      });
    }
    return mask;
  }

  /** `learned` collects the pieces that the redactor forgets after a run; null for a secret that it keeps. */
  #learn(secret: string, learned: LearnedPieces | null): void {
    const bytes = Buffer.from(secret.trim());
    if (bytes.length < MIN_SECRET_LENGTH) return;
    if (learned !== null) {
      const id = this.#idOf(bytes);
      // A run reads its secret again for each new access token.
      if (learned.secrets.has(id)) return;
      learned.secrets.add(id);
    }
    // The Set removes duplicates: most encodings do not change most secrets.
    for (const encoded of new Set(ENCODINGS.flatMap((encode) => encode(bytes)))) {
      const most = Math.floor((encoded.length * PIECE_LENGTH) / bytes.length);
      const length = LENGTHS.find((length) => length <= most) ?? PIECE_LENGTH;
      this.#learnPieces(encoded, bytes.length < PIECE_LENGTH ? encoded.length : length, learned);
    }
  }

  #learnPieces(encoded: string, length: number, learned: LearnedPieces | null): void {
    const bytes = Buffer.from(encoded, 'latin1');
    const count = Math.max(0, bytes.length - length + 1);
    const hashes = new Int32Array(2 * count);
    this.#hash.each(bytes, length, (start, high, low) => {
      hashes[2 * start] = high;
      hashes[2 * start + 1] = low;
    });
    this.#pieces.add(hashes);
    learned?.hashes.push(hashes);
    for (const lengths of [this.#lengths, learned?.lengths]) lengths?.set(length, (lengths.get(length) ?? 0) + count);
  }

  #forgetEnded(learned: LearnedPieces): void {
    if (!this.#ended.delete(learned)) return;
    const { hashes, lengths } = learned;
    for (const pieces of hashes) this.#pieces.remove(pieces);
    // Its timer, and closures of the run, may keep `learned` for another minute.
    hashes.length = 0;
    for (const [length, count] of lengths) {
      const left = (this.#lengths.get(length) ?? 0) - count;
      if (left > 0) this.#lengths.set(length, left);
      else this.#lengths.delete(length);
    }
  }

  #idOf(bytes: Buffer): string {
    let id = '';
    this.#hash.each(bytes, bytes.length, (_start, high, low) => {
      id = `${high} ${low}`;
    });
    return id;
  }
}

/** The pieces that one run added. */
interface LearnedPieces {
  /** A hash of each secret. */
  readonly secrets: Set<string>;
  /** As `HashCounts` takes them. */
  readonly hashes: Int32Array[];
  /** Piece length → how many pieces have it. */
  readonly lengths: Map<number, number>;
}

/**
 * A salted rolling hash of every piece of a text (Rabin–Karp): two polynomials modulo 2^32, whose bases are the salt.
 */
class PieceHash {
  /** Odd: with an even base, the first characters of a long piece would not count in the hash. */
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

/** Numbers, two for each hash. */
const HASHES_AT_ONCE = 512;

/**
 * Counts 64-bit hashes, in a typed array by open addressing with linear probing: a Map takes about ten times as long for
 * the thousands of pieces of each secret (seen with 24.21).
 */
class HashCounts {
  #used = 0;
  /** The home slot of a hash is its lower half, shifted right by this number of bits. */
  #shift = 16;
  /**
   * Four numbers for each slot: the count, which is 0 in a free slot, the upper and the lower half of the hash, and 0. Has
   * room for the secrets of one run: to grow takes time, and 5 MB when V8 optimizes `#grow` with TurboFan.
   */
  #slots = new Int32Array(2 ** 18);
  /** Without it, V8 may leave out `#preload`. */
  preloaded = 0;

  has(high: number, low: number): boolean {
    return this.#slots[this.#find(high, low)] !== 0;
  }

  /** `hashes` has two numbers for each hash: the upper half and the lower half. */
  add(hashes: Int32Array): void {
    for (let start = 0; start < hashes.length; start += HASHES_AT_ONCE) {
      const end = Math.min(start + HASHES_AT_ONCE, hashes.length);
      this.#preload(hashes, start, end);
      for (let i = start; i < end; i += 2) this.#addOne(hashes[i] as number, hashes[i + 1] as number);
    }
  }

  /** Takes back one `add`. */
  remove(hashes: Int32Array): void {
    for (let start = 0; start < hashes.length; start += HASHES_AT_ONCE) {
      const end = Math.min(start + HASHES_AT_ONCE, hashes.length);
      this.#preload(hashes, start, end);
      for (let i = start; i < end; i += 2) this.#removeOne(hashes[i] as number, hashes[i + 1] as number);
    }
  }

  /**
   * Reads the home slots, which lie anywhere in some 30 MB. The processor waits for many of them at a time, while
   * `#addOne` would wait for each: this halves the time (seen on AMD EPYC with 30 runs at once).
   */
  #preload(hashes: Int32Array, start: number, end: number): void {
    const [slots, shift] = [this.#slots, this.#shift];
    let sum = 0;
    for (let i = start + 1; i < end; i += 2) sum ^= slots[((hashes[i] as number) >>> shift) * 4] as number;
    this.preloaded = sum;
  }

  #addOne(high: number, low: number): void {
    const slots = this.#slots;
    const at = this.#find(high, low);
    if (slots[at] === 0) {
      this.#used += 1;
      slots[at + 1] = high;
      slots[at + 2] = low;
    }
    slots[at] = (slots[at] as number) + 1;
    if (this.#used * 8 > slots.length) this.#grow();
  }

  #removeOne(high: number, low: number): void {
    const slots = this.#slots;
    let free = this.#find(high, low);
    if (slots[free] === 0) return;
    slots[free] = (slots[free] as number) - 1;
    if (slots[free] !== 0) return;
    this.#used -= 1;
    // A search ends at a free slot. So each hash behind the free slot moves into it, unless the hash's home slot is also
    // behind the free slot.
    const last = slots.length - 1;
    for (let at = (free + 4) & last; slots[at] !== 0; at = (at + 4) & last) {
      const home = ((slots[at + 2] as number) >>> this.#shift) * 4;
      if (((at - home) & last) < ((at - free) & last)) continue;
      copySlot(slots, at, slots, free);
      slots[at] = 0;
      free = at;
    }
  }

  /** The index of the hash's slot, or of the free one where it belongs. */
  #find(high: number, low: number): number {
    const slots = this.#slots;
    const last = slots.length - 1;
    let at = (low >>> this.#shift) * 4;
    while (slots[at] !== 0 && (slots[at + 2] !== low || slots[at + 1] !== high)) at = (at + 4) & last;
    return at;
  }

  #grow(): void {
    const old = this.#slots;
    this.#shift -= 1;
    this.#slots = new Int32Array(old.length * 2);
    for (let i = 0; i < old.length; i += 4) {
      if (old[i] !== 0) copySlot(old, i, this.#slots, this.#find(old[i + 1] as number, old[i + 2] as number));
    }
  }
}

function copySlot(source: Int32Array, from: number, target: Int32Array, to: number): void {
  for (let i = 0; i < 3; i += 1) target[to + i] = source[from + i] as number;
}

/** A printed Buffer or Uint8Array, in colors too. */
const DUMP = /(?<=<Buffer )[0-9a-f]{2}(?: [0-9a-f]{2}){3,}|(?<=Uint8Array\((?:[4-9]|\d\d+)\) \[)[\s\d,[m\p{Cc}]+/gu;

/** Marks the bytes in a dump: NODE_DEBUG prints answers this way before the redactor knows their secrets. */
function dumpedBytes(latin1: string): Uint8Array | null {
  let mask: Uint8Array | null = null;
  for (const { index, 0: dump } of latin1.matchAll(DUMP)) {
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

function inUtf16(secret: Buffer): Buffer {
  return Buffer.from(secret.toString(), 'utf16le');
}

function inHex(bytes: Buffer): string[] {
  const hex = bytes.toString('hex');
  return [hex, hex.toUpperCase()];
}

function inBase64(secret: Buffer): string[] {
  const encoded = [0, 1, 2].map((shift) => base64At(secret, shift));
  return [...encoded, ...encoded.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))];
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
