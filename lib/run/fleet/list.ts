/** `job fleet --list`: prints the mailboxes of the fleet, the repeated ones, and the entries that failed. */
import { counted } from '../../base/count.ts';
import { ExitCode, JobError } from '../../errors.ts';
import { tableLines } from '../../screen/table.ts';
import type { Terminal } from '../../screen/terminal.ts';
import type { FoundMailboxes } from './mailboxes.ts';

/**
 * Prints the list, where an entry whose rules file is missing or wrong has failed, too. Returns 0 when no entry failed, the
 * code of the failed entries when they share one, else 65.
 */
export async function printList(
  found: FoundMailboxes,
  { json, terminal }: { readonly json: boolean; readonly terminal: Terminal },
): Promise<ExitCode> {
  const failures = [...found.failures, ...(await findBrokenRules(found.sources))];
  if (json) for (const line of jsonLines(found)) terminal.printExactly(JSON.stringify(line));
  else printTable(found, terminal);
  return printFailures(failures, { json, terminal });
}

/** Prints the entries that failed, and returns their exit code, as `printList`. */
export function printFailures(
  failures: FoundMailboxes['failures'],
  { json, terminal }: { readonly json: boolean; readonly terminal: Terminal },
): ExitCode {
  if (failures.length > 0 && !json) terminal.print('\nFailed:');
  for (const { source, error } of failures) {
    const { message, remedy, exitCode } = error;
    if (json) terminal.printExactly(JSON.stringify({ failed: source, exitCode, error: message, remedy }));
    else terminal.print(`  ${source}: ${message}. ${remedy}`, 2);
  }
  const codes = new Set(failures.map(({ error }) => error.exitCode));
  const [code = ExitCode.ok] = codes;
  return codes.size > 1 ? ExitCode.itemsFailed : code;
}

async function findBrokenRules(sources: FoundMailboxes['sources']): Promise<FoundMailboxes['failures']> {
  const problems = new Map<string, JobError | undefined>();
  for (const { rulesFile } of sources)
    if (rulesFile !== undefined && !problems.has(rulesFile)) problems.set(rulesFile, await problemOf(rulesFile));
  return sources.flatMap(({ label: source, rulesFile = '' }) => {
    const error = problems.get(rulesFile);
    return error === undefined ? [] : [{ source, error }];
  });
}

async function problemOf(rulesFile: string): Promise<JobError | undefined> {
  const { readRulesFile } = await import('../../rules/schema.ts');
  try {
    await readRulesFile(rulesFile);
    return undefined;
  } catch (error) {
    if (error instanceof JobError) return error;
    throw error;
  }
}

function jsonLines({ mailboxes, repeated }: FoundMailboxes): object[] {
  return [
    ...mailboxes.map(({ name, source, mailbox: expected, rulesFile: rules }) => {
      return { name, source, email: expected?.address, rules };
    }),
    ...repeated.map(({ name, source, firstSource }) => ({ repeated: name, source, firstSource })),
  ];
}

function printTable({ mailboxes, repeated }: FoundMailboxes, terminal: Terminal): void {
  if (mailboxes.length > 0) {
    const rows = mailboxes.map(({ name, mailbox, rulesFile, source }) => [
      name,
      mailbox?.address ?? '–',
      rulesFile ?? '–',
      // The place alone, without the text in parentheses.
      source.replace(/ \(.*$/, ''),
    ]);
    for (const line of tableLines(['mailbox', 'email', 'rules', 'entry'], rows)) terminal.printExactly(line);
    terminal.print();
  }
  terminal.print(`${counted(mailboxes.length, 'mailbox', 'mailboxes')}.`);
  if (repeated.length > 0) terminal.print('\nNamed twice; the first entry counts:');
  for (const { name, source, firstSource } of repeated) terminal.print(`  ${name}: ${source}, first ${firstSource}`, 2);
}
