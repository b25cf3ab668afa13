/** A clock for tests: time advances only when all code waits, so hours take milliseconds and every run is the same. */
import type { Clock } from '../lib/base/clock.ts';

interface Timer {
  readonly at: number;
  readonly ring: () => void;
}

export class VirtualClock implements Clock {
  #now = 0;
  #timers: Timer[] = [];
  #ticking = false;

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      reject(signal.reason);
    };
    const ring = () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    const timer = { at: this.#now + ms, ring };
    const later = this.#timers.findIndex(({ at }) => at > timer.at);
    this.#timers.splice(later === -1 ? this.#timers.length : later, 0, timer);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#tick();
    return promise;
  }

  /** Rings the next timer when no promise can continue, and repeats until no timer is left. */
  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    setImmediate(() => {
      this.#ticking = false;
      const timer = this.#timers.shift();
      if (timer === undefined) return;
      this.#now = Math.max(this.#now, timer.at);
      timer.ring();
      this.#tick();
    });
  }
}

/** Returns a generator of numbers from 0 to 1 that depend on the seed alone (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
