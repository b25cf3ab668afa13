/** Which messages a run is going to change, and in which order: by window, within a window by set, in batches. */
import { IdSet, isMessageId } from './ids.ts';
import { type LabelDirectory, normalizeLabel, PLACES } from './labels.ts';
import type { CheckedSearch } from './query/label-terms.ts';
import type { Window } from './windows.ts';

/** Gmail's largest batch of changes. */
export const BATCH_SIZE = 1_000;

/**
 * A portion holds at most 25,000 changes for each of its sets, and 100,000 in all. Large portions cost less quota, because
 * each portion has a journal and, for each set, a last batch that is rarely full. Small portions show progress earlier.
 */
const CHANGES_PER_SET = 25_000;
const LARGEST_PORTION = 100_000;

/** One label, by name, that a change adds or removes. */
export interface LabelOperation {
  readonly add: boolean;
  readonly label: string;
}

/** Messages that get the same change. A rule's messages are one set, with the rule's name. */
export interface PlannedSet {
  readonly name: string;
  readonly operations: readonly LabelOperation[];
  /** How many messages the set's search found, including those that the run leaves alone. */
  readonly found: number;
}

/** The messages of one set in one window. */
export interface PlannedChange {
  readonly ids: IdSet;
  /**
   * For each operation of the set, a flag by index of `ids`: 1 when the operation really changes the message. Null when it
   * changes all messages. Undefined when the run keeps no journal, and so did not search for it.
   */
  readonly effects: readonly (Uint8Array | null)[] | undefined;
}

/** The changes in one window, one for each set of the plan. The window is null in a run without windows. */
export interface WindowPlan {
  readonly window: Window | null;
  readonly changes: readonly PlannedChange[];
}

/** How to find messages that become protected while a plan is applied. */
export interface PlanProtection {
  /** When the last search for them began, by the client's clock. */
  readonly searchedAtMs: number;
  /** The search for protected messages that sets of these indices may change. */
  readonly search: (sets: readonly number[], labels: LabelDirectory) => CheckedSearch;
}

export interface ChangePlan {
  readonly sets: readonly PlannedSet[];
  /** In the order in which they are changed. */
  readonly windows: readonly WindowPlan[];
  /** Messages that are in Trash or in Spam before the run. */
  readonly places?: readonly { readonly label: 'TRASH' | 'SPAM'; readonly ids: IdSet }[];
  readonly protection?: PlanProtection | undefined;
}

/** Messages that get the same change. Labels are given by name. */
export interface ChangeSet {
  /** For the log, and for `job undo`. */
  readonly name: string;
  readonly ids: readonly string[];
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** A journal with a longer name could not be read. */
const MAX_NAME = 500;

/** Labels that only Gmail sets, by their ids and by their names in Gmail's web page. */
export const UNTOUCHABLE: readonly string[] = ['SENT', 'DRAFT', 'CHAT', 'drafts', 'chats'];

/**
 * Checks the sets that a job gives: owners of jobs need not run `tsc`, and Gmail would refuse contradictions message by
 * message, in each run anew.
 * @throws TypeError that names the property, for a bug of the job.
 */
export function requireSound(sets: readonly ChangeSet[]): void {
  if (!Array.isArray(sets)) throw new TypeError('mailbox.change takes a list of sets');
  for (const set of sets as readonly Partial<Record<keyof ChangeSet, unknown>>[]) {
    const { name, ids, add, remove } = set ?? {};
    if (typeof name !== 'string' || name === '' || name.length > MAX_NAME) {
      throw new TypeError(`mailbox.change: name of a set must be a text of 1 to ${MAX_NAME} characters`);
    }
    const problem = idsProblem(ids) ?? labelsProblem('add', add) ?? labelsProblem('remove', remove);
    const contradiction = problem ?? contradictionOf(add as string[], remove as string[]);
    if (contradiction !== undefined) throw new TypeError(`mailbox.change, set "${name}": ${contradiction}`);
  }
}

function idsProblem(ids: unknown): string | undefined {
  if (!Array.isArray(ids)) return 'ids must be a list of message ids';
  const wrong = ids.findIndex((id) => !isMessageId(id));
  if (wrong === -1) return undefined;
  return `ids[${wrong}] is no message id: write the \`id\` of a message, such as "18f0c2d3e4a5b6c7"`;
}

function labelsProblem(property: string, labels: unknown): string | undefined {
  const isList = Array.isArray(labels) && labels.every((label) => typeof label === 'string');
  return isList ? undefined : `${property} must be a list of label names, [] for none`;
}

function contradictionOf(add: readonly string[], remove: readonly string[]): string | undefined {
  const untouchable = [...add, ...remove].find((label) =>
    UNTOUCHABLE.some((one) => one.toLowerCase() === label.trim().toLowerCase()),
  );
  if (untouchable !== undefined) return `only Gmail sets and removes the label "${untouchable}"`;
  const removed = new Set(remove.map(normalizeLabel));
  const both = add.find((label) => removed.has(normalizeLabel(label)));
  if (both !== undefined) return `add and remove both name the label "${both}"`;
  const places = PLACES.filter((place) => add.some((label) => label.trim().toUpperCase() === place));
  return places.length > 1 ? `a message can be given only one of ${places.join(' and ')}` : undefined;
}

/** The plan for sets whose message ids are known. */
export function planOf(sets: readonly ChangeSet[]): ChangePlan {
  return {
    sets: sets.map(({ name, add, remove, ids }) => ({
      name,
      operations: [...add.map((label) => ({ add: true, label })), ...remove.map((label) => ({ add: false, label }))],
      found: ids.length,
    })),
    windows: [{ window: null, changes: sets.map(({ ids }) => ({ ids: IdSet.of(ids), effects: undefined })) }],
  };
}

/** Windows, or parts of windows, whose changes share one journal. */
export type Portion = readonly WindowPlan[];

export function sizeOf({ changes }: WindowPlan): number {
  return changes.reduce((sum, { ids }) => sum + ids.size, 0);
}

/** The number of messages that each set changes. */
export function setSizes({ sets, windows }: ChangePlan): number[] {
  return sets.map((_, set) => windows.reduce((sum, { changes }) => sum + (changes[set]?.ids.size ?? 0), 0));
}

export function totalOf({ windows }: ChangePlan): number {
  return windows.reduce((sum, window) => sum + sizeOf(window), 0);
}

/**
 * Cuts the plan into portions: several small windows in one, a big window in parts. Without windows and without a journal
 * the whole plan is one portion, because each further portion costs a batch.
 */
export function portionsOf({ sets, windows }: ChangePlan, keepsJournal: boolean): Portion[] {
  const working = sets.filter((_, set) => windows.some(({ changes }) => (changes[set]?.ids.size ?? 0) > 0)).length;
  const isCut = keepsJournal || windows.some(({ window }) => window !== null);
  const most = isCut ? Math.min(LARGEST_PORTION, Math.max(1, working) * CHANGES_PER_SET) : Number.POSITIVE_INFINITY;
  const portions: WindowPlan[][] = [];
  let room = 0;
  for (const part of windows.flatMap((window) => cut(window, most))) {
    const size = sizeOf(part);
    if (size === 0) continue;
    if (size > room) {
      portions.push([]);
      room = most;
    }
    portions.at(-1)?.push(part);
    room -= size;
  }
  return portions;
}

/**
 * Cuts the window into parts that are not much larger than `most`, the newest first. A message is in the same part for all
 * sets; the largest set is cut between its batches.
 */
function cut(plan: WindowPlan, most: number): WindowPlan[] {
  const parts = Math.ceil(sizeOf(plan) / most);
  if (parts < 2) return [plan];
  const largest = plan.changes.reduce((one, two) => (two.ids.size > one.ids.size ? two : one)).ids;
  const step = Math.ceil(largest.size / parts / BATCH_SIZE) * BATCH_SIZE;
  /** The indices in the largest set at which parts begin and end, from its newest end on. */
  const edges = Array.from({ length: parts + 1 }, (_, part) => Math.max(0, largest.size - part * step));
  const cuts = plan.changes.map(({ ids }) =>
    edges.map((edge) => (edge === 0 ? 0 : edge === largest.size ? ids.size : ids.countBelow(largest, edge))),
  );
  return Array.from({ length: parts }, (_, part) => ({
    window: plan.window,
    changes: plan.changes.map(({ ids, effects }, set) => {
      const [end, start] = [cuts[set]?.[part] ?? 0, cuts[set]?.[part + 1] ?? 0];
      return {
        ids: ids.slice(start, end),
        effects: effects?.map((flags) => flags?.subarray(start, end) ?? null),
      };
    }),
  }));
}

export function leaveOut(plan: ChangePlan, ids: IdSet): ChangePlan {
  return { ...plan, windows: leaveOutOfWindows(plan.windows, ids) };
}

export function leaveOutOfWindows(plans: readonly WindowPlan[], ids: IdSet): WindowPlan[] {
  if (ids.size === 0) return [...plans];
  return plans.map(({ window, changes }) => ({
    window,
    changes: changes.map((change) => {
      const marks = change.ids.marks(ids);
      if (!marks.includes(1)) return change;
      const keeps = (at: number) => marks[at] === 0;
      const effects = change.effects?.map((flags) => flags?.filter((_, at) => keeps(at)) ?? null);
      return { ids: change.ids.filter(keeps), effects };
    }),
  }));
}

/** The number of batches that one set has in a portion. */
export function batchCount(portion: Portion, set: number): number {
  return Math.ceil(portion.reduce((sum, { changes }) => sum + (changes[set]?.ids.size ?? 0), 0) / BATCH_SIZE);
}

export interface Batch {
  readonly ids: readonly string[];
  /** Index of a part of the portion → how many of the messages lie in that part. */
  readonly shares: ReadonlyMap<number, number>;
}

/** The batches of one set, one at a time, because ids as strings take ten times the memory. */
export function* batchesOf(portion: Portion, set: number): Generator<Batch> {
  let ids: string[] = [];
  let shares = new Map<number, number>();
  for (const [part, { changes }] of portion.entries()) {
    const all = changes[set]?.ids;
    for (let end = all?.size ?? 0; all !== undefined && end > 0; ) {
      const start = Math.max(0, end - (BATCH_SIZE - ids.length));
      ids.push(...all.list(start, end));
      shares.set(part, end - start);
      end = start;
      if (ids.length < BATCH_SIZE) continue;
      yield { ids, shares };
      ids = [];
      shares = new Map();
    }
  }
  if (ids.length > 0) yield { ids, shares };
}

/** The batch without the messages of `apart`, and a batch of the messages of `apart`. */
export function splitBatch({ ids, shares }: Batch, apart: ReadonlySet<string>): readonly [Batch, Batch] {
  const batchOf = (isApart: boolean): Batch => {
    const own = new Map<number, number>();
    let at = 0;
    for (const [part, size] of shares) {
      const count = ids.slice(at, at + size).filter((id) => apart.has(id) === isApart).length;
      if (count > 0) own.set(part, count);
      at += size;
    }
    return { ids: ids.filter((id) => apart.has(id) === isApart), shares: own };
  };
  return [batchOf(false), batchOf(true)];
}
