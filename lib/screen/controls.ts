/** Makes texts of others safe for a terminal. */
import { stripVTControlCharacters } from 'node:util';

/** Removes control sequences, which could change the terminal's state. Keeps line ends, for stacks. */
export function withoutControls(text: string): string {
  return stripVTControlCharacters(text).replace(/[^\P{Cc}\n]/gu, ' ');
}
