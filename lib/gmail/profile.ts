/** Whose mailbox an access token opens, asked with that very token: before anything else is done with it. */
import type { Clock } from '../clock.ts';
import { CredentialError, UnavailableError } from '../errors.ts';
import { judge } from './answers.ts';

/** Where Gmail is, and how long it may take. */
export interface ProfileAccess {
  readonly gmailApiUrl: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const MAX_ATTEMPTS = 5;
const BASE_DELAY_MS = 500;

/**
 * The address of the mailbox that the access token opens.
 * @throws CredentialError or ConfigError when Gmail refuses, UnavailableError when it is away.
 */
export async function askMailbox(accessToken: string, signal: AbortSignal, google: ProfileAccess): Promise<string> {
  const address = `${google.gmailApiUrl.replace(/\/+$/, '')}/gmail/v1/users/me/profile`;
  for (let attempt = 1; ; attempt += 1) {
    const verdict = await getProfile(address, accessToken, signal, google.timeoutMs);
    switch (verdict.kind) {
      case 'ok':
        return String((verdict.data as { emailAddress?: unknown }).emailAddress ?? '');
      case 'failed':
        throw verdict.error;
      case 'unauthorized':
        throw new CredentialError(
          'Gmail does not accept the access token that Google just issued',
          'Check that the account still exists and may use Gmail, then run the command again.',
        );
      default:
        if (attempt === MAX_ATTEMPTS) {
          throw new UnavailableError(
            `Gmail was not available after ${attempt} attempts: ${verdict.text}`,
            'Run the command again in a while.',
          );
        }
        await google.clock.sleep(BASE_DELAY_MS * 2 ** (attempt - 1) * google.random(), signal);
    }
  }
}

async function getProfile(address: string, accessToken: string, signal: AbortSignal, timeoutMs: number) {
  try {
    const response = await fetch(address, {
      headers: { authorization: `Bearer ${accessToken}` },
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const answer = { status: response.status, retryAfter: null, body: await response.text() };
    return judge('users.getProfile', answer);
  } catch {
    signal.throwIfAborted();
    return { kind: 'again', text: 'users.getProfile: the connection failed', retryAfterMs: 0 } as const;
  }
}
