/** Estimates how long requests to Gmail take under its quota, for forecasts. */

/** Requests to be sent, and the pace at which they can be. */
export interface PacedWork {
  readonly requests: number;
  readonly units: number;
  readonly unitsPerMinute: number;
  /** Quota units spent within the last 60 seconds. */
  readonly usedInWindow: number;
  readonly requestMs: number;
  /** Requests at the same time. */
  readonly atOnce: number;
}

const WINDOW_MS = 60_000;

/**
 * Returns how long the work takes, in milliseconds. The requests spend the quota of a minute at once, then wait until 60
 * seconds after the first answers; slow requests never spend the quota, and never wait for it.
 */
export function estimateDurationMs(work: PacedWork): number {
  const { units, requests, unitsPerMinute, usedInWindow, requestMs, atOnce } = work;
  if (requests === 0) return 0;
  const ownMs = (count: number) => Math.ceil(count / atOnce) * requestMs;
  const each = units / requests;
  if (each === 0) return ownMs(requests);
  const perWindow = Math.max(1, Math.floor(unitsPerMinute / each));
  const used = Math.min(perWindow, usedInWindow / each);
  const waits = Math.ceil((used + requests) / perWindow) - 1;
  const lastOnes = Math.min(requests, used + requests - waits * perWindow);
  return Math.round(Math.max(ownMs(requests), waits * (WINDOW_MS + requestMs) + ownMs(lastOnes)));
}
