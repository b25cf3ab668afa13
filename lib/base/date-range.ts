/** A range of dates as --from, --to and --time-zone give it: dates such as 2015-01-31, or ages such as 3y. */
import { DateTime } from 'luxon';
import { UsageError } from '../errors.ts';
import type { OptionSpec } from '../options.ts';
import { dateAt, firstSecondOf } from './calendar.ts';

/** Stands for the beginning of a day: a date, or an age such as 3 years. */
export type Moment =
  | { readonly kind: 'date'; readonly year: number; readonly month: number; readonly day: number }
  | { readonly kind: 'age'; readonly count: number; readonly unit: 'days' | 'weeks' | 'months' | 'years' };

const AGE_UNITS = { d: 'days', w: 'weeks', m: 'months', y: 'years' } as const;

/** Reads `2015-01-01`, or an age such as `3y`. @throws UsageError */
export function parseMoment(text: string): Moment {
  const [, count, letter] = /^(\d{1,4})([dwmy])$/.exec(text.trim()) ?? [];
  if (count !== undefined && Number(count) > 0) {
    return { kind: 'age', count: Number(count), unit: AGE_UNITS[letter as keyof typeof AGE_UNITS] };
  }
  const [year = 0, month = 0, day = 0] = /^\d{4}-\d{2}-\d{2}$/.test(text.trim()) ? text.split('-').map(Number) : [];
  const date = new Date(Date.UTC(year, month - 1, day));
  const exists = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (exists && year >= 1970) return { kind: 'date', year, month, day };
  throw new UsageError(
    `"${text}" is neither a date nor an age`,
    'Write a date like 2015-01-31, or an age like 3y, 18m, 2w or 90d.',
  );
}

/** An option whose value is a date or an age. */
export function momentOption(summary: string): OptionSpec<Moment | undefined> {
  return { placeholder: '<date>', summary, parse: parseMoment, fallback: undefined };
}

/** One day after 1970 began: searches count seconds from 1970, so no mail is older. */
const EARLIEST_S = 86_400;

/** A date, and its first second in the time zone. */
interface Day {
  readonly date: DateTime;
  readonly beginS: number;
}

export interface DateRange {
  readonly from: Day | null;
  /** The first day after the range. */
  readonly to: Day | null;
  readonly today: DateTime;
  readonly timeZone: string;
}

/** The values of --from, --to and --time-zone. */
export interface RangeValues {
  readonly from: Moment | undefined;
  readonly to: Moment | undefined;
  readonly timeZone: string;
}

/** The range at the moment `at`. @throws UsageError when no time lies between --from and --to. */
export function readRange({ from, to, timeZone }: RangeValues, at: Date): DateRange {
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

/** The first day of the range and the day after its last, as dates such as 2026-01-31. */
export function datesOf({ from, to }: DateRange): {
  readonly from: string | undefined;
  readonly to: string | undefined;
} {
  return { from: from?.date.toISODate() ?? undefined, to: to?.date.toISODate() ?? undefined };
}
