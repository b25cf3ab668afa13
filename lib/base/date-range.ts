/** The range of dates that --from, --to and --time-zone give. */
import { DateTime } from 'luxon';
import { UsageError } from '../errors.ts';
import { dateAt, firstSecondOf } from './calendar.ts';
import type { Moment } from './moment.ts';

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
