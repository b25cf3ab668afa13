/** `job runs`: lists the recent runs that changed something, and whether each can be undone. Changes nothing. */
import { systemClock } from '../base/clock.ts';
import { counted, formatCount } from '../base/count.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { readConfig } from '../config.ts';
import { ExitCode } from '../errors.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { prepareProofs } from '../google/token.ts';
import { Scope } from '../job.ts';
import { countOption, jsonOption } from '../options.ts';
import { openConnection, readOnlyMailbox } from '../run/connection.ts';
import { tableLines } from '../screen/table.ts';
import { KEPT_DAYS } from '../undo/journal-message.ts';
import { JournalStore, type RunSummary } from '../undo/journal-store.ts';

const DEFAULT_LIMIT = 20;

/** Columns. A wrapped line continues below the second column. */
const RUN_WIDTH = '20261123-031608-7f3a  '.length;

export default defineCommand({
  summary: 'List the recent runs that changed something, and whether they can be undone',
  description: 'Costs 20 quota units for each run. Runs that changed nothing, or kept no journal, are not listed.',
  options: {
    limit: countOption('<n>', `the most runs to list (default ${DEFAULT_LIMIT})`, 1),
    json: jsonOption,
  },

  async run({ options: { limit = DEFAULT_LIMIT, json }, terminal, ...context }) {
    const mailbox = await openMailbox(context);
    const wait = (ms: number) => systemClock.sleep(ms, context.signal);
    const runs = await new JournalStore({ mailbox, wait }).list(limit);
    if (json) {
      for (const run of runs) terminal.printExactly(JSON.stringify({ ...run, canBeUndone: canBeUndone(run) }));
    } else if (runs.length === 0) {
      terminal.print(`No run can be undone: no run of the last ${KEPT_DAYS} days kept a journal.`);
    } else {
      for (const line of table(runs)) terminal.print(line, RUN_WIDTH);
      if (runs.some(canBeUndone))
        terminal.print('\n`job undo <run>` takes a run back, `job undo --last` the newest one.');
    }
    return ExitCode.ok;
  },
});

type Opening = Pick<CommandContext<Record<string, never>>, 'env' | 'hide' | 'registry' | 'allowHosts' | 'signal'>;

async function openMailbox({ env, hide, registry, allowHosts, signal }: Opening): Promise<Mailbox> {
  const config = readConfig(env);
  const connection = await openConnection(config, {
    jobName: 'job runs',
    // The scope of `job undo`, so that a listed run can be undone.
    scopes: [Scope.modify],
    installed: () => registry.scopes(),
    signals: { wrapUp: signal, giveUp: signal },
    hide,
    openProofs: prepareProofs({ keys: config.awsKeys, allowHosts }),
  });
  await connection.firstToken;
  return readOnlyMailbox(connection, signal);
}

function canBeUndone({ undone, daysLeft }: RunSummary): boolean {
  return !undone && daysLeft > 0;
}

function table(runs: readonly RunSummary[]): string[] {
  const rows = runs.map((run) => [
    run.runId,
    `${run.startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    run.job,
    formatCount(run.messages),
    stateOf(run),
  ]);
  const head = ['run', 'began', 'job', 'changes', 'can be undone'];
  return tableLines(head, rows, [3]);
}

function stateOf({ undone, daysLeft }: RunSummary): string {
  if (undone) return 'undone already';
  if (daysLeft === 0) return 'too old';
  return `for ${counted(daysLeft, 'day')}`;
}
