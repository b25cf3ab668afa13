/** Catches SIGTERM and SIGINT from the start, so that the process never dies of them without its final line. */
import { EventEmitter } from 'node:events';

export type StopSignal = 'SIGTERM' | 'SIGINT';

export interface Signals {
  /** Calls `listener` at each signal, and at once for a signal that came earlier. */
  on(signal: StopSignal, listener: () => void): void;
}

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
