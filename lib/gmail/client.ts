/**
 * One request to Gmail, made safe: googleapis' client behind the quota, the concurrency gate, a timeout per attempt,
 * retries with full jitter, and one renewal of the access token for all requests that wait for it.
 */

import type { IncomingHttpHeaders } from 'node:http';
// The packages' main files bring along all of Google's ways to log in, which take longer to load than all of the rest.
import { OAuth2Client } from 'google-auth-library/build/src/auth/oauth2client.js';
import { gmail_v1 } from 'googleapis/build/src/apis/gmail/v1.js';
import type { Clock } from '../base/clock.ts';
import type { QuotaProfile } from '../config.ts';
import type { AccessTokens } from '../google/access.ts';
import { createTidier } from '../process/memory.ts';
import type { Log } from '../screen/log.ts';
import { judge, type Verdict } from './answers.ts';
import { ConcurrencyGate } from './gate.ts';
import type { QuotaWindow } from './quota.ts';
import { type Retryable, retrying, verdictOfFailure } from './retry.ts';
import { type ClientStatistics, countRequest, type GmailMethod, unitsOf } from './units.ts';

export type Effect = 'none' | 'repeatable' | 'once';

/** Something to be found out before a change is sent, if the last time is too long ago: waiting for quota takes time. */
export interface Recheck {
  readonly isDue: boolean;
  /** Returns whether there is still something to send. */
  look(): Promise<boolean>;
}

type Send = (
  api: gmail_v1.Gmail,
  options: SendOptions,
) => Promise<{ status: number; headers: IncomingHttpHeaders; data: unknown; url?: unknown }>;

/** Per-call options of googleapis' methods: the raw text of every answer, whatever its status, and no hidden retries. */
type SendOptions = ReturnType<typeof sendOptions>;

export interface ClientOptions {
  readonly tokens: AccessTokens;
  readonly quota: QuotaWindow;
  readonly profile: QuotaProfile;
  /** Where Gmail's API is. */
  readonly apiUrl: string;
  readonly timeoutMs: number;
  /** Ends everything, also what is under way. */
  readonly giveUp: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of the quota units of every request that is sent. */
  readonly onSpent?: (units: number) => void;
  /** Told of every pause that Google's quota imposes; returns whether a person is shown it. */
  readonly onRefused?: (pauseMs: number) => boolean;
  /** Counted up by the client; given where requests beside it count, too. */
  readonly statistics?: ClientStatistics;
}

export class GmailClient {
  readonly statistics: ClientStatistics;
  readonly #options: ClientOptions;
  readonly #api: gmail_v1.Gmail;
  readonly #auth: OAuth2Client;
  readonly #gate = new ConcurrencyGate();
  /** The access token that requests are sent with at the moment. */
  #token = '';
  #answerMs = 0;
  readonly #tidy = createTidier();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.statistics = options.statistics ?? { requests: 0, retries: 0, quotaUnits: 0 };
    // The client's own request logging prints the token; it is switched off with its request interceptor.
    this.#auth = new OAuth2Client({ useAuthRequestParameters: false });
    this.#auth.refreshHandler = async () => {
      const token = await options.tokens.get();
      this.#token = token.value;
      return { access_token: token.value, expiry_date: token.expiresAtMs };
    };
    // Without universeDomain an environment variable decides which hosts get the token.
    this.#api = new gmail_v1.Gmail({ auth: this.#auth, universeDomain: 'googleapis.com', rootUrl: options.apiUrl });
  }

  /**
   * Sends one request until it is answered for good; `send` may be called several times. What it does in the mailbox
   * is said by `effect`: `none` for reading, `repeatable` for a change that is safe to repeat, and `once` for one that is
   * not: then only a refusal that surely had no effect is tried again.
   * `signal` ends the waiting before an attempt, and a read under way; a change under way is ended by `giveUp` alone.
   * With `recheck`, no attempt is sent that is due for it; undefined when nothing is left to send then.
   * @throws UnavailableError, CredentialError, ConfigError, GmailRefusal, or the signal's StoppedError.
   */
  async request<T>(method: GmailMethod, send: Send, signal: AbortSignal, effect?: Effect): Promise<T>;
  async request<T>(
    method: GmailMethod,
    send: Send,
    signal: AbortSignal,
    effect: Effect,
    recheck: Recheck,
  ): Promise<T | undefined>;
  async request<T>(
    method: GmailMethod,
    send: Send,
    signal: AbortSignal,
    effect: Effect = 'none',
    recheck?: Recheck,
  ): Promise<T | undefined> {
    const { random, log, tokens } = this.#options;
    let token = '';
    const data = await retrying({
      random,
      send: async () => {
        for (;;) {
          const attempt = await this.#attempt(method, send, signal, effect, recheck);
          if (attempt !== 'due') {
            token = attempt.token;
            return attempt.verdict;
          }
          // Out of the line for quota, in which the look itself has to stand.
          if (!(await recheck?.look())) return { kind: 'ok', data: undefined };
        }
      },
      mayRepeat: ({ kind }) => effect !== 'once' || kind !== 'again',
      onUnauthorized: async () => {
        log.warn('gmail.unauthorized', { method });
        await tokens.renew(token);
        this.#auth.setCredentials({});
        this.statistics.retries += 1;
      },
      wait: async (verdict, attempt, delayMs) => {
        await this.#waitAfter(method, verdict, attempt, delayMs, signal);
        this.statistics.retries += 1;
      },
    });
    return data as T | undefined;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** The quota. */
  get unitsPerMinute(): number {
    return this.#options.quota.unitsPerMinute;
  }

  /** How long requests took until their answers, on average. */
  get meanRequestMs(): number {
    return this.#answerMs / Math.max(1, this.statistics.requests);
  }

  async #waitAfter(
    method: GmailMethod,
    verdict: Retryable,
    attempt: number,
    delayMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log, quota } = this.#options;
    const isShown = verdict.kind === 'quota' && this.#options.onRefused?.(delayMs) === true;
    log[isShown ? 'debug' : 'warn']('gmail.retry', { method, reason: verdict.text, attempt, delayMs });
    if (verdict.kind === 'quota') quota.refused(delayMs);
    else await clock.sleep(delayMs, signal);
  }

  async #attempt(method: GmailMethod, send: Send, signal: AbortSignal, effect: Effect, recheck: Recheck | undefined) {
    const { quota, profile, giveUp, clock, onSpent } = this.#options;
    const places = await this.#gate.enter(signal);
    try {
      const units = unitsOf(method, profile);
      const lease = await quota.take(units, signal);
      try {
        await this.#auth.getRequestHeaders();
        const token = this.#token;
        signal.throwIfAborted();
        if (recheck?.isDue) {
          lease.cancel();
          return 'due';
        }
        countRequest(this.statistics, units);
        onSpent?.(units);
        const sentAt = clock.now();
        const verdict = await this.#send(method, send, effect === 'none' ? signal : giveUp);
        this.#answerMs += clock.now() - sentAt;
        if (verdict.kind === 'crowded') this.#gate.tooMany(places);
        else if (verdict.kind === 'ok') this.#gate.good();
        return { verdict, token };
      } finally {
        lease.done();
      }
    } finally {
      this.#gate.leave();
      this.#tidy();
    }
  }

  async #send(method: GmailMethod, send: Send, stop: AbortSignal): Promise<Verdict> {
    const { timeoutMs } = this.#options;
    // Not AbortSignal.timeout and any: these keep each request, with all its ids, until the time is over.
    const attempt = new AbortController();
    let isLate = false;
    const onLate = () => {
      isLate = true;
      attempt.abort();
    };
    const onStop = () => attempt.abort(stop.reason);
    const timer = setTimeout(onLate, timeoutMs);
    stop.addEventListener('abort', onStop, { once: true });
    try {
      stop.throwIfAborted();
      const answer = await send(this.#api, sendOptions(attempt.signal));
      const body = typeof answer.data === 'string' ? answer.data : '';
      const retryAfter = answer.headers['retry-after'] ?? null;
      return judge(method, { status: answer.status, retryAfter, body, urlLength: String(answer.url ?? '').length });
    } catch (error) {
      stop.throwIfAborted();
      // Everything that happens on the wire arrives with the request's configuration; the rest is our own bug.
      if (!(error instanceof Error && 'config' in error)) throw error;
      return verdictOfFailure(method, error, isLate ? timeoutMs : undefined);
    } finally {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
    }
  }
}

function sendOptions(signal: AbortSignal) {
  return {
    responseType: 'text' as const,
    validateStatus: () => true,
    retry: false,
    // Following a redirect would carry the token, or a change, to another address.
    redirect: 'error' as const,
    fetchImplementation: fetch,
    signal,
  };
}
