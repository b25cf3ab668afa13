/**
 * What a job is, as data: a summary, the scopes and options that it needs, and what it does with a mailbox.
 *
 * - A job is a file in `jobs/`; its name is the file's name, and its default export comes from `defineJob`.
 * - `prepare` looks at everything that can be refused before the network is touched.
 * - `run` does one batch of work through the mailbox's verbs. It never reads the environment, retries, sleeps, counts or
 *   asks whether it is a dry run: the verbs do.
 */
import { UsageError } from './errors.ts';
import type { Mailbox } from './gmail/mailbox.ts';
import type { Log } from './log.ts';
import type { Tally } from './tally.ts';

/** One option of a job's command line, besides those that every job has. */
export interface OptionSpec<T> {
  /** What stands for the value in the help, such as `<n>`; undefined for a switch. */
  readonly placeholder: string | undefined;
  readonly summary: string;
  /** The option's value; throws UsageError for a text that is none. */
  readonly parse: (text: string) => T;
  /** The value when the option is not given. */
  readonly fallback: T;
}

// biome-ignore lint/suspicious/noExplicitAny: an option of any type of value
export type OptionSpecs = Readonly<Record<string, OptionSpec<any>>>;

export type OptionValues<O extends OptionSpecs> = {
  readonly [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never;
};

export interface PrepareContext<O extends OptionSpecs> {
  readonly options: OptionValues<O>;
  /** The path in RULES_FILE, when it is set. */
  readonly rulesFile: string | undefined;
}

export interface RunContext<O extends OptionSpecs, P> {
  readonly options: OptionValues<O>;
  /** What `prepare` returned. */
  readonly prepared: P;
  readonly mailbox: Mailbox;
  readonly tally: Tally;
  readonly log: Log;
  /** Aborted when the run is told to stop; the mailbox's verbs heed it by themselves. */
  readonly signal: AbortSignal;
  /** Waits; rejects as soon as the run is told to stop. */
  readonly wait: (ms: number) => Promise<void>;
}

export interface Job<O extends OptionSpecs = OptionSpecs, P = unknown> {
  /** What the job does, in one line. */
  readonly summary: string;
  /** More for `job <name> --help`. */
  readonly description?: string;
  /** Google's scopes that it needs, and no others. */
  readonly scopes: readonly string[];
  /** Option name in camelCase → its specification. */
  readonly options: O;
  prepare(context: PrepareContext<O>): P | Promise<P>;
  run(context: RunContext<O, P>): Promise<void>;
}

/** A job from its definition; `prepare` may be left out. */
export function defineJob<const O extends OptionSpecs, P = undefined>(
  definition: Omit<Job<O, P>, 'prepare'> & { prepare?(context: PrepareContext<O>): P | Promise<P> },
): Job<O, P> {
  return { prepare: () => undefined as P, ...definition };
}

/** An option with any text as its value. */
export function textOption(placeholder: string, summary: string): OptionSpec<string | undefined> {
  return { placeholder, summary, parse: (text) => text, fallback: undefined };
}

/** An option whose value is a whole number of at least `least`. */
export function countOption(placeholder: string, summary: string, least = 0): OptionSpec<number | undefined> {
  const parse = (text: string) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
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

/** Gmail's scopes by their short names. Source: developers.google.com/workspace/gmail/api/auth/scopes. */
export const Scope = {
  readonly: 'https://www.googleapis.com/auth/gmail.readonly',
  modify: 'https://www.googleapis.com/auth/gmail.modify',
  labels: 'https://www.googleapis.com/auth/gmail.labels',
  insert: 'https://www.googleapis.com/auth/gmail.insert',
} as const;
