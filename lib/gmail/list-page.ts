/** One page of messages.list: of a search, or of all messages with a label. */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import type { GmailClient } from './client.ts';
import { IdCollector, type IdSet } from './ids.ts';

/** Gmail's largest page of a list. */
export const PAGE_SIZE = 500;

/** The fields of a page for ids alone; thread ids would double its size. */
export const IDS_ALONE = 'messages/id,nextPageToken,resultSizeEstimate';

export interface MessageRef {
  readonly id: string;
  readonly threadId: string;
}

export interface ListRequest {
  /** A search; all messages when left out. */
  readonly q?: string;
  readonly labelIds?: string[];
  readonly maxResults: number;
  readonly includeSpamTrash: boolean;
}

export interface MessagePage {
  readonly messages: readonly MessageRef[];
  readonly next: string | undefined;
}

/**
 * The page at `pageToken`, with all fields or only `fields`. Requests the first page, and a page after an unreadable answer,
 * with all fields: Gmail may answer 204 when the requested fields are empty. 5 quota units.
 */
export async function readListPage(
  client: GmailClient,
  request: ListRequest,
  pageToken: string | undefined,
  signal: AbortSignal,
  fields?: string,
): Promise<MessagePage> {
  const params = { userId: 'me', ...request, ...(pageToken && { pageToken }) };
  let part = pageToken === undefined ? undefined : fields;
  const page = await client.request<gmail_v1.Schema$ListMessagesResponse>(
    'messages.list',
    (api, options) => {
      const asked = { ...params, ...(part && { fields: part }) };
      part = undefined;
      return api.users.messages.list(asked, options);
    },
    signal,
  );
  const messages = (page.messages ?? []).flatMap(({ id, threadId }): MessageRef[] =>
    typeof id === 'string' ? [{ id, threadId: threadId ?? id }] : [],
  );
  return { messages, next: page.nextPageToken || undefined };
}

export interface ListOptions {
  readonly labelId?: string;
  /** A search. */
  readonly q?: string;
  readonly onFound?: (messages: number) => void;
}

/**
 * The ids of all messages, or of those with a label, Spam and Trash included. Without `q` it sends no search, so the answer
 * does not depend on Gmail's search index, which shows changes late. `onFound` gets the number of
 * messages that are found so far. 5 quota units for each 500 messages.
 */
export async function listMessageIds(
  client: GmailClient,
  signal: AbortSignal,
  { labelId, q, onFound }: ListOptions = {},
): Promise<IdSet> {
  const request = {
    maxResults: PAGE_SIZE,
    includeSpamTrash: true,
    ...(labelId !== undefined && { labelIds: [labelId] }),
    ...(q !== undefined && { q }),
  };
  const ids = new IdCollector();
  let token: string | undefined;
  do {
    const { messages, next } = await readListPage(client, request, token, signal, IDS_ALONE);
    for (const { id } of messages) ids.add(id);
    onFound?.(ids.size);
    token = next;
  } while (token !== undefined);
  return ids.finish();
}
