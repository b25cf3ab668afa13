/** Which scopes to ask for: those that the jobs declare, and no others. */
import { covers } from '../credentials/token.ts';
import { ConfigError, UsageError } from '../errors.ts';
import type { Registry } from '../registry.ts';

export interface JobScopes {
  readonly name: string;
  readonly scopes: readonly string[];
}

/** The least that users.getProfile answers to; what reads mail includes it. */
const TELLS_MAILBOX = 'https://www.googleapis.com/auth/gmail.metadata';

/**
 * The scopes of the installed jobs, or of those that `names` lists (`a,b`).
 * @throws UsageError for a job that there is not, ConfigError when they do not let Gmail say whose mailbox it is.
 */
export async function readJobScopes(registry: Registry, names: string | undefined): Promise<JobScopes[]> {
  const wanted = names?.split(',').map((name) => name.trim()) ?? registry.names;
  if (wanted.includes('')) throw new UsageError('--jobs has an empty name', 'Write it like --jobs apply-rules,digest.');
  const jobs = await Promise.all(
    [...new Set(wanted)].map(async (name) => ({ name, scopes: (await registry.load(name)).scopes })),
  );
  if (!covers(unionOf(jobs), TELLS_MAILBOX)) {
    throw new ConfigError(
      `with the scopes of ${jobs.map(({ name }) => name).join(', ')} Gmail does not say whose mailbox it is`,
      `Authorize for more jobs at once, or add gmail.metadata to the scopes of a job.`,
    );
  }
  return jobs;
}

/** Every scope of the jobs, once. */
export function unionOf(jobs: readonly JobScopes[]): string[] {
  return [...new Set(jobs.flatMap(({ scopes }) => scopes))];
}
