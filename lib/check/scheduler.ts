/**
 * Whether Scheduler's dynos start a run as they should: Heroku gives them other variables than the dyno of `heroku run`
 * on which `job check` is typed.
 */

import { formatDuration } from '../base/duration.ts';
import type { Environment } from '../base/environment.ts';
import { examineConfig } from '../config.ts';
import { ConfigError } from '../errors.ts';
import { METRICS_REMEDY, refuseUnlocked } from '../process/lockdown.ts';
import { type Finding, failed, ok } from './finding.ts';

/**
 * The environment of Scheduler's dyno, told from that of another one. Where Heroku's language metrics are on, the Node
 * buildpack puts a plugin into NODE_OPTIONS, but not on dynos that are named `run.…`, nor where HEROKU_SKIP_NODE_PLUGIN
 * is set. Source: profile/nodejs.sh of github.com/heroku/heroku-buildpack-nodejs.
 */
function schedulerEnvironment(env: Environment): Environment {
  const here = { ...env, DYNO: 'scheduler.1' };
  const isHere = env.NODE_OPTIONS?.includes('/.heroku/') === true;
  if (!env.HEROKU_METRICS_URL || env.HEROKU_SKIP_NODE_PLUGIN || isHere) return here;
  const plugin = '--require /app/.heroku/metrics/metrics_collector.cjs';
  return { ...here, NODE_OPTIONS: [env.NODE_OPTIONS, plugin].filter(Boolean).join(' ') };
}

/** The line `scheduler`; null on a computer that is no dyno of Heroku's. */
export function checkScheduler(env: Environment): Finding | null {
  if (!env.DYNO && !env.HEROKU_METRICS_URL) return null;
  const scheduled = schedulerEnvironment(env);
  try {
    refuseUnlocked(scheduled, true);
  } catch (error) {
    if (!(error instanceof ConfigError) || scheduled.NODE_OPTIONS === env.NODE_OPTIONS)
      return failed('scheduler', error);
    const refused = `Scheduler's dynos are expected to refuse every run: with language metrics on, Heroku's buildpack adds --require to NODE_OPTIONS on dynos not started by heroku run (${error.message})`;
    return failed('scheduler', new ConfigError(refused, METRICS_REMEDY));
  }
  const { budgetMs } = examineConfig(scheduled).config;
  return ok(
    'scheduler',
    `Scheduler's dynos are expected to start runs; a run's budget there is ${formatDuration(budgetMs)}`,
    {
      data: { budgetMs },
    },
  );
}
