/** Takes a real minute; its name puts it in front, so that everything else is done meanwhile. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { apply, sandboxOf } from './fixtures/starring.ts';
import { assertEnded } from './run.ts';

it('the quota is never exceeded by a run of more than a minute, which takes no longer than it must', async () => {
  // The profile, the labels, eight pages and four batches: 242 units, and six for a last look, so one minute has to pass after the first 140.
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
