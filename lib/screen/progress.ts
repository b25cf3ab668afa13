/** The interface by which long work reports its progress. progress-bar.ts, loaded only on a terminal, draws the bar. */
import type { Pause } from './progress-line.ts';

export interface PlannedWork {
  /** Messages to be worked on. */
  readonly total: number;
  /** Quota units that the work costs. */
  readonly units: number;
  readonly unitsPerMinute: number;
}

export interface Progress {
  /** The search is going on and has found `found` messages so far. */
  looking(found: number): void;
  /** The whole work begins. Until all of `total` is done, `start` begins only a part of this work. */
  plan(work: PlannedWork): void;
  /** Work on `total` more items begins. */
  start(total: number): void;
  /** The window being worked on, such as `2019`; null for none. */
  window(name: string | null): void;
  /** `count` more items are done. */
  advance(count: number): void;
  /** A request that costs `units` is sent. */
  spent(units: number): void;
  /** No request is sent until `untilMs`, on the bar's clock. Returns whether a line on the screen shows the pause. */
  waiting(untilMs: number, why: Pause['why']): boolean;
  /** Erases the line, so that other text can be written; the line comes back soon while work goes on. */
  stop(): void;
  /** Erases the line for good. */
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
