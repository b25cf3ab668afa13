/** Runs of a job that gets messages: how they end, and what the last line says. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runHere, SentSignals } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded } from '../run.ts';
import { startSandbox } from '../sandbox/index.ts';

const start = () => startSandbox({ mailbox: mailboxOf(many(3, {})) });

const run = (sandbox: Parameters<typeof runHere>[0], args: readonly string[] = [], options = {}) =>
  runHere(sandbox, ['exporting', ...args], { jobs: 'fixtures', ...options });

it('exits 65 when a message failed, says where to look, and tries it again in the next run', async () => {
  await using sandbox = await start();
  const refusal = { error: { code: 400, message: 'Invalid', errors: [{ reason: 'invalidArgument' }] } };
  sandbox.faults.add({ verb: 'messages.get', skip: 1, status: 400, body: refusal });
  const first = await run(sandbox);
  const final = assertEnded(first, 65, { outcome: 'failed', changed: 2, failed: 1 });
  assert.equal(final.error, 'The job failed on 1 of 3 messages');
  assert.match(String(final.remedy), /message\.failed/);
  assertEnded(await run(sandbox), 0, { outcome: 'ok', changed: 1 });
  assertEnded(await run(sandbox), 0, { outcome: 'nothing-to-do' });
});

it('exits 0 after a dry run, with the messages and units that a run would take', async () => {
  await using sandbox = await start();
  const dry = await run(sandbox, ['--dry-run']);
  assertEnded(dry, 0, { outcome: 'ok', matched: 3, changed: 0, remaining: 3 });
  assert.deepEqual(
    dry.events.filter(({ event }) => event === 'export.read'),
    [],
  );
  const planned = dry.events.find(({ event }) => event === 'message.planned');
  assert.deepEqual([planned?.messages, planned?.units], [3, 3 * 25 + 5]);
});

it('exits 143 after SIGTERM, when the message under way is marked, and goes on in the next run', async () => {
  await using sandbox = await start();
  const signals = new SentSignals();
  sandbox.faults.add({ kind: 'hook', verb: 'messages.modify', before: () => signals.send('SIGTERM') });
  assertEnded(await run(sandbox, [], { signals }), 143, { outcome: 'interrupted', changed: 1, remaining: 2 });
  assertEnded(await run(sandbox), 0, { outcome: 'ok', changed: 2 });
});
