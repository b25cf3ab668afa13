// A message of the made-up mailbox, and the parser of its RFC 822 source.

import PostalMime, { type Address, type Email } from 'postal-mime';

/** An attachment without its content. */
export interface StoredAttachment {
  readonly filename: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
}

export interface StoredMessage {
  /** 16 lower-case hex digits; newer messages have larger ids. */
  id: string;
  threadId: string;
  internalDateMs: number;
  labelIds: Set<string>;
  /** The id of the last change to the message. */
  historyId?: number;
  from: string;
  to: string;
  cc: string;
  bcc: string;
  subject: string;
  /** With its angle brackets; '' when the source has none. */
  messageId: string;
  /** '' when the message comes from no mailing list. */
  listId: string;
  body: string;
  attachments: readonly StoredAttachment[];
  sizeBytes: number;
  /** The full RFC 822 source, one character per byte, when the message was inserted with one. */
  raw?: string;
}

/** A parsed source; the mailbox adds the id, thread, date and labels. */
export interface ParsedMessage {
  readonly content: Omit<StoredMessage, 'id' | 'threadId' | 'internalDateMs' | 'labelIds' | 'historyId'>;
  /** Message-IDs of the messages that this one answers, nearest first. */
  readonly answers: readonly string[];
}

const SEQUENCE_BITS = 20n;

/**
 * Returns an id that sorts by date: milliseconds since 1970 in the upper bits, as Gmail's own ids have them, and below
 * them `sequence` (0 to 1,048,575), which tells messages of the same millisecond apart.
 */
export function messageIdAt(internalDateMs: number, sequence: number): string {
  const id =
    (BigInt(Math.floor(internalDateMs)) << SEQUENCE_BITS) | BigInt.asUintN(Number(SEQUENCE_BITS), BigInt(sequence));
  return id.toString(16).padStart(16, '0');
}

/**
 * Reads a message's RFC 822 source.
 *
 * A message without a text part is searched by the words of its HTML part.
 */
export async function parseMessage(raw: Buffer | string): Promise<ParsedMessage> {
  const email = await PostalMime.parse(raw);
  return {
    content: {
      from: formatAddresses(email.from ? [email.from] : []),
      to: formatAddresses(email.to),
      cc: formatAddresses(email.cc),
      bcc: formatAddresses(email.bcc),
      subject: email.subject ?? '',
      messageId: email.messageId ?? '',
      listId: email.headers.find((header) => header.key === 'list-id')?.value ?? '',
      body: email.text ?? textOf(email.html ?? ''),
      attachments: email.attachments.map((attachment) => ({
        filename: attachment.filename ?? '',
        mimeType: attachment.mimeType,
        sizeBytes: byteLength(attachment.content),
      })),
      sizeBytes: Buffer.byteLength(raw),
      raw: Buffer.from(raw).toString('latin1'),
    },
    answers: answeredMessages(email),
  };
}

function formatAddresses(addresses: readonly Address[] = []): string {
  return addresses
    .flatMap((entry) => entry.group ?? [entry])
    .map(({ name, address }) => (name ? `${name} <${address}>` : (address ?? '')))
    .join(', ');
}

function answeredMessages(email: Email): string[] {
  const references = email.references?.match(/<[^<>\s]+>/g) ?? [];
  return [...(email.inReplyTo?.match(/<[^<>\s]+>/g) ?? []), ...references.reverse()];
}

function textOf(html: string): string {
  return html
    .replace(/<(style|script)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&nbsp;/g, ' ');
}

function byteLength(content: ArrayBuffer | Uint8Array | string): number {
  return typeof content === 'string' ? Buffer.byteLength(content) : content.byteLength;
}
