/** Imports one message exactly once, also when the answer to the import is lost. */
import { UnavailableError } from '../errors.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { GmailRefusal } from '../gmail/responses.ts';
import type { Arrivals } from './arrivals.ts';
import type { RestoredLabels } from './labels.ts';
import { type Candidate, isSame } from './present.ts';

/** Pauses before an import is sent again after one without an answer. Gmail may still be working on the first. */
const PAUSES_MS = [1_000, 2_000, 4_000];

/** This many messages in a row without an answer: Gmail imports nothing at the moment. */
const MOST_UNANSWERED = 3;

export interface ImporterContext {
  readonly mailbox: Mailbox;
  readonly labels: RestoredLabels;
  readonly arrivals: Arrivals;
  readonly wait: (ms: number) => Promise<void>;
}

export class Importer {
  readonly #context: ImporterContext;
  #unanswered = 0;

  constructor(context: ImporterContext) {
    this.#context = context;
  }

  /**
   * Imports the message; null when it is in the mailbox afterwards, else the reason why Gmail does not take it.
   * @throws UnavailableError when Gmail is away.
   */
  async import(candidate: Candidate): Promise<string | null> {
    try {
      const refusal = await this.#importWithLabels(candidate);
      this.#unanswered = 0;
      return refusal === null ? null : refusal.message;
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      this.#unanswered += 1;
      // Rejects when Gmail is away altogether, and not only for this message.
      await this.#context.mailbox.historyId();
      if (this.#unanswered >= MOST_UNANSWERED) throw error;
      return error.message;
    }
  }

  async #importWithLabels(candidate: Candidate): Promise<GmailRefusal | null> {
    const { labels } = this.#context;
    const names = candidate.message.labels;
    const labelIds = await labels.idsOf(names);
    const refusal = await this.#importUnlessRefused(candidate, labelIds);
    if (refusal?.status !== 400) return refusal;
    if (labelIds.includes('SENT')) {
      const others = labelIds.filter((id) => id !== 'SENT');
      if ((await this.#importUnlessRefused(candidate, others)) === null) {
        labels.leaveOutSent();
        return null;
      }
    }
    // Somebody may have deleted a label.
    labels.forget();
    const current = await labels.idsOf(names);
    if (current.join() === labelIds.join()) return refusal;
    return await this.#importUnlessRefused(candidate, current);
  }

  async #importUnlessRefused(candidate: Candidate, labelIds: readonly string[]): Promise<GmailRefusal | null> {
    try {
      await this.#importOnce(candidate, labelIds);
      return null;
    } catch (error) {
      if (error instanceof GmailRefusal) return error;
      throw error;
    }
  }

  /** @throws UnavailableError when no attempt was answered, and the mailbox's history shows none of them. */
  async #importOnce(candidate: Candidate, labelIds: readonly string[]): Promise<void> {
    const { mailbox, arrivals, wait } = this.#context;
    for (const pauseMs of [...PAUSES_MS, null]) {
      try {
        const id = await mailbox.import(candidate.source, labelIds);
        if (id !== undefined) arrivals.imported(id);
        return;
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        if (await this.#hasArrived(candidate)) return;
        if (pauseMs === null) throw error;
        await wait(pauseMs);
        // Gmail may have finished an import that took longer than the timeout.
        if (await this.#hasArrived(candidate)) return;
      }
    }
  }

  async #hasArrived(candidate: Candidate): Promise<boolean> {
    const { mailbox, arrivals } = this.#context;
    await arrivals.refresh();
    for (const id of arrivals.like(candidate)) if (await isSame(id, candidate, mailbox)) return true;
    return false;
  }
}
