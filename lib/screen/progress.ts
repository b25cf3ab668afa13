/** How long work shows its progress; the bar itself is loaded on a terminal alone. */
import type { Pause } from './progress-line.ts';

export interface PlannedWork {
  /** Messages. */
  readonly total: number;
  /** Quota units that will be spent on them. */
  readonly units: number;
  /** How many units may be spent in a minute. */
  readonly unitsPerMinute: number;
}

export interface Progress {
  /** So many messages are found by now; how many there are in all is not known yet. */
  looking(found: number): void;
  /** All of the work is known and begins. Until it is done, `start` begins a part of it. */
  plan(work: PlannedWork): void;
  /** Work on `total` more items begins. */
  start(total: number): void;
  /** The part of the work at hand, such as `2019`; null for none. */
  window(name: string | null): void;
  /** `count` more items are dealt with. */
  advance(count: number): void;
  /** A request of `units` is sent. */
  spent(units: number): void;
  /** Nothing is sent until then, by the clock of the bar: one line tells it, until it is over. Returns whether it is shown. */
  waiting(untilMs: number, why: Pause['why']): boolean;
  /** Takes the line off the screen, so that something can be written; work that goes on soon draws it again. */
  stop(): void;
  /** Takes the line off the screen for good. */
  end(): void;
}

const nothing = () => {};

export const noProgress: Progress = {
  looking: nothing,
  plan: nothing,
  start: nothing,
  window: nothing,
  advance: nothing,
  spent: nothing,
  waiting: () => false,
  stop: nothing,
  end: nothing,
};
