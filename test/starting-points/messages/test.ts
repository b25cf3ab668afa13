import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mailboxOf } from '../../fixtures/mailbox.ts';
import { assertEnded, runOwnJob } from '../../run.ts';
import { startSandbox } from '../../sandbox/index.ts';

/** A question and a notice of today. */
function mailbox() {
  const message = (subject: string, text: string) => ({
    subject,
    source: `From: ann@example.org\r\nSubject: ${subject}\r\n\r\n${text}\r\n`,
    at: new Date().toISOString(),
  });
  return mailboxOf([message('question', 'Could you call me tomorrow?'), message('notice', 'The office is closed.')]);
}

describe('the job', () => {
  it('stars the question, and reads no message twice', async () => {
    await using sandbox = await startSandbox({ mailbox: mailbox() });
    assertEnded(await runOwnJob(sandbox, ['messages']), 0);
    const starred = sandbox.mailbox.search('is:starred');
    assert.deepEqual(
      starred.map(({ subject }) => subject),
      ['question'],
    );
    assert.equal(sandbox.mailbox.search('label:Jobs/Read').length, 2);
    assertEnded(await runOwnJob(sandbox, ['messages']), 0, { outcome: 'nothing-to-do' });
  });

  it('reads nothing in a dry run', async () => {
    await using sandbox = await startSandbox({ mailbox: mailbox() });
    assertEnded(await runOwnJob(sandbox, ['messages', '--dry-run']), 0, { changed: 0, remaining: 2 });
    assert.equal(sandbox.mailbox.search('is:starred').length, 0);
  });
});
