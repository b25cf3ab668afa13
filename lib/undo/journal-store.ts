/**
 * Stores journals as messages under a hidden label of the mailbox, and finds, lists and discards them. Reads and discards
 * only messages that this program inserted: see `isOwnJournal`.
 */
import { DAY_MS } from '../base/duration.ts';
import { timeOfRunId } from '../base/run-id.ts';
import { type Label, labelSearch } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { COMPLETED_LABEL, JOURNAL_LABEL, UNDONE_LABEL } from '../gmail/own-labels.ts';
import { GmailRefusal } from '../gmail/responses.ts';
import {
  decodeJournal,
  encodeJournal,
  HEAD_HEADERS,
  headersOf,
  isOwnJournal,
  JOURNAL_SENDER,
  type JournalHead,
  KEPT_DAYS,
  OWN_HEADERS,
  readHead,
} from './journal-message.ts';
import { JournalError, type JournalRecord } from './journal-record.ts';
import { type JournaledRun, JournalSearch } from './journal-search.ts';

/**
 * Gmail's search may not show the journal of a run that started less than 10 minutes ago, nor the last parts of one that
 * started less than 70 minutes ago; `find` repeats the search for half a minute.
 */
const YOUNG_MS = 10 * 60_000;
const LONG_RUN_MS = 70 * 60_000;
const POLL_MS = 3_000;
const POLLS = 10;

/** How many journals `list` reads at most for each run: large runs have several. */
const READ_PER_RUN = 3;

/** How many journals one run discards; each has to be read first, for 20 quota units. */
const MOST_TIDIED = 25;

/** How many journals of later runs an undo reads, to learn which changes a killed run never made. */
const MOST_LATER = 50;

/** How many journals `last` searches for: one page. */
const MOST_JOURNALS = 500;

/** How many journals `last` reads before it checks whether it has found its run. */
const READ_AT_ONCE = 3;

const TO_TRASH = { addLabelIds: ['TRASH'], removeLabelIds: [] };

export interface JournalOptions {
  readonly mailbox: Pick<
    Mailbox,
    | 'addedSince'
    | 'live'
    | 'labels'
    | 'knownLabels'
    | 'hiddenLabel'
    | 'search'
    | 'insert'
    | 'read'
    | 'source'
    | 'changeOwn'
  >;
  readonly wait: (ms: number) => Promise<void>;
  readonly now?: () => number;
}

/** One run as `job runs` shows it. */
export interface RunSummary extends Omit<JournalHead, 'part' | 'revised'> {
  readonly undone: boolean;
  /** Days until the journal is discarded; 0 when the next run discards it. */
  readonly daysLeft: number;
}

export class JournalStore {
  readonly #mailbox: JournalOptions['mailbox'];
  readonly #wait: JournalOptions['wait'];
  readonly #now: () => number;

  constructor({ mailbox, wait, now = Date.now }: JournalOptions) {
    this.#mailbox = mailbox;
    this.#wait = wait;
    this.#now = now;
  }

  /**
   * Puts the record into the mailbox and returns its message id; does nothing in a dry run. Resolves when Gmail has
   * confirmed the message. 25 quota units, and up to 6 once for each label.
   */
  async write(record: JournalRecord, { completed = false } = {}): Promise<string | undefined> {
    if (!this.#mailbox.live) return undefined;
    const raw = encodeJournal(record);
    const insert = async () => {
      const labels = [await this.#mailbox.hiddenLabel(JOURNAL_LABEL)];
      if (completed) labels.push(await this.#mailbox.hiddenLabel(COMPLETED_LABEL));
      const labelIds = labels.map(({ id }) => id);
      // A second copy does no harm, so an insert whose answer was lost is sent again.
      return await this.#mailbox.insert(raw, labelIds, { repeatable: true });
    };
    return await insert().catch(async (error) => {
      if (!(error instanceof GmailRefusal) || error.status !== 400) throw error;
      // Somebody may have deleted the label since it was listed.
      await this.#mailbox.labels();
      return await insert();
    });
  }

  /** Marks journals as those of a complete run. 5 quota units each. */
  async complete(messageIds: readonly string[]): Promise<void> {
    await this.#mark(messageIds, COMPLETED_LABEL);
  }

  /** Puts journals into the trash. 5 quota units each. */
  async discard(messageIds: readonly string[]): Promise<void> {
    if (this.#mailbox.live && messageIds.length > 0) await this.#mailbox.changeOwn(messageIds, TO_TRASH);
  }

  /** Marks the run's journals as undone. 5 quota units each. */
  async markUndone({ messageIds }: Pick<JournaledRun, 'messageIds'>): Promise<void> {
    await this.#mark(messageIds, UNDONE_LABEL);
  }

  /**
   * Puts up to 25 journals older than KEPT_DAYS into the trash; returns how many. 5 quota units, and at most 25 more for
   * each.
   */
  async tidy(): Promise<number> {
    if (!this.#mailbox.live) return 0;
    const label = (await this.#mailbox.knownLabels()).find(JOURNAL_LABEL);
    if (label === undefined) return 0;
    const query = `${journalSearch(label)} older_than:${KEPT_DAYS}d -in:inbox`;
    const found = await this.#mailbox.search(query, { journals: true, limit: MOST_TIDIED });
    const read = await this.#mailbox.read(
      found.map(({ id }) => id),
      OWN_HEADERS,
    );
    const old = read.filter(({ header, labelIds }) => isOwnJournal(header, labelIds, label.id)).map(({ id }) => id);
    if (old.length > 0) await this.#mailbox.changeOwn(old, TO_TRASH);
    return old.length;
  }

  /**
   * Returns the run's journal. 25 quota units, and 20 for each part after the first. Calls `onWait` once before it waits
   * for a journal that searches may not show yet.
   * @throws JournalError when there is no usable journal.
   */
  async find(runId: string, onWait: (atMostMs: number) => void = () => {}): Promise<JournaledRun> {
    const beganAt = timeOfRunId(runId)?.getTime() ?? 0;
    const search = new JournalSearch(this.#mailbox, runId);
    for (let poll = 0; ; poll += 1) {
      const labels = await this.#mailbox.labels();
      const label = labels.find(JOURNAL_LABEL);
      const run = label === undefined ? null : await search.look(label, labels);
      const whole = run !== null && run.missing === 0;
      const ageMs = this.#now() - beganAt;
      // The machine that started the run may have a clock up to 10 minutes ahead of this one.
      const young = ageMs > -YOUNG_MS && ageMs < (run === null ? YOUNG_MS : LONG_RUN_MS);
      if (whole || !young || poll === POLLS) return run ?? search.fail();
      if (poll === 0) onWait(POLLS * POLL_MS);
      await this.#wait(POLL_MS);
    }
  }

  /** Reads the next 50 journals of runs that started after this time, the oldest first. 20 quota units each. */
  async *after(startedAt: Date): AsyncGenerator<JournalRecord> {
    const label = (await this.#mailbox.knownLabels()).find(JOURNAL_LABEL);
    if (label === undefined) return;
    const fromS = Math.floor(startedAt.getTime() / 1_000) - 1;
    const found = await this.#mailbox.search(`${journalSearch(label)} after:${fromS}`, { journals: true });
    let left = MOST_LATER;
    for (const { id } of found.reverse()) {
      const message = await this.#mailbox.source(id);
      if (message === null || !isOwnJournal(headersOf(message.raw), message.labelIds, label.id)) continue;
      if (message.labelIds.includes('TRASH')) continue;
      const record = readable(message.raw);
      if (record === null || record.startedAt <= startedAt) continue;
      yield record;
      left -= 1;
      if (left === 0) return;
    }
  }

  /**
   * Returns the newest run that can be undone and was not. About 100 quota units, more when the newest runs are undone.
   * @throws JournalError when there is no such run.
   */
  async last(): Promise<RunSummary> {
    const isOpen = ({ undone, daysLeft }: RunSummary) => !undone && daysLeft > 0;
    // The newest journal may belong to a run that started before another one, so some more runs are compared.
    const isEnough = (runs: readonly RunSummary[]) => runs.length > READ_AT_ONCE && runs.some(isOpen);
    const last = (await this.#summarize(MOST_JOURNALS, READ_AT_ONCE, isEnough)).find(isOpen);
    if (last !== undefined) return last;
    throw new JournalError(
      `No run can be undone: every run of the last ${KEPT_DAYS} days is already undone or kept no journal`,
      '`job runs` lists the runs. The first journal of a mailbox may take a minute to appear.',
    );
  }

  /** Returns the newest runs that have journals, the newest first. 20 quota units for each journal. */
  async list(limit: number): Promise<RunSummary[]> {
    const runs = await this.#summarize(limit * READ_PER_RUN, limit, ({ length }) => length > limit);
    return runs.slice(0, limit);
  }

  /** Reads the headers of up to `most` journals, the newest first, `atOnce` at a time until `isEnough`. */
  async #summarize(
    most: number,
    atOnce: number,
    isEnough: (runs: readonly RunSummary[]) => boolean,
  ): Promise<RunSummary[]> {
    const labels = await this.#mailbox.knownLabels();
    const label = labels.find(JOURNAL_LABEL);
    if (label === undefined) return [];
    const found = await this.#newest(label, most);
    const undoneId = labels.find(UNDONE_LABEL)?.id;
    const runs = new Map<string, RunSummary>();
    const made = new Map<string, number>();
    const lastParts = new Map<string, number>();
    for (let start = 0; start < found.length && !isEnough([...runs.values()]); start += atOnce) {
      const ids = found.slice(start, start + atOnce);
      for (const message of await this.#mailbox.read(ids, [...HEAD_HEADERS, ...OWN_HEADERS])) {
        const isJournal =
          isOwnJournal(message.header, message.labelIds, label.id) && !message.labelIds.includes('TRASH');
        const head = isJournal ? readHead(message.header) : null;
        if (head === null) continue;
        const { part, revised = false, ...rest } = head;
        const undone = undoneId !== undefined && message.labelIds.includes(undoneId);
        const age = (this.#now() - rest.startedAt.getTime()) / DAY_MS;
        const daysLeft = Math.max(0, Math.ceil(KEPT_DAYS - age));
        const known = runs.get(rest.runId);
        // A run may plan again or leave messages out: a later part has the newer count, and a revised part the final one.
        if (revised) made.set(rest.runId, rest.messages);
        const isLater = part >= (lastParts.get(rest.runId) ?? 0);
        if (isLater) lastParts.set(rest.runId, part);
        const messages = made.get(rest.runId) ?? (isLater ? rest.messages : (known?.messages ?? 0));
        runs.set(rest.runId, { ...rest, messages, daysLeft, undone: undone || known?.undone === true });
      }
    }
    return [...runs.values()].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  }

  /** The ids of the newest journals, the newest first, including those that the search does not show yet. */
  async #newest(label: Label, most: number): Promise<string[]> {
    const listed = await this.#mailbox.search(journalSearch(label), { journals: true, limit: most });
    const ids = listed.map(({ id }) => id);
    const [newest] = await this.#mailbox.read(ids.slice(0, 1), []);
    if (newest?.historyId === undefined) return ids;
    const added = await this.#mailbox.addedSince(newest.historyId, label.id);
    return [...added.filter((id) => !ids.includes(id)).reverse(), ...ids];
  }

  async #mark(messageIds: readonly string[], name: string): Promise<void> {
    if (!this.#mailbox.live || messageIds.length === 0) return;
    const { id } = await this.#mailbox.hiddenLabel(name);
    await this.#mailbox.changeOwn(messageIds, { addLabelIds: [id], removeLabelIds: [] });
  }
}

/** Finds all journals, and possibly other mail: check each message with `isOwnJournal`. */
function journalSearch({ name }: Label): string {
  return `${labelSearch(name)} from:${JOURNAL_SENDER}`;
}

/** Returns null for a journal that cannot be used. */
function readable(raw: Buffer): JournalRecord | null {
  try {
    return decodeJournal(raw);
  } catch (error) {
    if (error instanceof JournalError) return null;
    throw error;
  }
}
