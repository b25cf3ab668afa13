/** The journal of one run: how each portion of its changes is taken back, written down before the first of them. */
import { GmailRefusal } from '../gmail/answers.ts';
import type { JournalPage } from '../gmail/carry-out.ts';
import { IdSet } from '../gmail/ids.ts';
import { JOURNAL_LABEL } from '../gmail/journal-label.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { Log } from '../log.ts';
import type { JournalEntry, JournalRecord } from './record.ts';
import type { JournalStore } from './store.ts';

export interface RunJournalOptions {
  readonly mailbox: Mailbox;
  readonly runId: string;
  readonly job: string;
  readonly startedAt: Date;
  readonly wait: (ms: number) => Promise<void>;
  readonly log: Log;
}

/** The note that a run is complete may take this long. */
const LONGEST_NOTE_MS = 5_000;

export class RunJournal {
  readonly #options: RunJournalOptions;
  #store: Promise<JournalStore> | undefined;
  /** Parts and messages of the rounds before, and with the present one. */
  #before = { parts: 0, messages: 0 };
  #last = { parts: 0, messages: 0 };

  constructor(options: RunJournalOptions) {
    this.#options = options;
  }

  /** Writes a page; resolves when Gmail has it, so that its changes may begin. */
  async keep(page: JournalPage): Promise<void> {
    const { log, mailbox, runId, job, startedAt } = this.#options;
    const whole = mailbox.span?.whole;
    const store = await this.#open();
    // The run may look again for what it has missed: then further parts follow.
    if (page.part === 1) this.#before = this.#last;
    const part = this.#before.parts + page.part;
    const parts = this.#before.parts + page.parts;
    const messages = this.#before.messages + page.messages;
    this.#last = { parts, messages };
    const range = whole === undefined ? null : { fromS: whole.fromS, toS: whole.toS };
    const record: JournalRecord = { runId, job, startedAt, part, parts, messages, range, entries: entriesOf(page) };
    await store.write(record);
    log.info('journal.written', { part, parts, messages });
  }

  /**
   * Notes that all changes were made; a run without that note can be taken back too, but less exactly. Not worth waiting
   * for the quota: it is given up after some seconds.
   */
  async complete(): Promise<void> {
    const { wait } = this.#options;
    const note = this.#besides('journal.unfinished', async () => (await this.#store)?.complete());
    await Promise.race([note, wait(LONGEST_NOTE_MS).catch(() => undefined)]);
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
    this.#store ??= import('./store.ts').then(({ JournalStore }) => new JournalStore(this.#options));
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

/** What each set does to its messages, part by part of the portion, and before that which of them are hidden places. */
function entriesOf({ portion, plan, resolved }: JournalPage): JournalEntry[] {
  const entries: JournalEntry[] = [];
  const all = IdSet.union(portion.flatMap(({ changes }) => changes.map(({ ids }) => ids)));
  for (const { label, ids } of plan.places ?? []) {
    const marks = all.marks(ids);
    const there = all.filter((at) => marks[at] === 1);
    if (there.size === 0) continue;
    // An entry that changes nothing says in which state the messages were all along.
    const step = { id: label, name: label, add: true };
    entries.push({ rule: label, steps: [step], ids: there, changes: [new Uint8Array(there.size)] });
  }
  for (const { changes } of portion) {
    for (const [set, { ids, effects = [] }] of changes.entries()) {
      const labels = resolved[set];
      if (ids.size === 0 || labels === undefined || labels instanceof GmailRefusal) continue;
      const steps = labels.flatMap((step, index) => (step === null ? [] : [{ step, flags: effects[index] ?? null }]));
      entries.push({
        rule: plan.sets[set]?.name ?? '',
        steps: steps.map(({ step }) => step),
        ids,
        changes: steps.map(({ flags }) => flags),
      });
    }
  }
  return entries;
}
