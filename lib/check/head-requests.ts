/**
 * The lines `clock` and `monitor` of `job check`. Each takes one HEAD request for a host's front page, without path, token
 * or redirect: Healthchecks, Dead Man's Snitch and Sentry count every request to a ping address as a run, HEAD included.
 */
import { SET_CLOCK } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import type { Environment } from '../base/environment.ts';
import { readMonitorUrl } from '../config.ts';
import { ConfigError } from '../errors.ts';
import { protocolOf } from '../run/monitor.ts';
import { type Finding, failed, notReached, ok, skipped, warning } from './finding.ts';

const TIMEOUT_MS = 5_000;

type HeadAnswer = { readonly status: number; readonly headers: Headers } | { readonly trouble: string };

/** Asks the host of `address` only. Never rejects. */
async function askForHead(address: string, signal: AbortSignal): Promise<HeadAnswer> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const { status, headers } = await fetch(new URL('/', new URL(address).origin), {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    return { status, headers };
  } catch {
    return { trouble: timeout.aborted ? `does not answer within ${formatDuration(TIMEOUT_MS)}` : 'cannot be reached' };
  }
}

/** A monitor that fails does not fail a run, so this is a warning at worst. Never rejects. */
export async function checkMonitor(env: Environment, signal: AbortSignal): Promise<Finding> {
  const address = readMonitorUrl(env);
  if (address === undefined) {
    if ((env.HEARTBEAT_URL?.trim() ?? '') !== '') return notReached('monitor');
    return warning(
      'monitor',
      'none: nobody is told when a run fails or is missed',
      "Set HEARTBEAT_URL to the address that a monitor (Healthchecks, Dead Man's Snitch, Sentry) gives you.",
    );
  }
  const { hostname } = new URL(address);
  const data = { host: hostname, protocol: protocolOf(address) };
  const answer = await askForHead(address, signal);
  if ('status' in answer && answer.status < 500) {
    return ok('monitor', `${hostname} answers (${data.protocol}); it was not pinged`, { data });
  }
  const trouble = 'status' in answer ? `answers with status ${answer.status}` : answer.trouble;
  const remedy = 'Compare HEARTBEAT_URL with the address that the monitor shows. Runs work without the monitor.';
  return warning('monitor', `${hostname} ${trouble}`, remedy, { data });
}

/** The Date header has whole seconds, and the request takes time: a smaller difference means nothing. */
const NOTICEABLE_MS = 2_000;
const WORTH_A_WARNING_MS = 30_000;

/** AWS refuses signatures that are further off. Source: docs.aws.amazon.com, "Signature Version 4". */
const REFUSED_MS = 5 * 60_000;

/** Compares this machine's clock with the Date header of Google's token endpoint. Never rejects. */
export async function checkClock(tokenUrl: string, signal: AbortSignal): Promise<Finding> {
  const sentAt = Date.now();
  const answer = await askForHead(tokenUrl, signal);
  if ('trouble' in answer) return skipped('clock', `not checked: Google ${answer.trouble}`);
  const theirs = Date.parse(answer.headers.get('date') ?? '');
  if (Number.isNaN(theirs)) return skipped('clock', 'not checked: the answer has no Date header');
  // The header omits the fraction of the second, half a second on average.
  return judgeClock((sentAt + Date.now()) / 2 - (theirs + 500));
}

function judgeClock(offsetMs: number): Finding {
  const off = Math.abs(offsetMs);
  const data = { offsetS: Math.round(offsetMs / 1_000) };
  if (off < NOTICEABLE_MS) return ok('clock', "agrees with Google's", { data });
  const detail = `${formatDuration(off)} ${offsetMs > 0 ? 'ahead of' : 'behind'} Google's`;
  if (off < WORTH_A_WARNING_MS) return ok('clock', detail, { data });
  if (off < REFUSED_MS) return warning('clock', detail, SET_CLOCK, { data });
  const error = new ConfigError(`${detail}: AWS refuses requests that are more than 5 minutes off`, SET_CLOCK);
  return failed('clock', error, { data });
}
