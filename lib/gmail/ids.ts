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
    if (!ID.test(id)) {
      throw new UnavailableError(
        'Gmail answered with a message id of an unknown form',
        'Nothing was done with it; run again, and report it if it lasts.',
      );
    }
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

/** The lower and the upper half of the number that an id is. */
function halves(id: string): [number, number] {
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

  /** For each id, whether it is in `other`. */
  marks(other: IdSet): Uint8Array {
    const marks = new Uint8Array(this.size);
    let from = 0;
    for (let index = 0; index < this.size && from < other.size; index += 1) {
      from = other.#firstNotBelow(this.#words[index * 2 + 1] as number, this.#words[index * 2] as number, from);
      if (from < other.size && this.#compare(index, other, from) === 0) marks[index] = 1;
    }
    return marks;
  }

  has(id: string): boolean {
    return this.marks(IdSet.of([id])).includes(1);
  }

  /** Those ids for which `keep` says so, by their index. */
  filter(keep: (index: number) => boolean): IdSet {
    const kept = new Uint8Array(this.size);
    let size = 0;
    for (let index = 0; index < this.size; index += 1) {
      if (!keep(index)) continue;
      kept[index] = 1;
      size += 1;
    }
    if (size === this.size) return this;
    const words = new Uint32Array(2 * size);
    let at = 0;
    for (let index = 0; index < this.size; index += 1) {
      if (kept[index] === 0) continue;
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
    const filled = this.size === 0 ? [] : others.filter(({ size }) => size > 0);
    if (filled.length === 0) return this;
    const marks = filled.map((other) => this.marks(other));
    return this.filter((index) => marks.every((mark) => mark[index] === 0));
  }

  /** How many ids are below the one at `index` of `other`. */
  countBelow(other: IdSet, index: number): number {
    return this.#firstNotBelow(other.#words[index * 2 + 1] as number, other.#words[index * 2] as number, 0);
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

  /** The least index from `from` on whose id is not below the one of these halves. */
  #firstNotBelow(high: number, low: number, from: number): number {
    // Gallops, then halves: as fast for a few ids among a million as for two sets of the same size.
    let step = 1;
    let least = from;
    let end = from;
    while (end < this.size && this.#isBelow(end, high, low)) {
      least = end + 1;
      end += step;
      step *= 2;
    }
    end = Math.min(end, this.size);
    while (least < end) {
      const middle = (least + end) >>> 1;
      if (this.#isBelow(middle, high, low)) least = middle + 1;
      else end = middle;
    }
    return least;
  }

  #isBelow(index: number, high: number, low: number): boolean {
    const own = this.#words[index * 2 + 1] as number;
    return own < high || (own === high && (this.#words[index * 2] as number) < low);
  }

  #compare(index: number, other: IdSet, at: number): number {
    const byHigh = (this.#words[index * 2 + 1] as number) - (other.#words[at * 2 + 1] as number);
    return byHigh !== 0 ? byHigh : (this.#words[index * 2] as number) - (other.#words[at * 2] as number);
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
