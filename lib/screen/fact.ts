/** A line of a forecast: a title, a text, and a note. */
import { stripVTControlCharacters, styleText } from 'node:util';

/** The lines of a fact: the note beside the text, or below where the line of `width` columns has no room. */
export function renderFact(title: string, text: string, note: string, width: number): string[] {
  const indent = 12;
  const line = `    ${dim(title.padEnd(6))}  ${text}`;
  if (note === '') return [line];
  const length = indent + stripVTControlCharacters(text).length;
  const beside = length + note.length + 3 <= width;
  return beside ? [`${line} ${dim(`(${note})`)}`] : [line, `${' '.repeat(indent)}${dim(`(${note})`)}`];
}

function dim(text: string): string {
  return styleText('dim', text);
}
