/** Gives an uncaught exception, such as one thrown by a timer, to the work whose code threw it. */
import { AsyncLocalStorage } from 'node:async_hooks';

type OnFault = (error: unknown) => void;

interface Work {
  onFault: OnFault;
  /** The work that this one is a part of. */
  readonly whole: Work | undefined;
}

export class Faults {
  /** Node keeps the store in timers, callbacks and promises, and in the process's events for uncaught errors. */
  readonly #owner = new AsyncLocalStorage<Work>();
  readonly #running = new Set<Work>();

  /**
   * Does `work`, which may be a part of other work. Until it ends, `onFault` gets the errors that it throws outside its
   * promise; later ones go to the whole.
   */
  async during<T>(onFault: OnFault, work: () => Promise<T>): Promise<T> {
    const owner: Work = { onFault, whole: this.#owner.getStore() };
    this.#running.add(owner);
    try {
      return await this.#owner.run(owner, work);
    } finally {
      this.#running.delete(owner);
      // Timers that are left keep the store for up to a minute. Without this line, they would keep a whole run.
      owner.onFault = () => undefined;
    }
  }

  /**
   * Gives the error to the work that threw it, or to all work that is no part of another when the thrower is not known.
   * Returns false when that work is over.
   */
  handle(error: unknown): boolean {
    const owner = this.#owner.getStore();
    const concerned = owner === undefined ? this.#wholes() : this.#firstRunning(owner);
    for (const { onFault } of concerned) onFault(error);
    return concerned.length > 0;
  }

  #wholes(): Work[] {
    return [...this.#running].filter(({ whole }) => whole === undefined);
  }

  #firstRunning(owner: Work): Work[] {
    let work: Work | undefined = owner;
    while (work !== undefined && !this.#running.has(work)) work = work.whole;
    return work === undefined ? [] : [work];
  }
}
