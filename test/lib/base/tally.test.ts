import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Tally } from '../../../lib/base/tally.ts';

it('counts never add up to more than the matched items, and take whole numbers alone', () => {
  const tally = new Tally();
  tally.matched(5);
  tally.changed(2);
  tally.failed(1);
  assert.throws(() => tally.skipped(3), /^RangeError: tally: 3 items were counted, but only 2 of 5 remain$/);
  for (const count of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1' as unknown as number]) {
    assert.throws(() => tally.matched(count), /^RangeError: tally: \S+ is no number of items$/);
    assert.throws(() => tally.changed(count), /^RangeError: tally: \S+ is no number of items$/);
  }
  assert.deepEqual(tally.counts, { matched: 5, changed: 2, skipped: 0, failed: 1, remaining: 2 });
});
