/**
 * Keeps the run just under Gmail's quota of units per minute, with a sliding window: the units of a request come back 60
 * seconds after its answer. A refusal means that another program uses the same quota; it pauses all requests and lowers the
 * limit for a while.
 */
import { type Clock, orAbort } from '../base/clock.ts';

const WINDOW_MS = 60_000;

/** Units of a shared window come back together at the end of such an interval, so that it keeps few entries. */
const GRAIN_MS = 100;

/** Each refusal halves the limit, down to this share of it. */
const SLOWEST_SHARE = 1 / 8;

/** After this time without a refusal a lowered limit is doubled. */
const SLOW_MS = 2 * WINDOW_MS;

/** Shorter waits are not reported: in a long batch each request waits for the units of an earlier one. */
const SHORTEST_REPORTED_MS = 1_000;

/** Units held back for the last requests of a run; none are when that is more than this share of the limit. */
const RESERVE = 60;
const LARGEST_RESERVE = 1 / 50;

export interface Lease {
  /** The request has ended: its units come back 60 seconds from now. */
  done(): void;
  /** The request was not sent: its units come back at once. */
  cancel(): void;
}

/** Called when requests have to wait at least `waitMs`: for the sliding window, or after a refusal. */
export type OnWait = (waitMs: number, why: 'window' | 'refused') => void;

export interface QuotaOptions {
  readonly unitsPerMinute: number;
  readonly clock: Clock;
  readonly onWait: OnWait;
  /** The window of the Cloud project, when the process works on several mailboxes: every request counts in both. */
  readonly project?: QuotaWindow;
  /** Whether it is such a window, which gets the requests of many mailboxes. */
  readonly isShared?: boolean;
}

export class QuotaWindow {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #onWait: OnWait;
  readonly #project: QuotaWindow | undefined;
  readonly #isShared: boolean;
  readonly #startedAt: number;
  /** Units of requests under way and of those answered less than 60 seconds ago. */
  #used = 0;
  /** Answered requests in order of their answers. */
  #returning: { at: number; units: number }[] = [];
  /** Resolves when all earlier requests have their units: requests get units in the order of their calls. */
  #line: Promise<void> = Promise.resolve();
  #share = 1;
  #shareUntil = 0;
  #loweredAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = 0;
  #heldBack = 0;
  #answered = Promise.withResolvers<void>();

  constructor(options: QuotaOptions) {
    this.#limit = options.unitsPerMinute;
    this.#clock = options.clock;
    this.#onWait = options.onWait;
    this.#project = options.project;
    this.#isShared = options.isShared ?? false;
    this.#startedAt = options.clock.now();
  }

  /** The limit before it is lowered for a while. */
  get unitsPerMinute(): number {
    return this.#limit;
  }

  /** Units of the last minute and of requests under way. */
  get used(): number {
    this.#collect(this.#clock.now());
    return this.#used;
  }

  /** Resolves when `units` may be spent; rejects with the signal's reason when the signal is aborted first. */
  async take(units: number, signal: AbortSignal): Promise<Lease> {
    const before = this.#line;
    const mine = Promise.withResolvers<void>();
    this.#line = mine.promise;
    try {
      await orAbort(before, signal);
      await this.#untilFree(units, signal);
      this.#used += units;
    } finally {
      // A request that is aborted keeps its place until its turn, so that later requests do not overtake earlier ones.
      before.then(mine.resolve);
    }
    const inProject = await this.#project?.take(units, signal).catch((error: unknown) => {
      this.#giveBack(units, 0);
      throw error;
    });
    let returned = false;
    const giveBack = (delayMs: number) => {
      if (!returned) this.#giveBack(units, delayMs);
      returned = true;
    };
    return {
      done() {
        giveBack(WINDOW_MS);
        inProject?.done();
      },
      cancel() {
        giveBack(0);
        inProject?.cancel();
      },
    };
  }

  /** Counts the units of a request that is sent without waiting, because all others wait for its answer. */
  spend(units: number): void {
    this.#used += units;
    this.#giveBack(units, WINDOW_MS);
    this.#project?.spend(units);
  }

  /** Keeps some units unspent from now on, for the requests at the end of a run. */
  holdBack(): void {
    if (RESERVE <= this.#limit * LARGEST_RESERVE) this.#heldBack = RESERVE;
  }

  /** Allows the units of `holdBack` to be spent. */
  release(): void {
    this.#heldBack = 0;
  }

  /** After a quota refusal: sends nothing for `pauseMs`, and lowers the limit for a while; for the project, in all mailboxes. */
  refused(pauseMs: number, isForProject = false): void {
    if (isForProject && this.#project !== undefined) {
      this.#project.refused(pauseMs);
      return;
    }
    const now = this.#clock.now();
    // In the first minute the previous run may have spent the quota, so waiting is enough. Refusals within a minute have
    // the same cause, and lower the limit once.
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
      if (!told && waitMs >= SHORTEST_REPORTED_MS) {
        this.#onWait(waitMs, paused > 0 ? 'refused' : 'window');
        told = true;
      }
      if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
      else await orAbort(this.#answered.promise, signal);
    }
  }

  #giveBack(units: number, delayMs: number): void {
    if (delayMs === 0) this.#used -= units;
    else this.#giveBackAt(this.#clock.now() + delayMs, units);
    this.#answered.resolve();
    this.#answered = Promise.withResolvers();
  }

  #giveBackAt(at: number, units: number): void {
    if (!this.#isShared) {
      this.#returning.push({ at, units });
      return;
    }
    const later = Math.ceil(at / GRAIN_MS) * GRAIN_MS;
    const last = this.#returning.at(-1);
    if (last?.at === later) last.units += units;
    else this.#returning.push({ at: later, units });
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

  /** The share of the limit at `now`. */
  #currentShare(now: number): number {
    while (this.#share < 1 && now >= this.#shareUntil) {
      this.#share = Math.min(1, this.#share * 2);
      this.#shareUntil += SLOW_MS;
    }
    return this.#share;
  }
}
