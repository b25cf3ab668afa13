/** Kills `job restore` at each of its requests to Gmail, before and after the effect; the next run restores the rest. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeCopy, messagesIn } from '../fixtures/copy-of-mailbox.ts';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf } from '../fixtures/mailbox.ts';
import { assertEnded, ChildHandle, runJob } from '../run.ts';
import { startSandbox } from '../sandbox/index.ts';

/** Searches show nothing new in the time of a test. */
const LAG_MS = 3_600_000;

/** The requests of a run: two profiles, list, labels, search, a label, three imports. */
const REQUESTS = 9;

describe('job restore, killed', { concurrency: 2 }, () => {
  const moments = [
    ...Array.from({ length: REQUESTS }, (_, skip) => ({ skip, when: 'before' as const })),
    // After the effect of the requests that change something.
    ...[5, 6, 7, 8].map((skip) => ({ skip, when: 'after' as const })),
  ];
  for (const { skip, when } of moments) {
    it(`${when} the effect of request ${skip + 1}: the next run restores each message once`, async () => {
      const messages = ['one', 'two', 'three'].map((subject) => ({ subject, labels: ['INBOX', 'Work'] }));
      await using sandbox = await startSandbox({ mailbox: mailboxOf(messages, { searchLagMs: LAG_MS }) });
      await using copy = await makeCopy(sandbox.mailbox);
      const before = messagesIn(sandbox.mailbox);
      const { mailbox } = sandbox;
      mailbox.delete(mailbox.messages().map(({ id }) => id));
      mailbox.deleteLabel(mailbox.findLabel('Work')?.id ?? '');
      const child = new ChildHandle();
      const kill = () => {
        child.kill('SIGKILL');
        return 'drop';
      };
      const met = sandbox.faults.add({ service: 'gmail', kind: 'hook', skip, [when]: kill });
      const env = { EXPORT_URL: copy.folder };
      const killed = await runJob(sandbox, ['restore', '--yes'], { env, unlocked: true, onStart: child.onStart });
      assert.equal(killed.code, 137, killed.stdout);
      assert.equal(met.hits, 1);
      const there = mailbox.messages().length;
      const next = await runHere(sandbox, ['restore', '--yes'], { env });
      assertEnded(next, 0, { matched: 3, changed: 3 - there, skipped: there });
      assert.deepEqual(messagesIn(mailbox), before);
      const last = await runHere(sandbox, ['restore', '--yes'], { env });
      assertEnded(last, 0, { outcome: 'nothing-to-do', skipped: 3 });
    });
  }
});
