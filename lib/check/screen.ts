/** Renders the findings of `job check`: aligned and wrapped for a terminal, not wrapped for a log. */
import { styleText } from 'node:util';
import { counted } from '../base/count.ts';
import { ExitCode } from '../errors.ts';
import { splitProblems, wrap } from '../screen/wrap.ts';
import { type Finding, type FindingRow, type FindingStatus, worstExitCode } from './finding.ts';

const MARKS: Readonly<Record<FindingStatus, string>> = {
  ok: styleText('green', '✔'),
  warning: styleText('yellow', '!'),
  failed: styleText('red', '✖'),
  skipped: styleText('dim', '–'),
};

/** The narrowest column of text. */
const MIN_WIDTH = 20;

export interface ScreenOptions {
  /** The ids of all findings: the longest sets the width of the first column. */
  readonly ids: readonly string[];
  /** The width of a line; Infinity for a log. */
  readonly columns: number;
}

/** A function that renders a finding as one or more lines. */
export function createFindingRenderer({ ids, columns }: ScreenOptions): (finding: Finding) => string {
  const width = Math.max(...ids.map((id) => id.length));
  const indent = width + 6;
  const block = (text: string, at: number, style: (line: string) => string = (line) => line) =>
    wrap(splitProblems(text).join('\n'), Math.max(columns - at, MIN_WIDTH))
      .split('\n')
      .map((line, index) => `${index === 0 ? '' : ' '.repeat(at)}${style(line)}`)
      .join('\n');
  const below = (mark: string, text: string, style?: (line: string) => string) =>
    `${' '.repeat(indent)}${mark} ${block(text, indent + 2, style)}`;

  return ({ id, status, detail, remedy, rows = [], notes = [] }) => {
    const title = label(id).padEnd(width);
    const dim = (line: string) => styleText('dim', line);
    const words = block(detail, indent, status === 'skipped' ? dim : undefined);
    return [
      `  ${MARKS[status]} ${status === 'skipped' ? dim(title) : styleText('bold', title)}  ${words}`,
      ...table(rows, { indent, columns, block }),
      ...notes.map((note) => below(MARKS.warning, note)),
      ...(remedy === undefined ? [] : [below(styleText('cyan', '→'), remedy)]),
    ].join('\n');
  };
}

function label(id: string): string {
  return id === 'aws' ? 'AWS' : id;
}

/** The rows in columns. The last cell moves below the others when the line is too narrow. */
function table(
  rows: readonly FindingRow[],
  { indent, columns, block }: { indent: number; columns: number; block: (text: string, at: number) => string },
): string[] {
  const last = Math.max(0, ...rows.map(({ cells }) => cells.length)) - 1;
  const widths = Array.from({ length: last }, (_, column) =>
    Math.max(...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  );
  /** The cells before the last one, wrapped to the line. */
  const leading = (before: string) => {
    const at = (widths[0] ?? 0) + 2;
    return `${before.slice(0, at)}${block(before.slice(at).trimEnd(), indent + 2 + at)}`;
  };
  return rows.map(({ status, cells }) => {
    const before = widths.map((width, column) => `${(cells[column] ?? '').padEnd(width)}  `).join('');
    const end = cells[last] ?? '';
    const at = indent + 2 + before.length;
    const fits = columns - at >= Math.min(end.length, MIN_WIDTH);
    const shown = fits ? block(end, at) : `\n${' '.repeat(indent + 4)}${block(end, indent + 4)}`;
    const mark = status === undefined ? styleText('dim', '·') : MARKS[status];
    return `${' '.repeat(indent)}${mark} ${fits ? before : leading(before)}${shown}`.trimEnd();
  });
}

/** Answers "would the next run work?" in a sentence. */
export function verdictOf(findings: readonly Finding[], jobs: readonly string[]): string {
  const failures = findings.filter(({ status }) => status === 'failed');
  const warnings = findings.filter(({ status }) => status === 'warning').length;
  const more = warnings === 0 ? '' : ` ${counted(warnings, 'warning')}.`;
  if (failures.length === 0) return `Yes, the next run would work.${more}`;

  const code = worstExitCode(findings);
  const stopped = jobs.filter((job) => failures.some(({ stops }) => stops?.includes(job)));
  const running = jobs.filter((job) => !stopped.includes(job));
  const elsewhere = failures.filter(({ stops }) => stops === undefined);
  if (elsewhere.length === 0 && running.length > 0) {
    return `In part: ${running.join(', ')} would run, ${stopped.join(', ')} would not (exit code ${code}).${more}`;
  }
  if (failures.every(({ bridged }) => bridged)) {
    return `Yes, but only with AWSPREVIOUS: the current version of the secret must be corrected (exit code ${code}).${more}`;
  }
  const names = failures.map(({ id }) => label(id)).join(', ');
  if (code === ExitCode.unavailable) return `Not now: ${names} failed; a later run may work (exit code ${code}).`;
  return `No: ${names} failed (exit code ${code}).${more}`;
}
