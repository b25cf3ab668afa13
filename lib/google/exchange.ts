/** Exchanges the secret's credentials, of either kind, for an access token. */

import type { Credentials } from '../aws/shape.ts';
import { exchangeAssertion } from './service-account.ts';
import { type ExchangedToken, type ExchangeOptions, exchangeRefreshToken, TokenRefusal } from './token.ts';

/**
 * An access token for `scopes`. `secretAgeMs`, the age of the secret's version, decides which causes a refusal names.
 * @throws TokenRefusal when Google refuses, UnavailableError when Google cannot be reached, the signal's reason on abort.
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

/** Refusals because of the credentials in this version of the secret. */
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
export function canAnotherVersionHelp(error: unknown): boolean {
  return error instanceof TokenRefusal && VERSION_ERRORS.has(error.code);
}
