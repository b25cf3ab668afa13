// Reads the values of Gmail's date, age and size operators.

import { DateTime } from 'luxon';
import { UnknownOperatorError } from './tokenize.ts';

/** "All dates used in the search query are interpreted as midnight on that date in the PST timezone" (Gmail API guide). */
const DATE_ZONE = 'America/Los_Angeles';

const EPOCH_SECONDS = /^\d{9,10}$/;
const DATE_FORMATS = ['yyyy/M/d', 'yyyy-M-d', 'M/d/yyyy'];
const AGE = /^(\d{1,4})([dmy])$/i;
const SIZE = /^(\d+)([km]?)$/i;

/** Returns the first millisecond of a date (yyyy/mm/dd, yyyy-mm-dd or mm/dd/yyyy) or of a second since 1970. */
export function parseDateMs(operator: string, value: string): number {
  if (EPOCH_SECONDS.test(value)) return Number(value) * 1000;
  const date = DATE_FORMATS.map((format) => DateTime.fromFormat(value, format, { zone: DATE_ZONE })).find(
    (parsed) => parsed.isValid,
  );
  if (date === undefined) throw unknownValue(operator, value);
  return date.toMillis();
}

/** The time that is the given age (14d, 6m, 1y) before `nowMs`, in calendar months and years. */
export function parseAgeMs(operator: string, value: string, nowMs: number): number {
  const [, digits, letter] = AGE.exec(value) ?? [];
  if (digits === undefined || letter === undefined) throw unknownValue(operator, value);
  const count = Number(digits);
  const unit = letter.toLowerCase();
  const age = unit === 'd' ? { days: count } : unit === 'm' ? { months: count } : { years: count };
  return DateTime.fromMillis(nowMs, { zone: 'utc' }).minus(age).toMillis();
}

/** Returns a size in bytes; K is 1,024 bytes and M 1,024 K. */
export function parseSizeBytes(operator: string, value: string): number {
  const [, digits, letter] = SIZE.exec(value) ?? [];
  if (digits === undefined || letter === undefined) throw unknownValue(operator, value);
  const unit = letter.toLowerCase();
  return Number(digits) * (unit === 'm' ? 1024 * 1024 : unit === 'k' ? 1024 : 1);
}

export function unknownValue(operator: string, value: string): UnknownOperatorError {
  return new UnknownOperatorError(`Unknown value of ${operator}: ${JSON.stringify(value)}`);
}
