/** The span of time that a digest tells about: the last full calendar day or ISO week of a time zone. */
import type { DateTime } from 'luxon';
import { dateAt, firstSecondOf } from '../base/calendar.ts';

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
  const end = dateAt(Math.floor(now.getTime() / 1_000), timeZone)
    .setLocale('en-GB')
    .startOf(kind);
  const endS = firstSecondOf(end, timeZone);
  let start = end.minus({ [kind]: 1 });
  // A date that the zone left out is no day.
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
