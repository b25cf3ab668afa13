/** How long work shows its progress; the bar itself is loaded on a terminal alone. */

export interface Progress {
  /** Work on `total` more items begins. */
  start(total: number): void;
  /** `count` more of them are dealt with. */
  advance(count: number): void;
  /** Takes the bar off the screen, so that a line can be written; the next step draws it again. */
  stop(): void;
}

export const noProgress: Progress = { start() {}, advance() {}, stop() {} };
