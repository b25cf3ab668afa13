/** Processes of a fleet for `npm run demo:fleet`: starts them, reads their logs as they come, and waits for what the logs say. */
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Finished, type LogEvent, runOwnJob } from '../run.ts';
import type { Sandbox } from './index.ts';

/** Emits `line` after each line of a process, and when a process has ended. */
const lines = new EventEmitter();

/** A process of the fleet, and its log so far. */
export class Dyno {
  readonly name: string;
  readonly events: LogEvent[] = [];
  readonly ended: Promise<void>;
  /** Undefined until the process has ended. */
  finished: Finished | undefined;
  #child: ChildProcess | undefined;

  constructor(
    sandbox: Sandbox,
    args: readonly string[],
    { name, mailboxes, databaseUrl }: Readonly<Record<'name' | 'mailboxes' | 'databaseUrl', string>>,
  ) {
    this.name = name;
    const env = { DYNO: name, LOG_FORMAT: 'json', DATABASE_URL: databaseUrl };
    const onStart = (child: ChildProcess) => this.#follow(child);
    this.ended = runOwnJob(sandbox, args, { env, mailboxes, onStart }).then((finished) => {
      this.finished = finished;
      lines.emit('line');
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  #follow(child: ChildProcess): void {
    this.#child = child;
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line));
      lines.emit('line');
    });
  }
}

/** @throws Error when a process ends before. */
export async function until(dynos: readonly Dyno[], isReached: () => boolean): Promise<void> {
  while (!isReached()) {
    const early = dynos.find(({ finished }) => finished !== undefined && finished.code < 128);
    if (early !== undefined)
      throw new Error(`${early.name} has ended:\n${early.finished?.stdout}${early.finished?.stderr}`);
    await once(lines, 'line');
  }
}

/** The mailboxes whose run has ended, and the process of the last run. */
export function endsIn(dynos: readonly Dyno[]): ReadonlyMap<string, string> {
  const ends = dynos.flatMap(({ name, events }) =>
    events
      .filter(({ event, exitCode }) => event === 'run.finished' && exitCode === 0)
      .map(({ mailbox, time }) => ({ name, mailbox: `${mailbox}`, time: `${time}` })),
  );
  return new Map(
    ends.toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time)).map(({ mailbox, name }) => [mailbox, name]),
  );
}

/** The mailboxes whose run has begun and not ended. */
export function openIn({ events }: Dyno): string[] {
  const namesIn = (wanted: string) => events.filter(({ event }) => event === wanted).map(({ mailbox }) => `${mailbox}`);
  const ended = new Set(namesIn('run.finished'));
  return namesIn('run.started').filter((mailbox) => !ended.has(mailbox));
}

/** When a process began the first run in the mailbox after `atMs`, in epoch milliseconds. */
export function begunAfter(atMs: number, mailbox: string, dynos: readonly Dyno[]): number {
  const begun = dynos.flatMap(({ events }) =>
    events
      .filter((event) => event.event === 'run.started' && event.mailbox === mailbox)
      .map(({ time }) => Date.parse(`${time}`)),
  );
  return Math.min(...begun.filter((ms) => ms > atMs));
}
