// The refusals of Google's OAuth endpoints, in Google's words.
import type { Answer } from './http.ts';

/** Refusals of a refresh token, by name. */
export const TOKEN_REFUSALS = {
  invalid_grant: refusal(400, 'invalid_grant', 'Token has been expired or revoked.'),
  invalid_grant_unknown: refusal(400, 'invalid_grant', 'Bad Request'),
  invalid_rapt: {
    status: 400,
    body: {
      error: 'invalid_grant',
      error_description: 'reauth related error (invalid_rapt)',
      error_uri: 'https://support.google.com/a/answer/9368756',
      error_subtype: 'invalid_rapt',
    },
  },
  invalid_client: refusal(401, 'invalid_client', 'The OAuth client was not found.'),
  invalid_client_secret: refusal(401, 'invalid_client', 'Unauthorized'),
  unauthorized_client: refusal(401, 'unauthorized_client', 'Unauthorized'),
  deleted_client: refusal(401, 'deleted_client', 'The OAuth client was deleted.'),
  invalid_scope: refusal(400, 'invalid_scope', 'Bad Request'),
  admin_policy_enforced: refusal(
    400,
    'admin_policy_enforced',
    'Access to your account data is restricted by policies within your organization.',
  ),
  org_internal: refusal(403, 'org_internal', 'This client is restricted to users within its organization.'),
  unsupported_grant_type: refusal(400, 'unsupported_grant_type', 'Invalid grant_type.'),
} satisfies Record<string, Answer>;

export type TokenRefusal = keyof typeof TOKEN_REFUSALS;

/** Refusals of a code or of a service account's assertion, by name. */
export const EXCHANGE_REFUSALS = {
  disabled_client: refusal(401, 'disabled_client', 'The OAuth client was disabled.'),
  access_denied: refusal(403, 'access_denied', 'Requested client not authorized.'),
  redirect_uri_mismatch: refusal(400, 'redirect_uri_mismatch', 'Bad Request'),
  malformed_code: refusal(400, 'invalid_grant', 'Malformed auth code.'),
  missing_code_verifier: refusal(400, 'invalid_grant', 'Missing code verifier.'),
  invalid_code_verifier: refusal(400, 'invalid_grant', 'Invalid code verifier.'),
  unneeded_code_verifier: refusal(400, 'invalid_grant', 'code_verifier or verifier is not needed.'),
  delegation_denied: refusal(
    401,
    'unauthorized_client',
    'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
  ),
  invalid_jwt_signature: refusal(400, 'invalid_grant', 'Invalid JWT Signature.'),
  invalid_jwt_times: refusal(
    400,
    'invalid_grant',
    'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
  ),
  invalid_jwt_audience: refusal(400, 'invalid_grant', 'Invalid JWT: Failed audience check.'),
  invalid_jwt_scope: refusal(400, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.'),
  invalid_issuer: refusal(400, 'invalid_grant', 'Not a valid email or user ID.'),
  unknown_issuer: refusal(400, 'invalid_grant', 'Invalid grant: account not found'),
  invalid_subject: refusal(400, 'invalid_grant', 'Invalid email or User ID'),
} satisfies Record<string, Answer>;

export type ExchangeRefusal = keyof typeof EXCHANGE_REFUSALS;

/** Refusals of a refresh token that is bound to a key. RFC 9449 names no error for them, so they are RFC 6749's. */
export const BINDING_REFUSALS = {
  missing_dpop_proof: refusal(
    400,
    'invalid_grant',
    'The refresh token is bound to a key, and the request has no DPoP proof.',
  ),
  wrong_dpop_key: refusal(
    400,
    'invalid_grant',
    'The refresh token is bound to another key than that of the DPoP proof.',
  ),
} satisfies Record<string, Answer>;

/** The refusal to revoke a token that is unknown or already revoked. */
export const INVALID_TOKEN = refusal(400, 'invalid_token', 'Token expired or revoked');

export function missing(parameter: string): Answer {
  return refusal(400, 'invalid_request', `Missing required parameter: ${parameter}`);
}

export function refusal(status: number, error: string, description: string): Answer & { body: object } {
  return { status, body: { error, error_description: description } };
}
