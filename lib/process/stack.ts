/** Finds in an error's stack the place in a job's file that threw the error. */
import { fileURLToPath } from 'node:url';

export interface ReadStack {
  /** Stacks of the error and of its causes, with places in the folder written as `jobs/x.ts:12:5`. */
  readonly text: string;
  /** The first place in the folder, such as `jobs/x.ts:12`; undefined when the stack has none. */
  readonly place: string | undefined;
}

/** Characters; a longer stack would not fit into one log line. */
const LONGEST = 6_000;

/** `folder` is the URL of `jobs/`. */
export function readStack(error: unknown, folder: URL): ReadStack {
  const path = fileURLToPath(folder);
  const pattern = new RegExp(
    `(?:${RegExp.escape(folder.href)}|${RegExp.escape(path)})([^\\s:()]+)(?::(\\d+))?(?::(\\d+))?`,
    'g',
  );
  let place: string | undefined;
  const text = stackOf(error).replace(pattern, (_, file: string, line?: string, column?: string) => {
    const written = `jobs/${file}${line === undefined ? '' : `:${line}`}`;
    place ??= line === undefined ? undefined : written;
    return `${written}${column === undefined ? '' : `:${column}`}`;
  });
  return { text: text.slice(0, LONGEST), place };
}

function stackOf(error: unknown): string {
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
