/** A backfill may be killed at any instant: the same command finishes it, and `job undo` restores its changes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { changesSent, mailboxOfYears, RULES, stateOf } from '../fixtures/years.ts';
import { assertEnded, ChildHandle, runJob } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

const COMMAND = ['apply-rules', '--from=2015-01-01', '--window=year', '--yes'];

const start = () => startSandbox({ mailbox: mailboxOfYears() });

const hasJournal = ({ requests }: Sandbox) =>
  requests.some(({ verb, status }) => verb === 'messages.insert' && status === 200);

async function undisturbed() {
  await using sandbox = await start();
  const before = stateOf(sandbox);
  assertEnded(await runHere(sandbox, COMMAND, { rules: RULES }), 0, { outcome: 'ok' });
  return { before, after: stateOf(sandbox), requests: sandbox.requests.map(({ verb }) => verb) };
}

/** Kills a backfill at this request; returns its run id and how many of its changes were made. */
async function killedAt(
  sandbox: Sandbox,
  when: 'before' | 'after',
  skip: number,
): Promise<{ runId: string; changes: number }> {
  const child = new ChildHandle();
  const kill = () => {
    child.kill('SIGKILL');
    return 'drop';
  };
  const met = sandbox.faults.add({ kind: 'hook', service: 'gmail', skip, [when]: kill });
  const run = await runJob(sandbox, COMMAND, { rules: RULES, onStart: child.onStart });
  assert.deepEqual([run.code, met.hits], [137, 1]);
  const runId = String(run.events.find(({ event }) => event === 'run.started')?.runId);
  return { runId, changes: changesSent(sandbox).length };
}

const expected = await undisturbed();
const gmail = expected.requests.filter((verb) => /^(messages|labels|users)\./.test(verb));
const firstOf = (verb: string) => gmail.indexOf(verb);

describe('a backfill that is killed', { concurrency: 1 }, () => {
  const points = [
    // Labels were created, and no message changed.
    ['before', 'messages.insert', firstOf('messages.insert')],
    ['after', 'messages.insert', firstOf('messages.insert')],
    ['after', 'messages.batchModify', firstOf('messages.batchModify')],
    ['after', 'the last messages.batchModify', gmail.lastIndexOf('messages.batchModify')],
  ] as const;
  for (const [when, name, skip] of points) {
    it(`${when} ${name} has its journal before its first change, is taken back by undo, and finished by its command`, async () => {
      await using sandbox = await start();
      const { runId, changes } = await killedAt(sandbox, when, skip);
      const left = stateOf(sandbox);
      assert.equal(changes > 0, `${JSON.stringify(left)}` !== JSON.stringify(expected.before));
      if (changes > 0) assert.ok(hasJournal(sandbox), 'no change without a journal');
      if (hasJournal(sandbox)) {
        assertEnded(await runHere(sandbox, ['undo', runId, '--yes']), 0, { failed: 0 });
        assert.deepEqual(stateOf(sandbox), expected.before);
        // The state that the kill left.
        for (const [id, labels] of Object.entries(left)) {
          const ids = labels.map((label) => sandbox.mailbox.findLabel(label)?.id ?? label);
          const now = [...(sandbox.mailbox.get(id)?.labelIds ?? [])];
          sandbox.mailbox.modify(
            [id],
            ids,
            now.filter((label) => !ids.includes(label)),
          );
        }
        assert.deepEqual(stateOf(sandbox), left);
      }
      const already = sandbox.requests.length;
      const rest = await runHere(sandbox, COMMAND, { rules: RULES });
      assertEnded(rest, 0, { failed: 0, remaining: 0 });
      assert.deepEqual(stateOf(sandbox), expected.after);
      const again = changesSent({ ...sandbox, requests: sandbox.requests.slice(already) });
      assert.ok(again.length + changes >= Number(rest.final?.changed));
      assert.equal(new Set(again).size, again.length);
    });
  }
});
