/** A journal as a message: a text for a person who stumbles over it, what `job runs` shows as headers, the rest attached. */
import { RUN_ID } from '../base/run-id.ts';
import { damaged, FORMAT, type JournalRecord, packRecord, requireKnownFormat, unpackRecord } from './journal-record.ts';

/** After this the journals are thrown away. */
export const KEPT_DAYS = 30;

/** What the headers alone tell of a journal. */
export interface JournalHead {
  readonly runId: string;
  readonly job: string;
  readonly startedAt: Date;
  readonly part: number;
  readonly parts: number;
  readonly messages: number;
  /** See JournalRecord. */
  readonly revised?: true;
}

/** The headers of a JournalHead. */
export const HEAD_NAMES = ['Format', 'Run', 'Job', 'Started', 'Part', 'Messages', 'Revised'].map(
  (name) => `X-Gmail-Jobs-${name}`,
);

const LINE = '\r\n';
const ATTACHMENT = 'application/gzip';

export const SENDER = 'journal@gmail-jobs.invalid';

const FROM = `gmail-jobs <${SENDER}>`;

/**
 * Gmail adds at least one of these headers to every mail that it receives, whatever the sender does. Messages that the API
 * inserts have none of them.
 */
const OF_RECEIVED_MAIL = ['Delivered-To', 'Return-Path', 'Received-SPF', 'Authentication-Results'];

/** Labels that a journal does not have, unless a person has added them. */
const PLACES = ['INBOX', 'SENT', 'DRAFT', 'CHAT', 'SPAM'];

/** The headers by which `isOwn` knows a journal. */
export const OWN_NAMES = ['From', 'Message-ID', 'X-Gmail-Jobs-Run', ...OF_RECEIVED_MAIL];

/**
 * The Message-IDs that one part of a run's journal can have, without angle brackets: as it is written first, and when
 * it takes the place of that one. Gmail may take two messages with the same Message-ID for one.
 */
export function journalMessageIds(runId: string, part: number): readonly [string, string] {
  return [`journal.${runId}.${part}@gmail-jobs.invalid`, `journal.${runId}.${part}.again@gmail-jobs.invalid`];
}

/**
 * Whether this program has put the message into the mailbox. The label does not prove that, since a person can add it to
 * any mail. The form does not prove it either, since anybody can send such a mail; but a mail that was sent has a header of
 * its delivery, or lacks the label, or is in the inbox or another place.
 */
export function isOwn(header: (name: string) => string, labelIds: readonly string[], journalLabelId: string): boolean {
  const [, runId] =
    /^<journal\.([\d-]+-[0-9a-f]{4})\.\d{1,6}(?:\.again)?@gmail-jobs\.invalid>$/.exec(header('Message-ID')) ?? [];
  return (
    labelIds.includes(journalLabelId) &&
    !PLACES.some((place) => labelIds.includes(place)) &&
    header('From') === FROM &&
    runId !== undefined &&
    runId === header('X-Gmail-Jobs-Run') &&
    OF_RECEIVED_MAIL.every((name) => header(name) === '')
  );
}

/** The headers of a message's source, by their names; '' for one that it has not. */
export function headersOf(raw: Buffer): (name: string) => string {
  const { head } = splitHead(raw.toString('latin1'));
  const headers = new Map<string, string>();
  for (const line of head.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return (name) => headers.get(name.toLowerCase()) ?? '';
}

/** The record as an RFC 822 source. */
export function encodeJournal(record: JournalRecord): Buffer {
  const { runId, job, startedAt, part, parts, messages, revised = false, corrected = false } = record;
  const [first, again] = journalMessageIds(runId, part);
  const boundary = `gmail-jobs-${runId}-${part}`;
  const base64 = packRecord(record).toString('base64');
  const values = [FORMAT, runId, job, startedAt.toISOString(), `${part}/${parts}`, messages, revised];
  const lines = [
    `From: ${FROM}`,
    `Subject: gmail-jobs journal: ${job} ${runId} (${part} of ${parts})`,
    `Message-ID: <${revised || corrected ? again : first}>`,
    `Date: ${startedAt.toUTCString().replace('GMT', '+0000')}`,
    'Auto-Submitted: auto-generated',
    ...HEAD_NAMES.map((name, index) => `${name}: ${values[index]}`),
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `The program gmail-jobs wrote this ${revised ? 'after' : 'before'} it changed labels of messages in this mailbox:`,
    'it lists which messages had which of these labels. With it',
    '',
    `    bin/job undo ${runId}`,
    '',
    'on your own computer, or for an app on Heroku',
    '',
    `    heroku run job undo ${runId}`,
    '',
    `takes the run back. It goes to the trash after ${KEPT_DAYS} days. You may delete it before;`,
    'then the run cannot be taken back any more, and nothing else happens.',
    '',
    `--${boundary}`,
    `Content-Type: ${ATTACHMENT}; name="journal.gz"`,
    'Content-Disposition: attachment; filename="journal.gz"',
    'Content-Transfer-Encoding: base64',
    '',
    ...(base64.match(/.{1,76}/g) ?? []),
    `--${boundary}--`,
    '',
  ];
  return Buffer.from(lines.join(LINE), 'latin1');
}

/**
 * The record in a journal's source. Whether the message may be trusted is for the caller to know.
 * @throws JournalError when it is damaged, or of a later version.
 */
export function decodeJournal(raw: Buffer): JournalRecord {
  const source = raw.toString('latin1');
  const { head, body } = splitHead(source);
  requireKnownFormat(Number(/^x-gmail-jobs-format:[ \t]*(\d{1,9})[ \t]*\r?$/im.exec(head)?.[1]));
  const boundary = /^content-type:\s*multipart\/mixed;\s*boundary="?([\w-]+)"?/im.exec(head)?.[1];
  if (boundary === undefined) throw damaged('it is not in parts');
  const pieces = `\n${body}`.split(`\n--${boundary}`);
  if (!pieces.at(-1)?.startsWith('--')) throw damaged('its end is missing');
  for (const piece of pieces.slice(1, -1)) {
    const part = splitHead(piece.replace(/^[ \t]*\r?\n/, ''));
    if (!/^content-type:\s*application\/gzip\b/im.test(part.head)) continue;
    const base64 = part.body.replace(/[\r\n\t ]+/g, '');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw damaged('its attachment cannot be decoded');
    return unpackRecord(Buffer.from(base64, 'base64'));
  }
  throw damaged('its attachment is missing');
}

function splitHead(source: string): { head: string; body: string } {
  const gap = /\r?\n\r?\n/.exec(source);
  if (gap === null) return { head: source, body: '' };
  return {
    head: source.slice(0, gap.index).replace(/\r?\n(?=[ \t])/g, ''),
    body: source.slice(gap.index + gap[0].length),
  };
}

/** What the headers tell; null when they are not those of a journal that this program can read. */
export function readHead(header: (name: string) => string): JournalHead | null {
  const [format = '', runId = '', job = '', started = '', place = '', messages = '', revised = ''] =
    HEAD_NAMES.map(header);
  const [, part, parts] = /^(\d{1,6})\/(\d{1,6})$/.exec(place) ?? [];
  const startedAt = new Date(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(started) ? started : Number.NaN);
  const sound =
    format === String(FORMAT) &&
    RUN_ID.test(runId) &&
    /^[a-z][a-z0-9-]{0,99}$/.test(job) &&
    /^\d{1,12}$/.test(messages) &&
    !Number.isNaN(startedAt.getTime());
  if (!sound || part === undefined || parts === undefined) return null;
  const head = { runId, job, startedAt, part: Number(part), parts: Number(parts), messages: Number(messages) };
  return revised === 'true' ? { ...head, revised: true } : head;
}
