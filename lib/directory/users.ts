/**
 * Lists the users of a Google Workspace with the Admin SDK, as an administrator. The caller gets the access token.
 * Source: developers.google.com/workspace/admin/directory/reference/rest/v1/users/list.
 */
import { admin_directory_v1 } from 'googleapis/build/src/apis/admin/directory_v1.js';
import type { Clock } from '../base/clock.ts';
import { counted } from '../base/count.ts';
import { formatDuration } from '../base/duration.ts';
import { isObject, parseJson } from '../base/json.ts';
import { FOREIGN_ANSWER, judgeFailure, proxyLoginError, TRY_NEXT_RUN } from '../base/network-failure.ts';
import { parseRetryAfter, type RetryPolicy, retry } from '../base/retry.ts';
import { ConfigError, CredentialError, egressBehind, type JobError, UnavailableError } from '../errors.ts';
import { DISABLED_REASONS, googleError, QUOTA_REASONS, SCOPE_REASONS } from '../gmail/responses.ts';

export interface UserQuery {
  /** The administrator's address. */
  readonly admin: string;
  /** A search of users.list; undefined for all users. */
  readonly query: string | undefined;
}

export interface DirectoryAccess {
  /** A token for the administrator. */
  readonly accessToken: string;
  readonly adminUrl: string;
  /** For one attempt of a request. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Google's maximum. */
const PAGE_SIZE = 500;

/**
 * The primary addresses of the users that the query finds, without those that cannot use Gmail: suspended and archived ones,
 * and those whose mailbox does not exist yet.
 * @throws ConfigError or CredentialError when Google refuses, UnavailableError when it is away; the signal's reason on abort.
 */
export async function listActiveUsers(
  { admin, query }: UserQuery,
  access: DirectoryAccess,
  signal: AbortSignal,
): Promise<string[]> {
  const api = new admin_directory_v1.Admin({ rootUrl: access.adminUrl, universeDomain: 'googleapis.com' });
  const active: string[] = [];
  const seenTokens = new Set<string>();
  let pageToken: string | undefined;
  do {
    const page = await requestPage(
      api,
      {
        customer: 'my_customer',
        maxResults: PAGE_SIZE,
        orderBy: 'email',
        fields: 'nextPageToken,users(primaryEmail,suspended,archived,isMailboxSetup)',
        ...(query !== undefined && { query }),
        ...(pageToken !== undefined && { pageToken }),
      },
      { admin, query },
      access,
      signal,
    );
    for (const { primaryEmail, suspended, archived, isMailboxSetup } of page.users ?? [])
      if (suspended !== true && archived !== true && isMailboxSetup !== false) active.push(primaryEmail as string);
    pageToken = page.nextPageToken || undefined;
    if (pageToken !== undefined && seenTokens.has(pageToken))
      throw new UnavailableError("Google's Admin SDK answers with the same page again and again", TRY_NEXT_RUN);
    if (pageToken !== undefined) seenTokens.add(pageToken);
  } while (pageToken !== undefined);
  return active;
}

type Page = admin_directory_v1.Schema$Users;

const longestRetryAfterMs = 60_000;
const AWAY: RetryPolicy = { pausesMs: [500, 1_000, 2_000, 4_000], fixedShare: 0, longestRetryAfterMs };
/** Google allows 2,400 requests a minute and user. */
const QUOTA: RetryPolicy = { pausesMs: [2_000, 8_000, 32_000, 64_000], fixedShare: 0.5, longestRetryAfterMs };

interface Trouble {
  readonly kind: 'away' | 'quota';
  readonly text: string;
  readonly retryAfterMs: number;
  /** The error after the last attempt; an UnavailableError when left out. */
  readonly error?: JobError;
}

async function requestPage(
  api: admin_directory_v1.Admin,
  params: admin_directory_v1.Params$Resource$Users$List,
  asked: UserQuery,
  access: DirectoryAccess,
  signal: AbortSignal,
): Promise<Page> {
  return await retry({
    send: () => attempt(api, params, asked, access, signal),
    policies: { away: AWAY, quota: QUOTA },
    random: access.random,
    wait: (pauseMs) => access.clock.sleep(pauseMs, signal),
    failure: ({ text, error }: Trouble, attempts) =>
      error ??
      new UnavailableError(
        `Google's Admin SDK was not available after ${counted(attempts, 'attempt')}: ${text}`,
        TRY_NEXT_RUN,
      ),
  });
}

async function attempt(
  api: admin_directory_v1.Admin,
  params: admin_directory_v1.Params$Resource$Users$List,
  asked: UserQuery,
  { accessToken, timeoutMs }: DirectoryAccess,
  signal: AbortSignal,
): Promise<{ readonly value: Page } | Trouble> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const { status, headers, data } = await api.users.list(params, {
      headers: { authorization: `Bearer ${accessToken}` },
      responseType: 'text',
      validateStatus: () => true,
      retry: false,
      redirect: 'error',
      fetchImplementation: fetch,
      signal: AbortSignal.any([signal, timeout]),
    });
    const retryAfter = headers['retry-after'] ?? null;
    return interpret(status, parseRetryAfter(retryAfter, Date.now()), String(data ?? ''), asked);
  } catch (error) {
    signal.throwIfAborted();
    const refused = egressBehind(error);
    if (refused !== undefined) throw refused;
    // googleapis adds `config` to errors of the network. Other errors come from `interpret`, or are bugs.
    if (!(error instanceof Error && 'config' in error)) throw error;
    const late = `no answer within ${formatDuration(timeoutMs)}`;
    const failure = timeout.aborted ? late : judgeFailure(error, "Google's Admin SDK");
    if (failure instanceof ConfigError) throw failure;
    return { kind: 'away', text: failure, retryAfterMs: 0 };
  }
}

/** @throws ConfigError or CredentialError for a refusal that another attempt cannot change. */
function interpret(
  status: number,
  retryAfterMs: number,
  text: string,
  { admin, query }: UserQuery,
): { readonly value: Page } | Trouble {
  const body = parseJson(text);
  if (status === 200 && isPage(body)) return { value: body };
  if (status === 407) throw proxyLoginError("Google's Admin SDK");
  const isHtml = /^\s*</.test(text);
  const away = (why: string, error?: JobError): Trouble => ({
    kind: 'away',
    text: `users.list: status ${status}${why}`,
    retryAfterMs,
    ...(error && { error }),
  });
  if (status < 400 || (!isObject(body) && status < 500)) {
    const foreign = new ConfigError(
      `Google's Admin SDK: a page came instead of an answer (status ${status})`,
      FOREIGN_ANSWER,
    );
    return away(' and no usable answer', isHtml ? foreign : undefined);
  }
  const { words, reasons } = googleError(body);
  const said = words === '' ? '' : `; Google says: ${words}`;
  const has = (known: readonly string[]) => reasons.some((reason) => known.includes(reason));
  if (status === 429 || (status === 403 && has([...QUOTA_REASONS, 'quotaExceeded'])))
    return { ...away(said), kind: 'quota' };
  if (status === 401)
    return away(
      said,
      new CredentialError(
        `Google's Admin SDK does not accept the access token of ${admin}${said}`,
        `Check that ${admin} is an active user, and that the service account and its domain-wide delegation still exist.`,
      ),
    );
  if (status === 408 || status >= 500) return away(said);
  if (has(DISABLED_REASONS)) {
    throw new ConfigError(
      'The Admin SDK API is not enabled in the Cloud project of the service account',
      'Enable it (console.cloud.google.com → APIs & Services → Library → Admin SDK API), wait a few minutes, run again.',
    );
  }
  if (has(SCOPE_REASONS)) {
    throw new CredentialError(
      `The access token of ${admin} may not read the directory${said}`,
      "Check the scopes of the service account's domain-wide delegation in the Admin console.",
    );
  }
  if (status === 400) {
    throw new ConfigError(
      `Google refused the search of the directory${query === undefined ? '' : ` (${query})`}${said}`,
      'Correct query in mailboxes.yaml: developers.google.com/workspace/admin/directory/v1/guides/search-users describes searches.',
    );
  }
  if (status === 403 || status === 404) {
    throw new CredentialError(
      `${admin} may not list the users of the Workspace${said}`,
      'Correct admin in mailboxes.yaml: it must be the primary address of an administrator with the privilege Users → Read (admin.google.com → Account → Admin roles).',
    );
  }
  throw new ConfigError(`Google's Admin SDK refused users.list with status ${status}${said}`, FOREIGN_ANSWER);
}

/** Whether the answer is complete. An incomplete answer would look like a directory with fewer users. */
function isPage(body: unknown): body is Page {
  if (!isObject(body) || body.error !== undefined) return false;
  const { users, nextPageToken } = body;
  const areUsers =
    users === undefined ||
    (Array.isArray(users) && users.every((user) => isObject(user) && isAddress(user.primaryEmail)));
  return areUsers && (nextPageToken === undefined || typeof nextPageToken === 'string');
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
