/** Makes the changes of one set of messages, batch by batch. */
import type { Tally } from '../base/tally.ts';
import type { Log } from '../screen/log.ts';
import { type Batch, batchesOf, type Portion, partBatch } from './change-plan.ts';
import { ProtectedBatch, type Protection } from './protection.ts';
import { GmailRefusal } from './responses.ts';
import type { ChangeState, LabelChange, Writer } from './writer.ts';

/** Batches made at once; the gate and the quota say when they are sent. */
const AT_ONCE = 8;

export interface ChangeContext {
  readonly modify: Writer['modify'];
  /** Undefined when no message is protected. */
  readonly protection: Protection | undefined;
  /** The sets of the plan, by index, that have something left to change. */
  readonly remaining: () => readonly number[];
  readonly tally: Tally;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Counts the messages of every batch that is dealt with. */
  readonly count: (how: keyof SetCounts, batch: Batch) => void;
  /** Told of every batch, by its number in the set, that is about to be sent; its state says what becomes of it. */
  readonly onBegin?: ((batch: number, messages: number, state: BatchState) => void) | undefined;
}

/** What becomes of a batch. */
export interface BatchState extends ChangeState {
  /** Gmail has confirmed the change of all that was not left out. */
  isConfirmed: boolean;
  /** Messages that were left out before they were sent. */
  readonly leftOut: string[];
}

/** What has become of the messages of a set. */
export interface SetCounts {
  changed: number;
  skipped: number;
  failed: number;
}

/**
 * Changes the messages of one set of the portion; `change` has its labels by their ids, or
 * Gmail's refusal to make one of them. What Gmail refuses is counted as failed and the rest goes on; when the service
 * stays away or the run is told to stop, what is under way is finished, the rest is not begun, and the reason is thrown.
 */
export async function changeSet(
  { name, portion, set }: { readonly name: string; readonly portion: Portion; readonly set: number },
  change: LabelChange | GmailRefusal,
  context: ChangeContext,
): Promise<void> {
  const { modify, protection, remaining, tally, log, count, onBegin } = context;
  const away = new AbortController();
  const signal = AbortSignal.any([context.signal, away.signal]);

  let begun = 0;
  const deal = async (batch: Batch) => {
    const state: BatchState = { isConfirmed: false, mayBeApplied: false, leftOut: [] };
    onBegin?.(begun, batch.ids.length, state);
    begun += 1;
    if (change instanceof GmailRefusal) return count('failed', batch);
    if (isEmpty(change)) return count('skipped', batch);
    let left = batch;
    const messages = new ProtectedBatch(batch.ids, protection, remaining, (leftOut) => {
      const [kept, spared] = partBatch(left, new Set(leftOut));
      left = kept;
      // Messages that were sent in an earlier attempt without an answer may be changed.
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
      await deal(batch);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  away.signal.throwIfAborted();
  // Told to stop when there was nothing more to begin, the set has come to its end all the same.
  if (!isComplete) signal.throwIfAborted();
}

/** A change whose labels to remove do not exist: there is nothing to send, and Gmail would refuse it. */
function isEmpty({ addLabelIds, removeLabelIds }: LabelChange): boolean {
  return addLabelIds.length + removeLabelIds.length === 0;
}
