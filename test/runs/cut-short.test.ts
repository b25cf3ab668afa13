/** `job undo` of runs that ended early restores exactly their changes, and no message that was changed after them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere, SentSignals } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { ARCHIVE, forever, STAR } from '../fixtures/starring.ts';
import { changesSent, stateOf } from '../fixtures/years.ts';
import { assertEnded, ChildHandle, type Finished, type RunOptions, runJob } from '../run.ts';
import type { Fault } from '../sandbox/faults.ts';
import { googleErrors, type Sandbox, type SandboxOptions, startSandbox } from '../sandbox/index.ts';

/** Four batches are sent at once; the last, small one waits until one of these is answered. */
const MESSAGES = 4_050;

async function start(count = MESSAGES, options: SandboxOptions = {}) {
  const sandbox = await startSandbox({ mailbox: mailboxOf(many(count, { labels: ['INBOX', 'UNREAD'] })), ...options });
  return { sandbox, before: stateOf(sandbox), [Symbol.asyncDispose]: () => sandbox.close() };
}

const rules = { rules: [ARCHIVE] };

/** Stops a run when it sends this batch. */
async function stoppedAt(sandbox: Sandbox, skip: number, rest: object = rules): Promise<Finished> {
  const signals = new SentSignals();
  const before = () => signals.send('SIGTERM');
  sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', skip, before });
  return await runHere(sandbox, ['apply-rules'], { rules: rest, signals });
}

const idOf = (run: Finished) => String((run.final ?? run.events.find(({ event }) => event === 'run.started'))?.runId);

const undo = (sandbox: Sandbox, run: Finished) => runHere(sandbox, ['undo', idOf(run), '--yes']);

/** The run's events of one family. */
const named = ({ events }: Finished, start: string) =>
  events.flatMap(({ event }) => (String(event).startsWith(start) ? [event] : []));

/** The output of `job runs`, by run id. */
async function listed(sandbox: Sandbox): Promise<Record<string, { messages: number; undone: boolean }>> {
  const { stdout } = await runJob(sandbox, ['runs', '--json']);
  const runs = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  return Object.fromEntries(runs.map(({ runId, messages, undone }) => [runId, { messages, undone }]));
}

/** The labels when only these changes are undone. */
function without(changes: readonly string[], before: Record<string, string[]>, now: Record<string, string[]>) {
  const ids = new Set(changes.map((change) => change.split(' ')[0] ?? ''));
  return Object.fromEntries(Object.entries(now).map(([id, labels]) => [id, (ids.has(id) && before[id]) || labels]));
}

const journals = ({ mailbox }: Sandbox) =>
  mailbox.messages().filter(({ labelIds }) => labelIds.has(mailbox.findLabel('gmail-jobs/journal')?.id ?? ''));

describe('a run that ended early', () => {
  it('by SIGTERM is undone exactly, also when another run has done the rest', async () => {
    await using work = await start();
    const { sandbox, before } = work;
    const first = await stoppedAt(sandbox, 0);
    const { changed } = assertEnded(first, 143, { outcome: 'interrupted' });
    const made = changesSent(sandbox);
    assert.ok(made.length > 0 && made.length < MESSAGES && made.length === changed, `${made.length}`);
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 0, { changed: MESSAGES - made.length });
    const all = stateOf(sandbox);
    const runs = await listed(sandbox);
    assert.deepEqual(runs[idOf(first)], { messages: made.length, undone: false });
    assertEnded(await undo(sandbox, first), 0, { changed: made.length, skipped: 0 });
    assert.deepEqual(stateOf(sandbox), without(made, before, all));
    assert.equal((await listed(sandbox))[idOf(first)]?.undone, true);
    assert.equal(journals(sandbox).filter(({ labelIds }) => labelIds.has('TRASH')).length, 1);
  });

  it('is undone without messages that it had not reached and a person changed', async () => {
    await using work = await start();
    const { sandbox, before } = work;
    const first = await stoppedAt(sandbox, 0, { maxChanges: 10_000, rules: [STAR, { ...ARCHIVE, name: 'then' }] });
    assertEnded(first, 143);
    const made = changesSent(sandbox);
    const changed = new Set(made.map((change) => change.split(' ')[0]));
    const others = Object.keys(before).filter((id) => !changed.has(id));
    sandbox.mailbox.modify(others.slice(0, 300), ['STARRED'], ['INBOX']);
    const all = stateOf(sandbox);
    assertEnded(await undo(sandbox, first), 0, { changed: made.length, skipped: 0 });
    assert.deepEqual(stateOf(sandbox), without(made, before, all));
  });

  it('because Gmail was unavailable is undone with the changes that it may have made, and no more', async () => {
    await using work = await start();
    const { sandbox, before } = work;
    sandbox.faults.add({ kind: 'reset-after', verb: 'messages.batchModify', skip: 2 });
    const away = { ...googleErrors.backendError(), headers: { 'retry-after': '3600' } };
    sandbox.faults.add({ verb: 'messages.batchModify', skip: 2, ...away, ...forever });
    const first = await runHere(sandbox, ['apply-rules'], { rules });
    assertEnded(first, 75);
    const made = Object.entries(stateOf(sandbox)).filter(([, labels]) => !labels.includes('INBOX'));
    sandbox.faults.clear();
    assert.ok(made.length > Number(first.final?.changed), 'some were changed without an answer');
    assertEnded(await undo(sandbox, first), 0, { changed: made.length });
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('with a batch that Gmail refused is undone without that batch', async () => {
    await using work = await start(2_500);
    const { sandbox, before } = work;
    const refusal: Fault = { status: 400, body: { error: { code: 400, message: 'no' } }, verb: 'messages.batchModify' };
    sandbox.faults.add(refusal);
    const first = await runHere(sandbox, ['apply-rules'], { rules });
    assertEnded(first, 65, { failed: 1_000, changed: 1_500 });
    const made = changesSent(sandbox);
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 0, { changed: 1_000 });
    const all = stateOf(sandbox);
    assert.equal((await listed(sandbox))[idOf(first)]?.messages, 1_500);
    assertEnded(await undo(sandbox, first), 0, { changed: 1_500 });
    assert.deepEqual(stateOf(sandbox), without(made, before, all));
  });

  it('is complete when it was told to stop at its last batch', async () => {
    await using work = await start(3);
    const { sandbox } = work;
    assertEnded(await stoppedAt(sandbox, 0), 0, { changed: 3, remaining: 0 });
    const completed = sandbox.mailbox.findLabel('gmail-jobs/completed')?.id ?? '';
    assert.deepEqual(
      journals(sandbox).map(({ labelIds }) => [labelIds.has(completed), labelIds.has('TRASH')]),
      [[true, false]],
    );
  });

  it('is complete when it was told to stop while it marked its journal', async () => {
    for (const at of [{ verb: 'labels.create', skip: 1 }, { verb: 'messages.modify' }]) {
      for (const when of ['before', 'after'] as const) {
        await using work = await start(30);
        const { sandbox, before } = work;
        const signals = new SentSignals();
        sandbox.faults.add({ kind: 'hook', ...at, [when]: () => signals.send('SIGTERM') });
        const twice = { maxChanges: 10_000, rules: [STAR, { ...ARCHIVE, name: 'then' }] };
        const first = await runHere(sandbox, ['apply-rules'], { rules: twice, signals });
        assertEnded(first, 0, { outcome: 'ok', changed: 60 });
        assert.deepEqual(named(first, 'journal.'), ['journal.written']);
        // A message with half of the run's changes: an incomplete run may leave such a message, a complete one does not.
        sandbox.mailbox.modify(Object.keys(before).slice(0, 5), ['INBOX'], []);
        assertEnded(await undo(sandbox, first), 0, { changed: 25, skipped: 5 });
      }
    }
  });

  it('before its first change leaves no journal', async () => {
    await using work = await start(3);
    const { sandbox, before } = work;
    const signals = new SentSignals();
    sandbox.faults.add({ kind: 'hook', verb: 'messages.insert', after: () => signals.send('SIGTERM') });
    const first = await runHere(sandbox, ['apply-rules'], { rules, signals });
    assertEnded(first, 143, { changed: 0 });
    assert.deepEqual(await listed(sandbox), {});
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('by its budget, with the whole quota spent, still has units for the journal', async () => {
    const labels = Array.from({ length: 60 }, (_, index) => `Label ${index}`);
    const mailbox = mailboxOf(many(3, {}), { labels });
    await using sandbox = await startSandbox({ mailbox, quota: { unitsPerMinute: 3_000 } });
    const labelling = labels.map((label, index) => ({
      name: `label-${index}`,
      query: 'subject:hit',
      actions: { addLabels: [label] },
    }));
    const env = { GMAIL_QUOTA_PER_MINUTE: '3000', RUN_BUDGET: '6s' };
    const first = await runHere(sandbox, ['apply-rules'], { rules: { rules: labelling }, env });
    assertEnded(first, 0, { outcome: 'partial' });
    const spent = sandbox.gmail.quota.maxUnitsInAnyMinute;
    assert.ok(spent > 2_900 && spent <= 3_000, `${spent}`);
    assert.equal(first.events.find(({ event }) => event === 'journal.closed')?.messages, first.final?.changed);
    assert.equal(sandbox.gmail.quota.refusals, 0);
  });

  it('keeps its outcome and its first journal when the changes could not be recorded', async () => {
    await using work = await start();
    const { sandbox, before } = work;
    const no = { status: 403, body: { error: { code: 403, message: 'no', errors: [{ reason: 'forbidden' }] } } };
    sandbox.faults.add({ ...no, verb: 'messages.insert', skip: 1, ...forever });
    const first = await stoppedAt(sandbox, 0);
    assertEnded(first, 143, { outcome: 'interrupted' });
    assert.equal(first.events.filter(({ event }) => event === 'journal.not_closed').length, 1);
    assertEnded(await undo(sandbox, first), 0, { failed: 0 });
    assert.deepEqual(stateOf(sandbox), before);
  });

  it('by a kill is undone without messages that another run shows it had not reached', async () => {
    await using work = await start();
    const { sandbox, before } = work;
    const child = new ChildHandle();
    const options: RunOptions = { rules, onStart: child.onStart };
    const kill = () => {
      child.kill('SIGKILL');
      return 'drop';
    };
    sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', skip: 2, before: kill });
    const first = await runJob(sandbox, ['apply-rules'], options);
    assert.equal(first.code, 137);
    sandbox.faults.clear();
    const archived = Object.entries(stateOf(sandbox)).filter(([, labels]) => !labels.includes('INBOX'));
    const made = archived.map(([id]) => id);
    assert.ok(made.length > 0 && made.length < MESSAGES);
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 0, { changed: MESSAGES - made.length });
    const all = stateOf(sandbox);
    assertEnded(await undo(sandbox, first), 0, { changed: made.length, skipped: 0 });
    assert.deepEqual(stateOf(sandbox), without(made, before, all));
  });
});
