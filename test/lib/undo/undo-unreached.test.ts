import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdSet } from '../../../lib/gmail/ids.ts';
import type { JournalEntry, JournalRecord } from '../../../lib/undo/journal-record.ts';
import { withoutUnreached } from '../../../lib/undo/undo-unreached.ts';

const ARCHIVE = { id: 'INBOX', name: 'INBOX', add: false };
const STAR = { id: 'STARRED', name: 'STARRED', add: true };
const UNSTAR = { ...STAR, add: false };

/** An entry of one step, which really changes the messages in `changes`, or all. */
function entryOf(step: JournalEntry['steps'][number], ids: readonly string[], changes = ids): JournalEntry {
  const set = IdSet.of(ids);
  const flags = Uint8Array.from({ length: set.size }, (_, index) => (changes.includes(set.at(index)) ? 1 : 0));
  return { rule: step.name, steps: [step], ids: set, changes: [flags.includes(0) ? flags : null] };
}

/** The messages of each entry that is left, and which of them it changes. */
async function left(entries: readonly JournalEntry[], ...later: (readonly JournalEntry[])[]) {
  const records = later.map((list) => ({ entries: list }) as JournalRecord);
  return (await withoutUnreached(entries, records)).map(({ ids, changes }) => [
    ids.list().reverse().join(),
    changes.map((flags) => flags && [...flags].join('')).join(),
  ]);
}

describe('withoutUnreached', () => {
  it('leaves out what a later run was about to change in the same way', async () => {
    const run = [entryOf(ARCHIVE, ['1', '2', '3', '4', '5'], ['1', '2', '4'])];
    assert.deepEqual(await left(run), [['1,2,3,4,5', '11010']]);
    // Of 3 it is known that the run did not change it, and of 5 the later run says so of itself.
    const later = [entryOf(ARCHIVE, ['2', '3', '4', '5', '6'], ['2', '3', '6'])];
    assert.deepEqual(await left(run, later), [['1,3,4,5', '1010']]);
    assert.deepEqual(await left(run, later, [entryOf(ARCHIVE, ['1', '4'])]), [['3,5', '00']]);
  });

  it('takes no other change for a proof, nor the opposite one', async () => {
    const run = [entryOf(STAR, ['1', '2'])];
    assert.deepEqual(await left(run, [entryOf(ARCHIVE, ['1'])], [entryOf(UNSTAR, ['2'])]), [['1,2', '']]);
  });

  it('leaves out with it what the run would have done to the message after that', async () => {
    const run = [entryOf(ARCHIVE, ['1', '2']), entryOf(STAR, ['1', '2', '3']), entryOf(UNSTAR, ['1', '2', '3'])];
    assert.deepEqual(await left(run, [entryOf(STAR, ['2'])]), [
      ['1,2', ''],
      ['1,3', ''],
      ['1,3', ''],
    ]);
    assert.deepEqual(await left(run, [entryOf(ARCHIVE, ['1', '2']), entryOf(STAR, ['3'])]), []);
  });
});
