/**
 * Where an attachment is saved: a template such as `invoices/{year}/{filename}`, whose placeholders take values from the
 * message. Senders choose most of these values, so each is made safe for a file name on every system and in S3.
 */
import { didYouMean } from '../base/nearest.ts';

export interface FileValues {
  /** When Gmail received the message; the template's dates are in UTC. */
  readonly receivedAt: Date;
  /** The sender's address; '' for none. */
  readonly from: string;
  readonly subject: string;
  /** The name that the sender gave the file; '' for none. */
  readonly filename: string;
  /** In lower case: `application/pdf`. */
  readonly type: string;
  /** The message's id. */
  readonly id: string;
}

const PLACEHOLDERS = ['year', 'month', 'day', 'from', 'domain', 'subject', 'filename', 'ext', 'id'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

/** Text and placeholders of one part between slashes. */
type Segment = readonly (string | { readonly placeholder: Placeholder })[];

export interface PathTemplate {
  readonly segments: readonly Segment[];
}

export const DEFAULT_PATH = 'attachments/{year}/{month}/{filename}';

/** The first parts of the paths that `job export` and `job restore` use in the same place. */
const RESERVED: ReadonlySet<string> = new Set(['messages', 'index', 'restored', 'state.json', 'restore.json']);

/** Limits of a template, so that every path fits into MOST_BYTES. */
const MOST_TEXT_BYTES = 300;
const MOST_PLACEHOLDERS = 12;

/** A key of S3 has at most 1,024 bytes, of which the place's prefix needs some. */
const MOST_BYTES = 700;

/** How many bytes each value may take: the next one is tried when the path is longer than MOST_BYTES. */
const VALUE_BYTES = [150, 60, 24];

/** A name in a folder may have 255 bytes; a number and a temporary ending come on top. */
const SEGMENT_BYTES = 200;

/** An extension is kept when a name is cut. */
const EXTENSION = /\.([a-z0-9]{1,10})$/i;

/** The extension of a file without one. */
const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ['application/pdf', 'pdf'],
  ['application/zip', 'zip'],
  ['application/gzip', 'gz'],
  ['application/json', 'json'],
  ['application/xml', 'xml'],
  ['application/msword', 'doc'],
  ['application/vnd.ms-excel', 'xls'],
  ['application/vnd.ms-powerpoint', 'ppt'],
  ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'docx'],
  ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'xlsx'],
  ['application/vnd.openxmlformats-officedocument.presentationml.presentation', 'pptx'],
  ['application/pkcs7-mime', 'p7m'],
  ['application/pkcs7-signature', 'p7s'],
  ['application/pgp-signature', 'asc'],
  ['application/ics', 'ics'],
  ['application/ms-tnef', 'dat'],
  ['audio/mpeg', 'mp3'],
  ['audio/wav', 'wav'],
  ['image/gif', 'gif'],
  ['image/heic', 'heic'],
  ['image/jpeg', 'jpg'],
  ['image/png', 'png'],
  ['image/svg+xml', 'svg'],
  ['image/tiff', 'tif'],
  ['image/webp', 'webp'],
  ['message/rfc822', 'eml'],
  ['text/calendar', 'ics'],
  ['text/csv', 'csv'],
  ['text/html', 'html'],
  ['text/plain', 'txt'],
  ['text/vcard', 'vcf'],
  ['text/xml', 'xml'],
  ['video/mp4', 'mp4'],
]);

/** Parses a template, or returns why it is none, as the end of a sentence that begins with the template. */
export function parseTemplate(text: string): PathTemplate | { readonly problem: string } {
  if (text.startsWith('/') || /^[a-z]:\//i.test(text)) {
    return { problem: 'begins at a root: paths are relative to EXPORT_URL, such as invoices/{filename}' };
  }
  if (text.endsWith('/')) return { problem: 'ends with a slash: add the name of the file, such as {filename}' };
  const segments: Segment[] = [];
  for (const part of text.split('/')) {
    const segment = parseSegment(part);
    if ('problem' in segment) return segment;
    segments.push(segment.parts);
  }
  const parts = segments.flat();
  if (parts.filter((part) => typeof part !== 'string').length > MOST_PLACEHOLDERS) {
    return { problem: `has more than ${MOST_PLACEHOLDERS} placeholders` };
  }
  const textBytes = Buffer.byteLength(parts.filter((part) => typeof part === 'string').join('')) + segments.length;
  if (textBytes > MOST_TEXT_BYTES)
    return { problem: `is longer than ${MOST_TEXT_BYTES} bytes without its placeholders` };
  const [first = ''] = segments[0] ?? [];
  if (segments[0]?.length === 1 && typeof first === 'string' && RESERVED.has(first.toLowerCase())) {
    return { problem: `lies in ${first}, where job export and job restore keep what is theirs: choose another folder` };
  }
  if (!hasEnding(segments.at(-1) ?? [])) {
    return { problem: 'gives the files no ending: let the last part end with {filename} or .{ext}' };
  }
  return { segments };
}

function parseSegment(text: string): { readonly parts: Segment } | { readonly problem: string } {
  const parts: (string | { readonly placeholder: Placeholder })[] = [];
  for (const part of text.split(/(\{[^{}]*\})/)) {
    const [, name] = /^\{(.*)\}$/.exec(part) ?? [];
    if (name === undefined) {
      if (/[{}]/.test(part)) return { problem: 'has a brace without its other half' };
      if (part !== '') parts.push(part);
      continue;
    }
    const placeholder = PLACEHOLDERS.find((one) => one === name);
    if (placeholder === undefined) {
      const near = didYouMean(name, PLACEHOLDERS);
      return {
        problem: `has the unknown placeholder {${name}}${near || `: there are ${PLACEHOLDERS.map((one) => `{${one}}`).join(' ')}`}`,
      };
    }
    parts.push({ placeholder });
  }
  const shown = parts.map((part) => (typeof part === 'string' ? part : 'x')).join('');
  if (shown === '') return { problem: 'has an empty part between its slashes' };
  if (shown.startsWith('.')) return { problem: `has a part that begins with a dot: "${text}"` };
  if (shown !== safeName(shown, 2 * MOST_TEXT_BYTES)) {
    return { problem: `has a part that is not a safe name for a file or folder on every system: "${text}"` };
  }
  return { parts };
}

function hasEnding(segment: Segment): boolean {
  const last = segment.at(-1);
  if (typeof last === 'string') return EXTENSION.test(last);
  return last?.placeholder === 'filename' || last?.placeholder === 'ext';
}

/** The path of a file by the template. It never lies where `job export` and `job restore` keep what is theirs. */
export function pathFor({ segments }: PathTemplate, values: FileValues): string {
  let path = '';
  for (const valueBytes of VALUE_BYTES) {
    const names = segments.map((segment) => {
      const parts = segment.map((part) =>
        typeof part === 'string' ? part : fileValue(part.placeholder, values, valueBytes),
      );
      return safeName(parts.join(''), SEGMENT_BYTES) || '_';
    });
    const [first = '', ...rest] = names;
    path = [RESERVED.has(first.toLowerCase()) ? `_${first}` : first, ...rest].join('/');
    if (Buffer.byteLength(path) <= MOST_BYTES) break;
  }
  return path;
}

/** `invoice.pdf` → `invoice (2).pdf`, for a name that is taken. */
export function numbered(path: string, number: number): string {
  const ending = EXTENSION.exec(path)?.[0] ?? '';
  return `${path.slice(0, path.length - ending.length)} (${number})${ending}`;
}

/**
 * For finding the numbered forms of a path: `stem` begins all of them, and `numberIn` gives the number of one, 1 for the path
 * itself and null for any other path.
 */
export function numberingOf(path: string) {
  const ending = EXTENSION.exec(path)?.[0] ?? '';
  const stem = path.slice(0, path.length - ending.length);
  const numberIn = (other: string): number | null => {
    if (other === path) return 1;
    if (!other.startsWith(stem) || !other.endsWith(ending)) return null;
    const [, digits] = /^ \((\d{1,9})\)$/.exec(other.slice(stem.length, other.length - ending.length)) ?? [];
    return digits === undefined ? null : Number(digits);
  };
  return { stem, numberIn };
}

function fileValue(placeholder: Placeholder, values: FileValues, mostBytes: number): string {
  const { receivedAt, from, subject, filename, type, id } = values;
  const [year = '', month = '', day = ''] = receivedAt.toISOString().slice(0, 10).split('-');
  switch (placeholder) {
    case 'year':
      return year;
    case 'month':
      return month;
    case 'day':
      return day;
    case 'from':
      return safeName(from.toLowerCase(), mostBytes) || 'unknown';
    case 'domain':
      return safeName(from.toLowerCase().replace(/^.*@/s, ''), mostBytes) || 'unknown';
    case 'subject':
      return safeName(subject, mostBytes) || 'no subject';
    case 'filename':
      return safeName(filename, mostBytes) || `attachment.${extensionFor(type)}`;
    case 'ext':
      return EXTENSION.exec(safeName(filename, mostBytes))?.[1]?.toLowerCase() ?? extensionFor(type);
    case 'id':
      return safeName(id, mostBytes) || 'unknown';
  }
}

function extensionFor(type: string): string {
  return EXTENSIONS.get(type) ?? 'bin';
}

/** Names of devices in Windows, with any ending. Source: learn.microsoft.com/windows/win32/fileio/naming-a-file. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?= *(?:\.|$))/i;

/**
 * The text as a name for a file or folder, of at most `mostBytes` bytes, with its extension when it has to be cut. Without
 * separators, control and invisible characters (which turn the direction of a text, so that `cod.exe` reads `exe.doc`),
 * characters that Windows or XML forbids, and dots or spaces at its ends. '' when nothing is left.
 */
export function safeName(text: string, mostBytes: number): string {
  // A sender may write megabytes.
  const short = text.length > 2_000 ? text.slice(0, 1_900) + text.slice(-100) : text;
  const clean = short
    .toWellFormed()
    .replace(/[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]|(?!\s)\p{Cc}/gu, '')
    .replace(/\s+/g, ' ')
    .normalize('NFC')
    .replace(/[\\/:*?"<>|]/g, '_')
    .replace(/^[. ]+|[. ]+$/g, '')
    .replace(DEVICE, '_$&');
  return cut(clean, mostBytes);
}

function cut(name: string, mostBytes: number): string {
  if (Buffer.byteLength(name) <= mostBytes) return name;
  const ending = EXTENSION.exec(name)?.[0] ?? '';
  const stem = name.slice(0, Math.min(mostBytes, name.length - ending.length)).toWellFormed();
  const room = mostBytes - ending.length;
  const segments = new Intl.Segmenter('en').segment(stem);
  // By visible characters, so that no accent is lost; by code points when a single character is too long.
  const kept =
    fitting(
      Array.from(segments, ({ segment }) => segment),
      room,
    ) || fitting([...stem], room);
  return `${kept.replace(/[. ]+$/, '')}${ending}`;
}

/** The first parts that take at most `room` bytes together. */
function fitting(parts: readonly string[], room: number): string {
  let kept = '';
  for (const part of parts) {
    if (Buffer.byteLength(kept + part) > room) break;
    kept += part;
  }
  return kept;
}
