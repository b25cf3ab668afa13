/** The commands, in the order of the help. Only the command itself and `job --help` load its file. */
import type { Command } from '../command.ts';

export type CommandName = 'authorize' | 'check' | 'new' | 'policy' | 'rotate' | 'runs';

export const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  authorize: async () => (await import('./authorize.ts')).default,
  check: async () => (await import('./check.ts')).default,
  runs: async () => (await import('./runs.ts')).default,
  rotate: async () => (await import('./rotate.ts')).default,
  policy: async () => (await import('./policy.ts')).default,
  new: async () => (await import('./new.ts')).default,
};

/** Names that no job may have. */
export const RESERVED_NAMES: readonly string[] = [...Object.keys(COMMANDS), 'fleet', 'list', 'help'];
