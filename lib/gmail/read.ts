/** Reads headers of single messages. Dear: 20 quota units each, so that what a search can tell is never read. */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import { GmailRefusal } from './answers.ts';
import type { GmailClient } from './client.ts';

/** A message with those headers that were asked for. */
export interface ReadMessage {
  readonly id: string;
  readonly threadId: string;
  readonly labelIds: readonly string[];
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  /** The header's value; '' when the message has none of that name. */
  header(name: string): string;
}

/** The message with these headers; null when it vanished meanwhile. 20 quota units. */
export async function readHeaders(
  client: GmailClient,
  id: string,
  headers: readonly string[],
  signal: AbortSignal,
): Promise<ReadMessage | null> {
  const params = { userId: 'me', id, format: 'metadata', metadataHeaders: [...headers] };
  try {
    const message = await client.request<gmail_v1.Schema$Message>(
      'messages.get',
      (api, options) => api.users.messages.get(params, options),
      signal,
    );
    return describe(id, message);
  } catch (error) {
    if (error instanceof GmailRefusal && error.status === 404) return null;
    throw error;
  }
}

function describe(id: string, message: gmail_v1.Schema$Message): ReadMessage {
  const headers = message.payload?.headers ?? [];
  return {
    id,
    threadId: message.threadId ?? id,
    labelIds: message.labelIds ?? [],
    receivedAt: new Date(Number(message.internalDate ?? 0)),
    sizeBytes: message.sizeEstimate ?? 0,
    header: (name) => headers.find((header) => header.name?.toLowerCase() === name.toLowerCase())?.value ?? '',
  };
}
