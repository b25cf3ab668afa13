import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Slots } from '../../../../lib/run/fleet/slots.ts';

const MINUTE_MS = 60_000;
const never = new AbortController().signal;

describe('the slots of a fleet', () => {
  function open(atOnce: number) {
    let nowMs = 0;
    const slots = new Slots({ atOnce, now: () => nowMs });
    return {
      slots,
      elapse(ms: number) {
        nowMs += ms;
        slots.recheck();
      },
    };
  }

  it('are free again when a mailbox has ended', async () => {
    const { slots } = open(2);
    const [first] = [await slots.acquire(never), await slots.acquire(never)];
    assert.equal(slots.free > 0, false);
    const next = slots.acquire(never);
    first.release();
    await next;
    assert.equal(slots.free > 0, false);
  });

  it('do not count a mailbox that sent no request for a minute, until it sends one', async () => {
    const { slots, elapse } = open(2);
    const [hanging, working] = [await slots.acquire(never), await slots.acquire(never)];
    elapse(MINUTE_MS - 1);
    working.beat();
    assert.equal(slots.free > 0, false);
    const next = slots.acquire(never);
    elapse(1);
    await next;
    assert.equal(slots.free > 0, false);
    working.release();
    assert.equal(slots.free > 0, true);
    hanging.beat();
    assert.equal(slots.free > 0, false);
  });

  it('open at most four times as many mailboxes, however many hang', async () => {
    const { slots, elapse } = open(3);
    for (let opened = 0; opened < 12; opened += 1) {
      assert.equal(slots.free > 0, true, `${opened}`);
      (await slots.acquire(never)).beat();
      if (opened % 3 === 2) elapse(MINUTE_MS);
    }
    assert.equal(slots.free > 0, false);
  });

  it('end the wait when the fleet is stopped', async () => {
    const { slots } = open(1);
    const slot = await slots.acquire(never);
    const stop = new AbortController();
    const waiting = slots.acquire(stop.signal);
    stop.abort(new Error('stopped'));
    await assert.rejects(waiting, /stopped/);
    slot.release();
    slot.beat();
    assert.equal(slots.free > 0, true);
    await assert.rejects(slots.acquire(stop.signal), /stopped/);
  });
});
