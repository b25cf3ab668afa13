/** The journal of one run: how each portion of its changes is taken back, written down before the first of them. */
import { orAbort } from '../base/clock.ts';
import type { BatchState } from '../gmail/apply-batches.ts';
import type { JournaledPortion, PlanJournal } from '../gmail/apply-plan.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { JOURNAL_LABEL } from '../gmail/own-labels.ts';
import type { QuotaWindow } from '../gmail/quota.ts';
import type { Log } from '../screen/log.ts';
import type { MadeChanges } from './journal-entries.ts';
import type { JournalRecord } from './journal-record.ts';
import type { JournalStore } from './journal-store.ts';

export interface RunJournalOptions {
  readonly mailbox: Mailbox;
  /** The same mailbox for what is done when the run was told to stop; it ends with the signal. */
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

/** The note that a run is complete may take this long. */
const LONGEST_NOTE_MS = 5_000;

/** To tell what an incomplete run has made may take this long. */
const LONGEST_CLOSE_MS = 10_000;

/** After so long it is done also when answers are still missing: soon after, the run gives them up, and itself. */
const PATIENCE_MS = 8_000;

/** A portion that was written down. */
interface Kept {
  readonly page: JournaledPortion;
  record: JournalRecord;
  /** The journal's. */
  messageId: string | undefined;
  readonly made: MadeChanges;
}

export class RunJournal implements PlanJournal {
  readonly #options: RunJournalOptions;
  #store: Promise<JournalStore> | undefined;
  /** The portion that was kept last. */
  #last: Kept | undefined;
  /** The changes that were made of the portions before, and whether it was all of them. */
  #before = { count: 0, isWhole: true };
  #messageIds: readonly string[] = [];
  #closed: Promise<void> | undefined;
  /** Parts and messages of what the run has planned before, and with its present plan. */
  #earlier = { parts: 0, messages: 0 };
  #planned = { parts: 0, messages: 0 };

  constructor(options: RunJournalOptions) {
    this.#options = options;
  }

  /** Whether something was written down: then what was changed can be taken back. */
  get isKept(): boolean {
    return this.#messageIds.length > 0;
  }

  /** Writes a page; resolves when Gmail has it, so that its changes may begin. */
  async writePortion(planned: JournaledPortion): Promise<void> {
    if (this.#last !== undefined) await this.#correct(this.#last, await this.#open());
    const page = this.#continued(planned);
    const { log, mailbox, quota, runId, job, startedAt } = this.#options;
    const whole = mailbox.span?.whole;
    const store = await this.#open();
    const { entriesOf, MadeChanges } = await import('./journal-entries.ts');
    const entries = entriesOf(page);
    const { part, parts, messages } = page;
    const range = whole === undefined ? null : { fromS: whole.fromS, toS: whole.toS };
    const record: JournalRecord = { runId, job, startedAt, part, parts, messages, range, entries };
    const messageId = await store.write(record);
    log.info('journal.written', { part, parts, messages });
    if (this.#last === undefined) this.#closeWhenStopped();
    else this.#before = this.#madeInAll(this.#last);
    this.#last = { page, record, messageId, made: new MadeChanges(page) };
    if (messageId !== undefined) this.#messageIds = [...this.#messageIds, messageId];
    quota?.holdBack();
  }

  /** The page with its numbers among all that the run plans: it may plan again, for what it has missed. */
  #continued(page: JournaledPortion): JournaledPortion {
    if (page.part === 1) this.#earlier = this.#planned;
    const { parts, messages } = this.#earlier;
    this.#planned = { parts: parts + page.parts, messages: messages + page.messages };
    return { ...page, part: parts + page.part, ...this.#planned };
  }

  beginBatch(set: number, batch: number, messages: number, trace: BatchState): void {
    this.#last?.made.begin(set, batch, messages, trace);
  }

  /** Rewrites the last portion's journal without the messages that were left out: an undo must not treat them as changed. */
  async #correct(last: Kept, store: JournalStore): Promise<void> {
    if (last.record.corrected || last.made.leftOut === 0) return;
    this.#options.quota?.release();
    const { entriesOf } = await import('./journal-entries.ts');
    const { page, record, made, messageId } = last;
    const messages = record.messages - made.leftOut;
    const corrected = { ...record, messages, corrected: true, entries: entriesOf(page, made.messages) } as const;
    last.messageId = await store.write(corrected);
    last.record = corrected;
    this.#planned = { ...this.#planned, messages: this.#planned.messages - made.leftOut };
    this.#messageIds = this.#messageIds.flatMap((id) => (id === messageId ? (last.messageId ?? []) : id));
    if (messageId !== undefined) await store.discard([messageId]);
    this.#options.log.info('journal.corrected', { part: record.part, leftOut: made.leftOut });
  }

  /**
   * Notes that all changes were made; a run without that note can be taken back too, but less exactly. Not worth waiting
   * for the quota: it is given up after some seconds.
   */
  async complete(): Promise<void> {
    const last = this.#last;
    if (last !== undefined) {
      await this.#besides('journal.not_corrected', async () => this.#correct(last, await this.#open()));
    }
    if (!this.#options.signal.aborted) this.#closed ??= this.#besides('journal.unfinished', () => this.#note());
    await this.close();
  }

  async #note(): Promise<void> {
    const { wait, quota, signal } = this.#options;
    quota?.release();
    const note = async () => {
      if (this.#last !== undefined) await this.#conclude(await this.#open(), this.#last);
    };
    try {
      await Promise.race([note(), wait(LONGEST_NOTE_MS)]);
    } catch (error) {
      if (!signal.aborted) throw error;
      // Told to stop in the middle of it, the run can say so only as one that ends before its end does.
      await this.#tellAtEnd();
    }
  }

  /**
   * Tells, when the run ends before its end, what it has changed, so that no more than this is taken back. Never rejects,
   * and does nothing when the run is complete.
   */
  async close(): Promise<void> {
    if (this.#last === undefined) return;
    this.#closed ??= this.#besides('journal.not_closed', () => this.#tellAtEnd());
    await this.#closed;
  }

  async #tellAtEnd(): Promise<void> {
    const last = this.#last;
    if (last === undefined) return;
    this.#options.quota?.release();
    const signal = AbortSignal.timeout(LONGEST_CLOSE_MS);
    const { JournalStore } = await import('./journal-store.ts');
    const store = new JournalStore({ ...this.#options, mailbox: this.#options.openAtEnd(signal) });
    await orAbort(this.#tell(store, last), signal);
  }

  async #tell(store: JournalStore, last: Kept): Promise<void> {
    const { page, record, made, messageId } = last;
    const { part, parts } = page;
    const { count, isWhole } = this.#madeInAll(last);
    if (isWhole && part === parts) await this.#correct(last, store);
    if ((isWhole && part === parts) || count === 0) return await this.#conclude(store, last);
    const { entriesOf } = await import('./journal-entries.ts');
    const entries = entriesOf(page, made.messages);
    const completed = this.#before.isWhole && !made.isDoubtful;
    await store.write({ ...record, parts: part, messages: count, revised: true, entries }, { completed });
    this.#options.log.info('journal.closed', { part, messages: count });
    if (messageId !== undefined) await store.discard([messageId]);
  }

  /** Notes that the run is complete; where nothing was changed, there is nothing to keep. */
  async #conclude(store: JournalStore, last: Kept): Promise<void> {
    if (this.#madeInAll(last).count > 0) await store.complete(this.#messageIds);
    else await store.discard(this.#messageIds);
  }

  #madeInAll({ made }: Kept): { count: number; isWhole: boolean } {
    return { count: this.#before.count + made.count, isWhole: this.#before.isWhole && made.isWhole };
  }

  /** What is under way then may still be answered; but when it is not, the run is given up, and this would be too late. */
  #closeWhenStopped(): void {
    const { signal } = this.#options;
    const later = () => {
      if (this.#closed === undefined) setTimeout(() => this.close(), PATIENCE_MS).unref();
    };
    if (signal.aborted) later();
    else signal.addEventListener('abort', later, { once: true });
  }

  /** Throws journals away whose time is over. */
  async tidy(): Promise<void> {
    const { mailbox, log } = this.#options;
    await this.#besides('journal.not_tidied', async () => {
      if (!mailbox.live || (await mailbox.knownLabels()).find(JOURNAL_LABEL) === undefined) return;
      const count = await (await this.#open()).tidy();
      if (count > 0) log.info('journal.trashed', { count });
    });
  }

  /** Its code is loaded only by runs that need it. */
  #open(): Promise<JournalStore> {
    this.#store ??= import('./journal-store.ts').then(({ JournalStore }) => new JournalStore(this.#options));
    return this.#store;
  }

  /** Does what must not make a run fail that has done its work. */
  async #besides(event: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log.warn(event, { error: error instanceof Error ? error.message : String(error) });
    }
  }
}
