/**
 * Copies messages: reads each source as a stream, stores it, and then writes its line. Small messages are read in lanes,
 * large ones one by one. A message that Gmail does not give fails alone; a failure of Gmail or of the store ends the work.
 */
import type { FileStore } from '../base/file-store.ts';
import type { Tally } from '../base/tally.ts';
import { CredentialError, RefusedError, UnavailableError } from '../errors.ts';
import type { GmailClient } from '../gmail/client.ts';
import { MAX_CONCURRENT } from '../gmail/concurrency.ts';
import { compareHistoryIds, laterHistoryId } from '../gmail/history-id.ts';
import type { IdSet } from '../gmail/ids.ts';
import { readProfile } from '../gmail/profile.ts';
import { readRawSource } from '../gmail/raw-source.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import { isInSpamOrTrash } from './changes.ts';
import type { Copy } from './copy.ts';
import type { CountedLines } from './counted-lines.ts';
import type { LabelNames } from './label-names.ts';
import type { MessageLine } from './line.ts';
import { LargeSlot, SourcePacker } from './packer.ts';
import { checkSource, copyDate, type PackedSource, pathOf, SourceError } from './source-file.ts';

/** The history ids that `firstHistoryIds` has. */
const MOST_FIRST_IDS = 10;

/** When Gmail denies access to so many messages in a row, it denies access to all. */
const MOST_DENIED = 3;

/** Messages of one minute under the profile `2026`: after each batch its large messages are read. */
const BATCH = 300;

export interface FetchContext {
  readonly client: GmailClient;
  readonly store: FileStore;
  readonly lines: CountedLines;
  readonly names: LabelNames;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Pick<Log, 'error'>;
  /** Ends reads. */
  readonly signal: AbortSignal;
  /** Ends writes. */
  readonly giveUp: AbortSignal;
  /** Whether messages in Spam and Trash are copied. */
  readonly withSpamTrash: boolean;
  /** The copy before this run. */
  readonly copy: Copy;
  /** The newest that Gmail has named. */
  readonly mailboxHistoryId: string;
}

export class Fetcher {
  readonly #context: FetchContext;
  readonly #formerNames: ReadonlySet<string>;
  readonly #slot = new LargeSlot();
  /** Aborted by a failure that ends the work. */
  readonly #fatal = new AbortController();
  readonly #signal: AbortSignal;
  #deniedInRow = 0;
  /** The ids of messages that Gmail did not give. */
  readonly failed: string[] = [];
  /** The history ids of the first messages that were stored, which are the newest ones, by their ids. */
  readonly firstHistoryIds = new Map<string, string>();
  /** Messages that were stored, and the bytes of their sources. */
  copied = 0;
  bytes = 0;

  constructor(context: FetchContext) {
    this.#context = context;
    this.#formerNames = context.copy.formerNames;
    this.#signal = AbortSignal.any([context.signal, this.#fatal.signal]);
  }

  /** Copies the messages, newest first. Settles when nothing is under way. Rejects with the failure that ended the work. */
  async fetch(ids: IdSet, large: IdSet): Promise<void> {
    for (let end = ids.size; end > 0; end -= BATCH) {
      const batch = ids.slice(Math.max(0, end - BATCH), end);
      const small = batch.without(large);
      await this.#inLanes(small.list(), MAX_CONCURRENT, false);
      await this.#inLanes(batch.without(small).list(), 1, true);
    }
  }

  async #inLanes(ids: readonly string[], lanes: number, isLarge: boolean): Promise<void> {
    const waiting = ids.values();
    const lane = async () => {
      for (const id of waiting) {
        if (this.#signal.aborted) return;
        await this.#copy(id, isLarge).catch((error: unknown) => this.#fatal.abort(error));
      }
    };
    await Promise.all(Array.from({ length: Math.min(lanes, ids.length) }, lane));
    this.#signal.throwIfAborted();
  }

  async #copy(id: string, isLarge: boolean): Promise<void> {
    const { client, names, tally, progress, withSpamTrash } = this.#context;
    let packer: SourcePacker | undefined;
    const openSink = () => {
      packer?.release();
      packer = new SourcePacker(this.#slot);
      return packer;
    };
    try {
      const message = await readRawSource(client, id, this.#signal, { openSink, isLarge });
      // It was deleted, or moved to Spam or Trash, after it was listed.
      if (message === null || (!withSpamTrash && isInSpamOrTrash(message.labelIds))) {
        tally.skipped(1);
        progress.advance(1);
        return;
      }
      const source = await (packer as SourcePacker | undefined)?.finish();
      if (source === undefined) throw new Error(`no source of the message ${id} was read`);
      const { threadId, historyId, internalDateMs } = message;
      const labels = await names.of(message.labelIds);
      const date = copyDate(internalDateMs);
      await this.#store(pathOf(id, date), source);
      const { size, sha256 } = source;
      if (this.copied < MOST_FIRST_IDS) this.firstHistoryIds.set(id, historyId);
      this.copied += 1;
      this.bytes += size;
      const line = { id, threadId, date: date.toISOString(), size, sha256, labels, historyId };
      await this.#context.lines.add(line).catch(failOfStore);
      const newer = this.#newerHistoryId(line);
      if (newer === null) return;
      tally.matched(1);
      await this.#context.lines.add({ id, labels, historyId: newer }).catch(failOfStore);
    } catch (error) {
      await this.#fail(id, error);
    } finally {
      (packer as SourcePacker | undefined)?.release();
    }
  }

  /** The history id for a second line, where a line that the copy has already would change what this message's line says. */
  #newerHistoryId({ id, labels, historyId }: MessageLine): string | null {
    const { copy, mailboxHistoryId } = this.#context;
    const known = copy.get(id);
    // The copy calls the message deleted, wrongly.
    if (known?.deleted) return laterHistoryId(known.historyId, mailboxHistoryId);
    // Another label has the former name of a renamed one.
    const isRenamed = labels.some((name) => this.#formerNames.has(name));
    return isRenamed && compareHistoryIds(historyId, mailboxHistoryId) < 0 ? mailboxHistoryId : null;
  }

  /** @throws SourceError when the copy has another file there. */
  async #store(path: string, source: PackedSource): Promise<void> {
    const { store, giveUp } = this.#context;
    if (await store.create(path, source.gz, giveUp).catch(failOfStore)) return;
    // A killed run, or one at the same time, stored it.
    await checkSource(store, path, source, giveUp).catch((error: unknown) => {
      if (error instanceof SourceError) throw error;
      failOfStore(error);
    });
  }

  /** @throws the error when it does not concern the message alone. */
  async #fail(id: string, error: unknown): Promise<void> {
    const { client, tally, progress, log } = this.#context;
    if (error instanceof StoreFailure) throw error.cause;
    const isDamaged = error instanceof SourceError;
    if (!isDamaged) {
      const isDenied = error instanceof CredentialError;
      if (!(isDenied || error instanceof UnavailableError || error instanceof RefusedError)) throw error;
      if (isDenied) this.#deniedInRow += 1;
      if (isDenied && this.#deniedInRow === MOST_DENIED) throw error;
      // Gmail that answers this does not give the one message; else Gmail is away, and the next message would fail, too.
      await readProfile(client, this.#signal);
    }
    this.failed.push(id);
    tally.failed(1);
    progress.advance(1);
    const reason = isDamaged ? `the file of the message ${error.message}` : (error as Error).message;
    log.error('export.message_failed', { id, reason });
  }
}

/** Wraps a failure of the store, whose classes are those of Gmail's failures. */
class StoreFailure extends Error {
  constructor(cause: unknown) {
    super('the store failed', { cause });
  }
}

function failOfStore(error: unknown): never {
  throw new StoreFailure(error);
}
