/** The lines `token`, `consent` and `scopes` of `job check`; consent.ts judges the consent screen. */

import { formatDuration } from '../base/duration.ts';
import { CredentialError, JobError } from '../errors.ts';
import { canAnotherVersionHelp } from '../google/exchange.ts';
import { authorizeForMore, type JobScopes, shortScope } from '../google/scopes.ts';
import { AUTHORIZE_SOON } from '../google/token.ts';
import { checkConsent } from './consent.ts';
import { bridged, type Finding, type FindingRow, failed, notReached, ok, warning } from './finding.ts';
import { findStandIn, learnGrant, type StandInCheck, type VersionGrant, type WorkingVersion } from './grant.ts';
import type { SoundVersion, Versions } from './secret.ts';

export interface AccessCheck extends StandInCheck {
  readonly versions: Versions;
  readonly installed: readonly JobScopes[];
}

/** Returns the version that runs would use; null when no version works. */
export async function* checkAccess(check: AccessCheck): AsyncGenerator<Finding, WorkingVersion | null> {
  const { chosen, previous } = check.versions;
  const outcome = await learnGrant(chosen, check).catch(orJobError);
  const working = outcome instanceof JobError ? await orStandIn(outcome, check) : { version: chosen, grant: outcome };
  if (!(outcome instanceof JobError)) yield issued(chosen, outcome);
  else if (working instanceof JobError) yield failed('token', working);
  else yield bridged(failed('token', outcome));
  yield await checkConsent({ version: chosen, outcome, previous });

  if (working instanceof JobError) {
    yield notReached('scopes');
    return null;
  }
  yield compareScopes(working, check);
  return working;
}

/** AWSPREVIOUS if runs would use it; else the error that runs would end with. */
async function orStandIn(problem: JobError, check: AccessCheck): Promise<WorkingVersion | JobError> {
  if (!canAnotherVersionHelp(problem)) return problem;
  const { chosen, meant, previous } = check.versions;
  const fetchPrevious = async () => {
    const version = await previous();
    return version?.versionId === chosen.versionId ? null : version;
  };
  return findStandIn(problem, fetchPrevious, meant, check);
}

function orJobError(error: unknown): JobError {
  if (error instanceof JobError) return error;
  throw error;
}

function issued({ stage }: SoundVersion, { lifetimeMs, replaced }: VersionGrant): Finding {
  if (replaced) {
    const error = new CredentialError(
      'Google replaced the refresh token, and the new one was not stored',
      AUTHORIZE_SOON,
    );
    return failed('token', error);
  }
  const source = stage === 'AWSPREVIOUS' ? ' for AWSPREVIOUS' : '';
  return ok('token', `Google issued an access token${source}, good for ${formatDuration(lifetimeMs)}`, {
    data: { lifetimeS: Math.round(lifetimeMs / 1_000) },
  });
}

/** The line `scopes`, with a row for each job: the scopes that the job needs or lacks. */
function compareScopes({ version, grant }: WorkingVersion, { jobs, installed }: AccessCheck): Finding {
  const table = jobs.map(({ name, job }) => ({
    job: name,
    needs: job.scopes,
    missing: grant.missing.get(name) ?? [],
    /** Granted only as part of a wider scope: Google cannot narrow a token to these. */
    implied: job.scopes.filter((scope) => !grant.scopes.includes(scope)),
  }));
  const lacking = table.filter(({ missing }) => missing.length > 0);
  const rows = table.map(({ job, needs, missing, implied }): FindingRow => {
    if (missing.length > 0) return { status: 'failed', cells: [job, `lacks ${shortScopes(missing)}`] };
    if (implied.length === 0) return { status: 'ok', cells: [job, shortScopes(needs)] };
    return { status: 'warning', cells: [job, `${shortScopes(implied)}: only as part of a wider scope`] };
  });
  const advise = (rows: typeof table) =>
    authorizeForMore(
      rows.map(({ job, needs }) => ({ name: job, scopes: needs })),
      grant.scopes,
      installed,
    );
  const data = {
    granted: grant.scopes,
    jobs: table.map(({ job, needs, missing }) => ({ job, runs: missing.length === 0, needs, missing })),
  };
  const wide = table.filter(({ missing, implied }) => missing.length === 0 && implied.length > 0);
  if (lacking.length === 0 && wide.length > 0) {
    const detail = `${wide.map(({ job }) => job).join(', ')} would run with a wider token than needed`;
    const remedy = `${advise(wide)} That asks for exactly the scopes that they need.`;
    return warning('scopes', detail, remedy, { rows, data });
  }
  if (lacking.length === 0) {
    const needed = jobs.flatMap(({ job }) => job.scopes);
    const surplus = grant.scopes.filter((scope) => !needed.includes(scope));
    const more = surplus.length === 0 ? '' : `; also granted: ${shortScopes(surplus)}`;
    return ok('scopes', `every job has the scopes that it needs${more}`, { rows, data });
  }
  const names = lacking.map(({ job }) => job).join(', ');
  const rest = table.filter(({ missing }) => missing.length === 0).map(({ job }) => job);
  const leaveOut = rest.length === 0 ? '' : ` If you do not run ${names}: \`job check --jobs ${rest.join(',')}\`.`;
  const remedy = version.credentials.type === 'service_account' ? grant.remedy : advise(lacking);
  const error = new CredentialError(`${names} would not run: scopes are missing`, `${remedy}${leaveOut}`);
  return failed('scopes', error, { rows, data, stops: lacking.map(({ job }) => job) });
}

function shortScopes(scopes: readonly string[]): string {
  return scopes.map(shortScope).join(', ');
}
