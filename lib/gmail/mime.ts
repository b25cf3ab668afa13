/**
 * Turns a message into headers, text, HTML and attachments: from its RFC 822 source with postal-mime, or from the parts
 * into which Gmail has divided it. Loaded only by runs that read messages.
 */
import { isUtf8 } from 'node:buffer';
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import PostalMime, { addressParser, decodeWords, type Email } from 'postal-mime';

export interface MessageHeader {
  /** As the sender wrote it. */
  readonly name: string;
  /** Unfolded, with encoded words (RFC 2047) decoded. */
  readonly value: string;
}

export interface MailAddress {
  /** '' for none. */
  readonly name: string;
  /** '' for none. */
  readonly address: string;
}

export interface Attachment {
  /** As the sender wrote it, and never safe to use as a path; '' for none. */
  readonly name: string;
  /** In lower case: `application/pdf`. */
  readonly type: string;
  readonly sizeBytes: number;
  /** Whether the message shows the part within its text, such as a logo: it has a Content-ID, and is not called an attachment. */
  readonly isInline: boolean;
  /**
   * The decoded content. 20 quota units for each call when the message is larger than 2 MB, else none. It stays in memory
   * only while the job keeps it.
   * @throws RefusedError when the message was deleted meanwhile, or Gmail fails for this message alone.
   */
  content(): Promise<Buffer>;
}

export interface MessageContent {
  readonly headers: readonly MessageHeader[];
  /** The first sender. */
  readonly from: MailAddress;
  /** The plain text; '' when the message has none. */
  readonly text: string;
  /** '' when the message has none. */
  readonly html: string;
  readonly attachments: readonly Attachment[];
}

/** Neither the source nor Gmail's parts of the message can be read. */
export class MimeError extends Error {
  override readonly name = 'MimeError';
}

/**
 * Limits of `parseSource`, in bytes and lines. postal-mime takes about 40 µs and 2 kB for each line, in which the run cannot
 * stop (measured with 4.0.0: 1.4 s for 40,000 lines; 31 s and 1.7 GB for 800,000).
 */
const LONGEST_SOURCE = 4_000_000;
const MOST_LINES = 50_000;

/**
 * Parses an RFC 822 source; forwarded messages become attachments. Null when postal-mime refuses the source, or would take
 * too much time or memory: openMessage then reads Gmail's parts.
 */
export async function parseSource(source: Buffer): Promise<MessageContent | null> {
  if (source.length > LONGEST_SOURCE || hasTooManyLines(source)) return null;
  let email: Email;
  try {
    email = await new Parser({ forceRfc822Attachments: true }).parse(source);
  } catch {
    return null;
  }
  return {
    headers: email.headers.map(({ originalKey, value }) => ({ name: originalKey, value: decodeWords(value) })),
    from: senderIn(email.headers.map(({ key, value }) => ({ name: key, value }))),
    text: email.text ?? '',
    html: email.html ?? '',
    attachments: email.attachments.map(({ filename, mimeType, contentId, disposition, content }) => {
      const bytes = typeof content === 'string' ? Buffer.from(content) : bufferOver(content);
      const isInline = contentId !== undefined && disposition !== 'attachment';
      return { name: filename ?? '', type: mimeType, sizeBytes: bytes.length, isInline, content: async () => bytes };
    }),
  };
}

function hasTooManyLines(source: Buffer): boolean {
  let lines = 0;
  for (let at = source.indexOf(10); at >= 0 && lines <= MOST_LINES; at = source.indexOf(10, at + 1)) lines += 1;
  return lines > MOST_LINES;
}

/** The texts of a part by their type, as postal-mime 4.0.0 keeps them. Its declarations leave them out. */
type PartTexts = Partial<Record<'plain' | 'html', readonly { readonly value: string }[]>>;

/**
 * postal-mime without its conversion of HTML to text and back, which it does when some parts are plain text and others
 * HTML. A sender can make an HTML of 360 kB that takes 45 s (measured with 4.0.0), in which the run cannot stop.
 */
class Parser extends PostalMime {
  declare readonly textMap: ReadonlyMap<unknown, PartTexts>;
  declare readonly textContent: Record<'plain' | 'html', string>;

  renderTextContent(): void {
    for (const type of ['plain', 'html'] as const) {
      const texts = [...this.textMap.values()].flatMap((part) => part[type] ?? []);
      this.textContent[type] = texts.map(({ value }) => value).join('\n');
    }
  }
}

/** Returns the content of the attachment that Gmail calls `attachmentId`. */
export type FetchAttachment = (attachmentId: string) => Promise<Buffer>;

/**
 * Reads the parts of a message as Gmail gives them in the format `full`: texts with their content, attachments with an id.
 * @throws MimeError when a part is malformed.
 */
export function contentOfParts(payload: gmail_v1.Schema$MessagePart, fetch: FetchAttachment): MessageContent {
  const texts: string[] = [];
  const htmls: string[] = [];
  const attachments: Attachment[] = [];
  const visit = (part: gmail_v1.Schema$MessagePart): void => {
    const type = (part.mimeType ?? 'text/plain').toLowerCase();
    const { attachmentId, data, size } = part.body ?? {};
    const isText = (type === 'text/plain' || type === 'text/html') && !isAttached(part) && !attachmentId;
    const bytes = Buffer.from(data ?? '', 'base64url');
    // Frees the base64 text: a long message would be in memory three times.
    if (part.body) part.body.data = null;
    if (isText) {
      (type === 'text/html' ? htmls : texts).push(decodeText(bytes, charsetOf(part)));
      return;
    }
    attachments.push({
      name: decodeWords(part.filename ?? ''),
      type,
      sizeBytes: size ?? bytes.length,
      isInline: partHeader(part, 'Content-ID') !== '' && !isAttached(part),
      content: attachmentId ? () => fetch(attachmentId) : async () => bytes,
    });
  };
  try {
    for (const part of leavesOf(payload)) visit(part);
  } catch (error) {
    throw new MimeError('the parts of the message cannot be read', { cause: error });
  }
  const headers = (payload.headers ?? []).map(({ name, value }) => ({ name: name ?? '', value: value ?? '' }));
  return {
    headers: headers.map(({ name, value }) => ({ name, value: decodeWords(value) })),
    from: senderIn(headers),
    text: texts.join('\n'),
    html: htmls.join('\n'),
    attachments,
  };
}

/** The parts that hold no others, in their order. Not recursive: a sender can nest parts deep enough to overflow the stack. */
function leavesOf(payload: gmail_v1.Schema$MessagePart): gmail_v1.Schema$MessagePart[] {
  const leaves: gmail_v1.Schema$MessagePart[] = [];
  const waiting = [payload];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (part.mimeType?.toLowerCase().startsWith('multipart/')) waiting.push(...(part.parts ?? []).toReversed());
    else leaves.push(part);
  }
  return leaves;
}

/** The value of the first header of this name, in any case; '' for none. */
export function headerIn(headers: readonly MessageHeader[], name: string): string {
  const wanted = name.toLowerCase();
  return headers.find((header) => header.name.toLowerCase() === wanted)?.value ?? '';
}

/** Takes headers before decoding: a decoded name may hold `<`, `>` or a comma, which would read as part of an address. */
function senderIn(headers: readonly MessageHeader[]): MailAddress {
  const [first] = addressParser(headerIn(headers, 'From'), { flatten: true });
  return { name: first?.name ?? '', address: first?.address ?? '' };
}

function bufferOver(content: ArrayBuffer | Uint8Array): Buffer {
  return content instanceof ArrayBuffer
    ? Buffer.from(content)
    : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}

function isAttached(part: gmail_v1.Schema$MessagePart): boolean {
  return /^\s*attachment\b/i.test(partHeader(part, 'Content-Disposition'));
}

function charsetOf(part: gmail_v1.Schema$MessagePart): string {
  return /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(partHeader(part, 'Content-Type'))?.[1] ?? '';
}

function partHeader({ headers = [] }: gmail_v1.Schema$MessagePart, name: string): string {
  return headers.find((header) => header.name?.toLowerCase() === name.toLowerCase())?.value ?? '';
}

/**
 * Gmail gives most texts as UTF-8 and leaves the charset of the header as the sender wrote it
 * (github.com/openclaw/gogcli/issues/446), so the charset counts only for bytes that are not UTF-8, and for the charsets of
 * ISO 2022, which write other characters as ASCII after an escape byte.
 */
function decodeText(bytes: Buffer, charset: string): string {
  const isEscaped = /^iso-2022-/i.test(charset) && bytes.includes(0x1b);
  const decoder = !isEscaped && isUtf8(bytes) ? new TextDecoder() : decoderOf(charset);
  return decoder.decode(bytes);
}

/** Windows-1252, which decodes any bytes, in place of a charset that Node does not know. */
function decoderOf(charset: string) {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder('windows-1252');
  }
}
