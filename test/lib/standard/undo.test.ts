/** `job undo` from command line to final line: which messages it restores, which it leaves alone, and what it logs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandHere, runHere } from '../../fixtures/front-door.ts';
import { mailboxOf, many, type PlainMessage } from '../../fixtures/mailbox.ts';
import { playRun } from '../../fixtures/played-run.ts';
import { assertEnded, ChildHandle, type Finished, type RunOptions, runJob } from '../../run.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/index.ts';

const MESSAGES: readonly PlainMessage[] = [
  { labels: ['INBOX', 'UNREAD'] },
  { labels: ['INBOX', 'Keep'] },
  { labels: ['INBOX', 'UNREAD', 'STARRED', 'Auto/Old'] },
  { labels: ['INBOX', 'IMPORTANT'] },
  { labels: ['SPAM', 'UNREAD'] },
  { labels: [] },
];

async function start(messages: readonly PlainMessage[] = MESSAGES, options: SandboxOptions = {}) {
  const sandbox = await startSandbox({ mailbox: mailboxOf(messages), ...options });
  const before = sandbox.mailbox.snapshot();
  const ids = Object.keys(before);
  return { sandbox, before, ids, [Symbol.asyncDispose]: () => sandbox.close() };
}

/** The messages' labels, without journals and their labels. */
function stateOf({ mailbox }: Sandbox): Record<string, string[]> {
  const all = Object.entries(mailbox.snapshot());
  return Object.fromEntries(all.filter(([, labels]) => !labels.includes('gmail-jobs/journal')));
}

/** Runs the job in the test's process; as the built program when it is to be sent signals. */
function undo(
  sandbox: Sandbox,
  runId: string,
  args: readonly string[] = ['--yes'],
  { onStart, env }: Pick<RunOptions, 'onStart' | 'env'> = {},
): Promise<Finished> {
  const words = ['undo', runId, ...args];
  return onStart === undefined && env === undefined
    ? runHere(sandbox, words)
    : runJob(sandbox, words, { ...(onStart && { onStart }), ...(env && { env }) });
}

/** The run's requests to Gmail. */
async function costOf(sandbox: Sandbox, play: () => Promise<Finished>) {
  const from = sandbox.requests.length;
  const run = await play();
  const requests = sandbox.requests.slice(from);
  const made = (wanted: string) => requests.filter(({ verb }) => verb === wanted);
  return {
    run,
    made: (verb: string) => made(verb).length,
    lists: (words: string) => made('messages.list').filter(({ query }) => query.get('q')?.includes(words)).length,
    units: requests.reduce((sum, { units = 0 }) => sum + units, 0),
  };
}

describe('undo', { concurrency: 3 }, () => {
  it('restores the changes of overlapping and opposing rules, each message once', async () => {
    await using work = await start();
    const { sandbox, before, ids } = work;
    const [a = '', b = '', c = '', d = '', spam = '', archived = ''] = ids;
    const runId = await playRun(sandbox, [
      { rule: 'archive', remove: ['INBOX'], add: ['Auto/New'], ids: [a, b, c, d] },
      { rule: 'read', remove: ['UNREAD'], ids: [a, c, spam] },
      { rule: 'label', add: ['Auto/Old'], ids: [a, b, archived] },
      { rule: 'unstar', remove: ['STARRED', 'Auto/Old'], add: ['IMPORTANT'], ids: [c, b] },
      { rule: 'trash', add: ['TRASH'], remove: ['INBOX', 'SPAM'], ids: [d, spam] },
    ]);
    assert.notDeepEqual(stateOf(sandbox), before);
    const run = await undo(sandbox, runId);
    assertEnded(run, 0, { outcome: 'ok', matched: 6, changed: 6 });
    assert.deepEqual(stateOf(sandbox), before);
    const batches = sandbox.requests.filter(({ verb }) => verb === 'messages.batchModify');
    const units = sandbox.requests.reduce((sum, { units = 0 }) => sum + units, 0);
    assert.ok(batches.length <= 6 && units < 700, `${batches.length} batches, ${units} units`);
    // The journal is the only message that was read.
    assert.equal(sandbox.requests.filter(({ verb }) => verb === 'messages.get').length, 1);

    const again = await undo(sandbox, runId);
    assertEnded(again, 0, { outcome: 'nothing-to-do', matched: 0, skipped: 0 });
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('restores a backfill of many windows, whatever its rules do', async () => {
    // One message a month: a rule with two changes for the newer messages, a rule with one change for the older.
    const months = Array.from({ length: 24 }, (_, index) => ({
      at: `${index < 12 ? 2023 : 2022}-${`${12 - (index % 12)}`.padStart(2, '0')}-10T12:00:00Z`,
      subject: index < 10 ? 'two' : 'one',
      labels: ['INBOX', 'UNREAD'],
    }));
    await using work = await start(months);
    const rules = {
      rules: [
        { name: 'two', query: 'subject:two', actions: { archive: true, markRead: true } },
        { name: 'one', query: 'subject:one', actions: { star: true } },
      ],
    };
    const done = await runHere(work.sandbox, ['apply-rules', '--from=2022-01-01', '--window=month', '--yes'], {
      rules,
    });
    assertEnded(done, 0, { changed: 24 });
    assertEnded(await undo(work.sandbox, String(done.final?.runId)), 0, { changed: 24, skipped: 0 });
    assert.deepEqual(stateOf(work.sandbox), work.before);
  });

  it('leaves alone messages that a person changed since, and all other labels of restored messages', async () => {
    await using work = await start();
    const { sandbox, before, ids } = work;
    const [a = '', b = '', c = '', d = ''] = ids;
    const runId = await playRun(sandbox, [
      { rule: 'archive', remove: ['INBOX', 'UNREAD'], add: ['Auto/New'], ids: [a, b, c, d] },
    ]);
    sandbox.mailbox.modify([a], ['STARRED'], []);
    sandbox.mailbox.modify([b], ['INBOX'], []);
    sandbox.mailbox.modify([c], ['TRASH'], []);
    const left = stateOf(sandbox);
    assertEnded(await undo(sandbox, runId), 0, { matched: 4, changed: 2, skipped: 2 });
    const expected = { ...before, [a]: ['INBOX', 'STARRED', 'UNREAD'], [b]: left[b], [c]: left[c] };
    assert.deepEqual(stateOf(sandbox), expected);
  });

  it('restores the changes of a run that was killed after any of its rules', async () => {
    await using work = await start();
    const { sandbox, before, ids } = work;
    const rules = [
      { rule: 'archive', remove: ['INBOX'], ids },
      { rule: 'star', add: ['STARRED'], ids },
      { rule: 'unstar', remove: ['STARRED', 'UNREAD'], ids: ids.slice(2) },
    ];
    const startedAt = new Date(Date.now() - 10_800_000);
    const runId = await playRun(sandbox, rules, { killedAfter: 2, parts: 3, startedAt });
    const run = await undo(sandbox, runId);
    assertEnded(run, 0, { outcome: 'ok', failed: 0, remaining: 0 });
    assert.equal(run.events.find(({ event }) => event === 'undo.parts_missing')?.parts, 1);
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('does not mark the run as undone when it restored nothing', async () => {
    await using work = await start();
    const { sandbox, ids } = work;
    const archived = ids.slice(0, 4);
    const runId = await playRun(sandbox, [{ rule: 'archive', remove: ['INBOX'], ids: archived }]);
    sandbox.mailbox.modify(archived, ['INBOX'], []);
    assertEnded(await undo(sandbox, runId), 0, { matched: 4, changed: 0, skipped: 4 });
    const shown = async () => JSON.parse((await commandHere(sandbox, ['runs', '--json'])).stdout);
    assert.equal((await shown()).undone, false);
    sandbox.mailbox.modify(archived, [], ['INBOX']);
    assertEnded(await undo(sandbox, runId), 0, { changed: 4 });
    assert.equal((await shown()).undone, true);
  });

  it('changes nothing in a dry run, or when nobody can be asked', async () => {
    await using work = await start();
    const { sandbox, ids } = work;
    const runId = await playRun(sandbox, [{ rule: 'archive', remove: ['INBOX'], ids: ids.slice(0, 4) }]);
    const left = sandbox.mailbox.snapshot();
    assertEnded(await undo(sandbox, runId, ['--dry-run']), 0, { matched: 4, changed: 0, remaining: 4 });
    const requests = sandbox.requests.length;
    const unasked = await undo(sandbox, runId, []);
    assert.equal(unasked.code, 2);
    assert.match(unasked.stderr, /nobody to ask.*\n.*--yes/);
    assert.equal(sandbox.requests.length, requests, 'refused before the network');
    assert.deepEqual(sandbox.mailbox.snapshot(), left);
  });

  it('restores messages that searches still show as before the run', async () => {
    await using work = await start();
    const { sandbox, before, ids } = work;
    const runId = await playRun(sandbox, [{ rule: 'archive', remove: ['INBOX'], ids: ids.slice(0, 4) }]);
    // Searches show the journal, but of the other messages still the labels from before the run.
    sandbox.mailbox.modify(ids.slice(0, 4), ['INBOX'], []);
    sandbox.mailbox.search('in:inbox');
    sandbox.mailbox.searchLagMs = 60_000;
    sandbox.mailbox.modify(ids.slice(0, 4), [], ['INBOX']);
    assertEnded(await undo(sandbox, runId), 0, { matched: 4, changed: 4 });
    sandbox.mailbox.searchLagMs = 0;
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('continues after it was killed', async () => {
    await using work = await start([...MESSAGES, ...many(1_200, { labels: ['INBOX'] })]);
    const { sandbox, before, ids } = work;
    const inbox = ids.filter((id) => before[id]?.includes('INBOX'));
    const startedAt = new Date(Date.now() - 10_800_000);
    const runId = await playRun(sandbox, [{ rule: 'archive', remove: ['INBOX'], ids: inbox }], { startedAt });
    const child = new ChildHandle();
    const kill = () => {
      child.kill('SIGKILL');
      return 'drop';
    };
    sandbox.faults.add({ kind: 'hook', match: ({ verb }) => verb === 'messages.batchModify', skip: 1, before: kill });
    assert.equal((await undo(sandbox, runId, ['--yes'], { onStart: child.onStart })).code, 137);
    assertEnded(await undo(sandbox, runId), 0, { outcome: 'ok', matched: inbox.length });
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('counts messages as skipped that were deleted for good since a run which only removed labels', async () => {
    await using work = await start();
    const { sandbox, before, ids } = work;
    const [a = '', b = '', c = '', d = '', spam = ''] = ids;
    const runId = await playRun(sandbox, [
      { rule: 'archive', remove: ['INBOX', 'UNREAD'], ids: [a, b, c, d] },
      { rule: 'read', remove: ['UNREAD'], ids: [spam] },
    ]);
    sandbox.mailbox.delete([b, c]);
    const dry = await undo(sandbox, runId, ['--dry-run']);
    assertEnded(dry, 0, { matched: 5, changed: 0, skipped: 2, remaining: 3 });
    const { questions } = await runHere(sandbox, ['undo', runId], { answers: ['n'] });
    assert.deepEqual(questions, [`  Undo the run ${runId}: restore 3 messages? [y/N] `]);
    const run = await undo(sandbox, runId);
    assertEnded(run, 0, { outcome: 'ok', matched: 5, changed: 3, skipped: 2 });
    for (const { events } of [dry, run]) {
      const told = events.find(({ event }) => event === 'undo.found');
      assert.deepEqual([told?.messages, told?.toRestore, told?.skipped], [5, 3, 2]);
    }
    const { [b]: _b, [c]: _c, ...left } = before;
    assert.deepEqual(stateOf(sandbox), left);
  });

  it('sees what a person changed a moment ago, although searches do not show it', async () => {
    for (const [steps, byHand] of [
      [{ remove: ['INBOX', 'UNREAD'] }, { add: ['INBOX'], remove: [] }],
      [{ remove: ['INBOX'] }, { add: ['TRASH'], remove: [] }],
      [
        { add: ['TRASH'], remove: ['INBOX'] },
        { add: [], remove: ['TRASH'] },
      ],
      [{ add: ['STARRED'] }, null],
    ] as const) {
      await using work = await start(many(140, { labels: ['INBOX', 'UNREAD'] }));
      const { sandbox, before, ids } = work;
      const runId = await playRun(sandbox, [{ rule: 'rule', ids, ...steps }]);
      sandbox.mailbox.search('');
      sandbox.mailbox.searchLagMs = 60_000;
      const touched = ids.slice(10, 100);
      if (byHand === null) sandbox.mailbox.delete(touched);
      else sandbox.mailbox.modify(touched, byHand.add, byHand.remove);
      const now = stateOf(sandbox);
      const { run, made } = await costOf(sandbox, () => undo(sandbox, runId));
      assertEnded(run, 0, { matched: 140, changed: 50, skipped: 90 });
      // It reads the journal and the changed messages, but no message that the history shows as deleted.
      assert.deepEqual([made('history.list'), made('messages.get')], [1, byHand === null ? 1 : 1 + 90]);
      const wanted = Object.entries(now).map(([id, labels]) => [id, touched.includes(id) ? labels : before[id]]);
      assert.deepEqual(stateOf(sandbox), Object.fromEntries(wanted));
    }
  });

  it('leaves alone messages that a person changes before answering, although searches do not show it', async () => {
    await using work = await start(many(8, { labels: ['INBOX', 'UNREAD', 'Keep'] }));
    const { sandbox, before, ids } = work;
    const runId = await playRun(sandbox, [{ rule: 'read', remove: ['UNREAD', 'INBOX'], ids }]);
    const [read = '', trashed = '', deleted = '', other = ''] = ids;
    sandbox.mailbox.search('');
    sandbox.mailbox.searchLagMs = 60_000;
    const yes = () => {
      sandbox.mailbox.modify([read], ['UNREAD'], []);
      sandbox.mailbox.modify([trashed], ['TRASH'], []);
      sandbox.mailbox.delete([deleted]);
      // Labels that the run did not touch.
      sandbox.mailbox.modify([other], ['STARRED'], []);
      return 'y';
    };
    const run = await runHere(sandbox, ['undo', runId], { answers: [yes] });
    assertEnded(run, 0, { outcome: 'ok', matched: 8, changed: 5, skipped: 3 });
    const now = stateOf(sandbox);
    assert.deepEqual([now[read], now[trashed], now[deleted]], [['Keep', 'UNREAD'], ['Keep', 'TRASH'], undefined]);
    assert.deepEqual(now[other], ['INBOX', 'Keep', 'STARRED', 'UNREAD']);
    for (const id of ids.slice(4)) assert.deepEqual(now[id], before[id]);
  });

  it('searches and changes nothing when the run is already undone, and says so', async () => {
    await using work = await start(many(60, { labels: ['INBOX', 'UNREAD'] }));
    const { sandbox, ids } = work;
    const runId = await playRun(sandbox, [{ rule: 'archive', remove: ['INBOX'], ids }]);
    sandbox.mailbox.search('');
    sandbox.mailbox.searchLagMs = 60_000;
    sandbox.mailbox.modify(ids.slice(0, 20), ['TRASH'], []);
    const first = await undo(sandbox, runId, ['--yes'], { env: { LOG_FORMAT: 'pretty' } });
    assert.equal(first.code, 0, first.stderr);
    assert.match(
      first.stdout,
      /The next run of apply-rules will do the same again unless you change the rule or the job first\.\n/,
    );
    assert.match(first.stdout, /: 40 restored, 20 left alone/);
    const now = stateOf(sandbox);
    const { run: again, units } = await costOf(sandbox, () => undo(sandbox, runId));
    assertEnded(again, 0, { outcome: 'nothing-to-do', matched: 0, skipped: 0 });
    assert.ok(again.events.some(({ event, undo }) => event === 'undo.done_before' && undo === runId));
    assert.ok(units <= 40, `${units} units`);
    assert.match(
      (await undo(sandbox, runId, ['--dry-run'], { env: { LOG_FORMAT: 'pretty' } })).stdout,
      new RegExp(`the run ${runId} is already undone: nothing to do`),
    );
    assert.deepEqual(stateOf(sandbox), now);
  });

  it('has nothing to do when all messages of the run were deleted for good', async () => {
    await using work = await start();
    const { sandbox, ids } = work;
    const runId = await playRun(sandbox, [{ rule: 'archive', remove: ['INBOX'], ids: ids.slice(0, 4) }]);
    sandbox.mailbox.delete(ids.slice(0, 4));
    assertEnded(await undo(sandbox, runId), 0, { outcome: 'nothing-to-do', matched: 4, skipped: 4 });
  });

  it('checks that messages exist in the cheaper way: reads each, or lists the mailbox', async () => {
    await using work = await start([...MESSAGES, ...many(5_000, { labels: ['INBOX', 'UNREAD'] })]);
    const { sandbox, ids } = work;
    const play = (changed: readonly string[]) =>
      playRun(sandbox, [{ rule: 'read', remove: ['INBOX', 'UNREAD'], ids: changed }]);
    const few = await play(ids.slice(-2));
    const most = await play(ids.slice(6, 1_206));
    sandbox.mailbox.delete([...ids.slice(-1), ...ids.slice(6, 306)]);
    // As after a week, when Gmail no longer knows the history id.
    sandbox.mailbox.history.forget();

    const cheap = await costOf(sandbox, () => undo(sandbox, few, ['--dry-run']));
    assertEnded(cheap.run, 0, { matched: 2, skipped: 1, remaining: 1 });
    assert.deepEqual([cheap.lists('in:anywhere'), cheap.made('messages.get')], [0, 1 + 2]);
    const listed = await costOf(sandbox, () => undo(sandbox, most));
    assertEnded(listed.run, 0, { matched: 1_200, changed: 900, skipped: 300 });
    // More than 100 are missing: it lists the mailbox again, and reads a sample of them and the journal.
    assert.deepEqual([listed.lists('in:anywhere'), listed.made('messages.get')], [20, 1 + 10]);
    assert.ok(listed.units < 500, `${listed.units} units`);
  });

  it('does not check messages that a search for a label shows', async () => {
    await using work = await start();
    const { sandbox, ids } = work;
    const runId = await playRun(sandbox, [
      { rule: 'archive', remove: ['INBOX', 'UNREAD'], add: ['Auto/New'], ids: ids.slice(0, 4) },
      { rule: 'star', add: ['STARRED'], ids: ids.slice(4) },
    ]);
    const { run, made, lists } = await costOf(sandbox, () => undo(sandbox, runId, ['--dry-run']));
    assertEnded(run, 0, { matched: 6, remaining: 6 });
    // One search for the journal and one for each label; the profile has the address.
    assert.deepEqual([made('messages.get'), made('messages.list'), made('users.getProfile')], [1, 1 + 6, 1]);
    assert.equal(lists('in:anywhere'), 0);
  });

  it('leaves out a deleted label', async () => {
    await using work = await start();
    const { sandbox, before, ids } = work;
    const [a = '', , c = ''] = ids;
    const runId = await playRun(sandbox, [
      { rule: 'tidy', remove: ['INBOX', 'Auto/Old'], add: ['Auto/New'], ids: [a, c] },
    ]);
    for (const name of ['Auto/New', 'Auto/Old']) sandbox.mailbox.deleteLabel(sandbox.mailbox.findLabel(name)?.id ?? '');
    const run = await undo(sandbox, runId);
    assertEnded(run, 0, { matched: 2, changed: 2 });
    assert.equal(run.events.filter(({ event }) => event === 'undo.label_gone').length, 2);
    assert.deepEqual(stateOf(sandbox), { ...before, [c]: ['INBOX', 'STARRED', 'UNREAD'] });
  });

  it('names the next step for an unknown run', async () => {
    await using work = await start();
    const { error, remedy } = assertEnded(await undo(work.sandbox, '20260101-000000-abcd'), 65);
    assert.match(`${error} ${remedy}`, /no journal of the run 20260101-000000-abcd.*`bin\/job runs`/);
  });
});

describe('job runs', () => {
  it('lists the runs, the newest first, and says which can be undone', async () => {
    await using work = await start();
    const { sandbox, ids } = work;
    const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
    const rules = [
      { rule: 'archive', remove: ['INBOX'], ids: ids.slice(0, 4) },
      { rule: 'star', add: ['STARRED'], ids },
    ];
    const old = await playRun(sandbox, rules, { startedAt: daysAgo(12.5), parts: 2 });
    const marking = [{ rule: 'mark', add: ['IMPORTANT'], ids }];
    const recent = await playRun(sandbox, marking, { startedAt: daysAgo(1) });
    assertEnded(await undo(sandbox, recent), 0);
    const { stdout, code } = await commandHere(sandbox, ['runs']);
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n').slice(1);
    assert.match(lines[0] ?? '', new RegExp(`^${recent}  \\S+ \\S+ UTC  apply-rules +6  undone already$`));
    assert.match(lines[1] ?? '', new RegExp(`^${old} .* 10  for 18 days$`));
    const json = await commandHere(sandbox, ['runs', '--json', '--limit', '1']);
    assert.deepEqual(
      json.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).runId),
      [recent],
    );
  });
});
