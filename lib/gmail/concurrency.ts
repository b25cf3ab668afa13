/**
 * Limits how many requests are under way at once. Google does not publish its limit: after "Too many concurrent requests"
 * the limit is halved, and after a row of successes it grows by one.
 */
import { orAbort } from '../base/clock.ts';

export const MAX_CONCURRENT = 8;

const FIRST_LIMIT = 4;

/** With a limit of n requests, the limit grows by one after this many times n successes in a row. */
const SUCCESSES_PER_STEP = 4;

export class ConcurrencyLimiter {
  #limit = FIRST_LIMIT;
  #underWay = 0;
  #successes = 0;
  #waiting: (() => void)[] = [];

  /**
   * Resolves to the limit when a request may be sent; the caller must call `release` afterwards.
   * Rejects with the signal's reason when the signal is aborted first.
   */
  async acquire(signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    if (this.#underWay < this.#limit) {
      this.#underWay += 1;
      return this.#limit;
    }
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn.resolve);
    try {
      await orAbort(turn.promise, signal);
      return this.#limit;
    } catch (error) {
      const index = this.#waiting.indexOf(turn.resolve);
      if (index >= 0) this.#waiting.splice(index, 1);
      else this.release();
      throw error;
    }
  }

  release(): void {
    this.#underWay -= 1;
    this.#admit();
  }

  succeeded(): void {
    this.#successes += 1;
    if (this.#limit === MAX_CONCURRENT || this.#successes < this.#limit * SUCCESSES_PER_STEP) return;
    this.#limit += 1;
    this.#successes = 0;
    this.#admit();
  }

  /**
   * Google refused a request because too many were under way. `limit` is the limit under which the request was sent:
   * requests sent together are refused together, and halve the limit once.
   */
  refused(limit: number): void {
    if (limit > this.#limit) return;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#successes = 0;
  }

  #admit(): void {
    while (this.#underWay < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#underWay += 1;
      next();
    }
  }
}
