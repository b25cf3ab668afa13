import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere } from '../../fixtures/front-door.ts';
import { type MadeCopy, makeCopy, messagesIn } from '../../fixtures/made-copy.ts';
import { mailboxOf, type PlainMessage } from '../../fixtures/mailbox.ts';
import { writesAmong } from '../../fixtures/starring.ts';
import { assertEnded } from '../../run.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

const MESSAGES: readonly PlainMessage[] = [
  { subject: 'new', labels: ['INBOX', 'UNREAD', 'Work/A'], at: '2026-01-05T10:00:00Z' },
  {
    subject: 'starred',
    labels: ['STARRED', 'IMPORTANT', 'Work'],
    at: '2026-01-04T10:00:00Z',
    from: 'Ann <ann@example.net>',
  },
  { subject: 'sent', labels: ['SENT'], at: '2026-01-03T10:00:00Z' },
  { subject: 'spam', labels: ['SPAM', 'UNREAD'], at: '2026-01-02T10:00:00Z' },
  { subject: 'trash', labels: ['TRASH'], at: '2026-01-01T10:00:00Z' },
];

/** A sandbox, its copy, and the messages before anything was deleted. */
async function withCopy(messages: readonly PlainMessage[] = MESSAGES, searchLagMs = 0) {
  const sandbox = await startSandbox({ mailbox: mailboxOf(messages, { searchLagMs }) });
  const copy = await makeCopy(sandbox.mailbox);
  return {
    sandbox,
    copy,
    before: messagesIn(sandbox.mailbox),
    run: (args: readonly string[] = ['--yes'], options = {}) => restore(sandbox, copy, args, options),
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      await copy[Symbol.asyncDispose]();
    },
  };
}

function restore(sandbox: Sandbox, copy: MadeCopy, args: readonly string[], options = {}) {
  return runHere(sandbox, ['restore', ...args], { env: { EXPORT_URL: copy.folder }, ...options });
}

const everything = (sandbox: Sandbox) => sandbox.mailbox.messages().map(({ id }) => id);

describe('job restore', () => {
  it('puts deleted messages back with their labels, dates and read state, and a second run changes nothing', async () => {
    await using box = await withCopy();
    box.sandbox.mailbox.delete(everything(box.sandbox));
    const first = await box.run();
    assertEnded(first, 0, { outcome: 'ok', matched: 5, changed: 5, skipped: 0 });
    assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
    box.sandbox.requests.length = 0;
    assertEnded(await box.run(), 0, { outcome: 'nothing-to-do', matched: 5, changed: 0, skipped: 5 });
    assert.deepEqual(writesAmong(box.sandbox.requests), []);
    assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
  });
});
