/** The entries of a journal: what a portion of a plan is about to do, and what of it is left when some was not done. */
import { GmailRefusal } from '../gmail/answers.ts';
import type { JournalPage } from '../gmail/carry-out.ts';
import { IdSet } from '../gmail/ids.ts';
import type { JournalEntry } from './journal-record.ts';

/**
 * What each set does to its messages, part by part of the portion, and before that which of them are hidden places;
 * of each set only the messages in `made`, if that is given.
 */
export function entriesOf({ portion, plan, resolved }: JournalPage, made?: readonly IdSet[]): JournalEntry[] {
  const entries: JournalEntry[] = [];
  const all = IdSet.union(made ?? portion.flatMap(({ changes }) => changes.map(({ ids }) => ids)));
  for (const { label, ids } of plan.places ?? []) {
    const marks = all.marks(ids);
    const there = all.filter((at) => marks[at] === 1);
    if (there.size === 0) continue;
    // An entry that changes nothing says in which state the messages were all along.
    const step = { id: label, name: label, add: true };
    entries.push({ rule: label, steps: [step], ids: there, changes: [new Uint8Array(there.size)] });
  }
  for (const { changes } of portion) {
    for (const [set, { ids, effects = [] }] of changes.entries()) {
      const labels = resolved[set];
      if (ids.size === 0 || labels === undefined || labels instanceof GmailRefusal) continue;
      const steps = labels.flatMap((step, index) => (step === null ? [] : [{ step, flags: effects[index] ?? null }]));
      if (steps.length === 0) continue;
      const entry = {
        rule: plan.sets[set]?.name ?? '',
        steps: steps.map(({ step }) => step),
        ids,
        changes: steps.map(({ flags }) => flags),
      };
      const left = made === undefined ? entry : keepMarked(entry, ids.marks(made[set] ?? IdSet.empty));
      if (left.ids.size > 0) entries.push(left);
    }
  }
  return entries;
}

/** The entry with those messages alone that are marked with 1, by index. */
export function keepMarked(entry: JournalEntry, marks: Uint8Array): JournalEntry {
  if (!marks.includes(0)) return entry;
  return {
    ...entry,
    ids: entry.ids.filter((index) => marks[index] === 1),
    changes: entry.changes.map((flags) => flags?.filter((_, at) => marks[at] === 1) ?? null),
  };
}
