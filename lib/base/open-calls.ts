/** Calls that have not settled, so that a run can wait for calls of a job that forgot an `await`. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';

type Calls = Set<Promise<unknown>>;

export class OpenCalls {
  readonly #all: Calls = new Set();
  /** The calls of the part of the job that runs; see `during`. */
  readonly #part = new AsyncLocalStorage<Calls>();

  /** Returns a promise that settles as `call` does. Node still reports its rejection when nobody handles it. */
  track<T>(call: Promise<T>): Promise<T> {
    keep(call, this.#all);
    const part = this.#part.getStore();
    if (part !== undefined) keep(call, part);
    return call.then((value) => value);
  }

  /** Resolves when all calls have settled, and the calls that the job made after them. */
  async settled(): Promise<void> {
    await settle(this.#all);
  }

  /** Does `work`, a part of the job, and waits for the calls that it made. Rejects when `work` does. */
  async during(work: () => unknown): Promise<void> {
    const calls: Calls = new Set();
    await this.#part.run(calls, async () => {
      await work();
      await settle(calls);
    });
  }
}

function keep(call: Promise<unknown>, open: Calls): void {
  const close = () => open.delete(settled);
  const settled: Promise<unknown> = call.then(close, close);
  open.add(settled);
}

async function settle(open: Calls): Promise<void> {
  do {
    await Promise.all(open);
    // In this turn Node reports unhandled rejections, and the code that waited for these calls may begin others.
    await setImmediate();
  } while (open.size > 0);
}
