/**
 * The lines that bring a copy up to date: from the mailbox's history and the names of its labels, or, when Gmail no longer
 * knows the history, from a list of the whole mailbox.
 */
import type { HistoryPage } from '../gmail/history.ts';
import { compareHistoryIds, laterHistoryId } from '../gmail/history-id.ts';
import type { IdSet } from '../gmail/ids.ts';
import { HIDING_LABELS } from '../gmail/labels.ts';
import type { Copy } from './copy.ts';
import { type LabelNames, type Rename, sorted } from './label-names.ts';
import type { DeletedLine, LabelsLine, Line } from './line.ts';
import type { Survey } from './survey.ts';

/** Name of a label → whether it was added. Messages with the same changes share a map. */
type LabelChanges = ReadonlyMap<string, boolean>;

const NO_CHANGES: LabelChanges = new Map();

interface KnownChange {
  /** The id of the last record about the message. */
  historyId: string;
  labels: LabelChanges;
  isDeleted: boolean;
  /** Whether the history does not say which labels the message has. */
  isUnclear: boolean;
}

export class CopyChanges {
  readonly #copy: Copy;
  readonly #names: LabelNames;
  /** By their text. */
  readonly #labelChanges = new Map<string, LabelChanges>();
  readonly #known = new Map<string, KnownChange>();
  /** Messages that are not in the copy → whether they are in Spam or Trash now. */
  readonly #unknown = new Map<string, boolean>();

  constructor(copy: Copy, names: LabelNames) {
    this.#copy = copy;
    this.#names = names;
  }

  async add({ records }: HistoryPage): Promise<void> {
    for (const { id: historyId, added, labelsAdded, labelsRemoved, deleted } of records) {
      for (const { id, labelIds } of added)
        if (this.#copy.get(id) === undefined) this.#unknown.set(id, isInSpamOrTrash(labelIds));
      const contradictions = pairsIn(labelsAdded, labelsRemoved);
      for (const { id, labelIds } of labelsRemoved) await this.#label(id, labelIds, false, historyId, contradictions);
      for (const { id, labelIds } of labelsAdded) await this.#label(id, labelIds, true, historyId, contradictions);
      for (const id of deleted) {
        this.#unknown.delete(id);
        const change = this.#changeOf(id, historyId);
        if (change !== null) change.isDeleted = true;
      }
    }
  }

  /** Messages to be read in full: new ones, and those that left Spam and Trash. `withSpamTrash` adds those that are there. */
  toFetch(withSpamTrash: boolean): string[] {
    return [...this.#unknown].flatMap(([id, isHidden]) => (isHidden && !withSpamTrash ? [] : [id]));
  }

  /** Messages of the copy whose labels have to be asked for. */
  get unclear(): string[] {
    return [...this.#known].flatMap(([id, { isUnclear, isDeleted }]) => (isUnclear && !isDeleted ? [id] : []));
  }

  /**
   * The lines, without those of unclear messages; the names of the labels must not be ambiguous. `historyId` is the
   * mailbox's: renames and deletions of labels, which the history does not show, get it. With `withDeletions` false, deleted
   * messages stay as they are.
   */
  *lines(historyId: string, withDeletions: boolean): Generator<Line, void, undefined> {
    const { renames, deleted } = this.#names.compare();
    for (const { label, was } of renames) yield { label, was, historyId };
    // A rename line changes the names in earlier lines; no line says that a label was deleted.
    const deletions = new NameMap([], deleted);
    const all = new NameMap(renames, deleted);
    for (const [id, change] of this.#known) {
      const line = this.#lineOf(id, change, { historyId, withDeletions, deletions, all });
      if (line !== null) yield line;
    }
    if (renames.length + deleted.length === 0) return;
    for (const { id, labels, historyId: own } of this.#copy) {
      if (this.#known.has(id)) continue;
      // A rename line concerns lines with lower history ids alone.
      const map = compareHistoryIds(own, historyId) < 0 ? deletions : all;
      if (map.concerns(labels))
        yield { id, labels: sorted(all.apply(labels)), historyId: laterHistoryId(own, historyId) };
    }
  }

  #lineOf(
    id: string,
    { historyId, labels: changes, isDeleted, isUnclear }: KnownChange,
    context: { historyId: string; withDeletions: boolean; deletions: NameMap; all: NameMap },
  ): LabelsLine | DeletedLine | null {
    const known = this.#copy.get(id);
    if (known === undefined) return null;
    if (isDeleted) return context.withDeletions && !known.deleted ? { id, deleted: true, historyId } : null;
    if (isUnclear) return null;
    const { deletions, all } = context;
    const before = all.apply(known.labels);
    const labels = new Set(before);
    for (const [name, isAdded] of changes) {
      if (isAdded) labels.add(name);
      else labels.delete(name);
    }
    const after = sorted([...labels]);
    if (deletions.concerns(known.labels))
      return { id, labels: after, historyId: laterHistoryId(historyId, context.historyId) };
    return after.join('\0') === sorted(before).join('\0') ? null : { id, labels: after, historyId };
  }

  async #label(
    id: string,
    labelIds: readonly string[],
    isAdded: boolean,
    historyId: string,
    contradictions: ReadonlySet<string>,
  ): Promise<void> {
    const isKnown = this.#copy.get(id) !== undefined;
    if (!isKnown) {
      if (!isInSpamOrTrash(labelIds)) return;
      const isUnsure = labelIds.some((label) => contradictions.has(`${label} ${id}`));
      if (!isAdded || isUnsure) this.#unknown.set(id, false);
      else if (this.#unknown.has(id)) this.#unknown.set(id, true);
      return;
    }
    const change = this.#changeOf(id, historyId);
    if (change === null) return;
    // A message that the copy knows as deleted is there again.
    if (this.#copy.get(id)?.deleted === true) change.isUnclear = true;
    for (const labelId of labelIds) {
      if (contradictions.has(`${labelId} ${id}`)) change.isUnclear = true;
      const name = await this.#names.ofOne(labelId);
      if (name !== undefined) change.labels = this.#with(change.labels, name, isAdded);
    }
  }

  /** The changes of a message of the copy; null for another one, and for a record that is older than the message's line. */
  #changeOf(id: string, historyId: string): KnownChange | null {
    const known = this.#copy.get(id);
    if (known === undefined || compareHistoryIds(historyId, known.historyId) <= 0) return null;
    let change = this.#known.get(id);
    if (change === undefined) {
      change = { historyId, labels: NO_CHANGES, isDeleted: false, isUnclear: false };
      this.#known.set(id, change);
    }
    change.historyId = historyId;
    return change;
  }

  /** The changes with one more, which replaces an earlier one of the same label. */
  #with(earlier: LabelChanges, name: string, isAdded: boolean): LabelChanges {
    const labels = new Map(earlier);
    labels.delete(name);
    labels.set(name, isAdded);
    const key = [...labels].map(([label, added]) => `${added ? '+' : '-'}${label}`).join('\0');
    const shared = this.#labelChanges.get(key) ?? labels;
    this.#labelChanges.set(key, shared);
    return shared;
  }
}

/** Gives labels their new names, and takes away deleted ones. */
class NameMap {
  readonly #names: ReadonlyMap<string, string | null>;

  constructor(renames: readonly Rename[], deleted: readonly string[]) {
    this.#names = new Map<string, string | null>([
      ...deleted.map((name): [string, null] => [name, null]),
      ...renames.map(({ was, label }): [string, string] => [was, label]),
    ]);
  }

  concerns(names: readonly string[]): boolean {
    return names.some((name) => this.#names.has(name));
  }

  apply(names: readonly string[]): readonly string[] {
    if (!this.concerns(names)) return names;
    return names.flatMap((name) => {
      const now = this.#names.get(name);
      return now === null ? [] : [now ?? name];
    });
  }
}

/** Labels that one record both adds to a message and removes from it: the record does not say which came last. */
function pairsIn(
  added: HistoryPage['records'][number]['labelsAdded'],
  removed: HistoryPage['records'][number]['labelsRemoved'],
): ReadonlySet<string> {
  if (added.length === 0 || removed.length === 0) return new Set();
  const pairs = (messages: typeof added) =>
    new Set(messages.flatMap(({ id, labelIds }) => labelIds.map((label) => `${label} ${id}`)));
  return pairs(added).intersection(pairs(removed));
}

export function isInSpamOrTrash(labels: readonly string[]): boolean {
  return labels.some((label) => HIDING_LABELS.includes(label));
}

/**
 * The lines that make a copy agree with a list of the mailbox; deleted lines for the messages of `gone`. A line has the
 * history id of the list.
 */
export function* surveyLines(copy: Copy, survey: Survey, gone: IdSet): Generator<Line, void, undefined> {
  const labelsOf = labelsByMessage(survey);
  for (const { id, labels, historyId: own, deleted } of copy.all()) {
    const historyId = laterHistoryId(own, survey.historyId);
    const now = labelsOf(id);
    if (now !== undefined) {
      if (deleted || now.join('\0') !== sorted(labels).join('\0')) yield { id, labels: now, historyId };
    } else if (!deleted && gone.has(id)) yield { id, deleted: true, historyId };
  }
}

/** The labels of each listed message, in the order of lines. Messages with the same labels share a list. */
function labelsByMessage({ all, labels }: Survey): (id: string) => readonly string[] | undefined {
  const sets: (readonly string[])[] = [[]];
  const numbers = new Uint32Array(all.size);
  for (const name of sorted([...labels.keys()])) {
    const next = new Map<number, number>();
    all.forEachShared(labels.get(name) as IdSet, (index) => {
      const before = numbers[index] as number;
      let number = next.get(before);
      if (number === undefined) {
        number = sets.push([...(sets[before] ?? []), name]) - 1;
        next.set(before, number);
      }
      numbers[index] = number;
    });
  }
  return (id) => {
    const index = all.indexOf(id);
    return index === -1 ? undefined : sets[numbers[index] as number];
  };
}
