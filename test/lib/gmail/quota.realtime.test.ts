import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../lib/clock.ts';
import { QuotaWindow } from '../../../lib/gmail/quota.ts';
import { QuotaMeter } from '../../sandbox/gmail/quota.ts';

it('spends more than a minute of quota in real time as fast as a strict server allows, and is never refused', async () => {
  const unitsPerMinute = 1_000;
  const server = new QuotaMeter({ unitsPerMinute });
  const window = new QuotaWindow({ unitsPerMinute, clock: systemClock, onWait: () => undefined });
  const signal = new AbortController().signal;
  const startedAt = performance.now();
  const finishedAt: number[] = [];

  const request = async (latencyMs: number) => {
    const lease = await window.take(50, signal);
    // Some are counted when they arrive, others when they are answered.
    if (latencyMs % 2 === 0) await delay(latencyMs);
    const units = server.charge('messages.batchModify');
    if (latencyMs % 2 === 1) await delay(latencyMs);
    lease.done();
    assert.equal(units, 50, 'the server refused a request');
    finishedAt.push(performance.now() - startedAt);
  };
  await Promise.all(Array.from({ length: 30 }, (_, index) => request(20 + index * 7)));

  const finished = finishedAt.sort((a, b) => a - b);
  assert.ok((finished[19] ?? 0) < 1_000, 'what fits into the first minute goes at once');
  assert.ok((finished[29] ?? 0) <= 1.03 * 60_000 + 500, `took ${finished[29]} ms`);
  assert.equal(server.refusals, 0);
  assert.equal(server.maxUnitsInAnyMinute, 1_000);
});
