/**
 * Keeps the journal of one run: writes each portion of its plan into the mailbox before the portion's first change, and
 * records at the end which changes were made. The other journal-*.ts files say what a journal contains and how it is
 * stored; undo.ts reads it.
 */
import { orAbort } from '../base/clock.ts';
import type { BatchState } from '../gmail/apply-batches.ts';
import type { JournaledPortion, PlanJournal } from '../gmail/apply-plan.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { JOURNAL_LABEL } from '../gmail/own-labels.ts';
import type { QuotaWindow } from '../gmail/quota.ts';
import type { Log } from '../screen/log.ts';
import type { BatchProgress } from './journal-entries.ts';
import type { JournalRecord } from './journal-record.ts';
import type { JournalStore } from './journal-store.ts';

export interface RunJournalOptions {
  readonly mailbox: Mailbox;
  /** Opens the same mailbox with another signal, for requests after the run was told to stop. */
  readonly openAtEnd: (signal: AbortSignal) => Mailbox;
  readonly quota: Pick<QuotaWindow, 'holdBack' | 'release'> | undefined;
  /** Aborted when the run is told to stop. */
  readonly signal: AbortSignal;
  readonly runId: string;
  readonly job: string;
  readonly startedAt: Date;
  readonly wait: (ms: number) => Promise<void>;
  readonly log: Log;
}

/** The longest time that a complete run spends on marking its journal. */
const LONGEST_COMPLETE_MS = 5_000;

/** The longest time that an incomplete run spends on recording its changes. */
const LONGEST_CLOSE_MS = 10_000;

/** A run that is told to stop closes its journal after this time even if answers are missing, to be done before its exit. */
const CLOSE_AFTER_MS = 8_000;

interface KeptPortion {
  readonly portion: JournaledPortion;
  record: JournalRecord;
  /** The message that holds `record`. */
  messageId: string | undefined;
  readonly made: BatchProgress;
}

export class RunJournal implements PlanJournal {
  readonly #options: RunJournalOptions;
  #store: Promise<JournalStore> | undefined;
  #last: KeptPortion | undefined;
  /** How many changes the portions before `#last` made, and whether that is all of their changes. */
  #before = { count: 0, isWhole: true };
  #messageIds: readonly string[] = [];
  #closed: Promise<void> | undefined;
  #tidied: Promise<void> | undefined;
  /** The size of the run's earlier plans; a run plans again for messages that its searches missed. */
  #earlier = { parts: 0, messages: 0 };
  /** The size of all plans, including the present one. */
  #planned = { parts: 0, messages: 0 };

  constructor(options: RunJournalOptions) {
    this.#options = options;
  }

  /** Whether a journal was written, so that the run can be undone. */
  get isKept(): boolean {
    return this.#messageIds.length > 0;
  }

  /** Writes the portion's journal; resolves when Gmail has confirmed it, so that the changes may begin. */
  async writePortion(planned: JournaledPortion): Promise<void> {
    if (this.#last !== undefined) await this.#correct(this.#last, await this.#open());
    const portion = this.#continued(planned);
    const { log, mailbox, quota, runId, job, startedAt } = this.#options;
    const whole = mailbox.span?.whole;
    const store = await this.#open();
    const { entriesOf, BatchProgress } = await import('./journal-entries.ts');
    const entries = entriesOf(portion);
    const { part, parts, messages } = portion;
    const range = whole === undefined ? null : { fromS: whole.fromS, toS: whole.toS };
    const record: JournalRecord = { runId, job, startedAt, part, parts, messages, range, entries };
    const messageId = await store.write(record);
    log.info('journal.written', { part, parts, messages });
    if (this.#last === undefined) this.#closeWhenStopped();
    else this.#before = this.#totalMade(this.#last);
    this.#last = { portion, record, messageId, made: new BatchProgress(portion) };
    if (messageId !== undefined) this.#messageIds = [...this.#messageIds, messageId];
    quota?.holdBack();
  }

  /** Numbers the portion over all plans of the run. */
  #continued(portion: JournaledPortion): JournaledPortion {
    if (portion.part === 1) this.#earlier = this.#planned;
    const { parts, messages } = this.#earlier;
    this.#planned = { parts: parts + portion.parts, messages: messages + portion.messages };
    return { ...portion, part: parts + portion.part, ...this.#planned };
  }

  beginBatch(set: number, batch: number, messages: number, state: BatchState): void {
    this.#last?.made.begin(set, batch, messages, state);
  }

  /** Rewrites the last portion's journal without messages that were left out, so that an undo does not restore them. */
  async #correct(last: KeptPortion, store: JournalStore): Promise<void> {
    if (last.record.corrected || last.made.leftOut === 0) return;
    this.#options.quota?.release();
    const { entriesOf } = await import('./journal-entries.ts');
    const { portion, record, made, messageId } = last;
    const messages = record.messages - made.leftOut;
    const corrected = { ...record, messages, corrected: true, entries: entriesOf(portion, made.messages) } as const;
    last.messageId = await store.write(corrected);
    last.record = corrected;
    this.#planned = { ...this.#planned, messages: this.#planned.messages - made.leftOut };
    this.#messageIds = this.#messageIds.flatMap((id) => (id === messageId ? (last.messageId ?? []) : id));
    if (messageId !== undefined) await store.discard([messageId]);
    this.#options.log.info('journal.corrected', { part: record.part, leftOut: made.leftOut });
  }

  /**
   * Records that all changes were made; without that mark, an undo has to infer how far the run came. Gives up after 5
   * seconds, because the mark is not worth a wait for the quota.
   */
  async complete(): Promise<void> {
    const last = this.#last;
    if (last === undefined) return;
    await this.#attempt('journal.not_corrected', async () => this.#correct(last, await this.#open()));
    if (!this.#options.signal.aborted)
      this.#closed ??= this.#attempt('journal.unfinished', () => this.#recordComplete());
    await this.close();
  }

  async #recordComplete(): Promise<void> {
    const { wait, quota, signal } = this.#options;
    quota?.release();
    const conclude = async () => {
      if (this.#last !== undefined) await this.#conclude(await this.#open(), this.#last);
    };
    try {
      await Promise.race([conclude(), wait(LONGEST_COMPLETE_MS)]);
    } catch (error) {
      if (!signal.aborted) throw error;
      // The run was told to stop meanwhile, so its mailbox sends nothing any more; #recordMade opens another one.
      await this.#recordMade();
    }
  }

  /**
   * Records the changes that an incomplete run has made, so that an undo restores no other message. Does nothing after
   * `complete`. Never rejects.
   */
  async close(): Promise<void> {
    await this.#tidied;
    if (this.#last === undefined) return;
    this.#closed ??= this.#attempt('journal.not_closed', () => this.#recordMade());
    await this.#closed;
  }

  async #recordMade(): Promise<void> {
    const last = this.#last;
    if (last === undefined) return;
    this.#options.quota?.release();
    const signal = AbortSignal.timeout(LONGEST_CLOSE_MS);
    const { JournalStore } = await import('./journal-store.ts');
    const store = new JournalStore({ ...this.#options, mailbox: this.#options.openAtEnd(signal) });
    await orAbort(this.#writeMade(store, last), signal);
  }

  async #writeMade(store: JournalStore, last: KeptPortion): Promise<void> {
    const { portion, record, made, messageId } = last;
    const { part, parts } = portion;
    const { count, isWhole } = this.#totalMade(last);
    if (isWhole && part === parts) await this.#correct(last, store);
    if ((isWhole && part === parts) || count === 0) return await this.#conclude(store, last);
    const { entriesOf } = await import('./journal-entries.ts');
    const entries = entriesOf(portion, made.messages);
    const completed = this.#before.isWhole && !made.isDoubtful;
    await store.write({ ...record, parts: part, messages: count, revised: true, entries }, { completed });
    this.#options.log.info('journal.closed', { part, messages: count });
    if (messageId !== undefined) await store.discard([messageId]);
  }

  /** Marks the journals of a complete run; discards them when the run changed nothing. */
  async #conclude(store: JournalStore, last: KeptPortion): Promise<void> {
    if (this.#totalMade(last).count > 0) await store.complete(this.#messageIds);
    else await store.discard(this.#messageIds);
  }

  #totalMade({ made }: KeptPortion): { count: number; isWhole: boolean } {
    return { count: this.#before.count + made.count, isWhole: this.#before.isWhole && made.isWhole };
  }

  /** Closes the journal 8 seconds after the run is told to stop, since requests under way may still be answered. */
  #closeWhenStopped(): void {
    const { signal } = this.#options;
    const later = () => {
      if (this.#closed === undefined) setTimeout(() => this.close(), CLOSE_AFTER_MS).unref();
    };
    if (signal.aborted) later();
    else signal.addEventListener('abort', later, { once: true });
  }

  /** Puts journals older than KEPT_DAYS into the trash, once in a run. */
  begin(): Promise<void> {
    this.#tidied ??= this.#tidy();
    return this.#tidied;
  }

  async #tidy(): Promise<void> {
    const { mailbox, log } = this.#options;
    await this.#attempt('journal.not_tidied', async () => {
      if (!mailbox.live || (await mailbox.knownLabels()).find(JOURNAL_LABEL) === undefined) return;
      const count = await (await this.#open()).tidy();
      if (count > 0) log.info('journal.trashed', { count });
    });
  }

  /** Loads the store's code only in runs that need it. */
  #open(): Promise<JournalStore> {
    this.#store ??= import('./journal-store.ts').then(({ JournalStore }) => new JournalStore(this.#options));
    return this.#store;
  }

  /** Logs a failure as a warning, because a run that did its work must not fail for its journal. */
  async #attempt(event: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log.warn(event, { error: error instanceof Error ? error.message : String(error) });
    }
  }
}
