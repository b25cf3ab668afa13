// The changes to the messages of a mailbox, as users.history lists them: at once, also while searches lag behind.
import type { StoredMessage } from './message.ts';

export interface HistoryRecord {
  readonly id: number;
  readonly message: { readonly id: string; readonly threadId: string };
  /** The labels that were added and removed, or another change. */
  readonly change: { readonly added: readonly string[]; readonly removed: readonly string[] } | 'inserted' | 'deleted';
}

/** The history id of messages without changes. */
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

  /** The changes after `id`, oldest first; undefined when `id` is too old. */
  since(id: number): readonly HistoryRecord[] | undefined {
    return id < this.#oldest || id > this.#last ? undefined : this.#records.filter((record) => record.id > id);
  }

  /** Forgets all changes until now, as Gmail does after a week. */
  forget(): void {
    this.#last += 1;
    this.#oldest = this.#last;
    this.#records = [];
  }
}
