/** How often a request to Gmail is tried again, after which pauses, and what is said when it was enough. */
import { counted } from '../count.ts';
import { RENEW_ACCESS } from '../credentials/token.ts';
import { CredentialError, type JobError, UnavailableError } from '../errors.ts';
import type { Verdict } from './answers.ts';

/** An answer after which the same request may succeed. */
export type Retryable = Extract<Verdict, { retryAfterMs: number }>;

/** Attempts of one request when the service stumbles; about 15 seconds of waiting in all. */
const MAX_ATTEMPTS = 6;
const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 32_000;

/** Attempts of one request that is refused for its quota: the pauses add up to more than a minute. */
const MAX_REFUSALS = 8;
const BASE_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 64_000;

/**
 * So often Gmail may say that a precondition failed, before that is believed: one in a hundred requests is reported to
 * get this answer for no reason (github.com/googleapis/google-api-php-client/issues/2558).
 */
const MAX_PRECONDITIONS = 4;

/** A longer Retry-After is not worth a waiting dyno: the next run will do. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

/** Counts the answers to one request: those about the quota, about preconditions, and all others, each by themselves. */
export function createCounter(): (answer: Retryable) => number {
  const counts = { quota: 0, precondition: 0, other: 0 };
  return ({ kind }) => {
    const key = kind === 'quota' || kind === 'precondition' ? kind : 'other';
    counts[key] += 1;
    return counts[key];
  };
}

/** Whether the `count`th answer of its kind is the last that is waited for. */
export function isEnough({ kind, retryAfterMs }: Retryable, count: number): boolean {
  const most = kind === 'quota' ? MAX_REFUSALS : kind === 'precondition' ? MAX_PRECONDITIONS : MAX_ATTEMPTS;
  return count >= most || retryAfterMs > MAX_RETRY_AFTER_MS;
}

/** How long to wait after the `count`th answer of its kind, in milliseconds. */
export function delayAfter({ kind, retryAfterMs }: Retryable, count: number, random: () => number): number {
  // A pause for quota is at least half of its longest, because what helps is time alone; else full jitter.
  const jittered =
    kind === 'quota'
      ? Math.min(MAX_PAUSE_MS, BASE_PAUSE_MS * 2 ** (count - 1)) * (0.5 + random() / 2)
      : Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (count - 1)) * random();
  return Math.round(Math.max(jittered, retryAfterMs));
}

export function rejectedToken(): CredentialError {
  return new CredentialError(
    'Gmail does not accept the access token, not even a fresh one',
    `Check that the account still exists and may use Gmail, then ${RENEW_ACCESS}.`,
  );
}

/** What a request comes to that was tried often enough. */
export function unavailable(answer: Retryable, attempts: number): JobError {
  if (answer.kind === 'precondition') return answer.error;
  const { kind, text } = answer;
  const remedy =
    kind === 'quota'
      ? 'Another program probably uses the same quota; the next run goes on. If it lasts, set GMAIL_QUOTA_PER_MINUTE lower.'
      : 'Nothing to do unless it lasts: the next run goes on where this one ended.';
  return new UnavailableError(`Gmail was not available after ${counted(attempts, 'attempt')}: ${text}`, remedy);
}
