/** Exchanges a refresh token for an access token with no more scopes than the job needs. */

import type { KmsSettings } from '../aws/kms.ts';
import type { AuthorizedUser, KeyBinding } from '../aws/shape.ts';
import { SET_CLOCK } from '../base/clock.ts';
import { DAY_MS, formatDuration } from '../base/duration.ts';
import { TRY_NEXT_RUN } from '../base/network-failure.ts';
import { once } from '../base/once.ts';
import { CredentialError } from '../errors.ts';
import type { DpopProofs } from './dpop.ts';
import {
  errorWord,
  googleSays,
  type OAuthBody,
  type OAuthTrouble,
  type Prover,
  type RepeatOptions,
  refreshTokenLifetimeIn,
  requestForm,
  scopesIn,
} from './oauth.ts';

export interface ExchangedToken {
  readonly value: string;
  readonly lifetimeMs: number;
  /** The scopes in the answer; undefined when it names none, because Google granted the requested ones. */
  readonly scopes: readonly string[] | undefined;
  /** Undefined when Google names no end of the refresh token. */
  readonly refreshTokenLifetimeMs: number | undefined;
  /** The credentials with a new refresh token; left out when Google replaced none, which is the usual case. */
  readonly replacement?: AuthorizedUser;
}

/** Google refused the exchange. `code` is OAuth's `error`, such as `invalid_grant`. */
export class TokenRefusal extends CredentialError {
  readonly code: string;

  constructor(code: string, message: string, remedy: string) {
    super(message, remedy);
    this.code = code;
  }
}

export interface ExchangeOptions extends RepeatOptions {
  readonly tokenUrl: string;
  /** Left out where no refresh token is exchanged. */
  readonly openProofs?: OpenProofs;
}

/** Returns the process's maker of DPoP proofs. */
export type OpenProofs = () => Promise<DpopProofs>;

/** Nothing of DPoP and KMS is loaded before the first proof. */
export function prepareProofs(settings: KmsSettings): OpenProofs {
  return once(async () => {
    const { DpopProofs } = await import('./dpop.ts');
    return new DpopProofs(settings);
  });
}

/**
 * Proves possession of the key to the token endpoint, with `code` in the exchange of that authorization code; undefined for a
 * refresh token that is bound to no key.
 */
export async function proverFor(
  binding: KeyBinding | undefined,
  { tokenUrl, openProofs }: Pick<ExchangeOptions, 'tokenUrl' | 'openProofs'>,
  code?: string,
): Promise<Prover | undefined> {
  if (binding === undefined) return undefined;
  if (openProofs === undefined) throw new Error('a bound refresh token cannot be exchanged here');
  return (await openProofs()).proverFor(binding, tokenUrl, code);
}

/** The remedy for a refresh token that no longer works. */
export const AUTHORIZE_AGAIN = 'authorize again with `job rotate`';
/** The remedy where the secret may hold a refresh token or a service account's key. */
export const RENEW_ACCESS = `${AUTHORIZE_AGAIN} (for a service account, check subject in the secret and the domain-wide delegation)`;
/** The remedy for an OAuth client that is switched off in the Cloud console. */
export const ENABLE_CLIENT =
  'Enable it in the Cloud console (Google Auth Platform → Clients), or use another client: `job rotate --client`, or `job authorize --client` if nothing is stored yet.';
/** The remedy while AWSPREVIOUS holds a refresh token that works without the key to which the current one is bound. */
export const REVOKE_UNBOUND =
  'When the runs work, run `job rotate --revoke`: the command revokes every refresh token in the secret at Google, and asks for consent to a new one that is bound to the key.';
/** The remedy when Google replaced the refresh token and the new one is lost. */
export const AUTHORIZE_SOON = `The stored refresh token may stop working: ${AUTHORIZE_AGAIN} soon.`;

/**
 * An access token for `scopes`, or with all granted scopes when `scopes` is null. `secretAgeMs`, the age of the secret's
 * version, decides which causes a refusal names.
 * @throws TokenRefusal when Google refuses, UnavailableError when Google cannot be reached, the signal's reason on abort.
 */
export async function exchangeRefreshToken(
  user: AuthorizedUser,
  scopes: readonly string[] | null,
  secretAgeMs: number | undefined,
  signal: AbortSignal,
  options: ExchangeOptions,
): Promise<ExchangedToken> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: user.clientId,
    client_secret: user.clientSecret,
    refresh_token: user.refreshToken,
  });
  if (scopes !== null) form.set('scope', scopes.join(' '));
  const prover = await proverFor(user.binding, options);
  const toError = (refused: Refusal) => explain(refused, secretAgeMs, user.binding);
  const answer = await requestToken(form, toError, signal, options, prover);
  const { newRefreshToken: refreshToken, ...token } = answer;
  return refreshToken === undefined ? token : { ...token, replacement: { ...user, refreshToken } };
}

/** Google's refusal. `code` and `subtype` are words of OAuth; `description` may hold anything, even the request. */
export interface Refusal {
  readonly code: string;
  readonly subtype: string;
  /** For pattern matching. Only googleSays may show it. */
  readonly description: string;
  /** How far this machine's clock is ahead of Google's; undefined when Google does not say. */
  readonly clockAheadMs?: number | undefined;
}

interface TokenAnswer extends ExchangedToken {
  readonly newRefreshToken: string | undefined;
}

/**
 * The access token that Google gives for `form`. Asks again while the endpoint is away.
 * @throws what `toError` makes of a refusal, UnavailableError when Google cannot be reached, the signal's reason on abort.
 */
export async function requestToken(
  form: URLSearchParams,
  toError: (refusal: Refusal) => TokenRefusal,
  signal: AbortSignal,
  options: ExchangeOptions,
  prover?: Prover,
): Promise<TokenAnswer> {
  const read = ({ status, body, headers }: OAuthBody) => {
    const isRefused = errorWord(body.error) !== '' && body.access_token === undefined;
    if (status >= 200 && status < 300 && !isRefused) return readToken(body);
    const description = typeof body.error_description === 'string' ? body.error_description : '';
    const [code, subtype] = [errorWord(body.error), errorWord(body.error_subtype)];
    throw toError({ code, subtype, description, clockAheadMs: clockAheadOf(headers) });
  };
  return await requestForm(
    { endpoint: 'token endpoint', url: options.tokenUrl, form, read, prover, remedy: TRY_NEXT_RUN },
    signal,
    options,
  );
}

/** How far this machine's clock is ahead of the sender's; undefined when the sender does not say the time. */
export function clockAheadOf(headers: Headers): number | undefined {
  const dateMs = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(dateMs) ? undefined : Date.now() - dateMs;
}

function readToken(body: Readonly<Record<string, unknown>>): { readonly value: TokenAnswer } | OAuthTrouble {
  const { access_token: value, expires_in: lifetimeS, refresh_token: replacement } = body;
  const unusable = (trouble: string): OAuthTrouble => ({ kind: 'spent', trouble });
  if (typeof value !== 'string' || value === '') return unusable('an answer without access token');
  if (/[^!-~]/.test(value)) return unusable('an access token with characters that no header may have');
  if (body.token_type !== undefined && String(body.token_type).toLowerCase() !== 'bearer') {
    return unusable('an access token of another type than Bearer');
  }
  const seconds = typeof lifetimeS === 'string' && /^\d{1,9}$/.test(lifetimeS) ? Number(lifetimeS) : lifetimeS;
  const lifetimeMs = (typeof seconds === 'number' && seconds > 0 ? seconds : 3_600) * 1_000;
  const newRefreshToken = typeof replacement === 'string' && replacement !== '' ? replacement : undefined;
  const refreshTokenLifetimeMs = refreshTokenLifetimeIn(body);
  return { value: { value, lifetimeMs, scopes: scopesIn(body), newRefreshToken, refreshTokenLifetimeMs } };
}

/**
 * Google's refusal as a cause and a remedy. Sources: developers.google.com/identity/protocols/oauth2 ("Refresh token
 * expiration") and its list of authorization errors.
 */
function explain(
  { code, subtype, description, clockAheadMs }: Refusal,
  secretAgeMs: number | undefined,
  binding: KeyBinding | undefined,
): TokenRefusal {
  const refusal = (message: string, remedy: string) =>
    new TokenRefusal(code, `${message}${googleSays(description)}`, remedy);
  if (code === 'invalid_grant' && subtype === 'invalid_rapt') {
    return refusal(
      'Google wants a new login (invalid_rapt): the Workspace limits how long a session lasts',
      `Ask the Workspace's administrator to exempt this app from session control (Security → Google Cloud session control), then ${AUTHORIZE_AGAIN}.`,
    );
  }
  const isWithoutProof = code === 'invalid_grant' && binding === undefined && /\bdpop\b/i.test(description);
  if (isProofRefusal(code) || isWithoutProof) return refusal(...refusedProof(code, clockAheadMs, binding));
  switch (code) {
    case 'invalid_grant':
      return refusal(
        `Google does not accept the refresh token (invalid_grant): ${refusalCauses(secretAgeMs, binding).join(', or ')}`,
        `Open the mailbox's security page if the cause is unclear, then ${AUTHORIZE_AGAIN}.`,
      );
    case 'disabled_client':
      return refusal('The OAuth client is disabled (disabled_client)', ENABLE_CLIENT);
    case 'invalid_client':
    case 'deleted_client':
      return refusal(
        `Google does not know the OAuth client (${code}): client_id or client_secret is wrong, was reset, or the client was deleted`,
        'Compare client_id and client_secret in the secret with the Cloud console (Google Auth Platform → Clients); to use another client, run `job rotate --client`.',
      );
    case 'unauthorized_client':
      return refusal(
        'The OAuth client may not use this refresh token (unauthorized_client): it was issued to another client',
        `Put client_id and client_secret of the client that issued it into the secret, or ${AUTHORIZE_AGAIN}.`,
      );
    case 'invalid_scope':
      return refusal('Google refuses the scopes (invalid_scope)', `${capital(AUTHORIZE_AGAIN)}.`);
    case 'admin_policy_enforced':
    case 'org_internal':
    case 'access_denied':
      return refusal(
        `Google refuses this app for the account (${code})`,
        "Ask the Workspace's administrator to allow the app, or check the consent screen's audience in the Cloud console.",
      );
    default:
      return refusal(
        `Google refused the token exchange (${code || 'no reason given'})`,
        `Look the reason up in Google's OAuth documentation; usually the remedy is to ${AUTHORIZE_AGAIN}.`,
      );
  }
}

/**
 * A smaller difference is not why Google refuses a proof: Google accepts a proof for about a minute. The Date header has whole
 * seconds.
 */
const CLOCK_TOLERANCE_MS = 10_000;

/** Whether Google's error is about the DPoP proof. Source: RFC 9449, sections 5 and 8. */
export function isProofRefusal(code: string): boolean {
  return code === 'invalid_dpop_proof' || code === 'use_dpop_nonce';
}

/** Google refused a DPoP proof: the cause and the remedy. */
export function refusedProof(
  code: string,
  clockAheadMs: number | undefined,
  binding: KeyBinding | undefined,
): [message: string, remedy: string] {
  if (binding === undefined) {
    return [
      `Google wants a DPoP proof (${code}): the refresh token is bound to a key, but the secret names no key (dpop)`,
      `Put back the version of the secret that has dpop, or ${AUTHORIZE_AGAIN}.`,
    ];
  }
  const refused = `Google does not accept the proof that the KMS key ${binding.kmsKeyId} signed (${code})`;
  if (clockAheadMs !== undefined && Math.abs(clockAheadMs) >= CLOCK_TOLERANCE_MS) {
    const order = clockAheadMs > 0 ? 'ahead of' : 'behind';
    return [
      `${refused}: this machine's clock is ${formatDuration(Math.abs(clockAheadMs))} ${order} Google's`,
      SET_CLOCK,
    ];
  }
  return [refused, `Run again; if it lasts, ${AUTHORIZE_AGAIN}.`];
}

/** Why Google may refuse a refresh token of this age, the likeliest cause first. */
function refusalCauses(ageMs: number | undefined, binding: KeyBinding | undefined): string[] {
  const old = (days: number) => ageMs === undefined || ageMs >= days * DAY_MS;
  return [
    ...(ageMs !== undefined && ageMs < DAY_MS ? ['it was not pasted completely'] : []),
    ...(old(7) ? ['the consent screen is in Testing, where tokens die after 7 days'] : []),
    ...(binding === undefined ? [] : ['it is bound to another key than the one in the secret']),
    "the account's password was changed",
    'access was revoked by the user or an administrator',
    ...(old(180) ? ['the token was not used for 6 months'] : []),
    'more than 100 tokens were issued to the same client and account since',
  ];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
