/** The texts of `job --help` and `job list`. */

import type { Registry } from '../registry.ts';
import type { Typed } from '../screen/typed.ts';
import { COMMANDS } from './index.ts';

/** The text of `job --help`. */
export async function overview(registry: Registry, typed: Typed): Promise<string> {
  return `Usage: ${typed.command(['job'])} <name> [options]

Scheduled work on a Gmail mailbox: fetches the credential, does one batch of work, exits.

Jobs:
${await list(registry)}
Options of every job:
  --dry-run            say what would change, and change nothing
  --budget <duration>  stop after this time; the next run continues (default 50m; 23h30m with heroku run)
  -h, --help           show the help of a job

Commands:
${await listCommands()}
Exit codes:
  0         done, nothing to do, or the budget is used up
  2         usage
  65        items failed, or a guard stopped the work
  75        a service was not available, or quota ran out
  77        credentials
  78        configuration
  130, 143  stopped by a signal
  1         a bug
`;
}

/** The text of `job list`. */
export async function list(registry: Registry): Promise<string> {
  return table(await Promise.all(registry.names.map(async (name) => [name, (await registry.load(name)).summary])));
}

async function listCommands(): Promise<string> {
  const rows = Object.entries(COMMANDS).map(async ([name, load]) => [name, (await load()).summary]);
  return table([
    ...(await Promise.all(rows)),
    ['list', 'List the jobs'],
    ['help', 'Show this help, or that of the job or command named after it'],
  ]);
}

function table(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([name = '']) => name.length));
  return rows.map(([name = '', summary]) => `  ${name.padEnd(width)}  ${summary}\n`).join('');
}
