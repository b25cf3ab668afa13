/**
 * Estimates the remaining time of work that spends a quota. The work spends the quota of a minute in bursts with pauses
 * between them, so the current rate says little. A unit can be spent again one window after it was spent. The estimate
 * therefore repeats the bursts of the last window: every minute, or later when requests are slow or refused.
 */

const WINDOW_MS = 60_000;

/** Units spent within 100 ms are one entry of the history, up to this share of the limit. */
const GRAIN = 1 / 400;

/** In each period, the estimated length of a period moves by this share of its difference to the observed length. */
const FOLLOW = 0.5;

/** A request of this age has 37% of its weight in the speed of requests, older ones have less. */
const MEMORY_MS = 2 * WINDOW_MS;

/** The time in which the shown estimate moves 63% of the way to a new one. */
const PATIENCE_MS = 15_000;

/** Units spent, or items done, at one time. */
export interface Spending {
  readonly at: number;
  readonly count: number;
}

interface Spent {
  readonly at: number;
  /** Units spent from the start up to and including this time. */
  total: number;
}

export class TimeLeft {
  readonly #limit: number;
  readonly #now: () => number;
  /** The units that were spent last, at least as many as the limit. */
  #history: Spent[] = [];
  #total = 0;
  #lastAt: number;
  /** The time in which the work spends one whole quota, at least one window. */
  #periodMs = WINDOW_MS;
  /** Units spent without waiting for the quota, and the time of their requests: together the speed of requests. */
  #freeUnits = 0;
  #freeMs = 0;
  /** Units of the last request; the time until the next request counts for them. */
  #lastUnits = 0;

  /**
   * `limit` is in units per minute; Infinity when no quota limits the work. `earlier` lists the units that were spent
   * within the minute before this work began.
   */
  constructor(limit: number, now: () => number, earlier: readonly Spending[] = []) {
    this.#limit = limit;
    this.#now = now;
    this.#lastAt = now();
    for (const { at, count } of earlier) {
      this.#total += count;
      this.#history.push({ at, total: this.#total });
    }
  }

  /** Call when a request that costs `units` is sent. */
  spent(units: number): void {
    const now = this.#now();
    const before = this.#spentAt(this.#total + units - this.#limit);
    this.#learnSpeed(units, now, before !== null && before + WINDOW_MS > this.#lastAt);
    // `before` is the time one whole quota ago: since then, one period has passed.
    if (before !== null) {
      const seenMs = Math.max(WINDOW_MS, now - before);
      this.#periodMs += (seenMs - this.#periodMs) * Math.min(1, (FOLLOW * units) / this.#limit);
    }
    this.#total += units;
    this.#lastAt = now;
    if (this.#limit !== Number.POSITIVE_INFINITY) this.#remember(now);
  }

  /** Returns the milliseconds that it takes to spend `units` more; null while unknown. */
  ms(units: number): number | null {
    if (units <= 0) return 0;
    const speed = this.#freeUnits > 0 && this.#freeMs > 0 ? this.#freeUnits / this.#freeMs : null;
    if (speed === null && units <= this.#limit - this.#total) return null;
    const ownMs = speed === null ? 0 : units / speed;
    if (this.#limit === Number.POSITIVE_INFINITY) return ownMs;
    const periods = Math.ceil(units / this.#limit) - 1;
    const rest = units - periods * this.#limit;
    const before = this.#spentAt(this.#total + rest - this.#limit);
    const unused = Math.max(0, this.#limit - this.#total);
    const restMs =
      before === null
        ? Math.min(rest, unused) / (speed ?? Number.POSITIVE_INFINITY)
        : Math.max(0, before + this.#periodMs - this.#now());
    return Math.max(periods * this.#periodMs + restMs, ownMs);
  }

  /** The time at which the unit number `position` was spent; null before the first unit. */
  #spentAt(position: number): number | null {
    if (position <= 0) return null;
    let low = 0;
    let high = this.#history.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#history[middle]?.total ?? 0) >= position) high = middle;
      else low = middle + 1;
    }
    return this.#history[low]?.at ?? null;
  }

  #learnSpeed(units: number, now: number, waited: boolean): void {
    if (!waited && this.#lastUnits > 0) {
      const ms = now - this.#lastAt;
      const kept = Math.exp(-ms / MEMORY_MS);
      this.#freeUnits = this.#freeUnits * kept + this.#lastUnits;
      this.#freeMs = this.#freeMs * kept + ms;
    }
    this.#lastUnits = units;
  }

  #remember(now: number): void {
    const last = this.#history.at(-1);
    const opened = this.#history.at(-2)?.total ?? 0;
    const same = last !== undefined && now === last.at;
    if (same || (last !== undefined && now - last.at < 100 && this.#total - opened < this.#limit * GRAIN)) {
      last.total = this.#total;
    } else {
      this.#history.push({ at: now, total: this.#total });
    }
    const gone = this.#total - this.#limit;
    if (this.#history.length > 2 / GRAIN) this.#history = this.#history.filter(({ total }) => total >= gone);
  }
}

/** Smooths an estimate for display: the shown time counts down and moves to a new estimate without a jump. */
export class SteadyEstimate {
  readonly #now: () => number;
  readonly #startedAt: number;
  #shown: number | null = null;
  #at = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  /** Returns the time to show when the estimate is `ms`; null while there is no estimate. */
  show(ms: number | null): number | null {
    const now = this.#now();
    if (ms === null) return this.#shown;
    if (this.#shown === null) {
      this.#shown = ms;
    } else {
      const passed = now - this.#at;
      const down = Math.max(0, this.#shown - passed);
      const patience = Math.min(PATIENCE_MS, 1_000 + (now - this.#startedAt) / 3);
      this.#shown = down + (ms - down) * (1 - Math.exp(-passed / patience));
    }
    this.#at = now;
    return this.#shown;
  }
}

/** Sums counts over the last minute. */
export class LastMinute {
  readonly #now: () => number;
  #events: { readonly at: number; count: number }[] = [];
  #sum = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(count: number): void {
    const now = this.#now();
    const last = this.#events.at(-1);
    this.#sum += count;
    if (last !== undefined && now - last.at < 100) last.count += count;
    else this.#events.push({ at: now, count });
  }

  get events(): readonly Spending[] {
    this.#forget();
    return this.#events;
  }

  get sum(): number {
    this.#forget();
    return this.#sum;
  }

  #forget(): void {
    const since = this.#now() - WINDOW_MS;
    while (this.#events[0] !== undefined && this.#events[0].at <= since) this.#sum -= this.#events.shift()?.count ?? 0;
  }
}
