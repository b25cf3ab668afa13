/** `job fleet --status`: prints how each mailbox ended last, as JSON lines or as a table. */
import { counted, formatCount } from '../../base/count.ts';
import { formatAge } from '../../base/duration.ts';
import { ExitCode } from '../../errors.ts';
import { withoutControls } from '../../screen/controls.ts';
import { tableLines } from '../../screen/table.ts';
import type { Terminal } from '../../screen/terminal.ts';
import type { FleetStatus, MailboxStatus, StatusRequest } from './queue.ts';

/** The table has at most this many failed mailboxes, and this many others. */
const MOST_SHOWN = 20;

/** The indent of continued lines and of errors. */
const INDENT = 4;

/**
 * Prints the failed mailboxes, then the others, both from the oldest end to the newest. `status` is undefined when the
 * database has no tables; JSON is then empty.
 */
export function printStatus(
  status: FleetStatus | undefined,
  request: StatusRequest,
  { json, terminal, now }: { readonly json: boolean; readonly terminal: Terminal; readonly now: Date },
): void {
  const oldestFirst = status?.ends.toSorted((a, b) => Date.parse(a.endedAt) - Date.parse(b.endedAt)) ?? [];
  const failed = oldestFirst.filter(hasFailed);
  const others = oldestFirst.filter((end) => !hasFailed(end));
  if (json) {
    for (const end of [...failed, ...others]) terminal.printExactly(JSON.stringify(end));
  } else if (status === undefined) {
    terminal.print('No fleet has used this database yet: it has no tables of gmail-jobs.');
  } else {
    const jobs = [...new Set([...status.ends, ...status.open].map(({ job }) => job))].sort();
    printTable(failed, others, jobs.length > 1, terminal, now);
    printUnknown(status, request, terminal);
    if (failed.length > 0) terminal.print(`${retryHint(failed)}\n`);
    for (const job of jobs) terminal.print(sumsOf(job, status), INDENT);
  }
}

function printTable(
  failed: readonly MailboxStatus[],
  others: readonly MailboxStatus[],
  hasJobs: boolean,
  terminal: Terminal,
  now: Date,
): void {
  if (failed.length + others.length === 0) return;
  const shownFailed = failed.slice(0, MOST_SHOWN);
  const shownOthers = others.slice(0, MOST_SHOWN);
  const rows = [...shownFailed, ...shownOthers].map(({ mailbox, job, exitCode, outcome, endedAt }) => {
    const ended = new Date(endedAt);
    const when = `${localTime(ended)}, ${formatAge(now.getTime() - ended.getTime())} ago`;
    return [
      withoutControls(mailbox),
      ...(hasJobs ? [job] : []),
      exitCode === ExitCode.ok ? outcome : `${outcome} (${exitCode})`,
      when,
    ];
  });
  const [head, ...lines] = tableLines(['mailbox', ...(hasJobs ? ['job'] : []), 'outcome', 'ended'], rows);
  terminal.print(head, INDENT);
  const firstWith = new Map<string, string>();
  for (const [index, end] of shownFailed.entries()) {
    terminal.print(lines[index], INDENT);
    const reason = reasonOf(end);
    const first = firstWith.get(reason);
    terminal.print(first === undefined ? reason : `${' '.repeat(INDENT)}(the same error as ${first})`);
    if (first === undefined) firstWith.set(reason, end.mailbox);
  }
  printMore(failed.length - shownFailed.length, 'failed', terminal);
  if (failed.length > 0 && others.length > 0) terminal.print();
  for (const line of lines.slice(shownFailed.length)) terminal.print(line, INDENT);
  printMore(others.length - shownOthers.length, 'ended later', terminal);
  terminal.print();
}

function reasonOf({ error, remedy }: MailboxStatus): string {
  const sentences = [error ?? 'The log has its error.', remedy].filter((text) => text !== null);
  return sentences.map((text) => ' '.repeat(INDENT) + withoutControls(text)).join('\n');
}

function printMore(count: number, what: string, terminal: Terminal): void {
  if (count > 0) terminal.print(`… and ${formatCount(count)} more that ${what}; --json prints all.`);
}

function printUnknown({ ends, open }: FleetStatus, { job, mailboxes = [] }: StatusRequest, terminal: Terminal): void {
  const of = job === undefined ? '' : ` of ${job}`;
  const known = new Set(ends.map(({ mailbox }) => mailbox));
  const unknown = mailboxes.filter((name) => !known.has(name));
  for (const name of unknown)
    terminal.print(`No run${of} has ended in ${name}. Names are those of the log; \`job fleet --list\` prints them.`);
  if (unknown.length === 0 && ends.length + open.length === 0) terminal.print(`No run${of} is recorded.`);
}

function retryHint(failed: readonly MailboxStatus[]): string {
  const jobs = new Set(failed.map(({ job }) => job));
  const [job] = jobs;
  return `Correct the causes. The job runs again in these mailboxes in the next period; \`job fleet --retry ${jobs.size === 1 ? job : '<job>'}\` runs it now in those that failed in this period.`;
}

function sumsOf(job: string, { ends, open }: FleetStatus): string {
  const all = ends.filter((end) => end.job === job);
  const codes = countBy(all.filter(hasFailed), ({ exitCode }) => `with ${exitCode}`);
  const outcomes = countBy(
    all.filter((end) => !hasFailed(end)),
    ({ outcome }) => outcome,
  );
  const failed = all.filter(hasFailed).length;
  const parts = [...(failed > 0 ? [`${formatCount(failed)} failed (${codes.join(', ')})`] : []), ...outcomes];
  const { waiting = 0, active = 0 } = open.find((one) => one.job === job) ?? {};
  const now = waiting + active === 0 ? '' : `; now ${formatCount(waiting)} waiting, ${formatCount(active)} in work`;
  if (all.length === 0) return `${job}: no mailbox has ended yet${now}.`;
  return `${job} in ${counted(all.length, 'mailbox', 'mailboxes')}: ${parts.join(', ')}${now}.`;
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): string[] {
  const groups = [...Map.groupBy(items, keyOf)].sort(([, a], [, b]) => b.length - a.length);
  return groups.map(([key, { length }]) => `${formatCount(length)} ${key}`);
}

/** `Nov 27 14:03`, in the time zone of this machine. */
function localTime(time: Date): string {
  // The language defines this format: Fri Nov 27 2026 14:03:00 GMT+0100 (…).
  const text = time.toString();
  return `${text.slice(4, 10)} ${text.slice(16, 21)}`;
}

function hasFailed({ exitCode }: MailboxStatus): boolean {
  return exitCode !== ExitCode.ok && exitCode !== ExitCode.sigint && exitCode !== ExitCode.sigterm;
}
