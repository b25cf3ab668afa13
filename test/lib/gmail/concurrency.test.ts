import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConcurrencyLimiter } from '../../../lib/gmail/concurrency.ts';

const never = new AbortController().signal;

/** Enters as often as there is room, and `extra` times more; those wait. */
async function crowd(limiter: ConcurrencyLimiter, extra = 0) {
  const entered: number[] = [];
  const waiting: Promise<unknown>[] = [];
  for (let misses = 0; misses <= extra; ) {
    const before = entered.length;
    waiting.push(limiter.acquire(never).then((places) => entered.push(places)));
    await new Promise(setImmediate);
    if (entered.length === before) misses += 1;
  }
  return entered;
}

/** How many fit in at once; the gate is empty before and afterwards. */
async function placesOf(limiter: ConcurrencyLimiter): Promise<number> {
  const entered = await crowd(limiter);
  const places = entered.length;
  for (let n = 0; n < places; n += 1) limiter.release();
  await new Promise(setImmediate);
  limiter.release();
  return places;
}

describe('ConcurrencyLimiter', () => {
  it('lets four in at the beginning', async () => {
    assert.equal(await placesOf(new ConcurrencyLimiter()), 4);
  });

  it('opens by one after a row of good answers, up to eight', async () => {
    const limiter = new ConcurrencyLimiter();
    for (const [answers, places] of [
      [15, 4],
      [1, 5],
      [20, 6],
      [24, 7],
      [28, 8],
      [500, 8],
    ] as const) {
      for (let n = 0; n < answers; n += 1) limiter.succeeded();
      assert.equal(await placesOf(limiter), places);
    }
  });

  it('narrows to half when there are too many, down to one', async () => {
    const limiter = new ConcurrencyLimiter();
    for (const [before, after] of [
      [4, 2],
      [2, 1],
      [1, 1],
    ] as const) {
      limiter.refused(before);
      assert.equal(await placesOf(limiter), after);
    }
  });

  it('narrows once for requests that were refused together', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 4; n += 1) limiter.refused(4);
    assert.equal(await placesOf(limiter), 2);
  });

  it('starts the row of good answers anew after a refusal', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 15; n += 1) limiter.succeeded();
    limiter.refused(4);
    for (let n = 0; n < 7; n += 1) limiter.succeeded();
    assert.equal(await placesOf(limiter), 2);
    limiter.succeeded();
    assert.equal(await placesOf(limiter), 3);
  });

  it('admits those who wait in their order, one for each who leaves', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 4; n += 1) await limiter.acquire(never);
    const admitted: number[] = [];
    for (let n = 0; n < 3; n += 1) void limiter.acquire(never).then(() => admitted.push(n));
    limiter.release();
    await new Promise(setImmediate);
    assert.deepEqual(admitted, [0]);
    limiter.release();
    limiter.release();
    await new Promise(setImmediate);
    assert.deepEqual(admitted, [0, 1, 2]);
  });

  it('admits one who waits when it opens', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 4; n += 1) await limiter.acquire(never);
    const waiting = limiter.acquire(never);
    for (let n = 0; n < 16; n += 1) limiter.succeeded();
    assert.equal(await waiting, 5);
  });

  it('admits nobody for one who leaves while more are inside than it has places', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 4; n += 1) await limiter.acquire(never);
    limiter.refused(4);
    let admitted = false;
    void limiter.acquire(never).then(() => {
      admitted = true;
    });
    limiter.release();
    limiter.release();
    await new Promise(setImmediate);
    assert.equal(admitted, false);
    limiter.release();
    await new Promise(setImmediate);
    assert.equal(admitted, true);
  });

  it('rejects with the reason of the signal one who gives up while waiting, and loses no place by it', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 4; n += 1) await limiter.acquire(never);
    const stop = new AbortController();
    const given = limiter.acquire(stop.signal);
    const next = limiter.acquire(never);
    stop.abort(new Error('stopped'));
    await assert.rejects(given, /stopped/);
    limiter.release();
    assert.equal(await next, 4);
  });

  it('loses no place when one gives up in the moment of being admitted', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 4; n += 1) await limiter.acquire(never);
    const stop = new AbortController();
    const given = limiter.acquire(stop.signal);
    const next = limiter.acquire(never);
    limiter.release();
    stop.abort(new Error('stopped'));
    await assert.rejects(given, /stopped/);
    assert.equal(await next, 4);
    for (let n = 0; n < 4; n += 1) limiter.release();
    assert.equal(await placesOf(limiter), 4);
  });

  it('rejects at once when the signal was aborted before', async () => {
    const limiter = new ConcurrencyLimiter();
    await assert.rejects(limiter.acquire(AbortSignal.abort(new Error('stopped'))), /stopped/);
    assert.equal(await placesOf(limiter), 4);
  });
});
