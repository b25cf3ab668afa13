/** A journal as a mail: a text for the person who opens it, headers for `job runs`, and the packed record attached. */
import { RUN_ID } from '../base/run-id.ts';
import { damaged, FORMAT, type JournalRecord, packRecord, requireKnownFormat, unpackRecord } from './journal-record.ts';

/** Older journals are put into the trash. */
export const KEPT_DAYS = 30;

/** The part of a journal that its headers hold. */
export interface JournalHead {
  readonly runId: string;
  readonly job: string;
  readonly startedAt: Date;
  readonly part: number;
  readonly parts: number;
  readonly messages: number;
  /** See JournalRecord.revised. */
  readonly revised?: true;
}

/** The headers of a JournalHead. */
export const HEAD_HEADERS = ['Format', 'Run', 'Job', 'Started', 'Part', 'Messages', 'Revised'].map(
  (name) => `X-Gmail-Jobs-${name}`,
);

const LINE = '\r\n';
const ATTACHMENT = 'application/gzip';

export const JOURNAL_SENDER = 'journal@gmail-jobs.invalid';

const FROM = `gmail-jobs <${JOURNAL_SENDER}>`;

/**
 * Gmail adds at least one of these headers to every mail that it receives, and no sender can prevent that. It adds none
 * to messages that the API inserts.
 */
const OF_RECEIVED_MAIL = ['Delivered-To', 'Return-Path', 'Received-SPF', 'Authentication-Results'];

/** Labels that a journal has only when a person added them. */
const ADDED_BY_PERSON = ['INBOX', 'SENT', 'DRAFT', 'CHAT', 'SPAM'];

/** The headers that `isOwnJournal` reads. */
export const OWN_HEADERS = ['From', 'Message-ID', 'X-Gmail-Jobs-Run', ...OF_RECEIVED_MAIL];

/**
 * The Message-IDs of one part of a run's journal, without angle brackets: the first writing's, and that of the revised or
 * corrected part which replaces it. They differ because Gmail may merge messages that have the same Message-ID.
 */
export function journalMessageIds(runId: string, part: number): readonly [string, string] {
  return [`journal.${runId}.${part}@gmail-jobs.invalid`, `journal.${runId}.${part}.again@gmail-jobs.invalid`];
}

/**
 * Whether this program put the message into the mailbox. The label alone is no proof, because the mailbox's owner can add
 * it to any mail; nor is the form, because anybody can send such a mail. A mail that was sent has a header of its
 * delivery, or lacks the label, or is in the inbox or another place.
 */
export function isOwnJournal(
  header: (name: string) => string,
  labelIds: readonly string[],
  journalLabelId: string,
): boolean {
  const [, runId] =
    /^<journal\.([\d-]+-[0-9a-f]{4})\.\d{1,6}(?:\.again)?@gmail-jobs\.invalid>$/.exec(header('Message-ID')) ?? [];
  return (
    labelIds.includes(journalLabelId) &&
    !ADDED_BY_PERSON.some((label) => labelIds.includes(label)) &&
    header('From') === FROM &&
    runId !== undefined &&
    runId === header('X-Gmail-Jobs-Run') &&
    OF_RECEIVED_MAIL.every((name) => header(name) === '')
  );
}

/** Returns a function that gives the value of a header, or '' when the message lacks it. */
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
    ...HEAD_HEADERS.map((name, index) => `${name}: ${values[index]}`),
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `The program gmail-jobs wrote this ${revised ? 'after' : 'before'} it changed labels of messages in this mailbox.`,
    'It lists the messages and the labels that they had. The command',
    '',
    `    bin/job undo ${runId}`,
    '',
    'on your own computer, or for an app on Heroku the command',
    '',
    `    heroku run job undo ${runId}`,
    '',
    `gives these labels back. This message goes to the trash after ${KEPT_DAYS} days. You may delete it earlier;`,
    'the run can then no longer be undone, and nothing else happens.',
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
 * The record in a journal's source. The caller checks with `isOwnJournal` whether to trust the message.
 * @throws JournalError when the journal is damaged, or a later version wrote it.
 */
export function decodeJournal(raw: Buffer): JournalRecord {
  const source = raw.toString('latin1');
  const { head, body } = splitHead(source);
  requireKnownFormat(Number(/^x-gmail-jobs-format:[ \t]*(\d{1,9})[ \t]*\r?$/im.exec(head)?.[1]));
  const boundary = /^content-type:\s*multipart\/mixed;\s*boundary="?([\w-]+)"?/im.exec(head)?.[1];
  if (boundary === undefined) throw damaged('it has no MIME parts');
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

/** Returns null when the headers are not those of a journal that this program can read. */
export function readHead(header: (name: string) => string): JournalHead | null {
  const [format = '', runId = '', job = '', started = '', place = '', messages = '', revised = ''] =
    HEAD_HEADERS.map(header);
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
