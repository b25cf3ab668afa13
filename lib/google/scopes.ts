/** Google's scopes: the scopes that each includes, those that a job lacks, and the command that authorizes for them. */
import { ConfigError } from '../errors.ts';

const PREFIX = 'https://www.googleapis.com/auth/';
const GMAIL = `${PREFIX}gmail.`;
const FULL = 'https://mail.google.com/';

/** Scope → the scopes that it includes. Source: developers.google.com/workspace/gmail/api/auth/scopes. */
const INCLUDES: ReadonlyMap<string, readonly string[]> = new Map([
  [FULL, ['modify', 'readonly', 'labels', 'insert', 'send', 'compose', 'metadata'].map((name) => GMAIL + name)],
  [`${GMAIL}modify`, ['readonly', 'labels', 'insert', 'send', 'compose', 'metadata'].map((name) => GMAIL + name)],
  [`${GMAIL}readonly`, [`${GMAIL}metadata`]],
]);

/** Whether `needed` is among the granted scopes, or included in one of them. */
export function covers(granted: readonly string[], needed: string): boolean {
  return granted.some((scope) => scope === needed || INCLUDES.get(scope)?.includes(needed));
}

/** Whether the granted scopes allow to change the labels of messages. */
export function allowChanges(granted: readonly string[]): boolean {
  return covers(granted, `${GMAIL}modify`);
}

/** The scopes of `needed` that `granted` neither names nor includes. */
export function missingScopes(needed: readonly string[], granted: readonly string[]): string[] {
  return needed.filter((scope) => !covers(granted, scope));
}

/** Whether `granted` has nothing beyond the scopes of `needed`. */
export function isNarrow(needed: readonly string[], granted: readonly string[]): boolean {
  return granted.every((scope) => needed.includes(scope));
}

/** A scope in short: `gmail.modify`. */
export function shortScope(scope: string): string {
  return scope.replace(PREFIX, '');
}

/** The narrowest scopes that allow users.getProfile. Every scope that reads or changes mail includes the first. */
const PROFILE_SCOPES = [`${GMAIL}metadata`, `${GMAIL}compose`];

/** @throws ConfigError when the scopes do not allow users.getProfile. */
export function requireProfileScope(job: string, scopes: readonly string[]): void {
  if (PROFILE_SCOPES.some((scope) => covers(scopes, scope))) return;
  throw new ConfigError(
    `jobs/${job}.ts: its scopes do not allow users.getProfile, which gives the mailbox's address`,
    `Add ${PROFILE_SCOPES[0]} to its scopes, or a scope that reads mail.`,
  );
}

export interface JobScopes {
  readonly name: string;
  readonly scopes: readonly string[];
}

/** Whether `granted` covers all scopes of the job. */
export function hasAllScopes(job: JobScopes, granted: readonly string[]): boolean {
  return missingScopes(job.scopes, granted).length === 0;
}

/**
 * The remedy for a grant that is too small for `needing`. A consent replaces the one before, so the command names `needing`,
 * every installed job that the grant serves, and the installed jobs that need no further scope.
 */
export function authorizeForMore(
  needing: readonly JobScopes[],
  granted: readonly string[],
  installed: readonly JobScopes[],
): string {
  const asked = new Set(
    [...needing, ...installed.filter((job) => hasAllScopes(job, granted))].flatMap((job) => job.scopes),
  );
  const jobs = installed.filter(({ scopes }) => scopes.every((scope) => asked.has(scope)));
  return `Authorize again with \`${rotateFor(jobs)}\`, and leave every box on Google's consent page ticked.`;
}

/** The command that asks for the scopes of these jobs. */
export function rotateFor(jobs: readonly JobScopes[]): string {
  return jobs.length === 0 ? 'job rotate' : `job rotate --jobs ${jobs.map(({ name }) => name).join(',')}`;
}
