/**
 * Finds out which messages a change really changes, so that the run's counts are exact and its journal records what an undo
 * has to restore. Searches for the labels or reads the messages, whichever costs fewer quota units. Changes nothing.
 */
import {
  type ChangePlan,
  type ChangeSet,
  type LabelOperation,
  type PlannedChange,
  planOf,
  totalOf,
} from './change-plan.ts';
import { findGone, type MailReader } from './gone.ts';
import { IdSet } from './ids.ts';
import { type Label, type LabelDirectory, labelSearch, normalizeLabel } from './labels.ts';
import { PAGE_SIZE } from './list-page.ts';
import { unitsOf } from './units.ts';

export interface LabelReader extends MailReader {
  /** How many messages have the label. 1 quota unit. */
  readonly count: (label: Label) => Promise<number>;
}

/** The journal records which messages were in Trash or Spam before the run, so that an undo leaves them there. */
const PLACES = ['TRASH', 'SPAM'] as const;

/** Key of a label → the messages that have the label. */
type Carrying = Map<string, IdSet>;

interface MadeChange {
  readonly label: string;
  readonly add: boolean;
  readonly ids: IdSet;
}

/** The changes of one run, so that a later change knows the earlier ones, which Gmail's searches do not show at once. */
export class RunChanges {
  /** The number of changes in all plans of the run so far. */
  planned = 0;
  #made: MadeChange[] = [];
  /** Messages whose change Gmail has not confirmed. */
  #doubtful = IdSet.empty;
  /** Messages that a search of the run has found, so they exist. */
  #found = IdSet.empty;
  #last: Promise<unknown> = Promise.resolve();

  /** Does `work` when the work of all earlier calls has ended: a journal can follow only one plan at a time. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Takes note of messages that a search has found: about others, `plan` asks whether they exist. */
  found(ids: IdSet): void {
    this.#found = IdSet.union([this.#found, ids]);
  }

  /** Returns the plan without the messages that have the change already or no longer exist, and the number of these. */
  async plan(
    given: readonly ChangeSet[],
    labels: LabelDirectory,
    reader: LabelReader,
  ): Promise<{ plan: ChangePlan; done: number }> {
    const whole = planOf(given);
    const planned = whole.windows.flatMap(({ changes }) => changes.map(({ ids }) => ids));
    const all = IdSet.union(planned);
    const operations = whole.sets.flatMap((set, index) => ((planned[index]?.size ?? 0) > 0 ? set.operations : []));
    const existing = [...PLACES, ...operations.map(({ label }) => label)].flatMap((name) => labels.find(name) ?? []);
    const byId = new Map(existing.map((label) => [label.id, label]));
    const { carrying, gone } = await this.#lookUp(all, [...byId.values()], reader);
    const places = PLACES.map((label) => ({ label, ids: carrying.get(label) ?? IdSet.empty }));
    const changes = whole.sets.map((set, index) =>
      narrow((planned[index] ?? IdSet.empty).without(gone), set.operations, carrying, labels),
    );
    const plan = { ...whole, windows: [{ window: null, changes }], places };
    return { plan, done: totalOf(whole) - totalOf(plan) };
  }

  /** Remembers an applied plan. `isConfirmed` says whether Gmail confirmed all its changes. */
  record({ sets, windows }: ChangePlan, labels: LabelDirectory, isConfirmed: boolean): void {
    for (const { changes } of windows) {
      for (const [set, { ids }] of changes.entries()) {
        if (ids.size === 0) continue;
        if (!isConfirmed) this.#doubtful = IdSet.union([this.#doubtful, ids]);
        for (const { add, label } of sets[set]?.operations ?? []) {
          this.#made.push({ label: keyOf(label, labels), add, ids });
        }
      }
    }
  }

  async #lookUp(all: IdSet, labels: readonly Label[], reader: LabelReader) {
    if (all.size === 0) return { carrying: new Map<string, IdSet>(), gone: IdSet.empty };
    const searched = await searchedLabels(all, labels, reader);
    const unread = searched === null ? IdSet.empty : all.without(this.#doubtful);
    const read = all.without(unread);
    const carrying: Carrying = new Map();
    for (const label of searched ?? []) {
      const { unplaced } = await reader.find(labelSearch(label.name), { includeSpamTrash: true, among: unread });
      carrying.set(label.id, unplaced);
    }
    for (const { label, add, ids } of searched === null ? [] : this.#made) {
      const known = carrying.get(label) ?? IdSet.empty;
      const marks = unread.marks(ids);
      const touched = unread.filter((index) => marks[index] === 1);
      carrying.set(label, add ? IdSet.union([known, touched]) : known.without(touched));
    }
    const current = await reader.labelsOf(read.list());
    for (const { id: label } of labels) {
      const having = [...current].filter(([, ids]) => ids.includes(label)).map(([id]) => id);
      carrying.set(label, IdSet.union([carrying.get(label) ?? IdSet.empty, IdSet.of(having)]));
    }
    // A search shows neither a deleted message nor one without any of the labels.
    const unseen = unread.without(this.#found, ...carrying.values());
    const gone = [read.without(IdSet.of(current.keys())), await findGone(unseen, [], reader)];
    return { carrying, gone: IdSet.union(gone) };
  }
}

/** The labels to search for; null when reading the messages costs less. 1 quota unit for each label. */
async function searchedLabels(
  { size }: IdSet,
  labels: readonly Label[],
  { count }: LabelReader,
): Promise<Label[] | null> {
  // The costs of the 2026 profile. In the legacy profile, where reads cost less, the choice may cost more units.
  const toRead = size * unitsOf('messages.get', '2026');
  const page = unitsOf('messages.list', '2026');
  if (toRead <= labels.length * (page + unitsOf('labels.get', '2026'))) return null;
  const counts = await Promise.all(labels.map(count));
  const pages = counts.reduce((sum, messages) => sum + Math.ceil(messages / PAGE_SIZE), 0);
  return toRead <= pages * page ? null : labels.filter((_, index) => (counts[index] ?? 0) > 0);
}

/**
 * Returns the messages of `ids` that at least one operation changes, with a flag for each operation. Updates `carrying` to
 * the labels after the change, for the sets that follow.
 */
function narrow(
  ids: IdSet,
  operations: readonly LabelOperation[],
  carrying: Carrying,
  labels: LabelDirectory,
): PlannedChange {
  const keys = operations.map(({ label }) => keyOf(label, labels));
  const flags = operations.map(({ add }, index) => {
    const marks = ids.marks(carrying.get(keys[index] ?? '') ?? IdSet.empty);
    return add ? marks.map((mark) => 1 - mark) : marks;
  });
  const changes = (at: number) => flags.some((own) => own[at] === 1);
  const kept = ids.filter(changes);
  for (const [index, { add }] of operations.entries()) {
    const key = keys[index] ?? '';
    const known = carrying.get(key) ?? IdSet.empty;
    carrying.set(key, add ? IdSet.union([known, kept]) : known.without(kept));
  }
  const effects = flags.map((own) => own.filter((_, at) => changes(at))).map((own) => (own.includes(0) ? own : null));
  return { ids: kept, effects };
}

/** The label's id; for a label that does not exist yet, its name as Gmail compares names. */
function keyOf(label: string, labels: LabelDirectory): string {
  return labels.find(label)?.id ?? normalizeLabel(label);
}
