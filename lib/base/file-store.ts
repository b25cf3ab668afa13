/** The interface by which jobs keep files in a folder (store/folder.ts) or in a bucket of S3 (aws/s3.ts). */
import type { Readable } from 'node:stream';

export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
}

export interface FileContent {
  readonly content: Buffer;
  /** Another value after each replacement of the file. */
  readonly version: string;
}

/**
 * Files by their paths, such as `messages/2026/11/18f0.eml.gz`, relative to one place. A file appears whole or not at all.
 * Every method rejects with a JobError when the place is missing, denied or away, and with the signal's reason on abort.
 */
export interface FileStore {
  /** The place in messages: `s3://bucket/prefix`, or the path of a folder. */
  readonly name: string;
  /** The whole file; null when there is none. */
  read(path: string, signal: AbortSignal): Promise<FileContent | null>;
  /**
   * The file as a stream; null when there is none. The stream ends with an error when the connection breaks, and with a
   * RefusedError when the content lacks the checksum that the store keeps.
   */
  open(path: string, signal: AbortSignal): Promise<Readable | null>;
  /** The last `bytes` bytes of the file; null when there is no file. */
  readEnd(path: string, bytes: number, signal: AbortSignal): Promise<Buffer | null>;
  /** Creates a file. Returns false, and changes nothing, when there is one already. */
  create(path: string, content: Uint8Array, signal: AbortSignal): Promise<boolean>;
  /**
   * Replaces the file whose version is `version`; null creates the file. Returns the new version, or null, without a change,
   * when the file has another version.
   */
  replace(path: string, content: Uint8Array, version: string | null, signal: AbortSignal): Promise<string | null>;
  /** The files whose paths begin with `prefix`, in ascending order of their paths; unfinished files are left out. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredFile>;
  /** Rejects when a new file could not be created. Leaves nothing behind. */
  requireWritable(signal: AbortSignal): Promise<void>;
  /** Closes connections. */
  close(): void;
}
