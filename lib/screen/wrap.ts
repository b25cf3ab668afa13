/** Measures text for a terminal, and breaks it into lines between words. */
import { stripVTControlCharacters } from 'node:util';

/** Characters of two columns: East Asian ones and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** Characters of no column: combining accents and joiners. */
const NARROW = /[\p{M}\u200b-\u200f\u2060\ufeff]/u;

/** The least width of a line's text, in columns, however narrow the terminal is. */
const SHORTEST = 20;

/** The width of a terminal that does not report its width. */
const USUAL_COLUMNS = 80;

/** The current width of the stream's lines; Infinity when it is no terminal. */
export function columnsOf(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>): number {
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY;
  return stream.columns > 0 ? stream.columns : USUAL_COLUMNS;
}

/** The columns of `text`, without its styles. */
export function widthOf(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (/^[ -~]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const character of plain) width += WIDE.test(character) ? 2 : NARROW.test(character) ? 0 : 1;
  return width;
}

/** Shortens `text`, which must have no styles, to `columns`. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let shown = '';
  let width = 0;
  for (const character of text) {
    width += widthOf(character);
    if (width > columns - 1) break;
    shown += character;
  }
  return `${shown.trimEnd()}…`;
}

/**
 * Breaks each line of `text` at spaces into lines of at most `columns`. Further lines have the indent of the first, plus
 * `hang`. Words that are longer than a line and commands in backticks stay whole.
 */
export function wrap(text: string, columns: number, hang = 0): string {
  const lines = text.split('\n').map((line) => ({ ...indentOf(line), words: line.trimStart().split(' ') }));
  return lines.map(({ lead, words }) => fill(holdTogether(words, '`'), lead, columns, hang).join('\n')).join('\n');
}

/** Like `wrap`, for lines in two columns: indents further lines to the second column. */
export function wrapColumns(text: string, columns: number): string {
  const hangOf = (line: string) => /^ *(\S+(?: \S+)* {2,})(?=\S)/.exec(line)?.[1]?.length ?? 0;
  return text
    .split('\n')
    .map((line) => wrap(line, columns, hangOf(line)))
    .join('\n');
}

/** Like `wrap`, for a shell command: ends each line but the last with a backslash, so that a person can paste them. */
export function wrapCommand(command: string, columns: number, hang = 0): string {
  if (widthOf(command) <= columns) return command;
  const words = holdTogether(command.trimStart().split(' '), "'");
  return fill(words, indentOf(command).lead, columns - 2, hang).join(' \\\n');
}

/** Splits an error that names several problems of a file: `rules.yaml:3:5: …; rules.yaml:9:1: …`. */
export function splitProblems(text: string): string[] {
  const [file] = /^[^;]*?(?=:\d+:\d+: )/.exec(text) ?? [];
  if (file === undefined) return [text];
  const problems: string[] = [];
  for (const part of text.split('; ')) {
    const begins = part.startsWith(`${file}:`) || /^and \d+ more$/.test(part);
    if (begins || problems.length === 0) problems.push(part);
    else problems.push(`${problems.pop()}; ${part}`);
  }
  return problems;
}

function indentOf(line: string): { lead: string } {
  return { lead: /^ */.exec(line)?.[0] ?? '' };
}

function fill(words: readonly string[], lead: string, columns: number, hang: number): string[] {
  const indent = lead + ' '.repeat(hang);
  const lines: string[] = [];
  let line = `${lead}${words[0] ?? ''}`;
  for (const word of words.slice(1)) {
    const longer = `${line} ${word}`;
    const least = SHORTEST + (lines.length === 0 ? lead : indent).length;
    if (widthOf(longer) <= Math.max(columns, least)) {
      line = longer;
    } else {
      lines.push(line.trimEnd());
      line = `${indent}${word}`;
    }
  }
  return [...lines, line];
}

/** Joins the words between an opening and a closing `quote`. */
function holdTogether(words: readonly string[], quote: '`' | "'"): string[] {
  const quotes = (text: string) => text.replaceAll(`\\${quote}`, '').split(quote).length - 1;
  if (quotes(words.join(' ')) % 2 === 1) return [...words];
  const joined: string[] = [];
  let isOpen = false;
  for (const word of words) {
    joined.push(isOpen ? `${joined.pop()} ${word}` : word);
    if (quotes(word) % 2 === 1) isOpen = !isOpen;
  }
  return joined;
}
