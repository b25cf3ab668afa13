/** What an answer of the Gmail API means: go on, try again, slow down, renew the token, or a failure with its remedy. */
import { AUTHORIZE_AGAIN, AUTHORIZE_FOR_MORE } from '../credentials/token.ts';
import { ConfigError, CredentialError, type JobError, RefusedError, UnavailableError } from '../errors.ts';

import type { GmailMethod } from './units.ts';

export interface RawAnswer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: string;
}

export type Verdict =
  | { readonly kind: 'ok'; readonly data: unknown }
  /** The service stumbled: the same request may succeed in a moment. `text` says what happened. */
  | { readonly kind: 'again'; readonly text: string; readonly retryAfterMs: number }
  /** Too many quota units: all requests have to wait. */
  | { readonly kind: 'quota'; readonly text: string; readonly retryAfterMs: number }
  /** Too many requests at once. */
  | { readonly kind: 'crowded'; readonly text: string; readonly retryAfterMs: number }
  /** The access token is not accepted. */
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'failed'; readonly error: JobError };

/** A request that Gmail refused for good, with the HTTP status, so that a caller can tell 404 and 409 apart. */
export class GmailRefusal extends RefusedError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message, 'Look at the message above; if it concerns a rule, correct the rule and run again.');
    this.status = status;
  }
}

const QUOTA_REASONS = ['rateLimitExceeded', 'userRateLimitExceeded', 'RATE_LIMIT_EXCEEDED'];
const DAILY_REASONS = ['dailyLimitExceeded', 'dailyLimitExceededUnreg', 'quotaExceeded'];
const SCOPE_REASONS = ['insufficientPermissions', 'ACCESS_TOKEN_SCOPE_INSUFFICIENT'];
const DISABLED_REASONS = ['accessNotConfigured', 'SERVICE_DISABLED'];

/** Methods whose good answer says nothing. */
const WITHOUT_ANSWER: ReadonlySet<string> = new Set<GmailMethod>(['messages.batchModify', 'labels.delete']);

/** What must be true of a good answer, so that nobody stumbles over half of one. */
const SHAPES: ReadonlyMap<string, (body: Readonly<Record<string, unknown>>) => boolean> = new Map<
  GmailMethod,
  (body: Readonly<Record<string, unknown>>) => boolean
>([
  ['users.getProfile', ({ emailAddress }) => typeof emailAddress === 'string'],
  ['messages.list', ({ messages }) => messages === undefined || isListOfObjects(messages)],
  ['labels.list', ({ labels }) => labels === undefined || isListOfObjects(labels)],
  ['labels.create', ({ id }) => typeof id === 'string'],
]);

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every(isObject);
}

/**
 * What `answer` means. Sources of the reasons: developers.google.com/workspace/gmail/api/guides/handle-errors; a quota
 * refusal comes as 429 or as 403 with a quota reason, and other 403s must not be retried.
 */
export function judge(method: string, answer: RawAnswer, now: number = Date.now()): Verdict {
  const { status } = answer;
  const retryAfterMs = parseRetryAfter(answer.retryAfter, now);
  const empty = answer.body.trim() === '';
  if ((status === 204 || (status === 200 && empty)) && WITHOUT_ANSWER.has(method))
    return { kind: 'ok', data: undefined };
  if (status === 401) return { kind: 'unauthorized' };
  const body = parseJson(answer.body);
  if (status >= 200 && status < 300) {
    if (isObject(body) && SHAPES.get(method)?.(body) !== false) return { kind: 'ok', data: body };
    return { kind: 'again', text: `${method} was answered with broken JSON`, retryAfterMs };
  }
  const { message, reasons } = googleError(body);
  const said = `${method}: ${status}${message === '' ? '' : ` ${message}`}`;
  const has = (known: readonly string[]) => reasons.some((reason) => known.includes(reason));

  if (status === 408 || status >= 500) return { kind: 'again', text: said, retryAfterMs };
  if (has(DAILY_REASONS)) {
    const remedy =
      "The project's quota for today is spent; it comes back at midnight Pacific time, or raise it in the Cloud console.";
    return failed(new UnavailableError(said, remedy));
  }
  if (status === 429 && /concurrent/i.test(message)) return { kind: 'crowded', text: said, retryAfterMs };
  if (status === 429 || (status === 403 && has(QUOTA_REASONS))) return { kind: 'quota', text: said, retryAfterMs };
  // Google's front end answers with HTML pages; they say nothing about the request itself.
  if (!isObject(body))
    return { kind: 'again', text: `${method} was answered with ${status} and no JSON`, retryAfterMs };
  if (status === 403 && has(SCOPE_REASONS)) {
    return failed(new CredentialError(`Gmail: the access token lacks a scope for ${method}`, AUTHORIZE_FOR_MORE));
  }
  if (status === 403 && has(DISABLED_REASONS)) {
    const remedy =
      'Enable it in the Cloud project of the OAuth client (console.cloud.google.com → APIs & Services → Library → Gmail API), wait a few minutes, run again.';
    return failed(new ConfigError('The Gmail API is not enabled in the Cloud project', remedy));
  }
  if (status === 403) {
    const remedy = `Check that the account may use Gmail (a Workspace's administrator can restrict it), then ${AUTHORIZE_AGAIN}.`;
    return failed(new CredentialError(`Gmail denied access: ${said}`, remedy));
  }
  if (has(['failedPrecondition']) && /mail service/i.test(message)) {
    const remedy = 'Authorize with a Google account that has a Gmail mailbox.';
    return failed(new CredentialError('The account that authorized has no Gmail', remedy));
  }
  return failed(new GmailRefusal(status, `Gmail refused ${said}`));
}

function failed(error: JobError): Verdict {
  return { kind: 'failed', error };
}

/** Milliseconds of a Retry-After header (seconds or a date); 0 when there is none that makes sense. */
export function parseRetryAfter(header: string | null, now: number): number {
  if (header === null) return 0;
  const seconds = /^\d{1,6}$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1_000) : 0;
}

/** Message and all reasons of Google's error body, old form (`errors[].reason`) and new (`details[].reason`). */
function googleError(body: unknown): { message: string; reasons: string[] } {
  const error = isObject(body) && isObject(body.error) ? body.error : {};
  const reasons = [error.errors, error.details]
    .flatMap((list) => (Array.isArray(list) ? list : []))
    .flatMap((item) => (isObject(item) && typeof item.reason === 'string' ? [item.reason] : []));
  return { message: typeof error.message === 'string' ? error.message.slice(0, 300) : '', reasons };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
