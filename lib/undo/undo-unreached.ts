/**
 * Finds the messages that a killed run never changed. When a later run's journal plans the same change of the same
 * message, the message still had its old labels then, so the killed run had not reached it.
 */
import { IdSet } from '../gmail/ids.ts';
import type { LabelStep } from '../gmail/mailbox-labels.ts';
import { keepMarked } from './journal-entries.ts';
import type { JournalEntry, JournalRecord } from './journal-record.ts';

/** Returns the killed run's entries without the messages that, as the journals of `later` runs show, it never reached. */
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
  // A run works through its entries in order: a message not reached in one entry was not reached in a later one.
  let dropped = IdSet.empty;
  return entries.flatMap((entry, index) => {
    const own = entry.ids.filter((at) => unreached[index]?.[at] === 1);
    dropped = IdSet.union([dropped, own]);
    const marks = entry.ids.marks(dropped).map((mark) => 1 - mark);
    return marks.includes(1) ? [keepMarked(entry, marks)] : [];
  });
}

/** Sets `marks` to 1 for each message of `entry` to which both entries make the same change of the same label. */
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
