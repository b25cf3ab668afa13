/** Requests one message: its labels, some of its headers, its source, its parts or one of its attachments. */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import { TRY_NEXT_RUN } from '../base/network-failure.ts';
import { UnavailableError } from '../errors.ts';
import type { GmailClient } from './client.ts';
import { GmailRefusal } from './responses.ts';

/**
 * The search for large messages: `mailbox.messages` reads them in parts, an export one by one. A source that is read whole
 * takes about six times its size in memory (as JSON, text, bytes and decoded), up to 300 MB for a message of 50 MB, and 8
 * sources may be in memory at once; a small dyno has 512 MB.
 */
export const LARGE_SEARCH = 'larger:2M';

export interface MessageRequest {
  readonly id: string;
  /** `minimal` has the labels, `metadata` also headers, `raw` the whole source, `full` the parts without attachments. */
  readonly format: 'minimal' | 'metadata' | 'raw' | 'full';
  readonly metadataHeaders?: readonly string[];
}

/** The current message, which searches show late; null when it no longer exists. 20 quota units. */
export async function getMessage(
  client: GmailClient,
  { metadataHeaders = [], ...request }: MessageRequest,
  signal: AbortSignal,
): Promise<gmail_v1.Schema$Message | null> {
  const params = { userId: 'me', ...request, metadataHeaders: [...metadataHeaders] };
  try {
    return await client.request<gmail_v1.Schema$Message>(
      'messages.get',
      (api, options) => api.users.messages.get(params, options),
      signal,
    );
  } catch (error) {
    if (error instanceof GmailRefusal && error.status === 404) return null;
    throw error;
  }
}

export interface MessageSource {
  /** In the format of RFC 822. */
  readonly raw: Buffer;
  readonly labelIds: readonly string[];
  /** The id of the last change to the message: see readHistory. @internal */
  readonly historyId: string | undefined;
}

/** The source of a message; null when it no longer exists. 20 quota units. @throws UnavailableError when Gmail leaves it out. */
export async function getSource(client: GmailClient, id: string, signal: AbortSignal): Promise<MessageSource | null> {
  const message = await getMessage(client, { id, format: 'raw' }, signal);
  if (message === null) return null;
  return { raw: sourceIn(message), labelIds: message.labelIds ?? [], historyId: message.historyId ?? undefined };
}

/** The source in a message of the format `raw`. @throws UnavailableError when it has none. */
export function sourceIn({ raw }: gmail_v1.Schema$Message): Buffer {
  if (typeof raw === 'string') return Buffer.from(raw, 'base64url');
  throw new UnavailableError(
    'Gmail was not available: messages.get was answered without the source of the message',
    TRY_NEXT_RUN,
  );
}

export interface ReadMessage {
  readonly id: string;
  readonly threadId: string;
  readonly labelIds: readonly string[];
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  /** The id of the last change to the message: see readHistory. @internal */
  readonly historyId: string | undefined;
  /** The header's value; '' when the message has none of that name. */
  header(name: string): string;
}

/** A message with the headers of these names; null when it no longer exists. 20 quota units. */
export async function readHeaders(
  client: GmailClient,
  id: string,
  headers: readonly string[],
  signal: AbortSignal,
): Promise<ReadMessage | null> {
  const message = await getMessage(client, { id, format: 'metadata', metadataHeaders: headers }, signal);
  if (message === null) return null;
  const received = message.payload?.headers ?? [];
  return {
    id,
    threadId: message.threadId ?? id,
    labelIds: message.labelIds ?? [],
    receivedAt: new Date(Number(message.internalDate ?? 0)),
    sizeBytes: message.sizeEstimate ?? 0,
    historyId: message.historyId ?? undefined,
    header: (name) => received.find((header) => header.name?.toLowerCase() === name.toLowerCase())?.value ?? '',
  };
}
