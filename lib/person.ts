/** The person who may sit at the terminal of a run, and be asked. */
import type { Terminal } from './terminal.ts';

export interface Person {
  /** Whether there is somebody who can answer. */
  readonly interactive: boolean;
  /** Whether the person says yes; anything else is a no. Rejects when the run is told to stop meanwhile. */
  confirm(question: string): Promise<boolean>;
}

/** The person at `terminal`; the run's signal ends the waiting for an answer. */
export function personAt(terminal: Terminal, signal: AbortSignal): Person {
  return {
    interactive: terminal.interactive,
    async confirm(question) {
      const answer = await terminal.ask(`${question} [y/N] `, signal);
      return /^y(es)?$/i.test(answer?.trim() ?? '');
    },
  };
}
