/** Gives an uncaught exception, such as an exception in a timer, to the work whose code threw it. */
import { AsyncLocalStorage } from 'node:async_hooks';

type OnFault = (error: unknown) => void;

interface Work {
  onFault: OnFault;
  readonly parent: Work | undefined;
}

export class Faults {
  /** Node keeps the store in timers, callbacks and promises, and in the process's events for uncaught errors. */
  readonly #owner = new AsyncLocalStorage<Work>();
  readonly #running = new Set<Work>();

  /**
   * Does `work`. Until its promise settles, `onFault` gets the errors that it throws outside of this promise. Later errors
   * go to the work inside which it was started, its parent.
   */
  async during<T>(onFault: OnFault, work: () => Promise<T>): Promise<T> {
    const owner: Work = { onFault, parent: this.#owner.getStore() };
    this.#running.add(owner);
    try {
      return await this.#owner.run(owner, work);
    } finally {
      this.#running.delete(owner);
      // A timer that the work left keeps the store until it fires, which without this line keeps the run in memory.
      owner.onFault = () => undefined;
    }
  }

  /**
   * Gives the error to the work that threw it; when Node does not know which, to all work without a parent. Returns false
   * when that work is over.
   */
  handle(error: unknown): boolean {
    const owner = this.#owner.getStore();
    const concerned = owner === undefined ? this.#withoutParent() : this.#firstRunning(owner);
    for (const { onFault } of concerned) onFault(error);
    return concerned.length > 0;
  }

  #withoutParent(): Work[] {
    return [...this.#running].filter(({ parent }) => parent === undefined);
  }

  #firstRunning(owner: Work): Work[] {
    let work: Work | undefined = owner;
    while (work !== undefined && !this.#running.has(work)) work = work.parent;
    return work === undefined ? [] : [work];
  }
}
