/** What Google lets the secret's credentials do, learnt by asking for access tokens. */
import { exchangeCredentials } from '../google/exchange.ts';
import {
  type ExchangedToken,
  type ExchangeOptions,
  exchangeRefreshToken,
  missingScopes,
  TokenRefusal,
} from '../google/token.ts';
import type { NamedJob } from './jobs.ts';
import type { SoundVersion } from './secret.ts';

export interface Grant {
  readonly scopes: readonly string[];
  /** Job → the scopes that it lacks, for jobs that lack some. */
  readonly missing: ReadonlyMap<string, readonly string[]>;
  /** What a person can do about missing scopes, in Google's case for a service account. */
  readonly remedy: string;
  /** One that Google issued to find it out. */
  readonly accessToken: string;
  /** How long the access token lives. */
  readonly lifetimeMs: number;
  /** How long the refresh token still lives, where Google gave it for a limited time. */
  readonly refreshTokenLifetimeMs: number | undefined;
  /** Whether Google replaced the refresh token. */
  readonly replaced: boolean;
}

export interface LearnOptions {
  readonly jobs: readonly NamedJob[];
  readonly exchange: ExchangeOptions;
  readonly signal: AbortSignal;
}

/** @throws TokenRefusal when Google gives no token at all, UnavailableError when it cannot be reached. */
export async function learnGrant(version: SoundVersion, options: LearnOptions): Promise<Grant> {
  const { credentials, ageMs } = version;
  const { exchange, signal, jobs } = options;
  if (credentials.type !== 'authorized_user') return tryEachJob(version, options);
  // Without a scope in the request the answer names all that were granted.
  const token = await exchangeRefreshToken(credentials, null, ageMs, signal, exchange);
  const granted = token.scopes;
  if (granted === undefined) return tryEachJob(version, options);
  const missing = jobs.map(({ name, job }) => [name, missingScopes(job.scopes, granted)] as const);
  return {
    ...tokenFacts(token),
    scopes: granted,
    missing: new Map(missing.filter(([, scopes]) => scopes.length > 0)),
    remedy: '',
  };
}

/** Refusals that may concern the scopes alone. */
const OF_SCOPES = ['invalid_scope', 'unauthorized_client', 'access_denied'];

/** Asks for what each job needs, as the job would: what is granted beyond that stays unknown. */
async function tryEachJob({ credentials, ageMs }: SoundVersion, options: LearnOptions): Promise<Grant> {
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
      if (!(error instanceof TokenRefusal) || !OF_SCOPES.includes(error.code)) throw error;
      refusal = error;
      missing.set(name, job.scopes);
    }
  }
  if (token === undefined) throw refusal ?? new Error('there is no job to check');
  return { ...tokenFacts(token), scopes: [...scopes], missing, remedy: refusal?.remedy ?? '' };
}

function tokenFacts({ value, lifetimeMs, refreshTokenLifetimeMs, newRefreshToken }: ExchangedToken) {
  return { accessToken: value, lifetimeMs, refreshTokenLifetimeMs, replaced: newRefreshToken !== undefined };
}
