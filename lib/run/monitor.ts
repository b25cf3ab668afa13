/**
 * Pings a monitor of scheduled jobs when a run starts and ends, with outcome and counts. A monitor that fails or hangs
 * does not fail the run, and delays its end by at most five seconds.
 */
import { formatDuration } from '../base/duration.ts';
import type { Log } from '../screen/log.ts';

/** How long the answers to the pings of the end may take together. */
export const MONITOR_TIMEOUT_MS = 5_000;

/** How long `end` waits for the answer to the ping of the start. */
const START_PATIENCE_MS = 2_000;

export interface Monitor {
  /** Sends the ping of the start, and returns at once. */
  start(): void;
  /** Sends the ping of the end, and waits for its answer, at most five seconds in all. */
  end(exitCode: number, report: Readonly<Record<string, unknown>>): Promise<void>;
}

interface Pings {
  readonly protocol: string;
  /** Returns null for a monitor to which a ping of the start would mean success. */
  readonly start: (url: URL) => URL | null;
  readonly end: (url: URL, exitCode: number, report: Readonly<Record<string, unknown>>) => URL;
  /** Whether the ping of the end has the report as its body. */
  readonly takesReport: boolean;
}

/** Healthchecks, and other monitors with its protocol: healthchecks.io/docs/http_api. */
const healthchecks: Pings = {
  protocol: 'Healthchecks',
  start: (url) => withPath(url, 'start'),
  end: (url, exitCode) => withPath(url, String(exitCode)),
  takesReport: true,
};

/** Dead Man's Snitch: deadmanssnitch.com/docs. */
const snitch: Pings = {
  protocol: "Dead Man's Snitch",
  start: () => null,
  end: (url, exitCode, report) => withQuery(url, { s: String(exitCode), m: String(report.outcome) }),
  takesReport: false,
};

/** Sentry's crons over HTTP: docs.sentry.io/product/crons/getting-started/http. */
const sentry: Pings = {
  protocol: 'Sentry',
  start: (url) => withQuery(url, { status: 'in_progress' }),
  end: (url, exitCode) => withQuery(url, { status: exitCode === 0 ? 'ok' : 'error' }),
  takesReport: false,
};

/** The monitor at `address`; without an address it does nothing. */
export function createMonitor(address: string | undefined, log: Log): Monitor {
  if (address === undefined) return { start() {}, async end() {} };
  const url = new URL(address);
  const pings = pingsOf(url);
  const ended = new AbortController();
  let started: Promise<void> = Promise.resolve();

  const ping = async (target: URL, body: Readonly<Record<string, unknown>> | null, signal: AbortSignal) => {
    const content =
      body === null ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    try {
      const response = await fetch(target, { method: 'POST', redirect: 'error', signal, ...content });
      await response.body?.cancel();
      if (!response.ok) log.warn('heartbeat.failed', { reason: `status ${response.status}` });
    } catch {
      if (ended.signal.aborted && body === null) return;
      log.warn('heartbeat.failed', {
        reason: signal.aborted ? `no answer within ${formatDuration(MONITOR_TIMEOUT_MS)}` : 'the connection failed',
      });
    }
  };

  return {
    start() {
      const target = pings.start(url);
      if (target !== null)
        started = ping(target, null, AbortSignal.any([AbortSignal.timeout(MONITOR_TIMEOUT_MS), ended.signal]));
    },
    async end(exitCode, report) {
      const deadline = AbortSignal.timeout(MONITOR_TIMEOUT_MS);
      // A start that arrives after the end would look like a second run that never ends.
      const patience = setTimeout(() => ended.abort(), START_PATIENCE_MS);
      await started;
      clearTimeout(patience);
      await ping(pings.end(url, exitCode, report), pings.takesReport ? report : null, deadline);
    },
  };
}

/** The name of the monitor's protocol, recognized by the host of its address. */
export function protocolOf(address: string): string {
  return pingsOf(new URL(address)).protocol;
}

function pingsOf(url: URL): Pings {
  if (url.hostname === 'nosnch.in') return snitch;
  return /(^|\.)sentry\.io$/.test(url.hostname) ? sentry : healthchecks;
}

function withPath(url: URL, last: string): URL {
  const target = new URL(url);
  target.pathname = `${url.pathname.replace(/\/+$/, '')}/${last}`;
  return target;
}

function withQuery(url: URL, values: Readonly<Record<string, string>>): URL {
  const target = new URL(url);
  for (const [name, value] of Object.entries(values)) target.searchParams.set(name, value);
  return target;
}
