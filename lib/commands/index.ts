/** The commands of the program, each loaded when it is asked for. */
import type { Command } from '../command.ts';

export type CommandName = 'authorize' | 'check' | 'policy' | 'rotate' | 'runs';

export const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  authorize: async () => (await import('./authorize.ts')).default,
  runs: async () => (await import('./runs.ts')).default,
  check: async () => (await import('./check.ts')).default,
  rotate: async () => (await import('./rotate.ts')).default,
  policy: async () => (await import('./policy.ts')).default,
};
