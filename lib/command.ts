/**
 * What a command is, as data: something that a person does with the program itself (authorize, check, rotate, policy, runs),
 * and no job on a mailbox. A command lies in `lib/commands/`; its default export comes from `defineCommand`.
 */
import type { Environment } from './base/environment.ts';
import type { ExitCode } from './errors.ts';
import type { OptionSpecs, OptionValues } from './options.ts';
import type { Host } from './process/hosts.ts';
import type { Registry } from './registry.ts';
import type { Terminal } from './screen/terminal.ts';

export interface CommandContext<O extends OptionSpecs> {
  readonly options: OptionValues<O>;
  readonly env: Environment;
  /** The jobs that are installed. */
  readonly registry: Registry;
  readonly terminal: Terminal;
  /** Cuts the text out of everything that is printed from now on. Call it before anything else is done with a secret. */
  readonly hide: (secret: string) => void;
  /** From now on the process may connect to these hosts too. */
  readonly allowHosts: (hosts: readonly Host[]) => void;
  /** Aborted with a StoppedError when the person presses Ctrl-C, or the process is told to end. */
  readonly signal: AbortSignal;
}

export interface Command<O extends OptionSpecs = OptionSpecs> {
  readonly summary: string;
  readonly description?: string;
  readonly options: O;
  /** Whether it waits on this computer for the browser to come back. */
  readonly listens?: boolean;
  /** Returns the exit code; throws a JobError for what a person has to correct. */
  run(context: CommandContext<O>): Promise<ExitCode>;
}

/** A command from its definition. */
export function defineCommand<const O extends OptionSpecs>(definition: Command<O>): Command<O> {
  return definition;
}
