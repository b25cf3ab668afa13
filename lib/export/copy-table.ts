/**
 * The messages of a copy in 88 bytes each, so that a copy of 500,000 messages fits into a dyno's memory. Lines are added in
 * the order of their files; of two lines about a message the one with the higher history id counts, of equal ones the later.
 */
import { IdCollector, type IdSet } from '../gmail/ids.ts';
import type { Line, MessageLine } from './line.ts';

/** A row has 22 words of 32 bits. 64-bit numbers take two words, the lower half first. */
const WORDS = 22;
const ID = 0;
const THREAD = 2;
/** A float of 64 bits: words 4 and 5. */
const DATE_IN_FLOATS = 2;
/** The history id of the line that counts, and of the message line that counts. */
const NEWEST = 6;
const DESCRIBED = 8;
const SIZE = 10;
/** The number of the set of labels. */
const LABELS = 11;
/** The number of the line that counts. */
const LINE = 12;
/** Bits; above them 8 bits for the digits of the id, and 8 for those of the thread's id. */
const FLAGS = 13;
const SHA256 = 14;
const SHA256_BYTES = 32;

const DELETED = 1;
const HAS_FILE = 2;
const ID_DIGITS = 8;
const THREAD_DIGITS = 16;

/** Memory is taken in blocks of 16,384 rows. */
const BLOCK_BITS = 14;
const BLOCK_ROWS = 1 << BLOCK_BITS;

class Block {
  readonly words = new Uint32Array(BLOCK_ROWS * WORDS);
  readonly floats = new Float64Array(this.words.buffer);
  readonly bytes = Buffer.from(this.words.buffer);
}

/** The two halves of a 64-bit number. */
interface Halves {
  readonly low: number;
  readonly high: number;
}

interface Rename {
  readonly was: string;
  readonly label: string;
  readonly historyId: Halves;
  /** The number of the line. */
  readonly line: number;
}

/** A message as its lines say together. */
export interface TableMessage {
  readonly id: string;
  readonly threadId: string;
  readonly date: Date;
  /** Bytes of the unpacked source. */
  readonly size: number;
  /** The sum of the unpacked source, in hexadecimal digits. */
  readonly sha256: string;
  readonly labels: readonly string[];
  /** The history id of the line that counts. */
  readonly historyId: string;
  readonly deleted: boolean;
}

export class CopyTable {
  readonly #blocks: Block[] = [];
  #rows = 0;
  #live = 0;
  #lines = 0;
  /** Open addressing: at the hash of a row's id the row's number plus 1; 0 for none. */
  #slots = new Uint32Array(1024);
  readonly #sets: (readonly string[])[] = [];
  readonly #setNumbers = new Map<string, number>();
  readonly #renames: Rename[] = [];

  get rows(): number {
    return this.#rows;
  }

  /** The number of live messages, once `finish` was called. */
  get live(): number {
    return this.#live;
  }

  add(line: Line): void {
    this.#lines += 1;
    const historyId = halvesOf(line.historyId);
    if ('was' in line) {
      this.#renames.push({ was: line.was, label: line.label, historyId, line: this.#lines });
      return;
    }
    const row = this.#rowOf(line.id);
    if ('sha256' in line && !this.#isBelow(historyId, row, DESCRIBED)) this.#describe(row, line, historyId);
    if (this.#isBelow(historyId, row, NEWEST)) return;
    this.#setHalves(row, NEWEST, historyId);
    this.#set(row, LINE, this.#lines);
    const flags = this.#get(row, FLAGS);
    this.#set(row, FLAGS, 'deleted' in line ? flags | DELETED : flags & ~DELETED);
    if ('labels' in line) this.#set(row, LABELS, this.#setNumber(line.labels));
  }

  /** The names that labels had before they were renamed. */
  get formerNames(): ReadonlySet<string> {
    return new Set(this.#renames.map(({ was }) => was));
  }

  /** Gives labels their new names, and counts the live messages. Nothing can be added afterwards. */
  finish(): void {
    this.#renames.sort((a, b) => compare(a.historyId, b.historyId) || a.line - b.line);
    for (let row = 0; row < this.#rows; row += 1) {
      if (!this.isLive(row)) continue;
      this.#live += 1;
      if (this.#renames.length > 0) this.#rename(row);
    }
  }

  /** The row of a message, also of one whose file no line describes. */
  find(id: string): number | undefined {
    const row = (this.#slots[this.#slotOf(id, halvesOfId(id))] ?? 0) - 1;
    return row < 0 ? undefined : row;
  }

  hasFile(row: number): boolean {
    return (this.#get(row, FLAGS) & HAS_FILE) !== 0;
  }

  isLive(row: number): boolean {
    return (this.#get(row, FLAGS) & (HAS_FILE | DELETED)) === HAS_FILE;
  }

  /** The ids of messages that have labels but no file. */
  *withoutFile(): Generator<string, void, undefined> {
    for (let row = 0; row < this.#rows; row += 1) {
      if ((this.#get(row, FLAGS) & (HAS_FILE | DELETED)) === 0) yield this.id(row);
    }
  }

  /** The ids of the rows for which `isMeant` returns true. */
  collect(isMeant: (row: number) => boolean): IdSet {
    const ids = new IdCollector();
    for (let row = 0; row < this.#rows; row += 1) {
      if (!isMeant(row)) continue;
      const { low, high } = this.#getHalves(row, ID);
      const digits = (this.#get(row, FLAGS) >> ID_DIGITS) & 0xff;
      ids.addHalves(low, high, digits > digitsOf(low, high));
    }
    return ids.finish();
  }

  /** The labels of live messages. */
  labelNames(): Set<string> {
    const used = new Set<number>();
    for (let row = 0; row < this.#rows; row += 1) if (this.isLive(row)) used.add(this.#get(row, LABELS));
    return new Set([...used].flatMap((number) => this.#sets[number] ?? []));
  }

  id(row: number): string {
    return this.#hex(row, ID, ID_DIGITS);
  }

  read(row: number): TableMessage {
    const { bytes, floats } = this.#block(row);
    const at = row % BLOCK_ROWS;
    const sha256At = (at * WORDS + SHA256) * 4;
    return {
      id: this.id(row),
      threadId: this.#hex(row, THREAD, THREAD_DIGITS),
      date: new Date(floats[at * (WORDS / 2) + DATE_IN_FLOATS] ?? 0),
      size: this.#get(row, SIZE),
      sha256: bytes.toString('hex', sha256At, sha256At + SHA256_BYTES),
      labels: this.#sets[this.#get(row, LABELS)] ?? [],
      historyId: textOf(this.#getHalves(row, NEWEST)),
      deleted: (this.#get(row, FLAGS) & DELETED) !== 0,
    };
  }

  /** The row of a message; a new one when there is none. */
  #rowOf(id: string): number {
    const number = halvesOfId(id);
    const slot = this.#slotOf(id, number);
    const found = (this.#slots[slot] ?? 0) - 1;
    if (found >= 0) return found;
    const row = this.#rows;
    if (row >> BLOCK_BITS === this.#blocks.length) this.#blocks.push(new Block());
    this.#rows += 1;
    this.#setHalves(row, ID, number);
    this.#set(row, FLAGS, id.length << ID_DIGITS);
    this.#set(row, LABELS, this.#setNumber([]));
    this.#slots[slot] = this.#rows;
    if (this.#rows * 2 > this.#slots.length) this.#growSlots();
    return row;
  }

  #describe(row: number, line: MessageLine, historyId: Halves): void {
    const { bytes, floats } = this.#block(row);
    const at = row % BLOCK_ROWS;
    this.#setHalves(row, DESCRIBED, historyId);
    this.#setHalves(row, THREAD, halvesOfId(line.threadId));
    this.#set(row, SIZE, line.size);
    floats[at * (WORDS / 2) + DATE_IN_FLOATS] = Date.parse(line.date);
    bytes.write(line.sha256, (at * WORDS + SHA256) * 4, 'hex');
    const flags = this.#get(row, FLAGS) & ~(0xff << THREAD_DIGITS);
    this.#set(row, FLAGS, flags | HAS_FILE | (line.threadId.length << THREAD_DIGITS));
  }

  /** Applies the renames that came after the line that counts. */
  #rename(row: number): void {
    const newest = this.#getHalves(row, NEWEST);
    const line = this.#get(row, LINE);
    const before = this.#sets[this.#get(row, LABELS)] ?? [];
    let names = before;
    for (const rename of this.#renames) {
      if (!names.includes(rename.was)) continue;
      const order = compare(rename.historyId, newest) || rename.line - line;
      if (order > 0) names = [...new Set(names.map((name) => (name === rename.was ? rename.label : name)))];
    }
    if (names !== before) this.#set(row, LABELS, this.#setNumber(names));
  }

  #setNumber(names: readonly string[]): number {
    const key = names.join('\0');
    let number = this.#setNumbers.get(key);
    if (number === undefined) {
      number = this.#sets.push([...new Set(names)]) - 1;
      this.#setNumbers.set(key, number);
    }
    return number;
  }

  /** The slot that holds the id's row, or the free one where the row belongs. */
  #slotOf(id: string, number: Halves): number {
    const mask = this.#slots.length - 1;
    let slot = hash(number) & mask;
    for (;;) {
      const row = (this.#slots[slot] ?? 0) - 1;
      if (row < 0 || this.#isId(row, id, number)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isId(row: number, id: string, { low, high }: Halves): boolean {
    if (this.#get(row, ID) !== low || this.#get(row, ID + 1) !== high) return false;
    return ((this.#get(row, FLAGS) >> ID_DIGITS) & 0xff) === id.length;
  }

  #growSlots(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < this.#rows; row += 1) {
      let slot = hash(this.#getHalves(row, ID)) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row + 1;
    }
    this.#slots = slots;
  }

  #hex(row: number, column: number, digits: number): string {
    const { low, high } = this.#getHalves(row, column);
    const length = (this.#get(row, FLAGS) >> digits) & 0xff;
    return (high.toString(16) + low.toString(16).padStart(8, '0')).padStart(16, '0').slice(-length);
  }

  #isBelow(value: Halves, row: number, column: number): boolean {
    const high = this.#get(row, column + 1);
    return value.high < high || (value.high === high && value.low < this.#get(row, column));
  }

  #block(row: number): Block {
    return this.#blocks[row >> BLOCK_BITS] as Block;
  }

  #get(row: number, column: number): number {
    return this.#block(row).words[(row % BLOCK_ROWS) * WORDS + column] as number;
  }

  #set(row: number, column: number, value: number): void {
    this.#block(row).words[(row % BLOCK_ROWS) * WORDS + column] = value;
  }

  #getHalves(row: number, column: number): Halves {
    return { low: this.#get(row, column), high: this.#get(row, column + 1) };
  }

  #setHalves(row: number, column: number, { low, high }: Halves): void {
    this.#set(row, column, low);
    this.#set(row, column + 1, high);
  }
}

/** Hexadecimal digits of a number without leading zeros. */
function digitsOf(low: number, high: number): number {
  const bits = high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
  return Math.ceil(bits / 4);
}

function hash({ low, high }: Halves): number {
  return Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> 8;
}

function halvesOfId(id: string): Halves {
  return { low: Number.parseInt(id.slice(-8), 16), high: id.length > 8 ? Number.parseInt(id.slice(0, -8), 16) : 0 };
}

const WORD = 2 ** 32;

function halvesOf(historyId: string): Halves {
  const number = Number(historyId);
  if (number <= Number.MAX_SAFE_INTEGER) return { low: number % WORD, high: Math.floor(number / WORD) };
  const exact = BigInt(historyId);
  return { low: Number(exact & 0xffff_ffffn), high: Number(exact >> 32n) };
}

function textOf({ low, high }: Halves): string {
  return String((BigInt(high) << 32n) | BigInt(low));
}

function compare(a: Halves, b: Halves): number {
  return a.high - b.high || a.low - b.low;
}
