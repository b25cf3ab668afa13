/**
 * Calendar dates, and the second at which they begin in a time zone. A date is a Luxon DateTime at midnight UTC, where
 * every day has 24 hours. In other zones Luxon may begin a day at the second of two midnights, and counts dates that the
 * zone skipped (2011-12-30 in Samoa).
 */
import { DateTime, IANAZone } from 'luxon';

const DAY_S = 86_400;

/** The date in `timeZone` at `second`, in seconds since 1970. */
export function dateAt(second: number, timeZone: string): DateTime {
  const { year, month, day } = DateTime.fromSeconds(second, { zone: timeZone });
  return DateTime.utc(year, month, day);
}

/**
 * The first second of `date` in `timeZone`, in seconds since 1970: the first of two midnights, or the moment of a clock
 * change that skips midnight. A date that the zone skipped begins when the next date begins.
 */
export function firstSecondOf(date: DateTime, timeZone: string): number {
  const zone = IANAZone.create(timeZone);
  const offsetAt = (second: number) => Math.round(zone.offset(second * 1_000) * 60);
  const midnight = date.toUnixInteger();
  // Since 1970, no zone has changed its clocks twice within two days.
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
