/** Applies one change to many messages, batch by batch, and counts every one of them. */
import { GuardError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Progress } from '../progress.ts';
import type { Tally } from '../tally.ts';
import { GmailRefusal } from './answers.ts';
import type { LabelChange } from './writer.ts';

/** Gmail's largest batch of changes. */
const BATCH_SIZE = 1_000;

/** Messages that get the same change, under the name of the rule that wants it. Labels are given by name. */
export interface ChangeSet {
  readonly name: string;
  readonly ids: readonly string[];
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export interface ChangeContext {
  readonly modify: (ids: readonly string[], change: LabelChange, signal: AbortSignal) => Promise<void>;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Changes the messages of `set`; `change` has its labels by their ids, or Gmail's refusal to make one of them. What Gmail
 * refuses is counted as failed and the rest goes on; when the service stays away or the run is told to stop, what is
 * under way is finished, the rest is not begun, and the reason is thrown.
 */
export async function applyChangeSet(
  set: ChangeSet,
  change: LabelChange | GmailRefusal,
  context: ChangeContext,
): Promise<void> {
  const { modify, tally, progress, log } = context;
  const counts = { changed: 0, skipped: 0, failed: 0 };
  const away = new AbortController();
  const signal = AbortSignal.any([context.signal, away.signal]);

  const count = (how: keyof typeof counts, items: number) => {
    counts[how] += items;
    tally[how](items);
    progress.advance(items);
  };
  const refused = (error: GmailRefusal, items: number) => {
    count('failed', items);
    log.error('gmail.refused', { rule: set.name, count: items, error: error.message, remedy: error.remedy });
  };
  const modifyBatch = async (ids: readonly string[], change: LabelChange) => {
    try {
      await modify(ids, change, signal);
      count('changed', ids.length);
    } catch (error) {
      if (error instanceof GmailRefusal) refused(error, ids.length);
      else away.abort(error);
    }
  };

  if (change instanceof GmailRefusal) refused(change, set.ids.length);
  else if (isEmpty(change)) count('skipped', set.ids.length);
  else await Promise.all(batches(set.ids).map((ids) => modifyBatch(ids, change)));
  const { changed, skipped, failed } = counts;
  log.info('rule.applied', { rule: set.name, changed, failed, remaining: set.ids.length - changed - skipped - failed });
  away.signal.throwIfAborted();
}

/** A change whose labels to remove do not exist: there is nothing to send, and Gmail would refuse it. */
function isEmpty({ addLabelIds, removeLabelIds }: LabelChange): boolean {
  return addLabelIds.length + removeLabelIds.length === 0;
}

function batches(ids: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(ids.length / BATCH_SIZE) }, (_, index) =>
    ids.slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE),
  );
}

/** A limit on the changes of a run, and what to do about it. */
export interface Guard {
  /** Infinity for no limit. */
  readonly atMost: number;
  /** Where the limit can be raised. */
  readonly remedy: string;
}

export function tooManyChanges(total: number, { atMost, remedy }: Guard): GuardError {
  return new GuardError(
    `${total} messages would be changed, and at most ${atMost} may be: nothing was changed`,
    remedy,
  );
}
