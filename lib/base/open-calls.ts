/** Calls that have not settled, so that a run can wait for calls of a job that forgot an `await`. */
import { setImmediate } from 'node:timers/promises';

export class OpenCalls {
  readonly #open = new Set<Promise<unknown>>();

  /** Returns a promise that settles as `call` does. A rejection of it that nobody handles stays unhandled. */
  track<T>(call: Promise<T>): Promise<T> {
    const settled: Promise<unknown> = call.then(
      () => this.#open.delete(settled),
      () => this.#open.delete(settled),
    );
    this.#open.add(settled);
    return call.then((value) => value);
  }

  /** Resolves when all calls have settled, and those that the job's code then made. */
  async settled(): Promise<void> {
    do {
      await Promise.all(this.#open);
      // Node reports rejections that nobody handles, and the code that waited for these calls may begin others.
      await setImmediate();
    } while (this.#open.size > 0);
  }
}
