/** Labels by name, through the front door: which names are refused, and which label of the mailbox a name stands for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { apply, sandboxOf } from '../fixtures/starring.ts';
import { assertEnded, type LogEvent, runJob } from '../run.ts';

/** A rules file with one rule whose actions are in the last line. */
function rulesWith(actions: string): string {
  return `undo: false\nrules:\n  - name: one\n    query: subject:hit\n    actions: ${actions}\n`;
}

describe('a label that no rule may change', { concurrency: 3 }, () => {
  it('exits 78 with file, line and column in a run, a dry run and a check, before any request to Gmail', async () => {
    await using sandbox = await sandboxOf();
    const before = sandbox.mailbox.snapshot();
    const rules = rulesWith('{ addLabels: [Fine, "Gmail-Jobs/journal", Muted], removeLabels: ["a//b", "gmail jobs"] }');
    const places = ['5:34: .*keeps for itself', '5:56: .*"Muted"', '5:79: .*empty part', '5:87: .*"gmail jobs"'];
    const expected = new RegExp(places.map((place) => `rules\\.yaml:${place}`).join('.*'));
    for (const args of [[], ['--dry-run']]) {
      const final = assertEnded(await apply(sandbox, { rules }, args), 78, { outcome: 'failed', matched: 0 });
      assert.match(String(final.error), expected);
    }
    assert.deepEqual(sandbox.requests, []);
    const { code, stdout } = await runJob(sandbox, ['check', '--json'], { rules });
    assert.equal(code, 78);
    assert.match(JSON.parse(stdout).lines.find(({ id }: { id: string }) => id === 'apply-rules').detail, expected);
    assert.deepEqual(sandbox.mailbox.snapshot(), before);
  });

  it('still takes the names of labels of the system, in any case, and searches for labels of the program', async () => {
    await using sandbox = await sandboxOf(3);
    const rules = `undo: false\nrules:\n  - name: one\n    query: subject:hit -label:gmail-jobs/journal\n    actions: { addLabels: [starred], removeLabels: [Inbox] }\n`;
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 0, { changed: 3 });
    for (const labels of Object.values(sandbox.mailbox.snapshot())) assert.deepEqual(labels, ['STARRED']);
  });

  it("is a bug of a job that names it: exit 1 before anything is changed, also of a dry run's", async () => {
    await using sandbox = await sandboxOf(3);
    const before = sandbox.mailbox.snapshot();
    for (const args of [
      ['--add', 'gmail-jobs/completed'],
      ['--remove', 'gmail-jobs-journal'],
      ['--make', 'gmail-jobs/mine'],
      ['--add', 'Snoozed', '--dry-run'],
    ]) {
      const run = await runHere(sandbox, ['labelling', ...args], { jobs: 'fixtures' });
      const final: LogEvent = assertEnded(run, 1, { outcome: 'failed', changed: 0 });
      assert.match(String(final.error), /names a label that it cannot change: the name is "/);
    }
    assert.deepEqual(sandbox.mailbox.snapshot(), before);
    assert.ok(sandbox.mailbox.labels().every(({ type }) => type === 'system'));
  });
});
