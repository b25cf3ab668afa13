/**
 * One whole message, as `mailbox.messages` hands it to a job. Reads a message of up to 2 MB with one request, and a larger
 * one without its attachments, which the job requests one by one.
 */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import { TRY_NEXT_RUN } from '../base/network-failure.ts';
import { RefusedError, UnavailableError } from '../errors.ts';
import type { GmailClient } from './client.ts';
import { getMessage, sourceIn } from './messages.ts';
import { contentOfParts, headerIn, type MessageContent, parseSource } from './mime.ts';
import { readProfile } from './profile.ts';
import { readAttachment } from './raw-source.ts';

export interface Message extends MessageContent {
  readonly id: string;
  readonly threadId: string;
  /** Names such as `Work/Invoices`; those of Gmail's own labels are `INBOX`, `UNREAD`, `STARRED` and so on. */
  readonly labels: readonly string[];
  /** When Gmail received the message. */
  readonly receivedAt: Date;
  /** The header Date; undefined when it is missing or no date. */
  readonly sentAt: Date | undefined;
  readonly sizeBytes: number;
  /** '' for none. */
  readonly subject: string;
  /** The value of the first header of this name, in any case; '' for none. */
  header(name: string): string;
}

export interface MessageAccess {
  readonly client: GmailClient;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Returns the names of labels by their ids. */
  readonly nameLabels: (labelIds: readonly string[]) => Promise<string[]>;
}

/** A message with the ids of its labels. */
export interface OpenedMessage {
  readonly message: Message;
  readonly labelIds: readonly string[];
}

/**
 * Reads the message; null when it no longer exists. 20 quota units. A message whose source parseSource refuses costs 20
 * more: it is read again in the parts into which Gmail divides it.
 * @throws MimeError when these parts cannot be read either, RefusedError when Gmail fails for this message alone.
 */
export async function openMessage(id: string, isLarge: boolean, access: MessageAccess): Promise<OpenedMessage | null> {
  const { client, signal, nameLabels } = access;
  const [received, source] = await forThisAlone({ client, signal }, async () => {
    const message = await getMessage(client, { id, format: isLarge ? 'full' : 'raw' }, signal);
    return [message, isLarge || message === null ? undefined : sourceIn(message)] as const;
  });
  if (received === null) return null;
  const content = source === undefined ? contentInParts(received, client) : await parseSource(source);
  if (content === null) return await openMessage(id, true, access);
  const labelIds = received.labelIds ?? [];
  return { labelIds, message: messageOf(received, content, await nameLabels(labelIds)) };
}

/**
 * Runs requests for one message. Some messages make Gmail fail forever, and must not hold up all others.
 * @throws RefusedError, which fails the message alone, when Gmail fails for this message and answers users.getProfile (1
 *   quota unit). UnavailableError when Gmail is away or the quota is used up.
 */
async function forThisAlone<T>(
  { client, signal }: Pick<MessageAccess, 'client' | 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // After a refusal for the quota the remedy is another one.
    if (!(error instanceof UnavailableError) || error.remedy !== TRY_NEXT_RUN) throw error;
    await readProfile(client, signal);
    throw new RefusedError(`Gmail answers, but fails for this message: ${error.message}`, TRY_NEXT_RUN, {
      cause: error,
    });
  }
}

function contentInParts({ id, payload }: gmail_v1.Schema$Message, client: GmailClient): MessageContent {
  // A job may read attachments while the run winds down.
  const signal = client.giveUp;
  const fetch = (attachmentId: string) =>
    forThisAlone({ client, signal }, () => readAttachment(client, id ?? '', attachmentId, signal));
  return contentOfParts(payload ?? {}, fetch);
}

function messageOf(
  { id, threadId, internalDate, sizeEstimate }: gmail_v1.Schema$Message,
  content: MessageContent,
  labels: readonly string[],
): Message {
  const sentAt = new Date(headerIn(content.headers, 'Date'));
  return {
    id: id ?? '',
    threadId: threadId ?? id ?? '',
    labels,
    receivedAt: new Date(Number(internalDate ?? 0)),
    sentAt: Number.isNaN(sentAt.getTime()) ? undefined : sentAt,
    sizeBytes: sizeEstimate ?? 0,
    subject: headerIn(content.headers, 'Subject'),
    ...content,
    header: (name) => headerIn(content.headers, name),
  };
}
