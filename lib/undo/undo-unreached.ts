/**
 * What later runs tell of a run that was killed: of a message that one of them was about to change in the same way, the
 * labels were as before at that time, so the killed run had not come to it.
 */

import { IdSet } from '../gmail/ids.ts';
import type { LabelStep } from '../gmail/mailbox-labels.ts';
import { keepMarked } from './journal-entries.ts';
import type { JournalEntry, JournalRecord } from './journal-record.ts';

/** The entries of the run, in its order, without the messages that `later` shows it had not come to. */
export async function withoutUnreached(
  entries: readonly JournalEntry[],
  later: AsyncIterable<JournalRecord> | Iterable<JournalRecord>,
): Promise<JournalEntry[]> {
  const unreached = entries.map(({ ids }) => new Uint8Array(ids.size));
  for await (const record of later) {
    for (const [index, entry] of entries.entries()) {
      for (const after of record.entries) markChangedByBoth(entry, after, unreached[index] as Uint8Array);
    }
  }
  // A run comes to its entries in their order: to a message that it had not come to in one, it came in none after that.
  let dropped = IdSet.empty;
  return entries.flatMap((entry, index) => {
    const own = entry.ids.filter((at) => unreached[index]?.[at] === 1);
    dropped = IdSet.union([dropped, own]);
    const marks = entry.ids.marks(dropped).map((mark) => 1 - mark);
    return marks.includes(1) ? [keepMarked(entry, marks)] : [];
  });
}

/** Marks those messages of which both entries say that they really change the same label in the same way. */
function markChangedByBoth(entry: JournalEntry, after: JournalEntry, marks: Uint8Array): void {
  for (const [index, step] of entry.steps.entries()) {
    const other = after.steps.findIndex((candidate) => isSame(step, candidate));
    if (other < 0) continue;
    const changedAfter = after.changes[other] ?? null;
    const both = entry.ids.marks(changedAfter === null ? after.ids : after.ids.filter((at) => changedAfter[at] === 1));
    const changed = entry.changes[index] ?? null;
    for (const [at, mark] of both.entries()) {
      if (mark === 1 && (changed === null || changed[at] === 1)) marks[at] = 1;
    }
  }
}

function isSame(one: LabelStep, two: LabelStep): boolean {
  return one.id === two.id && one.add === two.add;
}
