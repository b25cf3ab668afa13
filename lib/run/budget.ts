/**
 * How long the run may work, as AbortSignals: `wrapUp` says to start nothing new, `giveUp` to drop what is under way.
 * A spent budget, SIGTERM and SIGINT are the same thing with different names.
 */
import { StoppedError, type StopReason } from '../errors.ts';
import type { Signals } from '../process/signals.ts';

/** What is under way when the run is told to stop may take this long to finish. Heroku kills after 30 seconds. */
export const WIND_DOWN_MS = 20_000;

/** After something was thrown that nobody caught, nobody may be left who finishes anything. */
const FAULT_WIND_DOWN_MS = 2_000;

const MAX_TIMER_MS = 2 ** 31 - 1;

export interface Budget extends Disposable {
  /** Aborted with a StoppedError when nothing new may be started. */
  readonly wrapUp: AbortSignal;
  /** Aborted with the same reason when also what is under way must be given up. */
  readonly giveUp: AbortSignal;
  /** Why the run was stopped, if it was. */
  readonly stopped: StopReason | null;
  /** Ends the run now, before its time; the first reason stays. */
  stop(reason: StopReason): void;
}

/** Starts the time budget and listens to the signals that Heroku and a person at the keyboard send. */
export function startBudget(budgetMs: number, signals: Signals): Budget {
  const wrapUp = new AbortController();
  const giveUp = new AbortController();
  let windDown: NodeJS.Timeout | undefined;

  let stopped: StopReason | null = null;
  const stop = (reason: StopReason): void => {
    if (wrapUp.signal.aborted) return;
    stopped = reason;
    const error = new StoppedError(reason);
    windDown = setTimeout(() => giveUp.abort(error), reason === 'fault' ? FAULT_WIND_DOWN_MS : WIND_DOWN_MS);
    wrapUp.abort(error);
  };
  const timer = setTimeout(() => stop('budget'), Math.min(budgetMs, MAX_TIMER_MS));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) signals.on(signal, () => stop(signal));

  return {
    wrapUp: wrapUp.signal,
    giveUp: giveUp.signal,
    get stopped() {
      return stopped;
    },
    stop,
    [Symbol.dispose]() {
      clearTimeout(timer);
      clearTimeout(windDown);
      // Whatever the job left under way ends with it.
      wrapUp.abort(new StoppedError('finished'));
      giveUp.abort(new StoppedError('finished'));
    },
  };
}
