import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RetryPolicy, retry } from '../../../lib/base/retry.ts';

type Kind = 'away' | 'busy' | 'quota' | 'unrepeatable';
type Answer = 'ok' | { readonly kind: Kind; readonly retryAfterMs?: number };

const AWAY: RetryPolicy = { pausesMs: [100, 200], fixedShare: 0, longestRetryAfterMs: 5_000 };
const POLICIES: Readonly<Record<Kind, RetryPolicy>> = {
  away: AWAY,
  busy: AWAY,
  quota: { pausesMs: [1_000, 1_000], fixedShare: 0.5 },
  unrepeatable: { pausesMs: [], fixedShare: 0 },
};

/** The end of a request that gets these answers, and the pauses before it. */
async function outcomeOf(answers: readonly Answer[], random = 1) {
  const pauses: number[] = [];
  const rest = [...answers];
  const end = await retry<string, { readonly kind: Kind; readonly retryAfterMs?: number }>({
    send: async () => {
      const answer = rest.shift() ?? 'ok';
      return answer === 'ok' ? { value: 'ok' } : answer;
    },
    policies: POLICIES,
    random: () => random,
    wait: async (pauseMs) => {
      pauses.push(pauseMs);
    },
    failure: ({ kind }, attempts) => new Error(`${kind} ${attempts}`),
  }).catch(({ message }) => message);
  return { end, pauses };
}

describe('retry', () => {
  it('returns the value at once, or after the pauses of the policy', async () => {
    assert.deepEqual(await outcomeOf([]), { end: 'ok', pauses: [] });
    const { end, pauses } = await outcomeOf([{ kind: 'away' }, { kind: 'away' }]);
    assert.deepEqual({ end, pauses }, { end: 'ok', pauses: [100, 200] });
  });

  it('throws the error for the answer after the last pause', async () => {
    const away = { kind: 'away' } as const;
    assert.deepEqual(await outcomeOf([away, away, away]), { end: 'away 3', pauses: [100, 200] });
    assert.deepEqual(await outcomeOf([{ kind: 'unrepeatable' }]), { end: 'unrepeatable 1', pauses: [] });
  });

  it('counts kinds apart, unless they share a policy', async () => {
    const mixed = [{ kind: 'away' }, { kind: 'quota' }, { kind: 'busy' }, { kind: 'quota' }, { kind: 'busy' }] as const;
    assert.deepEqual(await outcomeOf(mixed), { end: 'busy 3', pauses: [100, 1_000, 200, 1_000] });
  });

  it('multiplies the part of a pause above the floor by a random number', async () => {
    assert.deepEqual((await outcomeOf([{ kind: 'away' }, { kind: 'quota' }], 0)).pauses, [0, 500]);
    assert.deepEqual((await outcomeOf([{ kind: 'away' }, { kind: 'quota' }], 0.5)).pauses, [50, 750]);
  });

  it('waits as long as Retry-After when that is longer than the pause, and ends when it is too long', async () => {
    assert.deepEqual((await outcomeOf([{ kind: 'away', retryAfterMs: 5_000 }])).pauses, [5_000]);
    assert.deepEqual((await outcomeOf([{ kind: 'away', retryAfterMs: 20 }])).pauses, [100]);
    assert.deepEqual(await outcomeOf([{ kind: 'away', retryAfterMs: 5_001 }]), { end: 'away 1', pauses: [] });
  });
});
