/** The period of a digest: the last full calendar day or ISO week in a time zone. */
import type { DateTime } from 'luxon';
import { dateAt, firstSecondOf } from '../base/calendar.ts';

export type PeriodKind = 'day' | 'week';

export interface Period {
  readonly kind: PeriodKind;
  /** Sorts by time: `2026-11-22` or `2026-W47`. */
  readonly id: string;
  /** As typed. */
  readonly timeZone: string;
  /** Equal for all spellings and aliases of the zone. */
  readonly zoneId: string;
  /** In seconds since 1970; `endS` is the first second after the period. */
  readonly startS: number;
  readonly endS: number;
  /** Such as `Sunday, 22 November` or `16–22 November`. */
  readonly title: string;
}

export const PERIOD_ID = /^\d{4}-(?:\d{2}-\d{2}|W\d{2})$/;

/** Returns the last day (midnight to midnight) or ISO week (Monday to Sunday) in `timeZone` that ended before `now`. */
export function lastPeriod(kind: PeriodKind, timeZone: string, now: Date): Period {
  const end = dateAt(Math.floor(now.getTime() / 1_000), timeZone)
    .setLocale('en-GB')
    .startOf(kind);
  const endS = firstSecondOf(end, timeZone);
  let start = end.minus({ [kind]: 1 });
  // Some time zones skipped a date (Samoa, 2011-12-30): such a day has no seconds.
  while (firstSecondOf(start, timeZone) === endS) start = start.minus({ [kind]: 1 });
  const last = end.minus({ days: 1 });
  return {
    kind,
    id: kind === 'day' ? start.toFormat('yyyy-MM-dd') : start.toFormat("kkkk-'W'WW"),
    timeZone,
    zoneId: new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone,
    startS: firstSecondOf(start, timeZone),
    endS,
    title: kind === 'day' ? start.toFormat('cccc, d LLLL') : spanTitle(start, last),
  };
}

function spanTitle(start: DateTime, last: DateTime): string {
  const year = start.hasSame(last, 'year') ? '' : ' yyyy';
  const from = start.hasSame(last, 'month') ? start.toFormat('d') : `${start.toFormat(`d LLLL${year}`)} `;
  const to = last.toFormat(`d LLLL${year}`);
  return `${from}–${from.endsWith(' ') ? ' ' : ''}${to}`;
}
