/** The lines of a copy's index: what a run found about one message, or about the name of a label. */
import { isObject, parseJson } from '../base/json.ts';
import { isHistoryId } from '../gmail/history-id.ts';
import { isMessageId } from '../gmail/ids.ts';

/** A message whose file is in the copy. */
export interface MessageLine {
  readonly id: string;
  readonly threadId: string;
  /** Gmail's own date, in ISO 8601 with milliseconds (UTC). */
  readonly date: string;
  /** Bytes of the unpacked source. */
  readonly size: number;
  /** The sum of the unpacked source, in hexadecimal digits. */
  readonly sha256: string;
  /** Names of labels; those of the system by their ids, such as INBOX. */
  readonly labels: readonly string[];
  /** The message's history id when it was read. */
  readonly historyId: string;
}

/** The labels of a message from this history id on. */
export interface LabelsLine {
  readonly id: string;
  readonly labels: readonly string[];
  readonly historyId: string;
}

/** The message is no longer in the mailbox; its file stays. */
export interface DeletedLine {
  readonly id: string;
  readonly deleted: true;
  readonly historyId: string;
}

/** The label `was` was renamed to `label`. Gmail's history shows no renames, so `historyId` is that of the mailbox. */
export interface RenameLine {
  readonly label: string;
  readonly was: string;
  readonly historyId: string;
}

export type Line = MessageLine | LabelsLine | DeletedLine | RenameLine;

/** A line is invalid. The message is the reason, without content of the line. */
export class LineError extends Error {}

/** The line with its end. */
export function formatLine(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}

/**
 * Reads a line without its end. Unknown keys are ignored; of a key that is written twice the last counts, as in JSON.parse.
 * @throws LineError for an invalid line.
 */
export function parseLine(text: string): Line {
  const value = parseJson(text);
  if (!isObject(value)) throw new LineError('is no JSON object');
  const { id, historyId } = value;
  if (!isHistoryId(historyId)) throw new LineError('historyId is no whole number in quotes');
  if (id === undefined && value.was !== undefined) {
    const { label, was } = value;
    if (!isLabel(label) || !isLabel(was)) throw new LineError('label or was is no name of a label');
    return { label, was, historyId };
  }
  if (!isMessageId(id)) throw new LineError('id is no id of a message');
  const { deleted, labels, threadId, date, size, sha256 } = value;
  if (deleted !== undefined) {
    if (deleted !== true) throw new LineError('deleted is not true');
    return { id, deleted, historyId };
  }
  if (!isLabels(labels)) throw new LineError('labels is no list of names');
  if (threadId === undefined && date === undefined && size === undefined && sha256 === undefined) {
    return { id, labels, historyId };
  }
  if (!isMessageId(threadId)) throw new LineError('threadId is no id of a thread');
  if (!isDate(date)) throw new LineError('date is no date from 1970 to 9999 in ISO 8601 with milliseconds');
  if (!isSize(size)) throw new LineError('size is no number of bytes');
  if (typeof sha256 !== 'string' || !SHA256.test(sha256)) throw new LineError('sha256 is not 64 hexadecimal digits');
  return { id, threadId, date, size, sha256, labels, historyId };
}

const SHA256 = /^[0-9a-f]{64}$/;
const ISO_DATE = /^\d{4}-(?:0[1-9]|1[0-2])-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

function isLabel(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isLabels(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isLabel);
}

function isDate(value: unknown): value is string {
  if (typeof value !== 'string' || !ISO_DATE.test(value)) return false;
  const year = Number(value.slice(0, 4));
  const day = Number(value.slice(8, 10));
  // Date.parse turns invalid dates such as February 30 into other dates.
  return year >= 1970 && new Date(Date.parse(value)).getUTCDate() === day;
}

/** 4 GiB is far above Gmail's limit for a message. */
function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}
