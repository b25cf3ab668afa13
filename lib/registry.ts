/** Finds the jobs in the jobs folder, and loads the one that is asked for, and that one alone. */
import { readdirSync } from 'node:fs';
import { didYouMean } from './base/nearest.ts';
import { UsageError } from './errors.ts';
import type { JobScopes } from './google/job-scopes.ts';
import type { Job } from './job.ts';

const JOB_FILE = /^([a-z][a-z0-9-]*)\.[jt]s$/;

export class Registry {
  readonly #folder: URL;
  /** Job name → file name. */
  readonly #files: ReadonlyMap<string, string>;
  readonly #onLoad: (job: Job) => void;

  /** `folder` is the URL of the jobs folder, beside the program or in its sources; `onLoad` is given each job first. */
  constructor(folder: URL, onLoad: (job: Job) => void = () => undefined) {
    this.#folder = folder;
    this.#onLoad = onLoad;
    const files = readdirSync(folder).sort();
    this.#files = new Map(files.flatMap((file) => (JOB_FILE.test(file) ? [[file.replace(/\.[jt]s$/, ''), file]] : [])));
  }

  get names(): string[] {
    return [...this.#files.keys()];
  }

  /**
   * The name and the scopes of every installed job whose file can be loaded. Nothing else is done with these jobs, so
   * `onLoad` is not given them.
   */
  async scopes(): Promise<JobScopes[]> {
    const read = await Promise.allSettled(this.names.map((name) => this.#read(name, [])));
    return this.names.flatMap((name, index) => {
      const job = read[index];
      return job?.status === 'fulfilled' ? [{ name, scopes: job.value.scopes }] : [];
    });
  }

  /**
   * The job called `name`.
   * @throws UsageError, with the nearest of all names and `others`, when there is none; Error when its file defines none.
   */
  async load(name: string, others: readonly string[] = []): Promise<Job> {
    const job = await this.#read(name, others);
    this.#onLoad(job);
    return job;
  }

  async #read(name: string, others: readonly string[]): Promise<Job> {
    const file = this.#files.get(name);
    if (file === undefined) {
      throw new UsageError(
        `there is no job "${name}"${didYouMean(name, [...this.names, ...others])}`,
        'See `job --help` for all that there are.',
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
