/** Gives an error that nothing caught, such as one thrown by a timer, to the run in which it was thrown. */
import { AsyncLocalStorage } from 'node:async_hooks';

type OnFault = (error: unknown) => void;

export class Faults {
  /** Node keeps the store in timers, callbacks and promises, and in the process's events about their errors. */
  readonly #owner = new AsyncLocalStorage<OnFault>();
  readonly #running = new Set<OnFault>();

  /** Does `work`; until it ends, `onFault` gets the errors that it throws outside of its promise. */
  async during<T>(onFault: OnFault, work: () => Promise<T>): Promise<T> {
    this.#running.add(onFault);
    try {
      return await this.#owner.run(onFault, work);
    } finally {
      this.#running.delete(onFault);
    }
  }

  /**
   * Gives the error to its run, or to all runs when it was thrown in none: it may be about any of them. Returns false when
   * there is no run to give it to.
   */
  handle(error: unknown): boolean {
    const owner = this.#owner.getStore();
    const concerned = [...this.#running].filter((onFault) => owner === undefined || onFault === owner);
    for (const onFault of concerned) onFault(error);
    return concerned.length > 0;
  }
}
