/** Makes the changes of one set of messages, batch by batch. */
import { counted, formatCount } from '../base/count.ts';
import type { Tally } from '../base/tally.ts';
import { GuardError } from '../errors.ts';
import type { Log } from '../screen/log.ts';
import { GmailRefusal } from './answers.ts';
import { type Batch, batchesOf, type ChangePlan, type Portion, partBatch, setSizes } from './change-plan.ts';
import { PendingChange, type Protection } from './protection.ts';
import type { LabelChange, Trace, Writer } from './writer.ts';

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
  /** Told of every batch, by its number in the set, that is about to be sent; its trace says what becomes of it. */
  readonly onBegin?: ((batch: number, messages: number, trace: BatchTrace) => void) | undefined;
}

/** What becomes of a batch. */
export interface BatchTrace extends Trace {
  /** Gmail has confirmed the change of all that was not left out. */
  isChanged: boolean;
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
    const trace: BatchTrace = { isChanged: false, isDoubtful: false, leftOut: [] };
    onBegin?.(begun, batch.ids.length, trace);
    begun += 1;
    if (change instanceof GmailRefusal) return count('failed', batch);
    if (isEmpty(change)) return count('skipped', batch);
    let left = batch;
    const messages = new PendingChange(batch.ids, protection, remaining, (leftOut) => {
      const [kept, spared] = partBatch(left, new Set(leftOut));
      left = kept;
      // Messages that were sent in an earlier attempt without an answer may be changed.
      if (!trace.isDoubtful) trace.leftOut.push(...leftOut);
      count('skipped', spared);
    });
    try {
      if (messages.ids.length > 0) await modify(messages, change, signal, trace);
      trace.isChanged = true;
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

/** A limit on the changes of a run, or of one of its sets, and what to do about it. */
export interface Guard {
  /** The name of the set that is limited; all sets together without one. */
  readonly set?: string;
  /** Infinity for no limit. */
  readonly atMost: number;
  /** The origin of a limit that was computed: `50% of the 9,000 in the mailbox`. */
  readonly meaning?: string;
  /** Where the limit stands: `rules.yaml: maxChanges`. */
  readonly from?: string;
  /** Where the limit can be raised. */
  readonly remedy: string;
  /** The share of the mailbox, between 0 and 1, of which the limit was worked out. */
  readonly share?: number;
}

/**
 * The first of `guards` that `plans` of the same sets go beyond; undefined when all hold. All plans but the last are
 * carried out: `changed` messages were changed so far.
 */
export function trippedGuard(
  plans: readonly ChangePlan[],
  guards: readonly Guard[],
  changed = 0,
): GuardError | undefined {
  const counts = plans.map(setSizes);
  for (const { set, atMost, meaning, remedy } of guards) {
    const own = (sizes: readonly number[]) =>
      sizes.reduce(
        (sum, size, index) => (set === undefined || plans[0]?.sets[index]?.name === set ? sum + size : sum),
        0,
      );
    const size = counts.reduce((sum, sizes) => sum + own(sizes), 0);
    const added = own(counts.at(-1) ?? []);
    if (size <= atMost || added === 0) continue;
    const messages = counted(size, 'message');
    const what = set === undefined ? `${messages} would be changed` : `the rule ${set} would change ${messages}`;
    const limit = meaning === undefined ? formatCount(atMost) : `${formatCount(atMost)} (${meaning})`;
    if (plans.length === 1) return new GuardError(`${what}, but the limit is ${limit}: nothing was changed`, remedy);
    return new GuardError(
      `${counted(added, 'more message was', 'more messages were')} found during the run. With ${added === 1 ? 'it' : 'them'} ${what}, but the limit is ${limit}. ${counted(changed, 'message was', 'messages were')} changed; the new ones were not`,
      `The next run continues with the rest. ${remedy}`,
    );
  }
  return undefined;
}
