/**
 * How long work that spends a quota will still take. A quota of units per minute is spent in bursts with pauses between
 * them, so a rate says little: what has to be known is when the units spent before come back. The same pattern returns
 * with each filling of the window, at least a minute after the one before, or later where requests are slow or refused.
 */

const WINDOW_MS = 60_000;

/** Units spent within this share of the window are one entry of the history. */
const GRAIN = 1 / 400;

/** How fast the length of a period follows what is seen: this share of the difference with each period. */
const FOLLOW = 0.5;

/** How long requests are remembered to tell how fast they are by themselves. */
const MEMORY_MS = 2 * WINDOW_MS;

/** How long a better estimate takes to be shown for the most part. */
const PATIENCE_MS = 15_000;

/** How many were spent (or done) at a time. */
export interface Spending {
  readonly at: number;
  readonly count: number;
}

interface Spent {
  readonly at: number;
  /** Units spent from the beginning until then, these included. */
  total: number;
}

/** Time left, in milliseconds of `now`'s clock. */
export class TimeLeft {
  readonly #limit: number;
  readonly #now: () => number;
  /** What was spent last: as much as the window holds. */
  #history: Spent[] = [];
  #total = 0;
  #lastAt: number;
  /** How long the window takes from one filling to the next. */
  #periodMs = WINDOW_MS;
  /** Units spent while there was room in the window, and the time they took: the speed of the requests themselves. */
  #freeUnits = 0;
  #freeMs = 0;
  /** Units of the last request: the time until the next one is theirs. */
  #lastUnits = 0;

  /**
   * `limit` is in units per minute; Infinity when only the speed of the work itself counts. `earlier` is what was spent
   * before this work began and has not come back yet.
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

  /** A request of `units` is sent now. */
  spent(units: number): void {
    const now = this.#now();
    const before = this.#spentAt(this.#total + units - this.#limit);
    this.#learnSpeed(units, now, before !== null && before + WINDOW_MS > this.#lastAt);
    // What is spent now takes the place of what was spent then: a whole filling of the window ago.
    if (before !== null) {
      const seenMs = Math.max(WINDOW_MS, now - before);
      this.#periodMs += (seenMs - this.#periodMs) * Math.min(1, (FOLLOW * units) / this.#limit);
    }
    this.#total += units;
    this.#lastAt = now;
    if (this.#limit !== Number.POSITIVE_INFINITY) this.#remember(now);
  }

  /** How long it takes to spend `units` more; null when nothing is known yet. */
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

  /** When the unit at `position` of all units was spent; null when it is before the first one. */
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

/** An estimate as it is shown: it runs down like a clock and follows a new estimate without a jump. */
export class Settled {
  readonly #now: () => number;
  readonly #startedAt: number;
  #shown: number | null = null;
  #at = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  /** What to show when the estimate is `ms` now; null while there is none. */
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

/** Adds up what happened within the last minute. */
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
