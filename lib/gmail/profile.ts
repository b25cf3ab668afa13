/** Asks Gmail whose mailbox an access token opens: with the token alone, before its first use, or with the client. */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import type { Clock } from '../base/clock.ts';
import { CredentialError } from '../errors.ts';
import type { MailboxProfile } from '../google/ownership.ts';
import type { GmailClient } from './client.ts';
import { CHECK_ACCOUNT, GmailRefusal, interpretResponse, type ResponseMeaning } from './responses.ts';
import { meaningOfFailure, type Retryable, untilAnswered } from './retry.ts';

/** How to ask Gmail with an access token alone. */
export interface ProfileAccess {
  readonly gmailApiUrl: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called for each request that is sent. */
  readonly onSent?: () => void;
  /** Called before the pause after an answer, when the request will be sent again. */
  readonly onRetry?: (answer: Retryable, attempt: number, delayMs: number) => void;
}

const METHOD = 'users.getProfile';

/** After a 401: Gmail may accept a new token a moment later than Google's token endpoint issues it. */
const UNKNOWN_TOKEN: Retryable = { kind: 'again', text: `${METHOD}: 401`, retryAfterMs: 500 };

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
  const wait = async (pauseMs: number, answer: Retryable, attempt: number) => {
    access.onRetry?.(answer, attempt, pauseMs);
    await access.clock.sleep(pauseMs, signal);
  };
  const answer = await untilAnswered({
    random: access.random,
    send: async () => {
      signal.throwIfAborted();
      access.onSent?.();
      return await send(address, accessToken, signal, access.timeoutMs);
    },
    onUnauthorized: () => wait(UNKNOWN_TOKEN.retryAfterMs, UNKNOWN_TOKEN, 1),
    wait,
  }).catch(blameAccount);
  return profileIn(answer as gmail_v1.Schema$Profile);
}

/** The client's mailbox, with its current history id if Gmail gives one. 1 quota unit. */
export async function readProfile(
  client: GmailClient,
  signal: AbortSignal,
): Promise<MailboxProfile & { readonly historyId: string | undefined }> {
  const answer = await client
    .request<gmail_v1.Schema$Profile>(METHOD, (api, options) => api.users.getProfile({ userId: 'me' }, options), signal)
    .catch(blameAccount);
  return { ...profileIn(answer), historyId: answer.historyId || undefined };
}

/** A 404 concerns the account: the request names nothing else that could be missing. */
function blameAccount(error: unknown): never {
  if (!(error instanceof GmailRefusal && error.status === 404)) throw error;
  throw new CredentialError(`Gmail has no mailbox for this account: ${error.message}`, CHECK_ACCOUNT, { cause: error });
}

function profileIn({ emailAddress, messagesTotal }: gmail_v1.Schema$Profile): MailboxProfile {
  return { address: emailAddress ?? '', messages: typeof messagesTotal === 'number' ? messagesTotal : undefined };
}

async function send(
  address: string,
  accessToken: string,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<ResponseMeaning> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(address, {
      headers: { authorization: `Bearer ${accessToken}` },
      redirect: 'error',
      signal: AbortSignal.any([signal, timeout]),
    });
    const retryAfter = response.headers.get('retry-after');
    return interpretResponse(METHOD, { status: response.status, retryAfter, body: await response.text() });
  } catch (error) {
    signal.throwIfAborted();
    return meaningOfFailure(METHOD, error, timeout.aborted ? timeoutMs : undefined);
  }
}
