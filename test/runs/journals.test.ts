/** Journals of runs: when they are written, that no other job sees them, and that `job undo` restores every action. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many, type PlainMessage } from '../fixtures/mailbox.ts';
import { mailboxOfYears, RULES, stateOf } from '../fixtures/years.ts';
import { assertEnded, type Finished, runJob } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

const YEARS = ['--from=2015-01-01', '--yes'];

function apply(sandbox: Sandbox, rules: object = RULES, args: readonly string[] = []) {
  return runHere(sandbox, ['apply-rules', ...args], { rules });
}

function undo(sandbox: Sandbox, run: Finished) {
  return runHere(sandbox, ['undo', String(run.final?.runId), '--yes']);
}

function journals({ mailbox }: Sandbox) {
  const label = mailbox.findLabel('gmail-jobs/journal')?.id ?? 'none';
  return mailbox.messages().filter(({ labelIds }) => labelIds.has(label));
}

const verbs = ({ requests }: Sandbox) => requests.map(({ verb }) => verb);

const rule = (query: string, actions: object, more: object = {}) => ({ name: 'a-rule', query, actions, ...more });

describe('the journal of a run', () => {
  it('is written before the first change, and marked complete after the last', async () => {
    for (const args of [[], YEARS]) {
      await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
      const run = await apply(sandbox, RULES, args);
      const final = assertEnded(run, 0, { outcome: 'ok' });
      const sent = verbs(sandbox).filter((verb) => /^messages\.(insert|batchModify|modify)$/.test(verb));
      assert.deepEqual(sent, ['messages.insert', 'messages.batchModify', 'messages.batchModify', 'messages.modify']);
      const written = run.events.filter(({ event }) => event === 'journal.written');
      assert.deepEqual(
        written.map(({ part, parts, messages }) => [part, parts, messages]),
        [[1, 1, final.changed]],
      );
      assert.equal(journals(sandbox).length, 1);
    }
  });

  it('is not written for a run without changes, for a dry run, or with undo: false', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
    assertEnded(await apply(sandbox, RULES, ['--dry-run']), 0);
    assertEnded(await apply(sandbox, { rules: [rule('subject:nothing', { trash: true })] }), 0, { matched: 0 });
    assertEnded(await apply(sandbox, { ...RULES, undo: false }), 0, { outcome: 'ok' });
    assertEnded(await apply(sandbox, { ...RULES, undo: false }, YEARS), 0, { outcome: 'nothing-to-do' });
    assert.equal(verbs(sandbox).filter((verb) => verb === 'messages.insert').length, 0);
    assert.equal(sandbox.mailbox.findLabel('gmail-jobs/journal'), undefined);
  });

  it('stops the run before its first change when it cannot be written', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
    const before = stateOf(sandbox);
    const refusal = { error: { code: 403, message: 'no', errors: [{ reason: 'forbidden' }] } };
    sandbox.faults.add({ verb: 'messages.insert', status: 403, body: refusal, times: 9 });
    const run = await apply(sandbox);
    assert.notEqual(run.code, 0);
    assertEnded(run, run.code, { outcome: 'failed', changed: 0 });
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('is found by no rule and no digest', async () => {
    const dayMs = 86_400_000;
    const noon = new Date(Math.floor(Date.now() / dayMs) * dayMs - dayMs / 2).toISOString();
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(4, { at: noon })) });
    assertEnded(await apply(sandbox, { rules: [rule('subject:hit', { star: true })] }), 0, { changed: 4 });
    const [journal] = journals(sandbox);
    assert.ok(journal);
    journal.internalDateMs = Date.parse(noon) + 1_000;
    for (const args of [[], YEARS]) {
      const actions = args === YEARS ? { markUnread: true } : { addLabels: ['Everything'] };
      const run = await apply(sandbox, { rules: [rule('in:anywhere', actions, { keepNewest: 1 })] }, args);
      assertEnded(run, 0, { matched: 4, changed: 3, skipped: 1 });
    }
    assertEnded(await apply(sandbox, { rules: [rule('from:me OR subject:gmail-jobs', { trash: true })] }), 0, {
      matched: 0,
    });
    assert.equal([...journal.labelIds].length, 2);
    const already = sandbox.requests.length;
    assertEnded(await runHere(sandbox, ['digest', '--period', 'day']), 0, { outcome: 'ok' });
    const read = sandbox.requests.slice(already).filter(({ path }) => path.includes(journal.id));
    assert.deepEqual(read, []);
  });

  it('is put into the trash after 30 days by the next run, and not before', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
    for (const actions of [{ star: true }, { archive: true }]) {
      assertEnded(await apply(sandbox, { rules: [rule('subject:hit', actions)] }), 0, { changed: 3 });
    }
    const [young, old] = journals(sandbox);
    assert.ok(young && old);
    young.internalDateMs -= 29 * 86_400_000;
    old.internalDateMs -= 32 * 86_400_000;
    const dry = await apply(sandbox, { rules: [rule('subject:hit', { star: true })] }, ['--dry-run']);
    assertEnded(dry, 0);
    assert.ok(!old.labelIds.has('TRASH'));
    const run = await apply(sandbox, { rules: [rule('subject:hit', { star: true })] });
    assertEnded(run, 0, { outcome: 'nothing-to-do' });
    assert.deepEqual(
      run.events.filter(({ event }) => event === 'journal.trashed').map(({ count }) => count),
      [1],
    );
    assert.deepEqual([old.labelIds.has('TRASH'), young.labelIds.has('TRASH')], [true, false]);
  });
});

it('mail that only looks like a journal is neither discarded nor listed, even with the label', async () => {
  await using sandbox = await startSandbox({
    mailbox: mailboxOf([...many(3, {}), { subject: 'trip', labels: ['UNREAD'] }]),
  });
  const { mailbox } = sandbox;
  const first = await apply(sandbox, { rules: [rule('subject:hit', { star: true })] });
  const [journal] = journals(sandbox);
  assert.ok(journal?.raw);
  const label = mailbox.findLabel('gmail-jobs/journal')?.id ?? '';
  // A copy from outside and a person's mail, both old and labelled by hand.
  const long = '20260101-000000-abcd';
  const raw = `Delivered-To: alice@example.com\r\n${journal.raw.replaceAll(String(first.final?.runId), long)}`;
  const copy = await mailbox.insert(raw, [label, 'CATEGORY_UPDATES'], Date.parse('2026-01-01'));
  const trip = mailbox.messages().find(({ subject }) => subject === 'trip');
  mailbox.modify([trip?.id ?? ''], [label], []);
  mailbox.delete([journal.id]);
  const before = mailbox.snapshot();
  assertEnded(await apply(sandbox, { rules: [rule('subject:none', { trash: true })] }), 0, {
    outcome: 'nothing-to-do',
  });
  const undone = await runHere(sandbox, ['undo', long, '--yes']);
  assertEnded(undone, 65, { outcome: 'failed', changed: 0 });
  assert.match(String(undone.final?.error), /no journal of the run/);
  const listed = await runJob(sandbox, ['runs', '--json']);
  assert.deepEqual([listed.code, listed.stdout], [0, '']);
  assert.deepEqual(mailbox.snapshot(), before);
  assert.ok(mailbox.get(copy.id)?.labelIds.has(label));
});

it('a run that changed nothing leaves no journal', async () => {
  const refusal = (message: string) => ({ status: 400, body: { error: { code: 400, message, errors: [] } }, times: 9 });
  for (const [actions, verb] of [
    [{ addLabels: ['Some'] }, 'labels.create'],
    [{ star: true }, 'messages.batchModify'],
  ] as const) {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
    const match = ({ body }: { body: unknown }) => !JSON.stringify(body).includes('gmail-jobs');
    sandbox.faults.add({ verb, match, ...refusal('no') });
    const run = await apply(sandbox, { rules: [rule('subject:hit', actions)] });
    assertEnded(run, 65, { changed: 0, failed: 3 });
    const listed = await runJob(sandbox, ['runs', '--json']);
    assert.deepEqual([listed.code, listed.stdout], [0, '']);
  }
});

describe('undo of a run of apply-rules', () => {
  const changeable = ['INBOX', 'UNREAD', 'STARRED', 'IMPORTANT', 'Old'];
  /** Half of all combinations of labels: any two labels occur together, each alone, and neither. */
  const states = Array.from({ length: 2 ** changeable.length }, (_, bits) =>
    changeable.filter((_, bit) => (bits & (1 << bit)) !== 0),
  ).filter(({ length }) => length % 2 === 0);
  const everyState = (subject: string): PlainMessage[] => states.map((labels) => ({ subject, labels }));
  const hidden = (subject: string): PlainMessage[] =>
    ['TRASH', 'SPAM'].map((place) => ({ subject, labels: [place, 'UNREAD'] }));
  const actions: readonly object[] = [
    { archive: true },
    { trash: true },
    { markRead: true },
    { markUnread: true },
    { star: true },
    { unstar: true },
    { markImportant: true },
    { markUnimportant: true },
    { addLabels: ['Brand/New'] },
    { addLabels: ['old'] },
    { removeLabels: ['OLD'] },
    { archive: true, markRead: true, star: true, addLabels: ['Another', 'Old'] },
    { trash: true, markRead: true, removeLabels: ['Old'] },
    { addLabels: ['INBOX'], removeLabels: ['Nowhere'], unstar: true },
  ];
  const messages = actions.flatMap((_, index) => everyState(`hit${index}`));
  const mail = [...messages, ...hidden('anywhere'), ...everyState('miss')];
  const rules = [
    ...actions.map((action, index) => ({ name: `rule-${index}`, query: `subject:hit${index}`, actions: action })),
    { name: 'hidden', query: 'in:anywhere subject:anywhere', actions: { markRead: true, star: true } },
  ];

  for (const args of [[], ['--from=2015-01-01', '--max-share=100%', '--yes']]) {
    it(`restores every message after each action${args.length > 0 ? ' of a backfill' : ''}, and leaves the others alone`, async () => {
      await using sandbox = await startSandbox({ mailbox: mailboxOf(mail) });
      const before = stateOf(sandbox);
      const run = await apply(sandbox, { rules }, args);
      assertEnded(run, 0, { outcome: 'ok', failed: 0, remaining: 0 });
      for (const { rule, toChange } of run.events.filter(({ event }) => event === 'rule.planned')) {
        assert.ok(Number(toChange) > 1, String(rule));
      }
      const after = stateOf(sandbox);
      const changed = Object.keys(before).filter((id) => `${after[id]}` !== `${before[id]}`);
      const undone = await undo(sandbox, run);
      assertEnded(undone, 0, { matched: changed.length, changed: changed.length, skipped: 0 });
      assert.deepEqual(stateOf(sandbox), before);
    });
  }

  it('restores the changes of overlapping and opposing rules, and leaves alone messages that were changed since', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(everyState('hit')) });
    const before = stateOf(sandbox);
    const overlapping = [
      { archive: true, star: true },
      { unstar: true, addLabels: ['New'] },
      { markRead: true },
      { trash: true },
    ];
    const run = await apply(sandbox, {
      rules: overlapping.map((actions, index) => ({
        name: `r${index}`,
        query: index === 3 ? 'subject:hit is:important' : 'subject:hit',
        actions,
      })),
    });
    assertEnded(run, 0, { outcome: 'ok' });
    const touched = Object.keys(before).find((id) => before[id]?.includes('INBOX')) ?? '';
    sandbox.mailbox.modify([touched], ['INBOX'], []);
    const kept = stateOf(sandbox)[touched];
    assertEnded(await undo(sandbox, run), 0, { skipped: 1 });
    assert.deepEqual(stateOf(sandbox), { ...before, [touched]: kept });
  });
});
