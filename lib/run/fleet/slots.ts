/**
 * Limits how many mailboxes are in work at a time. A mailbox that sent no request to Gmail for a minute does not count,
 * because its job hangs or waits and must not delay other mailboxes.
 */
import { orAbort } from '../../base/clock.ts';

const STALLED_MS = 60_000;

/** At most this many times `atOnce` mailboxes are in work, since a mailbox that does not count still takes memory. */
const MOST_OPEN = 4;

export interface Slot {
  /** Called for each request to Gmail. */
  beat(): void;
  release(): void;
}

export interface SlotsOptions {
  readonly atOnce: number;
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
}

export class Slots {
  readonly #atOnce: number;
  readonly #now: () => number;
  /** Slot → when its last request was sent; before the first request, when the slot was acquired. */
  readonly #open = new Map<Slot, number>();
  #changed = Promise.withResolvers<void>();

  constructor({ atOnce, now }: SlotsOptions) {
    this.#atOnce = atOnce;
    this.#now = now;
  }

  /** How many slots `acquire` returns at once. */
  get free(): number {
    const stalledAt = this.#now() - STALLED_MS;
    let counting = 0;
    for (const beatAt of this.#open.values()) if (beatAt > stalledAt) counting += 1;
    return Math.max(0, Math.min(this.#atOnce - counting, this.#atOnce * MOST_OPEN - this.#open.size));
  }

  /** Resolves when a slot is free; rejects with the signal's reason on abort. */
  async acquire(signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted();
    while (this.free === 0) await orAbort(this.#changed.promise, signal);
    const slot: Slot = {
      beat: () => {
        if (this.#open.has(slot)) this.#open.set(slot, this.#now());
      },
      release: () => {
        this.#open.delete(slot);
        this.recheck();
      },
    };
    this.#open.set(slot, this.#now());
    return slot;
  }

  /** Call this every few seconds: time alone may have freed a slot for which `acquire` waits. */
  recheck(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
