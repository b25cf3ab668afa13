/** The commands of the program, each loaded when it is asked for. */
import type { Command } from '../command.ts';

export type CommandName = 'policy';

export const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  policy: async () => (await import('./policy.ts')).default,
};
