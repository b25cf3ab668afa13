import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { estimateDurationMs, type PacedWork } from '../../../lib/gmail/pace.ts';
import { QuotaWindow } from '../../../lib/gmail/quota.ts';
import { VirtualClock } from '../../virtual-clock.ts';

const never = new AbortController().signal;

/** Plays the work against the real quota window, `usedInWindow` being spent just before; returns its duration in ms. */
async function play({ units, requests, unitsPerMinute, usedInWindow, requestMs, atOnce }: PacedWork): Promise<number> {
  const clock = new VirtualClock();
  const quota = new QuotaWindow({ unitsPerMinute, clock, onWait: () => undefined });
  if (usedInWindow > 0) (await quota.take(usedInWindow, never)).done();
  let next = 0;
  const send = async () => {
    while (next < requests) {
      next += 1;
      const lease = await quota.take(units / requests, never);
      await clock.sleep(requestMs, never);
      lease.done();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, send));
  return clock.now();
}

const LOAD: PacedWork = {
  units: 65_000,
  requests: 1_300,
  unitsPerMinute: 6_000,
  usedInWindow: 0,
  requestMs: 400,
  atOnce: 6,
};

describe('the estimated duration', () => {
  const loads: Readonly<Record<string, PacedWork>> = {
    'changes at the quota': LOAD,
    'changes after a search': { ...LOAD, usedInWindow: 2_000 },
    'changes with the larger quota': { ...LOAD, unitsPerMinute: 15_000 },
    'changes that are slower than the quota': { ...LOAD, requestMs: 4_000 },
    'changes that need no pause': { ...LOAD, units: 5_000, requests: 100 },
    'reading one by one': { ...LOAD, units: 40_000, requests: 2_000, requestMs: 120 },
    'a limit that requests do not fill': { ...LOAD, units: 2_400, requests: 120, unitsPerMinute: 250 },
  };
  for (const [name, load] of Object.entries(loads)) {
    it(`is within 5% of the quota window's: ${name}`, async () => {
      const real = await play(load);
      const estimate = estimateDurationMs(load);
      assert.ok(Math.abs(estimate - real) <= real * 0.05, `${estimate} for ${real}`);
    });
  }

  it('is 0 without requests', () => {
    assert.equal(estimateDurationMs({ ...LOAD, units: 0, requests: 0 }), 0);
  });
});
