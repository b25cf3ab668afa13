/** Which jobs run with what was granted, and for which jobs to authorize when that is too little. */
import { missingScopes } from './token.ts';

export interface JobScopes {
  readonly name: string;
  readonly scopes: readonly string[];
}

/** Whether the job has all the scopes that it needs. */
export function isServed(job: JobScopes, granted: readonly string[]): boolean {
  return missingScopes(job.scopes, granted).length === 0;
}

/**
 * The remedy for a grant that is too small for `needing`. A consent replaces the one before, so the command names
 * `needing` and every installed job that the grant serves, and the installed jobs that need no scope more than these.
 */
export function authorizeForMore(
  needing: readonly JobScopes[],
  granted: readonly string[],
  installed: readonly JobScopes[],
): string {
  const asked = new Set(
    [...needing, ...installed.filter((job) => isServed(job, granted))].flatMap((job) => job.scopes),
  );
  const jobs = installed.filter(({ scopes }) => scopes.every((scope) => asked.has(scope)));
  return `Authorize again with \`${rotateFor(jobs)}\`, and leave every box on Google's consent page ticked.`;
}

/** The command that asks for the scopes of these jobs. */
export function rotateFor(jobs: readonly JobScopes[]): string {
  return jobs.length === 0 ? 'job rotate' : `job rotate --jobs ${jobs.map(({ name }) => name).join(',')}`;
}
