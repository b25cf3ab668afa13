/**
 * The installed jobs: the files in `jobs/`, each loaded when it is needed. A broken file stops only its own job: all
 * others can be listed, checked and run.
 */
import { readdirSync } from 'node:fs';
import { didYouMean } from './base/nearest.ts';
import { ConfigError, JobError, UsageError } from './errors.ts';
import { type JobScopes, requireProfileScope } from './google/scopes.ts';
import type { ArgumentSpec, Job } from './job.ts';
import { BACKFILL_ONLY, COMMON_OPTIONS } from './options.ts';
import { readStack } from './process/stack.ts';

export const NAMING_RULE =
  "The name of a job's file has lower-case letters, digits and hyphens, begins with a letter, has at most 100 characters, and ends in .ts: archive-quiet.ts. Code that several jobs share belongs in a folder below jobs/.";

/** An undo finds journals by job names of this form: see readHead in undo/journal-message.ts. */
const JOB_FILE = /^([a-z][a-z0-9-]{0,99})\.[jt]s$/;

const CODE_FILE = /^[^.].*\.[cm]?[jt]sx?$/;

const REMEDY = 'Correct the file: see "Write a job" in jobs/README.md.';

/** A job that can run, or the reason why it cannot. */
export type InstalledJob = { readonly name: string } & ({ readonly job: Job } | { readonly fault: ConfigError });

/** Job name → file name, for the files of a folder. */
export function jobFilesAmong(files: readonly string[]): Map<string, string> {
  return new Map(
    files.flatMap(
      (file) =>
        JOB_FILE.exec(file)
          ?.slice(1)
          .map((name) => [name, file] as const) ?? [],
    ),
  );
}

export class Registry {
  /** The URL of `jobs/`. */
  readonly folder: URL;
  readonly #files: ReadonlyMap<string, string>;
  readonly #reserved: readonly string[];
  /** Code files that are no jobs, because their names break NAMING_RULE: `jobs/T-Upper.ts`. */
  readonly misnamed: readonly string[];

  /** `folder` is the URL of `jobs/`. `reserved` are the commands' names, which no job may have. */
  constructor(folder: URL, reserved: readonly string[]) {
    this.folder = folder;
    this.#reserved = reserved;
    const files = readdirSync(folder).sort();
    this.#files = jobFilesAmong(files);
    this.misnamed = files
      .filter((file) => CODE_FILE.test(file) && !JOB_FILE.test(file) && !file.endsWith('.d.ts'))
      .map((file) => `jobs/${file}`);
  }

  /** The names of all jobs, broken ones included. */
  get names(): string[] {
    return [...this.#files.keys()];
  }

  /** @throws UsageError when no new job can have this name. */
  requireFree(name: string): void {
    if (jobFilesAmong([`${name}.ts`]).size === 0) throw new UsageError(`"${name}" cannot be a job's name`, NAMING_RULE);
    if (this.#reserved.includes(name)) {
      throw new UsageError(`"${name}" is the name of a command`, 'Choose another name.');
    }
    if (this.#files.has(name)) {
      throw new UsageError(`there is a job "${name}" already`, `Choose another name, or edit jobs/${name}.ts.`);
    }
  }

  /** All jobs, broken ones included. */
  all(): Promise<InstalledJob[]> {
    return Promise.all(this.names.map((name) => this.examine(name)));
  }

  /** Names and scopes of all jobs that are not broken. */
  async scopes(): Promise<JobScopes[]> {
    const all = await this.all();
    return all.flatMap((one) => ('job' in one ? [{ name: one.name, scopes: one.job.scopes }] : []));
  }

  /** Loads a job, which may be broken. @throws UsageError when no job has this name. */
  async examine(name: string): Promise<InstalledJob> {
    try {
      return { name, job: await this.load(name) };
    } catch (error) {
      if (error instanceof ConfigError) return { name, fault: error };
      throw error;
    }
  }

  /**
   * @throws UsageError for an unknown name, with the nearest name of the jobs and `others`; ConfigError for a broken job,
   * with the name of its file.
   */
  async load(name: string, others: readonly string[] = []): Promise<Job> {
    const file = this.#files.get(name);
    if (file === undefined) {
      throw new UsageError(
        `there is no job "${name}"${didYouMean(name, [...this.names, ...others])}`,
        'See `job --help` for the list.',
      );
    }
    const source = `jobs/${name}.ts`;
    if (this.#reserved.includes(name)) {
      throw new ConfigError(`${source}: "${name}" is the name of a command`, 'Give the file another name.');
    }
    const module = await this.#import(file, source);
    const problem = problemOf(module.default);
    if (problem !== undefined) throw new ConfigError(`${source}: ${problem}`, REMEDY);
    const job = module.default as Job;
    requireProfileScope(name, job.scopes);
    return job;
  }

  async #import(file: string, source: string): Promise<{ readonly default?: unknown }> {
    try {
      return await import(new URL(file, this.folder).href);
    } catch (error) {
      const reason = error instanceof Error && !(error instanceof JobError) ? `${error.name}: ` : '';
      const message = error instanceof Error ? error.message : String(error);
      throw new ConfigError(
        `${readStack(error, this.folder).place ?? source}: cannot be loaded: ${reason}${message}`,
        REMEDY,
        {
          cause: error,
        },
      );
    }
  }
}

/** For each optional property of a job: whether a value is right, and words for a right value. */
const OPTIONAL: Readonly<Record<Optional, readonly [isRight: (value: unknown) => boolean, kind: string]>> = {
  description: [isText, 'a text'],
  argument: [isArgument, 'an object with name, summary, remedy and parse'],
  hosts: [(value) => Array.isArray(value) || isFunction(value), 'a list of hosts or a function'],
  secrets: [Array.isArray, 'a list of names'],
  maxChanges: [(value) => typeof value === 'number' || isFunction(value), 'a number or a function'],
  backfill: [(value) => typeof value === 'boolean', 'true'],
  files: [(value) => typeof value === 'object' && value !== null, 'an object with option and place'],
  inspect: [isFunction, 'a function'],
};

type Required = 'summary' | 'scopes' | 'options' | 'prepare' | 'run';
type Optional = Exclude<keyof Job, Required>;

const REQUIRED: readonly Required[] = ['summary', 'scopes', 'options', 'prepare', 'run'];

/** The fault of a default export; undefined for a job. TypeScript would find it too, but owners need not run `tsc`. */
function problemOf(exported: unknown): string | undefined {
  if (exported === undefined) return 'it has no default export';
  const { summary, scopes, options, prepare, run } = (exported ?? {}) as Partial<Job>;
  if (typeof prepare !== 'function') return 'its default export was not made by defineJob';
  if (typeof summary !== 'string') return 'summary is missing';
  if (!/^.*\S.*$/.test(summary)) return 'summary is not one line of text';
  if (!Array.isArray(scopes) || scopes.some((scope) => typeof scope !== 'string')) return 'scopes is no list of scopes';
  if (typeof run !== 'function') return 'run is missing';
  if (typeof options !== 'object' || options === null) return 'options is missing (without options, write options: {})';
  const names = [...REQUIRED, ...Object.keys(OPTIONAL)];
  for (const [name, value] of Object.entries(exported as object)) {
    // A misspelt maxChanges would be no limit.
    if (!names.includes(name)) return `a job has no property "${name}"${didYouMean(name, names)}`;
    const [isRight, kind] = OPTIONAL[name as Optional] ?? [];
    if (value !== undefined && isRight?.(value) === false) return `${name} must be ${kind}`;
  }
  return optionProblem(exported as Job);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function isArgument(value: unknown): boolean {
  const { name, summary, remedy, parse } = (value ?? {}) as Partial<ArgumentSpec>;
  return [name, summary, remedy].every(isText) && isFunction(parse);
}

function optionProblem({ options, backfill }: Pick<Job, 'options' | 'backfill'>): string | undefined {
  for (const [name, spec] of Object.entries(options)) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(name)) return `the option "${name}" is not in camelCase, such as olderThan`;
    if (name === 'help' || Object.hasOwn(COMMON_OPTIONS, name)) return `every job has the option "${name}" already`;
    if (backfill && BACKFILL_ONLY.some((one) => one === name)) return `a backfill has the option "${name}" already`;
    const { placeholder = '', summary, parse } = spec ?? {};
    if (!isFunction(parse) || !isText(summary) || !isText(placeholder))
      return `the option "${name}" was not made by a function such as textOption`;
  }
  return undefined;
}
