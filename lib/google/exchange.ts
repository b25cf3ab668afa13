/** Exchanges the secret's credentials, a refresh token or a service account's key, for an access token. */

import type { Credentials } from '../aws/shape.ts';
import { CredentialError } from '../errors.ts';
import { authorizeForMore, isNarrow, type JobScopes, missingScopes, shortScope } from './scopes.ts';
import { delegationOf, exchangeAssertion } from './service-account.ts';
import { type ExchangedToken, type ExchangeOptions, exchangeRefreshToken, TokenRefusal } from './token.ts';

/**
 * An access token for `scopes`. `secretAgeMs`, the age of the secret's version, decides which causes a refusal names.
 * @throws TokenRefusal when Google refuses, UnavailableError when Google cannot be reached, the signal's reason on abort.
 */
export async function exchangeCredentials(
  credentials: Credentials,
  scopes: readonly string[],
  secretAgeMs: number | undefined,
  signal: AbortSignal,
  options: ExchangeOptions,
): Promise<ExchangedToken> {
  return credentials.type === 'service_account'
    ? exchangeAssertion(credentials, scopes, signal, options)
    : exchangeRefreshToken(credentials, scopes, secretAgeMs, signal, options);
}

/** Like exchangeCredentials, with all granted scopes; null for a service account, whose requests must name scopes. */
export async function exchangeForAllScopes(
  credentials: Credentials,
  secretAgeMs: number | undefined,
  signal: AbortSignal,
  options: ExchangeOptions,
): Promise<ExchangedToken | null> {
  return credentials.type === 'service_account'
    ? null
    : exchangeRefreshToken(credentials, null, secretAgeMs, signal, options);
}

export interface JobToken extends ExchangedToken {
  /** The granted scopes; undefined when Google refused to narrow the token and does not name them. */
  readonly scopes: readonly string[] | undefined;
  /** Why the token has, or may have, more scopes than the job needs; undefined when it has no more. */
  readonly wideBecause?: string;
}

/** Refusals that may concern only the `scope` of the request, which Google does not document for a refresh. */
const ABOUT_SCOPES = new Set(['invalid_scope', 'invalid_request']);

/** Like exchangeCredentials, but returns a token for all granted scopes when Google refuses to narrow the token. */
export async function exchangeNarrowly(
  credentials: Credentials,
  scopes: readonly string[],
  secretAgeMs: number | undefined,
  signal: AbortSignal,
  options: ExchangeOptions,
): Promise<JobToken> {
  try {
    const token = await exchangeCredentials(credentials, scopes, secretAgeMs, signal, options);
    const granted = token.scopes ?? scopes;
    const wide = isNarrow(scopes, granted) ? {} : { wideBecause: 'Google did not narrow the token' };
    return { ...token, scopes: granted, ...wide };
  } catch (error) {
    if (!(error instanceof TokenRefusal && ABOUT_SCOPES.has(error.code))) throw error;
    const token = await exchangeForAllScopes(credentials, secretAgeMs, signal, options);
    if (token === null) throw error;
    return { ...token, wideBecause: 'Google refused to narrow the token' };
  }
}

/** @throws CredentialError that names every scope which the job needs and `granted` lacks. */
export async function requireScopes(
  job: JobScopes,
  granted: readonly string[],
  credentials: Credentials,
  installed: (() => Promise<readonly JobScopes[]>) | undefined,
): Promise<void> {
  const missing = missingScopes(job.scopes, granted);
  if (missing.length === 0) return;
  const needs = `${job.name} needs the ${missing.length === 1 ? 'scope' : 'scopes'} ${missing.map(shortScope).join(', ')}`;
  throw credentials.type === 'service_account'
    ? new CredentialError(`${needs}, which the service account was not granted`, delegationOf(credentials, job.scopes))
    : new CredentialError(
        `${needs}, which the refresh token was not granted`,
        authorizeForMore([job], granted, (await installed?.()) ?? [job]),
      );
}

/** Refusals that concern the credentials in one version of the secret. */
const VERSION_ERRORS = new Set([
  'invalid_grant',
  'invalid_client',
  'deleted_client',
  'disabled_client',
  'unauthorized_client',
  // Google's other word for a service account's missing delegation.
  'access_denied',
]);

/** Whether the exchange may succeed with another version of the secret. */
export function canAnotherVersionHelp(error: unknown): error is TokenRefusal {
  return error instanceof TokenRefusal && VERSION_ERRORS.has(error.code);
}
