/**
 * One file with many messages, in the form mboxrd: before each message a line `From <sender> <date>`, behind it an empty
 * line, and one more `>` before each line of the message that begins with `From ` or with `>`s and `From `. Source:
 * www.qmail.org/man/man5/mbox.html, RFC 4155.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, link, lstat, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import {
  codeOf,
  deleteLeftovers,
  FILE_MODE,
  FOLDER_MODE,
  NO_HARD_LINKS,
  removeIfThere,
  syncFolder,
  unlessMissing,
} from '../store/file-system.ts';
import { headerIn, headIn, LONGEST_HEAD } from './source-headers.ts';
import { withUnixLines } from './unix-lines.ts';

const LF = 0x0a;
const NEWLINE = Buffer.from('\n');
const QUOTE = Buffer.from('>');
const FROM = Buffer.from('From ');

/** A live run writes into its unfinished file more often than this. */
const LEFTOVER_MS = 60 * 60 * 1_000;

/** An mbox that is being written, under another name than its own until `publish`. */
export class MboxFile implements AsyncDisposable {
  /** The path that `publish` gives to the file. */
  readonly path: string;
  readonly #folder: string;
  readonly #unfinished: string;
  readonly #handle: FileHandle;
  #isOpen = true;
  #bytes = 0;

  private constructor(path: string, folder: string, unfinished: string, handle: FileHandle) {
    this.path = path;
    this.#folder = folder;
    this.#unfinished = unfinished;
    this.#handle = handle;
  }

  /** Makes the folder if it is missing. `name` is the file's name in it. @throws ConfigError when there is such a file. */
  static async create(folder: string, name: string): Promise<MboxFile> {
    const path = join(folder, name);
    await requireNoMbox(path);
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    await deleteLeftovers(folder, (other) => other.startsWith(unfinishedPrefix(name)), LEFTOVER_MS);
    const unfinished = join(folder, `${unfinishedPrefix(name)}${randomBytes(9).toString('hex')}`);
    // For appending: the file grows at its end also after it was cut.
    return new MboxFile(path, folder, unfinished, await open(unfinished, 'ax', FILE_MODE));
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a message. When `source` fails, the error is thrown and the file is as before. */
  async append(date: Date, source: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    let bytes = 0;
    try {
      for await (const piece of mboxEntry(date, source)) {
        await this.#handle.appendFile(piece);
        bytes += piece.length;
      }
    } catch (error) {
      await this.#handle.truncate(this.#bytes);
      throw error;
    }
    this.#bytes += bytes;
  }

  /** Gives the file its name. @throws ConfigError when there is such a file by now. */
  async publish(): Promise<void> {
    await this.#handle.sync();
    await this.#close();
    try {
      await link(this.#unfinished, this.path);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw taken(this.path);
      if (!NO_HARD_LINKS.has(codeOf(error))) throw error;
      await requireNoMbox(this.path);
      await rename(this.#unfinished, this.path);
    }
    await syncFolder(this.#folder);
  }

  /** Deletes the unfinished file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await removeIfThere(this.#unfinished);
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
  }
}

/** @throws ConfigError when there is a file at `path`. */
export async function requireNoMbox(path: string): Promise<void> {
  if ((await unlessMissing(lstat(path))) !== null) throw taken(path);
}

/** A mail program may have changed the file, or may have it open, so it is not replaced. */
function taken(path: string): ConfigError {
  return new ConfigError(
    `${path} exists, and an mbox is never replaced`,
    'Move the file away or delete it, or name another folder. (A Maildir can be brought up to date: --as maildir.)',
  );
}

function unfinishedPrefix(name: string): string {
  return `.${name}.unfinished-`;
}

/** A message as an mbox has it. */
export async function* mboxEntry(
  date: Date,
  source: Iterable<Buffer> | AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  const quotes = new FromQuotes();
  let isBegun = false;
  let start: Buffer = Buffer.alloc(0);
  let last = LF;
  const begin = (): Buffer => {
    isBegun = true;
    return Buffer.concat([Buffer.from(`From ${senderIn(headIn(start))} ${asctime(date)}\n`), quotes.quote(start)]);
  };
  for await (const chunk of withUnixLines(source)) {
    last = chunk.at(-1) ?? last;
    if (isBegun) {
      yield quotes.quote(chunk);
      continue;
    }
    // The sender must be known before the first line is written.
    start = start.length === 0 ? chunk : Buffer.concat([start, chunk]);
    if (start.length >= LONGEST_HEAD) yield begin();
  }
  const entry = isBegun ? [] : [begin()];
  yield Buffer.concat([...entry, quotes.end(), ...(last === LF ? [] : [NEWLINE]), NEWLINE]);
}

/** Puts a `>` before `From ` at the beginning of a line, behind the `>`s that are there; chunk by chunk. */
class FromQuotes {
  /** How many bytes of `From ` the line has so far, behind `>`s; null when it does not begin like this. */
  #matched: number | null = 0;

  quote(given: Buffer): Buffer {
    // The part of `From ` at the end of the last chunk was not passed on.
    const chunk = this.#matched === null || this.#matched === 0 ? given : Buffer.concat([this.end(), given]);
    const pieces: Buffer[] = [];
    let from = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#matched === null) {
        const newline = chunk.indexOf(LF, at);
        if (newline === -1) break;
        at = newline + 1;
        this.#matched = 0;
      } else if (chunk[at] === FROM[this.#matched]) {
        at += 1;
        this.#matched += 1;
        if (this.#matched < FROM.length) continue;
        pieces.push(chunk.subarray(from, at - FROM.length), QUOTE);
        from = at - FROM.length;
        this.#matched = null;
      } else if (this.#matched === 0 && chunk[at] === QUOTE[0]) {
        at += 1;
      } else {
        this.#matched = null;
      }
    }
    pieces.push(chunk.subarray(from, chunk.length - (this.#matched ?? 0)));
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  /** The rest, when the last chunk ended with a part of `From `. */
  end(): Buffer {
    const held = FROM.subarray(0, this.#matched ?? 0);
    this.#matched = 0;
    return held;
  }
}

/** Printable ASCII without spaces and angle brackets. */
const ADDRESS = /^[!-;=?-~]+@[!-;=?-~]+$/;

/** The sender for the line before a message: of the envelope, else of the header From. */
function senderIn(head: Buffer): string {
  const value = headerIn(head, 'Return-Path') || headerIn(head, 'From');
  const address = (/<([^<>]*)>[^<>]*$/.exec(value)?.[1] ?? value).trim();
  // Reports about mail that could not be delivered have no sender.
  return ADDRESS.test(address) ? address : 'MAILER-DAEMON';
}

/** The date in UTC as asctime(3) writes it, such as `Thu Jan  1 00:00:00 1970`. */
function asctime(date: Date): string {
  const [weekday, day = '', month, year, time] = date.toUTCString().split(/,? /);
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}
