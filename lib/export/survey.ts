/** Lists a whole mailbox with the labels of its messages, without a search: to repair a copy, and to verify one. */
import { TRY_NEXT_RUN } from '../base/network-failure.ts';
import { mapAtOnce } from '../base/pool.ts';
import { UnavailableError } from '../errors.ts';
import type { GmailClient } from '../gmail/client.ts';
import type { IdSet } from '../gmail/ids.ts';
import { HIDING_LABELS, type Label } from '../gmail/labels.ts';
import { listMessageIds } from '../gmail/list-page.ts';
import { readProfile } from '../gmail/profile.ts';

export interface Survey {
  /** The mailbox's history id before the first list: the lists show all changes up to it, and perhaps later ones. */
  readonly historyId: string;
  /** Every message, with Spam and Trash. */
  readonly all: IdSet;
  /** The messages outside Spam and Trash. */
  readonly outsideSpamTrash: IdSet;
  /** The name of each label → the messages that have it. */
  readonly labels: ReadonlyMap<string, IdSet>;
}

/** Lists of labels that are read at the same time. */
const LISTS_AT_ONCE = 8;

/**
 * Lists all messages, and the messages of each of `labels`, the labels of the mailbox. `onFound` gets the number of all
 * messages that are found so far. 5 quota units for each 500 messages, of the mailbox and of each label, at least 5 for each
 * label, and 1 for the history id.
 * @throws UnavailableError when Gmail does not say the mailbox's history id.
 */
export async function surveyMailbox(
  client: GmailClient,
  labels: readonly Label[],
  signal: AbortSignal,
  onFound: (messages: number) => void = () => undefined,
): Promise<Survey> {
  const { historyId } = await readProfile(client, signal);
  if (historyId === undefined) {
    throw new UnavailableError(
      "Gmail did not name the mailbox's history id: its answer to users.getProfile has none",
      TRY_NEXT_RUN,
    );
  }
  const all = await listMessageIds(client, signal, { onFound });
  const lists = await mapAtOnce(labels, LISTS_AT_ONCE, async ({ id, name }) => {
    return { id, name, ids: await listMessageIds(client, signal, { labelId: id }) };
  });
  const hidden = lists.filter(({ id }) => HIDING_LABELS.includes(id));
  return {
    historyId,
    all,
    outsideSpamTrash: all.without(...hidden.map(({ ids }) => ids)),
    labels: new Map(lists.map(({ name, ids }) => [name, ids])),
  };
}
