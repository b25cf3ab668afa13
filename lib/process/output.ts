/**
 * Puts the redactor in front of stdout and stderr. A write may end in the middle of a secret, so the guard holds back the
 * last bytes of a write while they may be the beginning of a secret. Other files are left to Node's permission model.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { format } from 'node:util';
import { REDACTED, type Redactor } from './redact.ts';
import { replaceFunction } from './replace.ts';

type Fd = 1 | 2;

/** The end of a text that may begin a secret. Secrets hold no spaces, except between the numbers of a list of bytes. */
const MAY_BEGIN_SECRET = /(?:[!-~\x80-\xff]|(?<=\b[0-9a-f]{2}|\d,) )*$/;

/** The redactor searches a large write in pieces of this size, to bound the memory. */
const PIECE_BYTES = 65_536;

/** Node prints at most 50 bytes of a Buffer, in three characters each: `<Buffer 61 62 …>`. */
const BUFFER_DUMP_BYTES = 192;

/** Cuts secrets out of the writes to one file descriptor. */
export class Scrubber {
  readonly #redactor: Redactor;
  /** The last written bytes: a secret that continues now may have begun there. */
  #context = '';
  /** The bytes that are held back. */
  #pending = '';
  /** Whether the output ends with `[redacted]`, so that the rest of the same secret adds no second mark. */
  #inSecret = false;
  readonly #jsonLine = new JsonLine();

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  /** Long enough to contain the beginning of a printed Buffer. */
  get #contextBytes(): number {
    return Math.max(BUFFER_DUMP_BYTES, this.#redactor.reach);
  }

  get atLineStart(): boolean {
    return /(^|\n)$/.test(this.#context + this.#pending);
  }

  /** Returns the bytes that are safe to write now, from earlier chunks and this one. */
  write(chunk: Buffer): Buffer {
    if (chunk.length <= PIECE_BYTES) return this.#writePiece(chunk);
    const out: Buffer[] = [];
    for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
      out.push(this.#writePiece(chunk.subarray(start, start + PIECE_BYTES)));
    }
    return Buffer.concat(out);
  }

  #writePiece(chunk: Buffer): Buffer {
    const fresh = this.#pending + chunk.toString('latin1');
    const reach = this.#redactor.reach;
    const tail = MAY_BEGIN_SECRET.exec(fresh.slice(-reach))?.[0].length ?? 0;
    return this.#release(fresh, reach === 0 ? fresh.length : fresh.length - Math.min(tail, reach - 1));
  }

  /** Returns the bytes that are held back. Call it when no other write follows. */
  flush(): Buffer {
    return this.#release(this.#pending, this.#pending.length);
  }

  #release(fresh: string, count: number): Buffer {
    const text = this.#context + fresh;
    const mask = this.#redactor.mask(text);
    const from = this.#context.length;
    const end = from + count;
    this.#jsonLine.keepWhole(text, mask, from, end);
    const clean: string[] = [];
    // Joins whole runs: a string joined from single characters takes many times the memory.
    for (let start = from; start < end; ) {
      const secret = mask?.[start] === 1;
      const next = mask?.indexOf(secret ? 0 : 1, start) ?? -1;
      const stop = next === -1 ? end : Math.min(next, end);
      if (!secret) clean.push(text.slice(start, stop));
      else if (!this.#inSecret) clean.push(REDACTED);
      this.#inSecret = secret;
      start = stop;
    }
    this.#pending = fresh.slice(count);
    // Copies through a Buffer, since V8's slice would keep the whole text in memory.
    this.#context = Buffer.from(text.slice(0, end).slice(-this.#contextBytes), 'latin1').toString('latin1');
    return Buffer.from(clean.join(''), 'latin1');
  }
}

/** Keeps lines of JSON valid: never cuts out quotes, brackets and escapes together with a secret. */
class JsonLine {
  /** How many bytes of the line were read so far, at most 2. */
  #column = 0;
  #isJson = false;
  #inString = false;
  /** How many bytes of an escape sequence follow. */
  #escape = 0;
  /** Whether the last byte was the backslash of an escape. */
  #isEscaping = false;
  /** How many bytes of an escape sequence that is cut out as a whole follow. */
  #cut = 0;

  /** Unmarks the structure of JSON lines between `from` and `end` of `latin1`. */
  keepWhole(latin1: string, mask: Uint8Array | null, from: number, end: number): void {
    for (let i = from; i < end; i += 1) {
      const character = latin1[i] as string;
      if (character === '\n') this.#column = 0;
      else if (this.#column < 2) this.#begin(character);
      if (mask !== null && this.#escape === 0 && isMarkedEscape(latin1, mask, i)) this.#cut = UNICODE_ESCAPE;
      if (this.#isJson && this.#isStructure(character) && mask !== null && this.#cut === 0) mask[i] = 0;
      if (this.#cut > 0) this.#cut -= 1;
    }
  }

  #begin(character: string): void {
    if (this.#column === 0) {
      this.#inString = false;
      this.#escape = 0;
    }
    this.#isJson = character === '{"'[this.#column] && (this.#column === 0 || this.#isJson);
    this.#column += 1;
  }

  #isStructure(character: string): boolean {
    if (this.#escape > 0) {
      this.#escape = this.#isEscaping && character === 'u' ? 4 : this.#escape - 1;
      this.#isEscaping = false;
      return true;
    }
    if (character === '"') this.#inString = !this.#inString;
    else if (this.#inString && character === '\\') {
      this.#escape = 1;
      this.#isEscaping = true;
    }
    return /["\\{}[\]]/.test(character) || (!this.#inString && /[:,\s]/.test(character));
  }
}

/** The length of a sequence such as `\u0041`. */
const UNICODE_ESCAPE = 6;

function isMarkedEscape(latin1: string, mask: Uint8Array, start: number): boolean {
  const end = start + UNICODE_ESCAPE;
  return latin1.startsWith('\\u', start) && end <= mask.length && !mask.subarray(start, end).includes(0);
}

export interface GuardedOutput {
  /** Writes the bytes that are held back. Call it when no other write follows. */
  flush(): void;
  /** Whether the next write to stdout begins a line. */
  atLineStart(): boolean;
  /** The same streams for progress bars and prompts. They hold no bytes back, so the screen always shows all text. */
  readonly screens: { readonly stdout: NodeJS.WriteStream; readonly stderr: NodeJS.WriteStream };
}

/**
 * Puts the redactor in front of `write` and `end` of stdout and stderr, `fs.writeSync` to descriptors 1 and 2, and
 * `process._rawDebug`.
 * @throws ConfigError when this Node lacks one of these functions, except `_rawDebug`, which is undocumented.
 */
export function guardOutput(redactor: Redactor, process: NodeJS.Process, modules = { fs }): GuardedOutput {
  const scrubbers: Record<Fd, Scrubber> = { 1: new Scrubber(redactor), 2: new Scrubber(redactor) };
  const { writeSync } = modules.fs;

  // Before fs.writeSync is replaced: when stdout is a file, Node's stream takes fs.writeSync at the first read of
  // `process.stdout`. With the replaced function, every byte would pass the redactor twice (seen with 24.21).
  for (const [fd, name] of [
    [1, 'stdout'],
    [2, 'stderr'],
  ] as const) {
    const stream = process[name];
    replaceFunction({ process }, `process.${name}.write`, (write) => (data, encoding, done) => {
      const clean = scrubbers[fd].write(asBuffer(data, encoding));
      return Reflect.apply(write, stream as never, [clean, typeof encoding === 'function' ? encoding : done]);
    });
    // `end` would write past this guard, and would close the stream before the final line.
    replaceFunction({ process }, `process.${name}.end`, () => (...args) => {
      const [data, encoding] = args;
      if (data != null && typeof data !== 'function') stream.write(data as string, encoding as BufferEncoding);
      const done = args.find((arg) => typeof arg === 'function');
      if (done !== undefined) stream.once('finish', done as () => void);
      // stream.pipeline waits for this event.
      queueMicrotask(() => stream.emit('finish'));
      return stream;
    });
    stream.on('error', ignoreUnwritable);
  }
  replaceFunction(modules, 'fs.writeSync', (write) => (fd, data, ...rest) => {
    if (fd !== 1 && fd !== 2) return Reflect.apply(write, modules.fs as never, [fd, data, ...rest]);
    const bytes = selected(data, rest);
    tryWrite(() => writeSync(fd, scrubbers[fd].write(bytes)));
    return bytes.length;
  });
  if ('_rawDebug' in process) {
    const print = (...values: unknown[]) => process.stderr.write(`${format(...values)}\n`);
    replaceFunction({ process }, 'process._rawDebug', () => print);
  }
  syncBuiltinESMExports();

  const flush = (fd: Fd) => {
    const rest = scrubbers[fd].flush();
    if (rest.length > 0) tryWrite(() => writeSync(fd, rest));
  };
  const screen = (fd: Fd, stream: NodeJS.WriteStream): NodeJS.WriteStream => {
    const draw = (data: string) => {
      const written = stream.write(data);
      flush(fd);
      return written;
    };
    return Object.create(stream, { write: { value: draw } });
  };
  return {
    flush() {
      flush(1);
      flush(2);
    },
    atLineStart: () => scrubbers[1].atLineStart,
    screens: { stdout: screen(1, process.stdout), stderr: screen(2, process.stderr) },
  };
}

/** The bytes that `fs.writeSync` would write, by its offset and length. */
function selected(data: unknown, [first, second]: unknown[]): Buffer {
  if (typeof data === 'string') return asBuffer(data, second);
  const bytes = asBuffer(data);
  const range = (typeof first === 'object' && first !== null ? first : { offset: first, length: second }) as {
    offset?: unknown;
    length?: unknown;
  };
  const offset = typeof range.offset === 'number' ? range.offset : 0;
  return bytes.subarray(offset, typeof range.length === 'number' ? offset + range.length : undefined);
}

function asBuffer(data: unknown, encoding?: unknown): Buffer {
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(String(data), Buffer.isEncoding(encoding as string) ? (encoding as BufferEncoding) : 'utf8');
}

function tryWrite(write: () => void): void {
  try {
    write();
  } catch (error) {
    ignoreUnwritable(error);
  }
}

/** Codes for a closed pipe (`| head`) and a full disk: neither may end a run that changes a mailbox. */
const UNWRITABLE = new Set(['EPIPE', 'EIO', 'ENOSPC', 'EDQUOT', 'EFBIG']);

function ignoreUnwritable(error: unknown): void {
  if (!UNWRITABLE.has(String((error as NodeJS.ErrnoException).code))) throw error;
}
