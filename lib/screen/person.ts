/** The person who may sit at the terminal of a run: is shown things, and asked. */
import type { Terminal } from './terminal.ts';

export interface Person {
  /** Whether there is somebody who can answer. */
  readonly interactive: boolean;
  /** Prints a text, made for that many columns, when there is somebody who looks on. */
  show(render: (columns: number) => string): void;
  /** Whether there is a person who says yes; anything else is a no. Rejects when the run is told to stop meanwhile. */
  confirm(question: string): Promise<boolean>;
}

/** The person at `terminal`; the signal ends the waiting for an answer. */
export function personAt(
  terminal: Terminal,
  { isWatched, signal }: { readonly isWatched: boolean; readonly signal: AbortSignal },
): Person {
  return {
    interactive: terminal.interactive,
    show(render) {
      if (isWatched) terminal.print(`\n${render(terminal.columns)}\n`);
    },
    async confirm(question) {
      if (!terminal.interactive) return false;
      const answer = await terminal.ask(`  ${question}`, signal, { fresh: true });
      terminal.print();
      return isYes(answer);
    },
  };
}

/** Whether the answer to the question is yes; null is the end of the input. */
export function isYes(answer: string | null): boolean {
  return /^\s*y(es)?\s*$/i.test(answer ?? '');
}
