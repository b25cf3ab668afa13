/** What was done to messages since a moment. The history of a mailbox, unlike its searches, does not lag behind. */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import type { GmailClient } from './client.ts';
import type { IdSet } from './ids.ts';
import { GmailRefusal } from './responses.ts';

/** The records on one page; Gmail allows no more. */
const PAGE_SIZE = 500;

const CHANGES = ['labelAdded', 'labelRemoved', 'messageDeleted'];

/** What was done to messages, as far as it can still be seen in them. */
export interface HistoryChanges {
  /** Label id → message id → whether the message has carried the label since it got or lost it last. */
  readonly labels: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
  /** The ids of those that were deleted for good. */
  readonly deleted: ReadonlySet<string>;
}

/**
 * What was done to the messages of `among` after `since`, the history id of a message or of the mailbox; null when Gmail
 * does not know that any more, which it does for about a week. 2 quota units for each 500 changes of the mailbox.
 */
export async function readHistory(
  client: GmailClient,
  since: string,
  among: IdSet,
  signal: AbortSignal,
): Promise<HistoryChanges | null> {
  const labels = new Map<string, Map<string, boolean>>();
  const deleted = new Set<string>();
  const note = (changes: gmail_v1.Schema$HistoryLabelAdded[] | undefined, carries: boolean) => {
    for (const { message, labelIds } of changes ?? []) {
      const id = message?.id ?? '';
      if (id === '' || !among.has(id)) continue;
      for (const label of labelIds ?? []) {
        const messages = labels.get(label) ?? new Map<string, boolean>();
        labels.set(label, messages.set(id, carries));
      }
    }
  };
  let pageToken: string | undefined;
  do {
    const page = await readPage(client, { since, pageToken, historyTypes: CHANGES }, signal);
    if (page === null) return null;
    for (const { labelsAdded, labelsRemoved, messagesDeleted } of page.history ?? []) {
      note(labelsAdded, true);
      note(labelsRemoved, false);
      forgetBoth(labelsAdded, labelsRemoved, labels);
      for (const { message } of messagesDeleted ?? []) {
        if (message?.id && among.has(message.id)) deleted.add(message.id);
      }
    }
    pageToken = page.nextPageToken ?? undefined;
  } while (pageToken !== undefined);
  return { labels, deleted };
}

/**
 * The ids of messages that carry this label and were put into the mailbox after `since`, the oldest first; none when Gmail
 * does not know that any more. 2 quota units for each 500.
 */
export async function readAdded(
  client: GmailClient,
  since: string,
  labelId: string,
  signal: AbortSignal,
): Promise<string[]> {
  const ids: string[] = [];
  let pageToken: string | undefined;
  do {
    const page = await readPage(client, { since, pageToken, labelId, historyTypes: ['messageAdded'] }, signal);
    for (const { messagesAdded } of page?.history ?? []) {
      ids.push(...(messagesAdded ?? []).flatMap(({ message }) => message?.id ?? []));
    }
    pageToken = page?.nextPageToken ?? undefined;
  } while (pageToken !== undefined);
  return ids;
}

/** What a message both got and lost in one record: which came last is not told. */
function forgetBoth(
  added: gmail_v1.Schema$HistoryLabelAdded[] = [],
  removed: gmail_v1.Schema$HistoryLabelRemoved[] = [],
  labels: ReadonlyMap<string, Map<string, boolean>>,
): void {
  if (added.length === 0 || removed.length === 0) return;
  const got = new Set(
    added.flatMap(({ message, labelIds }) => (labelIds ?? []).map((label) => `${label} ${message?.id}`)),
  );
  for (const { message, labelIds } of removed) {
    for (const label of labelIds ?? [])
      if (got.has(`${label} ${message?.id}`)) labels.get(label)?.delete(message?.id ?? '');
  }
}

interface PageRequest {
  readonly since: string;
  readonly pageToken: string | undefined;
  readonly historyTypes: readonly string[];
  readonly labelId?: string;
}

async function readPage(client: GmailClient, request: PageRequest, signal: AbortSignal) {
  const { since, pageToken, historyTypes, labelId } = request;
  const params = {
    userId: 'me',
    startHistoryId: since,
    historyTypes: [...historyTypes],
    maxResults: PAGE_SIZE,
    fields:
      'history(messagesAdded/message/id,labelsAdded(message/id,labelIds),labelsRemoved(message/id,labelIds),messagesDeleted/message/id),nextPageToken,historyId',
    ...(labelId !== undefined && { labelId }),
    ...(pageToken !== undefined && { pageToken }),
  };
  try {
    return await client.request<gmail_v1.Schema$ListHistoryResponse>(
      'history.list',
      (api, options) => api.users.history.list(params, options),
      signal,
    );
  } catch (error) {
    if (error instanceof GmailRefusal && error.status === 404) return null;
    throw error;
  }
}
