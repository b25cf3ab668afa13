/** Options of the command line as data: what a job or command declares, and how the values of each are read. */
import { formatCount } from './base/count.ts';
import { UsageError } from './errors.ts';

/** One option of a job's or a command's own. */
export interface OptionSpec<T> {
  /** The value's placeholder in the help, such as `<n>`; undefined for a switch. */
  readonly placeholder: string | undefined;
  readonly summary: string;
  /**
   * Returns the option's value. `before` is the value so far, when the option is typed more than once.
   * @throws UsageError for a text that is not a valid value.
   */
  readonly parse: (text: string, before?: T) => T;
  /** Whether it may be typed more than once with different values. */
  readonly repeatable?: boolean;
  /** The value when the option is not given. */
  readonly fallback: T;
}

// biome-ignore lint/suspicious/noExplicitAny: an option of any type of value
export type OptionSpecs = Readonly<Record<string, OptionSpec<any>>>;

export type OptionValues<O extends OptionSpecs> = {
  readonly [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never;
};

/** What the command line says for every job. */
export interface CommonOptions {
  readonly dryRun: boolean;
  /** Undefined when the command line does not say. */
  readonly budgetMs: number | undefined;
}

/** An option with any text as its value. */
export function textOption(placeholder: string, summary: string): OptionSpec<string | undefined> {
  return { placeholder, summary, parse: (text) => text, fallback: undefined };
}

/** An option with any text as its value that may be typed more than once; the same text twice counts once. */
export function textsOption(placeholder: string, summary: string): OptionSpec<readonly string[] | undefined> {
  const parse = (text: string, before: readonly string[] = []) => [...new Set([...before, text])];
  return { placeholder, summary: `${summary}; may be repeated`, parse, repeatable: true, fallback: undefined };
}

/** An option whose value is a list of words with commas between them. */
export function listOption(placeholder: string, summary: string): OptionSpec<readonly string[] | undefined> {
  const parse = (text: string) => {
    const words = text.split(',').map((word) => word.trim());
    if (words.includes('')) throw new UsageError(`"${text}" is no list`, 'Write it like a,b without spaces.');
    return [...new Set(words)];
  };
  return { placeholder, summary, parse, fallback: undefined };
}

/** An option whose value is a whole number of at least `least`, and at most `most`. */
export function countOption(
  placeholder: string,
  summary: string,
  least = 0,
  most = 999_999_999,
): OptionSpec<number | undefined> {
  const parse = (text: string) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (value > most) throw new UsageError(`"${text}" is more than ${formatCount(most)}`, 'Write a smaller number.');
    if (value < least)
      throw new UsageError(`"${text}" is not a whole number of at least ${least}`, 'Write digits only.');
    return value;
  };
  return { placeholder, summary, parse, fallback: undefined };
}

/** An option with a few possible values, the first of which is the default. */
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

/** An option without a value. */
export function switchOption(summary: string): OptionSpec<boolean> {
  return { placeholder: undefined, summary, parse: () => true, fallback: false };
}

/** An option whose value is a time zone of the IANA list; UTC when it is not given. */
export function timeZoneOption(summary: string): OptionSpec<string> {
  return { placeholder: '<zone>', summary, parse: parseTimeZone, fallback: 'UTC' };
}

function parseTimeZone(text: string): string {
  // Offsets such as +01:00 count as zones to Intl, and know nothing of summer time.
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
