import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdSet } from '../../../lib/gmail/ids.ts';
import { JOURNAL_LABEL } from '../../../lib/gmail/own-labels.ts';
import type { JournalRecord } from '../../../lib/undo/journal-record.ts';
import { JournalStore } from '../../../lib/undo/journal-store.ts';
import { mailboxOf, many } from '../../fixtures/mailbox.ts';
import { verbs } from '../../fixtures/starring.ts';
import { type OpenOptions, openMailbox } from '../../in-process.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

const RUN = '20261123-031608-7f3a';
const STARTED = new Date('2026-11-23T03:16:08.000Z');
const LATER = STARTED.getTime() + 10_800_000;

function recordOf(overrides: Partial<JournalRecord> = {}): JournalRecord {
  const entries = [
    {
      rule: 'one',
      steps: [{ id: 'INBOX', name: 'INBOX', add: false }],
      ids: IdSet.of(['18c1', '18c2']),
      changes: [null],
    },
  ];
  return {
    runId: RUN,
    job: 'apply-rules',
    startedAt: STARTED,
    part: 1,
    parts: 1,
    messages: 2,
    range: null,
    entries,
    ...overrides,
  };
}

async function start(now = LATER) {
  let time = now;
  const mailbox = mailboxOf(many(3, { labels: ['INBOX', 'UNREAD'] }), { now: () => time });
  const sandbox = await startSandbox({ mailbox });
  const wait = async (ms: number) => {
    time += ms;
  };
  const open = (options: OpenOptions = {}) => {
    const opened = openMailbox(sandbox, options);
    return { ...opened, store: new JournalStore({ mailbox: opened.mailbox, wait, now: () => time }) };
  };
  const pass = (ms: number) => {
    time += ms;
  };
  return { sandbox, open, pass, [Symbol.asyncDispose]: () => sandbox.close() };
}

function journalsIn({ mailbox }: Sandbox) {
  const id = mailbox.findLabel(JOURNAL_LABEL)?.id ?? '';
  return mailbox.messages().filter(({ labelIds }) => labelIds.has(id));
}

describe('JournalStore', () => {
  it('writes a journal with its hidden label alone, for 31 quota units the first time and 25 later', async () => {
    await using work = await start();
    const { sandbox } = work;
    const { store, client, tally } = work.open();
    await store.write(recordOf({ parts: 2 }));
    assert.equal(client.statistics.quotaUnits, 31);
    await store.write(recordOf({ part: 2, parts: 2 }));
    assert.equal(client.statistics.quotaUnits, 56);
    const label = sandbox.mailbox.findLabel(JOURNAL_LABEL);
    assert.deepEqual([label?.labelListVisibility, label?.messageListVisibility], ['labelHide', 'hide']);
    const journals = journalsIn(sandbox);
    assert.equal(journals.length, 2);
    for (const { labelIds, internalDateMs } of journals) {
      assert.deepEqual([...labelIds], [label?.id]);
      assert.equal(internalDateMs, STARTED.getTime());
    }
    assert.equal(tally.counts.matched, 0);
    assert.equal(sandbox.mailbox.search('in:anywhere -label:"gmail-jobs/journal"').length, 3);
    assert.equal((await work.open().mailbox.search('in:anywhere')).length, 3);
  });

  it('writes nothing in a dry run', async () => {
    await using work = await start();
    const { store } = work.open({ dryRun: true });
    await store.write(recordOf());
    await store.complete(['18c000000001']);
    assert.deepEqual(verbs(work.sandbox, 'gmail'), []);
  });

  it('uses the label that another run creates at the same moment, and creates it again after it was deleted', async () => {
    await using work = await start();
    const { sandbox } = work;
    sandbox.faults.add({
      kind: 'hook',
      match: ({ verb }) => verb === 'labels.create',
      before: () => sandbox.mailbox.createLabel(JOURNAL_LABEL),
    });
    const { store } = work.open();
    await store.write(recordOf());
    assert.equal(journalsIn(sandbox).length, 1);
    sandbox.mailbox.deleteLabel(sandbox.mailbox.findLabel(JOURNAL_LABEL)?.id ?? '');
    await store.write(recordOf());
    assert.equal(journalsIn(sandbox).length, 1);
  });

  it('sends an insert again when its answer was lost, and reads two copies of a part as one', async () => {
    await using work = await start();
    const { sandbox } = work;
    sandbox.faults.add({ kind: 'reset-after', verb: 'messages.insert' });
    const { store } = work.open();
    await store.write(recordOf());
    assert.equal(journalsIn(sandbox).length, 2);
    const run = await work.open().store.find(RUN);
    assert.deepEqual([run.records.length, run.missing, run.messageIds.length], [1, 0, 2]);
    assert.deepEqual(run.records[0]?.entries[0]?.ids.list(), ['18c2', '18c1']);
  });

  it('rejects when Gmail has not confirmed the journal', async () => {
    await using work = await start();
    const { sandbox } = work;
    sandbox.faults.add({ kind: 'status', verb: 'messages.insert', status: 503, times: 100 });
    await assert.rejects(work.open().store.write(recordOf()), /not available/);
    assert.equal(journalsIn(sandbox).length, 0);
  });

  it('tells whether a run made all its changes, and whether it was undone', async () => {
    await using work = await start();
    const { store } = work.open();
    await store.write(recordOf());
    const begun = await work.open().store.find(RUN);
    assert.deepEqual([begun.completed, begun.undone], [false, false]);
    await store.complete(begun.messageIds);
    await work.open().store.markUndone(begun);
    const done = await work.open().store.find(RUN);
    assert.deepEqual([done.completed, done.undone], [true, true]);
    assert.deepEqual(
      (await work.open().store.list(5)).map(({ runId, undone, daysLeft }) => [runId, undone, daysLeft]),
      [[RUN, true, 30]],
    );
  });

  it('finds all parts of a large run, and says how many are missing', async () => {
    await using work = await start();
    const { store } = work.open();
    for (const part of [1, 2, 3, 9, 10, 17]) await store.write(recordOf({ part, parts: 17 }));
    const run = await work.open().store.find(RUN);
    assert.deepEqual(
      run.records.map(({ part }) => part),
      [1, 2, 3, 9, 10, 17],
    );
    assert.equal(run.missing, 11);
    assert.equal((await work.open().store.list(5)).length, 1);
  });

  it('finds parts beyond the number that the first parts say', async () => {
    for (const [first, all] of [
      [3, 5],
      [8, 9],
      [8, 17],
    ] as const) {
      await using work = await start();
      const { store } = work.open();
      for (let part = 1; part <= all; part += 1) {
        const parts = part <= first ? first : all;
        await store.write(recordOf({ part, parts, messages: 100 * parts }));
      }
      const run = await work.open().store.find(RUN);
      assert.deepEqual([run.records.length, run.missing], [all, 0]);
      const listed = await work.open().store.list(10);
      assert.deepEqual(
        listed.map(({ messages }) => messages),
        [100 * all],
      );
    }
  });

  it('uses a revised part in place of the first writing, and no part after it', async () => {
    await using work = await start();
    const { store } = work.open();
    const ids: (string | undefined)[] = [];
    for (const part of [1, 2, 3]) ids.push(await store.write(recordOf({ part, parts: 9, messages: 900 })));
    await store.write(recordOf({ part: 2, parts: 2, messages: 123, revised: true, entries: [] }), { completed: true });
    // A run that is killed between its insert and its discard leaves both copies.
    for (const discarded of [undefined, ids[1]]) {
      if (discarded !== undefined) await store.discard([discarded]);
      const run = await work.open().store.find(RUN);
      assert.deepEqual(
        run.records.map(({ part, revised, entries }) => [part, revised, entries.length]),
        [
          [1, undefined, 1],
          [2, true, 0],
        ],
      );
      assert.deepEqual([run.completed, run.missing], [true, 0]);
      const listed = await work.open().store.list(10);
      assert.deepEqual(
        listed.map(({ messages }) => messages),
        [123],
      );
    }
  });

  it('uses a corrected part in place of the first writing, and all parts after it', async () => {
    await using work = await start();
    const { store } = work.open();
    const first = await store.write(recordOf({ part: 1, parts: 3, messages: 900 }));
    await store.write(recordOf({ part: 1, parts: 3, messages: 895, corrected: true, entries: [] }));
    await store.write(recordOf({ part: 2, parts: 3, messages: 895 }));
    await store.write(recordOf({ part: 3, parts: 3, messages: 895 }));
    for (const discarded of [[], [first ?? '']]) {
      await store.discard(discarded);
      const { records, missing } = await work.open().store.find(RUN);
      assert.deepEqual(
        records.map(({ part, entries }) => [part, entries.length]),
        [
          [1, 0],
          [2, 1],
          [3, 1],
        ],
      );
      assert.equal(missing, 0);
      assert.deepEqual(
        (await work.open().store.list(10)).map(({ messages }) => messages),
        [895],
      );
    }
  });

  it('reads the journals of later runs, the oldest first, and skips unusable ones', async () => {
    await using work = await start();
    const { sandbox } = work;
    const { store } = work.open();
    const at = (minutes: number) => new Date(STARTED.getTime() + minutes * 60_000);
    const runOf = (minutes: number) => `20261123-0316${String(minutes + 10)}-aaaa`;
    for (const minutes of [-5, 0, 9, 3, 6, 7]) {
      await store.write(recordOf({ runId: minutes === 0 ? RUN : runOf(minutes), startedAt: at(minutes) }));
    }
    const broken = journalsIn(sandbox).find(({ internalDateMs }) => internalDateMs === at(6).getTime());
    assert.ok(broken?.raw);
    broken.raw = broken.raw.replace('H4sI', 'H4sJ');
    const trashed = journalsIn(sandbox).find(({ internalDateMs }) => internalDateMs === at(7).getTime());
    await store.discard([trashed?.id ?? '']);
    const later: string[] = [];
    for await (const { runId } of work.open().store.after(STARTED)) later.push(runId);
    assert.deepEqual(later, [runOf(3), runOf(9)]);
  });

  it('waits up to half a minute for the search to find the journal of a recent run', async () => {
    await using work = await start(STARTED.getTime() + 1_000);
    const { sandbox } = work;
    sandbox.mailbox.searchLagMs = 10_000;
    await work.open().store.write(recordOf());
    assert.equal((await work.open().store.find(RUN)).records.length, 1);
    const lists = () => verbs(sandbox, 'gmail').filter((verb) => verb === 'messages.list').length;
    assert.equal(lists(), 5);
    await assert.rejects(work.open().store.find('20261123-031608-0000'), /no journal of the run/);
    assert.equal(lists(), 16);
  });

  it('finds the last run before searches show it, and announces once that it waits for the journal', async () => {
    await using work = await start(STARTED.getTime() + 1_000);
    const { sandbox } = work;
    await work.open().store.write(recordOf());
    work.pass(60_000);
    sandbox.mailbox.searchLagMs = 10_000;
    const later = { runId: '20261123-031708-abcd', startedAt: new Date('2026-11-23T03:17:08Z') };
    await work.open().store.write(recordOf(later));
    const { store } = work.open();
    assert.equal((await store.last()).runId, later.runId);
    const told: number[] = [];
    await store.find(later.runId, (atMostMs) => told.push(atMostMs));
    assert.deepEqual(told, [30_000]);
  });

  it('puts journals into the trash after 30 days, and costs 6 quota units when there are none', async () => {
    await using work = await start();
    const { sandbox } = work;
    assert.equal(await work.open().store.tidy(), 0);
    await work.open().store.write(recordOf());
    work.pass(29 * 86_400_000);
    const { store, client } = work.open();
    assert.equal(await store.tidy(), 0);
    assert.equal(client.statistics.quotaUnits, 6);
    work.pass(86_400_000);
    const { store: late, tally } = work.open();
    assert.equal(await late.tidy(), 1);
    assert.ok(journalsIn(sandbox).every(({ labelIds }) => labelIds.has('TRASH')));
    assert.equal(tally.counts.matched, 0);
    assert.equal(await work.open().store.tidy(), 0);
    await assert.rejects(work.open().store.find(RUN), /in the trash/);
    assert.deepEqual(await work.open().store.list(5), []);
  });

  it('neither reads nor discards a message that it cannot have written, even with the journal label', async () => {
    await using work = await start();
    const { sandbox } = work;
    const { mailbox } = sandbox;
    await work.open().store.write(recordOf());
    const [journal] = journalsIn(sandbox);
    assert.ok(journal?.raw);
    const own = journal.raw;
    const labelId = mailbox.findLabel(JOURNAL_LABEL)?.id ?? '';
    mailbox.delete([journal.id]);
    const fakes: Record<string, readonly [raw: string, labels: readonly string[]]> = {
      'a mail of a person with the label': ['From: bob@example.com\r\nSubject: trip\r\n\r\nx', [labelId]],
      'a journal without the label': [own, []],
      'a mail from outside with the label': [`Delivered-To: alice@example.com\r\n${own}`, [labelId]],
      'the same by other traces of its delivery': [`Return-Path: <a@b.example>\r\n${own}`, [labelId]],
      'a mail in the inbox with the label': [own, [labelId, 'INBOX', 'UNREAD']],
      'a mail that was sent': [own, [labelId, 'SENT']],
      'a mail of another sender': [own.replace('From: gmail-jobs', 'From: Eve'), [labelId]],
      'a mail with another Message-ID': [own.replace('Message-ID: <journal.', 'Message-ID: <my.'), [labelId]],
      'a mail whose Message-ID is of another run': [own.replace(`Run: ${RUN}`, 'Run: 20261123-031608-0000'), [labelId]],
    };
    for (const [name, [raw, labels]] of Object.entries(fakes)) {
      const { id } = await mailbox.insert(raw, labels, STARTED.getTime());
      const before = mailbox.snapshot()[id];
      await assert.rejects(work.open().store.find(RUN), /no journal of the run/, name);
      assert.deepEqual(await work.open().store.list(5), [], name);
      for await (const record of work.open().store.after(new Date(STARTED.getTime() - 3_600_000)))
        assert.fail(`${name}: ${record.runId}`);
      work.pass(40 * 86_400_000);
      assert.equal(await work.open().store.tidy(), 0, name);
      assert.deepEqual(mailbox.snapshot()[id], before, name);
      work.pass(-40 * 86_400_000);
      mailbox.delete([id]);
    }
    await mailbox.insert(own, [labelId], STARTED.getTime());
    assert.equal((await work.open().store.find(RUN)).records.length, 1);
  });

  it('does not read ordinary mail that a person labelled as a journal', async () => {
    await using work = await start();
    const { sandbox } = work;
    await work.open().store.write(recordOf());
    const labelId = sandbox.mailbox.findLabel(JOURNAL_LABEL)?.id ?? '';
    const ids = sandbox.mailbox.messages().map(({ id }) => id);
    sandbox.mailbox.modify(ids, [labelId], []);
    work.pass(40 * 86_400_000);
    const { store, client } = work.open();
    assert.equal(await store.tidy(), 1);
    assert.equal(client.statistics.quotaUnits, 1 + 5 + 20 + 5);
  });

  it('uses only messages with the label, and no damaged ones', async () => {
    await using work = await start();
    const { sandbox } = work;
    await work.open().store.write(recordOf());
    const [journal] = journalsIn(sandbox);
    const labelId = sandbox.mailbox.findLabel(JOURNAL_LABEL)?.id ?? '';
    assert.ok(journal?.raw);
    const { raw } = journal;
    journal.raw = raw.replace('H4sI', 'H4sJ');
    await assert.rejects(work.open().store.find(RUN), /The journal is damaged/);
    journal.raw = raw;
    assert.equal((await work.open().store.find(RUN)).records.length, 1);
    // Anybody can send a message that looks like a journal.
    await sandbox.mailbox.insert(raw, ['INBOX']);
    assert.equal((await work.open().store.find(RUN)).messageIds.length, 1);
    sandbox.mailbox.modify([journal.id], ['INBOX'], [labelId]);
    await assert.rejects(work.open().store.find(RUN), /no journal of the run/);
    assert.deepEqual(await work.open().store.list(5), []);
  });
});
