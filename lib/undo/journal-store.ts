/**
 * The journals of a mailbox: messages under a hidden label, written before a run changes anything. Only what this program
 * can have put there is believed, or thrown away: see `isOwn`.
 */

import { timeOfRunId } from '../base/run-id.ts';
import { type Label, labelSearch } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { COMPLETED_LABEL, JOURNAL_LABEL, UNDONE_LABEL } from '../gmail/own-labels.ts';
import { GmailRefusal } from '../gmail/responses.ts';
import {
  decodeJournal,
  encodeJournal,
  HEAD_NAMES,
  headersOf,
  isOwn,
  type JournalHead,
  KEPT_DAYS,
  OWN_NAMES,
  readHead,
  SENDER,
} from './journal-message.ts';
import { JournalError, type JournalRecord } from './journal-record.ts';
import { type JournaledRun, RunSearch } from './journal-search.ts';

/**
 * A search may not find the journal of a run that began so short a time ago, nor the last parts of one that has worked
 * for long; they are looked for again for half a minute.
 */
const YOUNG_MS = 10 * 60_000;
const LONG_RUN_MS = 70 * 60_000;
const POLL_MS = 3_000;
const POLLS = 10;

/** Journals whose headers `list` reads, for each run that it is to show. */
const READ_PER_RUN = 3;

/** Journals that one run throws away; each has to be read before. */
const MOST_TIDIED = 25;

/** Runs after another one that are looked at, by their journals, to see what that one had not come to. */
const MOST_LATER = 50;

/** How many runs are read to find the last one that was not undone: first 3, then more. */
const LAST_LIMITS = [3, 30, 300];

const DAY_MS = 86_400_000;

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
  /** Days until the journal is thrown away; 0 when the next run does it. */
  readonly daysLeft: number;
}

export class JournalStore {
  readonly #mailbox: JournalOptions['mailbox'];
  readonly #wait: JournalOptions['wait'];
  readonly #now: () => number;
  /** The journals that this run wrote. */
  readonly #written: string[] = [];

  constructor({ mailbox, wait, now = Date.now }: JournalOptions) {
    this.#mailbox = mailbox;
    this.#wait = wait;
    this.#now = now;
  }

  /**
   * Puts the record into the mailbox; in a dry run does nothing. Resolves only when Gmail has confirmed it: what it
   * tells may then be changed. Returns the journal's id. 25 quota units, and up to 6 once for each label.
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
    const id = await insert().catch(async (error) => {
      if (!(error instanceof GmailRefusal) || error.status !== 400) throw error;
      // Somebody may have deleted the label since it was listed.
      await this.#mailbox.labels();
      return await insert();
    });
    if (id !== undefined) this.#written.push(id);
    return id;
  }

  /** Notes that all changes of these journals were made, else of those written here. 5 quota units for each. */
  async complete(messageIds: readonly string[] = this.#written): Promise<void> {
    await this.#mark(messageIds, COMPLETED_LABEL);
  }

  /** Throws journals away of which nothing was made, or that were revised. 5 quota units for each. */
  async discard(messageIds: readonly string[]): Promise<void> {
    if (this.#mailbox.live && messageIds.length > 0) await this.#mailbox.changeOwn(messageIds, TO_TRASH);
  }

  /** Notes that a run was taken back. */
  async markUndone({ messageIds }: Pick<JournaledRun, 'messageIds'>): Promise<void> {
    await this.#mark(messageIds, UNDONE_LABEL);
  }

  /**
   * Throws journals away whose time is over, some at a time; returns how many. 5 quota units, and at most 25 more for
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
      OWN_NAMES,
    );
    const old = read.filter(({ header, labelIds }) => isOwn(header, labelIds, label.id)).map(({ id }) => id);
    if (old.length > 0) await this.#mailbox.changeOwn(old, TO_TRASH);
    return old.length;
  }

  /**
   * The journal of the run. 25 quota units, and 20 for each part after the first. `onWait` is told once when it is waited
   * for a journal that searches may not show yet.
   * @throws JournalError when there is none, or none that can be used.
   */
  async find(runId: string, onWait: (atMostMs: number) => void = () => {}): Promise<JournaledRun> {
    const beganAt = timeOfRunId(runId)?.getTime() ?? 0;
    const search = new RunSearch(this.#mailbox, runId);
    for (let poll = 0; ; poll += 1) {
      const labels = await this.#mailbox.labels();
      const label = labels.find(JOURNAL_LABEL);
      const run = label === undefined ? null : await search.look(label, labels);
      const whole = run !== null && run.missing === 0;
      const ageMs = this.#now() - beganAt;
      // Clocks differ a little, but no run began in a future that is further away.
      const young = ageMs > -YOUNG_MS && ageMs < (run === null ? YOUNG_MS : LONG_RUN_MS);
      if (whole || !young || poll === POLLS) return run ?? search.fail();
      if (poll === 0) onWait(POLLS * POLL_MS);
      await this.#wait(POLL_MS);
    }
  }

  /** What the next 50 journals tell that were written by runs after this time. 20 quota units for each. */
  async *after(startedAt: Date): AsyncGenerator<JournalRecord> {
    const label = (await this.#mailbox.knownLabels()).find(JOURNAL_LABEL);
    if (label === undefined) return;
    const fromS = Math.floor(startedAt.getTime() / 1_000) - 1;
    const found = await this.#mailbox.search(`${journalSearch(label)} after:${fromS}`, { journals: true });
    let left = MOST_LATER;
    for (const { id } of found.reverse()) {
      const message = await this.#mailbox.source(id);
      if (message === null || !isOwn(headersOf(message.raw), message.labelIds, label.id)) continue;
      if (message.labelIds.includes('TRASH')) continue;
      const record = readable(message.raw);
      if (record === null || record.startedAt <= startedAt) continue;
      yield record;
      left -= 1;
      if (left === 0) return;
    }
  }

  /**
   * The newest run that can be taken back and was not yet. About 100 quota units, more when many were.
   * @throws JournalError when there is none.
   */
  async last(): Promise<RunSummary> {
    for (const limit of LAST_LIMITS) {
      const runs = await this.list(limit);
      const last = runs.find(({ undone, daysLeft }) => !undone && daysLeft > 0);
      if (last !== undefined) return last;
      if (runs.length < limit) break;
    }
    throw new JournalError(
      `No run can be undone: no run of the last ${KEPT_DAYS} days kept a journal and is not yet undone`,
      '`job runs` lists the runs. The first run ever with a journal may appear after a minute.',
    );
  }

  /** The newest runs that have journals, the newest first. 20 quota units for each journal. */
  async list(limit: number): Promise<RunSummary[]> {
    const labels = await this.#mailbox.knownLabels();
    const label = labels.find(JOURNAL_LABEL);
    if (label === undefined) return [];
    const most = limit * READ_PER_RUN;
    const found = await this.#newest(label, most);
    const undoneId = labels.find(UNDONE_LABEL)?.id;
    const runs = new Map<string, RunSummary>();
    const made = new Map<string, number>();
    const lastParts = new Map<string, number>();
    for (let start = 0; start < found.length && runs.size <= limit; start += limit) {
      const ids = found.slice(start, start + limit);
      for (const message of await this.#mailbox.read(ids, [...HEAD_NAMES, ...OWN_NAMES])) {
        const isJournal = isOwn(message.header, message.labelIds, label.id) && !message.labelIds.includes('TRASH');
        const head = isJournal ? readHead(message.header) : null;
        if (head === null) continue;
        const { part, revised = false, ...rest } = head;
        const undone = undoneId !== undefined && message.labelIds.includes(undoneId);
        const age = (this.#now() - rest.startedAt.getTime()) / DAY_MS;
        const daysLeft = Math.max(0, Math.ceil(KEPT_DAYS - age));
        const known = runs.get(rest.runId);
        // A run may add to what it had planned, or leave some of it out: a later part knows more, and a revised one all.
        if (revised) made.set(rest.runId, rest.messages);
        const isLater = part >= (lastParts.get(rest.runId) ?? 0);
        if (isLater) lastParts.set(rest.runId, part);
        const messages = made.get(rest.runId) ?? (isLater ? rest.messages : (known?.messages ?? 0));
        runs.set(rest.runId, { ...rest, messages, daysLeft, undone: undone || known?.undone === true });
      }
    }
    return [...runs.values()].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime()).slice(0, limit);
  }

  /** The ids of the newest journals, the newest first, with those that searches do not show yet. */
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

/** The search for what may be a journal: only what `isOwn` says of a message tells whether it is one. */
function journalSearch({ name }: Label): string {
  return `${labelSearch(name)} from:${SENDER}`;
}

/** The record of a journal; null when it cannot be used. */
function readable(raw: Buffer): JournalRecord | null {
  try {
    return decodeJournal(raw);
  } catch (error) {
    if (error instanceof JournalError) return null;
    throw error;
  }
}
