/**
 * Messages that were added to the mailbox after a history id and that searches may not show yet. They are read one by one,
 * so that an import of a run that was killed, or whose answer was lost, is found.
 */
import { TRY_NEXT_RUN } from '../base/network-failure.ts';
import { mapAtOnce } from '../base/pool.ts';
import { UnavailableError } from '../errors.ts';
import { messageIdOf } from '../export/source-headers.ts';
import type { GmailClient } from '../gmail/client.ts';
import { MAX_CONCURRENT } from '../gmail/concurrency.ts';
import { readAdditions } from '../gmail/history.ts';
import type { IdSet } from '../gmail/ids.ts';
import { readHeaders } from '../gmail/messages.ts';

interface Arrival {
  readonly id: string;
  /** Without angle brackets; '' for none. */
  readonly messageId: string;
  readonly receivedMs: number;
}

/** Gmail's date of an imported message is that of its header Date, to the second. */
const SAME_DATE_MS = 1_000;

/** Gmail no longer knows a history id, after about a week. */
export class ForgottenHistoryError extends UnavailableError {
  constructor(since: string) {
    super(`Gmail no longer knows the history id ${since}, from which the run reads what was added`, TRY_NEXT_RUN);
  }
}

export class Arrivals {
  readonly #client: GmailClient;
  readonly #signal: AbortSignal;
  #since: string;
  readonly #arrivals: Arrival[] = [];
  /** Ids that are read, or that this run imported. */
  readonly #known = new Set<string>();
  #reading: Promise<unknown> = Promise.resolve();

  constructor(client: GmailClient, since: string, signal: AbortSignal) {
    this.#client = client;
    this.#since = since;
    this.#signal = signal;
  }

  /** This run imported the message `id`. */
  imported(id: string): void {
    this.#known.add(id);
  }

  /**
   * Reads the messages that were added since the last call, 20 quota units for each. Leaves out those of `listShown`, which
   * searches show.
   * @throws UnavailableError when Gmail no longer knows the history id.
   */
  async refresh(listShown?: () => Promise<IdSet>): Promise<void> {
    const reading = this.#reading.then(() => this.#refresh(listShown));
    this.#reading = reading.catch(() => undefined);
    await reading;
  }

  async #refresh(listShown: (() => Promise<IdSet>) | undefined): Promise<void> {
    const additions = await readAdditions(this.#client, this.#since, this.#signal);
    if (additions === null) throw new ForgottenHistoryError(this.#since);
    const added = [...new Set(additions.ids)].filter((id) => !this.#known.has(id));
    const shown = added.length === 0 ? undefined : await listShown?.();
    const unseen = added.filter((id) => shown?.has(id) !== true);
    await mapAtOnce(unseen, MAX_CONCURRENT, async (id) => {
      const message = await readHeaders(this.#client, id, ['Message-ID'], this.#signal);
      this.#known.add(id);
      if (message === null) return;
      const messageId = messageIdOf(message.header('Message-ID'));
      this.#arrivals.push({ id, messageId, receivedMs: message.receivedAt.getTime() });
    });
    this.#since = additions.historyId;
  }

  get size(): number {
    return this.#arrivals.length;
  }

  /** The ids of messages that may be the one with this Message-ID and date, '' and undefined for none. */
  like({ messageId, dateMs }: { readonly messageId: string; readonly dateMs: number | undefined }): string[] {
    const isAlike = (arrival: Arrival) => {
      if (messageId !== '' && arrival.messageId === messageId) return true;
      if (dateMs !== undefined) return Math.abs(arrival.receivedMs - dateMs) <= SAME_DATE_MS;
      // Gmail dates such a message by its arrival, and may give it a Message-ID.
      return messageId === '';
    };
    return this.#arrivals.filter(isAlike).map(({ id }) => id);
  }
}
