/** Reads the command line: the job or command, its options, the help texts. Suggests the nearest word for a typo. */
import { readFileSync } from 'node:fs';
import { CommanderError, Command as CommandLine, Option } from 'commander';
import { BACKFILL_OPTIONS, type BackfillValues } from './backfill/options.ts';
import type { Command } from './command.ts';
import { COMMANDS, type CommandName, RESERVED_NAMES } from './commands/index.ts';
import { list, overview } from './commands/overview.ts';
import { ExitCode, JobError, UsageError } from './errors.ts';
import type { ArgumentSpec, Job } from './job.ts';
import { COMMON_OPTIONS, flagOf, type OptionSpec, type OptionSpecs, usageOf } from './options.ts';
import type { Registry } from './registry.ts';
import { FLEET_OPTIONS, type FleetOptions, PRINTING } from './run/fleet/options.ts';
import type { RunRequest } from './run/run.ts';
import type { CommandSpelling } from './screen/command-spelling.ts';
import { wrapColumns } from './screen/wrap.ts';

export type Invocation =
  /** `text` goes to stdout; with an exit code other than 0, to stderr. */
  | { readonly kind: 'print'; readonly text: string; readonly exitCode: ExitCode }
  | ({ readonly kind: 'run' } & RunRequest)
  /** `run` is undefined for --status, which needs only the job's name, and for --list without a job. */
  | {
      readonly kind: 'fleet';
      readonly options: FleetOptions;
      readonly job: string | undefined;
      readonly run: RunRequest | undefined;
    }
  | {
      readonly kind: 'command';
      readonly command: Command;
      readonly argument: string;
      readonly options: Readonly<Record<string, unknown>>;
    };

const SEE_HELP = 'See `job --help`.';

/** The width of a help text when stdout is no terminal. */
const HELP_COLUMNS = 80;

/**
 * Parses the command line, and loads only the job that it names. Help texts have lines of at most `columns`.
 * @throws UsageError for unknown jobs and options, and for invalid values.
 */
export async function parseCommandLine(
  argv: readonly string[],
  registry: Registry,
  spelling: CommandSpelling,
  columns = Number.POSITIVE_INFINITY,
): Promise<Invocation> {
  const helpColumns = Number.isFinite(columns) ? columns : HELP_COLUMNS;
  const help = (text: string) => print(wrapColumns(text, helpColumns));
  const [name, ...rest] = argv;
  if (name === undefined) return { ...help(await overview(registry, spelling)), exitCode: ExitCode.usage };
  if (name === 'help' || name === '--help' || name === '-h') {
    const [about, ...more] = rest.filter((word) => word !== '--help' && word !== '-h');
    if (about === undefined || about === 'help') return help(await overview(registry, spelling));
    return await parseCommandLine([about, '--help', ...more], registry, spelling, columns);
  }
  if (name === '--version' || name === '-V') return print(`gmail-jobs ${readVersion()}\n`);
  if (name === 'list') {
    if (rest[0] === '--help' || rest[0] === '-h')
      return print(`Usage: ${spelling.command(['job', 'list'])}\n\nLists the jobs.\n`);
    if (rest.length > 0) throw new UsageError(`job list takes no argument, but got "${rest[0]}"`, SEE_HELP);
    return print(wrapColumns(await list(registry), columns));
  }
  if (name.startsWith('-')) throw new UsageError(`the job's name comes first, but got "${name}"`, SEE_HELP);
  if (isCommand(name)) {
    const command = await COMMANDS[name]();
    const parsed = parseOptions(
      createCommandLine(name, command, { spelling, helpColumns }),
      command.options,
      name,
      rest,
    );
    if ('help' in parsed) return help(parsed.help);
    const argument = readArgument(name, command.argument, parsed);
    return { kind: 'command', command, argument, options: parsed.options };
  }
  if (name === 'fleet') return await parseFleet(rest, registry, spelling, columns);
  const job = await registry.load(name, [...RESERVED_NAMES, '--version']);
  const backfillOptions = job.backfill === true ? BACKFILL_OPTIONS : {};
  const specs: OptionSpecs = { ...job.options, ...backfillOptions, ...COMMON_OPTIONS };
  const parsed = parseOptions(
    createCommandLine(name, { ...job, options: specs }, { spelling, helpColumns }),
    specs,
    name,
    rest,
  );
  if ('help' in parsed) return help(parsed.help);
  const { dryRun, budget, ...given } = parsed.options;
  const { options, backfill } = job.backfill === true ? splitBackfill(given, job.options) : { options: given };
  const common = { dryRun: dryRun === true, budgetMs: budget as number | undefined };
  const argument = readArgument(name, job.argument, parsed);
  return { kind: 'run', name, job, argument, options, common, backfill, words: ['job', ...argv] };
}

const FLEET: Pick<Job, 'summary' | 'description'> = {
  summary: 'Runs a job once in each mailbox of mailboxes.yaml (MAILBOXES_FILE)',
  description:
    'Type options of the fleet before the job\'s name, and options of the job after it: `job fleet --at-once 4 apply-rules --dry-run`. After the name, --budget is the time for each mailbox (default 10m). With DATABASE_URL, several processes share the mailboxes. "Many mailboxes" in jobs/README.md describes the list and the database.',
};

/** Parses the words after `job fleet`. */
async function parseFleet(
  args: readonly string[],
  registry: Registry,
  spelling: CommandSpelling,
  columns: number,
): Promise<Invocation> {
  const helpColumns = Number.isFinite(columns) ? columns : HELP_COLUMNS;
  const commandLine = createCommandLine('fleet', { ...FLEET, options: FLEET_OPTIONS }, { spelling, helpColumns })
    .usage('[options of the fleet] <job> [options of the job]')
    .passThroughOptions()
    .allowExcessArguments();
  const parsed = parseOptions(commandLine, FLEET_OPTIONS, 'fleet', args, COMMON_OPTIONS);
  if ('help' in parsed) return print(wrapColumns(parsed.help, helpColumns));
  const options = parsed.options as FleetOptions;
  const [name, ...words] = parsed.words;
  const modes = [...PRINTING, 'retry' as const].filter((mode) => options[mode]);
  if (modes.length > 1) throw new UsageError(`${modes.map(flagOf).join(' and ')} exclude each other`, SEE_FLEET);
  const [mode] = modes;
  const prints = mode !== undefined && mode !== 'retry';
  if (options.json && !prints) throw new UsageError('--json needs --list, --forecast or --status', SEE_FLEET);
  if (name === undefined) {
    if (mode === 'list' || mode === 'status') return { kind: 'fleet', options, job: undefined, run: undefined };
    const taken = options.mailbox?.find((one) => registry.names.includes(one));
    throw new UsageError(
      `\`job fleet${mode === undefined ? '' : ` ${flagOf(mode)}`}\` needs the name of a job`,
      taken === undefined
        ? SEE_FLEET
        : `"${taken}" was read as the value of --mailbox: type the mailbox's name before it.`,
    );
  }
  if (name === 'help') return await parseFleet([...words, '--help'], registry, spelling, columns);
  if (RESERVED_NAMES.includes(name))
    throw new UsageError(
      `\`job fleet\` runs a job, and ${name} is a command`,
      'See `job list` for the jobs. A command is for one mailbox: type `GMAIL_SECRET_ID=<name>` before it.',
    );
  const own = await registry.load(name, []);
  const misplaced = words.find((word) => isFleetOption(word, { ...own.options, ...COMMON_OPTIONS }, FLEET_OPTIONS));
  if (misplaced !== undefined && !words.includes('--help'))
    throw new UsageError(
      `${misplaced} is an option of the fleet`,
      `Write it before the job's name: \`job fleet ${misplaced} … ${name}\`.`,
    );
  if (mode === 'status' && !words.some((word) => word === '--help' || word === '-h')) {
    if (words.length === 0) return { kind: 'fleet', options, job: name, run: undefined };
    throw new UsageError(
      '--status takes the name of a job, and none of its options',
      `\`job fleet --status ${name}\` shows the runs of the job with any options.`,
    );
  }
  const run = await parseCommandLine([name, ...words], registry, spelling, columns);
  if (run.kind !== 'run') return run;
  if (!run.common.dryRun && (run.backfill ?? run.options).yes === false && !prints) {
    throw new UsageError(
      `${name} asks before it changes anything, and a fleet cannot ask`,
      `Type --yes after the job's name, or --dry-run to see what it would do.`,
    );
  }
  if (mode === 'retry' && run.common.dryRun)
    throw new UsageError(
      '--retry and --dry-run exclude each other',
      'Leave out one of them: a dry run does not use the database.',
    );
  return { kind: 'fleet', options, job: name, run };
}

const SEE_FLEET = 'See `job fleet --help`.';

function isFleetOption(word: string, own: OptionSpecs, fleet: OptionSpecs): boolean {
  const [flag] = word.split('=', 1);
  const isIn = (specs: OptionSpecs) => Object.keys(specs).some((key) => flagOf(key) === flag);
  return isIn(fleet) && !isIn(own);
}

function print(text: string): Extract<Invocation, { kind: 'print' }> {
  return { kind: 'print', text, exitCode: ExitCode.ok };
}

/** The build writes a package.json with the same version into dist/. */
function readVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return manifest.version;
}

function readArgument(
  job: string,
  spec: ArgumentSpec | undefined,
  { argument: text, options }: Pick<ParsedOptions, 'argument' | 'options'>,
): string {
  if (spec === undefined) return '';
  const isGiven = spec.orSwitch !== undefined && options[spec.orSwitch] === true;
  if (isGiven && text !== undefined) {
    throw new UsageError(`\`job ${job}\` takes a <${spec.name}> or --${spec.orSwitch}, not both`, spec.remedy);
  }
  if (isGiven) return '';
  if (spec.onlyWith !== undefined && options[spec.onlyWith] === undefined) {
    if (text === undefined) return '';
    throw new UsageError(`\`job ${job}\` takes a <${spec.name}> only with ${flagOf(spec.onlyWith)}`, spec.remedy);
  }
  if (text === undefined)
    throw new UsageError(`\`job ${job}\` needs a <${spec.name}>${orSwitch(spec, ' or ')}`, spec.remedy);
  return spec.parse(text);
}

function usageOfArgument(spec: ArgumentSpec): string {
  return spec.onlyWith === undefined ? `<${spec.name}>${orSwitch(spec)}` : `[<${spec.name}>]`;
}

function orSwitch({ orSwitch }: ArgumentSpec, or = ' | '): string {
  return orSwitch === undefined ? '' : `${or}--${orSwitch}`;
}

/** Separates the backfill's options from the job's own. An option such as `--time-zone` may belong to both. */
function splitBackfill(given: Readonly<Record<string, unknown>>, own: OptionSpecs) {
  const isBackfillOnly = ([key]: [string, unknown]) => Object.hasOwn(BACKFILL_OPTIONS, key) && !Object.hasOwn(own, key);
  const { from, to, window, oldestFirst, ...rest } = given as Readonly<Record<string, unknown>> & BackfillValues;
  const options = Object.fromEntries(Object.entries(given).filter((entry) => !isBackfillOnly(entry)));
  if (from !== undefined || to !== undefined) return { options, backfill: { ...rest, from, to, window, oldestFirst } };
  const isZoneAlone = !Object.hasOwn(own, 'timeZone') && rest.timeZone !== BACKFILL_OPTIONS.timeZone.fallback;
  const alone =
    window !== undefined ? '--window' : oldestFirst ? '--oldest-first' : isZoneAlone ? '--time-zone' : undefined;
  if (alone === undefined) return { options, backfill: undefined };
  throw new UsageError(
    `${alone} belongs to a backfill, and no dates are given`,
    'Write --from <date> or --to <date> too.',
  );
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

interface ParsedOptions {
  readonly options: Readonly<Record<string, unknown>>;
  readonly argument?: string;
  /** The words that are no options; for a fleet, the job's name and all words behind it. */
  readonly words: readonly string[];
}

/** The values of all options, with fallbacks for those left out; or the help text for `--help`. */
function parseOptions(
  commandLine: CommandLine,
  specs: OptionSpecs,
  name: string,
  args: readonly string[],
  optionsOfJobs: OptionSpecs = {},
): { readonly help: string } | ParsedOptions {
  let help: string | undefined;
  commandLine.configureOutput({
    writeOut: (text) => {
      help = text;
    },
    writeErr: () => undefined,
  });
  try {
    commandLine.parse(args, { from: 'user' });
  } catch (error) {
    if (help !== undefined) return { help };
    if (!(error instanceof CommanderError)) throw error;
    const ofJobs = Object.keys(optionsOfJobs)
      .map(flagOf)
      .find((flag) => error.message.includes(`'${flag}'`));
    if (ofJobs === undefined) throw usageError(error, name);
    throw new UsageError(`${ofJobs} is an option of the job`, "Type it after the job's name.");
  }
  const fallbacks = Object.entries(specs).map(([key, { fallback }]) => [key, fallback]);
  const [argument] = commandLine.args;
  const options = { ...Object.fromEntries(fallbacks), ...givenOptions(commandLine) };
  return { options, words: commandLine.args, ...(argument === undefined ? {} : { argument }) };
}

/** The options that were typed. Commander reads `--no-browser` as `browser: false`; this returns `noBrowser: true`. */
function givenOptions(commandLine: CommandLine): Record<string, unknown> {
  const values = commandLine.opts<Record<string, unknown>>();
  for (const option of commandLine.options.filter(({ negate }) => negate)) {
    const positive = option.attributeName();
    const key = `no${positive.charAt(0).toUpperCase()}${positive.slice(1)}`;
    values[key] = values[positive] === false;
    delete values[positive];
  }
  return values;
}

function createCommandLine(
  name: string,
  { summary, description, argument, options }: Pick<Job, 'summary' | 'description' | 'argument' | 'options'>,
  { spelling, helpColumns }: { readonly spelling: CommandSpelling; readonly helpColumns: number },
) {
  const commandLine = new CommandLine(spelling.command(['job', name]))
    .description(spelling.text(description === undefined ? summary : `${summary}\n\n${description}`))
    .usage(`${argument === undefined ? '' : `${usageOfArgument(argument)} `}[options]`)
    .helpOption('-h, --help', 'show this help')
    .allowExcessArguments(false)
    .showSuggestionAfterError(true)
    .configureOutput({ getOutHelpWidth: () => helpColumns })
    .exitOverride();
  // Optional for commander, because readArgument() has a better message for a missing argument.
  if (argument !== undefined) commandLine.argument(`[${argument.name}]`, spelling.text(argument.summary));
  for (const [key, spec] of Object.entries(options)) {
    const option = new Option(usageOf(key, spec), spelling.text(spec.summary));
    commandLine.addOption(spec.placeholder === undefined ? option : option.argParser(valueParser(flagOf(key), spec)));
  }
  return commandLine;
}

/** Reads an option's values. Refuses a second, different value of an option that is not repeatable. */
function valueParser(
  flag: string,
  { parse, repeatable = false }: Pick<OptionSpec<unknown>, 'parse' | 'repeatable'>,
): (text: string, before: unknown) => unknown {
  let first: string | undefined;
  return (text, before) => {
    // Such as --into --dry-run, which would export for real.
    if (text.startsWith('--')) {
      throw new UsageError(`${flag} has no value: the next word is ${text}`, `Type the value of ${flag} behind it.`);
    }
    if (!repeatable && first !== undefined && first !== text) {
      throw new UsageError(`${flag} was given twice, with different values`, 'Write it once.');
    }
    first = text;
    try {
      return parse(text, before);
    } catch (error) {
      if (error instanceof JobError) throw new UsageError(`${flag}: ${error.message}`, error.remedy);
      throw error;
    }
  };
}

function usageError(error: CommanderError, name: string): UsageError {
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\s*\(?Did you mean (one of )?(.*?)\?\)?$/s, ' (did you mean $2?)');
  return new UsageError(message, `See \`job ${name} --help\`.`);
}
