/** Counts a run's messages. `remaining` is computed, so matched = changed + skipped + failed + remaining always holds. */

export interface Counts {
  readonly matched: number;
  readonly changed: number;
  readonly skipped: number;
  readonly failed: number;
  readonly remaining: number;
}

export class Tally {
  #matched = 0;
  #changed = 0;
  #skipped = 0;
  #failed = 0;
  #refusal: string | undefined;

  /** Adds items that the search found. */
  matched(count: number): void {
    this.#matched += wholeNumber(count);
  }

  /** Adds matched items that were changed, or handed to the job and marked. @throws RangeError for more than remain. */
  changed(count: number): void {
    this.#changed += this.#remaining(count);
  }

  /** Adds matched items that were left alone on purpose. @throws RangeError for more than remain. */
  skipped(count: number): void {
    this.#skipped += this.#remaining(count);
  }

  /**
   * Adds matched items that Gmail refused to change, or that the job failed on.
   * @throws RangeError for more than remain.
   */
  failed(count: number): void {
    this.#failed += this.#remaining(count);
  }

  /** Keeps the reason of Gmail's first refusal. */
  refused(why: string): void {
    this.#refusal ??= why;
  }

  get refusal(): string | undefined {
    return this.#refusal;
  }

  get counts(): Counts {
    const remaining = this.#matched - this.#changed - this.#skipped - this.#failed;
    return {
      matched: this.#matched,
      changed: this.#changed,
      skipped: this.#skipped,
      failed: this.#failed,
      remaining,
    };
  }

  #remaining(count: number): number {
    const { matched, remaining } = this.counts;
    if (wholeNumber(count) <= remaining) return count;
    throw new RangeError(`tally: ${count} items were counted, but only ${remaining} of ${matched} remain`);
  }
}

function wholeNumber(count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new RangeError(`tally: ${count} is no number of items`);
}
