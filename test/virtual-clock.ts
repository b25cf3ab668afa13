/** A clock whose time passes only when everybody waits: hours in milliseconds, and the same at every run. */
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

  /** Rings one timer when all promises that could go on have gone on, and so forth until nobody sleeps. */
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

/** Numbers from 0 to 1 that follow from a seed alone (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
