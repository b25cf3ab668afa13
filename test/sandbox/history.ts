// What was done to the messages of a mailbox, change by change, as users.history tells it: at once, whatever searches show.
import type { StoredMessage } from './message.ts';

export interface HistoryRecord {
  readonly id: number;
  readonly message: { readonly id: string; readonly threadId: string };
  /** The labels that the message got and lost; or what else became of it. */
  readonly change: { readonly added: readonly string[]; readonly removed: readonly string[] } | 'inserted' | 'deleted';
}

/** The history id of messages to which nothing was done yet. */
export const FIRST_HISTORY_ID = 1_000;

export class History {
  #records: HistoryRecord[] = [];
  #last = FIRST_HISTORY_ID;
  #oldest = FIRST_HISTORY_ID;

  get last(): number {
    return this.#last;
  }

  /** Records a change, which gives the message its new history id. */
  record(message: StoredMessage, change: HistoryRecord['change']): void {
    this.#last += 1;
    message.historyId = this.#last;
    this.#records.push({ id: this.#last, message: { id: message.id, threadId: message.threadId }, change });
  }

  /** What was done after `id`, the oldest first; undefined when that is out of date. */
  since(id: number): readonly HistoryRecord[] | undefined {
    return id < this.#oldest || id > this.#last ? undefined : this.#records.filter((record) => record.id > id);
  }

  /** Forgets all that was done until now, as Gmail does after a week. */
  forget(): void {
    this.#last += 1;
    this.#oldest = this.#last;
    this.#records = [];
  }
}
