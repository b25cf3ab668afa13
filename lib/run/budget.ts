/**
 * Limits the time of a run with two AbortSignals: `wrapUp` aborts reads and waits, and the run starts no change after it;
 * `giveUp`, 20 seconds later, aborts changes and posts under way. A spent budget and the signals SIGTERM, SIGINT and
 * SIGHUP stop a run in the same way.
 */
import { StoppedError, type StopReason } from '../errors.ts';

/**
 * How long changes and posts under way, and the writing of the journal, may take after `wrapUp`. Heroku sends SIGKILL 30
 * seconds after SIGTERM (devcenter.heroku.com/articles/dyno-shutdown-behavior). A stopped run takes at most 27: these 20,
 * then 5 for the monitor (MONITOR_TIMEOUT_MS), then 2 for timers and sockets that the job left open (LINGER_MS).
 */
export const WIND_DOWN_MS = 20_000;

/**
 * Replaces WIND_DOWN_MS after an uncaught exception, since the code that would finish the work may be gone; when the job
 * blocked the event loop, since the signal or the end of the budget may be long past; and when a mailbox is lost, since
 * another process may begin to work on it.
 */
const SHORT_WIND_DOWN_MS = 2_000;

/** Beats that come BLOCK_MS apart, in place of BEAT_MS, show that the job blocked the event loop. */
const BEAT_MS = 500;
const BLOCK_MS = 2_000;

/** Node may run other timers, and the handler of a signal, between the late timer and the stop. */
const JUST_NOW_MS = 100;

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
  /** How long the job blocked the event loop just before it was stopped, or past its budget; 0 when it did not. */
  readonly blockedMs: number;
  /** Whether the job still ran at the end of the time that it had after the stop. */
  readonly isAbandoned: boolean;
  /** Stops the run now. A second reason changes nothing. */
  stop(reason: StopReason): void;
}

/** Starts the time budget. `processStop` is aborted with a StoppedError when the process is told to end. */
export function startBudget(budgetMs: number, processStop: AbortSignal): Budget {
  const wrapUp = new AbortController();
  const giveUp = new AbortController();
  let windDown: NodeJS.Timeout | undefined;

  const startedMs = performance.now();
  let lastBeatMs = startedMs;
  let lastBlock = { ms: 0, endedMs: startedMs };
  const beat = (): void => {
    const now = performance.now();
    if (now - lastBeatMs >= BLOCK_MS) lastBlock = { ms: now - lastBeatMs, endedMs: now };
    lastBeatMs = now;
  };
  const heart = setInterval(beat, BEAT_MS).unref();
  /** The block of the event loop that ended just now, in milliseconds. */
  const blockUntilNow = (): number => {
    beat();
    return lastBeatMs - lastBlock.endedMs <= JUST_NOW_MS ? lastBlock.ms : 0;
  };

  let blockedMs = 0;
  let isAbandoned = false;
  let stopped: StopReason | null = null;
  const stop = (reason: StopReason): void => {
    if (wrapUp.signal.aborted) return;
    stopped = reason;
    const error = new StoppedError(reason);
    blockedMs = blockUntilNow();
    const isShort = reason === 'fault' || reason === 'lost' || blockedMs > 0;
    windDown = setTimeout(abandon, isShort ? SHORT_WIND_DOWN_MS : WIND_DOWN_MS, error);
    wrapUp.abort(error);
  };
  const abandon = (error: StoppedError): void => {
    isAbandoned = true;
    giveUp.abort(error);
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
    get blockedMs() {
      return blockedMs;
    },
    get isAbandoned() {
      return isAbandoned;
    },
    stop,
    [Symbol.dispose]() {
      // A job that blocked the event loop past its budget and then returns is done before the budget's timer fires.
      if (stopped === null && performance.now() - startedMs > budgetMs) blockedMs = blockUntilNow();
      clearInterval(heart);
      clearTimeout(timer);
      clearTimeout(windDown);
      processStop.removeEventListener('abort', onProcessStop);
      // Ends requests and waits that the job did not await.
      wrapUp.abort(new StoppedError('finished'));
      giveUp.abort(new StoppedError('finished'));
    },
  };
}
