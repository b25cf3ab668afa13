/** Draws the progress of long work in one line of a terminal. progress-line.ts formats the line. */
import { SingleBar } from 'cli-progress';
import { systemClock } from '../base/clock.ts';
import { LastMinute, SteadyEstimate, TimeLeft } from './eta.ts';
import type { PlannedWork, Progress } from './progress.ts';
import { lookingLine, type Pause, pauseLine, workLine } from './progress-line.ts';

/** Items. Fewer are done within seconds, unless their work costs more than a minute's quota. */
const WORTH_A_BAR = 2_000;

/** The time after which the bar comes back by itself when other text was written. */
const BACK_AFTER_MS = 250;

interface Work {
  readonly total: number;
  /** Quota units; null when unknown. */
  readonly units: number | null;
  readonly worthABar: boolean;
  readonly startedAt: number;
  readonly timeLeft: TimeLeft;
  readonly steady: SteadyEstimate;
  done: number;
  unitsSpent: number;
}

/** Draws on `stream`, which must be a terminal. `now` is the clock of `waiting`. */
export function createProgressBar(stream: NodeJS.WritableStream, now: () => number = systemClock.now): Progress {
  let rate = new LastMinute(now);
  const spending = new LastMinute(now);
  let found: number | null = null;
  let work: Work | null = null;
  let window: string | null = null;
  let pausedUntil = 0;
  let why: Pause['why'] = 'window';
  let back: NodeJS.Timeout | undefined;
  let over: NodeJS.Timeout | undefined;
  let drawn = false;
  let ended = false;

  const line = (columns: number): string => {
    const pauseMs = pausedUntil - now();
    const pause = pauseMs > 0 ? { ms: pauseMs, why } : null;
    if (work === null && found === null && pause !== null) return pauseLine(pause, columns);
    if (work === null) return lookingLine({ found: found ?? 0, window, pause }, columns);
    const seconds = Math.min(60, Math.max(1, (now() - work.startedAt) / 1_000));
    return workLine(
      {
        done: work.done,
        total: work.total,
        window,
        perSecond: rate.sum / seconds,
        unitsPerMinute: work.units === null ? null : spending.sum,
        pause,
        leftMs: work.steady.show(work.timeLeft.ms(workLeft(work))),
      },
      columns,
    );
  };
  const bar = new SingleBar({
    stream,
    format: (_options, { maxWidth }) => line(maxWidth),
    fps: 5,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
  });

  const goesOn = () => !ended && work?.worthABar === true && work.done < work.total;
  const isPaused = () => !ended && pausedUntil > now();
  const isWorthALine = () => goesOn() || (!ended && work === null && (found ?? 0) >= WORTH_A_BAR);
  const draw = () => {
    clearTimeout(back);
    if (drawn || !(isWorthALine() || isPaused())) return;
    drawn = true;
    bar.start(1, 0);
  };
  const erase = () => {
    clearTimeout(back);
    if (drawn) bar.stop();
    drawn = false;
  };
  /** Erases a line that was drawn only to show a pause. */
  const endPause = () => {
    if (!isWorthALine() && !isPaused()) erase();
  };
  const begin = (total: number, cost: Omit<PlannedWork, 'total'> | null) => {
    erase();
    found = null;
    rate = new LastMinute(now);
    const limit = cost?.unitsPerMinute ?? Number.POSITIVE_INFINITY;
    work = {
      total,
      units: cost?.units ?? null,
      worthABar: total >= WORTH_A_BAR || (cost !== null && cost.units > cost.unitsPerMinute),
      startedAt: now(),
      timeLeft: new TimeLeft(limit, now, cost === null ? [] : spending.events),
      steady: new SteadyEstimate(now),
      done: 0,
      unitsSpent: 0,
    };
  };

  return {
    looking(count) {
      if (found === null) erase();
      work = null;
      found = count;
      draw();
    },
    plan(next) {
      begin(next.total, next);
    },
    start(total) {
      if (work === null || work.units === null || work.done >= work.total) begin(total, null);
    },
    window(name) {
      window = name;
    },
    advance(count) {
      if (work === null) return;
      work.done += count;
      rate.add(count);
      if (work.units === null) work.timeLeft.spent(count);
      if (goesOn()) draw();
      else erase();
    },
    spent(units) {
      spending.add(units);
      if (work === null || work.units === null) return;
      work.unitsSpent += units;
      work.timeLeft.spent(units);
      draw();
    },
    waiting(untilMs, reason) {
      if (untilMs > pausedUntil) {
        pausedUntil = untilMs;
        why = reason;
      }
      draw();
      clearTimeout(over);
      over = setTimeout(endPause, Math.max(0, pausedUntil - now())).unref();
      return drawn;
    },
    stop() {
      erase();
      if (goesOn() || isPaused()) back = setTimeout(draw, BACK_AFTER_MS).unref();
    },
    end() {
      ended = true;
      clearTimeout(over);
      erase();
    },
  };
}

/** The remaining quota units, or items when the units are unknown. Retries can make the work cost more than planned. */
function workLeft({ total, done, units, unitsSpent }: Work): number {
  const items = Math.max(0, total - done);
  return units === null ? items : Math.max(units - unitsSpent, (units * items) / total / 2);
}
