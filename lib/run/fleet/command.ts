/** `job fleet`: runs the job in all mailboxes; with --list, --forecast or --status prints something in place of that. */
import { orAbort } from '../../base/clock.ts';
import { ConfigError, ExitCode, StoppedError, UsageError } from '../../errors.ts';
import type { RunRequest, Surroundings } from '../run.ts';
import { chooseMailboxes, openSharedConnections, openSharedSecrets, runFleet } from './fleet.ts';
import { FORECAST_HANG, forecastFleet, forecastLines } from './forecast.ts';
import { printFailures, printList } from './list.ts';
import { findMailboxes } from './mailboxes.ts';
import type { FleetOptions } from './options.ts';
import { readFleetStatus } from './queue.ts';
import { printStatus } from './status.ts';

export interface FleetCommand {
  readonly options: FleetOptions;
  /** The named job. */
  readonly job: string | undefined;
  /** Undefined for --status, and for --list without a job. */
  readonly run: RunRequest | undefined;
}

/**
 * Returns the exit code. `databaseUrl` is the value of DATABASE_URL; undefined without a database.
 * @throws UsageError for options that need a database; ConfigError for a wrong configuration, when nothing is run.
 */
export async function commandFleet(
  { options, job, run }: FleetCommand,
  surroundings: Surroundings,
  databaseUrl: string | undefined,
): Promise<ExitCode> {
  if (databaseUrl === undefined && (options.status || options.retry))
    throw new UsageError(
      `${options.status ? '--status' : '--retry'} needs a database, and DATABASE_URL is not set`,
      SEE,
    );
  if (options.status && databaseUrl !== undefined) return await printLastEnds(databaseUrl, job, options, surroundings);
  if (run === undefined || options.list) return await printMailboxes(options, surroundings);
  if (options.forecast) return await printForecast(run, options, surroundings);
  return (await runFleet({ options, run, databaseUrl }, surroundings)).exitCode;
}

const SEE = 'See "Many mailboxes" in jobs/README.md. Without a database, the ends of past runs are in the log alone.';

async function printMailboxes({ mailbox: names, json }: FleetOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { config, terminal, isWatched, redactor, processStop: signal } = surroundings;
  if (config instanceof ConfigError) throw config;
  return await untilStopped(async () => {
    const secrets = openSharedSecrets(config, { redactor, jobSecrets: [], signal });
    const found = await findMailboxes(config, surroundings, { secrets, signal });
    const mailboxes = chooseMailboxes(found, names);
    const repeated = found.repeated.filter(({ name }) => names?.includes(name) ?? true);
    return await printList({ ...found, mailboxes, repeated }, { json: json || !isWatched, terminal });
  });
}

async function printForecast(
  run: RunRequest,
  { every: everyMs, mailbox: names, json }: FleetOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { config, terminal, isWatched, processStop: signal } = surroundings;
  if (config instanceof ConfigError) throw config;
  const { projectQuotaPerMinute: projectUnitsPerMinute } = config;
  return await untilStopped(async () => {
    const shared = openSharedConnections(config, run, surroundings, signal);
    const found = await findMailboxes(config, surroundings, { secrets: shared.secrets, signal });
    const mailboxes = chooseMailboxes(found, names);
    const [failed] = found.failures;
    if (mailboxes.length === 0 && failed !== undefined) throw failed.error;
    const terms = { everyMs, projectUnitsPerMinute };
    const forecast = await forecastFleet(mailboxes, terms, run, { ...surroundings, shared });
    const output = { json: json || !isWatched, terminal };
    if (output.json) terminal.printExactly(JSON.stringify(forecast));
    else for (const line of forecastLines(forecast)) terminal.print(line, FORECAST_HANG);
    // The forecast leaves out their mailboxes.
    return printFailures(found.failures, output);
  });
}

/** Needs neither the list of mailboxes nor AWS, so a wrong configuration of these does not matter. */
async function printLastEnds(
  databaseUrl: string,
  job: string | undefined,
  { mailbox: mailboxes, json }: FleetOptions,
  { terminal, isWatched, allowHosts, processStop }: Surroundings,
): Promise<ExitCode> {
  return await untilStopped(async () => {
    const request = { job, mailboxes };
    const status = await orAbort(readFleetStatus(databaseUrl, request, allowHosts), processStop);
    printStatus(status, request, { json: json || !isWatched, terminal, now: new Date() });
    return ExitCode.ok;
  });
}

async function untilStopped(work: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    return error.reason === 'SIGINT' ? ExitCode.sigint : ExitCode.sigterm;
  }
}
