/**
 * Keeps the run under Gmail's quota of units per minute without wasting any of it: a strict sliding window in which a
 * request's units come back 60 seconds after its answer. A refusal (somebody else uses the same quota) pauses all
 * requests and lowers the pace for a while.
 */
import { type Clock, orAbort } from '../base/clock.ts';

const WINDOW_MS = 60_000;

/** After a refusal the pace is halved, down to this share of the limit. */
const SLOWEST_SHARE = 1 / 8;

/** How long a lowered pace lasts before it is doubled again. */
const SLOW_MS = 2 * WINDOW_MS;

/** Shorter waits are the rhythm of a long batch, in which units come back one by one. */
const WORTH_TELLING_MS = 1_000;

/** What is held back for the last requests of a run, under limits of which it is no more than this share. */
const RESERVE = 60;
const LARGEST_RESERVE = 1 / 50;

export interface Lease {
  /** The answer has come (or never will): the units come back 60 seconds from now. */
  done(): void;
  /** Nothing was sent: the units come back at once. */
  cancel(): void;
}

/** Told when requests have to wait: for how long at least, and why. */
export type OnWait = (waitMs: number, why: 'window' | 'refused') => void;

export class QuotaWindow {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #onWait: OnWait;
  readonly #startedAt: number;
  /** Units of requests under way and of those answered less than 60 seconds ago. */
  #used = 0;
  /** Answered requests in order of their answers. */
  #returning: { at: number; units: number }[] = [];
  /** Requests are served in the order in which they came. */
  #line: Promise<void> = Promise.resolve();
  #share = 1;
  #shareUntil = 0;
  #loweredAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = 0;
  #heldBack = 0;
  #answered = Promise.withResolvers<void>();

  constructor(options: { unitsPerMinute: number; clock: Clock; onWait: OnWait }) {
    this.#limit = options.unitsPerMinute;
    this.#clock = options.clock;
    this.#onWait = options.onWait;
    this.#startedAt = options.clock.now();
  }

  /** The limit, without regard to a pace that was lowered for a while. */
  get unitsPerMinute(): number {
    return this.#limit;
  }

  /** Units spent within the last minute, and those of requests under way. */
  get used(): number {
    this.#collect(this.#clock.now());
    return this.#used;
  }

  /** Resolves when `units` may be spent; rejects with the signal's reason when it is aborted before. */
  async take(units: number, signal: AbortSignal): Promise<Lease> {
    const before = this.#line;
    const mine = Promise.withResolvers<void>();
    this.#line = mine.promise;
    try {
      await orAbort(before, signal);
      await this.#untilFree(units, signal);
      this.#used += units;
    } finally {
      // Whoever gives up while in line lets the next one in only when its own turn would have come.
      before.then(mine.resolve);
    }
    let returned = false;
    const giveBack = (delayMs: number) => {
      if (!returned) this.#giveBack(units, delayMs);
      returned = true;
    };
    return { done: () => giveBack(WINDOW_MS), cancel: () => giveBack(0) };
  }

  /** Counts the units of a request that is sent without waiting for quota, because other requests wait for its answer. */
  spend(units: number): void {
    this.#used += units;
    this.#giveBack(units, WINDOW_MS);
  }

  /** From now on some units are left unspent, for what a run has to do at its end, when the minute's are used up. */
  holdBack(): void {
    if (RESERVE <= this.#limit * LARGEST_RESERVE) this.#heldBack = RESERVE;
  }

  /** The end has come: what was held back may be spent. */
  release(): void {
    this.#heldBack = 0;
  }

  /** Google refused a request for its quota: nothing is sent for `pauseMs`, and for a while less than before. */
  refused(pauseMs: number): void {
    const now = this.#clock.now();
    // In the first minute it may be the run before that has spent the quota: to wait is enough. Whatever is refused
    // within a minute is refused for the same reason: that lowers the pace once.
    if (now >= this.#loweredAt + WINDOW_MS && now >= this.#startedAt + WINDOW_MS) {
      this.#share = Math.max(SLOWEST_SHARE, this.#currentShare(now) / 2);
      this.#loweredAt = now;
    }
    this.#pausedUntil = Math.max(this.#pausedUntil, now + pauseMs);
    this.#shareUntil = this.#pausedUntil + SLOW_MS;
  }

  async #untilFree(units: number, signal: AbortSignal): Promise<void> {
    let told = false;
    for (;;) {
      const now = this.#clock.now();
      this.#collect(now);
      const paused = this.#pausedUntil - now;
      const free = this.#used === 0 || this.#used + units <= this.#limit * this.#currentShare(now) - this.#heldBack;
      if (paused <= 0 && free) return;
      const next = this.#returning[0];
      const waitMs = paused > 0 ? paused : next === undefined ? 0 : next.at - now;
      if (!told && waitMs >= WORTH_TELLING_MS) {
        this.#onWait(waitMs, paused > 0 ? 'refused' : 'window');
        told = true;
      }
      if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
      else await orAbort(this.#answered.promise, signal);
    }
  }

  #giveBack(units: number, delayMs: number): void {
    if (delayMs === 0) this.#used -= units;
    else this.#returning.push({ at: this.#clock.now() + delayMs, units });
    this.#answered.resolve();
    this.#answered = Promise.withResolvers();
  }

  #collect(now: number): void {
    let count = 0;
    for (const { at, units } of this.#returning) {
      if (at > now) break;
      this.#used -= units;
      count += 1;
    }
    if (count > 0) this.#returning = this.#returning.slice(count);
  }

  /** The share of the limit in force at `now`: it doubles each time that a lowered pace has lasted long enough. */
  #currentShare(now: number): number {
    while (this.#share < 1 && now >= this.#shareUntil) {
      this.#share = Math.min(1, this.#share * 2);
      this.#shareUntil += SLOW_MS;
    }
    return this.#share;
  }
}
