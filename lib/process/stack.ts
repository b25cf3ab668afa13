/** The stack of an error and of its causes, for the log; and the place in a job's file that threw the error. */
import { fileURLToPath } from 'node:url';

/** The stack of an error and of its causes, cut to 6,000 characters to fit into one log line. */
export function stackOf(error: unknown): string {
  return wholeStackOf(error).slice(0, 6_000);
}

/**
 * The first place of the stack in `folder`, the URL of `jobs/`, written as `jobs/x.ts:12`; undefined when the stack has
 * none.
 */
export function placeInJobs(error: unknown, folder: URL): string | undefined {
  const anywhere = `(?:${RegExp.escape(folder.href)}|${RegExp.escape(fileURLToPath(folder))})`;
  const place = new RegExp(`${anywhere}([^\\s:()]+:\\d+)`).exec(wholeStackOf(error))?.[1];
  return place === undefined ? undefined : `jobs/${place}`;
}

function wholeStackOf(error: unknown): string {
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
