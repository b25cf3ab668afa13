/**
 * Limits how many mailboxes are in work at a time. A mailbox that sent no request to Gmail for a minute no longer counts: its
 * job hangs or waits, and must not hold up others.
 */
import { orAbort } from '../../base/clock.ts';

const STALLED_MS = 60_000;

/** Times `atOnce`: the most mailboxes in work, with those that do not count. Each of them takes memory. */
const MOST_OPEN = 4;

export interface Slot {
  /** A request was sent. */
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
  /** Slot → when it was taken, or the last request was sent. */
  readonly #open = new Map<Slot, number>();
  #changed = Promise.withResolvers<void>();

  constructor({ atOnce, now }: SlotsOptions) {
    this.#atOnce = atOnce;
    this.#now = now;
  }

  /** Whether `acquire` returns at once. */
  get isFree(): boolean {
    const stalledAt = this.#now() - STALLED_MS;
    let counting = 0;
    for (const beatAt of this.#open.values()) if (beatAt > stalledAt) counting += 1;
    return counting < this.#atOnce && this.#open.size < this.#atOnce * MOST_OPEN;
  }

  /** Resolves when a slot is free; rejects with the signal's reason on abort. */
  async acquire(signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted();
    while (!this.isFree) await orAbort(this.#changed.promise, signal);
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

  /** Looks for mailboxes that no longer count. Call it now and then. */
  recheck(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
