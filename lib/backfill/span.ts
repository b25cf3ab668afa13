/** Divides a backfill's range of dates into calendar windows. */
import { DateTime } from 'luxon';
import { firstSecondOf } from '../base/calendar.ts';
import type { DateRange } from '../base/date-range.ts';
import { type Span, type Window, windowOf } from '../gmail/windows.ts';
import { WINDOW_UNITS, type WindowUnit } from './options.ts';

/** Gmail's first day; older mail was imported, and all of it is in the first window. */
const GMAIL_BEGAN = DateTime.utc(2004, 4, 1);

/** Without --window, windows have the largest size that gives at least this many windows. */
const FEWEST_WINDOWS = 4;

/** Divides the range into windows of the size `asked`, or of one that suits the length of the range. */
export function spanOf(range: DateRange, asked: WindowUnit | undefined, oldestFirst: boolean): Span {
  const unit = asked ?? coarsestUnit(range);
  return {
    whole: windowOf(range),
    unit,
    windows: cutWindows(range, unit),
    asked: asked !== undefined || oldestFirst,
    oldestFirst,
  };
}

function coarsestUnit(range: DateRange): WindowUnit {
  return WINDOW_UNITS.findLast((unit) => countWindows(range, unit) >= FEWEST_WINDOWS) ?? 'day';
}

function countWindows(range: DateRange, unit: WindowUnit): number {
  const { start, end } = edges(range);
  return Math.max(1, Math.ceil(end.diff(start, `${unit}s`).as(`${unit}s`)));
}

/** The first day, and the day after the last. */
function edges({ from, to, today }: DateRange): { start: DateTime; end: DateTime } {
  const start = from?.date ?? GMAIL_BEGAN;
  const end = to?.date ?? today.plus({ days: 1 });
  return { start: start < end ? start : end, end };
}

/** Returns the windows, the oldest first, cut where the calendar begins a new day, week, month or year. */
function cutWindows(range: DateRange, unit: WindowUnit): Window[] {
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
