/** Whose mailbox an access token opens, asked with that very token: before anything else is done with it. */
import type { Clock } from '../clock.ts';
import type { MailboxProfile } from '../credentials/ownership.ts';
import { formatDuration } from '../duration.ts';
import { ConfigError, egressBehind } from '../errors.ts';
import { judgeFailure } from '../network-failure.ts';
import { judge, type Verdict } from './answers.ts';
import { createCounter, delayAfter, isEnough, type Retryable, rejectedToken, unavailable } from './retry.ts';

/** Where Gmail is, and how long it may take. */
export interface ProfileAccess {
  readonly gmailApiUrl: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of each request that is sent. */
  readonly onSent?: () => void;
  /** Told of each answer after which the request is sent once more. */
  readonly onRetry?: (answer: Retryable, attempt: number, delayMs: number) => void;
}

/** After a 401: Gmail may learn a moment later than Google's token endpoint of a token that was just issued. */
const UNKNOWN_TOKEN: Retryable = { kind: 'again', text: 'users.getProfile: 401', retryAfterMs: 500 };

/**
 * The mailbox that the access token opens. 1 quota unit.
 * @throws CredentialError or ConfigError when Gmail refuses, UnavailableError when it is away.
 */
export async function askMailbox(
  accessToken: string,
  signal: AbortSignal,
  access: ProfileAccess,
): Promise<MailboxProfile> {
  const address = `${access.gmailApiUrl.replace(/\/+$/, '')}/gmail/v1/users/me/profile`;
  const count = createCounter();
  let isRejected = false;
  for (;;) {
    signal.throwIfAborted();
    access.onSent?.();
    const verdict = await getProfile(address, accessToken, signal, access.timeoutMs);
    if (verdict.kind === 'ok') {
      const { emailAddress, messagesTotal } = verdict.data as { emailAddress: string; messagesTotal?: unknown };
      return { address: emailAddress, messages: typeof messagesTotal === 'number' ? messagesTotal : undefined };
    }
    if (verdict.kind === 'failed') throw verdict.error;
    if (verdict.kind === 'unauthorized' && isRejected) throw rejectedToken();
    isRejected ||= verdict.kind === 'unauthorized';
    const answer = verdict.kind === 'unauthorized' ? UNKNOWN_TOKEN : verdict;
    const attempts = count(answer);
    if (isEnough(answer, attempts)) throw unavailable(answer, attempts);
    const delayMs = delayAfter(answer, attempts, access.random);
    access.onRetry?.(answer, attempts, delayMs);
    await access.clock.sleep(delayMs, signal);
  }
}

async function getProfile(
  address: string,
  accessToken: string,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Verdict> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(address, {
      headers: { authorization: `Bearer ${accessToken}` },
      redirect: 'error',
      signal: AbortSignal.any([signal, timeout]),
    });
    const retryAfter = response.headers.get('retry-after');
    return judge('users.getProfile', { status: response.status, retryAfter, body: await response.text() });
  } catch (error) {
    signal.throwIfAborted();
    const refused = egressBehind(error);
    if (refused !== undefined) throw refused;
    const what = timeout.aborted ? `no answer within ${formatDuration(timeoutMs)}` : judgeFailure(error, 'Gmail');
    if (what instanceof ConfigError) return { kind: 'failed', error: what };
    return { kind: 'again', text: `users.getProfile: ${what}`, retryAfterMs: 0 };
  }
}
