/** Writes the lines of a run, and counts a message as changed when its line is in a complete part of the index. */
import type { FileStore } from '../base/file-store.ts';
import type { Tally } from '../base/tally.ts';
import type { Progress } from '../screen/progress.ts';
import { IndexWriter } from './index-writer.ts';
import type { Line } from './line.ts';

export interface CountedLinesOptions {
  readonly store: FileStore;
  readonly runId: string;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly giveUp: AbortSignal;
}

export class CountedLines {
  readonly #writer: IndexWriter;
  readonly #tally: Tally;
  readonly #progress: Progress;
  #counted = 0;

  constructor({ store, runId, tally, progress, giveUp }: CountedLinesOptions) {
    this.#writer = new IndexWriter(store, runId, giveUp);
    this.#tally = tally;
    this.#progress = progress;
  }

  /** Adds the line of a message that is counted as matched. */
  async add(line: Line): Promise<void> {
    this.#progress.advance(1);
    await this.#writer.add(line);
    this.#count();
  }

  /** Writes the lines that are not in the index yet. */
  async flush(): Promise<void> {
    await this.#writer.flush();
    this.#count();
  }

  #count(): void {
    const { written } = this.#writer;
    this.#tally.changed(written - this.#counted);
    this.#counted = written;
  }
}
