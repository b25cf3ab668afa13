/**
 * How many requests may be under way at once. Google does not publish its limit: the gate narrows to half when it
 * answers "Too many concurrent requests" and opens again by one after a row of good answers.
 */
import { orAbort } from '../base/clock.ts';

export const WIDEST = 8;

/** Places at the beginning. */
const FIRST = 4;

/** Good answers in a row, per place, after which one more place is opened. */
const GOOD_ANSWERS_PER_PLACE = 4;

export class ConcurrencyGate {
  #places = FIRST;
  #inside = 0;
  #good = 0;
  #waiting: (() => void)[] = [];

  /**
   * Resolves to the number of places when there is one free; the caller must call `leave` afterwards.
   * Rejects with the signal's reason when it is aborted before.
   */
  async enter(signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    if (this.#inside < this.#places) {
      this.#inside += 1;
      return this.#places;
    }
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn.resolve);
    try {
      await orAbort(turn.promise, signal);
      return this.#places;
    } catch (error) {
      const index = this.#waiting.indexOf(turn.resolve);
      if (index >= 0) this.#waiting.splice(index, 1);
      else this.leave();
      throw error;
    }
  }

  leave(): void {
    this.#inside -= 1;
    this.#admit();
  }

  /** Google answered as it should. */
  good(): void {
    this.#good += 1;
    if (this.#places === WIDEST || this.#good < this.#places * GOOD_ANSWERS_PER_PLACE) return;
    this.#places += 1;
    this.#good = 0;
    this.#admit();
  }

  /**
   * Google answered that there were too many at once, when there were `places` of them. Requests that were under way
   * together are refused together: they narrow the gate once.
   */
  tooMany(places: number): void {
    if (places > this.#places) return;
    this.#places = Math.max(1, Math.floor(this.#places / 2));
    this.#good = 0;
  }

  #admit(): void {
    while (this.#inside < this.#places) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#inside += 1;
      next();
    }
  }
}
