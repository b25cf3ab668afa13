import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inOrderOf, periodAt } from '../../../../lib/run/fleet/period.ts';

const HOUR_MS = 3_600_000;

describe('a period', () => {
  it('begins in UTC, a week on Monday', () => {
    const now = new Date('2026-11-27T11:27:01.000Z');
    for (const [everyMs, name] of [
      [600_000, '2026-11-27T11:20:00.000Z'],
      [HOUR_MS, '2026-11-27T11:00:00.000Z'],
      [6 * HOUR_MS, '2026-11-27T06:00:00.000Z'],
      [24 * HOUR_MS, '2026-11-27T00:00:00.000Z'],
      [7 * 24 * HOUR_MS, '2026-11-23T00:00:00.000Z'],
    ] as const) {
      assert.equal(periodAt(now, everyMs).name, name);
    }
    assert.equal(new Date('2026-11-23').getUTCDay(), 1);
  });

  it('has the same order at its start and its end, with each item once', () => {
    const items = Array.from({ length: 7 }, (_, index) => index);
    const [start, end] = ['2026-11-27T11:00:00.000Z', '2026-11-27T11:59:59.999Z'].map((time) =>
      inOrderOf(periodAt(new Date(time), HOUR_MS), items),
    );
    assert.deepEqual(start, end);
    assert.deepEqual([...(start ?? [])].sort(), items);
    assert.deepEqual(inOrderOf(periodAt(new Date(), HOUR_MS), []), []);
  });

  it('gives every item its turn within 3n periods when each period works through 1/n of the items', () => {
    for (const count of [1, 4, 7, 144, 2_000]) {
      const items = Array.from({ length: count }, (_, index) => index);
      for (const shares of [2, 4, 10]) {
        const share = Math.ceil(count / shares);
        const longest = Math.ceil(shares * 3);
        for (const first of [494_000, 494_007, 1]) {
          const seen = new Set<number>();
          for (let index = first; index < first + longest; index += 1)
            for (const item of inOrderOf({ name: '', index }, items).slice(0, share)) seen.add(item);
          assert.equal(seen.size, count, `${count} items, ${shares} shares from ${first}`);
        }
      }
    }
  });
});
