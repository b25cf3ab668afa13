/** The output of the demos: lines of the terminal's width, and the program's own words for what a process did. */
import { styleText } from 'node:util';
import { formatCount } from '../../lib/base/count.ts';
import { prettyLine } from '../../lib/screen/pretty.ts';
import { columnsOf, wrap } from '../../lib/screen/wrap.ts';
import type { LogEvent } from '../run.ts';

const COLUMNS = columnsOf(process.stdout);
const INDENT = 3;

export const bold = (text: string) => styleText('bold', text);
export const dim = (text: string) => styleText('dim', text);
export const count = (value: unknown) => formatCount(Number(value));

/** Writes lines; further lines of a long one are indented by `hang`. */
export const out = (text = '', hang = 0) => process.stdout.write(`${wrap(text, COLUMNS, hang)}\n`);

/** The same, as a part of a step. */
export const outInStep = (text: string, hang = 0) => out(`${' '.repeat(INDENT)}${text}`, hang);

/** Begins a step. */
export function headline(number: number, command: string, what: string): void {
  out();
  out(`${bold(`${number}  ${command}`)}  ${dim(what)}`, INDENT);
}

/** Writes a final line as the program shows it on a terminal. */
export function outFinal(final: LogEvent): void {
  for (const line of prettyLine(final).trimEnd().split('\n')) outInStep(line, line.startsWith(' ') ? 0 : 2);
}
