/** A run leaves messages alone that become protected while it works. Waits advance the clock of the made-up mailbox. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRunId } from '../../lib/base/run-id.ts';
import { StoppedError } from '../../lib/errors.ts';
import type { ApplyPlanOptions } from '../../lib/gmail/mailbox.ts';
import { planRules } from '../../lib/rules/plan.ts';
import { parseRules } from '../../lib/rules/schema.ts';
import { RunJournal } from '../../lib/undo/journal.ts';
import { JournalStore } from '../../lib/undo/journal-store.ts';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { changesSent, mailboxOfYears, RULES, stateOf } from '../fixtures/years.ts';
import { openMailbox, recordLog } from '../in-process.ts';
import { assertEnded } from '../run.ts';
import type { RecordedRequest } from '../sandbox/http.ts';
import { googleErrors, type Sandbox, startSandbox } from '../sandbox/index.ts';

const ARCHIVE = { name: 'archive', query: 'subject:hit', actions: { archive: true } };
const LABEL = { name: 'label', query: 'subject:hit', actions: { addLabels: ['New'] } };

const isLookUp = ({ verb, query }: RecordedRequest) =>
  verb === 'messages.list' && (query.get('q') ?? '').replace(/^\(+/, '').startsWith('is:starred');

function lookUps({ requests }: Sandbox): number {
  return requests.filter(isLookUp).length;
}

interface Work {
  readonly rules?: readonly object[];
  readonly protect?: string;
  readonly unitsPerMinute?: number;
  readonly keepsJournal?: boolean;
}

/** A mailbox and a run with a small quota. */
async function start(count: number, { rules = [ARCHIVE], protect = 'is:starred', ...more }: Work = {}) {
  const { unitsPerMinute = 200, keepsJournal = false } = more;
  const sandbox = await startSandbox({ mailbox: mailboxOf(many(count, {})) });
  const opened = openMailbox(sandbox, { unitsPerMinute, ...(keepsJournal && { journal: () => journal }) });
  const ruleSet = parseRules(JSON.stringify({ ...(protect && { protect }), rules }), 'rules.yaml');
  const ids = sandbox.mailbox.messages().map(({ id }) => id);
  const startedAt = new Date();
  const { log, named } = recordLog();
  const journal: RunJournal = new RunJournal({
    mailbox: opened.mailbox,
    openAtEnd: () => openMailbox(sandbox).mailbox,
    quota: undefined,
    signal: opened.stop.signal,
    runId: createRunId(startedAt),
    job: 'apply-rules',
    startedAt,
    wait: async () => undefined,
    log,
  });
  const run = async (options: ApplyPlanOptions = {}) => {
    const labels = await opened.mailbox.labels();
    const plan = await planRules(ruleSet, opened.mailbox, labels, { withEffects: keepsJournal });
    try {
      await opened.mailbox.applyPlan(plan, options);
      await journal.complete();
    } finally {
      await journal.close();
    }
  };
  const star = (...which: readonly number[]) =>
    sandbox.mailbox.modify(
      which.map((index) => ids.at(index) ?? ''),
      ['STARRED'],
      [],
    );
  const starAt = (verb: string, skip: number, ...which: readonly number[]) =>
    sandbox.faults.add({ kind: 'hook', verb, skip, before: () => star(...which) });
  const labelsOf = (index: number) => sandbox.mailbox.snapshot()[ids.at(index) ?? ''];
  return {
    ...opened,
    sandbox,
    ids,
    run,
    star,
    starAt,
    labelsOf,
    journalLog: named,
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}

describe('a message that becomes protected during a run', () => {
  it('is left alone and counted as skipped when its batch was not sent yet', async () => {
    await using work = await start(6_000, { rules: [ARCHIVE, LABEL] });
    const { sandbox, tally, clock, named } = work;
    // The newest messages are changed first: two are starred too late for the first rule, the oldest in time.
    work.starAt('messages.batchModify', 1, 0, 1, -1, -2, -3);
    await work.run();
    assert.deepEqual(tally.counts, { matched: 12_000, changed: 11_992, skipped: 8, failed: 0, remaining: 0 });
    assert.deepEqual([0, 1, -1, -2, -3].map(work.labelsOf), [
      ...many(2, {}).map(() => ['STARRED']),
      ...many(3, {}).map(() => ['INBOX', 'STARRED']),
    ]);
    assert.equal(changesSent(sandbox).length, 11_992);
    assert.deepEqual(
      named('rule.applied').map(({ rule, changed, skipped }) => [rule, changed, skipped]),
      [
        ['archive', 5_997, 3],
        ['label', 5_995, 5],
      ],
    );
    // 600 units at 200 a minute: about one search for each time that units come back.
    const looked = named('protect.looked_up');
    assert.ok(clock.now() > 150_000 && looked.length >= 3 && looked.length <= clock.now() / 30_000, `${looked.length}`);
    assert.deepEqual(
      looked.map(({ units }) => units),
      looked.map(() => 5),
    );
    assert.ok(looked.every(({ againAfterMs }) => againAfterMs === 30_000));
  });

  it('costs no search in a run of less than 30 seconds, and in a run without protect', async () => {
    for (const [protect, unitsPerMinute] of [
      ['is:starred', 6_000],
      ['', 200],
    ] as const) {
      await using work = await start(3_000, { protect, unitsPerMinute });
      await work.run();
      assert.equal(work.tally.counts.changed, 3_000);
      assert.equal(lookUps(work.sandbox), 0);
      assert.equal(work.client.statistics.quotaUnits, 2 + 6 * 5 + 3 * 50);
    }
  });

  it('is searched for so rarely that the searches cost less than 5 % of the quota', async () => {
    const protect = 'is:starred OR subject:many';
    await using work = await start(6_000, { rules: [ARCHIVE, LABEL], unitsPerMinute: 200, protect });
    const { sandbox, clock, named } = work;
    // 2,100 protected messages: five pages, 25 units, of which 10 a minute may be spent.
    for (let count = 0; count < 2_100; count += 1) {
      await sandbox.mailbox.insert('Subject: many\r\n\r\n', ['INBOX']);
    }
    await work.run();
    const looked = named('protect.looked_up');
    assert.ok(
      looked.length >= 2 && looked.length <= 1 + clock.now() / 150_000,
      `${looked.length} in ${clock.now()} ms`,
    );
    for (const { units, againAfterMs } of looked) assert.deepEqual([units, againAfterMs], [25, 150_000]);
  });

  it('is left out of a batch that is sent again after a long pause', async () => {
    await using work = await start(900);
    const { sandbox, tally } = work;
    const { body } = googleErrors.quota429();
    sandbox.faults.add({
      verb: 'messages.batchModify',
      status: 429,
      headers: { 'retry-after': '45' },
      body: body ?? '',
    });
    work.starAt('messages.list', 2, 5);
    sandbox.faults.add({ kind: 'hook', match: isLookUp, before: () => work.star(7) });
    await work.run();
    assert.deepEqual([tally.counts.changed, tally.counts.skipped], [898, 2]);
    for (const index of [5, 7]) assert.deepEqual(work.labelsOf(index), ['INBOX', 'STARRED']);
  });

  it('leads to no request when all remaining messages are protected', async () => {
    await using work = await start(1_900, { unitsPerMinute: 75 });
    const { sandbox, tally, ids } = work;
    work.starAt(
      'messages.batchModify',
      0,
      ...ids
        .slice(1_000)
        .keys()
        .map((index) => index + 1_000),
    );
    await work.run();
    assert.deepEqual([tally.counts.changed, tally.counts.skipped, tally.counts.remaining], [1_000, 900, 0]);
    assert.equal(sandbox.requests.filter(({ verb }) => verb === 'messages.batchModify').length, 1);
  });

  it('is not in the journal, so undo ignores it', async () => {
    await using work = await start(2_500, { rules: [ARCHIVE, LABEL], keepsJournal: true, unitsPerMinute: 130 });
    const { sandbox } = work;
    work.starAt('messages.batchModify', 0, -1, -2);
    await work.run();
    assert.deepEqual(work.labelsOf(-1), ['INBOX', 'STARRED']);
    assert.deepEqual(
      work.journalLog('journal.corrected').map(({ leftOut }) => leftOut),
      [4],
    );
    const store = new JournalStore({ mailbox: openMailbox(sandbox).mailbox, wait: async () => undefined });
    const [listed] = await store.list(5);
    assert.equal(listed?.messages, 4_996);
    const { records, completed, missing } = await store.find(listed?.runId ?? '');
    assert.deepEqual([records.length, completed, missing], [1, true, 0]);
    assert.deepEqual(
      records.flatMap(({ entries }) => entries.map(({ rule, ids }) => [rule, ids.size])),
      [
        ['archive', 2_498],
        ['label', 2_498],
      ],
    );
    // Changed by hand to the state that the run would have made: undo must not restore it.
    sandbox.mailbox.modify([work.ids.at(-1) ?? ''], [sandbox.mailbox.findLabel('New')?.id ?? ''], ['INBOX', 'STARRED']);
    const undone = await runHere(sandbox, ['undo', listed?.runId ?? '', '--yes']);
    assertEnded(undone, 0, { matched: 2_498, changed: 2_498, skipped: 0 });
    assert.deepEqual(work.labelsOf(-1), ['New']);
  });
});

it('a stopped run counts exactly the messages that it changed, without those left out', async () => {
  await using work = await start(3_500, { keepsJournal: true, unitsPerMinute: 130 });
  const { sandbox, stop, tally } = work;
  work.starAt('messages.batchModify', 0, 1_500, 1_600, -1);
  // Messages of the third batch, after the search for protected messages.
  sandbox.faults.add({
    kind: 'hook',
    verb: 'messages.batchModify',
    skip: 2,
    before: () => stop.abort(new StoppedError('SIGTERM')),
  });
  await assert.rejects(work.run(), StoppedError);
  const { changed, skipped, remaining } = tally.counts;
  assert.ok(skipped >= 2 && remaining > 0 && changed + skipped + remaining === 3_500, JSON.stringify(tally.counts));
  const store = new JournalStore({ mailbox: openMailbox(sandbox).mailbox, wait: async () => undefined });
  const [listed] = await store.list(5);
  assert.equal(listed?.messages, changed);
  const { records, completed } = await store.find(listed?.runId ?? '');
  const made = new Set(changesSent(sandbox).map((change) => change.split(' ')[0]));
  const told = records.flatMap(({ entries }) => entries.flatMap(({ ids }) => ids.list()));
  assert.equal(completed, true);
  assert.deepEqual(told.toSorted(), [...made].toSorted());
});

describe('while a backfill waits for the answer of a person', () => {
  it('skips messages that become protected, and creates no label that no message gets', async () => {
    for (const starsAll of [false, true]) {
      await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
      const before = stateOf(sandbox);
      const ids = Object.keys(before)
        .filter((id) => starsAll || before[id]?.join() === 'INBOX,UNREAD')
        .slice(starsAll ? 0 : 4);
      const yes = () => {
        sandbox.mailbox.modify(ids, ['STARRED'], []);
        return 'y';
      };
      const run = await runHere(sandbox, ['apply-rules', '--from=2014-01-01'], { rules: RULES, answers: [yes] });
      const final = assertEnded(run, 0, { outcome: starsAll ? 'nothing-to-do' : 'ok', remaining: 0 });
      const after = stateOf(sandbox);
      for (const id of ids) assert.deepEqual(after[id], [...new Set([...(before[id] ?? []), 'STARRED'])].sort());
      assert.ok(Number(final.skipped) >= 4, `${final.skipped}`);
      assert.equal(Number(final.changed) > 0, !starsAll);
      assert.equal(sandbox.mailbox.findLabel('Auto/Archived') === undefined, starsAll);
      assert.equal(run.events.filter(({ event }) => event === 'protect.looked_up').length, 1);
    }
  });

  it('creates no label for a rule without remaining messages, but one for the other rule', async () => {
    const rules = ['one', 'two'].map((name) => ({
      name,
      query: `subject:${name}`,
      actions: { addLabels: [`Auto/${name}`] },
    }));
    const mail = ['one', 'one', 'two', 'two'].map((subject) => ({ subject, labels: ['INBOX'] }));
    await using sandbox = await startSandbox({ mailbox: mailboxOf(mail) });
    const ofRuleTwo = await openMailbox(sandbox).mailbox.search('subject:two');
    const yes = () => {
      sandbox.mailbox.modify(
        ofRuleTwo.map(({ id }) => id),
        ['STARRED'],
        [],
      );
      return 'y';
    };
    const args = ['apply-rules', '--from=2014-01-01'];
    const run = await runHere(sandbox, args, { rules: { protect: 'is:starred', rules }, answers: [yes] });
    assertEnded(run, 0, { matched: 4, changed: 2, skipped: 2, remaining: 0 });
    assert.notEqual(sandbox.mailbox.findLabel('Auto/one'), undefined);
    assert.equal(sandbox.mailbox.findLabel('Auto/two'), undefined);
  });

  it('sends no search when nobody was asked or nothing is protected', async () => {
    for (const [rules, options] of [
      [RULES, ['--yes']],
      [{ rules: RULES.rules }, []],
    ] as const) {
      await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
      const run = await runHere(sandbox, ['apply-rules', '--from=2014-01-01', ...options], { rules, answers: ['y'] });
      assertEnded(run, 0, { outcome: 'ok' });
      assert.equal(lookUps(sandbox), 0);
    }
  });
});
