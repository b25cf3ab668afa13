/** Prints text for the person at the terminal, and asks questions. */
import { Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { CommandSpelling } from './command-spelling.ts';
import { columnsOf, wrap } from './wrap.ts';

export interface Terminal {
  /** Whether a person can answer. */
  readonly interactive: boolean;
  /** The width of a line at the moment; Infinity when stdout is no terminal. */
  readonly columns: number;
  /** Prints text, or an empty line. On a terminal, wraps long lines and indents their continuation by `hang` more. */
  print(text?: string, hang?: number): void;
  /** Prints text unchanged, with a line end. */
  printExactly(text: string): void;
  /**
   * Discards keys until the first question, or until the returned function is called. The terminal does not show them, the
   * shell does not get them, and Ctrl-C still interrupts.
   */
  swallowKeys(): () => Promise<void>;
  /** The next line of stdin, without its end; null at the end of the input. Rejects with the signal's reason on abort. */
  ask(question: string, signal: AbortSignal, options?: AskOptions): Promise<string | null>;
}

export interface AskOptions {
  /** Does not show the keys. */
  readonly secret?: boolean;
  /** Discards keys that were typed before the question was shown. */
  readonly fresh?: boolean;
}

/** Keys that were typed ahead arrive within this time. */
const TYPED_AHEAD_MS = 50;

const CTRL_C = '\x03';

interface TerminalStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  /** Called for Ctrl-C while a question waits: Node then delivers it as a key and not as a signal. */
  readonly interrupt: () => void;
  readonly spelling: CommandSpelling;
}

export function createTerminal({ stdin, stdout, interrupt, spelling }: TerminalStreams): Terminal {
  const interactive = stdin.isTTY === true && stdout.isTTY === true;
  /** Lines that arrived together with the answer to an earlier question. */
  const unread: string[] = [];
  /** Ends swallowKeys(). */
  let releaseKeys = (): void => {};
  stdin.on('error', ignoreClosed);
  return {
    interactive,
    get columns() {
      return columnsOf(stdout);
    },
    print(text = '', hang = 0) {
      stdout.write(`${wrap(spelling.text(text), columnsOf(stdout), hang)}\n`);
    },
    printExactly(text) {
      stdout.write(`${text}\n`);
    },
    swallowKeys() {
      if (!interactive) return async () => {};
      const swallow = (keys: Buffer | string) => {
        if (keys.includes(CTRL_C)) interrupt();
      };
      stdin.setRawMode(true);
      stdin.on('data', swallow);
      stdin.unref();
      const release = () => {
        stdin.off('data', swallow);
        stdin.setRawMode(false);
        stdin.pause();
        releaseKeys = () => {};
      };
      releaseKeys = release;
      return async () => {
        if (releaseKeys !== release) return;
        // Gives the event loop time to read the last keys.
        await setTimeout(TYPED_AHEAD_MS);
        release();
      };
    },
    async ask(question, signal, { secret = false, fresh = false } = {}) {
      const { createInterface } = await import('node:readline');
      if (fresh && interactive) await discard(stdin, unread);
      releaseKeys();
      signal.throwIfAborted();
      const shown = wrap(question, columnsOf(stdout));
      const waiting = unread.shift();
      if (waiting !== undefined) {
        stdout.write(shown);
        return waiting;
      }
      return await new Promise((resolve, reject) => {
        stdin.ref?.();
        const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
        const reader = createInterface({ input: stdin, output: secret ? silent : stdout, terminal: interactive });
        // Asks only after the reader exists: without it, the terminal would show a secret that the person types.
        if (secret) {
          stdout.write(shown);
        } else {
          reader.setPrompt(shown);
          reader.prompt();
        }
        let answer: string | null = null;
        const end = () => reader.close();
        reader.on('line', (line) => {
          if (answer === null) answer = line;
          else unread.push(line);
          reader.close();
        });
        reader.on('SIGINT', interrupt);
        reader.on('error', ignoreClosed);
        signal.addEventListener('abort', end, { once: true });
        reader.on('close', () => {
          signal.removeEventListener('abort', end);
          // An open stdin would keep the process alive. A file has no unref().
          stdin.unref?.();
          if (secret && interactive) stdout.write('\n');
          if (signal.aborted) reject(signal.reason);
          else resolve(answer);
        });
      });
    },
  };
}

/** A terminal that was closed cannot leave its raw mode. Node also ends stdin then, which ends a question. */
function ignoreClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EIO') throw error;
}

async function discard(stdin: NodeJS.ReadStream, unread: string[]): Promise<void> {
  const ignore = () => undefined;
  unread.length = 0;
  stdin.on('data', ignore);
  await setTimeout(TYPED_AHEAD_MS);
  stdin.off('data', ignore);
  stdin.pause();
}

/** A terminal at which nobody reads or answers. */
export const silentTerminal: Terminal = {
  interactive: false,
  columns: Number.POSITIVE_INFINITY,
  print() {},
  printExactly() {},
  swallowKeys: () => async () => {},
  ask: async () => null,
};

/** The terminal of a run: shows tables only when a person watches, and asks only yes or no. */
export interface RunTerminal {
  /** Whether a person can answer. */
  readonly interactive: boolean;
  /** Prints a text for the terminal's columns if a person watches. */
  show(render: (columns: number) => string): void;
  /** Whether a person answers yes. Rejects with the signal's reason on abort. */
  confirm(question: string): Promise<boolean>;
}

export function runTerminal(
  terminal: Terminal,
  { isWatched, signal }: { readonly isWatched: boolean; readonly signal: AbortSignal },
): RunTerminal {
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

/** Null, the end of the input, is a no. */
export function isYes(answer: string | null): boolean {
  return /^\s*y(es)?\s*$/i.test(answer ?? '');
}
