import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConcurrencyGate } from '../../../lib/gmail/gate.ts';

const never = new AbortController().signal;

/** Enters as often as there is room, and `extra` times more; those wait. */
async function crowd(gate: ConcurrencyGate, extra = 0) {
  const entered: number[] = [];
  const waiting: Promise<unknown>[] = [];
  for (let misses = 0; misses <= extra; ) {
    const before = entered.length;
    waiting.push(gate.enter(never).then((places) => entered.push(places)));
    await new Promise(setImmediate);
    if (entered.length === before) misses += 1;
  }
  return entered;
}

/** How many fit in at once; the gate is empty before and afterwards. */
async function placesOf(gate: ConcurrencyGate): Promise<number> {
  const entered = await crowd(gate);
  const places = entered.length;
  for (let n = 0; n < places; n += 1) gate.leave();
  await new Promise(setImmediate);
  gate.leave();
  return places;
}

describe('ConcurrencyGate', () => {
  it('lets four in at the beginning', async () => {
    assert.equal(await placesOf(new ConcurrencyGate()), 4);
  });

  it('opens by one after a row of good answers, up to eight', async () => {
    const gate = new ConcurrencyGate();
    for (const [answers, places] of [
      [15, 4],
      [1, 5],
      [20, 6],
      [24, 7],
      [28, 8],
      [500, 8],
    ] as const) {
      for (let n = 0; n < answers; n += 1) gate.good();
      assert.equal(await placesOf(gate), places);
    }
  });

  it('narrows to half when there are too many, down to one', async () => {
    const gate = new ConcurrencyGate();
    for (const [before, after] of [
      [4, 2],
      [2, 1],
      [1, 1],
    ] as const) {
      gate.tooMany(before);
      assert.equal(await placesOf(gate), after);
    }
  });

  it('narrows once for requests that were refused together', async () => {
    const gate = new ConcurrencyGate();
    for (let n = 0; n < 4; n += 1) gate.tooMany(4);
    assert.equal(await placesOf(gate), 2);
  });

  it('starts the row of good answers anew after a refusal', async () => {
    const gate = new ConcurrencyGate();
    for (let n = 0; n < 15; n += 1) gate.good();
    gate.tooMany(4);
    for (let n = 0; n < 7; n += 1) gate.good();
    assert.equal(await placesOf(gate), 2);
    gate.good();
    assert.equal(await placesOf(gate), 3);
  });

  it('admits those who wait in their order, one for each who leaves', async () => {
    const gate = new ConcurrencyGate();
    for (let n = 0; n < 4; n += 1) await gate.enter(never);
    const admitted: number[] = [];
    for (let n = 0; n < 3; n += 1) void gate.enter(never).then(() => admitted.push(n));
    gate.leave();
    await new Promise(setImmediate);
    assert.deepEqual(admitted, [0]);
    gate.leave();
    gate.leave();
    await new Promise(setImmediate);
    assert.deepEqual(admitted, [0, 1, 2]);
  });

  it('admits one who waits when it opens', async () => {
    const gate = new ConcurrencyGate();
    for (let n = 0; n < 4; n += 1) await gate.enter(never);
    const waiting = gate.enter(never);
    for (let n = 0; n < 16; n += 1) gate.good();
    assert.equal(await waiting, 5);
  });

  it('admits nobody for one who leaves while more are inside than it has places', async () => {
    const gate = new ConcurrencyGate();
    for (let n = 0; n < 4; n += 1) await gate.enter(never);
    gate.tooMany(4);
    let admitted = false;
    void gate.enter(never).then(() => {
      admitted = true;
    });
    gate.leave();
    gate.leave();
    await new Promise(setImmediate);
    assert.equal(admitted, false);
    gate.leave();
    await new Promise(setImmediate);
    assert.equal(admitted, true);
  });

  it('rejects with the reason of the signal one who gives up while waiting, and loses no place by it', async () => {
    const gate = new ConcurrencyGate();
    for (let n = 0; n < 4; n += 1) await gate.enter(never);
    const stop = new AbortController();
    const given = gate.enter(stop.signal);
    const next = gate.enter(never);
    stop.abort(new Error('stopped'));
    await assert.rejects(given, /stopped/);
    gate.leave();
    assert.equal(await next, 4);
  });

  it('loses no place when one gives up in the moment of being admitted', async () => {
    const gate = new ConcurrencyGate();
    for (let n = 0; n < 4; n += 1) await gate.enter(never);
    const stop = new AbortController();
    const given = gate.enter(stop.signal);
    const next = gate.enter(never);
    gate.leave();
    stop.abort(new Error('stopped'));
    await assert.rejects(given, /stopped/);
    assert.equal(await next, 4);
    for (let n = 0; n < 4; n += 1) gate.leave();
    assert.equal(await placesOf(gate), 4);
  });

  it('rejects at once when the signal was aborted before', async () => {
    const gate = new ConcurrencyGate();
    await assert.rejects(gate.enter(AbortSignal.abort(new Error('stopped'))), /stopped/);
    assert.equal(await placesOf(gate), 4);
  });
});
