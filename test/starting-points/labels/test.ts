import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mailboxOf } from '../../fixtures/mailbox.ts';
import { assertEnded, runOwnJob } from '../../run.ts';
import { startSandbox } from '../../sandbox/index.ts';

const DAY_MS = 86_400_000;

/** The newsletters of three days. */
function mailbox() {
  const newsletter = (days: number) => ({
    subject: `${days} days ago`,
    labels: ['INBOX', 'CATEGORY_PROMOTIONS'],
    at: new Date(Date.now() - days * DAY_MS).toISOString(),
  });
  return mailboxOf([newsletter(1), newsletter(10), newsletter(40)]);
}

describe('the job', () => {
  it('archives old newsletters under a label, and finds nothing in a second run', async () => {
    await using sandbox = await startSandbox({ mailbox: mailbox() });
    assertEnded(await runOwnJob(sandbox, ['labels', '--days', '7']), 0, { changed: 2 });
    const archived = sandbox.mailbox.search('label:Auto/Newsletters -in:inbox');
    assert.deepEqual(
      archived.map(({ subject }) => subject),
      ['10 days ago', '40 days ago'],
    );
    assertEnded(await runOwnJob(sandbox, ['labels', '--days', '7']), 0, { outcome: 'nothing-to-do' });
  });

  it('changes nothing in a dry run', async () => {
    await using sandbox = await startSandbox({ mailbox: mailbox() });
    assertEnded(await runOwnJob(sandbox, ['labels', '--dry-run']), 0, { changed: 0, remaining: 1 });
    assert.equal(sandbox.mailbox.search('in:inbox').length, 3);
  });
});
