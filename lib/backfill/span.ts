/** Computes a backfill's span of time from --from, --to and --time-zone, and divides it into calendar windows. */
import { DateTime } from 'luxon';
import { dateAt, firstSecondOf } from '../base/calendar.ts';
import { UsageError } from '../errors.ts';
import type { Span, Window } from '../gmail/windows.ts';
import { type BackfillValues, type Moment, WINDOW_UNITS, type WindowUnit } from './options.ts';

/** Gmail's first day; older mail was imported, and all of it is in the first window. */
const GMAIL_BEGAN = DateTime.utc(2004, 4, 1);

/** One day after 1970 began: searches count seconds from 1970, so no mail is older. */
const EARLIEST_S = 86_400;

/** Without --window, windows have the largest size that gives at least this many windows. */
const FEWEST_WINDOWS = 4;

/** A date, and its first second in the time zone. */
interface Day {
  readonly date: DateTime;
  readonly beginS: number;
}

export interface Range {
  readonly from: Day | null;
  /** The first day after the range. */
  readonly to: Day | null;
  readonly today: DateTime;
  readonly timeZone: string;
}

/** @throws UsageError when no time lies between --from and --to. */
export function readRange({ from, to, timeZone }: BackfillValues, at: Date): Range {
  const nowS = Math.floor(at.getTime() / 1_000);
  const today = dateAt(nowS, timeZone);
  const resolve = (moment: Moment | undefined): Day | null => {
    if (moment === undefined) return null;
    const date = dateOf(moment, today);
    return { date, beginS: firstSecondOf(date, timeZone) };
  };
  const [first, end] = [resolve(from), resolve(to)];
  if (first !== null && first.beginS > nowS) {
    throw new UsageError(`--from is ${first.date.toISODate()}, which is in the future`, 'Write a date in the past.');
  }
  if (end !== null && end.beginS < EARLIEST_S) {
    throw new UsageError('--to is before 1970-01-02, and no mail is older', 'Write a later date, or a smaller age.');
  }
  const range = {
    from: first === null || first.beginS < EARLIEST_S ? null : first,
    to: end === null || end.beginS > nowS ? null : end,
    today,
    timeZone,
  };
  if (range.from !== null && range.to !== null && range.from.beginS >= range.to.beginS) {
    throw new UsageError(
      `nothing lies between --from ${range.from.date.toISODate()} and --to ${range.to.date.toISODate()}`,
      '--from must be before --to.',
    );
  }
  return range;
}

function dateOf(moment: Moment, today: DateTime): DateTime {
  if (moment.kind === 'age') return today.minus({ [moment.unit]: moment.count });
  return DateTime.utc(moment.year, moment.month, moment.day);
}

/** Divides the range into windows of the size `asked`, or of one that suits the length of the range. */
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

function wholeOf({ from, to }: Range): Window {
  const name = `${from?.date.toISODate() ?? 'the beginning'} to ${to?.date.toISODate() ?? 'now'}`;
  return { name, fromS: from?.beginS ?? null, toS: to?.beginS ?? null };
}

function coarsestUnit(range: Range): WindowUnit {
  return WINDOW_UNITS.findLast((unit) => countWindows(range, unit) >= FEWEST_WINDOWS) ?? 'day';
}

function countWindows(range: Range, unit: WindowUnit): number {
  const { start, end } = edges(range);
  return Math.max(1, Math.ceil(end.diff(start, `${unit}s`).as(`${unit}s`)));
}

/** The first day, and the day after the last. */
function edges({ from, to, today }: Range): { start: DateTime; end: DateTime } {
  const start = from?.date ?? GMAIL_BEGAN;
  const end = to?.date ?? today.plus({ days: 1 });
  return { start: start < end ? start : end, end };
}

/** The first day of the range and the day after its last, as dates such as 2026-01-31. */
export function datesOf({ from, to }: Range): { readonly from: string | undefined; readonly to: string | undefined } {
  return { from: from?.date.toISODate() ?? undefined, to: to?.date.toISODate() ?? undefined };
}

/** Returns the windows, the oldest first, cut where the calendar begins a new day, week, month or year. */
function cutWindows(range: Range, unit: WindowUnit): Window[] {
  const { start, end } = edges(range);
  const windows: Window[] = [];
  let beginS = range.from?.beginS ?? null;
  for (let at = start; windows.length === 0 || at < end; ) {
    const next = at.startOf(unit).plus({ [unit]: 1 });
    const endS = next >= end ? (range.to?.beginS ?? null) : firstSecondOf(next, range.timeZone);
    const name = beginS === null ? `until ${nameOf(at, unit)}` : nameOf(at, unit);
    // Some time zones skipped a day (Samoa, 2011-12-30): such a window would be empty.
    if (beginS === null || beginS !== endS) windows.push({ name, fromS: beginS, toS: endS });
    at = next;
    beginS = endS;
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
