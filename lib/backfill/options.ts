/** The options that every job with a backfill has: the span of time, its windows, and whether to ask. */
import { UsageError } from '../errors.ts';
import {
  type BACKFILL_ONLY,
  type OptionSpec,
  type OptionValues,
  switchOption,
  timeZoneOption,
  yesOption,
} from '../options.ts';

export const WINDOW_UNITS = ['day', 'week', 'month', 'year'] as const;

export type WindowUnit = (typeof WINDOW_UNITS)[number];

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

function momentOption(summary: string): OptionSpec<Moment | undefined> {
  return { placeholder: '<date>', summary, parse: parseMoment, fallback: undefined };
}

const windowOption: OptionSpec<WindowUnit | undefined> = {
  placeholder: `<${WINDOW_UNITS.join('|')}>`,
  summary: 'work in windows of this size (default: chosen by the length of the range)',
  parse(text) {
    const unit = WINDOW_UNITS.find((one) => one === text);
    if (unit !== undefined) return unit;
    throw new UsageError(
      `"${text}" is not one of ${WINDOW_UNITS.join(', ')}`,
      `Write one of ${WINDOW_UNITS.join(', ')}.`,
    );
  },
  fallback: undefined,
};

export const BACKFILL_OPTIONS = {
  from: momentOption('backfill: mail from this date on (2015-01-01), or at most this old (3y, 18m, 90d)'),
  to: momentOption('backfill: mail before this date, or older than this age (default now)'),
  window: windowOption,
  oldestFirst: switchOption('the oldest window first, instead of the newest'),
  timeZone: timeZoneOption(),
  yes: yesOption,
} satisfies Record<(typeof BACKFILL_ONLY)[number] | 'timeZone', unknown>;

export type BackfillValues = OptionValues<typeof BACKFILL_OPTIONS>;
