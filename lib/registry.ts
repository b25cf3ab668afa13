/** The installed jobs: the files in `jobs/`, each loaded when it is needed. */
import { readdirSync } from 'node:fs';
import { didYouMean } from './base/nearest.ts';
import { UsageError } from './errors.ts';
import type { JobScopes } from './google/scopes.ts';
import type { Job } from './job.ts';

const JOB_FILE = /^([a-z][a-z0-9-]*)\.[jt]s$/;

export class Registry {
  readonly #folder: URL;
  /** Job name → file name. */
  readonly #files: ReadonlyMap<string, string>;

  /** `folder` is the URL of `jobs/`. */
  constructor(folder: URL) {
    this.#folder = folder;
    const files = readdirSync(folder).sort();
    this.#files = new Map(files.flatMap((file) => (JOB_FILE.test(file) ? [[file.replace(/\.[jt]s$/, ''), file]] : [])));
  }

  get names(): string[] {
    return [...this.#files.keys()];
  }

  /** Names and scopes of all installed jobs, without those whose files cannot be loaded. */
  async scopes(): Promise<JobScopes[]> {
    const loaded = await Promise.allSettled(this.names.map((name) => this.load(name)));
    return this.names.flatMap((name, index) => {
      const job = loaded[index];
      return job?.status === 'fulfilled' ? [{ name, scopes: job.value.scopes }] : [];
    });
  }

  /**
   * @throws UsageError when no job has this name; it suggests the nearest of the jobs' names and `others`. Error when the
   * file exports no job.
   */
  async load(name: string, others: readonly string[] = []): Promise<Job> {
    const file = this.#files.get(name);
    if (file === undefined) {
      throw new UsageError(
        `there is no job "${name}"${didYouMean(name, [...this.names, ...others])}`,
        'See `job --help` for the list.',
      );
    }
    const module = (await import(new URL(file, this.#folder).href)) as { default?: Partial<Job> };
    const job = module.default;
    if (typeof job?.run !== 'function' || typeof job.summary !== 'string') {
      throw new Error(`jobs/${file} has no default export made by defineJob`);
    }
    return job as Job;
  }
}
