/** Sets of message ids, packed: 8 bytes each, so that the ids of a mailbox of a million messages fit into 8 MB. */
import { UnavailableError } from '../errors.ts';

/** Gmail's ids are 64-bit numbers in hexadecimal digits. */
const ID = /^[0-9a-f]{1,16}$/;

const BYTES = 8;

/** Room is made for so many ids at a time, and set aside for so many: memory is used by those alone that there are. */
const STEP = 4_096;
const ROOM = 4_000_000;

/** Collects ids that come one after another, in any order and perhaps twice. */
export class IdCollector {
  /** Grows where it is. What grows by being copied leaves holes in the memory, as large as all the ids together. */
  #buffer = new ArrayBuffer(0, { maxByteLength: ROOM * BYTES });
  #words = new Uint32Array(this.#buffer);
  #size = 0;
  #padded = false;

  /** How many were added. */
  get size(): number {
    return this.#size;
  }

  /** @throws UnavailableError when `id` is no id of Gmail's. */
  add(id: string): void {
    if (this.#size * BYTES === this.#buffer.byteLength) this.#grow();
    const [low, high] = halves(id);
    this.#words[this.#size * 2] = low;
    this.#words[this.#size * 2 + 1] = high;
    this.#padded ||= id.startsWith('0');
    this.#size += 1;
  }

  /** Whether `id` was added. Looks at all of them. */
  has(id: string): boolean {
    const [low, high] = halves(id);
    for (let at = 0; at < this.#size * 2; at += 2) {
      if (this.#words[at] === low && this.#words[at + 1] === high) return true;
    }
    return false;
  }

  /** The set of what was added; nothing can be added afterwards. */
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

/** The lower and the upper half of the number that an id is. @throws UnavailableError for what is no id of Gmail's. */
function halves(id: string): [number, number] {
  if (!ID.test(id)) {
    throw new UnavailableError(
      'Gmail answered with a message id of an unknown form',
      'Nothing was done with it; run again, and report it if it lasts.',
    );
  }
  return [Number.parseInt(id.slice(-8), 16), id.length > 8 ? Number.parseInt(id.slice(0, -8), 16) : 0];
}

/** An immutable set of message ids in ascending order, which is about that of their arrival. */
export class IdSet {
  /** Two words for each id, the lower half first. */
  readonly #words: Uint32Array<ArrayBuffer>;
  /** Whether ids are written with leading zeros. */
  readonly #padded: boolean;

  /** For `IdCollector` and for what lies in this file; others use `IdSet.of` and `IdSet.unpack`. */
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

  /** The id at `index`, counted from the oldest. */
  at(index: number): string {
    const low = (this.#words[index * 2] ?? 0).toString(16);
    const high = (this.#words[index * 2 + 1] ?? 0).toString(16);
    if (this.#padded) return high.padStart(8, '0') + low.padStart(8, '0');
    return high === '0' ? low : high + low.padStart(8, '0');
  }

  /** The ids from index `start` up to, without, `end`, the newest first. */
  list(start = 0, end = this.size): string[] {
    return Array.from({ length: Math.max(0, end - start) }, (_, index) => this.at(end - 1 - index));
  }

  /** For each id, whether it is in one of `others`. */
  marks(...others: readonly IdSet[]): Uint8Array {
    const marks = new Uint8Array(this.size);
    for (const other of others) {
      this.meet(other, (index) => {
        marks[index] = 1;
      });
    }
    return marks;
  }

  /** Calls `visit` for each id that is in `other` too, with its index here and there. */
  meet(other: IdSet, visit: (index: number, otherIndex: number) => void): void {
    for (let index = 0, at = 0; index < this.size; index += 1) {
      at = other.#firstNotBelow(this, index, at);
      if (at === other.size) return;
      if (this.#compare(index, other, at) === 0) visit(index, at);
      // As far as the other one is ahead, there is nothing to be met.
      else index = this.#firstNotBelow(other, at, index) - 1;
    }
  }

  has(id: string): boolean {
    const one = new IdSet(Uint32Array.from(halves(id)), this.#padded);
    const at = this.#firstNotBelow(one, 0, 0);
    return at < this.size && this.#compare(at, one, 0) === 0;
  }

  /** Those ids for which `keep` says so, by their index. It is asked twice, instead of remembering what it said. */
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

  /** The ids from index `start` up to, without, `end`, as a set that shares their memory. */
  slice(start: number, end: number): IdSet {
    return new IdSet(this.#words.subarray(start * 2, end * 2), this.#padded);
  }

  /** The ids that are in none of `others`. */
  without(...others: readonly IdSet[]): IdSet {
    if (others.every(({ size }) => size === 0)) return this;
    const marks = this.marks(...others);
    return this.filter((index) => marks[index] === 0);
  }

  /** How many ids are below the one at `index` of `other`. */
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

  /** Whether ids are written with leading zeros, which `unpack` has to be told. */
  get padded(): boolean {
    return this.#padded;
  }

  /** 8 bytes for each id, most significant first, in ascending order. */
  pack(): Buffer {
    const bytes = Buffer.allocUnsafe(this.size * BYTES);
    for (let index = 0; index < this.size; index += 1) {
      bytes.writeUInt32BE(this.#words[index * 2 + 1] as number, index * BYTES);
      bytes.writeUInt32BE(this.#words[index * 2] as number, index * BYTES + 4);
    }
    return bytes;
  }

  /** The opposite of `pack`. */
  static unpack(bytes: Buffer, padded: boolean): IdSet {
    const words = new Uint32Array(Math.floor(bytes.length / BYTES) * 2);
    for (let index = 0; index < words.length / 2; index += 1) {
      words[index * 2 + 1] = bytes.readUInt32BE(index * BYTES);
      words[index * 2] = bytes.readUInt32BE(index * BYTES + 4);
    }
    return fromWords(words, padded);
  }

  /** The least index from `from` on whose id is not below the one at `index` of `other`. */
  #firstNotBelow(other: IdSet, index: number, from: number): number {
    // Gallops, then halves: as fast for a few ids among a million as for two sets of the same size.
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

  /** Below 0 when the id at `index` is below the one at `at` of `other`, 0 when it is the same. */
  #compare(index: number, other: IdSet, at: number): number {
    const own = this.#words;
    const its = other.#words;
    const half = own[index * 2 + 1] === its[at * 2 + 1] ? 0 : 1;
    const ours = own[index * 2 + half] as number;
    const theirs = its[at * 2 + half] as number;
    return ours < theirs ? -1 : ours === theirs ? 0 : 1;
  }
}

/** The set of the ids in `words`, which it sorts. */
function fromWords(words: Uint32Array<ArrayBuffer>, padded: boolean): IdSet {
  // As one number of 64 bits each: Node runs on little-endian machines only.
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
