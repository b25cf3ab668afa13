/** Exchanges a person's authorization code for tokens, and revokes a grant, at Google's OAuth endpoints. */

import type { KeyBinding } from '../aws/shape.ts';
import { systemClock } from '../base/clock.ts';
import type { CommandContext } from '../command.ts';
import type { Config } from '../config.ts';
import { ConfigError, CredentialError, UnavailableError } from '../errors.ts';
import {
  errorWord,
  googleSays,
  type OAuthBody,
  refreshTokenLifetimeIn,
  requestForm,
  scopesIn,
} from '../google/oauth.ts';
import {
  clockAheadOf,
  ENABLE_CLIENT,
  type ExchangeOptions,
  isProofRefusal,
  type OpenProofs,
  prepareProofs,
  proverFor,
  refusedProof,
} from '../google/token.ts';
import type { OptionSpecs } from '../options.ts';
import type { OAuthClient } from './client.ts';
import { USE_NEW_LINK } from './link.ts';

/** Google's addresses, and the settings of requests to them. */
export interface GoogleAccess extends ExchangeOptions {
  readonly openProofs: OpenProofs;
  readonly authUrl: string;
  readonly revokeUrl: string;
  readonly gmailApiUrl: string;
}

export interface IssuedTokens {
  readonly accessToken: string;
  /** Undefined when Google gave none. */
  readonly refreshToken: string | undefined;
  /** Undefined when the answer names none: then Google granted the requested scopes. */
  readonly scopes: readonly string[] | undefined;
  /** Undefined when Google names no end. */
  readonly refreshTokenLifetimeMs: number | undefined;
}

export const REMOVE_ACCESS = "Remove the app's access at myaccount.google.com/connections, then run the command again.";
export const DOWNLOAD_CLIENT =
  "Download the client's file again from the Cloud console (Google Auth Platform → Clients)";

export function googleAccessOf(
  config: Config,
  { hide, allowHosts }: Pick<CommandContext<OptionSpecs>, 'hide' | 'allowHosts'>,
): GoogleAccess {
  return {
    authUrl: config.authUrl,
    tokenUrl: config.tokenUrl,
    revokeUrl: config.revokeUrl,
    gmailApiUrl: config.gmailApiUrl,
    timeoutMs: config.requestTimeoutMs,
    clock: systemClock,
    random: Math.random,
    hide,
    openProofs: prepareProofs({ keys: config.awsKeys, allowHosts }),
  };
}

/**
 * Exchanges a code for tokens; with `binding`, proves possession of the key, to which Google then binds the refresh token.
 * Does not repeat a request that Google may have received, since a code works only once.
 * @throws CredentialError when Google refuses, UnavailableError when Google cannot be reached, the signal's reason on abort.
 */
export async function exchangeCode(
  client: OAuthClient,
  answer: { readonly code: string; readonly verifier: string; readonly redirectUri: string },
  signal: AbortSignal,
  google: GoogleAccess,
  binding?: KeyBinding,
): Promise<IssuedTokens> {
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code: answer.code,
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uri: answer.redirectUri,
    code_verifier: answer.verifier,
  });
  const request = {
    endpoint: 'token endpoint',
    url: google.tokenUrl,
    form,
    read: (answer: OAuthBody) => readTokens(answer, binding),
    isSingleUse: true,
    prover: await proverFor(binding, google, answer.code),
    remedy: 'Run the command again and agree once more: Google accepts a code only once.',
  };
  return await requestForm(request, signal, google);
}

function readTokens(
  { status, body, headers }: OAuthBody,
  binding: KeyBinding | undefined,
): { readonly value: IssuedTokens } {
  const code = errorWord(body.error);
  const isRefused = code !== '' && body.access_token === undefined;
  if (isRefused || status < 200 || status >= 300) {
    const said = googleSays(body.error_description);
    if (isProofRefusal(code)) {
      const [message, remedy] = refusedProof(code, clockAheadOf(headers), binding);
      throw new CredentialError(`${message}${said}`, remedy);
    }
    if (binding !== undefined && /dpop/i.test(String(body.error_description))) {
      throw new ConfigError(
        `Google does not bind refresh tokens of this OAuth client to a key (${code || 'no reason given'})${said}`,
        'Nothing was stored. Use another client, or run the command again without --kms-key.',
      );
    }
    throw refusedCode(code, said);
  }
  const { access_token: accessToken, refresh_token: refreshToken } = body;
  if (typeof accessToken !== 'string' || accessToken === '' || /[^!-~]/.test(accessToken)) {
    throw new UnavailableError('Google answered without an access token', 'Run the command again.');
  }
  const value = {
    accessToken,
    refreshToken: typeof refreshToken === 'string' && refreshToken !== '' ? refreshToken : undefined,
    scopes: scopesIn(body),
    refreshTokenLifetimeMs: refreshTokenLifetimeIn(body),
  };
  return { value };
}

function refusedCode(code: string, said: string): CredentialError {
  switch (code) {
    case 'invalid_grant':
      return new CredentialError(
        'Google does not accept the code (invalid_grant): it was used before, has expired after a few minutes, or belongs to another command',
        USE_NEW_LINK,
      );
    case 'disabled_client':
      return new CredentialError('The OAuth client is disabled (disabled_client)', ENABLE_CLIENT);
    case 'invalid_client':
    case 'deleted_client':
    case 'unauthorized_client':
      return new CredentialError(
        `Google does not accept the OAuth client (${code}): the client secret is wrong or was reset, or the client was deleted`,
        `${DOWNLOAD_CLIENT}, then run the command again.`,
      );
    default:
      return new CredentialError(
        `Google refused to exchange the code (${code || 'no reason given'})${said}`,
        "Look the reason up in Google's OAuth documentation, then run the command again.",
      );
  }
}

/**
 * Revokes the grant behind the refresh token. Returns false when the token was dead already.
 * @throws UnavailableError when Google cannot be reached, CredentialError when Google refuses.
 */
export async function revokeGrant(refreshToken: string, signal: AbortSignal, google: GoogleAccess): Promise<boolean> {
  const read = ({ status, body }: OAuthBody) => {
    if (status >= 200 && status < 300) return { value: true };
    const code = errorWord(body.error);
    if (code === 'invalid_token') return { value: false };
    throw new CredentialError(
      `Google refused to revoke the grant (${code || `status ${status}`})${googleSays(body.error_description)}`,
      REMOVE_ACCESS,
    );
  };
  const request = {
    endpoint: 'revocation endpoint',
    url: google.revokeUrl,
    form: new URLSearchParams({ token: refreshToken }),
    read,
    remedy: "Run the command again, or remove the app's access at myaccount.google.com/connections.",
  };
  return await requestForm(request, signal, google);
}
