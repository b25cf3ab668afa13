/**
 * Applies a plan of changes portion by portion: writes each portion to the journal, then changes its messages set by set
 * (apply-batches.ts), and counts them.
 */

import type { Tally } from '../base/tally.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import { type BatchState, changeSet, type SetCounts } from './apply-batches.ts';
import {
  batchCount,
  type ChangePlan,
  leaveOutOfWindows,
  type Portion,
  portionsOf,
  setSizes,
  sizeOf,
} from './change-plan.ts';
import { IdSet } from './ids.ts';
import type { ResolvedSet } from './mailbox-labels.ts';
import type { Protection } from './protection.ts';
import { GmailRefusal } from './responses.ts';
import type { Window } from './windows.ts';
import type { LabelChange, LabelSet, Writer } from './writer.ts';

/** A portion of a plan, with the labels of its sets, as one journal records it. */
export interface JournaledPortion {
  readonly portion: Portion;
  readonly plan: ChangePlan;
  readonly resolved: readonly ResolvedSet[];
  /** The number of the portion, from 1. */
  readonly part: number;
  readonly parts: number;
  /** Changes in the whole plan, without skipped messages. */
  readonly messages: number;
}

/** A record of changes from which they can be undone. */
export interface PlanJournal {
  /** Called before the searches of a plan; resolves when the journal is ready for its changes. Never rejects. */
  begin(): Promise<void>;
  /** Resolves when the portion is recorded in the mailbox. */
  writePortion(portion: JournaledPortion): Promise<void>;
  /** Called before each batch of the portion that was written last. `batch` counts the batches of a set from 0. */
  beginBatch(set: number, batch: number, messages: number, state: BatchState): void;
}

export interface ApplyContext {
  readonly writer: Writer;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Undefined for changes that cannot be undone. */
  readonly journal: PlanJournal | undefined;
  /** Undefined when no message is protected. */
  readonly protection?: Protection | undefined;
}

/**
 * Makes all changes of the plan in its order, and counts them. Stops before the next batch when the signal is aborted, and
 * before a portion that could not be written to the journal.
 */
export async function applyPortions(
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
  const logSet = (set: number) => {
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
  const changesSomething = resolved.some((labels) => isChange(labelChangeOf(labels)));
  const logged = new Set<number>();
  const windows = new WindowCounts(plan, log);
  const count = (set: number, result: keyof SetCounts, items: number, window: Window | null | undefined) => {
    if (items === 0) return;
    (counts[set] as SetCounts)[result] += items;
    tally[result](items);
    progress.advance(items);
    windows.count(window, items, result);
  };
  let working: number | undefined;
  try {
    for (const [index, planned] of portions.entries()) {
      signal.throwIfAborted();
      // A message that is left out after the journal is written costs a second journal without it.
      if (protection?.isDue) await protection.search(remaining());
      const portion = leaveOutOfWindows(planned, protection?.found ?? IdSet.empty);
      for (const [part, { window, changes }] of planned.entries()) {
        for (const [set, { ids }] of changes.entries()) {
          count(set, 'skipped', ids.size - (portion[part]?.changes[set]?.ids.size ?? 0), window);
        }
      }
      if (changesSomething && (portions.length > 1 || portion.some((part) => sizeOf(part) > 0))) {
        const skipped = counts.reduce((sum, count) => sum + count.skipped, 0);
        const parts = { part: index + 1, parts: portions.length, messages: messages - skipped };
        await journal?.writePortion({ portion, plan, resolved, ...parts });
      }
      for (const [set, { name }] of plan.sets.entries()) {
        if (batchCount(portion, set) === 0) continue;
        working = set;
        const change = labelChangeOf(resolved[set] ?? []);
        await changeSet({ name, portion, set }, change, {
          ...context,
          protection,
          remaining,
          modify: (ids, labels, signal, state) =>
            writer.modify(ids, labels, signal, state).catch((error) => {
              throw withLabelNames(error, resolved[set]);
            }),
          onBegin: journal && ((batch, messages, state) => journal.beginBatch(set, batch, messages, state)),
          count: (result, batch) => {
            for (const [part, items] of batch.shares) count(set, result, items, portion[part]?.window);
            progress.window(portion[Math.max(...batch.shares.keys())]?.window?.name ?? null);
          },
        });
        if (left(set) > 0) continue;
        logged.add(set);
        logSet(set);
      }
    }
  } finally {
    // Logs sets that were interrupted, and sets that earlier portions changed only in part.
    for (const set of plan.sets.keys()) {
      const isBegun = set === working || left(set) < (sizes[set] ?? 0);
      if (isBegun && !logged.has(set)) logSet(set);
    }
  }
}

/** The plan for sets whose labels are given by id. */
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

function labelChangeOf(steps: ResolvedSet): LabelChange | GmailRefusal {
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

/** Adds the labels' names to Gmail's refusal of a label: Gmail's own message names at most the label's id. */
function withLabelNames(error: unknown, labels: ResolvedSet | undefined): unknown {
  const isAboutLabel = error instanceof GmailRefusal && error.status === 400 && /label/i.test(error.message);
  if (!isAboutLabel || labels === undefined || labels instanceof GmailRefusal) return error;
  const names = labels.flatMap((step) => (step === null || step.id === step.name ? [] : [`"${step.name}"`]));
  if (names.length === 0) return error;
  return new GmailRefusal(
    error.status,
    `${error.message} (the change is of ${names.join(', ')})`,
    error.reason,
    'The label may have been deleted during the run. Run again: a missing label is created when a change adds it.',
  );
}

/** Logs each window as soon as all its changes are counted. */
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

  count(window: Window | null | undefined, items: number, result: keyof SetCounts): void {
    const name = window?.name ?? '';
    const counts = this.#open.get(name);
    if (counts === undefined) return;
    counts[result] += items;
    counts.left -= items;
    if (counts.left > 0) return;
    this.#open.delete(name);
    const { messages, changed, skipped, failed } = counts;
    const done = { window: name, messages, changed, skipped, failed, windowsLeft: this.#open.size };
    this.#log.info('window.finished', done);
  }
}
