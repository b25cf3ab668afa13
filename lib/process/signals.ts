/** SIGTERM and SIGINT, caught from the first moment on, so that the process never dies of them without a last line. */
import { EventEmitter } from 'node:events';

export type StopSignal = 'SIGTERM' | 'SIGINT';

export interface Signals {
  /** Calls `listener` each time that the signal comes, and at once when it came before. */
  on(signal: StopSignal, listener: () => void): void;
}

/** Listens to the signals that Heroku and a person at the keyboard send to `process`. */
export function rememberSignals(process: Pick<NodeJS.Process, 'on'>): Signals {
  const came = new Set<StopSignal>();
  const emitter = new EventEmitter();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      came.add(signal);
      emitter.emit(signal);
    });
  }
  return {
    on(signal, listener) {
      emitter.on(signal, listener);
      if (came.has(signal)) listener();
    },
  };
}
