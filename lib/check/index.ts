/**
 * Runs the checks of `job check` in the order of a run: reads the secret, requests a token, searches Gmail. Changes
 * nothing. After a failure, skips only the lines that depend on the failed check.
 */

import { fetchJobKeys, type VersionKeys } from '../aws/job-secrets.ts';
import { createSecretFetcher, type Stage } from '../aws/secret.ts';
import { systemClock } from '../base/clock.ts';
import type { Environment } from '../base/environment.ts';
import { once } from '../base/once.ts';
import { examineConfig, jobSecretAddressOf, secretAddressOf } from '../config.ts';
import type { JobScopes } from '../google/scopes.ts';
import { prepareProofs } from '../google/token.ts';
import type { Host } from '../process/hosts.ts';
import { PROXY_VARIABLES } from '../process/proxies.ts';
import type { InstalledJob } from '../registry.ts';
import { checkAccess } from './access.ts';
import { checkConfiguration, checkScheduler } from './configuration.ts';
import { checkFiles } from './files.ts';
import { type Finding, notReached } from './finding.ts';
import { findStandIn } from './grant.ts';
import { checkClock, checkMonitor } from './head-requests.ts';
import { checkJobs } from './jobs.ts';
import { checkKey } from './key.ts';
import { checkMailbox, checkQuota } from './mailbox.ts';
import { checkSecret } from './secret.ts';

export interface CheckRequest {
  readonly env: Environment;
  readonly stage: Stage;
  readonly jobs: readonly InstalledJob[];
  /** All installed jobs, for advice about scopes. */
  readonly installed: readonly JobScopes[];
  readonly hide: (secret: string) => void;
  readonly allowHosts: (hosts: readonly Host[]) => void;
  readonly signal: AbortSignal;
}

const AWS_VARIABLES = [
  'GMAIL_SECRET_ID',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  ...PROXY_VARIABLES,
];
const GOOGLE_VARIABLES = ['GOOGLE_TOKEN_URL', 'GMAIL_API_URL'];

/** The ids of all lines that `runChecks` may yield, in their order. */
export function lineIds(jobs: readonly InstalledJob[]): string[] {
  const own = jobs.map(({ name }) => name);
  return [
    'configuration',
    'scheduler',
    'aws',
    'secret',
    'key',
    'token',
    'consent',
    'scopes',
    'mailbox',
    'files',
    ...own,
    'quota',
    'monitor',
    'clock',
  ];
}

/** Yields each line as soon as it is known. @throws StoppedError when the person stops the command. */
export async function* runChecks(request: CheckRequest): AsyncGenerator<Finding, void> {
  const { env, stage, jobs, installed, hide, allowHosts, signal } = request;
  const examined = examineConfig(env);
  const { config, faulty } = examined;
  const isFaulty = (names: readonly string[]) => names.some((name) => faulty.has(name));
  // Monitor and clock depend on no other check, so their requests run in parallel with the others.
  const monitor = isFaulty(PROXY_VARIABLES) ? notReached('monitor') : checkMonitor(env, signal);
  const clock = isFaulty(['GOOGLE_TOKEN_URL', ...PROXY_VARIABLES]) ? null : checkClock(config.tokenUrl, signal);

  yield checkConfiguration(examined);
  const scheduler = checkScheduler(env);
  if (scheduler !== null) yield scheduler;

  const exchange = {
    tokenUrl: config.tokenUrl,
    timeoutMs: config.requestTimeoutMs,
    clock: systemClock,
    random: Math.random,
    hide,
    openProofs: prepareProofs({ keys: config.awsKeys, allowHosts }),
  };
  const sound = jobs.filter((job) => 'job' in job);
  const standInCheck = { jobs: sound, exchange, signal, gmail: { ...exchange, gmailApiUrl: config.gmailApiUrl } };
  const secretNames = sound.flatMap(({ job }) => job.secrets);
  const versions = isFaulty(AWS_VARIABLES)
    ? yield* notReachedAll(['aws', 'secret'])
    : yield* checkSecret({
        fetchSecret: createSecretFetcher(secretAddressOf(config), hide, secretNames),
        stage,
        configuredMailbox: config.mailbox,
        findStandIn: async (problem, fetchPrevious, meant) =>
          isFaulty(GOOGLE_VARIABLES) ? problem : findStandIn(problem, fetchPrevious, meant, standInCheck),
        signal,
      });

  const isKeySound =
    versions === null || isFaulty(GOOGLE_VARIABLES)
      ? yield* notReachedAll(['key'])
      : yield* checkKey({ versions, exchange, signal });
  const working =
    versions === null || !isKeySound
      ? yield* notReachedAll(['token', 'consent', 'scopes'])
      : yield* checkAccess({ versions, installed, ...standInCheck });

  const opened =
    working === null || versions === null || faulty.has('GMAIL_MAILBOX')
      ? yield* notReachedAll(['mailbox'])
      : yield* checkMailbox({ working, meant: versions.meant, config, ...exchange, signal });
  const elsewhere = jobSecretAddressOf(config);
  const jobKeys = once(async (): Promise<VersionKeys | null> => {
    if (isFaulty([...AWS_VARIABLES, 'JOB_SECRET_ID'])) return null;
    if (elsewhere !== undefined) return await fetchJobKeys(elsewhere, secretNames, hide, signal);
    const version = working?.version ?? versions?.chosen;
    return version === undefined ? null : { ...version, secretId: config.secretId };
  });
  const mailbox = opened?.mailbox ?? null;
  const isAwsSound = !isFaulty(AWS_VARIABLES);
  yield faulty.has('EXPORT_URL')
    ? notReached('files')
    : await checkFiles({ config, jobs, mailbox, isAwsSound, allowHosts, signal });
  const { rulesFile, attachmentsFile } = config;
  yield* checkJobs({ jobs, mailbox, jobKeys, rulesFile, attachmentsFile, allowHosts });
  yield isFaulty(['GMAIL_QUOTA_PROFILE', 'GMAIL_QUOTA_PER_MINUTE'])
    ? notReached('quota')
    : checkQuota(config, opened?.client.statistics);
  yield await monitor;
  yield clock === null ? notReached('clock') : await clock;
}

async function* notReachedAll(ids: readonly string[]): AsyncGenerator<Finding, null> {
  for (const id of ids) yield notReached(id);
  return null;
}
