/** A copy as its index describes it: all lines of all parts, read into one small table in memory. */
import { isUtf8 } from 'node:buffer';
import type { FileStore, StoredFile } from '../base/file-store.ts';
import { mapAhead } from '../base/pool.ts';
import { timeOfRunId } from '../base/run-id.ts';
import { RefusedError } from '../errors.ts';
import type { IdSet } from '../gmail/ids.ts';
import { CopyTable, type TableMessage } from './copy-table.ts';
import { INDEX } from './index-writer.ts';
import { type Line, LineError, parseLine } from './line.ts';
import { pathOf } from './source-file.ts';

export interface CopyMessage extends TableMessage {
  /** The path of the file with the source. */
  readonly path: string;
}

export interface OpenCopyOptions {
  /** Reads only the parts of runs that began before this time. */
  readonly until?: Date;
}

/**
 * Reads the index of a copy. A file or line that is damaged is listed in `damage`, and the rest is read.
 * @throws JobError when the store cannot be read.
 */
export async function openCopy(store: FileStore, signal: AbortSignal, { until }: OpenCopyOptions = {}): Promise<Copy> {
  const damage = new DamageList();
  const parts: StoredFile[] = [];
  for await (const file of store.list(INDEX, signal)) {
    // Temporary names have other endings.
    if (!file.path.endsWith('.jsonl')) continue;
    if (isPartUntil(file.path, until, damage)) parts.push(file);
  }
  noteGaps(parts, damage);
  const table = new CopyTable();
  for await (const { path, content } of mapAhead(parts, AHEAD, (part) => beginPart(store, part, signal))) {
    signal.throwIfAborted();
    try {
      const chunks = await content();
      if (chunks === null) damage.add(path, 'vanished while the copy was read');
      else await readLines(path, chunks, damage, (line) => table.add(line));
    } catch (error) {
      // Such as an object of S3 that lacks its checksum.
      if (!(error instanceof RefusedError)) throw error;
      damage.add(path, error.message);
    }
  }
  table.finish();
  if (until === undefined) {
    for (const id of table.withoutFile()) damage.add(INDEX, `no line describes the file of message ${id}`);
  }
  return new Copy(table, damage);
}

/** The live messages of a copy, and those that are gone from the mailbox. */
export class Copy {
  readonly #table: CopyTable;
  readonly #damage: DamageList;

  /** Only for this file; others use `openCopy`. */
  constructor(table: CopyTable, damage: DamageList) {
    this.#table = table;
    this.#damage = damage;
  }

  /** The number of live messages. */
  get size(): number {
    return this.#table.live;
  }

  /** The first problems of the index, at most 300. */
  get damage(): readonly Damage[] {
    return this.#damage.first;
  }

  /** The number of all problems of the index. */
  get damageCount(): number {
    return this.#damage.count;
  }

  /** The names that labels had before they were renamed. */
  get formerNames(): ReadonlySet<string> {
    return this.#table.formerNames;
  }

  /** The ids of the live messages. */
  ids(): IdSet {
    return this.#table.collect((row) => this.#table.isLive(row));
  }

  /** The ids of the messages whose files are in the copy, deleted ones too. */
  allIds(): IdSet {
    return this.#table.collect((row) => this.#table.hasFile(row));
  }

  /** The labels of the live messages. */
  labelNames(): Set<string> {
    return this.#table.labelNames();
  }

  /** A message whose file is in the copy, also a deleted one. */
  get(id: string): CopyMessage | undefined {
    const row = this.#table.find(id);
    return row === undefined || !this.#table.hasFile(row) ? undefined : this.#message(row);
  }

  /** The live messages, in the order in which the copy got them. */
  *[Symbol.iterator](): Generator<CopyMessage, void, undefined> {
    for (let row = 0; row < this.#table.rows; row += 1) if (this.#table.isLive(row)) yield this.#message(row);
  }

  /** The messages whose files are in the copy, deleted ones too. */
  *all(): Generator<CopyMessage, void, undefined> {
    for (let row = 0; row < this.#table.rows; row += 1) if (this.#table.hasFile(row)) yield this.#message(row);
  }

  #message(row: number): CopyMessage {
    const message = this.#table.read(row);
    return { ...message, path: pathOf(message.id, message.date) };
  }
}

/** A problem of the index. */
export interface Damage {
  /** The file, and for a line its number: `index/…-0001.jsonl:12`. */
  readonly path: string;
  /** The end of a sentence that begins with the path. */
  readonly problem: string;
}

/** Such as `index/…-0001.jsonl:12: id is no id of a message`. */
export function describeDamage({ path, problem }: Damage): string {
  return `${path}: ${problem}`;
}

/** More problems than these are only counted. */
const MOST_LISTED = 300;

class DamageList {
  readonly first: Damage[] = [];
  count = 0;

  add(path: string, problem: string): void {
    this.count += 1;
    // Names of files may hold characters that control a terminal.
    if (this.first.length < MOST_LISTED) this.first.push({ path: printable(path), problem });
  }
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}

const PART = /^index\/([^/]+)-(\d{4,})\.jsonl$/;

/** Whether the file is a part of a run that began before `until`. */
function isPartUntil(path: string, until: Date | undefined, damage: DamageList): boolean {
  const [, runId] = PART.exec(path) ?? [];
  if (runId === undefined) {
    damage.add(path, 'is no part of the index');
    return false;
  }
  if (until === undefined) return true;
  const began = timeOfRunId(runId);
  if (began === null) damage.add(path, 'its name does not say when its run began');
  return began !== null && began < until;
}

/** When the first export of the copy began, as the name of its part says; undefined without a part. */
export async function findFirstExport(store: FileStore, signal: AbortSignal): Promise<Date | undefined> {
  for await (const { path } of store.list(INDEX, signal)) {
    const [, runId = ''] = PART.exec(path) ?? [];
    const began = timeOfRunId(runId);
    if (began !== null) return began;
  }
  return undefined;
}

/** A run numbers its parts from 1 without a gap. */
function noteGaps(parts: readonly StoredFile[], damage: DamageList): void {
  const expected = new Map<string, number>();
  for (const { path } of parts) {
    const [, runId = '', digits = ''] = PART.exec(path) ?? [];
    const part = Number(digits);
    const next = expected.get(runId) ?? 1;
    if (part !== next) {
      damage.add(path, part === next + 1 ? `part ${next} of its run is missing` : `parts before it are missing`);
    }
    expected.set(runId, part + 1);
  }
}

/** The parts that are read ahead of the one whose lines are being counted. */
const AHEAD = 16;

/** Larger files are read as a stream. A part that this program writes is hardly larger than 1 MB. */
const MOST_BYTES_AHEAD = 2 * 1024 * 1024;

type Chunks = Iterable<Buffer> | AsyncIterable<Buffer>;

interface BegunPart {
  readonly path: string;
  /** Null when there is no such file any more. */
  readonly content: () => Promise<Chunks | null>;
}

/** Begins to read a part. The error of a read is thrown by `content`, so that it concerns this part alone. */
async function beginPart(store: FileStore, { path, bytes }: StoredFile, signal: AbortSignal): Promise<BegunPart> {
  if (bytes > MOST_BYTES_AHEAD) return { path, content: () => store.open(path, signal) };
  const reading = store.read(path, signal);
  reading.catch(() => undefined);
  const content = async () => {
    const file = await reading;
    return file === null ? null : [file.content];
  };
  return { path, content };
}

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/** Above a message with all 10,000 labels of a mailbox. */
const MOST_LINE_BYTES = 8 * 1024 * 1024;

/** Calls `add` with each valid line of a part. */
async function readLines(path: string, chunks: Chunks, damage: DamageList, add: (line: Line) => void): Promise<void> {
  let number = 0;
  /** The beginning of a line whose end is in a later chunk. */
  let begun: Buffer[] = [];
  let begunBytes = 0;
  const finish = (end: Buffer) => {
    number += 1;
    const isTooLong = begunBytes + end.length > MOST_LINE_BYTES;
    const bytes = begunBytes === 0 || isTooLong ? end : Buffer.concat([...begun, end]);
    begun = [];
    begunBytes = 0;
    try {
      if (isTooLong) throw new LineError('is longer than 8 MB');
      const line = parseBytes(number === 1 ? withoutMark(bytes) : bytes);
      if (line !== null) add(line);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      damage.add(`${path}:${number}`, error.message);
    }
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      finish(chunk.subarray(from, end));
      from = end + 1;
    }
    const rest = chunk.subarray(from);
    begunBytes += rest.length;
    // The bytes of a line that is too long are only counted.
    if (begunBytes > MOST_LINE_BYTES) begun = [];
    else if (rest.length > 0) begun.push(rest);
  }
  if (begunBytes > 0) finish(Buffer.alloc(0));
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
}

/** Null for an empty line. @throws LineError for an invalid one. */
function parseBytes(bytes: Buffer): Line | null {
  if (!isUtf8(bytes)) throw new LineError('is no UTF-8');
  const text = bytes.toString('utf8');
  return text.trim() === '' ? null : parseLine(text);
}
