/** Takes a real minute. The name sorts first, so that all other tests run in the meantime. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ARCHIVE, apply, carrying, sandboxOf } from './fixtures/starring.ts';
import { assertEnded } from './run.ts';

describe('a run of more than a minute', { concurrency: 2 }, () => {
  it('stays within the quota, and waits no longer than the quota requires', async () => {
    // Profile, labels, eight pages and four batches take 242 units, a second search 6. After 140 units a minute must pass.
    await using sandbox = await sandboxOf(4_000, { quota: { unitsPerMinute: 150 } });
    const run = await apply(sandbox, { env: { GMAIL_QUOTA_PER_MINUTE: '150' } });
    const final = assertEnded(run, 0, { outcome: 'ok', changed: 4_000, retries: 0, quotaUnits: 248 });
    const { refusals, maxUnitsInAnyMinute } = sandbox.gmail.quota;
    assert.equal(refusals, 0);
    assert.ok(maxUnitsInAnyMinute > 100 && maxUnitsInAnyMinute <= 150, `${maxUnitsInAnyMinute} units in a minute`);
    assert.ok(
      Number(final.durationMs) > 59_000 && Number(final.durationMs) < 1.03 * 60_000 + 3_000,
      `${final.durationMs} ms`,
    );
  });

  it('does not change messages that became protected while they waited for quota', async () => {
    await using sandbox = await sandboxOf(2_500, { quota: { unitsPerMinute: 150 } });
    const ids = sandbox.mailbox.messages().map(({ id }) => id);
    // The newest messages are changed first; the last ones still wait for units then.
    const star = () => sandbox.mailbox.modify([...ids.slice(0, 2), ...ids.slice(-7)], ['STARRED'], []);
    sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', after: star });
    const rules = { protect: 'is:starred', undo: false, rules: [ARCHIVE] };
    const run = await apply(sandbox, { rules, env: { GMAIL_QUOTA_PER_MINUTE: '150' } });
    assertEnded(run, 0, { outcome: 'ok', matched: 2_500, changed: 2_493, skipped: 7, remaining: 0 });
    assert.equal(carrying(sandbox, 'INBOX'), 7);
    const looked = run.events.filter(({ event }) => event === 'protect.looked_up');
    assert.deepEqual(
      looked.map(({ units }) => units),
      [5],
    );
  });
});
