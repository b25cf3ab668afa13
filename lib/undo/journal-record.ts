/** The content of a journal (which messages a run is about to change, and how) and its compressed form. */
import { gunzipSync, gzipSync } from 'node:zlib';
import * as v from 'valibot';
import { RUN_ID } from '../base/run-id.ts';
import { GuardError } from '../errors.ts';
import { IdSet } from '../gmail/ids.ts';
import type { LabelStep } from '../gmail/mailbox-labels.ts';

export interface JournalEntry {
  readonly rule: string;
  readonly steps: readonly LabelStep[];
  /** The messages that the rule is about to change. */
  readonly ids: IdSet;
  /**
   * For each step, by index of `ids`: 1 when the step changes the message, 0 when the message already had the label (or
   * lacked it); null when the step changes all messages.
   */
  readonly changes: readonly (Uint8Array | null)[];
}

export interface JournalRecord {
  readonly runId: string;
  readonly job: string;
  readonly startedAt: Date;
  /** Counted from 1; a large run writes several parts. */
  readonly part: number;
  readonly parts: number;
  /** Written when the run stopped early: replaces the part of the same number and is the run's last part. */
  readonly revised?: true;
  /** Written when messages were left out after the first writing: replaces the part of the same number. */
  readonly corrected?: true;
  /** Changes in all parts of the run: planned ones, or in a revised part the ones that were made. */
  readonly messages: number;
  /** The time span of a backfill, in seconds since 1970; null when the run searched all mail. */
  readonly range: { readonly fromS: number | null; readonly toS: number | null } | null;
  /** In the order in which the run makes the changes. */
  readonly entries: readonly JournalEntry[];
}

/** The journal is missing or unusable; the undo has changed nothing. */
export class JournalError extends GuardError {}

/** A journal with a higher number was written by a later version; this program refuses it. */
export const FORMAT = 1;

/** Above the size of every journal that this program writes, and small enough for a dyno of 512 MB. */
const MOST_IDS = 1_000_000;
const MOST_BYTES = 64 * 1024 * 1024;

const ID_BYTES = 8;
const NEWLINE = 0x0a;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const second = v.nullable(v.pipe(v.number(), v.safeInteger()));
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(500));
const headSchema = v.pipe(
  v.strictObject({
    format: v.literal(FORMAT),
    runId: v.pipe(v.string(), v.regex(RUN_ID)),
    job: name,
    startedAt: v.pipe(
      v.string(),
      v.isoTimestamp(),
      v.transform((text) => new Date(text)),
    ),
    part: v.pipe(count, v.minValue(1)),
    parts: v.pipe(count, v.minValue(1)),
    messages: count,
    revised: v.exactOptional(v.literal(true)),
    corrected: v.exactOptional(v.literal(true)),
    range: v.nullable(v.strictObject({ fromS: second, toS: second })),
    entries: v.array(
      v.pipe(
        v.strictObject({
          rule: name,
          steps: v.pipe(v.array(v.strictObject({ id: name, name, add: v.boolean() })), v.minLength(1)),
          count: v.pipe(count, v.maxValue(MOST_IDS)),
          padded: v.boolean(),
          /** For each step, whether flags follow; a step without flags changes all messages. */
          flagged: v.array(v.boolean()),
        }),
        v.check(({ steps, flagged }) => steps.length === flagged.length),
      ),
    ),
  }),
  v.check(({ part, parts }) => part <= parts),
);

type EntryHead = v.InferOutput<typeof headSchema>['entries'][number];

/** The record in bytes, gzipped: a line of JSON, then the ids and flags of each entry. */
export function packRecord({ entries, startedAt, ...rest }: JournalRecord): Buffer {
  const head: v.InferInput<typeof headSchema> = {
    format: FORMAT,
    ...rest,
    startedAt: startedAt.toISOString(),
    entries: entries.map(({ rule, steps, ids, changes }) => ({
      rule,
      steps: steps.map(({ id, name, add }) => ({ id, name, add })),
      count: ids.size,
      padded: ids.padded,
      flagged: changes.map((flags) => flags !== null),
    })),
  };
  const bodies = entries.flatMap(({ ids, changes }) => [
    transpose(ids.pack(), ID_BYTES),
    ...changes.flatMap((flags) => (flags === null ? [] : [toBits(flags)])),
  ]);
  return gzipSync(Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...bodies]));
}

/** The opposite of `packRecord`. @throws JournalError when `packRecord` cannot have written the bytes. */
export function unpackRecord(packed: Buffer): JournalRecord {
  const bytes = unzip(packed);
  const end = bytes.indexOf(NEWLINE);
  const { entries, format, ...rest } = readHead(bytes.subarray(0, Math.max(0, end)).toString());
  let at = end + 1;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw damaged('it is too short');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const read = entries.map((entry) => readEntry(entry, take));
  if (at !== bytes.length) throw damaged('it is too long');
  return { ...rest, entries: read };
}

function unzip(packed: Buffer): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: MOST_BYTES });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw damaged(
      tooLarge ? 'it is larger than any journal that this program writes' : 'its data cannot be unzipped',
      error,
    );
  }
}

function readHead(line: string): v.InferOutput<typeof headSchema> {
  let head: unknown;
  try {
    head = JSON.parse(line);
  } catch (error) {
    throw damaged('its data does not begin with JSON', error);
  }
  requireKnownFormat((head as { format?: unknown } | null)?.format);
  const result = v.safeParse(headSchema, head);
  if (!result.success) throw damaged('its data has an unexpected form');
  return result.output;
}

/** @throws JournalError for a format that a later version of this program wrote. */
export function requireKnownFormat(format: unknown): void {
  if (typeof format !== 'number' || !(format > FORMAT)) return;
  throw new JournalError(
    'The journal was written by a newer version of gmail-jobs',
    'Run `job undo` with that version.',
  );
}

function readEntry({ count, padded, flagged, rule, steps }: EntryHead, take: (length: number) => Buffer): JournalEntry {
  const bytes = transpose(take(count * ID_BYTES), count);
  const ids = IdSet.unpack(bytes, padded);
  // Flags are matched to ids by their index, so a list with doubled or unsorted ids would give wrong labels back.
  if (ids.size !== count || !ids.pack().equals(bytes)) throw damaged('its list of messages is out of order');
  const changes = flagged.map((has) => (has ? fromBits(take(Math.ceil(count / 8)), count) : null));
  return { rule, steps, ids, changes };
}

export function damaged(what: string, cause?: unknown): JournalError {
  return new JournalError(
    `The journal is damaged: ${what}`,
    'This run cannot be undone; see `job runs` for others.',
    cause === undefined ? {} : { cause },
  );
}

/**
 * Swaps the rows of `width` bytes with their columns. Ids are stored as all first bytes, then all second bytes, and so on,
 * because the high bytes of neighbouring ids are equal and compress well.
 */
function transpose(bytes: Buffer, width: number): Buffer {
  const height = bytes.length / width;
  const swapped = Buffer.allocUnsafe(bytes.length);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      swapped[column * height + row] = bytes[row * width + column] as number;
    }
  }
  return swapped;
}

function toBits(flags: Uint8Array): Buffer {
  const bits = Buffer.alloc(Math.ceil(flags.length / 8));
  for (const [index, flag] of flags.entries()) {
    if (flag !== 0) bits[index >> 3] = (bits[index >> 3] as number) | (1 << (index & 7));
  }
  return bits;
}

function fromBits(bits: Buffer, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => ((bits[index >> 3] as number) >> (index & 7)) & 1);
}
