import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdSet } from '../../../lib/gmail/ids.ts';
import type { JournalEntry, JournalRecord } from '../../../lib/undo/journal-record.ts';
import { withoutUnreached } from '../../../lib/undo/undo-unreached.ts';

const ARCHIVE = { id: 'INBOX', name: 'INBOX', add: false };
const STAR = { id: 'STARRED', name: 'STARRED', add: true };
const UNSTAR = { ...STAR, add: false };

/** An entry of one step, which changes the messages in `changes`, or all. */
function entryOf(step: JournalEntry['steps'][number], ids: readonly string[], changes = ids): JournalEntry {
  const set = IdSet.of(ids);
  const flags = Uint8Array.from({ length: set.size }, (_, index) => (changes.includes(set.at(index)) ? 1 : 0));
  return { rule: step.name, steps: [step], ids: set, changes: [flags.includes(0) ? flags : null] };
}

/** The messages of each remaining entry, with their flags. */
async function left(entries: readonly JournalEntry[], ...later: (readonly JournalEntry[])[]) {
  const records = later.map((list) => ({ entries: list }) as JournalRecord);
  return (await withoutUnreached(entries, records)).map(({ ids, changes }) => [
    ids.list().reverse().join(),
    changes.map((flags) => flags && [...flags].join('')).join(),
  ]);
}

describe('withoutUnreached', () => {
  it('leaves out messages to which a later run planned the same change', async () => {
    const run = [entryOf(ARCHIVE, ['1', '2', '3', '4', '5'], ['1', '2', '4'])];
    assert.deepEqual(await left(run), [['1,2,3,4,5', '11010']]);
    // The run's own flags say that it did not change message 3, the later run's flags say so of message 5.
    const later = [entryOf(ARCHIVE, ['2', '3', '4', '5', '6'], ['2', '3', '6'])];
    assert.deepEqual(await left(run, later), [['1,3,4,5', '1010']]);
    assert.deepEqual(await left(run, later, [entryOf(ARCHIVE, ['1', '4'])]), [['3,5', '00']]);
  });

  it('does not conclude anything from another or the opposite change', async () => {
    const run = [entryOf(STAR, ['1', '2'])];
    assert.deepEqual(await left(run, [entryOf(ARCHIVE, ['1'])], [entryOf(UNSTAR, ['2'])]), [['1,2', '']]);
  });

  it('leaves out the message in all later entries of the run too', async () => {
    const run = [entryOf(ARCHIVE, ['1', '2']), entryOf(STAR, ['1', '2', '3']), entryOf(UNSTAR, ['1', '2', '3'])];
    assert.deepEqual(await left(run, [entryOf(STAR, ['2'])]), [
      ['1,2', ''],
      ['1,3', ''],
      ['1,3', ''],
    ]);
    assert.deepEqual(await left(run, [entryOf(ARCHIVE, ['1', '2']), entryOf(STAR, ['3'])]), []);
  });
});
