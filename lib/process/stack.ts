/**
 * Stacks of errors, with places in the source files. In the built program these places come from the source maps, which the
 * build writes for files with jobs' code only.
 */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface ReadStack {
  /** The text of `stackOf`, with each place in the program written as `jobs/x.ts:12:5`. */
  readonly text: string;
  /** The first place in a job's file, such as `jobs/x.ts:12`; undefined when the stack has none. */
  readonly place: string | undefined;
}

/** Characters; a longer stack would not fit into one log line. */
const LONGEST = 6_000;

/** The stack of an error and of its causes, cut to fit into one log line. */
export function stackOf(error: unknown): string {
  return wholeStack(error).slice(0, LONGEST);
}

/** Reads the stack of `error`, and of its causes. `jobs` is the URL of the folder with the jobs. */
export function readStack(error: unknown, jobs: URL): ReadStack {
  const root = new URL('..', jobs);
  const folder = fileURLToPath(root);
  const starts = [root.href, folder].map((start) => RegExp.escape(start)).join('|');
  const frame = new RegExp(`(?:${starts})((?:jobs|lib)/[^\\s:()]+)(?::(\\d+))?(?::(\\d+))?`, 'g');
  let place: string | undefined;
  const text = wholeStack(error).replace(frame, (_, file: string, line?: string, column?: string) => {
    const [source, ...position] = sourcePlace(folder, file, Number(line), Number(column));
    const written = position.filter((part) => !Number.isNaN(part));
    if (source.startsWith('jobs/') && written.length > 0) place ??= `${source}:${written[0]}`;
    return [source, ...written].join(':');
  });
  return { text: text.slice(0, LONGEST), place };
}

function wholeStack(error: unknown): string {
  const stacks: string[] = [];
  for (
    let cause = error;
    cause !== undefined && stacks.length < 4;
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    stacks.push(cause instanceof Error ? (cause.stack ?? String(cause)) : String(cause));
  }
  return stacks.join('\nCaused by: ');
}

/** The place in the source; the given place when the file has no source map. */
function sourcePlace(folder: string, file: string, line: number, column: number): [string, number, number] {
  const map = readSourceMap(`${folder}${file}.map`);
  const origin = map?.findOrigin(line, column);
  if (origin === undefined || !('fileName' in origin)) return [file, line, column];
  const source = origin.fileName.replace(/^(?:\.\.\/)+/, '');
  // Jobs of another folder, such as test/fixtures/jobs/, are written as jobs/ too.
  const written = /^(?:lib|node_modules)\//.test(source) ? source : source.replace(/^.*\/(?=jobs\/)/, '');
  return [written, origin.lineNumber, origin.columnNumber];
}

function readSourceMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Most files have no map, and no problem with one may hide the error whose stack is read.
    return undefined;
  }
}
