/** The person at the keyboard: what is printed for them, and what they are asked. */
import { Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { Typed } from './typed.ts';
import { columnsOf, wrap } from './wrap.ts';

export interface Terminal {
  /** Whether there is a person who can answer. */
  readonly interactive: boolean;
  /** How many characters fit into a line at the moment; Infinity where nobody looks at a screen. */
  readonly columns: number;
  /** Prints text, or an empty line; on a screen broken at words, with `hang` more of indent for what follows. */
  print(text?: string, hang?: number): void;
  /** Prints text for a machine as it is. */
  printExactly(text: string): void;
  /**
   * Takes what is typed before a question can be read: it is neither shown nor left to the shell, and Ctrl-C stays what
   * it is. Ends with the first question, or when what was returned is called.
   */
  swallowKeys(): () => Promise<void>;
  /**
   * The next line of the standard input, without its end; null when it has ended.
   * Rejects with the signal's reason when it is aborted.
   */
  ask(question: string, signal: AbortSignal, options?: AskOptions): Promise<string | null>;
}

export interface AskOptions {
  /** Does not show what is typed. */
  readonly secret?: boolean;
  /** Takes no answer that was typed before the question could be read. */
  readonly fresh?: boolean;
}

/** What was typed ahead comes at once. */
const TYPED_AHEAD_MS = 50;

const CTRL_C = '\x03';

interface Surroundings {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  /** Called for Ctrl-C while a line is being typed, which then is no signal. */
  readonly interrupt: () => void;
  /** How commands are typed that are printed. */
  readonly typed: Typed;
}

export function createTerminal({ stdin, stdout, interrupt, typed }: Surroundings): Terminal {
  const interactive = stdin.isTTY === true && stdout.isTTY === true;
  /** Lines that came in one piece, of which only the first was asked for. */
  const unread: string[] = [];
  /** Ends the swallowing that is on. */
  let releaseKeys = (): void => {};
  return {
    interactive,
    get columns() {
      return columnsOf(stdout);
    },
    print(text = '', hang = 0) {
      stdout.write(`${wrap(typed.text(text), columnsOf(stdout), hang)}\n`);
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
        // A turn of the event loop reads what has just been typed.
        await setTimeout(TYPED_AHEAD_MS);
        release();
      };
    },
    async ask(question, signal, { secret = false, fresh = false } = {}) {
      const { createInterface } = await import('node:readline');
      if (fresh && interactive) await discard(stdin, unread);
      releaseKeys();
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
        // Not before: until the reader is there, the terminal shows what is typed, also a secret.
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
        signal.addEventListener('abort', end, { once: true });
        reader.on('close', () => {
          signal.removeEventListener('abort', end);
          // An input that stays open would keep the process alive. A file has no unref.
          stdin.unref?.();
          if (secret && interactive) stdout.write('\n');
          if (signal.aborted) reject(signal.reason);
          else resolve(answer);
        });
      });
    },
  };
}

/** Throws away what was typed until now. */
async function discard(stdin: NodeJS.ReadStream, unread: string[]): Promise<void> {
  const ignore = () => undefined;
  unread.length = 0;
  stdin.on('data', ignore);
  await setTimeout(TYPED_AHEAD_MS);
  stdin.off('data', ignore);
  stdin.pause();
}
