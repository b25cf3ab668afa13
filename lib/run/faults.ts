/** Gives an uncaught exception, such as one thrown by a timer, to the run whose code threw it. */
import { AsyncLocalStorage } from 'node:async_hooks';

type OnFault = (error: unknown) => void;

export class Faults {
  /** Node keeps the store in timers, callbacks and promises, and in the process's events for uncaught errors. */
  readonly #owner = new AsyncLocalStorage<OnFault>();
  readonly #running = new Set<OnFault>();

  /** Does `work`. Until it ends, `onFault` gets the errors that it throws outside its promise. */
  async during<T>(onFault: OnFault, work: () => Promise<T>): Promise<T> {
    this.#running.add(onFault);
    try {
      return await this.#owner.run(onFault, work);
    } finally {
      this.#running.delete(onFault);
    }
  }

  /**
   * Gives the error to the run that threw it, or to all runs when no run is known to have thrown it. Returns false when
   * that run, or every run, is over.
   */
  handle(error: unknown): boolean {
    const owner = this.#owner.getStore();
    const concerned = [...this.#running].filter((onFault) => owner === undefined || onFault === owner);
    for (const onFault of concerned) onFault(error);
    return concerned.length > 0;
  }
}
