/**
 * A command as data. A command stands where a job's name could stand, such as `check` in `job check`. Each is a file in
 * `lib/commands/` whose default export comes from `defineCommand`.
 */
import type { Environment } from './base/environment.ts';
import type { ExitCode } from './errors.ts';
import type { ArgumentSpec } from './job.ts';
import type { OptionSpecs, OptionValues } from './options.ts';
import type { Host } from './process/hosts.ts';
import type { Registry } from './registry.ts';
import type { Terminal } from './screen/terminal.ts';

export interface CommandContext<O extends OptionSpecs> {
  readonly options: OptionValues<O>;
  /** '' for a command without one. */
  readonly argument: string;
  readonly env: Environment;
  readonly registry: Registry;
  readonly terminal: Terminal;
  /** Cuts a secret out of everything that is printed from now on. Call it before the secret is used. */
  readonly hide: (secret: string) => void;
  /** Lets the process connect to these hosts too, from now on. */
  readonly allowHosts: (hosts: readonly Host[]) => void;
  /** Aborted with a StoppedError by Ctrl-C, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
}

export interface Command<O extends OptionSpecs = OptionSpecs> {
  readonly summary: string;
  readonly description?: string;
  readonly argument?: ArgumentSpec;
  readonly options: O;
  /** Whether the command listens on 127.0.0.1 for the browser's redirect. */
  readonly listens?: boolean;
  /** Returns the exit code. @throws JobError for an expected failure, StoppedError when the signal is aborted. */
  run(context: CommandContext<O>): Promise<ExitCode>;
}

/** Returns `definition` unchanged; TypeScript infers the types of its options. */
export function defineCommand<const O extends OptionSpecs>(definition: Command<O>): Command<O> {
  return definition;
}
