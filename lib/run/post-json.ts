/**
 * Posts JSON for a job: to hosts that the job declares, retried, with one Idempotency-Key for all attempts, and signed on
 * demand. Messages name the host alone, because path and query of a webhook's URL are credentials.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { counted } from '../base/count.ts';
import { formatDuration } from '../base/duration.ts';
import { parseJson } from '../base/json.ts';
import { judgeFailure, TRY_NEXT_RUN } from '../base/network-failure.ts';
import { parseRetryAfter, type RetryPolicy, retry } from '../base/retry.ts';
import { isLoopback } from '../config.ts';
import { ConfigError, CredentialError, egressBehind, RefusedError, UnavailableError } from '../errors.ts';
import type { PostAnswer, PostJson, PostJsonOptions } from '../job.ts';
import { AllowedHosts, type Host, hostOfUrl } from '../process/hosts.ts';
import type { Log } from '../screen/log.ts';

export interface PostJsonContext {
  readonly job: string;
  readonly runId: string;
  /** The hosts that the job declares. */
  readonly hosts: readonly Host[];
  readonly dryRun: boolean;
  /** The job's secrets, and the secret in AWS that holds them: a refusal names the keys that the job sent. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly secretId: string;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** `wrapUp` ends the pauses between attempts, `giveUp` also an attempt that is under way. */
  readonly signals: { readonly wrapUp: AbortSignal; readonly giveUp: AbortSignal };
  /** Called before a post with the host; rejects to prevent the post. */
  readonly confirm: (host: string) => Promise<void>;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
}

/** When a host asks for a longer pause, the run ends, and the next run posts: a waiting dyno costs money. */
const longestRetryAfterMs = 10 * 60_000;

const POLICIES: Readonly<Record<Retryable['kind'], RetryPolicy>> = {
  away: { pausesMs: [500, 1_000, 2_000, 4_000, 8_000], fixedShare: 0, longestRetryAfterMs },
  // Only time ends a rate limit, so at least half of each pause is waited.
  busy: { pausesMs: [1_000, 2_000, 4_000, 8_000, 16_000, 32_000], fixedShare: 0.5, longestRetryAfterMs },
};

/** Returns the function `postJson` of a job's context. Its docstring is in job.ts. */
export function createPostJson(context: PostJsonContext): PostJson {
  const { job, runId, dryRun, signals, log, clock, random } = context;
  const declared = new AllowedHosts();
  for (const host of context.hosts) declared.add(host);
  let posts = 0;

  return async (address, body, options = {}) => {
    posts += 1;
    const url = requireUrl(address, job, declared);
    const bytes = toBytes(body);
    const headers = toHeaders(options, `${runId}-${posts}`, url.host);
    if (dryRun) {
      log.info('post.skipped', { host: url.host });
      return { sent: false, status: 0, json: undefined };
    }
    await context.confirm(url.host);
    return await retry({
      send: async () => {
        signals.wrapUp.throwIfAborted();
        return await attempt({ url, bytes, headers, options }, context);
      },
      policies: POLICIES,
      random,
      wait: async (delayMs, { text: reason }, attempt) => {
        log.warn('post.retry', { host: url.host, reason, attempt, delayMs });
        await clock.sleep(delayMs, signals.wrapUp);
      },
      failure: ({ text }: Retryable, attempts) =>
        new UnavailableError(
          `${url.host} was not available after ${counted(attempts, 'attempt')}: ${text}`,
          TRY_NEXT_RUN,
        ),
    });
  };
}

/** @throws ConfigError unless `address` is the https address of a declared host, without user and password. */
function requireUrl(address: string | URL, job: string, declared: AllowedHosts): URL {
  const url = URL.parse(String(address));
  const refused = (problem: string, remedy: string) => new ConfigError(`${job} cannot post: ${problem}`, remedy);
  if (url === null) {
    throw refused('its address is no URL', 'Correct the option, variable or secret that the address comes from.');
  }
  const { protocol, hostname, host } = url;
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback(hostname))) {
    throw refused(
      `${host ? `the address at ${host}` : 'its address'} is not https`,
      'Use the https address of the host.',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw refused(`the address at ${host} holds a user or password`, 'Send it in the header Authorization.');
  }
  const { name, port } = hostOfUrl(url.href);
  if (!declared.has(name, port)) {
    throw refused(
      `its hosts do not declare ${host}`,
      `Add '${host}' to hosts in jobs/${job}.ts, if the job is meant to reach it.`,
    );
  }
  return url;
}

/** @throws TypeError for a body that JSON cannot hold. */
function toBytes(body: unknown): Buffer {
  const text: string | undefined = JSON.stringify(body);
  if (text === undefined) throw new TypeError('postJson: the body is no value that JSON can hold');
  return Buffer.from(text);
}

/** @throws TypeError for a malformed key, ConfigError for a header that cannot be sent. */
function toHeaders({ headers: own = {}, idempotencyKey }: PostJsonOptions, defaultKey: string, host: string): Headers {
  const key = idempotencyKey ?? defaultKey;
  if (!/^[!-~]{1,255}$/.test(key)) {
    throw new TypeError('postJson: idempotencyKey must have 1 to 255 ASCII characters without spaces');
  }
  const headers = new Headers({ accept: 'application/json', 'content-type': 'application/json' });
  for (const [name, value] of Object.entries(own)) {
    try {
      headers.set(name, value);
    } catch {
      // The error's message would quote the value.
      throw new ConfigError(
        `the post to ${host} cannot be sent: the header ${JSON.stringify(name)} is malformed`,
        'Correct its value in the job, or in the secret that it comes from: no line breaks, and no characters beyond ASCII.',
      );
    }
  }
  headers.set('idempotency-key', key);
  return headers;
}

interface Post {
  readonly url: URL;
  readonly bytes: Buffer;
  readonly headers: Headers;
  readonly options: PostJsonOptions;
}

/** An answer after which the same post may succeed. */
interface Retryable {
  readonly kind: 'away' | 'busy';
  readonly text: string;
  readonly retryAfterMs?: number;
}

async function attempt(post: Post, context: PostJsonContext): Promise<{ readonly value: PostAnswer } | Retryable> {
  const { url, bytes, options } = post;
  const { giveUp } = context.signals;
  const timeoutMs = options.timeoutMs ?? context.timeoutMs;
  const headers = new Headers(post.headers);
  if (options.hmac !== undefined)
    headers.set(options.hmac.header ?? 'x-signature', signatureOf(bytes, options.hmac.secret));
  // AbortSignal.timeout and AbortSignal.any would keep each body in memory until the timeout.
  const controller = new AbortController();
  let isLate = false;
  const onLate = () => {
    isLate = true;
    controller.abort();
  };
  const onGiveUp = () => controller.abort(giveUp.reason);
  const timer = setTimeout(onLate, timeoutMs);
  giveUp.addEventListener('abort', onGiveUp, { once: true });
  try {
    giveUp.throwIfAborted();
    // A redirect would carry the body and its secrets to another address.
    const request = { method: 'POST', headers, body: bytes, redirect: 'manual', signal: controller.signal } as const;
    const response = await fetch(url, request);
    const { status } = response;
    const isAccepted = status >= 200 && status < 300;
    if (!isAccepted) {
      await response.body?.cancel();
      return refusalOf(status, response.headers.get('retry-after'), post, context);
    }
    return { value: { sent: true, status, json: await readJson(response) } };
  } catch (error) {
    giveUp.throwIfAborted();
    const refused = egressBehind(error);
    if (refused !== undefined) throw refused;
    if (isLate) return { kind: 'away', text: `no answer within ${formatDuration(timeoutMs)}` };
    if (error instanceof CredentialError || error instanceof ConfigError || error instanceof RefusedError) throw error;
    const failure = judgeFailure(error, url.host);
    if (failure instanceof ConfigError) throw failure;
    return { kind: 'away', text: `the connection failed (${failure})` };
  } finally {
    clearTimeout(timer);
    giveUp.removeEventListener('abort', onGiveUp);
  }
}

/** Signs each attempt with a new time: hosts refuse signatures that are some minutes old. */
function signatureOf(bytes: Buffer, secret: string): string {
  if (secret === '') throw new TypeError('postJson: hmac.secret is empty');
  const seconds = Math.floor(Date.now() / 1_000);
  const digest = createHmac('sha256', secret).update(`${seconds}.`).update(bytes).digest('hex');
  return `t=${seconds},v1=${digest}`;
}

/** Bytes. */
const MAX_ANSWER = 1024 * 1024;

/** The JSON in the answer; undefined when there is none, and when the answer is longer than 1 MB. */
async function readJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER) return undefined;
    chunks.push(chunk);
  }
  return parseJson(Buffer.concat(chunks).toString());
}

/** Statuses for a post at the wrong address, or in a form that the host does not take. */
const WRONG_ADDRESS: ReadonlySet<number> = new Set([404, 405, 410, 415, 421, 426, 451]);

/** @throws CredentialError, ConfigError or RefusedError for a status that another attempt cannot change. */
function refusalOf(status: number, retryAfter: string | null, post: Post, context: PostJsonContext): Retryable {
  const { host } = post.url;
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const kind = status === 429 ? 'busy' : 'away';
    return { kind, text: `status ${status}`, retryAfterMs: parseRetryAfter(retryAfter, Date.now()) };
  }
  if (status === 401 || status === 403) {
    throw new CredentialError(
      `${host} denies access to ${context.job} (status ${status})`,
      remedyOfDenial(post, context),
    );
  }
  if (status < 400 || WRONG_ADDRESS.has(status)) {
    const what =
      status < 400 ? 'answers with a redirect, which is not followed' : 'does not take posts at this address';
    throw new ConfigError(
      `${host} ${what} (status ${status})`,
      "Compare the address that the job posts to with the host's documentation.",
    );
  }
  throw new RefusedError(
    `${host} refuses what ${context.job} posted (status ${status})`,
    "Compare the body that the job posts with the host's documentation.",
  );
}

/** Names the keys of the secrets that the post carries. */
function remedyOfDenial({ url, headers, options }: Post, { secrets, secretId }: PostJsonContext): string {
  const carried = [url.href, options.hmac?.secret ?? '', ...[...headers.values()].flatMap(withBasic)];
  const names = Object.keys(secrets).filter((name) => carried.some((text) => text.includes(secrets[name] as string)));
  return names.length === 0
    ? 'Check which credentials the host expects, and declare their keys in the `secrets` of the job.'
    : `Correct ${names.join(', ')} in the secret ${secretId} (AWS console → Retrieve secret value → Edit), or have the host allow it.`;
}

/** The value of a header; for Basic authentication also `user:password`, decoded. */
function withBasic(value: string): string[] {
  const [, basic] = /^basic +([\w+/=-]+)$/i.exec(value) ?? [];
  return basic === undefined ? [value] : [value, Buffer.from(basic, 'base64').toString()];
}
