import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JournaledPortion } from '../../../lib/gmail/apply-plan.ts';
import { IdSet } from '../../../lib/gmail/ids.ts';
import { RunJournal } from '../../../lib/undo/journal.ts';
import { JournalStore } from '../../../lib/undo/journal-store.ts';
import { mailboxOf, many } from '../../fixtures/mailbox.ts';
import { openMailbox, recordLog } from '../../in-process.ts';
import { startSandbox } from '../../sandbox/index.ts';

const RUN = '20261123-031608-7f3a';

/** A portion of 1,500 messages, in two batches, that are archived; every other message was in the inbox. */
function portionOf(part: number, parts: number): JournaledPortion {
  const ids = IdSet.of(Array.from({ length: 1_500 }, (_, index) => (part * 0x10_0000 + index).toString(16)));
  const effects = [Uint8Array.from({ length: ids.size }, (_, index) => index % 2)];
  const operations = [{ add: false, label: 'INBOX' }];
  const portion = [{ window: null, changes: [{ ids, effects }] }];
  const plan = { sets: [{ name: 'archive', operations, found: ids.size }], windows: portion };
  const resolved = [[{ id: 'INBOX', name: 'INBOX', add: false }]];
  return { portion, plan, resolved, part, parts, messages: 1_500 * parts };
}

type Fate = 'changed' | 'doubtful' | 'refused' | 'unsent';

/** A run of three parts that ends early; `fates` says for each part what became of its batches. */
async function play(...fates: readonly (readonly Fate[])[]) {
  const sandbox = await startSandbox({ mailbox: mailboxOf(many(1, {})) });
  const { mailbox, client } = openMailbox(sandbox);
  const { log, named } = recordLog();
  const calls: string[] = [];
  const journal = new RunJournal({
    mailbox,
    openAtEnd: () => openMailbox(sandbox).mailbox,
    quota: { holdBack: () => calls.push('hold back'), release: () => calls.push('release') },
    signal: new AbortController().signal,
    runId: RUN,
    job: 'apply-rules',
    startedAt: new Date('2026-11-23T03:16:08.000Z'),
    wait: async () => undefined,
    log,
  });
  for (const [index, batches] of fates.entries()) {
    await journal.writePortion(portionOf(index + 1, 3));
    for (const [batch, fate] of batches.entries()) {
      const state = { isConfirmed: fate === 'changed', mayBeApplied: fate === 'doubtful', leftOut: [] };
      journal.beginBatch(0, batch, batch === 0 ? 1_000 : 500, state);
    }
  }
  await Promise.all([journal.close(), journal.close()]);
  const store = new JournalStore({ mailbox: openMailbox(sandbox).mailbox, wait: async () => undefined });
  return { store, named, calls, client, [Symbol.asyncDispose]: () => sandbox.close() };
}

function allRefused(): Fate[][] {
  return Array.from({ length: 3 }, () => ['refused', 'refused']);
}

describe('RunJournal', () => {
  it('records the changes of a run that ended in its second part', async () => {
    await using work = await play(['changed', 'changed'], ['changed', 'unsent']);
    const { records, completed, missing } = await work.store.find(RUN);
    assert.deepEqual([completed, missing], [true, 0]);
    assert.deepEqual(
      records.map(({ part, parts, messages, revised }) => [part, parts, messages, revised]),
      [
        [1, 3, 4_500, undefined],
        [2, 2, 2_500, true],
      ],
    );
    // The newest thousand messages, with the flags of each.
    const [entry] = records[1]?.entries ?? [];
    assert.deepEqual([entry?.ids.size, entry?.ids.at(0)], [1_000, (0x20_0000 + 500).toString(16)]);
    assert.deepEqual([...(entry?.changes[0] ?? [])].slice(0, 4), [0, 1, 0, 1]);
    assert.deepEqual(
      work.named('journal.closed').map(({ messages }) => messages),
      [2_500],
    );
    assert.deepEqual(work.calls, ['hold back', 'hold back', 'release']);
  });

  it('marks the journal complete only if every batch was answered and no earlier part was refused', async () => {
    for (const [first, second, completed, messages] of [
      [['changed', 'changed'], ['changed', 'doubtful'], false, 3_000],
      [['changed', 'refused'], ['changed', 'unsent'], false, 2_000],
      [['changed', 'changed'], ['refused', 'changed'], true, 2_000],
      [['changed', 'changed'], ['unsent', 'unsent'], true, 1_500],
    ] as const) {
      await using work = await play(first, second);
      const run = await work.store.find(RUN);
      assert.deepEqual([run.completed, run.missing, run.records.at(-1)?.messages], [completed, 0, messages]);
      assert.deepEqual(
        (await work.store.list(3)).map((each) => each.messages),
        [messages],
      );
    }
  });

  it('discards the journals of a run that changed nothing, in any part', async () => {
    for (const fates of [
      [['unsent', 'refused']],
      [
        ['refused', 'refused'],
        ['refused', 'unsent'],
      ],
      allRefused(),
    ] as const) {
      await using work = await play(...fates);
      await assert.rejects(work.store.find(RUN), /in the trash/);
      assert.deepEqual(await work.store.list(3), []);
      assert.deepEqual(work.named('journal.closed'), []);
    }
  });
});
