/** How often a request to Gmail is tried again, after which pauses, and what is said when it was enough. */
import { counted } from '../base/count.ts';
import { formatDuration } from '../base/duration.ts';
import { judgeFailure } from '../base/network-failure.ts';
import { ConfigError, CredentialError, egressBehind, type JobError, UnavailableError } from '../errors.ts';
import { RENEW_ACCESS } from '../google/token.ts';
import type { ResponseMeaning } from './responses.ts';
import type { GmailMethod } from './units.ts';

/** An answer after which the same request may succeed. */
export type Retryable = Extract<ResponseMeaning, { retryAfterMs: number }>;

/** Attempts of one request when the service stumbles; about 15 seconds of waiting in all. */
const MAX_ATTEMPTS = 6;
const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 32_000;

/** Attempts of one request that is refused for its quota: the pauses add up to more than a minute. */
const MAX_REFUSALS = 8;
const BASE_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 64_000;

/**
 * Attempts of one request that Gmail refuses with failedPrecondition: users report that one in a hundred requests gets this
 * answer for no reason (github.com/googleapis/google-api-php-client/issues/2558).
 */
const MAX_PRECONDITIONS = 4;

/** A longer Retry-After is not worth a waiting dyno: the next run will do. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

/** How one request is sent, and what is done between its attempts. */
export interface Attempts {
  /** Sends the request once. */
  readonly send: () => Promise<ResponseMeaning>;
  readonly random: () => number;
  /** Called after the first 401. */
  readonly onUnauthorized: () => Promise<void>;
  /** Waits after the `attempt`th answer of its kind. */
  readonly wait: (answer: Retryable, attempt: number, delayMs: number) => Promise<void>;
  /** Whether the request may be sent again after this answer; always when left out. */
  readonly mayRepeat?: (answer: Retryable) => boolean;
}

/**
 * Sends a request until it is answered for good, and returns the answer's data.
 * @throws CredentialError after the second 401, UnavailableError after enough attempts, and the error of a failure.
 */
export async function retrying({ send, random, onUnauthorized, wait, mayRepeat }: Attempts): Promise<unknown> {
  const counts = { quota: 0, precondition: 0, other: 0 };
  let wasUnauthorized = false;
  for (;;) {
    const verdict = await send();
    if (verdict.kind === 'ok') return verdict.data;
    if (verdict.kind === 'failed') throw verdict.error;
    if (verdict.kind === 'unauthorized') {
      if (wasUnauthorized) throw rejectedToken();
      wasUnauthorized = true;
      await onUnauthorized();
      continue;
    }
    const key = verdict.kind === 'quota' || verdict.kind === 'precondition' ? verdict.kind : 'other';
    counts[key] += 1;
    const attempt = counts[key];
    if (isLastAttempt(verdict, attempt) || mayRepeat?.(verdict) === false) throw unavailable(verdict, attempt);
    await wait(verdict, attempt, delayAfter(verdict, attempt, random));
  }
}

/**
 * The verdict on a request that threw `error` in place of an answer; `timeoutMs` is how long it was waited for, when that
 * is why it ended. @throws the refusal of our own egress guard, and what is a bug.
 */
export function verdictOfFailure(method: GmailMethod, error: unknown, timeoutMs: number | undefined): ResponseMeaning {
  const refused = egressBehind(error);
  if (refused !== undefined) throw refused;
  const what = timeoutMs === undefined ? judgeFailure(error, 'Gmail') : `no answer within ${formatDuration(timeoutMs)}`;
  if (what instanceof ConfigError) return { kind: 'failed', error: what };
  return { kind: 'again', text: `${method}: ${what}`, retryAfterMs: 0 };
}

/** Whether the `count`th answer of its kind is the last that is waited for. */
function isLastAttempt({ kind, retryAfterMs }: Retryable, count: number): boolean {
  const most = kind === 'quota' ? MAX_REFUSALS : kind === 'precondition' ? MAX_PRECONDITIONS : MAX_ATTEMPTS;
  return count >= most || retryAfterMs > MAX_RETRY_AFTER_MS;
}

/** How long to wait after the `count`th answer of its kind, in milliseconds. */
function delayAfter({ kind, retryAfterMs }: Retryable, count: number, random: () => number): number {
  // Quota returns only with time, so a pause for quota has at least half of its full length. Other pauses have full jitter.
  const jittered =
    kind === 'quota'
      ? Math.min(MAX_PAUSE_MS, BASE_PAUSE_MS * 2 ** (count - 1)) * (0.5 + random() / 2)
      : Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (count - 1)) * random();
  return Math.round(Math.max(jittered, retryAfterMs));
}

function rejectedToken(): CredentialError {
  return new CredentialError(
    'Gmail does not accept the access token, not even a fresh one',
    `Check that the account still exists and may use Gmail, then ${RENEW_ACCESS}.`,
  );
}

/** The error of a request after its last attempt. */
function unavailable(answer: Retryable, attempts: number): JobError {
  if ('error' in answer) return answer.error;
  const { kind, text } = answer;
  const remedy =
    kind === 'quota'
      ? 'Another program probably uses the same quota; the next run continues. If it lasts, set GMAIL_QUOTA_PER_MINUTE lower.'
      : 'Nothing to do unless it lasts: the next run continues where this one ended.';
  return new UnavailableError(`Gmail was not available after ${counted(attempts, 'attempt')}: ${text}`, remedy);
}
