/** Finds messages that somebody changed while a person was asked whether to restore them, so that undo leaves them alone. */
import { UnavailableError } from '../errors.ts';
import { IdSet } from '../gmail/ids.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { HIDING, type UndoGroup } from './undo-model.ts';

/**
 * The messages of `groups` that were deleted or hidden since the history id `since`, or got or lost a label that is to
 * be restored. 2 quota units for each 500 changes of the mailbox.
 * @throws UnavailableError when the history does not go back so far.
 */
export async function changedMeanwhile(
  since: string,
  groups: readonly UndoGroup[],
  mailbox: Pick<Mailbox, 'history'>,
): Promise<IdSet> {
  const happened = await mailbox.history(since, IdSet.union(groups.map(({ ids }) => ids)));
  if (happened === null) {
    throw new UnavailableError(
      "Gmail's history no longer reaches back to when the question was asked, so nothing was changed",
      'Run the command again.',
    );
  }
  const touched = groups.flatMap(({ ids, steps }) => {
    const labels = [...new Set([...HIDING, ...steps.map(({ id }) => id)])];
    const changed = labels.flatMap((label) => [...(happened.labels.get(label)?.keys() ?? [])]);
    return [...changed, ...happened.deleted].filter((id) => ids.has(id));
  });
  return IdSet.of(touched);
}
