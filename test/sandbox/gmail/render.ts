// A stored message as the Gmail API shows it, in the formats full, metadata, minimal and raw.
import { FIRST_HISTORY_ID } from '../history.ts';
import type { StoredMessage } from '../mailbox.ts';
import { type MessagePart, parseSource } from './mime.ts';

export type Format = 'full' | 'metadata' | 'minimal' | 'raw';

const SNIPPET_LENGTH = 200;

/** Returns the message resource. `metadataHeaders` restricts the headers of the metadata format, in any case. */
export function renderMessage(message: StoredMessage, format: Format, metadataHeaders: readonly string[] = []): object {
  const shown = {
    id: message.id,
    threadId: message.threadId,
    ...(message.labelIds.size === 0 ? {} : { labelIds: [...message.labelIds] }),
    snippet: snippet(message),
    sizeEstimate: message.sizeBytes,
    historyId: historyId(message),
    internalDate: String(message.internalDateMs),
  };
  if (format === 'minimal') return shown;
  if (format === 'raw') return { ...shown, raw: Buffer.from(sourceOf(message), 'latin1').toString('base64url') };
  const payload = message.raw === undefined ? composePayload(message) : parseSource(message.raw);
  if (format === 'full') return { ...shown, payload: withoutAttachments(payload, message.id) };
  const wanted = metadataHeaders.map((name) => name.toLowerCase());
  const headers = payload.headers.filter(({ name }) => wanted.length === 0 || wanted.includes(name.toLowerCase()));
  return { ...shown, payload: { mimeType: payload.mimeType, headers } };
}

/** Returns the answer of messages.attachments.get, or undefined when the message has no such attachment. */
export function attachmentOf(message: StoredMessage, attachmentId: string): object | undefined {
  const find = (part: MessagePart): MessagePart | undefined => {
    if (isAttachment(part) && idOf(part, message.id) === attachmentId) return part;
    return part.parts?.map(find).find((found) => found !== undefined);
  };
  const found = find(message.raw === undefined ? composePayload(message) : parseSource(message.raw));
  if (found === undefined) return undefined;
  const { size, data = madeUpContent(size).toString('base64url') } = found.body;
  return { size, data };
}

/** The parts with an id in place of each attachment's content, as Gmail gives them. */
function withoutAttachments(part: MessagePart, id: string): MessagePart {
  if (part.parts) return { ...part, parts: part.parts.map((child) => withoutAttachments(child, id)) };
  return isAttachment(part) ? { ...part, body: { attachmentId: idOf(part, id), size: part.body.size } } : part;
}

function isAttachment({ filename, mimeType, parts }: MessagePart): boolean {
  return parts === undefined && (filename !== '' || !mimeType.startsWith('text/'));
}

function idOf({ partId }: MessagePart, id: string): string {
  return `ANGj${id}${partId}`;
}

function madeUpContent(size: number): Buffer {
  return Buffer.alloc(size, 'made-up content ');
}

/** Returns the beginning of the text, its white space collapsed and its markup escaped. */
export function snippet({ body }: StoredMessage): string {
  const text = body.replace(/\s+/g, ' ').trim();
  const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return [...text]
    .slice(0, SNIPPET_LENGTH)
    .join('')
    .replace(/[&<>"']/g, (character) => escapes[character] ?? character);
}

/** The id of the last change to the message. */
export function historyId(message: StoredMessage): string {
  return String(message.historyId ?? FIRST_HISTORY_ID);
}

function headersOf(message: StoredMessage): { name: string; value: string }[] {
  const all: [string, string][] = [
    ['Date', new Date(message.internalDateMs).toUTCString().replace('GMT', '+0000')],
    ['From', message.from],
    ['To', message.to],
    ['Cc', message.cc],
    ['Bcc', message.bcc],
    ['Subject', message.subject],
    ['Message-ID', message.messageId],
    ['List-ID', message.listId],
    ['MIME-Version', '1.0'],
  ];
  return all.filter(([, value]) => value !== '').map(([name, value]) => ({ name, value }));
}

function composePayload(message: StoredMessage): MessagePart {
  const text: MessagePart = {
    partId: '0',
    mimeType: 'text/plain',
    filename: '',
    headers: [{ name: 'Content-Type', value: 'text/plain; charset="UTF-8"' }],
    body: { size: Buffer.byteLength(message.body), data: Buffer.from(message.body).toString('base64url') },
  };
  const headers = headersOf(message);
  if (message.attachments.length === 0) return { ...text, partId: '', headers: [...headers, ...text.headers] };
  const files = message.attachments.map(({ filename, mimeType, sizeBytes }, index) => ({
    partId: String(index + 1),
    mimeType,
    filename,
    headers: [
      { name: 'Content-Type', value: `${mimeType}; name="${filename}"` },
      { name: 'Content-Disposition', value: `attachment; filename="${filename}"` },
    ],
    body: { size: sizeBytes },
  }));
  const contentType = { name: 'Content-Type', value: `multipart/mixed; boundary="${message.id}"` };
  return {
    partId: '',
    mimeType: 'multipart/mixed',
    filename: '',
    headers: [...headers, contentType],
    body: { size: 0 },
    parts: [text, ...files],
  };
}

/** The RFC 822 source, one character per byte. */
function sourceOf(message: StoredMessage): string {
  if (message.raw !== undefined) return message.raw;
  const boundary = message.id;
  const parts = composePayload(message);
  const head = parts.headers.map(({ name, value }) => `${name}: ${encodeHeader(value)}`);
  const inLines = (bytes: Buffer) => bytes.toString('base64').replace(/.{76}/g, '$&\r\n');
  const bodies = (parts.parts ?? [parts]).map((part) =>
    [
      ...(parts.parts
        ? [`--${boundary}`, ...part.headers.map(({ name, value }) => `${name}: ${encodeHeader(value)}`)]
        : []),
      'Content-Transfer-Encoding: base64',
      '',
      inLines(part.body.data === undefined ? madeUpContent(part.body.size) : Buffer.from(message.body)),
    ].join('\r\n'),
  );
  const open = parts.parts ? [...head, ''] : head;
  return [...open, ...bodies, ...(parts.parts ? [`--${boundary}--`] : []), ''].join('\r\n');
}

function encodeHeader(value: string): string {
  if (!/[^\x20-\x7e]/.test(value)) return value;
  const address = /^(.*?)( <[^<>]+>)$/.exec(value);
  const [, text = value, rest = ''] = address ?? [];
  return `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=${rest}`;
}
