/** The options that every job with a backfill has: the span of time, its windows, and whether to ask. */
import { momentOption } from '../base/moment.ts';
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
