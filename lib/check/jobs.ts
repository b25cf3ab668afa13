/** A line of `job check` for each job: whether it would start, and what its `inspect` finds in the mailbox. */

import { readJobSecrets, type VersionKeys } from '../aws/job-secrets.ts';
import { ExitCode, JobError, oneLine, StoppedError, UsageError } from '../errors.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { hostsOf, maxChangesOf } from '../job.ts';
import type { OptionSpecs } from '../options.ts';
import type { Host } from '../process/hosts.ts';
import type { InstalledJob } from '../registry.ts';
import { type Finding, failed, ok, skipped } from './finding.ts';

export type NamedJob = Extract<InstalledJob, { readonly job: unknown }>;

export interface JobsCheck {
  readonly jobs: readonly InstalledJob[];
  /** Null when the mailbox could not be opened. */
  readonly mailbox: Mailbox | null;
  /** The keys for the secrets of jobs; null when the secret could not be read. Throws a JobError when AWS refuses. */
  readonly jobKeys: () => Promise<VersionKeys | null>;
  readonly rulesFile: string | undefined;
  readonly attachmentsFile: string | undefined;
  readonly allowHosts: (hosts: readonly Host[]) => void;
}

/** Yields no line for a job that would start and has neither secrets nor `inspect`. */
export async function* checkJobs({
  jobs,
  mailbox,
  jobKeys,
  rulesFile,
  attachmentsFile,
  allowHosts,
}: JobsCheck): AsyncGenerator<Finding, void> {
  for (const installed of jobs) {
    const { name } = installed;
    if ('fault' in installed) {
      yield failed(name, installed.fault, { stops: [name] });
      continue;
    }
    const { job } = installed;
    const options = fallbacks(job.options);
    try {
      const keys = job.secrets.length === 0 ? undefined : await jobKeys();
      if (keys) readJobSecrets({ name, secrets: job.secrets }, keys);
      allowHosts(hostsOf(name, job, { options, argument: '', rulesFile }));
      maxChangesOf(name, job, options);
      const prepared = await job.prepare({
        options,
        argument: '',
        dryRun: true,
        interactive: false,
        canShowMail: false,
        rulesFile,
        attachmentsFile,
      });
      const notTried = skipped(name, 'its settings are valid; not tried, because of the failure above');
      if (job.inspect !== undefined) {
        yield mailbox === null || keys === null
          ? notTried
          : await inspect({ name, job }, { options, prepared, mailbox });
      } else if (keys !== undefined) {
        const { secrets } = job;
        yield keys === null
          ? notTried
          : ok(name, `the secret ${keys.secretId} has ${secrets.join(', ')}`, { data: { secrets } });
      }
    } catch (error) {
      yield whyNot(name, error);
    }
  }
}

/** @throws `error` itself when the person stopped the command. */
function whyNot(name: string, error: unknown): Finding {
  if (error instanceof UsageError) return skipped(name, `not tried, because it needs options: ${error.message}`);
  const stops = [name];
  if (error instanceof JobError || error instanceof StoppedError) return failed(name, error, { stops });
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const remedy = `Correct jobs/${name}.ts. Without its options, hosts returns [] and prepare throws a ConfigError.`;
  return {
    id: name,
    status: 'failed',
    detail: oneLine(`the job throws ${what}`).slice(0, 500),
    remedy,
    exitCode: ExitCode.bug,
    stops,
  };
}

async function inspect(
  { name, job }: NamedJob,
  context: Parameters<NonNullable<NamedJob['job']['inspect']>>[0],
): Promise<Finding> {
  const inspection = await job.inspect?.(context);
  if (inspection === undefined) return skipped(name, 'nothing to tell');
  const { detail, rows, warnings, problem, data } = inspection;
  const extras = { rows: rows.map((cells) => ({ cells })), notes: warnings, data: { ...data, warnings } };
  if (problem !== undefined) return failed(name, problem, { ...extras, stops: [name] });
  return { id: name, status: warnings.length > 0 ? 'warning' : 'ok', detail, ...extras };
}

/** The options of a run without options on its command line. */
function fallbacks(specs: OptionSpecs): Record<string, unknown> {
  return Object.fromEntries(Object.entries(specs).map(([key, { fallback }]) => [key, fallback]));
}
