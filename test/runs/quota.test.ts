/** Runs within Gmail's limits, which the stand-in counts: units in any 60 seconds, and requests at once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apply, sandboxOf } from '../fixtures/starring.ts';
import { assertEnded } from '../run.ts';
import { googleErrors } from '../sandbox/index.ts';

describe('the quota', { concurrency: 4 }, () => {
  it('does not delay a run that fits into it', async () => {
    // The profile, the labels twice, six pages, three batches and one more search: 188 units.
    await using sandbox = await sandboxOf(3_000, { quota: { unitsPerMinute: 188 } });
    const run = await apply(sandbox, { env: { GMAIL_QUOTA_PER_MINUTE: '188' } });
    const final = assertEnded(run, 0, { outcome: 'ok', changed: 3_000, retries: 0, quotaUnits: 188 });
    assert.equal(sandbox.gmail.quota.refusals, 0);
    assert.equal(sandbox.gmail.quota.maxUnitsInAnyMinute, 188);
    assert.ok(Number(final.durationMs) < 10_000);
    assert.doesNotMatch(run.stdout, /quota\.wait/);
  });

  it('is not exceeded by a run, which ends at its budget instead', async () => {
    await using sandbox = await sandboxOf(3_000, { quota: { unitsPerMinute: 120 } });
    const run = await apply(sandbox, { env: { GMAIL_QUOTA_PER_MINUTE: '120' } }, ['--budget', '5s']);
    assertEnded(run, 0, { outcome: 'partial', matched: 3_000, changed: 1_000, remaining: 2_000, retries: 0 });
    assert.equal(sandbox.gmail.quota.refusals, 0);
    assert.ok(sandbox.gmail.quota.maxUnitsInAnyMinute <= 120);
    assert.match(run.stdout, /"event":"quota.wait"/);
  });

  for (const refuseWith of [429, 403] as const) {
    it(`that another program spends makes the run wait for the Retry-After of a ${refuseWith}`, async () => {
      await using sandbox = await sandboxOf(3);
      const refusal = refuseWith === 429 ? googleErrors.quota429() : googleErrors.quota403();
      sandbox.faults.add({ verb: 'messages.batchModify', ...refusal, headers: { 'retry-after': '2' } });
      assertEnded(await apply(sandbox), 0, { outcome: 'ok', changed: 3, retries: 1 });
      const [first, second] = sandbox.requests.filter(({ verb }) => verb === 'messages.batchModify');
      assert.ok(Number(second?.startedAt) - Number(first?.finishedAt) >= 1_990, 'Retry-After was not honoured');
    });
  }

  it('is separate from the limit on simultaneous requests: when Gmail allows two, few are refused', async () => {
    await using sandbox = await sandboxOf(5_000, { maxConcurrent: 2, latencyMs: 20 });
    assertEnded(await apply(sandbox), 0, { outcome: 'ok', changed: 5_000, failed: 0 });
    assert.ok(sandbox.gmail.concurrency.refusals <= 8, `${sandbox.gmail.concurrency.refusals} refusals`);
    assert.ok(sandbox.gmail.concurrency.peak <= 2);
  });
});
