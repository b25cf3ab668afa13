/** Imports one message exactly once, also when the answer to the import is lost. */
import { UnavailableError } from '../errors.ts';
import { HIDING_LABELS } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { GmailRefusal } from '../gmail/responses.ts';
import type { Arrivals } from './arrivals.ts';
import type { RestoredLabels } from './labels.ts';
import { type Candidate, sameAs } from './present.ts';

/** Pauses before an import is sent again after one without an answer. Gmail may still be working on the first. */
const PAUSES_MS = [1_000, 2_000, 4_000];

/** This many messages in a row without an answer: Gmail imports nothing at the moment. */
const MOST_UNANSWERED = 3;

export interface ImporterContext {
  readonly mailbox: Mailbox;
  readonly labels: RestoredLabels;
  readonly arrivals: Arrivals;
  readonly wait: (ms: number) => Promise<void>;
  readonly signal: AbortSignal;
}

export type Imported = { readonly id: string } | { readonly id?: never; readonly reason: string };

export class Importer {
  readonly #context: ImporterContext;
  #unanswered = 0;

  constructor(context: ImporterContext) {
    this.#context = context;
  }

  /**
   * Imports the message. Returns its id in the mailbox, or the reason why Gmail does not take it.
   * @throws UnavailableError when Gmail is away.
   */
  async import(candidate: Candidate): Promise<Imported> {
    try {
      const result = await this.#importWithLabels(candidate);
      this.#unanswered = 0;
      return result instanceof GmailRefusal ? { reason: result.message } : { id: result };
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      this.#unanswered += 1;
      // Rejects when Gmail is away altogether, and not only for this message.
      await this.#context.mailbox.historyId();
      if (this.#unanswered >= MOST_UNANSWERED) throw error;
      return { reason: error.message };
    }
  }

  async #importWithLabels(candidate: Candidate): Promise<GmailRefusal | string> {
    const { labels } = this.#context;
    const { deleted, labels: copied } = candidate.message;
    // People throw mail away before Gmail deletes it. In Trash the message would be deleted again.
    const names = deleted ? copied.filter((name) => !HIDING_LABELS.includes(name)) : copied;
    const labelIds = await labels.idsOf(names);
    const first = await this.#importUnlessRefused(candidate, labelIds);
    if (!(first instanceof GmailRefusal) || first.status !== 400) return first;
    if (labelIds.includes('SENT')) {
      const others = labelIds.filter((id) => id !== 'SENT');
      const second = await this.#importUnlessRefused(candidate, others);
      if (!(second instanceof GmailRefusal)) {
        labels.leaveOutSent();
        return second;
      }
    }
    // Somebody may have deleted a label.
    labels.forget();
    const current = await labels.idsOf(names);
    if (current.join() === labelIds.join()) return first;
    return await this.#importUnlessRefused(candidate, current);
  }

  async #importUnlessRefused(candidate: Candidate, labelIds: readonly string[]): Promise<GmailRefusal | string> {
    try {
      return await this.#importOnce(candidate, labelIds);
    } catch (error) {
      if (error instanceof GmailRefusal) return error;
      throw error;
    }
  }

  /** @throws UnavailableError when no attempt was answered, and the mailbox's history shows none of them. */
  async #importOnce(candidate: Candidate, labelIds: readonly string[]): Promise<string> {
    const { mailbox, arrivals, wait } = this.#context;
    for (let attempt = 0; ; attempt += 1) {
      try {
        const id = (await mailbox.import(candidate.source, labelIds)) ?? '';
        arrivals.imported(id);
        return id;
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        const arrived = await this.#findArrived(candidate);
        if (arrived !== undefined) return arrived;
        const pauseMs = PAUSES_MS[attempt];
        if (pauseMs === undefined) throw error;
        await wait(pauseMs);
        // Gmail may have finished an import that took longer than the timeout.
        const late = await this.#findArrived(candidate);
        if (late !== undefined) return late;
      }
    }
  }

  async #findArrived(candidate: Candidate): Promise<string | undefined> {
    const { mailbox, arrivals, signal } = this.#context;
    await arrivals.refresh();
    for (const id of arrivals.like(candidate)) {
      if ((await sameAs(id, [candidate], { mailbox, signal })).length > 0) return id;
    }
    return undefined;
  }
}
