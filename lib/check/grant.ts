/** Requests access tokens to find out which scopes Google granted to a version of the secret, or to AWSPREVIOUS in its place. */
import type { JobError } from '../errors.ts';
import { askMailbox, type ProfileAccess } from '../gmail/profile.ts';
import { exchangeCredentials, exchangeForAllScopes } from '../google/exchange.ts';
import { tryPrevious } from '../google/fallback.ts';
import { type MeantMailbox, requireExpectedMailbox } from '../google/ownership.ts';
import { missingScopes } from '../google/scopes.ts';
import { type ExchangedToken, type ExchangeOptions, TokenRefusal } from '../google/token.ts';
import type { NamedJob } from './jobs.ts';
import type { SoundVersion } from './secret.ts';

export interface VersionGrant {
  readonly scopes: readonly string[];
  /** Job → missing scopes, only for jobs that lack some. */
  readonly missing: ReadonlyMap<string, readonly string[]>;
  /** Google's remedy for missing scopes of a service account, else ''. */
  readonly remedy: string;
  readonly accessToken: string;
  /** The lifetime of the access token. */
  readonly lifetimeMs: number;
  /** Undefined when Google gave the refresh token for an unlimited time. */
  readonly refreshTokenLifetimeMs: number | undefined;
  /** Whether Google replaced the refresh token. */
  readonly replaced: boolean;
}

export interface GrantOptions {
  readonly jobs: readonly NamedJob[];
  readonly exchange: ExchangeOptions;
  readonly signal: AbortSignal;
}

/** @throws TokenRefusal when Google gives no token at all, UnavailableError when Google cannot be reached. */
export async function learnGrant(version: SoundVersion, options: GrantOptions): Promise<VersionGrant> {
  const { credentials, ageMs } = version;
  const { exchange, signal, jobs } = options;
  // The answer to a request without a scope names all granted scopes.
  const token = await exchangeForAllScopes(credentials, ageMs, signal, exchange);
  if (token?.scopes === undefined) return tryEachJob(version, options);
  const granted = token.scopes;
  const missing = jobs.map(({ name, job }) => [name, missingScopes(job.scopes, granted)] as const);
  return {
    ...tokenFacts(token),
    scopes: granted,
    missing: new Map(missing.filter(([, scopes]) => scopes.length > 0)),
    remedy: '',
  };
}

/** Google's error codes for a scope that was not granted. */
const SCOPE_REFUSALS = ['invalid_scope', 'unauthorized_client', 'access_denied'];

/** Requests a token with the scopes of each job, as a run would. Granted scopes that no job needs stay unknown. */
async function tryEachJob({ credentials, ageMs }: SoundVersion, options: GrantOptions): Promise<VersionGrant> {
  const { exchange, signal, jobs } = options;
  const missing = new Map<string, readonly string[]>();
  const scopes = new Set<string>();
  let token: ExchangedToken | undefined;
  let refusal: TokenRefusal | undefined;
  for (const { name, job } of jobs) {
    try {
      token = await exchangeCredentials(credentials, job.scopes, ageMs, signal, exchange);
      for (const scope of job.scopes) scopes.add(scope);
    } catch (error) {
      if (!(error instanceof TokenRefusal) || !SCOPE_REFUSALS.includes(error.code)) throw error;
      refusal = error;
      missing.set(name, job.scopes);
    }
  }
  if (token === undefined) throw refusal ?? new Error('there is no job to check');
  return { ...tokenFacts(token), scopes: [...scopes], missing, remedy: refusal?.remedy ?? '' };
}

function tokenFacts({ value, lifetimeMs, refreshTokenLifetimeMs, replacement }: ExchangedToken) {
  return { accessToken: value, lifetimeMs, refreshTokenLifetimeMs, replaced: replacement !== undefined };
}

/** A version for which Google issues tokens. */
export interface WorkingVersion {
  readonly version: SoundVersion;
  readonly grant: VersionGrant;
}

export interface StandInCheck extends GrantOptions {
  readonly gmail: ProfileAccess;
}

/** AWSPREVIOUS with its grant if runs would use it; else the error that runs would end with. */
export function findStandIn(
  problem: JobError,
  fetchPrevious: () => Promise<SoundVersion | null>,
  expected: MeantMailbox | undefined,
  check: StandInCheck,
): Promise<WorkingVersion | JobError> {
  return tryPrevious(problem, fetchPrevious, expected, async (version, meant): Promise<WorkingVersion> => {
    const grant = await learnGrant(version, check);
    const { address } = await askMailbox(grant.accessToken, check.signal, check.gmail);
    requireExpectedMailbox(address, meant);
    return { version, grant };
  });
}
