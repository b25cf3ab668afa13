/** Changes of a job that knows nothing of journals and guards: they are limited, counted and undone as those of rules. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandHere, runHere, SentSignals } from '../fixtures/front-door.ts';
import { mailboxOf, many, type PlainMessage } from '../fixtures/mailbox.ts';
import { carrying, sandboxOf } from '../fixtures/starring.ts';
import { stateOf } from '../fixtures/years.ts';
import { assertEnded, type Finished } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

const MIXED: readonly PlainMessage[] = [
  { labels: ['INBOX', 'UNREAD'] },
  { labels: ['INBOX', 'Work'] },
  { labels: ['Work'] },
  { labels: ['INBOX', 'STARRED'] },
  { labels: ['TRASH', 'UNREAD'] },
  { labels: ['SPAM'] },
];

async function start(messages: readonly PlainMessage[] = MIXED) {
  const sandbox = await startSandbox({ mailbox: mailboxOf(messages, { labels: ['Work'] }) });
  return { sandbox, before: stateOf(sandbox), [Symbol.asyncDispose]: () => sandbox.close() };
}

interface Change {
  readonly query: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly set?: object;
}

const FILE_AWAY: Change = { query: 'subject:hit', add: ['Work'], remove: ['INBOX'] };

function change(sandbox: Sandbox, calls: readonly (readonly Change[])[], args: readonly string[] = [], options = {}) {
  return runHere(sandbox, ['changing', '--calls', JSON.stringify(calls), ...args], { jobs: 'fixtures', ...options });
}

const undo = (sandbox: Sandbox, run: Finished) => runHere(sandbox, ['undo', String(run.final?.runId), '--yes']);

function countOf(sandbox: Sandbox, verb: string): number {
  return sandbox.requests.filter((request) => request.verb === verb).length;
}

/** Enough messages that searches for the labels cost less than reading the messages. */
const MANY = many(30, {}).flatMap(() => MIXED);

describe("a job's own changes", { concurrency: 3 }, () => {
  it('count only messages that lack the change, and are listed and undone exactly', async () => {
    await using work = await start(MANY);
    const { sandbox, before } = work;
    const run = await change(sandbox, [[FILE_AWAY]]);
    assertEnded(run, 0, { outcome: 'ok', matched: 180, changed: 150, skipped: 30 });
    assert.equal(countOf(sandbox, 'messages.get'), 0);
    assert.equal(carrying(sandbox, 'INBOX'), 0);

    const again = await change(sandbox, [[FILE_AWAY]]);
    assertEnded(again, 0, { outcome: 'nothing-to-do', changed: 0, skipped: 180 });

    const { stdout } = await commandHere(sandbox, ['runs', '--json']);
    const listed = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      listed.map(({ runId, job, messages: changes, canBeUndone }) => ({ runId, job, changes, canBeUndone })),
      [{ runId: run.final?.runId, job: 'changing', changes: 150, canBeUndone: true }],
    );

    const undone = await undo(sandbox, run);
    assertEnded(undone, 0, { changed: 150, skipped: 0 });
    assert.deepEqual(stateOf(sandbox), before);
    assert.ok(undone.events.some(({ event, of }) => event === 'undo.not_for_good' && of === 'changing'));
  });

  for (const [index, message] of MIXED.entries()) {
    it(`are known by reading a single message, which costs less than searches: ${message.labels}`, async () => {
      await using work = await start([message]);
      const { sandbox, before } = work;
      const run = await change(sandbox, [[FILE_AWAY]]);
      const changed = index === 2 ? 0 : 1;
      assertEnded(run, 0, { changed, skipped: 1 - changed });
      assert.deepEqual([countOf(sandbox, 'messages.get'), countOf(sandbox, 'labels.get')], [1, 0]);
      assertEnded(await change(sandbox, [[FILE_AWAY]]), 0, { outcome: 'nothing-to-do', skipped: 1 });
      if (changed === 1) assertEnded(await undo(sandbox, run), 0, { changed, skipped: 0 });
      assert.deepEqual(stateOf(sandbox), before);
    });
  }

  it('are the same in number in a dry run, which sends none', async () => {
    await using work = await start();
    const { sandbox, before } = work;
    assertEnded(await change(sandbox, [[FILE_AWAY]], ['--dry-run']), 0, { changed: 0, skipped: 1, remaining: 5 });
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('cost the units that the comment of `change` says', async () => {
    await using work = await start(many(100, {}));
    const run = await change(work.sandbox, [[{ query: 'subject:hit', remove: ['INBOX'] }]]);
    // The first run of a mailbox lists the labels twice and makes two for journals.
    const [profile, labels, search, lookUp, journal, batch] = [1, 2, 5, 3 + 5, 25 + 5 + 10, 50];
    assertEnded(run, 0, { changed: 100, quotaUnits: profile + labels + search + lookUp + journal + batch });
  });

  it('of several calls are limited, journaled and undone together', async () => {
    await using work = await start();
    const { sandbox, before } = work;
    const calls = [[FILE_AWAY], [{ query: 'is:unread', add: ['STARRED'], remove: ['Work', 'UNREAD'] }]];
    const run = await change(sandbox, calls);
    assertEnded(run, 0, { changed: 7 });
    assertEnded(await undo(sandbox, run), 0, { changed: 5, skipped: 0 });
    assert.deepEqual(stateOf(sandbox), before);
    const limited = await change(sandbox, calls, ['--most', '6']);
    const { error, remedy } = assertEnded(limited, 65, { changed: 5, remaining: 2 });
    assert.match(
      String(error),
      /^2 more messages were found .* With them 7 messages would be changed, .* limit is 6\./,
    );
    assert.match(String(remedy), /raise maxChanges in jobs\/changing\.ts \(it is 6\)/);
  });

  it('see what an earlier call of the run changed, although searches do not show it yet', async () => {
    for (const messages of [MIXED.slice(0, 1), MIXED, MANY]) {
      await using sandbox = await startSandbox({
        mailbox: mailboxOf(messages, { labels: ['Work'], searchLagMs: 60_000 }),
      });
      const had = messages.filter(({ labels }) => labels?.includes('Work')).length;
      const done = messages.filter(({ labels }) => labels?.join() === 'Work').length;
      const calls = [[FILE_AWAY], [FILE_AWAY], [{ query: 'subject:hit', remove: ['Work'] }]];
      const run = await change(sandbox, calls);
      const all = messages.length;
      assertEnded(run, 0, { changed: all - done + all, skipped: done + all });
      assert.ok(Object.values(stateOf(sandbox)).every((labels) => !labels.includes('Work')));
      sandbox.mailbox.searchLagMs = 0;
      assertEnded(await undo(sandbox, run), 0, { skipped: 0 });
      assert.equal(Object.values(stateOf(sandbox)).filter((labels) => labels.includes('Work')).length, had);
    }
  });

  it('are made one call after another when the job makes the calls at the same time', async () => {
    await using work = await start(many(1_500, {}));
    const { sandbox, before } = work;
    const run = await change(
      sandbox,
      [[{ query: 'subject:hit', add: ['STARRED'] }], [{ query: 'subject:hit', remove: ['INBOX'] }]],
      ['--at-once'],
    );
    assertEnded(run, 0, { changed: 3_000 });
    assertEnded(await undo(sandbox, run), 0, { changed: 1_500, skipped: 0 });
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('stop with 65 before the first one when a run would make more than 5,000, and name the place of the limit', async () => {
    await using sandbox = await sandboxOf(2_501);
    const before = sandbox.mailbox.snapshot();
    const both = [
      [
        { query: 'subject:hit', add: ['STARRED'] },
        { query: 'subject:hit', remove: ['INBOX'] },
      ],
    ];
    for (const args of [[], ['--dry-run']]) {
      const { error, remedy } = assertEnded(await change(sandbox, both, args), 65, { changed: 0, remaining: 5_002 });
      assert.match(String(error), /^5,002 messages would be changed, but the limit is 5,000: nothing was changed$/);
      assert.match(String(remedy), /^If the count is right .*, set maxChanges in jobs\/changing\.ts/);
      assert.doesNotMatch(`${error} ${remedy}`, /\brule/);
    }
    assert.deepEqual(sandbox.mailbox.snapshot(), before);
    assertEnded(await change(sandbox, both, ['--most', '5002']), 0, { changed: 5_002 });
  });

  it('are refused with 78 before any request when maxChanges is no whole number', async () => {
    await using sandbox = await sandboxOf();
    const run = await change(sandbox, [[FILE_AWAY]], ['--most', '0']);
    assert.match(String(assertEnded(run, 78).error), /^maxChanges of the job changing is 0, which/);
    assert.deepEqual(sandbox.requests, []);
  });

  it('have a forecast with their guard in a backfill', async () => {
    await using work = await start();
    const run = await change(work.sandbox, [[FILE_AWAY]], ['--from', '20y', '--yes']);
    assertEnded(run, 0, { changed: 5 });
    const forecast = run.events.find(({ event }) => event === 'backfill.forecast');
    assert.deepEqual([forecast?.maxChanges, forecast?.changes], [5_000, 5]);
    assert.equal(forecast?.units, run.final?.quotaUnits);
  });

  it('are made, counted and undone although the job does not wait for them', async () => {
    await using work = await start(MANY);
    const run = await change(
      work.sandbox,
      [[FILE_AWAY], [{ query: 'is:unread', remove: ['UNREAD'] }]],
      ['--unawaited'],
    );
    assertEnded(run, 0, { changed: 210 });
    assertEnded(await undo(work.sandbox, run), 0, { skipped: 0 });
    assert.deepEqual(stateOf(work.sandbox), work.before);
  });

  it('of messages that do not exist are skipped, in searches as in reads', async () => {
    await using work = await start(MANY);
    const unknown = Array.from({ length: 200 }, (_, index) => (0x18f0_0000_0000 + index).toString(16));
    const [known = ''] = Object.keys(work.before);
    for (const ids of [unknown, unknown.slice(0, 1), unknown.slice(0, 4)]) {
      const add = ['STARRED', 'Work', 'New'];
      const run = await change(
        work.sandbox,
        [[{ query: 'is:starred', add, set: { ids: [...ids, known] } }]],
        ['--dry-run'],
      );
      assertEnded(run, 0, { skipped: ids.length, remaining: 1 });
    }
  });

  for (const [set, message] of [
    [{ name: null }, 'mailbox.change: name of a set must be a text of 1 to 500 characters'],
    [{ name: 'x'.repeat(501) }, 'mailbox.change: name of a set must be a text of 1 to 500 characters'],
    [{ ids: '18f0' }, 'mailbox.change, set "is:starred": ids must be a list of message ids'],
    [
      { ids: ['18f0', { id: '18f0' }] },
      'mailbox.change, set "is:starred": ids[1] is no message id: write the `id` of a',
    ],
    [{ ids: ['18F0'] }, 'mailbox.change, set "is:starred": ids[0] is no message id'],
    [{ add: 'Work' }, 'mailbox.change, set "is:starred": add must be a list of label names, [] for none'],
    [{ remove: null }, 'mailbox.change, set "is:starred": remove must be a list of label names, [] for none'],
    [{ add: ['a b'], remove: ['A-b'] }, 'mailbox.change, set "is:starred": add and remove both name the label "a b"'],
    [
      { add: ['inbox', 'TRASH'] },
      'mailbox.change, set "is:starred": a message can be given only one of INBOX and TRASH',
    ],
    [{ remove: ['sent'] }, 'mailbox.change, set "is:starred": only Gmail sets and removes the label "sent"'],
  ] as const) {
    it(`end with 1 before the first one for a set with ${JSON.stringify(set).slice(0, 40)}, and the property is named`, async () => {
      await using work = await start();
      const calls = [[FILE_AWAY, { query: 'is:starred', add: ['Work'], set }]];
      const { error } = assertEnded(await change(work.sandbox, calls), 1, { changed: 0 });
      assert.ok(String(error).includes(message), String(error));
      assert.deepEqual(stateOf(work.sandbox), work.before);
    });
  }

  it('are undone exactly after SIGTERM in the middle of them', async () => {
    await using work = await start(many(9_050, {}));
    const { sandbox, before } = work;
    const signals = new SentSignals();
    const send = () => signals.send('SIGTERM');
    sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', skip: 0, before: send });
    const run = await change(sandbox, [[{ query: 'subject:hit', remove: ['INBOX'] }]], ['--most', '9050'], { signals });
    const { changed } = assertEnded(run, 143, { outcome: 'interrupted' });
    assert.ok(Number(changed) > 0 && Number(changed) < 9_050, String(changed));
    assertEnded(await undo(sandbox, run), 0, { changed, skipped: 0 });
    assert.deepEqual(stateOf(sandbox), before);
  });
});
