/** Options whose values are dates such as 2015-01-31, or ages such as 3y. Loads no calendar: date-range.ts does. */
import { UsageError } from '../errors.ts';
import type { OptionSpec } from '../options.ts';

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
