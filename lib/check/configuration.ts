/** The lines `configuration` and `scheduler` of `job check`: the environment here, and on the dynos of Heroku Scheduler. */

import { formatDuration } from '../base/duration.ts';
import type { Environment } from '../base/environment.ts';
import { type Config, examineConfig, GMAIL_API_URL } from '../config.ts';
import { ConfigError } from '../errors.ts';
import { METRICS_REMEDY, refuseUnlocked } from '../process/lockdown.ts';
import { type Finding, failed, ok } from './finding.ts';

export function checkConfiguration({ config, error, faulty }: ReturnType<typeof examineConfig>): Finding {
  if (error !== null) {
    const line = failed('configuration', error, { data: { faulty: [...faulty] } });
    return { ...line, detail: line.detail.replace(/^configuration: /, '') };
  }
  return configured(config);
}

function configured({ secretId, awsRegion, gmailApiUrl, rulesFile }: Config): Finding {
  const isStandIn = gmailApiUrl !== GMAIL_API_URL;
  const standIn = isStandIn ? '; a stand-in on this machine replaces Google' : '';
  return ok('configuration', `secret ${secretId} in ${awsRegion}${standIn}`, {
    data: { secretId, region: awsRegion, standIn: isStandIn, rulesFile: rulesFile ?? null },
  });
}

/** The line `scheduler`: whether Scheduler's dynos would start a run; null on a computer that is no dyno. */
export function checkScheduler(env: Environment): Finding | null {
  if (!env.DYNO && !env.HEROKU_METRICS_URL) return null;
  const scheduled = schedulerEnvironment(env);
  try {
    refuseUnlocked(scheduled, true);
  } catch (error) {
    if (!(error instanceof ConfigError) || scheduled.NODE_OPTIONS === env.NODE_OPTIONS)
      return failed('scheduler', error);
    const refused = `Scheduler's dynos are expected to refuse every run: language metrics are on, so Heroku's buildpack adds --require to NODE_OPTIONS on them (${error.message})`;
    return failed('scheduler', new ConfigError(refused, METRICS_REMEDY));
  }
  const { budgetMs } = examineConfig(scheduled).config;
  const detail = `Scheduler's dynos are expected to start runs; a run's budget there is ${formatDuration(budgetMs)}`;
  return ok('scheduler', detail, { data: { budgetMs } });
}

/**
 * The environment of Scheduler's dyno, derived from the environment here. With language metrics on, Heroku's Node
 * buildpack adds a plugin to NODE_OPTIONS, but not on dynos named `run.…` and not with HEROKU_SKIP_NODE_PLUGIN. Source:
 * profile/nodejs.sh of github.com/heroku/heroku-buildpack-nodejs.
 */
function schedulerEnvironment(env: Environment): Environment {
  const here = { ...env, DYNO: 'scheduler.1' };
  const hasPlugin = env.NODE_OPTIONS?.includes('/.heroku/') === true;
  if (!env.HEROKU_METRICS_URL || env.HEROKU_SKIP_NODE_PLUGIN || hasPlugin) return here;
  const plugin = '--require /app/.heroku/metrics/metrics_collector.cjs';
  return { ...here, NODE_OPTIONS: [env.NODE_OPTIONS, plugin].filter(Boolean).join(' ') };
}
