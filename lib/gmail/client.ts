/**
 * Sends requests to Gmail through googleapis: within the quota and the concurrency limit, with a timeout for each attempt,
 * retries (retry.ts), and one renewal of the access token for all requests that need it. The meaning of responses is in
 * responses.ts.
 */

import type { IncomingHttpHeaders } from 'node:http';
// The packages' main files import all of Google's credential types, which take longer to load than everything else.
import { OAuth2Client } from 'google-auth-library/build/src/auth/oauth2client.js';
import { gmail_v1 } from 'googleapis/build/src/apis/gmail/v1.js';
import type { Clock } from '../base/clock.ts';
import type { QuotaProfile } from '../config.ts';
import type { AccessTokens } from '../google/access.ts';
import type { Log } from '../screen/log.ts';
import { ConcurrencyLimiter } from './concurrency.ts';
import type { QuotaWindow } from './quota.ts';
import { interpretResponse, type ResponseMeaning } from './responses.ts';
import { meaningOfFailure, type Retryable, untilAnswered } from './retry.ts';
import { type ClientStatistics, countRequest, type GmailMethod, unitsOf } from './units.ts';

/**
 * `read` changes nothing, nor does `long read`, whose answer may be large; `repeatable` is a change that may be sent twice;
 * `once` is a change that may not.
 */
export type RequestKind = 'read' | 'long read' | 'repeatable' | 'once';

/** A check before each attempt to send a change, because an attempt may wait minutes for quota. */
export interface PreSendCheck {
  /** Whether `run` must be called before the next attempt. */
  readonly isDue: boolean;
  /** Returns whether anything is left to send. */
  run(): Promise<boolean>;
}

/** Times the usual timeout: an attachment of 35 MB is an answer of 50 MB, and a message of 50 MB is a long request. */
const LONG_TRANSFER = 6;
const LONG_TRANSFERS: ReadonlySet<GmailMethod> = new Set(['messages.attachments.get', 'messages.import']);

type Send = (
  api: gmail_v1.Gmail,
  options: SendOptions,
) => Promise<{ status: number; headers: IncomingHttpHeaders; data: unknown; url?: unknown }>;

type SendOptions = ReturnType<typeof sendOptions>;

export interface ClientOptions {
  readonly tokens: AccessTokens;
  readonly quota: QuotaWindow;
  readonly profile: QuotaProfile;
  readonly apiUrl: string;
  readonly timeoutMs: number;
  /** Aborts everything, changes under way included. */
  readonly giveUp: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called with the quota units of each request that is sent. */
  readonly onSpent?: (units: number) => void;
  /** Called before each pause after a quota refusal; returns whether a person sees the pause. */
  readonly onRefused?: (pauseMs: number) => boolean;
  /** Counters that other senders of requests share with the client; the client's own when left out. */
  readonly statistics?: ClientStatistics;
}

export class GmailClient {
  readonly statistics: ClientStatistics;
  readonly #options: ClientOptions;
  readonly #api: gmail_v1.Gmail;
  readonly #auth: OAuth2Client;
  readonly #concurrency = new ConcurrencyLimiter();
  /** The access token in the headers of the next request. */
  #token = '';
  #answerMs = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.statistics = options.statistics ?? { requests: 0, retries: 0, quotaUnits: 0 };
    // Turns off the request interceptor, whose log prints the token.
    this.#auth = new OAuth2Client({ useAuthRequestParameters: false });
    this.#auth.refreshHandler = async () => {
      const token = await options.tokens.get();
      this.#token = token.value;
      return { access_token: token.value, expiry_date: token.expiresAtMs };
    };
    // Without universeDomain an environment variable would decide which hosts get the token.
    this.#api = new gmail_v1.Gmail({ auth: this.#auth, universeDomain: 'googleapis.com', rootUrl: options.apiUrl });
  }

  /**
   * Sends one request until Gmail's answer is final; `send` may be called several times. A request of the kind `once`
   * is sent again only after a refusal that certainly changed nothing.
   * `signal` ends the wait before an attempt, and a read under way; only `giveUp` ends a change under way.
   * Runs `check` before an attempt when the check is due, and returns undefined when nothing is left to send.
   * @throws UnavailableError, CredentialError, ConfigError, GmailRefusal, or the signal's StoppedError.
   */
  async request<T>(method: GmailMethod, send: Send, signal: AbortSignal, requestKind?: RequestKind): Promise<T>;
  async request<T>(
    method: GmailMethod,
    send: Send,
    signal: AbortSignal,
    requestKind: RequestKind,
    check: PreSendCheck,
  ): Promise<T | undefined>;
  async request<T>(
    method: GmailMethod,
    send: Send,
    signal: AbortSignal,
    requestKind: RequestKind = 'read',
    check?: PreSendCheck,
  ): Promise<T | undefined> {
    const { random, log, tokens } = this.#options;
    let token = '';
    const data = await untilAnswered({
      random,
      send: async () => {
        for (;;) {
          const attempt = await this.#attempt(method, send, signal, requestKind, check);
          if (attempt !== 'due') {
            token = attempt.token;
            return attempt.meaning;
          }
          // The check sends requests, so it runs here, where this request holds no quota.
          if (!(await check?.run())) return { kind: 'ok', data: undefined };
        }
      },
      isRepeatable: requestKind !== 'once',
      onUnauthorized: async () => {
        log.warn('gmail.unauthorized', { method });
        await tokens.renew(token);
        this.#auth.setCredentials({});
        this.statistics.retries += 1;
      },
      wait: async (pauseMs, meaning, attempt) => {
        await this.#waitAfter(method, meaning, attempt, pauseMs, signal);
        this.statistics.retries += 1;
      },
    });
    return data as T | undefined;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** Aborts everything, changes under way included. */
  get giveUp(): AbortSignal {
    return this.#options.giveUp;
  }

  get quota(): QuotaWindow {
    return this.#options.quota;
  }

  get unitsPerMinute(): number {
    return this.#options.quota.unitsPerMinute;
  }

  /** The quota units of one call of `method`. */
  costOf(method: GmailMethod): number {
    return unitsOf(method, this.#options.profile);
  }

  /** The mean time of a request, in milliseconds. */
  get meanRequestMs(): number {
    return this.#answerMs / Math.max(1, this.statistics.requests);
  }

  async #waitAfter(
    method: GmailMethod,
    meaning: Retryable,
    attempt: number,
    delayMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log, quota } = this.#options;
    const isShown = meaning.kind === 'quota' && this.#options.onRefused?.(delayMs) === true;
    log[isShown ? 'debug' : 'warn']('gmail.retry', { method, reason: meaning.text, attempt, delayMs });
    if (meaning.kind === 'quota') quota.refused(delayMs, meaning.isForProject);
    else await clock.sleep(delayMs, signal);
  }

  async #attempt(
    method: GmailMethod,
    send: Send,
    signal: AbortSignal,
    requestKind: RequestKind,
    check: PreSendCheck | undefined,
  ) {
    const { quota, profile, clock, onSpent } = this.#options;
    const limit = await this.#concurrency.acquire(signal);
    try {
      const units = unitsOf(method, profile);
      const lease = await quota.take(units, signal);
      try {
        await this.#auth.getRequestHeaders();
        const token = this.#token;
        signal.throwIfAborted();
        if (check?.isDue) {
          lease.cancel();
          return 'due';
        }
        countRequest(this.statistics, units);
        onSpent?.(units);
        const sentAt = clock.now();
        const meaning = await this.#send(method, send, signal, requestKind);
        this.#answerMs += clock.now() - sentAt;
        if (meaning.kind === 'crowded') this.#concurrency.refused(limit);
        else if (meaning.kind === 'ok') this.#concurrency.succeeded();
        return { meaning, token };
      } finally {
        lease.done();
      }
    } finally {
      this.#concurrency.release();
    }
  }

  async #send(method: GmailMethod, send: Send, stop: AbortSignal, requestKind: RequestKind): Promise<ResponseMeaning> {
    const signal = requestKind === 'read' || requestKind === 'long read' ? stop : this.#options.giveUp;
    const isLong = requestKind === 'long read' || LONG_TRANSFERS.has(method);
    const timeoutMs = this.#options.timeoutMs * (isLong ? LONG_TRANSFER : 1);
    // AbortSignal.timeout and AbortSignal.any would keep each request, with its 1,000 ids, in memory until the timeout.
    const attempt = new AbortController();
    let isLate = false;
    const onLate = () => {
      isLate = true;
      attempt.abort();
    };
    const onStop = () => attempt.abort(signal.reason);
    const timer = setTimeout(onLate, timeoutMs);
    signal.addEventListener('abort', onStop, { once: true });
    try {
      signal.throwIfAborted();
      const answer = await send(this.#api, sendOptions(attempt.signal, this.#options.apiUrl));
      const body = typeof answer.data === 'string' ? answer.data : '';
      const retryAfter = answer.headers['retry-after'] ?? null;
      return interpretResponse(method, {
        status: answer.status,
        retryAfter,
        body,
        urlLength: String(answer.url ?? '').length,
      });
    } catch (error) {
      signal.throwIfAborted();
      // googleapis adds `config` to errors of the network; any other error is a bug of the program.
      if (!(error instanceof Error && 'config' in error)) throw error;
      return meaningOfFailure(method, error, isLate ? timeoutMs : undefined);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onStop);
    }
  }
}

function sendOptions(signal: AbortSignal, rootUrl: string) {
  return {
    // googleapis sends uploads to Google's own address unless the request itself names another one.
    rootUrl,
    responseType: 'text' as const,
    validateStatus: () => true,
    retry: false,
    // Following a redirect would carry the token, or a change, to another address.
    redirect: 'error' as const,
    fetchImplementation: leanFetch,
    signal,
  };
}

/**
 * `fetch` with answers that are read chunk by chunk. `Response.text` has all chunks, their copy and the text in memory at
 * once: a message of 50 MB takes 60 MB more (measured with Node 24.21).
 */
async function leanFetch(...request: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...request);
  const { body } = response;
  if (body === null) return response;
  const text = async () => {
    const decoder = new TextDecoder();
    let read = '';
    for await (const chunk of body) read += decoder.decode(chunk, { stream: true });
    return read + decoder.decode();
  };
  return Object.assign(response, { text });
}
