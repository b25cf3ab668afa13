/** A progress bar with rate and time left, for a person who watches long work on a terminal. */
import { Presets, SingleBar } from 'cli-progress';
import type { Progress } from './progress.ts';

/** Fewer items are done before anybody could look. */
const WORTH_A_BAR = 2_000;

/** A bar on `stream`, which must be a terminal. */
export function createProgressBar(stream: NodeJS.WritableStream): Progress {
  const bar = new SingleBar(
    {
      stream,
      format: '  {bar} {percentage}%  {value}/{total} messages  {rate}/s  {eta_formatted} left',
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  );
  let total = 0;
  let done = 0;
  let startedAt = 0;
  let drawn = false;
  const rate = () => Math.round((done * 1_000) / Math.max(1, performance.now() - startedAt));
  return {
    start(count) {
      total = count;
      done = 0;
      startedAt = performance.now();
    },
    advance(count) {
      done += count;
      if (total < WORTH_A_BAR || done >= total) return;
      if (drawn) bar.update(done, { rate: rate() });
      else bar.start(total, done, { rate: rate() });
      drawn = true;
    },
    stop() {
      if (drawn) bar.stop();
      drawn = false;
    },
  };
}
