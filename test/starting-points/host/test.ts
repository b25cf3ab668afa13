import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mailboxOf } from '../../fixtures/mailbox.ts';
import { assertEnded, runOwnJob } from '../../run.ts';
import { startSandbox } from '../../sandbox/index.ts';

const TOKEN = 'the token of the host';

/** Two invoices of today, a host that wants the token, and the token in the secret. */
async function start() {
  const at = new Date().toISOString();
  const sandbox = await startSandbox({
    mailbox: mailboxOf([
      { subject: 'Invoice 1', at },
      { subject: 'Invoice 2', at },
    ]),
  });
  sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, WEBHOOK_TOKEN: TOKEN });
  sandbox.receiver.token = TOKEN;
  return sandbox;
}

describe('the job', () => {
  it('posts each invoice once', async () => {
    await using sandbox = await start();
    const args = ['host', '--to', sandbox.receiverUrl];
    assertEnded(await runOwnJob(sandbox, args), 0, { changed: 2 });
    assertEnded(await runOwnJob(sandbox, args), 0, { outcome: 'nothing-to-do' });
    const delivered = [...sandbox.receiver.deliveries.values()];
    assert.deepEqual(delivered.map(({ body }) => (body as { subject: string }).subject).sort(), [
      'Invoice 1',
      'Invoice 2',
    ]);
  });

  it('posts nothing in a dry run', async () => {
    await using sandbox = await start();
    assertEnded(await runOwnJob(sandbox, ['host', '--to', sandbox.receiverUrl, '--dry-run']), 0, { remaining: 2 });
    assert.equal(sandbox.receiver.deliveries.size, 0);
  });

  it('says in one line that its address is no host', async () => {
    await using sandbox = await start();
    const { error } = assertEnded(await runOwnJob(sandbox, ['host', '--to', 'not a host']), 78);
    assert.match(String(error), /"not a host" is no host name/);
  });
});
