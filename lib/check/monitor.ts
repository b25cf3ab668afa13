/**
 * Whether the monitor's host answers. Healthchecks takes every request to its ping address for a run, HEAD included, and
 * so do Dead Man's Snitch and Sentry: so only the host's front page is asked for, without the address's token. That the
 * token is right shows in the first run.
 */
import type { Environment } from '../base/environment.ts';
import { readMonitorUrl } from '../config.ts';
import { protocolOf } from '../run/monitor.ts';
import { type Finding, notReached, ok, warning } from './finding.ts';
import { askForHead } from './head.ts';

/** The line `monitor`. A monitor that fails does not fail a run, so it is never worse than a warning. Never rejects. */
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
  const remedy = 'Compare HEARTBEAT_URL with the address that the monitor shows. Runs do their work without it.';
  return warning('monitor', `${hostname} ${trouble}`, remedy, { data });
}
