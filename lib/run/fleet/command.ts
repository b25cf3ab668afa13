/** `job fleet`: runs the job in all mailboxes, or prints what the fleet's options ask for. */
import type { Environment } from '../../base/environment.ts';
import { ConfigError, ExitCode, StoppedError, UsageError } from '../../errors.ts';
import type { RunRequest, Surroundings } from '../run.ts';
import { openSharedSecrets, runFleet } from './fleet.ts';
import { printList } from './list.ts';
import { findMailboxes } from './mailboxes.ts';
import type { FleetOptions } from './options.ts';

export interface FleetCommand {
  readonly options: FleetOptions;
  /** Undefined when the options print something and no job is named. */
  readonly run: RunRequest | undefined;
}

/**
 * Returns the exit code.
 * @throws UsageError for options that need a database; ConfigError for a wrong configuration, when nothing is run.
 */
export async function commandFleet(
  { options, run }: FleetCommand,
  surroundings: Surroundings,
  env: Environment,
): Promise<ExitCode> {
  const database = env.DATABASE_URL?.trim() ?? '';
  for (const [name, isGiven] of Object.entries({ '--status': options.status, '--retry': options.retry })) {
    if (isGiven && database === '')
      throw new UsageError(`${name} needs a database, and DATABASE_URL is not set`, DATABASE);
  }
  if (options.list) return await printMailboxes(options.json, surroundings);
  const prints = options.status || options.forecast;
  if (run !== undefined && !prints) return (await runFleet({ options, run }, surroundings)).exitCode;
  return ExitCode.ok;
}

async function printMailboxes(json: boolean, surroundings: Surroundings): Promise<ExitCode> {
  const { config, terminal, isWatched, redactor, processStop: signal } = surroundings;
  if (config instanceof ConfigError) throw config;
  try {
    const secrets = await openSharedSecrets(config, { redactor, jobSecrets: [], signal });
    const found = await findMailboxes(config, surroundings, { secrets, signal });
    return printList(found, { json: json || !isWatched, terminal });
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    return error.reason === 'SIGINT' ? ExitCode.sigint : ExitCode.sigterm;
  }
}

const DATABASE =
  'See "Many mailboxes" in jobs/README.md: without a database, the runs of past periods are in the log alone.';
