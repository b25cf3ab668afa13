/** Lists a whole mailbox with the labels of its messages, without a search: to repair a copy, and to verify one. */
import { mapAtOnce } from '../base/pool.ts';
import type { IdSet } from '../gmail/ids.ts';
import { listMessageIds } from '../gmail/list-page.ts';
import type { Mailbox } from '../gmail/mailbox.ts';

export interface Survey {
  /** Of the mailbox before the first list: the lists show all changes up to it, and perhaps later ones. */
  readonly historyId: string;
  /** Every message, with Spam and Trash. */
  readonly all: IdSet;
  /** The messages outside Spam and Trash. */
  readonly ids: IdSet;
  /** The name of each label → the messages that have it. */
  readonly labels: ReadonlyMap<string, IdSet>;
}

/** Lists of labels that are read at the same time. */
const LISTS_AT_ONCE = 8;

/**
 * Lists all messages, and the messages of each label that the run knows. 5 quota units for each 500 messages of all and of
 * each label, at least 5 for a label; 1 for the history id, and 1 when the run has not listed the labels.
 */
export async function surveyMailbox(mailbox: Mailbox, signal: AbortSignal): Promise<Survey> {
  const { client, progress } = mailbox;
  const historyId = await mailbox.historyId();
  const labels = (await mailbox.knownLabels()).all();
  const all = await listMessageIds(client, signal, { onFound: (found) => progress.looking(found) });
  const lists = await mapAtOnce(labels, LISTS_AT_ONCE, async ({ id, name }) => {
    return { id, name, ids: await listMessageIds(client, signal, { labelId: id }) };
  });
  const hidden = lists.filter(({ id }) => id === 'SPAM' || id === 'TRASH');
  return {
    historyId,
    all,
    ids: all.without(...hidden.map(({ ids }) => ids)),
    labels: new Map(lists.map(({ name, ids }) => [name, ids])),
  };
}
