/**
 * Calendar dates, and when they begin in a time zone. A date is a DateTime at midnight UTC, where every day has 24 hours:
 * its arithmetic is that of the calendar. In other zones Luxon takes any of two midnights for the beginning of a day, and
 * counts a date that the zone left out (2011-12-30 in Samoa) as a day.
 */
import { DateTime, IANAZone } from 'luxon';

const DAY_S = 86_400;

/** The date that clocks in `timeZone` show at `second` since 1970. */
export function dateAt(second: number, timeZone: string): DateTime {
  const { year, month, day } = DateTime.fromSeconds(second, { zone: timeZone });
  return DateTime.utc(year, month, day);
}

/**
 * The first second of `date` in `timeZone`, since 1970. Where clocks strike midnight twice it is the first time; where
 * they skip midnight, the moment at which they do. A date that the zone left out begins and ends when the next one begins.
 */
export function firstSecondOf(date: DateTime, timeZone: string): number {
  const zone = IANAZone.create(timeZone);
  const offsetAt = (second: number) => Math.round(zone.offset(second * 1_000) * 60);
  const midnight = date.toUnixInteger();
  // No zone has changed its clocks twice within these two days since 1970.
  const [before, after] = [offsetAt(midnight - DAY_S), offsetAt(midnight + DAY_S)];
  const instants = [...new Set([midnight - before, midnight - after])];
  const midnights = instants.filter((instant) => instant + offsetAt(instant) === midnight);
  if (midnights.length > 0) return Math.min(...midnights);
  let [early = 0, late = 0] = instants.sort((a, b) => a - b);
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (middle + offsetAt(middle) < midnight) early = middle;
    else late = middle;
  }
  return late;
}
