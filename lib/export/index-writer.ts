/** Writes the lines that a run finds into parts of the index, each of which appears whole or not at all. */
import type { FileStore } from '../base/file-store.ts';
import { formatLine, type Line } from './line.ts';

const MOST_LINES = 1_000;
const MOST_BYTES = 1024 * 1024;
/** A killed run loses the lines of at most this time: the next run reads these messages once more. */
const MOST_MS = 3 * 60_000;

export const INDEX = 'index/';

/** The path of a run's part in a folder, which ends with a slash. Parts are counted from 1. */
export function partPath(folder: string, runId: string, part: number): string {
  return `${folder}${runId}-${String(part).padStart(4, '0')}.jsonl`;
}

export class IndexWriter {
  readonly #store: FileStore;
  readonly #runId: string;
  readonly #giveUp: AbortSignal;
  readonly #now: () => number;
  #lines: string[] = [];
  #bytes = 0;
  #sinceMs = 0;
  #part = 0;
  #written = 0;
  /** The last flush: parts are written one after another. */
  #flushing: Promise<void> = Promise.resolve();

  /** `now` is a clock in milliseconds. */
  constructor(store: FileStore, runId: string, giveUp: AbortSignal, now: () => number = () => performance.now()) {
    this.#store = store;
    this.#runId = runId;
    this.#giveUp = giveUp;
    this.#now = now;
  }

  /** The number of lines in complete parts. */
  get written(): number {
    return this.#written;
  }

  /** Adds a line, and writes a part when 1,000 lines, 1 MB or 3 minutes have gathered. */
  async add(line: Line): Promise<void> {
    const text = formatLine(line);
    if (this.#lines.length === 0) this.#sinceMs = this.#now();
    this.#lines.push(text);
    this.#bytes += Buffer.byteLength(text);
    const isFull = this.#lines.length >= MOST_LINES || this.#bytes >= MOST_BYTES;
    if (isFull || this.#now() - this.#sinceMs >= MOST_MS) await this.flush();
  }

  /** Writes the lines that have gathered. When it rejects they are kept, and the next flush writes them. */
  flush(): Promise<void> {
    const flushing = this.#flushing.catch(() => undefined).then(() => this.#write());
    // The caller gets the error; the next flush begins all the same.
    this.#flushing = flushing.catch(() => undefined);
    return flushing;
  }

  async #write(): Promise<void> {
    const lines = this.#lines;
    if (lines.length === 0) return;
    const bytes = this.#bytes;
    this.#lines = [];
    this.#bytes = 0;
    try {
      await this.#create(Buffer.from(lines.join('')));
      this.#written += lines.length;
    } catch (error) {
      this.#lines = [...lines, ...this.#lines];
      this.#bytes += bytes;
      throw error;
    }
  }

  /** A part that exists already is from this run's own attempt whose answer was lost, or from a run with the same id. */
  async #create(content: Buffer): Promise<void> {
    for (;;) {
      const path = partPath(INDEX, this.#runId, this.#part + 1);
      const isNew = await this.#store.create(path, content, this.#giveUp);
      const isOurs = isNew || (await this.#store.read(path, this.#giveUp))?.content.equals(content) === true;
      this.#part += 1;
      if (isOurs) return;
    }
  }
}
