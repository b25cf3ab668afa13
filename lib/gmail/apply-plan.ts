/** Carries out a plan of changes: portion after portion, each with its way back written down first. */

import type { Tally } from '../base/tally.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import { type BatchState, changeSet, type SetCounts } from './apply-batches.ts';
import { batchCount, type ChangePlan, leaveOutOf, type Portion, portionsOf, setSizes, sizeOf } from './change-plan.ts';
import { IdSet } from './ids.ts';
import type { ResolvedSet } from './mailbox-labels.ts';
import type { Protection } from './protection.ts';
import { GmailRefusal } from './responses.ts';
import type { Window } from './windows.ts';
import type { LabelChange, LabelSet, Writer } from './writer.ts';

/** What one journal has to hold: a portion of a plan, with the labels of its sets. */
export interface JournaledPortion {
  readonly portion: Portion;
  readonly plan: ChangePlan;
  readonly resolved: readonly ResolvedSet[];
  /** Counted from 1. */
  readonly part: number;
  readonly parts: number;
  /** Changes of the whole run. */
  readonly messages: number;
}

/** Where it is written down how to take changes back. */
export interface PlanJournal {
  /** Writes down how to take the portion back; resolves when that is safe. */
  keep(page: JournaledPortion): Promise<void>;
  /** Told of each batch of the portion that was kept last: of which set, its number in it, and what becomes of it. */
  begin(set: number, batch: number, messages: number, state: BatchState): void;
}

export interface ApplyContext {
  readonly writer: Writer;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Undefined when nothing is to be kept. */
  readonly journal: PlanJournal | undefined;
  /** Undefined when nothing is protected. */
  readonly protection?: Protection | undefined;
}

/**
 * Makes all changes of the plan in its order, and counts them. Ends before the next batch when the signal is aborted,
 * and before the portion whose journal could not be written.
 */
export async function applyPlan(
  plan: ChangePlan,
  resolved: readonly ResolvedSet[],
  context: ApplyContext,
): Promise<void> {
  const { writer, tally, log, journal, progress, signal, protection } = context;
  const portions = portionsOf(plan, journal !== undefined);
  const sizes = setSizes(plan);
  const messages = sizes.reduce((sum, size) => sum + size, 0);
  const counts = plan.sets.map((): SetCounts => ({ changed: 0, skipped: 0, failed: 0 }));
  const left = (set: number) => {
    const { changed = 0, skipped = 0, failed = 0 } = counts[set] ?? {};
    return (sizes[set] ?? 0) - changed - skipped - failed;
  };
  const tell = (set: number) => {
    const { changed, skipped, failed } = counts[set] as SetCounts;
    log.info('rule.applied', {
      rule: plan.sets[set]?.name,
      changed,
      ...(skipped > 0 && { skipped }),
      failed,
      remaining: left(set),
    });
  };
  const remaining = () => [...plan.sets.keys()].filter((set) => left(set) > 0);
  for (const [set, labels] of resolved.entries()) {
    if (!(labels instanceof GmailRefusal)) continue;
    const { message: error, remedy } = labels;
    tally.refused(`${plan.sets[set]?.name}: ${error}`);
    log.error('gmail.refused', { rule: plan.sets[set]?.name, count: sizes[set], error, remedy });
  }
  // A run that changes nothing has nothing that could be taken back.
  const changesSomething = resolved.some((labels) => isChange(toChange(labels)));
  const told = new Set<number>();
  const windows = new WindowCounts(plan, log);
  const count = (set: number, how: keyof SetCounts, items: number, window: Window | null | undefined) => {
    if (items === 0) return;
    (counts[set] as SetCounts)[how] += items;
    tally[how](items);
    progress.advance(items);
    windows.count(window, items, how);
  };
  let working: number | undefined;
  try {
    for (const [index, planned] of portions.entries()) {
      signal.throwIfAborted();
      // Before the journal is written, since a message that is left out later makes a correction of the journal necessary.
      if (protection?.isDue) await protection.search(remaining());
      const portion = leaveOutOf(planned, protection?.found ?? IdSet.empty);
      for (const [part, { window, changes }] of planned.entries()) {
        for (const [set, { ids }] of changes.entries()) {
          count(set, 'skipped', ids.size - (portion[part]?.changes[set]?.ids.size ?? 0), window);
        }
      }
      if (changesSomething && (portions.length > 1 || portion.some((part) => sizeOf(part) > 0))) {
        const skipped = counts.reduce((sum, count) => sum + count.skipped, 0);
        const parts = { part: index + 1, parts: portions.length, messages: messages - skipped };
        await journal?.keep({ portion, plan, resolved, ...parts });
      }
      for (const [set, { name }] of plan.sets.entries()) {
        if (batchCount(portion, set) === 0) continue;
        working = set;
        const change = toChange(resolved[set] ?? []);
        await changeSet({ name, portion, set }, change, {
          ...context,
          protection,
          remaining,
          modify: (ids, labels, stop, state) =>
            writer.modify(ids, labels, stop, state).catch((error) => {
              throw naming(error, resolved[set]);
            }),
          onBegin: journal && ((batch, messages, state) => journal.begin(set, batch, messages, state)),
          count: (how, batch) => {
            for (const [part, items] of batch.shares) count(set, how, items, portion[part]?.window);
            progress.window(portion[Math.max(...batch.shares.keys())]?.window?.name ?? null);
          },
        });
        if (left(set) > 0) continue;
        told.add(set);
        tell(set);
      }
    }
  } finally {
    // The set that was interrupted, and those of which a part was done in portions before.
    for (const set of plan.sets.keys()) {
      const begun = set === working || left(set) < (sizes[set] ?? 0);
      if (begun && !told.has(set)) tell(set);
    }
  }
}

/** The plan for sets whose labels are known by their ids. */
export function planOfLabels(sets: readonly LabelSet[]): { plan: ChangePlan; resolved: ResolvedSet[] } {
  const step = (add: boolean) => (id: string) => ({ id, name: id, add });
  const resolved = sets.map(({ change }) => [
    ...change.addLabelIds.map(step(true)),
    ...change.removeLabelIds.map(step(false)),
  ]);
  const plan = {
    sets: sets.map(({ name, ids }) => ({ name, operations: [], found: ids.size })),
    windows: [{ window: null, changes: sets.map(({ ids }) => ({ ids, effects: undefined })) }],
  };
  return { plan, resolved };
}

/** The change that these steps come to. */
export function toChange(steps: ResolvedSet): LabelChange | GmailRefusal {
  if (steps instanceof GmailRefusal) return steps;
  const known = steps.filter((step) => step !== null);
  return {
    addLabelIds: known.filter(({ add }) => add).map(({ id }) => id),
    removeLabelIds: known.filter(({ add }) => !add).map(({ id }) => id),
  };
}

function isChange(change: LabelChange | GmailRefusal): boolean {
  return !(change instanceof GmailRefusal) && change.addLabelIds.length + change.removeLabelIds.length > 0;
}

/** Gmail's refusal of a label with the names of those that were meant: Gmail names an id at most. */
function naming(error: unknown, labels: ResolvedSet | undefined): unknown {
  const isAboutLabel = error instanceof GmailRefusal && error.status === 400 && /label/i.test(error.message);
  if (!isAboutLabel || labels === undefined || labels instanceof GmailRefusal) return error;
  const names = labels.flatMap((step) => (step === null || step.id === step.name ? [] : [`"${step.name}"`]));
  if (names.length === 0) return error;
  return new GmailRefusal(
    error.status,
    `${error.message} (the rule changes ${names.join(', ')})`,
    error.reason,
    'The label may have been deleted during the run. Run again: a label that the rule adds is created again.',
  );
}

/** Tells of every window as soon as all its changes are dealt with. */
class WindowCounts {
  readonly #log: Log;
  readonly #open = new Map<
    string,
    { left: number; messages: number; changed: number; skipped: number; failed: number }
  >();

  constructor({ windows }: ChangePlan, log: Log) {
    this.#log = log;
    for (const plan of windows) {
      const size = sizeOf(plan);
      if (plan.window === null || size === 0) continue;
      this.#open.set(plan.window.name, { left: size, messages: size, changed: 0, skipped: 0, failed: 0 });
    }
  }

  count(window: Window | null | undefined, items: number, how: keyof SetCounts): void {
    const name = window?.name ?? '';
    const counts = this.#open.get(name);
    if (counts === undefined) return;
    counts[how] += items;
    counts.left -= items;
    if (counts.left > 0) return;
    this.#open.delete(name);
    const { messages, changed, skipped, failed } = counts;
    const done = { window: name, messages, changed, skipped, failed, windowsLeft: this.#open.size };
    this.#log.info('window.finished', done);
  }
}
