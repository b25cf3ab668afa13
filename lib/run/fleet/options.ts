/** The options of `job fleet`, which stand before the name of the job. */
import { DAY_MS, parseDuration } from '../../base/duration.ts';
import { didYouMean } from '../../base/nearest.ts';
import { UsageError } from '../../errors.ts';
import {
  countOption,
  durationOption,
  jsonOption,
  type OptionSpec,
  type OptionValues,
  switchOption,
  textsOption,
} from '../../options.ts';

export const DEFAULT_AT_ONCE = 10;

/** Each mailbox in work takes memory and connections, and a dyno has 512 MB. */
const MOST_AT_ONCE = 100;

const PERIODS: ReadonlyMap<string, number> = new Map([
  ['hour', 3_600_000],
  ['day', DAY_MS],
  ['week', 7 * DAY_MS],
]);

/** A shorter period could be over before a process has begun a mailbox. */
const LEAST_EVERY_MS = 60_000;

const SEE_PERIODS = 'Write hour, day, week, or a duration that divides a day, such as 10m or 6h.';

const everyOption: OptionSpec<number> = {
  placeholder: '<period>',
  summary:
    'how often the fleet runs: hour, day, week or a duration that divides a day, in UTC (default hour); with a database, the job runs once in each mailbox in that time',
  fallback: 3_600_000,
  parse(text) {
    const ms = PERIODS.get(text) ?? parseDuration(text);
    if (ms === null)
      throw new UsageError(`"${text}" is no period${didYouMean(text, [...PERIODS.keys()])}`, SEE_PERIODS);
    if (ms < LEAST_EVERY_MS)
      throw new UsageError(
        `"${text}" is shorter than a minute`,
        'No mailbox is begun after the end of its period: type 1m or more.',
      );
    if (ms === PERIODS.get('week') || DAY_MS % ms === 0) return ms;
    throw new UsageError(`"${text}" does not divide a day`, SEE_PERIODS);
  },
};

export const FLEET_OPTIONS = {
  every: everyOption,
  atOnce: countOption('<n>', `mailboxes at a time (default ${DEFAULT_AT_ONCE})`, 1, MOST_AT_ONCE),
  mailbox: textsOption('<name>', 'only the mailbox with this name in the log'),
  budget: durationOption('stop the fleet after this time; the next fleet goes on (default RUN_BUDGET)', undefined),
  list: switchOption('print the mailboxes and do nothing else; needs no job'),
  forecast: switchOption('print the quota and the cost of running the job in all mailboxes'),
  status: switchOption('print how each mailbox ended last, of this job or of all jobs; needs DATABASE_URL'),
  retry: switchOption('run the job again in the mailboxes that failed in this period; needs DATABASE_URL'),
  json: { ...jsonOption, summary: 'with --list, --forecast or --status: print JSON, for machines' },
};

export type FleetOptions = OptionValues<typeof FLEET_OPTIONS>;

/** Options that print something in place of running the job. */
export const PRINTING = ['list', 'forecast', 'status'] as const;
