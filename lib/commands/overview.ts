/** The texts of `job --help` and `job list`. */

import { EXIT_CODES } from '../errors.ts';
import { COMMON_OPTIONS, usageOf } from '../options.ts';
import { NAMING_RULE, type Registry } from '../registry.ts';
import type { CommandSpelling } from '../screen/command-spelling.ts';
import { COMMANDS } from './index.ts';

export async function overview(registry: Registry, spelling: CommandSpelling): Promise<string> {
  const common = Object.entries(COMMON_OPTIONS).map(([key, spec]) => [usageOf(key, spec), spec.summary]);
  return `Usage: ${spelling.command(['job'])} <name> [options]

Runs jobs on a Gmail mailbox. Each run fetches the credentials from AWS, does one batch of work and exits.

Jobs:
${await list(registry)}
Options of every job:
${table([...common, ['-h, --help', 'show the help of a job']])}
Commands:
${await listCommands()}
Exit codes:
${table(EXIT_CODES)}`;
}

/** The jobs, then broken jobs with their faults, then files in `jobs/` that are no jobs. */
export async function list(registry: Registry): Promise<string> {
  const jobs = await registry.all();
  const sound = jobs.flatMap((one) => ('job' in one ? [[one.name, one.job.summary]] : []));
  const broken = jobs.flatMap((one) => ('fault' in one ? [[one.name, one.fault.message]] : []));
  return [
    table(sound),
    ...(broken.length === 0 ? [] : [`\nBroken jobs:\n${table(broken)}`]),
    ...(registry.misnamed.length === 0
      ? []
      : [`\nFiles that are no jobs:\n${table(registry.misnamed.map((file) => [file, '']))}\n${NAMING_RULE}\n`]),
  ].join('');
}

async function listCommands(): Promise<string> {
  const rows = Object.entries(COMMANDS).map(async ([name, load]) => [name, (await load()).summary]);
  return table([
    ...(await Promise.all(rows)),
    ['fleet', 'Run a job in many mailboxes: fleet <job>'],
    ['list', 'List the jobs'],
    ['help', 'Show this help, or that of a job or command: help <name>'],
  ]);
}

function table(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([name = '']) => name.length));
  return rows.map(([name = '', summary]) => `${`  ${name.padEnd(width)}  ${summary}`.trimEnd()}\n`).join('');
}
