/** `job fleet`: runs the job in all mailboxes, or prints what the fleet's options ask for. */
import type { Environment } from '../../base/environment.ts';
import type { Config } from '../../config.ts';
import { ConfigError, ExitCode, UsageError } from '../../errors.ts';
import type { RunRequest, Surroundings } from '../run.ts';
import { runFleet } from './fleet.ts';
import type { FleetMailbox, FoundMailboxes } from './mailboxes.ts';
import { readMailboxesFile } from './mailboxes-file.ts';
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
  const prints = options.list || options.status || options.forecast;
  if (run !== undefined && !prints)
    return (await runFleet({ options, run }, { ...surroundings, findMailboxes })).exitCode;
  const { config, terminal } = surroundings;
  if (config instanceof ConfigError) throw config;
  const { mailboxes } = await findMailboxes(config);
  for (const { name } of mailboxes) terminal.print(name);
  return ExitCode.ok;
}

/** The mailboxes of the entries that name them. */
async function findMailboxes(config: Config): Promise<FoundMailboxes> {
  const sources = await readMailboxesFile(config);
  const mailboxes = sources.flatMap((one): FleetMailbox[] => {
    const { label: source, rulesFile } = one;
    const rules = rulesFile === undefined ? {} : { rulesFile };
    if (one.kind === 'secret')
      return [{ name: one.secretId, secretId: one.secretId, mailbox: one.email, source, ...rules }];
    if (one.kind !== 'subjects') return [];
    const { secretId, subjects } = one;
    return subjects.map((subject) => ({ name: subject, secretId, mailbox: subject, subject, source, ...rules }));
  });
  return { mailboxes, repeated: [], failures: [] };
}

const DATABASE =
  'See "Many mailboxes" in jobs/README.md: without a database, the runs of past periods are in the log alone.';
