/** The periods of `--every`, counted in UTC: weeks begin on Monday, shorter periods divide a day. */
import { DAY_MS } from '../../base/duration.ts';

const WEEK_MS = 7 * DAY_MS;

/** Monday, 1970-01-05: 1970 began on a Thursday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

export interface FleetPeriod {
  /** Its first moment in ISO 8601. */
  readonly name: string;
  /** Counts the periods since 1970. */
  readonly index: number;
}

/** The period of `everyMs` milliseconds in which `now` lies. */
export function periodAt(now: Date, everyMs: number): FleetPeriod {
  const offsetMs = everyMs === WEEK_MS ? FIRST_MONDAY_MS : 0;
  const index = Math.floor((now.getTime() - offsetMs) / everyMs);
  return { name: new Date(index * everyMs + offsetMs).toISOString(), index };
}

/** The golden ratio's fraction: its multiples lie evenly in every interval of [0, 1). */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * `items` in the order of a period: each period begins at another item. When the budget is enough for only 1/n of the items
 * in each period, each item has its turn within about 3n periods.
 */
export function inOrderOf<T>({ index }: FleetPeriod, items: readonly T[]): T[] {
  const start = Math.floor(((index * GOLDEN) % 1) * items.length);
  return [...items.slice(start), ...items.slice(0, start)];
}
