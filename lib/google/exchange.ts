/** One exchange for credentials of every kind: what the secret holds, for an access token. */

import type { Credentials } from '../aws/shape.ts';
import { exchangeAssertion } from './service-account.ts';
import { type ExchangedToken, type ExchangeOptions, exchangeRefreshToken, TokenRefusal } from './token.ts';

/**
 * An access token for `scopes`. `secretAgeMs` is the age of the secret's version, to name only those causes of a dead
 * token that fit.
 * @throws TokenRefusal when Google refuses, UnavailableError when it cannot be reached, the signal's reason on abort.
 */
export function exchangeCredentials(
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

/** Refusals that another version of the secret may cure. */
const CURABLE = new Set([
  'invalid_grant',
  'invalid_client',
  'deleted_client',
  'disabled_client',
  'unauthorized_client',
  // A service account's missing delegation, in other words.
  'access_denied',
]);

/** Whether another version of the secret may cure what is wrong with this one. */
export function isCurable(error: unknown): boolean {
  return error instanceof TokenRefusal && CURABLE.has(error.code);
}
