/** The files of a copy that hold messages: their paths, their compressed form, and their sums. */
import { createHash } from 'node:crypto';
import { pipeline, type Readable, Transform } from 'node:stream';
import { crc32, createGunzip } from 'node:zlib';
import type { FileStore } from '../base/file-store.ts';
import { RefusedError } from '../errors.ts';

/** The last moment that a path can have: the end of the year 9999. */
const LAST_MS = 253_402_300_799_999;

/** Gmail's own date in milliseconds since 1970, moved into the years 1970 to 9999, which a line can hold. */
export function copyDate(internalDateMs: number): Date {
  return new Date(Math.min(Math.max(internalDateMs, 0), LAST_MS));
}

/** Such as `messages/2026/11/18f0.eml.gz`; the month in UTC. */
export function pathOf(id: string, date: Date): string {
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  const month = String(date.getUTCMonth() + 1).padStart(2, '0');
  return `messages/${year}/${month}/${id}.eml.gz`;
}

/** The id in a path that `pathOf` made for some date; null for another path. */
export function idOfPath(path: string): string | null {
  return /^messages\/\d{4}\/(?:0[1-9]|1[0-2])\/([0-9a-f]{1,16})\.eml\.gz$/.exec(path)?.[1] ?? null;
}

export interface PackedSource {
  readonly gz: Buffer;
  /** Bytes of the source before packing. */
  readonly size: number;
  /** The sum of the source before packing, in hexadecimal digits. */
  readonly sha256: string;
}

export interface ExpectedSource {
  readonly size: number;
  readonly sha256: string;
}

/** A message's file is not the one that its line describes. The message is the reason. */
export class SourceError extends Error {}

/**
 * The unpacked source of a message as a stream. The stream ends with a SourceError unless the source has the expected size
 * and sum: a reader may trust the source only after the stream has ended.
 * @throws SourceError when there is no file.
 */
export async function openSource(
  store: FileStore,
  path: string,
  expected: ExpectedSource,
  signal: AbortSignal,
): Promise<Readable> {
  const packed = await store.open(path, signal);
  if (packed === null) throw new SourceError('is missing');
  const ends = new EndsOfFile();
  const unpack = createGunzip();
  const check = new SourceCheck(expected, ends);
  // Before pipeline's own listener: errors of the decompression are about the file, those of `packed` about the store.
  unpack.once('error', (error) => {
    if (packed.errored === null) check.destroy(new SourceError('is no sound gzip file', { cause: error }));
  });
  // The store compares a file with the checksum that it keeps.
  packed.once('error', (error) => {
    if (error instanceof RefusedError) check.destroy(new SourceError('lacks its checksum', { cause: error }));
  });
  pipeline(packed, ends, unpack, check, () => undefined);
  return check;
}

/** Reads a whole file against its line, with little memory. @throws SourceError when they differ, or there is no file. */
export async function checkSource(
  store: FileStore,
  path: string,
  expected: ExpectedSource,
  signal: AbortSignal,
): Promise<void> {
  for await (const _ of await openSource(store, path, expected, signal)) signal.throwIfAborted();
}

/**
 * The bytes that begin a gzip file without a name and a time. The last two depend on the level of compression and on how
 * Node was built: levels 1 and 9 write 4 and 2. Source: RFC 1952.
 */
const HEADER: readonly (readonly (number | undefined)[])[] = [
  ...[0x1f, 0x8b, 8, 0, 0, 0, 0, 0].map((byte) => [byte]),
  [0, 2, 4],
  [0x03, 0x13],
];
const TRAILER_BYTES = 8;

/** Passes a gzip file on, and keeps its first and last bytes. */
class EndsOfFile extends Transform {
  first = Buffer.alloc(0);
  last = Buffer.alloc(0);

  override _transform(chunk: Buffer, _: BufferEncoding, done: (error: Error | null, chunk: Buffer) => void): void {
    if (this.first.length < HEADER.length) this.first = Buffer.concat([this.first, chunk]).subarray(0, HEADER.length);
    this.last =
      chunk.length >= TRAILER_BYTES
        ? Buffer.from(chunk.subarray(-TRAILER_BYTES))
        : Buffer.concat([this.last, chunk]).subarray(-TRAILER_BYTES);
    done(null, chunk);
  }
}

/** Passes a source on, and fails at its end, or as soon as it is too long, when it is not the expected one. */
class SourceCheck extends Transform {
  readonly #expected: ExpectedSource;
  readonly #ends: EndsOfFile;
  readonly #hash = createHash('sha256');
  #size = 0;
  #crc = 0;

  constructor(expected: ExpectedSource, ends: EndsOfFile) {
    super();
    this.#expected = expected;
    this.#ends = ends;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: (error: Error | null, chunk?: Buffer) => void): void {
    this.#size += chunk.length;
    if (this.#size > this.#expected.size) {
      done(new SourceError(`unpacks to more than the ${this.#expected.size} bytes of its line`));
      return;
    }
    this.#hash.update(chunk);
    this.#crc = crc32(chunk, this.#crc);
    done(null, chunk);
  }

  override _flush(done: (error?: Error | null) => void): void {
    done(this.#problem());
  }

  #problem(): SourceError | null {
    const { size, sha256 } = this.#expected;
    if (this.#size !== size) return new SourceError(`unpacks to ${this.#size} bytes, but its line says ${size}`);
    if (this.#hash.digest('hex') !== sha256) return new SourceError('has another SHA-256 than its line says');
    // Node's gunzip ignores bytes after the end, and a changed byte of the header.
    const trailer = Buffer.alloc(TRAILER_BYTES);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(size, 4);
    if (!this.#ends.last.equals(trailer)) return new SourceError('has further bytes behind the end of the message');
    const changed = HEADER.filter((bytes, index) => !bytes.includes(this.#ends.first[index])).length;
    // Another program's gzip header differs in several bytes.
    if (changed === 1) return new SourceError('has a changed byte in its gzip header');
    return null;
  }
}

/** The size of the source as the last four bytes of a gzip file have it; undefined for a shorter file. */
export function sizeInTrailer(end: Buffer): number | undefined {
  return end.length >= 4 ? end.readUInt32LE(end.length - 4) : undefined;
}
