/**
 * Files beside a copy that say under which ids its messages are in a mailbox again, so that a later run need not search
 * for them. A message that is not in these files is found by its Message-ID: see present.ts.
 */
import type { FileStore } from '../base/file-store.ts';
import { isObject, parseJson } from '../base/json.ts';
import { partPath } from '../export/index-writer.ts';
import { IdCollector, type IdSet, isMessageId } from '../gmail/ids.ts';
import { addressAsName } from '../store/place.ts';

const FOLDER = 'restored/';

/** A killed run loses at most so many lines: the next run searches for these messages. */
const MOST_LINES = 200;

export interface RecordContext {
  readonly store: FileStore;
  /** The mailbox's address. */
  readonly address: string;
  readonly runId: string;
  readonly giveUp: AbortSignal;
}

export class RestoreRecord {
  readonly #context: RecordContext;
  #lines: string[] = [];
  #part = 0;
  #flushing: Promise<void> = Promise.resolve();

  constructor(context: RecordContext) {
    this.#context = context;
  }

  /** The message `id` of the copy is in the mailbox as `as`. */
  async add(id: string, as: string): Promise<void> {
    this.#lines.push(`${JSON.stringify({ id, as })}\n`);
    if (this.#lines.length >= MOST_LINES) await this.flush();
  }

  flush(): Promise<void> {
    this.#flushing = this.#flushing.catch(() => undefined).then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    const { store, address, runId, giveUp } = this.#context;
    if (this.#lines.length === 0) return;
    const content = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    for (;;) {
      this.#part += 1;
      if (await store.create(partPath(folderOf(address), runId, this.#part), content, giveUp)) return;
    }
  }
}

/** The ids of the copy whose messages earlier runs put into the mailbox, and that are still in it: `listed` has its ids. */
export async function readRecords(
  store: FileStore,
  address: string,
  listed: IdSet,
  signal: AbortSignal,
): Promise<IdSet> {
  const there = new IdCollector();
  for await (const { path } of store.list(folderOf(address), signal)) {
    const file = path.endsWith('.jsonl') ? await store.read(path, signal) : null;
    for (const line of file?.content.toString().split('\n') ?? []) {
      const value = parseJson(line);
      if (!isObject(value)) continue;
      const { id, as } = value;
      if (isMessageId(id) && isMessageId(as) && listed.has(as)) there.add(id);
    }
  }
  return there.finish();
}

function folderOf(address: string): string {
  return `${FOLDER}${addressAsName(address)}/`;
}
