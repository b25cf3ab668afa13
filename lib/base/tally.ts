/** The run's accounts. What remains is computed, so that matched = changed + skipped + failed + remaining, always. */

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

  /** `count` more items were found that the run is to deal with. */
  matched(count: number): void {
    this.#matched += count;
  }

  /** `count` of the matched items are now as they should be. */
  changed(count: number): void {
    this.#changed += count;
  }

  /** `count` of the matched items are left as they are on purpose. */
  skipped(count: number): void {
    this.#skipped += count;
  }

  /** Gmail refused to change `count` of the matched items. */
  failed(count: number): void {
    this.#failed += count;
  }

  /** Says why Gmail refused to change something. */
  refused(why: string): void {
    this.#refusal ??= why;
  }

  /** Why Gmail refused first to change something. */
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
}
