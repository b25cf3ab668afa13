/** Compresses the source of a message, and computes its sums, while it arrives. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createGzip } from 'node:zlib';
import type { SourceSink } from '../gmail/raw-source.ts';
import type { PackedSource } from './source-file.ts';

/** Sources that are longer, in bytes, are packed one at a time: several would not fit into a dyno's memory. */
const LARGE_BYTES = 4 * 1024 * 1024;

/** Lets one large source at a time through. */
export class LargeSlot {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when all earlier callers have released the slot, to a function that releases it. */
  async take(): Promise<() => void> {
    const before = this.#last;
    const mine = Promise.withResolvers<void>();
    this.#last = mine.promise;
    await before;
    return mine.resolve;
  }
}

export class SourcePacker implements SourceSink {
  readonly #gzip = createGzip();
  readonly #hash = createHash('sha256');
  readonly #slot: LargeSlot;
  #packed: Buffer[] = [];
  #size = 0;
  #isAbandoned = false;
  #release: (() => void) | undefined;

  constructor(slot: LargeSlot) {
    this.#slot = slot;
    this.#gzip.on('data', (chunk: Buffer) => this.#packed.push(chunk));
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.#size <= LARGE_BYTES && this.#size + bytes.length > LARGE_BYTES) await this.#takeSlot();
    this.#size += bytes.length;
    this.#hash.update(bytes);
    if (!this.#gzip.write(bytes)) await once(this.#gzip, 'drain');
  }

  /** The packed source. Call `release` when it is stored. */
  async finish(): Promise<PackedSource> {
    this.#gzip.end();
    if (!this.#gzip.readableEnded) await once(this.#gzip, 'end');
    const gz = Buffer.concat(this.#packed);
    this.#packed = [];
    return { gz, size: this.#size, sha256: this.#hash.digest('hex') };
  }

  /** Frees the memory, also of a source that did not arrive whole. */
  release(): void {
    this.#isAbandoned = true;
    this.#packed = [];
    this.#gzip.destroy();
    this.#release?.();
  }

  async #takeSlot(): Promise<void> {
    const release = await this.#slot.take();
    if (this.#isAbandoned) release();
    else this.#release = release;
  }
}
