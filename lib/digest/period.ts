/** The span of time that a digest tells about: the last full calendar day or ISO week of a time zone. */
import { DateTime } from 'luxon';

export type PeriodKind = 'day' | 'week';

export interface Period {
  readonly kind: PeriodKind;
  /** Names the period among those of its kind, and sorts by time: `2026-11-22` or `2026-W47`. */
  readonly id: string;
  /** As the person wrote it. */
  readonly timeZone: string;
  /** The same for every spelling and alias of the zone. */
  readonly zoneId: string;
  /** In seconds since 1970; the end is the first second that is not part of it any more. */
  readonly startS: number;
  readonly endS: number;
  /** For people: `Sunday, 22 November` or `16–22 November`. */
  readonly title: string;
}

/** The form of every period's id. */
export const PERIOD_ID = /^\d{4}-(?:\d{2}-\d{2}|W\d{2})$/;

/** The last full day (midnight to midnight) or ISO week (Monday to Sunday) in `timeZone` that is over at `now`. */
export function lastPeriod(kind: PeriodKind, timeZone: string, now: Date): Period {
  const end = DateTime.fromJSDate(now, { zone: timeZone }).setLocale('en-GB').startOf(kind);
  // Taken on the calendar, not on the clock: a day of 23 or 25 hours is a day.
  const start = end.minus({ [kind]: 1 }).startOf(kind);
  const last = end.minus({ days: 1 });
  return {
    kind,
    id: kind === 'day' ? start.toFormat('yyyy-MM-dd') : start.toFormat("kkkk-'W'WW"),
    timeZone,
    zoneId: new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone,
    startS: start.toUnixInteger(),
    endS: end.toUnixInteger(),
    title: kind === 'day' ? start.toFormat('cccc, d LLLL') : spanTitle(start, last),
  };
}

function spanTitle(start: DateTime, last: DateTime): string {
  const year = start.hasSame(last, 'year') ? '' : ' yyyy';
  const from = start.hasSame(last, 'month') ? start.toFormat('d') : `${start.toFormat(`d LLLL${year}`)} `;
  const to = last.toFormat(`d LLLL${year}`);
  return `${from}–${from.endsWith(' ') ? ' ' : ''}${to}`;
}
