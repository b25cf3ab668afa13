import assert from 'node:assert/strict';
import test from 'node:test';
import { ConcurrencyLimit, QuotaMeter } from './quota.ts';

test('counts a strict sliding minute from the arrival of each request', () => {
  let now = 0;
  const meter = new QuotaMeter({ unitsPerMinute: 100 }, () => now);
  assert.equal(meter.charge('messages.batchModify'), 50);
  now = 30_000;
  assert.equal(meter.charge('messages.batchModify'), 50);
  now = 59_999;
  assert.equal(meter.charge('labels.list'), undefined);
  now = 60_000;
  assert.equal(meter.charge('messages.batchModify'), 50);
  assert.equal(meter.charge('labels.list'), undefined);
  now = 90_000;
  assert.equal(meter.charge('labels.list'), 1);
  assert.deepEqual([meter.refusals, meter.totalUnits, meter.maxUnitsInAnyMinute], [2, 151, 100]);
});

test('counts units over the limit when it does not enforce the limit', () => {
  const meter = new QuotaMeter({ unitsPerMinute: 60, enforce: false }, () => 0);
  meter.charge('messages.batchModify');
  meter.charge('messages.batchModify');
  assert.deepEqual([meter.refusals, meter.maxUnitsInAnyMinute], [0, 100]);
});

test('the profiles differ in their limit and in the costs of reading', () => {
  const current = new QuotaMeter();
  const legacy = new QuotaMeter({ profile: 'legacy' });
  assert.deepEqual([current.unitsPerMinute, legacy.unitsPerMinute], [6_000, 15_000]);
  assert.deepEqual([current.cost('messages.get'), legacy.cost('messages.get')], [20, 5]);
  assert.deepEqual([current.cost('messages.list'), legacy.cost('messages.list')], [5, 5]);
});

test('refuses more requests at once than the limit, and remembers the peak', () => {
  const concurrency = new ConcurrencyLimit(2);
  const [first, second, third] = [{}, {}, {}];
  assert.deepEqual(
    [first, second, third].map((request) => concurrency.enter(request)),
    [true, true, false],
  );
  concurrency.release(third);
  assert.equal(concurrency.enter(third), false);
  concurrency.release(first);
  assert.equal(concurrency.enter(third), true);
  assert.deepEqual([concurrency.peak, concurrency.refusals], [2, 2]);
});
