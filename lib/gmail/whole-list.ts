/** Lists all ids of a mailbox, Spam and Trash included. */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import type { GmailClient } from './client.ts';
import { IdCollector, type IdSet } from './ids.ts';
import { PAGE_SIZE } from './searcher.ts';

/** The ids that `q` finds; of all messages when it is left out. 5 quota units for each 500. */
export async function listMailbox(
  client: GmailClient,
  signal: AbortSignal,
  onFound: (found: number) => void,
  q?: string,
): Promise<IdSet> {
  const ids = new IdCollector();
  let pageToken: string | undefined;
  do {
    const params = {
      userId: 'me',
      includeSpamTrash: true,
      maxResults: PAGE_SIZE,
      ...(q !== undefined && { q }),
      ...(pageToken !== undefined && { pageToken }),
    };
    const page = await client.request<gmail_v1.Schema$ListMessagesResponse>(
      'messages.list',
      (api, options) => api.users.messages.list(params, options),
      signal,
    );
    for (const { id } of page.messages ?? []) if (id) ids.add(id);
    onFound(ids.size);
    pageToken = page.nextPageToken ?? undefined;
  } while (pageToken !== undefined);
  return ids.finish();
}
