/** Exchanges a person's authorization code for tokens, and revokes a grant, at Google's OAuth endpoints. */
import { systemClock } from '../base/clock.ts';
import type { Config } from '../config.ts';
import { CredentialError, UnavailableError } from '../errors.ts';
import { errorWord, googleSays, notGoogle, postForm, refreshTokenLifetimeIn, scopesIn } from '../google/oauth.ts';
import type { ExchangeOptions } from '../google/token.ts';
import type { OAuthClient } from './client.ts';
import { USE_NEW_LINK } from './link.ts';

/** Google's addresses, and how to ask them. */
export interface GoogleAccess extends ExchangeOptions {
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

const MAX_ATTEMPTS = 5;
const BASE_DELAY_MS = 500;

export function reachGoogle(config: Config, hide: (secret: string) => void): GoogleAccess {
  return {
    authUrl: config.authUrl,
    tokenUrl: config.tokenUrl,
    revokeUrl: config.revokeUrl,
    gmailApiUrl: config.gmailApiUrl,
    timeoutMs: config.requestTimeoutMs,
    clock: systemClock,
    random: Math.random,
    hide,
  };
}

/**
 * The tokens for a code. Does not repeat a request that Google may have received, because a code can be used only once.
 * @throws CredentialError when Google refuses, UnavailableError when Google cannot be reached, the signal's reason on abort.
 */
export async function exchangeCode(
  client: OAuthClient,
  answer: { readonly code: string; readonly verifier: string; readonly redirectUri: string },
  signal: AbortSignal,
  google: GoogleAccess,
): Promise<IssuedTokens> {
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code: answer.code,
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uri: answer.redirectUri,
    code_verifier: answer.verifier,
  });
  for (let attempt = 1; ; attempt += 1) {
    const result = await postForm(google.tokenUrl, form, signal, google);
    if ('trouble' in result) {
      if (!result.spent && attempt < MAX_ATTEMPTS) {
        await pause(attempt, signal, google);
        continue;
      }
      if (result.isForeign) throw notGoogle('token endpoint', result.trouble);
      throw new UnavailableError(
        `Google's token endpoint was not available: ${result.trouble}`,
        'Run the command again and agree once more: Google accepts a code only once.',
      );
    }
    const { status, body } = result;
    const isRefused = errorWord(body.error) !== '' && body.access_token === undefined;
    if (isRefused || status < 200 || status >= 300)
      throw refusedCode(errorWord(body.error), googleSays(body.error_description));
    const { access_token: accessToken, refresh_token: refreshToken } = body;
    if (typeof accessToken !== 'string' || accessToken === '' || /[^!-~]/.test(accessToken)) {
      throw new UnavailableError('Google answered without an access token', 'Run the command again.');
    }
    return {
      accessToken,
      refreshToken: typeof refreshToken === 'string' && refreshToken !== '' ? refreshToken : undefined,
      scopes: scopesIn(body),
      refreshTokenLifetimeMs: refreshTokenLifetimeIn(body),
    };
  }
}

function refusedCode(code: string, said: string): CredentialError {
  switch (code) {
    case 'invalid_grant':
      return new CredentialError(
        'Google does not accept the code (invalid_grant): it was used before, has expired after a few minutes, or belongs to another command',
        USE_NEW_LINK,
      );
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
  for (let attempt = 1; ; attempt += 1) {
    const answer = await postForm(google.revokeUrl, new URLSearchParams({ token: refreshToken }), signal, google);
    if (!('trouble' in answer)) {
      if (answer.status >= 200 && answer.status < 300) return true;
      const code = errorWord(answer.body.error);
      if (code === 'invalid_token') return false;
      throw new CredentialError(
        `Google refused to revoke the grant (${code || `status ${answer.status}`})${googleSays(answer.body.error_description)}`,
        REMOVE_ACCESS,
      );
    }
    if (attempt === MAX_ATTEMPTS && answer.isForeign) throw notGoogle('revocation endpoint', answer.trouble);
    if (attempt === MAX_ATTEMPTS) {
      throw new UnavailableError(
        `Google's revocation endpoint was not available after ${attempt} attempts: ${answer.trouble}`,
        "Run the command again, or remove the app's access at myaccount.google.com/connections.",
      );
    }
    await pause(attempt, signal, google);
  }
}

function pause(attempt: number, signal: AbortSignal, { clock, random }: GoogleAccess): Promise<void> {
  return clock.sleep(BASE_DELAY_MS * 2 ** (attempt - 1) * random(), signal);
}
