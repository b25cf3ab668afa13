/** When a request to Gmail is sent again, and the error when Gmail stays away. */
import { counted } from '../base/count.ts';
import { formatDuration } from '../base/duration.ts';
import { judgeFailure, TRY_NEXT_RUN } from '../base/network-failure.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import { ConfigError, CredentialError, egressBehind, type JobError, UnavailableError } from '../errors.ts';
import { CHECK_ACCOUNT, type ResponseMeaning } from './responses.ts';
import type { GmailMethod } from './units.ts';

/** An answer after which the same request may succeed. */
export type Retryable = Extract<ResponseMeaning, { retryAfterMs: number }>;

/** A longer Retry-After ends the request: waiting costs dyno time, and the next run continues. */
const longestRetryAfterMs = 10 * 60_000;

/** For a failure that passes, or too many requests under way at once. */
const TRANSIENT: RetryPolicy = { pausesMs: [500, 1_000, 2_000, 4_000, 8_000], fixedShare: 0, longestRetryAfterMs };

const POLICIES: Readonly<Record<Retryable['kind'], RetryPolicy>> = {
  again: TRANSIENT,
  crowded: TRANSIENT,
  // Only time brings quota back: half of each pause is not random, so that all pauses together exceed Gmail's minute.
  quota: { pausesMs: [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000], fixedShare: 0.5, longestRetryAfterMs },
  // Users report that 1 in 100 requests is refused with failedPrecondition for no reason
  // (github.com/googleapis/google-api-php-client/issues/2558).
  precondition: { pausesMs: [500, 1_000, 2_000], fixedShare: 0, longestRetryAfterMs },
};

/** For a change that must not be made twice: Gmail may have made it before it failed. */
const UNREPEATABLE: typeof POLICIES = { ...POLICIES, again: { pausesMs: [], fixedShare: 0 } };

export interface GmailRequest {
  /** Sends the request once. */
  readonly send: () => Promise<ResponseMeaning>;
  readonly random: () => number;
  /** Called after the first 401. */
  readonly onUnauthorized: () => Promise<void>;
  /** Waits after the `attempt`th answer of its kind. */
  readonly wait: (pauseMs: number, answer: Retryable, attempt: number) => Promise<void>;
  /** Whether the request is sent again although Gmail may have acted on it; true when left out. */
  readonly isRepeatable?: boolean;
}

/**
 * Sends a request until Gmail's answer is final, and returns the answer's data.
 * @throws CredentialError after the second 401, UnavailableError after the last attempt, and the error of an answer that
 * `failed`.
 */
export async function untilAnswered(request: GmailRequest): Promise<unknown> {
  const { random, wait, onUnauthorized, isRepeatable = true } = request;
  let wasUnauthorized = false;
  const send = async () => {
    for (;;) {
      const meaning = await request.send();
      if (meaning.kind === 'ok') return { value: meaning.data };
      if (meaning.kind === 'failed') throw meaning.error;
      if (meaning.kind !== 'unauthorized') return meaning;
      if (wasUnauthorized) throw rejectedToken();
      wasUnauthorized = true;
      await onUnauthorized();
    }
  };
  const policies = isRepeatable ? POLICIES : UNREPEATABLE;
  return await retry({ send, policies, random, wait, failure: unavailable });
}

/**
 * The meaning of a request that threw `error` in place of an answer. `timeoutMs` is given when the request ended because it
 * took that long.
 * @throws EgressError; Error, as a bug, for an unknown failure.
 */
export function meaningOfFailure(method: GmailMethod, error: unknown, timeoutMs: number | undefined): ResponseMeaning {
  const refused = egressBehind(error);
  if (refused !== undefined) throw refused;
  const what = timeoutMs === undefined ? judgeFailure(error, 'Gmail') : `no answer within ${formatDuration(timeoutMs)}`;
  if (what instanceof ConfigError) return { kind: 'failed', error: what };
  return { kind: 'again', text: `${method}: ${what}`, retryAfterMs: 0 };
}

function rejectedToken(): CredentialError {
  return new CredentialError('Gmail does not accept the access token, not even a fresh one', CHECK_ACCOUNT);
}

/** The error of a request after its last attempt. */
function unavailable(answer: Retryable, attempts: number): JobError {
  if ('error' in answer) return answer.error;
  const { text } = answer;
  const remedy =
    answer.kind === 'quota'
      ? `Another program probably uses the same quota; the next run continues. If it lasts, set ${answer.isForProject ? 'GMAIL_PROJECT_QUOTA_PER_MINUTE' : 'GMAIL_QUOTA_PER_MINUTE'} lower.`
      : TRY_NEXT_RUN;
  return new UnavailableError(`Gmail was not available after ${counted(attempts, 'attempt')}: ${text}`, remedy);
}
