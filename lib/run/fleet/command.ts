/** `job fleet`: runs the job in all mailboxes, or prints what the fleet's options ask for. */
import { ConfigError, ExitCode, StoppedError } from '../../errors.ts';
import type { RunRequest, Surroundings } from '../run.ts';
import { chosen, openSharedSecrets, runFleet, share } from './fleet.ts';
import { FORECAST_HANG, forecastFleet, forecastLines } from './forecast.ts';
import { printList } from './list.ts';
import { findMailboxes } from './mailboxes.ts';
import type { FleetOptions } from './options.ts';

export interface FleetCommand {
  readonly options: FleetOptions;
  /** Undefined for --list. */
  readonly run: RunRequest | undefined;
}

/** Returns the exit code. @throws ConfigError for a wrong configuration, when nothing is run. */
export async function commandFleet({ options, run }: FleetCommand, surroundings: Surroundings): Promise<ExitCode> {
  if (run === undefined || options.list) return await printMailboxes(options.json, surroundings);
  if (options.forecast) return await printForecast(run, options, surroundings);
  return (await runFleet({ options, run }, surroundings)).exitCode;
}

async function printMailboxes(json: boolean, surroundings: Surroundings): Promise<ExitCode> {
  const { config, terminal, isWatched, redactor, processStop: signal } = surroundings;
  if (config instanceof ConfigError) throw config;
  return await untilStopped(async () => {
    const secrets = openSharedSecrets(config, { redactor, jobSecrets: [], signal });
    const found = await findMailboxes(config, surroundings, { secrets, signal });
    return await printList(found, { json: json || !isWatched, terminal });
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
    const shared = share(config, run, surroundings, signal);
    const { mailboxes } = await findMailboxes(config, surroundings, { secrets: shared.secrets, signal });
    const terms = { everyMs, projectUnitsPerMinute };
    const forecast = await forecastFleet(chosen(mailboxes, names), terms, run, { ...surroundings, shared });
    if (json || !isWatched) terminal.printExactly(JSON.stringify(forecast));
    else for (const line of forecastLines(forecast)) terminal.print(line, FORECAST_HANG);
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
