/** Changes the messages of one set, batch by batch. */
import type { Tally } from '../base/tally.ts';
import type { Log } from '../screen/log.ts';
import { type Batch, batchesOf, type Portion, splitBatch } from './change-plan.ts';
import { MAX_CONCURRENT } from './concurrency.ts';
import { ProtectedBatch, type Protection } from './protection.ts';
import { GmailRefusal } from './responses.ts';
import type { ChangeState, LabelChange, Writer } from './writer.ts';

export interface ChangeContext {
  readonly modify: Writer['modify'];
  /** Undefined when no message is protected. */
  readonly protection: Protection | undefined;
  /** The indices of the sets that still have messages to change. */
  readonly remaining: () => readonly number[];
  readonly tally: Tally;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly count: (result: keyof SetCounts, batch: Batch) => void;
  /** Called before each batch is sent; `batch` counts the set's batches in this portion from 0. `state` changes later. */
  readonly onBegin?: ((batch: number, messages: number, state: BatchState) => void) | undefined;
}

export interface BatchState extends ChangeState {
  /** Gmail has confirmed the change of all messages that were not left out. */
  isConfirmed: boolean;
  /** Messages that became protected before they were sent. */
  readonly leftOut: string[];
}

export interface SetCounts {
  changed: number;
  skipped: number;
  failed: number;
}

/**
 * Changes the messages of one set of the portion. When Gmail refused to create a label, `change` is that refusal, and all
 * messages count as failed. Counts a batch that Gmail refuses as failed, and continues. When Gmail is away or the run is
 * stopped, finishes the batches under way and throws the reason.
 */
export async function changeSet(
  { name, portion, set }: { readonly name: string; readonly portion: Portion; readonly set: number },
  change: LabelChange | GmailRefusal,
  context: ChangeContext,
): Promise<void> {
  const { modify, protection, remaining, tally, log, count, onBegin } = context;
  const away = new AbortController();
  const signal = AbortSignal.any([context.signal, away.signal]);

  let number = 0;
  const apply = async (batch: Batch) => {
    const state: BatchState = { isConfirmed: false, mayBeApplied: false, leftOut: [] };
    onBegin?.(number, batch.ids.length, state);
    number += 1;
    if (change instanceof GmailRefusal) return count('failed', batch);
    if (isEmpty(change)) return count('skipped', batch);
    let left = batch;
    const messages = new ProtectedBatch(batch.ids, protection, remaining, (leftOut) => {
      const [kept, spared] = splitBatch(left, new Set(leftOut));
      left = kept;
      // An earlier attempt without an answer may have changed them.
      if (!state.mayBeApplied) state.leftOut.push(...leftOut);
      count('skipped', spared);
    });
    try {
      if (messages.ids.length > 0) await modify(messages, change, signal, state);
      state.isConfirmed = true;
      if (left.ids.length > 0) count('changed', left);
    } catch (error) {
      if (!(error instanceof GmailRefusal)) return away.abort(error);
      count('failed', left);
      tally.refused(`${name}: ${error.message}`);
      log.error('gmail.refused', { rule: name, count: left.ids.length, error: error.message, remedy: error.remedy });
    }
  };
  const batches = batchesOf(portion, set);
  let isComplete = true;
  const work = async () => {
    for (const batch of batches) {
      isComplete &&= !signal.aborted;
      if (!isComplete) return;
      await apply(batch);
    }
  };
  // The concurrency limiter and the quota delay the requests of these batches.
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, work));
  away.signal.throwIfAborted();
  // A stop after the last batch was begun does not make the set incomplete.
  if (!isComplete) signal.throwIfAborted();
}

/** Whether the change only removes labels that do not exist: Gmail would refuse it. */
function isEmpty({ addLabelIds, removeLabelIds }: LabelChange): boolean {
  return addLabelIds.length + removeLabelIds.length === 0;
}
