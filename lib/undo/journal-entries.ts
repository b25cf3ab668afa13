/** Converts a portion of a plan to journal entries: all planned changes, or only those that the run has made. */
import type { BatchState } from '../gmail/apply-batches.ts';
import type { JournaledPortion } from '../gmail/apply-plan.ts';
import { batchCount, batchesOf } from '../gmail/change-plan.ts';
import { IdCollector, IdSet } from '../gmail/ids.ts';
import { GmailRefusal } from '../gmail/responses.ts';
import type { JournalEntry } from './journal-record.ts';

/**
 * Returns the portion's entries in the order of its changes, after one for each place (Trash, Spam) in which messages
 * already are. With `made`, which has the changed messages of each set, all other messages are left out.
 */
export function entriesOf({ portion, plan, resolved }: JournaledPortion, made?: readonly IdSet[]): JournalEntry[] {
  const entries: JournalEntry[] = [];
  const all = IdSet.union(made ?? portion.flatMap(({ changes }) => changes.map(({ ids }) => ids)));
  for (const { label, ids } of plan.places ?? []) {
    const marks = all.marks(ids);
    const there = all.filter((at) => marks[at] === 1);
    if (there.size === 0) continue;
    // An entry whose step changes nothing records that the messages were in this place before the run.
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

/** Returns the entry with only the messages whose mark, by index, is 1. */
export function keepMarked(entry: JournalEntry, marks: Uint8Array): JournalEntry {
  if (!marks.includes(0)) return entry;
  return {
    ...entry,
    ids: entry.ids.filter((index) => marks[index] === 1),
    changes: entry.changes.map((flags) => flags?.filter((_, at) => marks[at] === 1) ?? null),
  };
}

/** Follows the batches of one portion while the run sends them, and tells which messages were changed. */
export class BatchProgress {
  readonly #portion: JournaledPortion;
  /** By set, then by batch number. */
  readonly #batches: { readonly messages: number; readonly state: BatchState }[][];

  constructor(portion: JournaledPortion) {
    this.#portion = portion;
    this.#batches = portion.plan.sets.map(() => []);
  }

  begin(set: number, batch: number, messages: number, state: BatchState): void {
    const batches = this.#batches[set];
    if (batches !== undefined) batches[batch] = { messages, state };
  }

  /** How many changes were made, including those whose request was sent but not answered. */
  get count(): number {
    const made = this.#batches.flat().filter(({ state }) => mayBeMade(state));
    return made.reduce((sum, { messages, state }) => sum + messages - state.leftOut.length, 0);
  }

  /** How many changes were left out before they were sent, because protect finds their message. */
  get leftOut(): number {
    return this.#batches.flat().reduce((sum, { state }) => sum + state.leftOut.length, 0);
  }

  /** Whether a batch was sent and never answered. */
  get isDoubtful(): boolean {
    return this.#batches.flat().some(({ state }) => state.mayBeApplied && !state.isConfirmed);
  }

  /** Whether Gmail confirmed all changes of the portion, apart from those that were left out. */
  get isWhole(): boolean {
    const { portion, plan, resolved } = this.#portion;
    return plan.sets.every((_, set) => {
      const labels = resolved[set];
      if (labels === undefined || labels instanceof GmailRefusal || labels.every((label) => label === null))
        return true;
      const changed = this.#batches[set]?.filter(({ state }) => state.isConfirmed) ?? [];
      return changed.length === batchCount(portion, set);
    });
  }

  /** By set, the messages that were changed, including those whose request was sent but not answered. */
  get messages(): IdSet[] {
    const { portion, plan } = this.#portion;
    return plan.sets.map((_, set) => {
      const batches = this.#batches[set] ?? [];
      if (batches.length === 0) return IdSet.empty;
      const ids = new IdCollector();
      let number = 0;
      for (const batch of batchesOf(portion, set)) {
        if (mayBeMade(batches[number]?.state)) for (const id of batch.ids) ids.add(id);
        number += 1;
      }
      return ids.finish().without(IdSet.of(batches.flatMap(({ state }) => state.leftOut)));
    });
  }
}

function mayBeMade(state: BatchState | undefined): boolean {
  return state !== undefined && (state.isConfirmed || state.mayBeApplied);
}
