import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConcurrencyLimiter } from '../../../lib/gmail/concurrency.ts';

const never = new AbortController().signal;

/** Acquires until no more is allowed, and `extra` times more, which wait. */
async function fill(limiter: ConcurrencyLimiter, extra = 0) {
  const acquired: number[] = [];
  const waiting: Promise<unknown>[] = [];
  for (let misses = 0; misses <= extra; ) {
    const before = acquired.length;
    waiting.push(limiter.acquire(never).then((allowed) => acquired.push(allowed)));
    await new Promise(setImmediate);
    if (acquired.length === before) misses += 1;
  }
  return acquired;
}

/** How many requests are allowed at once; none is under way before and afterwards. */
async function limitOf(limiter: ConcurrencyLimiter): Promise<number> {
  const acquired = await fill(limiter);
  const allowed = acquired.length;
  for (let n = 0; n < allowed; n += 1) limiter.release();
  await new Promise(setImmediate);
  limiter.release();
  return allowed;
}

describe('ConcurrencyLimiter', () => {
  it('allows four requests at first', async () => {
    assert.equal(await limitOf(new ConcurrencyLimiter()), 4);
  });

  it('allows one more after a row of successes, up to eight', async () => {
    const limiter = new ConcurrencyLimiter();
    for (const [successes, allowed] of [
      [15, 4],
      [1, 5],
      [20, 6],
      [24, 7],
      [28, 8],
      [500, 8],
    ] as const) {
      for (let n = 0; n < successes; n += 1) limiter.succeeded();
      assert.equal(await limitOf(limiter), allowed);
    }
  });

  it('halves its limit after a refusal, down to one', async () => {
    const limiter = new ConcurrencyLimiter();
    for (const [before, after] of [
      [4, 2],
      [2, 1],
      [1, 1],
    ] as const) {
      limiter.refused(before);
      assert.equal(await limitOf(limiter), after);
    }
  });

  it('halves its limit once for requests that were refused together', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 4; n += 1) limiter.refused(4);
    assert.equal(await limitOf(limiter), 2);
  });

  it('counts successes anew after a refusal', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 15; n += 1) limiter.succeeded();
    limiter.refused(4);
    for (let n = 0; n < 7; n += 1) limiter.succeeded();
    assert.equal(await limitOf(limiter), 2);
    limiter.succeeded();
    assert.equal(await limitOf(limiter), 3);
  });

  it('admits waiting requests in order, one for each that ends', async () => {
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

  it('admits a waiting request when the limit grows', async () => {
    const limiter = new ConcurrencyLimiter();
    for (let n = 0; n < 4; n += 1) await limiter.acquire(never);
    const waiting = limiter.acquire(never);
    for (let n = 0; n < 16; n += 1) limiter.succeeded();
    assert.equal(await waiting, 5);
  });

  it('admits no request while more are under way than the limit allows', async () => {
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

  it('rejects a waiting request with the reason of its signal, and keeps its limit', async () => {
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

  it('keeps its limit when a request is aborted at the moment of its admission', async () => {
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
    assert.equal(await limitOf(limiter), 4);
  });

  it('rejects a request whose signal is already aborted', async () => {
    const limiter = new ConcurrencyLimiter();
    await assert.rejects(limiter.acquire(AbortSignal.abort(new Error('stopped'))), /stopped/);
    assert.equal(await limitOf(limiter), 4);
  });
});
