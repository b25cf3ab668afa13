/** The program's only retry loop. The caller gives the policy as data and makes the final error. */

/** How often a request is sent again after answers of one kind. */
export interface RetryPolicy {
  /** The pauses after the first such answer, the second and so on. The answer after the last pause ends the loop. */
  readonly pausesMs: readonly number[];
  /** The share of each pause that is not random: 0 for full jitter, 1 for no jitter. */
  readonly fixedShare: number;
  /** An answer whose Retry-After is longer ends the loop. */
  readonly longestRetryAfterMs?: number;
}

/** An answer after which the same request may succeed. */
export interface RetryableAnswer {
  readonly kind: string;
  /** The pause that the service asks for. */
  readonly retryAfterMs?: number;
}

export interface RetryOptions<Value, Answer extends RetryableAnswer> {
  /** Sends the request once. Rejects with an error that a retry cannot change. */
  readonly send: () => Promise<{ readonly value: Value } | Answer>;
  /** A policy for each kind of answer. Kinds with the same policy object share its pauses. */
  readonly policies: Readonly<Record<Answer['kind'], RetryPolicy>>;
  readonly random: () => number;
  /** Waits after the `attempt`th answer of its kind; rejects on abort. */
  readonly wait: (pauseMs: number, answer: Answer, attempt: number) => Promise<void>;
  /** The error for the answer that ends the loop, which was the `attempts`th of its kind. */
  readonly failure: (answer: Answer, attempts: number) => Error;
}

/** Sends a request until it has a value. @throws the `failure` for its last answer, and errors of `send` and `wait`. */
export async function retry<Value, Answer extends RetryableAnswer>(
  options: RetryOptions<Value, Answer>,
): Promise<Value> {
  const counts = new Map<RetryPolicy, number>();
  for (;;) {
    const answer = await options.send();
    if ('value' in answer) return answer.value;
    const policy = options.policies[answer.kind as Answer['kind']];
    const attempt = (counts.get(policy) ?? 0) + 1;
    counts.set(policy, attempt);
    const pauseMs = policy.pausesMs[attempt - 1];
    const { retryAfterMs = 0 } = answer;
    if (pauseMs === undefined || retryAfterMs > (policy.longestRetryAfterMs ?? Number.POSITIVE_INFINITY)) {
      throw options.failure(answer, attempt);
    }
    const jitteredMs = pauseMs * (policy.fixedShare + (1 - policy.fixedShare) * options.random());
    await options.wait(Math.round(Math.max(jitteredMs, retryAfterMs)), answer, attempt);
  }
}

/** Milliseconds in a Retry-After header, which has seconds or a date; 0 for none and for an invalid one. */
export function parseRetryAfter(header: string | null, now: number): number {
  if (header === null) return 0;
  const seconds = /^\d{1,6}$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1_000) : 0;
}
