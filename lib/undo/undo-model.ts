/**
 * Plans an undo from a run's journal and the labels that messages have now. Judges each message over all rules of the run
 * together: either all labels that the run changed go back, or none. Reads nothing from Gmail: see undo-state.ts.
 */
import { IdSet } from '../gmail/ids.ts';
import { HIDING_LABELS, PLACES } from '../gmail/labels.ts';
import type { LabelStep } from '../gmail/mailbox-labels.ts';
import type { JournalEntry } from './journal-record.ts';

/** Messages that are restored by the same change. */
export interface UndoGroup {
  /** The last rule of the run that changed these messages. */
  readonly rule: string;
  readonly ids: IdSet;
  readonly steps: readonly LabelStep[];
}

export interface UndoPlan {
  /** The last rule's groups first. */
  readonly groups: readonly UndoGroup[];
  /** Messages that somebody changed or deleted since the run; the undo leaves them alone. */
  readonly differing: IdSet;
}

export interface UndoInput {
  /** In the order of the run's changes. */
  readonly entries: readonly JournalEntry[];
  /** Whether the run recorded that it made all its changes. */
  readonly completed: boolean;
  /** Whether the label still exists. */
  readonly exists: (labelId: string) => boolean;
}

/**
 * A run that was cut short may have applied any subset of its rules to a message. All subsets of the first 8 rules that
 * touch the message are considered; of later rules, only the case that all earlier rules were applied.
 */
const MOST_COMBINED = 8;

/** The changes that the run made to a message. A node of a trie: messages with the same changes share it. */
interface ChangePath {
  /** Entry by entry: for each step, whether it changed the message. */
  readonly effects: readonly { readonly entry: number; readonly changes: readonly boolean[] }[];
  /** An entry and its changes of the message → the index of the path with that entry added. */
  readonly next: Map<string, number>;
  restoration?: Restoration;
}

/** The states in which the run may have left a message, and the steps that restore each. */
interface Restoration {
  /** The ids of the labels that make up a state. */
  readonly labels: readonly string[];
  readonly rule: string;
  readonly entry: number;
  /** State, a digit 1 or 0 for each of `labels` → the steps that restore the message. */
  readonly stepsByState: ReadonlyMap<string, readonly LabelStep[]>;
}

/** A run's changes, message by message. */
export class RunModel {
  readonly #paths: ChangePath[] = [{ effects: [], next: new Map() }];
  /** For each message, the index of its path. */
  readonly #pathOf: Uint32Array;
  /** The messages that the run changed, or may have changed when it was cut short. */
  readonly messages: IdSet;

  /** Keeps no reference to `input`, which needs as much memory as the model. */
  constructor(input: UndoInput) {
    const all = IdSet.union(input.entries.map(({ ids }) => ids));
    const pathOf = new Uint32Array(all.size);
    for (const [entry, { ids, changes }] of input.entries.entries()) {
      all.forEachShared(ids, (index, own) => {
        pathOf[index] = this.#follow(pathOf[index] as number, entry, changes, own);
      });
    }
    for (const path of this.#paths) path.restoration = restorationOf(path, input);
    this.messages = all.filter((index) => this.#restorationOf(pathOf[index] as number) !== null);
    this.#pathOf = this.messages.size === all.size ? pathOf : new Uint32Array(this.messages.size);
    all.forEachShared(this.messages, (index, own) => {
      this.#pathOf[own] = pathOf[index] as number;
    });
  }

  /** The ids of the labels that `judge` needs to know about. */
  get labels(): string[] {
    const labels = [...new Set(this.#pathOf)].flatMap((path) => this.#restorationOf(path)?.labels ?? []);
    return [...new Set(labels)];
  }

  /** `carrying` maps each of `labels` to the messages that carry it; `gone` are messages that were deleted for good. */
  judge(carrying: ReadonlyMap<string, IdSet>, gone: IdSet = IdSet.empty): UndoPlan {
    const marks = new Map([...carrying].map(([label, ids]) => [label, this.messages.marks(ids)]));
    const missing = this.messages.marks(gone);
    const groups: { rule: string; entry: number; steps: readonly LabelStep[] }[] = [];
    const numbers = new Map<string, number>();
    const known = new Map<string, number>();
    const groupOf = new Int32Array(this.messages.size).fill(-1);
    for (let index = 0; index < groupOf.length; index += 1) {
      if (missing[index] === 1) continue;
      const path = this.#pathOf[index] as number;
      const restoration = this.#restorationOf(path) as Restoration;
      let state = '';
      for (const label of restoration.labels) state += marks.get(label)?.[index] === 1 ? '1' : '0';
      const key = `${path}:${state}`;
      let group = known.get(key);
      if (group === undefined) {
        group = numberOf(restoration, restoration.stepsByState.get(state), groups, numbers);
        known.set(key, group);
      }
      groupOf[index] = group;
    }
    const order = [...groups.keys()].sort((a, b) => (groups[b]?.entry ?? 0) - (groups[a]?.entry ?? 0));
    return {
      groups: order.map((group) => {
        const { rule, steps } = groups[group] as (typeof groups)[number];
        return { rule, steps, ids: this.messages.filter((index) => groupOf[index] === group) };
      }),
      differing: this.messages.filter((index) => groupOf[index] === -1),
    };
  }

  /** Returns the path of a message after one more entry; `own` is the message's index in the entry. */
  #follow(path: number, entry: number, changes: JournalEntry['changes'], own: number): number {
    let key = `${entry}:`;
    for (const flags of changes) key += flags === null || flags[own] === 1 ? '1' : '0';
    const before = this.#paths[path] as ChangePath;
    let next = before.next.get(key);
    if (next === undefined) {
      const effect = { entry, changes: changes.map((flags) => flags === null || flags[own] === 1) };
      next = this.#paths.push({ effects: [...before.effects, effect], next: new Map() }) - 1;
      before.next.set(key, next);
    }
    return next;
  }

  #restorationOf(index: number): Restoration | null {
    const { restoration } = this.#paths[index] as ChangePath;
    return restoration === undefined || restoration.stepsByState.size === 0 ? null : restoration;
  }
}

function numberOf(
  { rule, entry }: Restoration,
  steps: readonly LabelStep[] | undefined,
  groups: { rule: string; entry: number; steps: readonly LabelStep[] }[],
  numbers: Map<string, number>,
): number {
  if (steps === undefined) return -1;
  // A rule has an entry in each part of a large run; one group for all of them fills the batches.
  const key = JSON.stringify([rule, steps.map(({ id, add }) => [id, add])]);
  const number = numbers.get(key) ?? groups.push({ rule, entry, steps }) - 1;
  const group = groups[number] as (typeof groups)[number];
  group.entry = Math.max(group.entry, entry);
  numbers.set(key, number);
  return number;
}

function restorationOf({ effects }: ChangePath, { entries, completed, exists }: UndoInput): Restoration {
  /** Label → whether a message had it before the run, and its name. */
  const before = new Map<string, { on: boolean; name: string }>();
  const rounds = effects.map(({ entry, changes }) => {
    const steps = (entries[entry]?.steps ?? []).map((step, index) => ({ ...step, changes: changes[index] === true }));
    const left = steps.filter(({ id }) => exists(id));
    // The first rule that touches a label shows whether the message had the label before the run.
    for (const { id, name, add, changes } of left) {
      if (!before.has(id)) before.set(id, { on: changes ? !add : add, name });
    }
    return left;
  });
  // A message that somebody put there since the run counts as changed, whatever its other labels are.
  for (const id of HIDING_LABELS) if (!before.has(id)) before.set(id, { on: false, name: id });
  const labels = [...before.keys()].sort();
  const start = labels.map((id) => before.get(id)?.on === true);
  const states = (completed ? [apply(rounds, start, labels)] : reachable(rounds, start, labels)).map(digits);
  const left = states.filter((state) => state !== digits(start));
  // Restores every label that the run may have changed, because a search may show an older state.
  const steps = labels.flatMap((id, index) => {
    const { on, name } = before.get(id) as { on: boolean; name: string };
    return left.every((state) => state[index] === digits([on])) ? [] : [{ id, name, add: on }];
  });
  const undoing = onlyOnePlace(steps);
  const stepsByState = new Map(left.map((state) => [state, undoing] as const));
  const entry = effects.at(-1)?.entry ?? 0;
  return narrowed({ labels, rule: entries[entry]?.rule ?? '', entry, stepsByState }, start);
}

type Round = readonly LabelStep[];

function apply(rounds: readonly Round[], start: readonly boolean[], labels: readonly string[]): boolean[] {
  const state = [...start];
  for (const round of rounds) for (const { id, add } of round) state[labels.indexOf(id)] = add;
  return state;
}

/** All states of a message when only some of the rounds were made, by a run that was killed or partly refused. */
function reachable(rounds: readonly Round[], start: readonly boolean[], labels: readonly string[]): boolean[][] {
  const states = new Map([[digits(start), [...start]]]);
  for (const [index, round] of rounds.entries()) {
    const from = index < MOST_COMBINED ? [...states.values()] : [apply(rounds.slice(0, index), start, labels)];
    for (const state of from) {
      const after = apply([round], state, labels);
      states.set(digits(after), after);
    }
  }
  return [...states.values()];
}

/** Leaves out labels that are the same in all states in which the run can have left the message, except those in HIDING_LABELS. */
function narrowed(restoration: Restoration, start: readonly boolean[]): Restoration {
  const states = [...restoration.stepsByState.keys()];
  const counts = restoration.labels.map(
    (id, index) =>
      HIDING_LABELS.includes(id) || states.some((state) => state[index] !== digits([start[index] === true])),
  );
  const stepsByState = [...restoration.stepsByState].map(
    ([state, steps]) => [[...state].filter((_, index) => counts[index]).join(''), steps] as const,
  );
  return {
    ...restoration,
    labels: restoration.labels.filter((_, index) => counts[index]),
    stepsByState: new Map(stepsByState),
  };
}

function digits(state: readonly boolean[]): string {
  return state.map((on) => (on ? '1' : '0')).join('');
}

function onlyOnePlace(steps: readonly LabelStep[]): LabelStep[] {
  const place = PLACES.findLast((id) => steps.some((step) => step.add && step.id === id));
  return steps.filter(({ id, add }) => !add || id === place || !PLACES.includes(id));
}
