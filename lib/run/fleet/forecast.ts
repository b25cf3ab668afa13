/**
 * `job fleet --forecast <job>`: the quota and AWS's price of running the job in all mailboxes of the list. Dry runs in a few
 * mailboxes tell the units of the searches; the units of changes are left out.
 */
import { counted, formatCount, formatShare } from '../../base/count.ts';
import { DAY_MS, formatDuration } from '../../base/duration.ts';
import { ExitCode, UnavailableError } from '../../errors.ts';
import { noLog } from '../../screen/log.ts';
import type { SharedConnections } from '../connection.ts';
import type { RunRequest, Surroundings } from '../run.ts';
import { runIn } from './fleet.ts';
import type { FleetMailbox } from './mailboxes.ts';

/** Mailboxes with a dry run. */
const SAMPLES = 3;

/** Above this number of units in a day, Google charges: developers.google.com/workspace/gmail/api/reference/quota. */
const FREE_UNITS_PER_DAY = 80_000_000;

/** Dollars. Source: aws.amazon.com/secrets-manager/pricing. */
const SECRET_PER_MONTH = 0.4;
const READ = 0.05 / 10_000;

const DAYS_PER_MONTH = 30;

export interface FleetForecast {
  readonly job: string;
  readonly mailboxes: number;
  readonly everyMs: number;
  /** The mean of the dry runs. */
  readonly unitsPerMailbox: number;
  /** Dry runs that succeeded. */
  readonly samples: number;
  readonly unitsPerRun: number;
  readonly unitsPerHour: number;
  readonly unitsPerDay: number;
  readonly projectUnitsPerMinute: number;
  readonly freeUnitsPerDay: number;
  readonly secrets: number;
  readonly secretReadsPerMonth: number;
  readonly dollarsPerMonth: { readonly secrets: number; readonly reads: number };
}

/** @throws UnavailableError when every dry run failed, UsageError when the job refuses its options. */
export async function forecastFleet(
  mailboxes: readonly FleetMailbox[],
  { everyMs, projectUnitsPerMinute }: Pick<FleetForecast, 'everyMs' | 'projectUnitsPerMinute'>,
  run: RunRequest,
  surroundings: Surroundings & { readonly shared: SharedConnections },
): Promise<FleetForecast> {
  const log = { ...noLog, forRun: () => noLog };
  const dry = { ...run, common: { ...run.common, dryRun: true } };
  const samples = spread(mailboxes, SAMPLES);
  const reports = await Promise.all(samples.map((mailbox) => runIn(mailbox, dry, { ...surroundings, log })));
  const succeeded = reports.filter(({ exitCode }) => exitCode === ExitCode.ok);
  if (succeeded.length === 0) {
    throw new UnavailableError(
      `the dry runs of ${run.name} failed in ${samples.map(({ name }) => name).join(', ')}: ${reports[0]?.error ?? 'no mailbox'}`,
      'Type `job fleet --mailbox <name>` with the name of one of these mailboxes, and follow the remedy in its last line.',
    );
  }
  const unitsPerMailbox = succeeded.reduce((sum, { quotaUnits }) => sum + quotaUnits, 0) / succeeded.length;
  const unitsPerRun = Math.round(unitsPerMailbox * mailboxes.length);
  const perDay = DAY_MS / everyMs;
  const secrets = new Set(mailboxes.map(({ secretId }) => secretId)).size;
  // A user's secret is read in each run, a service account's once for all of its mailboxes.
  const readsPerMonth = Math.ceil(secrets * perDay * DAYS_PER_MONTH);
  return {
    job: run.name,
    mailboxes: mailboxes.length,
    everyMs,
    unitsPerMailbox: Number(unitsPerMailbox.toFixed(1)),
    samples: succeeded.length,
    unitsPerRun,
    unitsPerHour: Math.round((unitsPerRun * perDay) / 24),
    unitsPerDay: Math.round(unitsPerRun * perDay),
    projectUnitsPerMinute,
    freeUnitsPerDay: FREE_UNITS_PER_DAY,
    secrets,
    secretReadsPerMonth: readsPerMonth,
    dollarsPerMonth: {
      secrets: Number((secrets * SECRET_PER_MONTH).toFixed(2)),
      reads: Number((readsPerMonth * READ).toFixed(2)),
    },
  };
}

/** The width of the first column. */
export const FORECAST_HANG = 17;

/** The forecast as a table of two columns. */
export function forecastLines(forecast: FleetForecast): string[] {
  const { mailboxes, unitsPerRun, unitsPerDay, projectUnitsPerMinute, freeUnitsPerDay, dollarsPerMonth } = forecast;
  const atLeastMs = (unitsPerRun / projectUnitsPerMinute) * 60_000;
  const rows = [
    ['mailboxes', `${formatCount(mailboxes)}, once in ${formatDuration(forecast.everyMs)}`],
    [
      'units a mailbox',
      `${forecast.unitsPerMailbox}, the mean of ${counted(forecast.samples, 'dry run')}; changes cost more`,
    ],
    [
      'units a run',
      `${formatCount(unitsPerRun)}: ${atLeastMs < 1_000 ? 'less than a second' : `at least ${formatDuration(atLeastMs)}`} at ${formatCount(projectUnitsPerMinute)} a minute`,
    ],
    ['units an hour', formatCount(forecast.unitsPerHour)],
    [
      'units a day',
      `${formatCount(unitsPerDay)}: ${formatShare(unitsPerDay / freeUnitsPerDay)} of ${formatCount(freeUnitsPerDay)}, above which Google charges`,
    ],
    ['AWS secrets', `${formatCount(forecast.secrets)}: $${dollarsPerMonth.secrets.toFixed(2)} a month`],
    ['AWS reads', `${formatCount(forecast.secretReadsPerMonth)} a month: $${dollarsPerMonth.reads.toFixed(2)}`],
  ];
  return rows.map(([title = '', text]) => `  ${title.padEnd(FORECAST_HANG)}${text}`);
}

/** At most `count` of the items, evenly spaced. */
function spread<T>(items: readonly T[], count: number): T[] {
  const taken = Math.min(count, items.length);
  return Array.from({ length: taken }, (_, index) => items[Math.floor((index * items.length) / taken)] as T);
}
