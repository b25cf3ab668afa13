/**
 * Options of the command line as data: the options that every job has, the options that several commands share, and
 * functions for a job's own. cli.ts reads the command line with this data.
 */
import { formatCount } from './base/count.ts';
import { DURATION_EXAMPLES, formatDuration, parseDuration } from './base/duration.ts';
import { UsageError } from './errors.ts';

export interface OptionSpec<T> {
  /** Stands for the value in the help, such as `<n>`. Undefined for a switch. */
  readonly placeholder: string | undefined;
  readonly summary: string;
  /**
   * Returns the option's value. `before` is the value so far of an option that is typed more than once.
   * @throws UsageError for an invalid value.
   */
  readonly parse: (text: string, before?: T) => T;
  /** Whether the option may be typed more than once with different values. */
  readonly repeatable?: boolean;
  /** The value when the option is not given. */
  readonly fallback: T;
}

// biome-ignore lint/suspicious/noExplicitAny: an option of any type of value
export type OptionSpecs = Readonly<Record<string, OptionSpec<any>>>;

export type OptionValues<O extends OptionSpecs> = {
  readonly [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never;
};

/** The values of the options that every job has. */
export interface CommonOptions {
  readonly dryRun: boolean;
  /** Undefined without `--budget`. */
  readonly budgetMs: number | undefined;
}

/** The budget of a run without `--budget` and `RUN_BUDGET`. */
export const DEFAULT_BUDGET_MS = 50 * 60_000;

/** The budget with `heroku run`: no next run continues the work, and Heroku restarts each dyno once in 24 hours. */
export const HEROKU_RUN_BUDGET_MS = 23.5 * 3_600_000;

const spell = (ms: number) => formatDuration(ms).replaceAll(' ', '');

/** Options of every job. */
export const COMMON_OPTIONS = {
  dryRun: switchOption('say what would change, and change nothing'),
  budget: durationOption(
    `stop after this time; the next run continues (default ${spell(DEFAULT_BUDGET_MS)}; ${spell(HEROKU_RUN_BUDGET_MS)} with heroku run)`,
    undefined,
  ),
} satisfies OptionSpecs;

/** Options of every job with `backfill: true`, which its own options may not replace. backfill/options.ts makes them. */
export const BACKFILL_ONLY = ['from', 'to', 'window', 'oldestFirst', 'yes'] as const;

export const jsonOption = switchOption('print JSON, for machines');

/**
 * The switch `--yes`.
 * @example yes: yesOption
 */
export const yesOption = switchOption('do not ask before the first change');

/** The option `--jobs`. `byDefault` is the help's text for the jobs that are meant without the option. */
export function jobsOption(byDefault = 'all installed jobs'): OptionSpec<readonly string[] | undefined> {
  return valueOption<readonly string[]>('<a,b>', `only these jobs (default ${byDefault})`, (text) => {
    const names = text.split(',').map((name) => name.trim());
    if (names.includes(''))
      throw new UsageError(`"${text}" has an empty name`, 'Write names separated by commas, such as a,b.');
    return [...new Set(names)];
  });
}

/** The option's name on the command line: `--dry-run` for `dryRun`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The option in a help text: `--budget <duration>`. */
export function usageOf(key: string, { placeholder }: Pick<OptionSpec<unknown>, 'placeholder'>): string {
  return placeholder === undefined ? flagOf(key) : `${flagOf(key)} ${placeholder}`;
}

/** An option whose value `parse` reads. */
export function valueOption<T>(
  placeholder: string,
  summary: string,
  parse: (text: string) => T,
): OptionSpec<T | undefined> {
  return { placeholder, summary, parse, fallback: undefined };
}

/**
 * An option with any text as its value.
 * @example from: textOption('<address>', 'the sender')
 */
export function textOption(placeholder: string, summary: string): OptionSpec<string | undefined> {
  return valueOption(placeholder, summary, (text) => text);
}

/**
 * An option that may be typed more than once, each time with any text; the same text twice counts once.
 * @example skip: textsOption('<label>', 'leave this label alone')
 */
export function textsOption(placeholder: string, summary: string): OptionSpec<readonly string[] | undefined> {
  const parse = (text: string, before: readonly string[] = []) => [...new Set([...before, text])];
  return { placeholder, summary: `${summary}; may be repeated`, parse, repeatable: true, fallback: undefined };
}

/**
 * An option whose value is a whole number from `least` to `most`.
 * @example days: countOption('<n>', 'how many days (default 30)', 1)
 */
export function countOption(
  placeholder: string,
  summary: string,
  least = 0,
  most = 999_999_999,
): OptionSpec<number | undefined> {
  return valueOption(placeholder, summary, (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (value > most) throw new UsageError(`"${text}" is more than ${formatCount(most)}`, 'Write a smaller number.');
    if (value < least)
      throw new UsageError(
        `"${text}" is not a whole number of at least ${least}`,
        `Write digits only, from ${least} to ${formatCount(most)}.`,
      );
    return value;
  });
}

/**
 * An option with a few possible values. The first is the default.
 * @example period: choiceOption(['day', 'week'], 'what to count')
 */
export function choiceOption<const T extends string>(choices: readonly [T, ...T[]], summary: string): OptionSpec<T> {
  const parse = (text: string) => {
    const choice = choices.find((one) => one === text);
    if (choice === undefined)
      throw new UsageError(`"${text}" is not one of ${choices.join(', ')}`, `Write one of ${choices.join(', ')}.`);
    return choice;
  };
  return {
    placeholder: `<${choices.join('|')}>`,
    summary: `${summary} (default ${choices[0]})`,
    parse,
    fallback: choices[0],
  };
}

/** An option whose value is a duration such as `50m`, in milliseconds. The help names the fallback. */
export function durationOption<F extends number | undefined>(summary: string, fallback: F): OptionSpec<number | F> {
  const parse = (text: string) => {
    const ms = parseDuration(text);
    if (ms === null) throw new UsageError(`"${text}" is no duration`, `Write it like ${DURATION_EXAMPLES}.`);
    return ms;
  };
  const named = fallback === undefined ? summary : `${summary} (default ${spell(fallback)})`;
  return { placeholder: '<duration>', summary: named, parse, fallback };
}

/**
 * An option without a value.
 * @example unread: switchOption('unread messages alone')
 */
export function switchOption(summary: string): OptionSpec<boolean> {
  return { placeholder: undefined, summary, parse: () => true, fallback: false };
}

/**
 * An option whose value is a time zone of the IANA list, UTC by default.
 * @example timeZone: timeZoneOption()
 */
export function timeZoneOption(
  summary = 'the time zone in which days begin, such as Europe/Berlin (default UTC)',
): OptionSpec<string> {
  return { placeholder: '<zone>', summary, parse: parseTimeZone, fallback: 'UTC' };
}

function parseTimeZone(text: string): string {
  // Intl also accepts offsets such as +01:00, which have no daylight saving time.
  if (/^[a-z]/i.test(text) && isTimeZone(text)) return text;
  throw new UsageError(
    `"${text}" is not a time zone`,
    'Write a name of the IANA list, such as Europe/Berlin or America/New_York.',
  );
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
