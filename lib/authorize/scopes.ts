/** Which scopes to ask for: those that the jobs declare, and no others. */

import { UsageError } from '../errors.ts';
import type { JobScopes } from '../google/job-scopes.ts';
import { requireTellingScopes } from '../google/ownership.ts';
import type { Registry } from '../registry.ts';

/**
 * The scopes of the installed jobs, or of those that `names` lists (`a,b`).
 * @throws UsageError for a job that there is not, ConfigError when those of a job do not let Gmail say whose mailbox it is.
 */
export async function readJobScopes(registry: Registry, names: string | undefined): Promise<JobScopes[]> {
  const wanted = names?.split(',').map((name) => name.trim()) ?? registry.names;
  if (wanted.includes('')) throw new UsageError('--jobs has an empty name', 'Write it like --jobs apply-rules,digest.');
  const jobs = await Promise.all(
    [...new Set(wanted)].map(async (name) => ({ name, scopes: (await registry.load(name)).scopes })),
  );
  for (const { name, scopes } of jobs) requireTellingScopes(name, scopes);
  return jobs;
}

/** Every scope of the jobs, once. */
export function unionOf(jobs: readonly JobScopes[]): string[] {
  return [...new Set(jobs.flatMap(({ scopes }) => scopes))];
}
