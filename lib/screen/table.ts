/** A table for a person at a terminal. */
import { styleText } from 'node:util';

/** The lines of a table, its bold head first. `numbers` are the columns that are aligned on the right. */
export function tableLines(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly number[] = [],
): string[] {
  const widths = head.map((title) => title.length);
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return numbers.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [styleText('bold', line(head)), ...rows.map(line)];
}
