/** `job undo --last`, and `job undo` of a run without a journal. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRunId } from '../../../lib/base/run-id.ts';
import { runHere } from '../../fixtures/front-door.ts';
import { mailboxOf } from '../../fixtures/mailbox.ts';
import { playRun } from '../../fixtures/played-run.ts';
import { assertEnded, runJob } from '../../run.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

const MINUTE = 60_000;

const start = () => startSandbox({ mailbox: mailboxOf([{ labels: ['INBOX', 'UNREAD'] }, { labels: ['INBOX'] }]) });

async function play(sandbox: Sandbox, minutesAgo: number, label: string) {
  const ids = Object.keys(sandbox.mailbox.snapshot()).slice(0, 2);
  const startedAt = new Date(Date.now() - minutesAgo * MINUTE);
  return await playRun(sandbox, [{ rule: 'label', add: [label], ids }], { startedAt });
}

const labelled = ({ mailbox }: Sandbox, label: string) => mailbox.search(`label:${label}`).length;

describe('job undo --last', () => {
  it('undoes the newest run that was not undone, one after another, until there is none', async () => {
    await using sandbox = await start();
    const [first, second, third] = [
      await play(sandbox, 30, 'first'),
      await play(sandbox, 20, 'second'),
      await play(sandbox, 10.5, 'third'),
    ];
    assertEnded(await runHere(sandbox, ['undo', third, '--yes']), 0, { changed: 2 });
    const asked = await runHere(sandbox, ['undo', '--last'], { answers: ['n'] });
    assertEnded(asked, 0, { outcome: 'partial', changed: 0, remaining: 2, resume: `bin/job undo ${second}` });
    assert.match(asked.questions.join(), new RegExp(`Undo the run ${second}: restore 2 messages\\?`));
    for (const [runId, label] of [
      [second, 'second'],
      [first, 'first'],
    ] as const) {
      assert.equal(labelled(sandbox, label), 2);
      const run = await runHere(sandbox, ['undo', '--last', '--yes']);
      assertEnded(run, 0, { outcome: 'ok', changed: 2 });
      assert.deepEqual(
        run.events.filter(({ event }) => event === 'undo.last').map(({ undo, of, messages }) => [undo, of, messages]),
        [[runId, 'apply-rules', 2]],
      );
      assert.equal(labelled(sandbox, label), 0);
    }
    const none = assertEnded(await runHere(sandbox, ['undo', '--last', '--yes']), 65, {
      outcome: 'failed',
      changed: 0,
    });
    assert.match(
      `${none.error} ${none.remedy}`,
      /^No run can be undone: every run of the last 30 days .* `bin\/job runs` lists the runs/,
    );
  });

  it('exits 2 when both or neither of <runId> and --last are given', async () => {
    for (const [args, message] of [
      [['undo', '20261123-031608-7f3a', '--last'], /takes a <runId> or --last, not both/],
      [['undo', '--yes'], /needs a <runId> or --last/],
    ] as const) {
      const run = await runJob(null, args);
      assert.equal(run.code, 2, run.stdout);
      assert.match(run.stderr, message);
      assert.match(run.stderr, /`bin\/job runs` lists the runs that can be undone/);
    }
  });
});

describe('job undo of a run that is not found', () => {
  it('announces at once that it searches again, when the run may be recent', async () => {
    await using sandbox = await start();
    const run = await runJob(sandbox, ['undo', createRunId(new Date()), '--yes'], {
      onStart: (child) => {
        child.stdout?.on('data', (text: string) => {
          if (text.includes('undo.waiting')) child.kill('SIGINT');
        });
      },
    });
    const final = assertEnded(run, 130, { outcome: 'interrupted', matched: 0 });
    assert.ok(Number(final.durationMs) < 3_000, run.stdout);
    const told = run.events.filter(({ event }) => event === 'undo.waiting');
    assert.deepEqual(
      told.map(({ for: what, atMostMs }) => [what, atMostMs]),
      [['journal', 30_000]],
    );
  });

  for (const [which, minutesAgo] of [
    ['that is an hour old', 60],
    ['that is an hour ahead', -60],
  ] as const) {
    it(`does not wait for the journal of a run ${which}`, async () => {
      await using sandbox = await start();
      const runId = createRunId(new Date(Date.now() - minutesAgo * MINUTE));
      const run = await runHere(sandbox, ['undo', runId, '--yes']);
      const final = assertEnded(run, 65, { outcome: 'failed', changed: 0 });
      assert.ok(Number(final.durationMs) < 3_000, run.stdout);
      assert.ok(!run.events.some(({ event }) => event === 'undo.waiting'));
    });
  }
});
