/**
 * `npm run bench:throughput [units]`: measures apply-rules and a job that reads messages on 10,000 and 100,000 messages,
 * with Gmail's latencies and the quota enforced, a plain script that changes one message per request, and copies of
 * mailboxes (backup.ts). The quota is `units` a minute for the first two (30,000 by default, Google's is 6,000), so that the
 * benchmark ends within ten minutes.
 * Exits 1 when a run of the program exceeds its wall time, is refused, or spends more units than needed.
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { testProgram } from '../fixtures/program.ts';
import { commandWith } from '../run.ts';
import { type Account, accountFor } from './account.ts';
import { measureBackups } from './backup.ts';
import { measure, startStandIn, surroundings, type Usage } from './children.ts';
import type { StandInReport } from './stand-in.ts';
import { showNotes, showRow, showTitles } from './throughput-table.ts';

const SIZES = [10_000, 100_000] as const;
const MINUTE_MS = 60_000;

/** The factor by which a run may exceed the minutes that the quota imposes. */
const MOST = 1.03;

/** The plain script ends after so many minutes' worth of units; the rest is extrapolated. */
const PLAIN_WINDOWS = 2;

const RULES = [
  {
    name: 'old-promotions',
    query: 'category:promotions older_than:14d',
    actions: { archive: true, markRead: true, addLabels: ['Auto/Archived'] },
  },
  { name: 'old-mail', query: 'older_than:30d', actions: { addLabels: ['Auto/Old'] } },
];

/** One run of a contender. */
export interface Row extends Account, Usage {
  readonly title: string;
  readonly mailbox: number;
  /** Units spent, in minutes' worth, rounded up. */
  readonly windows: number;
  /** The limit of the wall time. */
  readonly mostMs: number;
}

const unitsPerMinute = Number(process.argv[2] ?? 30_000);
const applyRules = [...(await commandWith('installed')).slice(1), 'apply-rules'];
const readStarred = [...(await commandWith('fixtures')).slice(1), 'read-starred'];
const withJournal = await writeRules(true);
const withoutJournal = await writeRules(false);

process.stdout.write(`apply-rules and read-starred on large mailboxes, one run each on a new mailbox
${surroundings()}
Latency: lognormal, median 120 ms, sigma 0.4. Quota: ${unitsPerMinute} units a minute for all; Google's is 6000.\n\n`);
showTitles();
const applied: Row[] = [];
const bare: Row[] = [];
const read: Row[] = [];
for (const size of SIZES) {
  applied.push(await run('apply-rules', size, applyRules, withJournal));
  bare.push(await run('  without journal', size, applyRules, withoutJournal));
  read.push(await run('read-starred', size, readStarred, withJournal));
}
const cap = Math.floor((PLAIN_WINDOWS * unitsPerMinute) / 5);
const plain = await run('plain script', SIZES[0], ['test/bench/plain-changes.mjs', String(cap)], withJournal);
showNotes({ applied, bare, read, plain });
const missedByBackups = await measureBackups();
const missed = [
  ...[...applied, ...bare, ...read].flatMap((row) => missedBy(row, bare.includes(row) || read.includes(row))),
  ...missedByBackups,
];
process.stdout.write(
  missed.length > 0 ? missed.map((text) => `Over the limit: ${text}\n`).join('') : 'Within all limits.\n',
);
if (missed.length > 0) process.exitCode = 1;

/** Runs Node with these words on a mailbox of `mailbox` messages, and prints the row. */
async function run(title: string, mailbox: number, words: readonly string[], RULES_FILE: string): Promise<Row> {
  const { env: variables, child } = await startStandIn({ messages: mailbox, unitsPerMinute });
  try {
    const startedAt = performance.timeOrigin + performance.now();
    const env = { ...variables, RULES_FILE, GMAIL_QUOTA_PER_MINUTE: String(unitsPerMinute) };
    const usage = await measure(words, env);
    child.send('report');
    const [report] = (await once(child, 'message')) as [StandInReport];
    const account = await accountFor(report, startedAt);
    const windows = Math.ceil(account.units / unitsPerMinute);
    const mostMs = MOST * (windows - 1) * MINUTE_MS + account.ownMs;
    const row = { title, mailbox, ...usage, ...account, windows, mostMs };
    showRow(row);
    return row;
  } finally {
    child.disconnect();
  }
}

/** Writes the rules into the program's folder, which it may read. */
async function writeRules(undo: boolean): Promise<string> {
  const file = `${await testProgram('installed')}/rules-${undo ? 'with' : 'without'}-journal.json`;
  await writeFile(file, JSON.stringify({ undo, maxChanges: 1_000_000, rules: RULES }));
  return file;
}

/** The limits that the run exceeded, in words. */
function missedBy(row: Row, mustBeLeast: boolean): string[] {
  const { title, mailbox, refusals, units, leastUnits, wallMs, mostMs } = row;
  const texts: string[] = [];
  if (wallMs > mostMs) texts.push(`${(wallMs / 1_000).toFixed(1)} s instead of ${(mostMs / 1_000).toFixed(1)} s`);
  if (refusals > 0) texts.push(`${refusals} refusals`);
  if (mustBeLeast && units > leastUnits) texts.push(`${units} units instead of ${leastUnits}`);
  return texts.map((text) => `${title.trim()} on ${mailbox} messages: ${text}`);
}
