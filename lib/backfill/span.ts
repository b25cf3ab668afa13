/** The span of time that a backfill is about, and its windows: days, weeks, months or years of a time zone. */
import { DateTime } from 'luxon';
import { UsageError } from '../errors.ts';
import type { Span, Window } from '../gmail/window.ts';
import { type BackfillValues, type Moment, WINDOW_UNITS, type WindowUnit } from './options.ts';

/** Gmail began on this day: older mail was imported, and is all in the first window. */
const GMAIL_BEGAN = { year: 2004, month: 4, day: 1 };

/** Mail is not older than the seconds that searches count, from 1970 on. */
const EARLIEST_S = 86_400;

/** Windows are as long as they can be, as long as there are at least so many of them. */
const FEWEST_WINDOWS = 4;

/** A job that reads each message gets about so many at a time, at least. */
const MESSAGES_PER_WINDOW = 500;

export interface Range {
  readonly from: DateTime | null;
  readonly to: DateTime | null;
  readonly now: DateTime;
}

/**
 * From when to when, in the time zone that was asked for.
 * @throws UsageError when nothing lies between.
 */
export function readRange({ from, to, timeZone }: BackfillValues, at: Date): Range {
  const now = DateTime.fromJSDate(at, { zone: timeZone });
  const [first, end] = [resolve(from, now), resolve(to, now)];
  if (first !== null && first > now) {
    throw new UsageError(`--from is ${first.toISODate()}, which is still to come`, 'Write a date that is over.');
  }
  if (end !== null && end.toSeconds() < EARLIEST_S) {
    throw new UsageError('--to is before the time of all mail', 'Write a later date, or a smaller age.');
  }
  const range = {
    from: first === null || first.toSeconds() < EARLIEST_S ? null : first,
    to: end === null || end > now ? null : end,
    now,
  };
  if (range.from !== null && range.to !== null && range.from >= range.to) {
    throw new UsageError(
      `nothing lies between --from ${range.from.toISODate()} and --to ${range.to.toISODate()}`,
      '--from must be before --to.',
    );
  }
  return range;
}

function resolve(moment: Moment | undefined, now: DateTime): DateTime | null {
  if (moment === undefined) return null;
  if (moment.kind === 'age') return midnightOf(now.minus({ [moment.unit]: moment.count }));
  const { year, month, day } = moment;
  return midnightOf(DateTime.fromObject({ year, month, day }, { zone: now.zone }));
}

/** The first instant of the day, also where clocks that are put back strike midnight twice. */
function midnightOf(at: DateTime): DateTime {
  return at.startOf('day').minus({ days: 1 }).plus({ days: 1 }).startOf('day');
}

/** The range with its windows: those of `asked`, or of a size that suits how long it is. */
export function spanOf(range: Range, asked: WindowUnit | undefined, oldestFirst: boolean): Span {
  const unit = asked ?? coarsestUnit(range);
  return {
    whole: wholeOf(range),
    unit,
    windows: cutWindows(range, unit),
    asked: asked !== undefined || oldestFirst,
    oldestFirst,
  };
}

/** The same for a job that reads every message: windows that hold some hundreds, if mail came evenly. */
export function readingSpanOf(
  range: Range,
  asked: WindowUnit | undefined,
  oldestFirst: boolean,
  messages: number,
): Span {
  const unit =
    asked ?? WINDOW_UNITS.find((one) => messages / countWindows(range, one) >= MESSAGES_PER_WINDOW) ?? 'year';
  return { whole: wholeOf(range), unit, windows: cutWindows(range, unit), asked: true, oldestFirst };
}

function wholeOf({ from, to }: Range): Window {
  const name = `${from?.toISODate() ?? 'the beginning'} to ${to?.toISODate() ?? 'now'}`;
  return { name, fromS: from?.toUnixInteger() ?? null, toS: to?.toUnixInteger() ?? null };
}

function coarsestUnit(range: Range): WindowUnit {
  return WINDOW_UNITS.findLast((unit) => countWindows(range, unit) >= FEWEST_WINDOWS) ?? 'day';
}

function countWindows(range: Range, unit: WindowUnit): number {
  const { start, end } = edges(range);
  return Math.max(1, Math.ceil(end.diff(start, `${unit}s`).as(`${unit}s`)));
}

function edges({ from, to, now }: Range): { start: DateTime; end: DateTime } {
  const start = from ?? DateTime.fromObject(GMAIL_BEGAN, { zone: now.zone });
  const end = to ?? now;
  return { start: start < end ? start : end, end };
}

/** The dates between which the range lies, without what was dealt with: up to `toS`, or from `fromS` on. */
export function leaveOut(
  { from, to, now }: Range,
  { fromS = null, toS = null }: { readonly fromS?: number | null; readonly toS?: number | null },
): { readonly from: string | undefined; readonly to: string | undefined } {
  const date = (seconds: number | null, otherwise: DateTime | null) =>
    (seconds === null ? otherwise : DateTime.fromSeconds(seconds, { zone: now.zone }))?.toISODate() ?? undefined;
  return { from: date(toS, from), to: date(fromS, to) };
}

/** The windows of the range, cut where the calendar begins a new one, the oldest first. */
function cutWindows(range: Range, unit: WindowUnit): Window[] {
  const { start, end } = edges(range);
  const windows: Window[] = [];
  for (let at = start; windows.length === 0 || at < end; ) {
    // Where the clocks change at midnight, a day's beginning is not that of the next one plus a day.
    const next = at
      .startOf(unit)
      .plus({ [unit]: 1 })
      .startOf(unit);
    const [isFirst, isLast] = [windows.length === 0, next >= end];
    windows.push({
      name: isFirst && range.from === null ? `until ${nameOf(at, unit)}` : nameOf(at, unit),
      fromS: isFirst ? (range.from?.toUnixInteger() ?? null) : at.toUnixInteger(),
      toS: isLast ? (range.to?.toUnixInteger() ?? null) : next.toUnixInteger(),
    });
    at = next;
  }
  return windows;
}

function nameOf(at: DateTime, unit: WindowUnit): string {
  switch (unit) {
    case 'year':
      return at.toFormat('yyyy');
    case 'month':
      return at.toFormat('yyyy-MM');
    case 'week':
      return at.toFormat("kkkk-'W'WW");
    case 'day':
      return at.toFormat('yyyy-MM-dd');
  }
}
