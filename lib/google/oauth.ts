/** One form sent to one of Google's OAuth endpoints, and what came back: an answer to read, or what went wrong. */
import { orAbort } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { judgeFailure, wantsProxyLogin } from '../base/network-failure.ts';
import { serverCode, serverWords } from '../base/server-words.ts';
import { ConfigError, egressBehind } from '../errors.ts';

export type OAuthAnswer =
  | { readonly status: number; readonly body: Readonly<Record<string, unknown>> }
  /**
   * `spent`: Google may have acted on the request, so a code that can be used only once may be used up. `isForeign`: the
   * answer is a page or a refusal without JSON, which Google's endpoint does not send.
   */
  | { readonly trouble: string; readonly spent: boolean; readonly isForeign?: boolean };

export interface PostOptions {
  readonly timeoutMs: number;
  /** Given every token in the answer before anything else is done with it. */
  readonly hide: (secret: string) => void;
}

/** What fails before a request is on its way. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** OAuth's words for trouble that passes, whatever status they come with. */
const TRANSIENT = new Set([
  'temporarily_unavailable',
  'server_error',
  'internal_failure',
  'rate_limit_exceeded',
  'slow_down',
]);

/**
 * Sends the form once. Rejects with the signal's reason on abort, EgressError when it was not let out, ConfigError when it
 * cannot succeed before a person acts.
 */
export async function postForm(
  url: string,
  form: URLSearchParams,
  signal: AbortSignal,
  { timeoutMs, hide }: PostOptions,
): Promise<OAuthAnswer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  let status: number;
  let text: string;
  try {
    const response = await orAbort(
      // A redirect would carry the form's secrets to another address.
      fetch(url, { method: 'POST', body: form, redirect: 'error', signal: AbortSignal.any([signal, timeout]) }),
      signal,
    );
    status = response.status;
    text = await response.text();
  } catch (error) {
    signal.throwIfAborted();
    const refused = egressBehind(error);
    if (refused !== undefined) throw refused;
    if (timeout.aborted) return { trouble: `no answer within ${formatDuration(timeoutMs)}`, spent: true };
    const failure = judgeFailure(error, "Google's OAuth endpoint");
    if (failure instanceof ConfigError) throw failure;
    return { trouble: `the connection failed (${failure})`, spent: !neverSent(error) };
  }
  const good = status >= 200 && status < 300;
  const body = good && text.trim() === '' ? {} : parseObject(text);
  const spent = status !== 429;
  const isAway = status === 408 || status === 429 || status >= 500;
  if (status === 407) throw wantsProxyLogin("Google's OAuth endpoint");
  if (body === null) {
    const isForeign = !isAway && (!good || /^\s*</.test(text));
    return { trouble: `status ${status} without JSON`, spent, isForeign };
  }
  for (const name of ['access_token', 'refresh_token', 'id_token']) {
    if (typeof body[name] === 'string') hide(body[name]);
  }
  if (isAway) return { trouble: `status ${status}`, spent };
  const word = errorWord(body.error);
  if (TRANSIENT.has(word)) return { trouble: word, spent };
  return { status, body };
}

/** An OAuth error word, `''` for none; what has not its form (the request itself, say) is `an unknown code`. */
export function errorWord(value: unknown): string {
  if (value === undefined || value === null || value === '') return '';
  return serverCode(value) ?? 'an unknown code';
}

/** Google's description of a refusal, as the end of a message: `; Google says: …`, or ''. */
export function googleSays(description: unknown): string {
  const words = serverWords(description);
  return words === '' || /^bad request\.?$/i.test(words) ? '' : `; Google says: ${words}`;
}

/** For an answer that Google's endpoint does not give: a refusal without JSON. Whether Google sent it is not known. */
export function notGoogle(endpoint: string, trouble: string): ConfigError {
  return new ConfigError(
    `Google's ${endpoint} did not answer as expected: ${trouble}`,
    'A firewall or a network with a login page may have answered in its place: check the connection to oauth2.googleapis.com. If it is fine, run again.',
  );
}

/** The scopes in an answer; undefined when it names none (then they are those that were asked for). */
export function scopesIn(body: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  return typeof body.scope === 'string' ? body.scope.split(' ').filter((one) => one !== '') : undefined;
}

/** How long the refresh token lives, in milliseconds, where Google gave it for a limited time. */
export function refreshTokenLifetimeIn({ refresh_token_expires_in: seconds }: Readonly<Record<string, unknown>>) {
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1_000 : undefined;
}

function neverSent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const causes = cause instanceof AggregateError ? cause.errors : [cause];
  return causes.every((one) => NOT_SENT.has(String((one as NodeJS.ErrnoException | undefined)?.code)));
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
