/**
 * Limits the time of a run with two AbortSignals: `wrapUp` aborts reads and waits, and the run starts no change after it;
 * `giveUp`, 20 seconds later, aborts changes and posts under way. A spent budget, SIGTERM and SIGINT stop a run in the
 * same way.
 */
import { StoppedError, type StopReason } from '../errors.ts';

/**
 * How long changes and posts under way, and the writing of the journal, may take after `wrapUp`. Heroku sends SIGKILL 30
 * seconds after SIGTERM (devcenter.heroku.com/articles/dyno-shutdown-behavior). A stopped run takes at most 27: these 20,
 * then 5 for the monitor (MONITOR_TIMEOUT_MS), then 2 for timers and sockets that the job left open (LINGER_MS).
 */
export const WIND_DOWN_MS = 20_000;

/** Replaces WIND_DOWN_MS after an uncaught exception: the code that would finish the work may be gone. */
const FAULT_WIND_DOWN_MS = 2_000;

/** How long a timer or a socket that a job left open may keep the process alive after the final line. */
export const LINGER_MS = 2_000;

const MAX_TIMER_MS = 2 ** 31 - 1;

export interface Budget extends Disposable {
  /** Aborted with a StoppedError: ends reads, waits, and requests to AWS and for tokens; no change starts after it. */
  readonly wrapUp: AbortSignal;
  /** Aborted with the same reason when changes and posts under way must be aborted too. */
  readonly giveUp: AbortSignal;
  /** Why the run was stopped; null when it was not. */
  readonly stopped: StopReason | null;
  /** Stops the run now. A second reason changes nothing. */
  stop(reason: StopReason): void;
}

/** Starts the time budget. `processStop` is aborted with a StoppedError when the process is told to end. */
export function startBudget(budgetMs: number, processStop: AbortSignal): Budget {
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
  const onProcessStop = () => stop((processStop.reason as StoppedError).reason);
  if (processStop.aborted) onProcessStop();
  else processStop.addEventListener('abort', onProcessStop, { once: true });

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
      processStop.removeEventListener('abort', onProcessStop);
      // Ends requests and waits that the job did not await.
      wrapUp.abort(new StoppedError('finished'));
      giveUp.abort(new StoppedError('finished'));
    },
  };
}
