/** Finds the journal of one run, part by part: by the parts' Message-IDs, among messages with the journal's label. */
import { type Label, type LabelDirectory, labelSearch } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { MessageSource } from '../gmail/messages.ts';
import { COMPLETED_LABEL, UNDONE_LABEL } from '../gmail/own-labels.ts';
import { decodeJournal, headersOf, isOwnJournal, journalMessageIds, KEPT_DAYS } from './journal-message.ts';
import { JournalError, type JournalRecord } from './journal-record.ts';

/** How many parts one search looks for. */
const PARTS_AT_ONCE = 8;

export interface JournaledRun {
  readonly startedAt: Date;
  /** One for each part that was found, ascending. */
  readonly records: readonly JournalRecord[];
  /** Whether the run recorded that it made all its changes. */
  readonly completed: boolean;
  readonly undone: boolean;
  /** How many parts were not found: the run was killed before it wrote them, or somebody deleted them. */
  readonly missing: number;
  /** The ids of the messages that hold the parts. */
  readonly messageIds: readonly string[];
  /** The history id of the last change of one of these messages, which was at the run's end or later. */
  readonly historyId: string | undefined;
}

/** A message that `isOwnJournal` accepted; its record, or why the record cannot be used. */
interface ReadPart extends Omit<MessageSource, 'raw'> {
  readonly record: JournalRecord | JournalError;
}

/** Searches for one run's journal, repeatedly while Gmail's search catches up, and reads each message once. */
export class JournalSearch {
  readonly #mailbox: Pick<Mailbox, 'search' | 'source'>;
  readonly #runId: string;
  /** By message id. */
  readonly #read = new Map<string, ReadPart>();

  constructor(mailbox: Pick<Mailbox, 'search' | 'source'>, runId: string) {
    this.#mailbox = mailbox;
    this.#runId = runId;
  }

  /** Returns null when the search finds no usable part now. */
  async look(label: Label, labels: LabelDirectory): Promise<JournaledRun | null> {
    const records = new Map<number, JournalRecord>();
    const messageIds: string[] = [];
    const historyIds: string[] = [];
    const marks = new Set<string>();
    let parts = 0;
    let last: number | undefined;
    // A run that planned again has more parts than its first parts say, so the loop goes on after a complete group.
    for (let from = 1; from === 1 || from <= parts || records.has(from - 1); from += PARTS_AT_ONCE) {
      for (const [id, { record, labelIds, historyId }] of await this.#readParts(label, from)) {
        if (record instanceof JournalError || labelIds.includes('TRASH')) continue;
        if (record.revised) last = record.part;
        const known = records.get(record.part);
        const isBetter = record.revised || (record.corrected && !known?.revised);
        if (known === undefined || isBetter) records.set(record.part, record);
        messageIds.push(id);
        if (historyId !== undefined) historyIds.push(historyId);
        for (const labelId of labelIds) marks.add(labelId);
        parts = Math.max(parts, record.parts);
      }
      if (last !== undefined) parts = last;
      if (last !== undefined && from + PARTS_AT_ONCE > last) break;
    }
    // The revised part is the run's last: no change of a later part was made.
    const sorted = [...records.values()].filter(({ part }) => part <= parts).sort((a, b) => a.part - b.part);
    const [first] = sorted;
    if (first === undefined) return null;
    const marked = (name: string) => marks.has(labels.find(name)?.id ?? '');
    return {
      startedAt: first.startedAt,
      records: sorted,
      completed: marked(COMPLETED_LABEL),
      undone: marked(UNDONE_LABEL),
      missing: parts - sorted.length,
      messageIds,
      historyId: historyIds.sort(byNumber).at(-1),
    };
  }

  /** @throws JournalError always, with the reason why `look` found no usable part. */
  fail(): never {
    const found = [...this.#read.values()];
    const broken = found.find(({ record, labelIds }) => record instanceof JournalError && !labelIds.includes('TRASH'));
    if (broken !== undefined) throw broken.record;
    if (found.length > 0) {
      throw new JournalError(
        `The journal of the run ${this.#runId} is in the trash: the run can no longer be undone`,
        `Journals go there after ${KEPT_DAYS} days, and at once when the run has changed nothing. If somebody put it there by mistake, take it out of the trash and run the command again.`,
      );
    }
    throw new JournalError(
      `There is no journal of the run ${this.#runId}: it changed nothing, kept no journal, or is older than ${KEPT_DAYS} days`,
      '`job runs` lists the runs that can be undone.',
    );
  }

  async #readParts(label: Label, from: number) {
    const messageIds = Array.from({ length: PARTS_AT_ONCE }, (_, index) =>
      journalMessageIds(this.#runId, from + index),
    ).flat();
    const terms = messageIds.map((messageId) => `rfc822msgid:${messageId}`);
    const query = `${labelSearch(label.name)} {${terms.join(' ')}}`;
    const found = await this.#mailbox.search(query, { journals: true, includeSpamTrash: true });
    for (const { id } of found) {
      if (this.#read.has(id)) continue;
      const message = await this.#mailbox.source(id);
      if (message === null || !isOwnJournal(headersOf(message.raw), message.labelIds, label.id)) continue;
      const { raw, ...rest } = message;
      this.#read.set(id, { record: this.#decode(raw), ...rest });
    }
    return found.flatMap(({ id }) => {
      const read = this.#read.get(id);
      return read === undefined ? [] : [[id, read] as const];
    });
  }

  #decode(raw: Buffer): JournalRecord | JournalError {
    try {
      const record = decodeJournal(raw);
      if (record.runId === this.#runId) return record;
      return new JournalError('The journal is damaged: it belongs to another run', 'This run cannot be undone.');
    } catch (error) {
      if (error instanceof JournalError) return error;
      throw error;
    }
  }
}

/** Compares numbers of any length, written as digits. */
function byNumber(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : 1);
}
