/** Sets of message ids at 8 bytes each: the ids of a million messages take 8 MB. */
import { UnavailableError } from '../errors.ts';

/** Gmail's ids are 64-bit numbers in hexadecimal digits. */
const ID = /^[0-9a-f]{1,16}$/;

export function isMessageId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id);
}

const BYTES = 8;

/** The buffer grows by STEP ids, within the addresses that it reserves for ROOM ids. Only pages in use take memory. */
const STEP = 4_096;
const ROOM = 4_000_000;

/** Collects ids in any order, duplicates included, for an IdSet. */
export class IdCollector {
  /** Grows in place: growing by copies would leave holes in memory as large as all ids together. */
  #buffer = new ArrayBuffer(0, { maxByteLength: ROOM * BYTES });
  #words = new Uint32Array(this.#buffer);
  #size = 0;
  #padded = false;

  /** The number of added ids, duplicates included. */
  get size(): number {
    return this.#size;
  }

  /** @throws UnavailableError for a malformed id. */
  add(id: string): void {
    const [low, high] = halves(id);
    this.addHalves(low, high, id.startsWith('0'));
  }

  /** Adds the id with these lower and upper 32 bits; `padded` when it is written with leading zeros. */
  addHalves(low: number, high: number, padded: boolean): void {
    if (this.#size * BYTES === this.#buffer.byteLength) this.#grow();
    this.#words[this.#size * 2] = low;
    this.#words[this.#size * 2 + 1] = high;
    this.#padded ||= padded;
    this.#size += 1;
  }

  /** Whether `id` was added. Takes time linear in `size`. */
  has(id: string): boolean {
    const [low, high] = halves(id);
    for (let at = 0; at < this.#size * 2; at += 2) {
      if (this.#words[at] === low && this.#words[at + 1] === high) return true;
    }
    return false;
  }

  /** The set of the added ids, which shares their memory: nothing can be added afterwards. */
  finish(): IdSet {
    return fromWords(this.#words.subarray(0, this.#size * 2), this.#padded);
  }

  #grow(): void {
    const bytes = this.#buffer.byteLength + STEP * BYTES;
    if (bytes <= this.#buffer.maxByteLength) {
      this.#buffer.resize(bytes);
      return;
    }
    const larger = new ArrayBuffer(bytes, { maxByteLength: 4 * this.#buffer.maxByteLength });
    const words = new Uint32Array(larger);
    words.set(this.#words);
    this.#buffer = larger;
    this.#words = words;
  }
}

/** The lower and the upper 32 bits of an id. @throws UnavailableError for a malformed id. */
function halves(id: string): [number, number] {
  if (!isMessageId(id)) {
    throw new UnavailableError(
      'Gmail answered with a malformed message id',
      'The program did nothing with that message. Run again; if it happens again, report it.',
    );
  }
  return [Number.parseInt(id.slice(-8), 16), id.length > 8 ? Number.parseInt(id.slice(0, -8), 16) : 0];
}

/** An immutable set of message ids in ascending order, which is roughly the order of arrival. */
export class IdSet {
  /** Two words for each id, the lower 32 bits first. */
  readonly #words: Uint32Array<ArrayBuffer>;
  /** Whether ids are written with leading zeros. */
  readonly #padded: boolean;

  /** Only for this file; others use `IdSet.of` and `IdSet.unpack`. */
  constructor(words: Uint32Array<ArrayBuffer>, padded: boolean) {
    this.#words = words;
    this.#padded = padded;
  }

  static readonly empty = new IdSet(new Uint32Array(0), false);

  static of(ids: Iterable<string>): IdSet {
    const collector = new IdCollector();
    for (const id of ids) collector.add(id);
    return collector.finish();
  }

  get size(): number {
    return this.#words.length / 2;
  }

  /** The id at `index`; 0 is the oldest. */
  at(index: number): string {
    const low = (this.#words[index * 2] ?? 0).toString(16);
    const high = (this.#words[index * 2 + 1] ?? 0).toString(16);
    if (this.#padded) return high.padStart(8, '0') + low.padStart(8, '0');
    return high === '0' ? low : high + low.padStart(8, '0');
  }

  /** The ids from index `start` to before `end`, newest first. */
  list(start = 0, end = this.size): string[] {
    return Array.from({ length: Math.max(0, end - start) }, (_, index) => this.at(end - 1 - index));
  }

  /** A flag by index: 1 when the id is in one of `others`. */
  marks(...others: readonly IdSet[]): Uint8Array {
    const marks = new Uint8Array(this.size);
    for (const other of others) {
      this.forEachShared(other, (index) => {
        marks[index] = 1;
      });
    }
    return marks;
  }

  /** Calls `visit` for each id that is also in `other`, with its indices in both. */
  forEachShared(other: IdSet, visit: (index: number, otherIndex: number) => void): void {
    for (let index = 0, at = 0; index < this.size; index += 1) {
      at = other.#firstNotBelow(this, index, at);
      if (at === other.size) return;
      if (this.#compare(index, other, at) === 0) visit(index, at);
      // Skips the ids below the next id of `other`.
      else index = this.#firstNotBelow(other, at, index) - 1;
    }
  }

  has(id: string): boolean {
    return this.indexOf(id) !== -1;
  }

  /** The index of `id`; -1 when the set does not have it. */
  indexOf(id: string): number {
    const one = new IdSet(Uint32Array.from(halves(id)), this.#padded);
    const at = this.#firstNotBelow(one, 0, 0);
    return at < this.size && this.#compare(at, one, 0) === 0 ? at : -1;
  }

  /** The ids for whose index `keep` returns true. Calls `keep` twice for each, which saves memory. */
  filter(keep: (index: number) => boolean): IdSet {
    let size = 0;
    for (let index = 0; index < this.size; index += 1) if (keep(index)) size += 1;
    if (size === this.size) return this;
    const words = new Uint32Array(2 * size);
    let at = 0;
    for (let index = 0; at < words.length; index += 1) {
      if (!keep(index)) continue;
      words[at] = this.#words[index * 2] as number;
      words[at + 1] = this.#words[index * 2 + 1] as number;
      at += 2;
    }
    return new IdSet(words, this.#padded);
  }

  /** The ids from index `start` to before `end`, as a set that shares their memory. */
  slice(start: number, end: number): IdSet {
    return new IdSet(this.#words.subarray(start * 2, end * 2), this.#padded);
  }

  /** The ids that are in none of `others`. */
  without(...others: readonly IdSet[]): IdSet {
    if (others.every(({ size }) => size === 0)) return this;
    const marks = this.marks(...others);
    return this.filter((index) => marks[index] === 0);
  }

  /** The number of ids below the id at `index` of `other`. */
  countBelow(other: IdSet, index: number): number {
    return this.#firstNotBelow(other, index, 0);
  }

  static union(sets: readonly IdSet[]): IdSet {
    const filled = sets.filter(({ size }) => size > 0);
    if (filled.length < 2) return filled[0] ?? IdSet.empty;
    const words = new Uint32Array(filled.reduce((sum, set) => sum + set.#words.length, 0));
    let at = 0;
    for (const set of filled) {
      words.set(set.#words, at);
      at += set.#words.length;
    }
    return fromWords(
      words,
      filled.some((set) => set.#padded),
    );
  }

  /** Whether ids are written with leading zeros, for `unpack`. */
  get padded(): boolean {
    return this.#padded;
  }

  /** The ids in ascending order, each as 8 bytes, most significant byte first. */
  pack(): Buffer {
    const bytes = Buffer.allocUnsafe(this.size * BYTES);
    for (let index = 0; index < this.size; index += 1) {
      bytes.writeUInt32BE(this.#words[index * 2 + 1] as number, index * BYTES);
      bytes.writeUInt32BE(this.#words[index * 2] as number, index * BYTES + 4);
    }
    return bytes;
  }

  /** The set that `pack` wrote. */
  static unpack(bytes: Buffer, padded: boolean): IdSet {
    const words = new Uint32Array(Math.floor(bytes.length / BYTES) * 2);
    for (let index = 0; index < words.length / 2; index += 1) {
      words[index * 2 + 1] = bytes.readUInt32BE(index * BYTES);
      words[index * 2] = bytes.readUInt32BE(index * BYTES + 4);
    }
    return fromWords(words, padded);
  }

  /** The first index from `from` on whose id is not below the id at `index` of `other`. */
  #firstNotBelow(other: IdSet, index: number, from: number): number {
    // Galloping search: fast for a few ids among a million and for two sets of equal size.
    let step = 1;
    let least = from;
    let end = from;
    while (end < this.size && this.#compare(end, other, index) < 0) {
      least = end + 1;
      end += step;
      step *= 2;
    }
    end = Math.min(end, this.size);
    while (least < end) {
      const middle = (least + end) >>> 1;
      if (this.#compare(middle, other, index) < 0) least = middle + 1;
      else end = middle;
    }
    return least;
  }

  /** -1 when the id at `index` is below the id at `at` of `other`, 0 when it is the same, 1 when it is above. */
  #compare(index: number, other: IdSet, at: number): number {
    const own = this.#words;
    const its = other.#words;
    const half = own[index * 2 + 1] === its[at * 2 + 1] ? 0 : 1;
    const ours = own[index * 2 + half] as number;
    const theirs = its[at * 2 + half] as number;
    return ours < theirs ? -1 : ours === theirs ? 0 : 1;
  }
}

/** The set of the ids in `words`; sorts `words`. */
function fromWords(words: Uint32Array<ArrayBuffer>, padded: boolean): IdSet {
  // 64-bit numbers with the lower word first: Node runs on little-endian machines only.
  new BigUint64Array(words.buffer, words.byteOffset, words.length / 2).sort();
  let kept = 0;
  for (let at = 0; at < words.length; at += 2) {
    if (kept > 0 && words[at] === words[kept - 2] && words[at + 1] === words[kept - 1]) continue;
    words[kept] = words[at] as number;
    words[kept + 1] = words[at + 1] as number;
    kept += 2;
  }
  return new IdSet(words.subarray(0, kept), padded);
}
