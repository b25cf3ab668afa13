/** The meaning of a response of the Gmail API: success, retry, slow down, renew the token, or an error with its remedy. */

import { isObject, parseJson } from '../base/json.ts';
import { FOREIGN_ANSWER, proxyLoginError } from '../base/network-failure.ts';
import { parseRetryAfter } from '../base/retry.ts';
import { serverCode, serverWords } from '../base/server-words.ts';
import { ConfigError, CredentialError, type JobError, RefusedError, UnavailableError } from '../errors.ts';
import { RENEW_ACCESS } from '../google/token.ts';
import type { GmailMethod } from './units.ts';

/** The remedy for a refusal that concerns the account as a whole. */
export const CHECK_ACCOUNT = `Check that the account still exists and has a Gmail mailbox, then ${RENEW_ACCESS}.`;

export interface RawResponse {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: string;
  /** The length of the request's URL; 0 when unknown. */
  readonly urlLength?: number;
}

export type ResponseMeaning =
  | { readonly kind: 'ok'; readonly data: unknown }
  /** The same request may succeed in a moment. `text` says what happened. */
  | {
      readonly kind: 'again';
      readonly text: string;
      readonly retryAfterMs: number;
      /** The error when no attempt succeeds; an UnavailableError when left out. */
      readonly error?: JobError;
    }
  /** The quota of the mailbox is spent, or that of the project: all requests have to wait. */
  | { readonly kind: 'quota'; readonly text: string; readonly retryAfterMs: number; readonly isForProject: boolean }
  /** Too many requests were under way at once. */
  | { readonly kind: 'crowded'; readonly text: string; readonly retryAfterMs: number }
  /** Gmail says that the account cannot be used. A retry may succeed; otherwise the request fails with `error`. */
  | { readonly kind: 'precondition'; readonly text: string; readonly retryAfterMs: number; readonly error: JobError }
  /** Gmail does not accept the access token. */
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'failed'; readonly error: JobError };

export type RefusalReason = 'invalidArgument' | 'tooLong' | 'other';

/** Gmail refused the request for good. Callers tell 404 and 409 apart by the status. */
export class GmailRefusal extends RefusedError {
  readonly status: number;
  readonly reason: RefusalReason;

  constructor(status: number, message: string, reason: RefusalReason = 'other', remedy = NO_REMEDY) {
    super(message, remedy);
    this.status = status;
    this.reason = reason;
  }
}

const NO_REMEDY = 'Run again; if Gmail refuses it again, report it with this line.';

export const QUOTA_REASONS = ['rateLimitExceeded', 'userRateLimitExceeded', 'RATE_LIMIT_EXCEEDED'];
/**
 * The reason rateLimitExceeded is documented for the limit of the project (developers.google.com/gmail/api/reference/quota),
 * but a 429 also has it for the limit of a user, and so has a 403 whose message says "Queries per minute per user"
 * (github.com/mxngls/gmail-cleaner/issues/5).
 */
const USER_QUOTA_REASONS = ['userRateLimitExceeded'];
const DAILY_REASONS = ['dailyLimitExceeded', 'dailyLimitExceededUnreg', 'quotaExceeded'];
export const SCOPE_REASONS = ['insufficientPermissions', 'ACCESS_TOKEN_SCOPE_INSUFFICIENT'];
export const DISABLED_REASONS = ['accessNotConfigured', 'SERVICE_DISABLED'];
const PRECONDITION_REASONS = ['failedPrecondition', 'FAILED_PRECONDITION'];
const ARGUMENT_REASONS = ['invalidArgument', 'INVALID_ARGUMENT'];

/** HTTP statuses for content, URL or headers that are too long. */
const TOO_LONG: readonly number[] = [413, 414, 431];

/** A 400 with an HTML page means that the URL was too long when it has more characters: Google's limit is about 8 KB. */
const LONG_URL = 7_500;

/** Methods whose successful response has no body. */
const WITHOUT_BODY: ReadonlySet<string> = new Set<GmailMethod>(['messages.batchModify', 'labels.delete']);

/** A refusal of these concerns the account, because the request names nothing else. profile.ts explains a 404. */
const ABOUT_ACCOUNT: ReadonlySet<string> = new Set<GmailMethod>(['users.getProfile', 'labels.list']);

/** Whether a successful response is complete: an incomplete one would look like an empty result. */
const IS_COMPLETE: ReadonlyMap<string, (body: Readonly<Record<string, unknown>>) => boolean> = new Map<
  GmailMethod,
  (body: Readonly<Record<string, unknown>>) => boolean
>([
  ['users.getProfile', ({ emailAddress }) => isText(emailAddress)],
  [
    'messages.list',
    ({ messages, resultSizeEstimate }) =>
      messages === undefined ? typeof resultSizeEstimate === 'number' : isListOf(messages, ['id']),
  ],
  ['messages.get', ({ id }) => isText(id)],
  ['messages.attachments.get', ({ size, data }) => isText(data) || size === 0],
  ['messages.modify', ({ id }) => isText(id)],
  ['messages.insert', ({ id }) => isText(id)],
  ['messages.import', ({ id }) => isText(id)],
  ['history.list', ({ historyId }) => isText(historyId)],
  ['labels.list', ({ labels }) => isListOf(labels, ['id', 'name'])],
  ['labels.create', ({ id, name }) => isText(id) && isText(name)],
]);

function isListOf(value: unknown, keys: readonly string[]): value is unknown[] {
  return Array.isArray(value) && value.every((item) => isObject(item) && keys.every((key) => isText(item[key])));
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/**
 * The meaning of a response to `method`. A quota refusal is a 429, or a 403 with a quota reason; other 403s must not be
 * retried. Source: developers.google.com/workspace/gmail/api/guides/handle-errors.
 */
export function interpretResponse(method: string, response: RawResponse, now: number = Date.now()): ResponseMeaning {
  const { status } = response;
  const retryAfterMs = parseRetryAfter(response.retryAfter, now);
  const body = parseJson(response.body);
  const isPage = /^\s*</.test(response.body);
  if (status < 200 || status >= 300) {
    return interpretError(method, status, body, retryAfterMs, response.urlLength, isPage);
  }
  if (isObject(body) && body.error !== undefined) {
    const code = isObject(body.error) ? Number(body.error.code) : Number.NaN;
    if (code >= 400 && code < 600) return interpretError(method, code, body, retryAfterMs);
    return { kind: 'again', text: `${method} was answered with ${status} and an error`, retryAfterMs };
  }
  if (WITHOUT_BODY.has(method)) {
    const isEmpty = isObject(body) ? Object.keys(body).length === 0 : response.body.trim() === '';
    if (isEmpty && (status === 200 || status === 204)) return { kind: 'ok', data: undefined };
    return {
      kind: 'again',
      text: `${method} was answered with ${status} and a body, which it never has`,
      retryAfterMs,
    };
  }
  if (status === 200 && isObject(body) && IS_COMPLETE.get(method)?.(body) !== false) return { kind: 'ok', data: body };
  const what = isObject(body) ? 'incomplete JSON' : response.body.trim() === '' ? 'no body' : 'broken JSON';
  const text = `${method} was answered with ${status} and ${what}`;
  return { kind: 'again', text, retryAfterMs, ...(isPage && { error: htmlInstead(method, status) }) };
}

function htmlInstead(method: string, status: number): ConfigError {
  return new ConfigError(`Gmail: a page came instead of an answer to ${method} (status ${status})`, FOREIGN_ANSWER);
}

function interpretError(
  method: string,
  status: number,
  body: unknown,
  retryAfterMs: number,
  urlLength = 0,
  isPage = false,
): ResponseMeaning {
  if (status === 407) return failed(proxyLoginError('Gmail'));
  if (status === 401) return { kind: 'unauthorized' };
  const { message, words, reasons } = googleError(body);
  const said = `${method}: ${status}${words === '' ? '' : ` ${words}`}`;
  const has = (known: readonly string[]) => reasons.some((reason) => known.includes(reason));

  if (status === 408 || status >= 500) return { kind: 'again', text: said, retryAfterMs };
  if (has(DAILY_REASONS)) {
    const remedy =
      "The project's quota for today is spent: wait until midnight Pacific time, or raise the quota in the Cloud console.";
    return failed(new UnavailableError(said, remedy));
  }
  const isQuota = status === 429 || (status === 403 && has(QUOTA_REASONS));
  if (isQuota && /concurrent/i.test(message)) return { kind: 'crowded', text: said, retryAfterMs };
  if (isQuota) {
    const isForProject = status === 403 && !has(USER_QUOTA_REASONS) && !/per user|user.rate/i.test(message);
    return { kind: 'quota', text: said, retryAfterMs, isForProject };
  }
  if (TOO_LONG.includes(status) || (status === 400 && !isObject(body) && urlLength > LONG_URL)) {
    return failed(new GmailRefusal(status, `Gmail refused ${method}: ${status}, the request is too long`, 'tooLong'));
  }
  // HTML pages of Google's front end say nothing about the request.
  if (!isObject(body)) {
    const text = `${method} was answered with ${status} and no JSON`;
    return { kind: 'again', text, retryAfterMs, ...(isPage && { error: htmlInstead(method, status) }) };
  }
  if (status === 403 && has(SCOPE_REASONS)) {
    const remedy =
      "Add the scope that this method needs to the job's `scopes`; `job check` then names the command that authorizes for it.";
    return failed(new CredentialError(`Gmail: the access token lacks a scope for ${method}`, remedy));
  }
  if (status === 403 && has(DISABLED_REASONS)) {
    const remedy =
      'Enable it in the Cloud project of the OAuth client (console.cloud.google.com → APIs & Services → Library → Gmail API), wait a few minutes, run again.';
    return failed(new ConfigError('The Gmail API is not enabled in the Cloud project', remedy));
  }
  if (status === 403) {
    const remedy = `Check that the account may use Gmail (a Workspace's administrator can restrict it), then ${RENEW_ACCESS}.`;
    return failed(new CredentialError(`Gmail denied access: ${said}`, remedy));
  }
  if (status === 400 && has(PRECONDITION_REASONS)) {
    const remedy =
      "Check that the account has a Gmail mailbox, with a licence and with Gmail switched on, and is not suspended (its administrator's console, or gmail.com); then run again.";
    const error = new CredentialError(`Gmail says that this account does not meet a precondition: ${said}`, remedy);
    return { kind: 'precondition', text: said, retryAfterMs, error };
  }
  if (ABOUT_ACCOUNT.has(method) && !(status === 404 && method === 'users.getProfile')) {
    return failed(new CredentialError(`Gmail refused ${said}`, CHECK_ACCOUNT));
  }
  const reason = status === 400 && has(ARGUMENT_REASONS) ? 'invalidArgument' : 'other';
  return failed(new GmailRefusal(status, `Gmail refused ${said}`, reason));
}

function failed(error: JobError): ResponseMeaning {
  return { kind: 'failed', error };
}

/**
 * Reads Google's error body in its old form (`errors[].reason`) and its new one (`details[].reason`, `status`). `words` is
 * the part of the message that may be shown, or the first reason.
 */
export function googleError(body: unknown): { message: string; words: string; reasons: string[] } {
  const error = isObject(body) && isObject(body.error) ? body.error : {};
  const listed = [error.errors, error.details]
    .flatMap((list) => (Array.isArray(list) ? list : []))
    .map((item) => (isObject(item) ? item.reason : undefined));
  const reasons = [...listed, error.status].flatMap((reason) => serverCode(reason) ?? []);
  const message = typeof error.message === 'string' ? error.message : '';
  return { message, words: serverWords(message) || (reasons[0] ?? ''), reasons };
}
