/** Sends a form to one of Google's OAuth endpoints, again while the endpoint is away, and reads the answer's body. */
import { type Clock, orAbort } from '../base/clock.ts';
import { counted } from '../base/count.ts';
import { formatDuration } from '../base/duration.ts';
import { isObject, parseJson } from '../base/json.ts';
import { FOREIGN_ANSWER, judgeFailure, proxyLoginError } from '../base/network-failure.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import { serverCode, serverWords } from '../base/server-words.ts';
import { ConfigError, egressBehind, UnavailableError } from '../errors.ts';

export interface OAuthBody {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/**
 * No usable answer. `spent`: Google may have acted on the request, so a code that can be used only once may be used up.
 * `isForeign`: the answer is a page or a refusal without JSON, which Google's endpoint does not send.
 */
export interface OAuthTrouble {
  readonly kind: 'unspent' | 'spent';
  readonly trouble: string;
  readonly isForeign?: boolean;
}

export interface PostOptions {
  readonly timeoutMs: number;
  /** Called with each token in the answer, before any other use. */
  readonly hide: (secret: string) => void;
  /** Sent in addition to the form's own, such as a DPoP proof. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Proves with each request that the sender holds a key: google/dpop.ts. */
export interface Prover {
  /** Whether the proofs are for the exchange of an authorization code. */
  readonly isForCode: boolean;
  /** A proof for one request. */
  prove(signal: AbortSignal): Promise<string>;
  /** Puts the nonce in the server's answer to the last proof into the next proofs. */
  keepNonce(nonce: string, isRefused: boolean): void;
  /** Whether requests must wait for each other, because one of them may use up the nonce of another. */
  readonly needsTurn: boolean;
  /** Runs `work` after all work of earlier calls has ended. @throws the signal's reason on abort. */
  inTurn<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
}

/** How a form is sent again until there is a usable answer. */
export interface RepeatOptions extends PostOptions {
  readonly clock: Clock;
  readonly random: () => number;
}

export interface OAuthRequest<Value> {
  /** The endpoint's name in messages, such as `token endpoint`. */
  readonly endpoint: string;
  readonly url: string;
  readonly form: URLSearchParams;
  /** The value in an answer, or why the answer is unusable. Throws the error for a refusal. */
  readonly read: (answer: OAuthBody) => { readonly value: Value } | OAuthTrouble;
  /** Whether Google accepts the form only once: then a form on which Google may have acted is not sent again. */
  readonly isSingleUse?: boolean;
  /** Left out for a token that is bound to no key. */
  readonly prover?: Prover | undefined;
  /** The remedy when Google is away. */
  readonly remedy: string;
}

const AWAY: RetryPolicy = { pausesMs: [500, 1_000, 2_000, 4_000], fixedShare: 0 };
const SPENT: RetryPolicy = { pausesMs: [], fixedShare: 0 };

/**
 * Sends the form until `read` finds a value in the answer.
 * @throws what `read` throws, ConfigError or UnavailableError without a usable answer, the signal's reason on abort.
 */
export async function requestForm<Value>(
  { endpoint, url, form, read, isSingleUse, prover, remedy }: OAuthRequest<Value>,
  signal: AbortSignal,
  options: RepeatOptions,
): Promise<Value> {
  const post = async () => {
    const proof = await prover?.prove(signal);
    const answer = await postForm(url, form, signal, {
      ...options,
      ...(proof !== undefined && { headers: { DPoP: proof } }),
    });
    const nonce = 'headers' in answer ? answer.headers.get('dpop-nonce') : null;
    if (nonce !== null) prover?.keepNonce(nonce, errorOf(answer) === 'use_dpop_nonce');
    return answer;
  };
  return await retry({
    send: async () => {
      const answer = prover === undefined ? await post() : await postWithNonce(post, prover, signal);
      return 'trouble' in answer ? answer : read(answer);
    },
    policies: { unspent: AWAY, spent: isSingleUse ? SPENT : AWAY },
    random: options.random,
    wait: (pauseMs) => options.clock.sleep(pauseMs, signal),
    failure: ({ trouble, isForeign }: OAuthTrouble, attempts) =>
      isForeign
        ? new ConfigError(`Google's ${endpoint} did not answer as expected: ${trouble}`, FOREIGN_ANSWER)
        : new UnavailableError(
            `Google's ${endpoint} was not available after ${counted(attempts, 'attempt')}: ${trouble}`,
            remedy,
          ),
  });
}

/** Sends the form with a proof, and once more when the server wants a nonce in the proof. */
async function postWithNonce(
  post: () => Promise<OAuthBody | OAuthTrouble>,
  prover: Prover,
  signal: AbortSignal,
): Promise<OAuthBody | OAuthTrouble> {
  const isInTurn = prover.needsTurn;
  const takeTurn = (work: typeof post) => prover.inTurn(work, signal);
  const repeat = async () => {
    const second = await post();
    // Google's documents do not say whether the proof with the nonce must name the code too: the third proof does.
    return prover.isForCode && errorOf(second) === 'invalid_dpop_proof' ? await post() : second;
  };
  const send = async () => {
    const first = await post();
    if (!demandsNonce(first)) return first;
    return isInTurn ? await repeat() : await takeTurn(repeat);
  };
  return isInTurn ? await takeTurn(send) : await send();
}

/** Whether the server only wants a proof with the nonce in its answer. Source: RFC 9449, section 8. */
function demandsNonce(answer: OAuthBody | OAuthTrouble): boolean {
  return errorOf(answer) === 'use_dpop_nonce' && 'headers' in answer && answer.headers.has('dpop-nonce');
}

function errorOf(answer: OAuthBody | OAuthTrouble): unknown {
  return 'body' in answer ? answer.body.error : undefined;
}

/** Failures before a request is sent. */
const NOT_SENT = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
]);

/** OAuth's error words for failures that pass, whatever the status. */
const TRANSIENT = new Set([
  ...['temporarily_unavailable', 'server_error', 'internal_failure', 'rate_limit_exceeded', 'slow_down'],
]);

/**
 * Sends the form once.
 * @throws the signal's reason on abort, EgressError when the request was not let out, ConfigError when no request can
 * succeed before a person acts.
 */
export async function postForm(
  url: string,
  form: URLSearchParams,
  signal: AbortSignal,
  { timeoutMs, hide, headers = {} }: PostOptions,
): Promise<OAuthBody | OAuthTrouble> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = AbortSignal.any([signal, timeout]);
  let response: Response;
  let text: string;
  try {
    response = await orAbort(
      // A redirect would carry the form's secrets to another address.
      fetch(url, { method: 'POST', headers, body: form, redirect: 'error', signal: either }),
      signal,
    );
    text = await response.text();
  } catch (error) {
    signal.throwIfAborted();
    const refused = egressBehind(error);
    if (refused !== undefined) throw refused;
    if (timeout.aborted) return { kind: 'spent', trouble: `no answer within ${formatDuration(timeoutMs)}` };
    const failure = judgeFailure(error, "Google's OAuth endpoint");
    if (failure instanceof ConfigError) throw failure;
    return { kind: neverSent(error) ? 'unspent' : 'spent', trouble: `the connection failed (${failure})` };
  }
  const { status, headers: received } = response;
  const good = status >= 200 && status < 300;
  const body = good && text.trim() === '' ? {} : parseObject(text);
  const kind = status === 429 ? 'unspent' : 'spent';
  const isAway = status === 408 || status === 429 || status >= 500;
  if (status === 407) throw proxyLoginError("Google's OAuth endpoint");
  if (body === null) {
    const isForeign = !isAway && (!good || /^\s*</.test(text));
    return { kind, trouble: `status ${status} without JSON`, isForeign };
  }
  for (const name of ['access_token', 'refresh_token', 'id_token']) {
    if (typeof body[name] === 'string') hide(body[name]);
  }
  if (isAway) return { kind, trouble: `status ${status}` };
  const word = errorWord(body.error);
  return TRANSIENT.has(word) ? { kind, trouble: word } : { status, body, headers: received };
}

/** An OAuth error word, `''` for none. Text without the form of one, such as an echo of the request, is `an unknown code`. */
export function errorWord(value: unknown): string {
  if (value === undefined || value === null || value === '') return '';
  return serverCode(value) ?? 'an unknown code';
}

/** Google's description of a refusal, as the end of a message: `; Google says: …`, or ''. */
export function googleSays(description: unknown): string {
  const words = serverWords(description);
  return words === '' || /^bad request\.?$/i.test(words) ? '' : `; Google says: ${words}`;
}

/** The scopes in an answer; undefined when it names none, because Google granted the requested ones. */
export function scopesIn(body: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  return typeof body.scope === 'string' ? body.scope.split(' ').filter((one) => one !== '') : undefined;
}

/** Milliseconds until the refresh token ends; undefined when Google names no end. */
export function refreshTokenLifetimeIn({ refresh_token_expires_in: seconds }: Readonly<Record<string, unknown>>) {
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1_000 : undefined;
}

function neverSent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const causes = cause instanceof AggregateError ? cause.errors : [cause];
  return causes.every((one) => NOT_SENT.has(String((one as NodeJS.ErrnoException | undefined)?.code)));
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  const value = parseJson(text);
  return isObject(value) ? value : null;
}
