/** The command line: what `argv` asks for, the help texts, and usage errors that name the nearest word. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { DURATION_EXAMPLES, parseDuration } from './duration.ts';
import { JobError, UsageError } from './errors.ts';
import type { Job } from './job.ts';
import type { Registry } from './registry.ts';

export interface CommonOptions {
  readonly dryRun: boolean;
  /** Undefined when the command line does not say. */
  readonly budgetMs: number | undefined;
}

export type Invocation =
  | { readonly kind: 'print'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly name: string;
      readonly job: Job;
      readonly options: Readonly<Record<string, unknown>>;
      readonly common: CommonOptions;
    };

const SEE_HELP = 'See `job --help`.';

/**
 * What the arguments ask for; loads the job that they name, and no other.
 * @throws UsageError for everything that the command line does not know.
 */
export async function parseCommandLine(argv: readonly string[], registry: Registry): Promise<Invocation> {
  const [name, ...rest] = argv;
  if (name === undefined) throw new UsageError('no job was named', SEE_HELP);
  if (name === '--help' || name === '-h' || name === 'help') return { kind: 'print', text: await overview(registry) };
  if (name === 'list') {
    if (rest[0] === '--help' || rest[0] === '-h')
      return { kind: 'print', text: 'Usage: job list\n\nLists the jobs.\n' };
    if (rest.length > 0) throw new UsageError(`job list takes no argument, but got "${rest[0]}"`, SEE_HELP);
    return { kind: 'print', text: await list(registry) };
  }
  if (name.startsWith('-')) throw new UsageError(`the job's name comes first, but got "${name}"`, SEE_HELP);
  const job = await registry.load(name);
  return parseJobOptions(name, job, rest);
}

function parseJobOptions(name: string, job: Job, args: readonly string[]): Invocation {
  let help: string | undefined;
  const command = describeJob(name, job).configureOutput({
    writeOut: (text) => {
      help = text;
    },
    writeErr: () => undefined,
  });
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (help !== undefined) return { kind: 'print', text: help };
    if (error instanceof CommanderError) throw usageError(error, name);
    throw error;
  }
  const { dryRun = false, budget, ...given } = command.opts<Record<string, unknown>>();
  const fallbacks = Object.entries(job.options).map(([key, { fallback }]) => [key, fallback]);
  return {
    kind: 'run',
    name,
    job,
    options: { ...Object.fromEntries(fallbacks), ...given },
    common: { dryRun: dryRun === true, budgetMs: budget as number | undefined },
  };
}

function describeJob(name: string, job: Job): Command {
  const command = new Command(`job ${name}`)
    .summary(job.summary)
    .description(job.description === undefined ? job.summary : `${job.summary}\n\n${job.description}`)
    .usage('[options]')
    .helpOption('-h, --help', 'show this help')
    .allowExcessArguments(false)
    .showSuggestionAfterError(true)
    .exitOverride();
  for (const [key, spec] of Object.entries(job.options)) {
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const option = new Option(spec.placeholder === undefined ? flag : `${flag} ${spec.placeholder}`, spec.summary);
    command.addOption(spec.placeholder === undefined ? option : option.argParser(parser(spec.parse)));
  }
  return command
    .option('--dry-run', 'say what would change, and change nothing')
    .addOption(
      new Option('--budget <duration>', 'stop after this time; the next run goes on (default 50m)').argParser(
        parser(toBudget),
      ),
    );
}

function toBudget(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new UsageError(`"${text}" is no duration`, `${DURATION_EXAMPLES}.`);
  return ms;
}

/** Commander names the option in its message; ours says what is wrong with the value and what to write instead. */
function parser(parse: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof JobError) throw new InvalidArgumentError(`${error.message}. ${error.remedy}`);
      throw error;
    }
  };
}

function usageError(error: CommanderError, name: string): UsageError {
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\s*\(?Did you mean (one of )?(.*?)\?\)?$/s, ' (did you mean $2?)');
  const invalid = /^option '(\S+)[^']*' argument '.*' is invalid\. (.*)\. ([^.]*\.?)$/s.exec(message);
  if (invalid !== null) return new UsageError(`${invalid[1]}: ${invalid[2]}`, invalid[3] ?? '');
  return new UsageError(message, `See \`job ${name} --help\`.`);
}

async function overview(registry: Registry): Promise<string> {
  return `Usage: job <name> [options]

Scheduled work on a Gmail mailbox: fetches the credential, does one batch of work, exits.

Jobs:
${await list(registry)}
Options of every job:
  --dry-run            say what would change, and change nothing
  --budget <duration>  stop after this time; the next run goes on (default 50m)
  -h, --help           show the help of a job

Commands:
  job list             list the jobs
  job <name> --help    show a job's own options

Exit codes: 0 done · 2 usage · 65 items failed or a guard stopped the work · 75 try later
            77 credentials · 78 configuration · 143, 130 stopped by a signal · 1 a bug
`;
}

async function list(registry: Registry): Promise<string> {
  const jobs = await Promise.all(registry.names.map(async (name) => ({ name, job: await registry.load(name) })));
  const width = Math.max(...registry.names.map((name) => name.length));
  return jobs.map(({ name, job }) => `  ${name.padEnd(width)}  ${job.summary}\n`).join('');
}
