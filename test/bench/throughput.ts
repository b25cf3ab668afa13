/**
 * `npm run bench:throughput [units]`: what apply-rules and a job that reads messages take on 10,000 and on 100,000
 * messages, with latencies like Gmail's and the quota enforced, beside a plain script that changes message by message.
 * So that it ends within minutes, the quota is `units` a minute (30,000) instead of Google's 6,000, for all alike.
 * Exits 1 when a run of the program takes longer than it must, is refused, or spends more units than it must.
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { distWith, type ExtendedDist } from '../fixtures/dist.ts';
import { type Account, accountFor } from './account.ts';
import { measure, PROGRAM, startStandIn, surroundings, type Usage } from './children.ts';
import type { StandInReport } from './stand-in.ts';
import { showNotes, showRow, showTitles } from './throughput-table.ts';

const SIZES = [10_000, 100_000] as const;
const MINUTE_MS = 60_000;

/** How much longer than the minutes that the quota imposes a run may take. */
const MOST = 1.03;

/** Windows of the quota that the plain script is given; the rest is extrapolated. */
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
  /** Minutes' worth of units that it spent, rounded up. */
  readonly windows: number;
  /** The longest that it may take. */
  readonly mostMs: number;
}

const unitsPerMinute = Number(process.argv[2] ?? 30_000);
await using dist = await distWith('read-starred');
const withJournal = await writeRules(dist, true);
const withoutJournal = await writeRules(dist, false);
const program = [...PROGRAM.slice(0, -1), `--allow-fs-read=${dist.folder}`, `${dist.folder}/main.js`];

process.stdout.write(`${surroundings()}; one run each, each on a mailbox of its own
Latency: lognormal, median 120 ms, sigma 0.4. Quota: ${unitsPerMinute} units a minute for all; Google's is 6000.\n\n`);
showTitles();
const applied: Row[] = [];
const bare: Row[] = [];
const read: Row[] = [];
for (const size of SIZES) {
  applied.push(await run('apply-rules', size, [...program, 'apply-rules'], withJournal));
  bare.push(await run('  without journal', size, [...program, 'apply-rules'], withoutJournal));
  read.push(await run('read-starred', size, [...program, 'read-starred'], withJournal));
}
const cap = Math.floor((PLAIN_WINDOWS * unitsPerMinute) / 5);
const plain = await run('plain script', SIZES[0], ['test/bench/plain-changes.mjs', String(cap)], withJournal);
showNotes({ applied, bare, read, plain });
const missed = [...applied, ...bare, ...read].flatMap((row) => missedBy(row, bare.includes(row) || read.includes(row)));
for (const text of missed) process.stdout.write(`missed: ${text}\n`);
if (missed.length > 0) process.exitCode = 1;

/** Runs Node with these words on a mailbox of `mailbox` messages, and shows what it took. */
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

/** A rules file where the program may read it. */
async function writeRules({ folder }: ExtendedDist, undo: boolean): Promise<string> {
  const file = `${folder}/rules-${undo ? 'with' : 'without'}-journal.json`;
  await writeFile(file, JSON.stringify({ undo, rules: RULES }));
  return file;
}

/** The targets that a run missed, in words. */
function missedBy(row: Row, mustBeLeast: boolean): string[] {
  const { title, mailbox, refusals, units, leastUnits, wallMs, mostMs } = row;
  const texts: string[] = [];
  if (wallMs > mostMs) texts.push(`${(wallMs / 1_000).toFixed(1)} s instead of ${(mostMs / 1_000).toFixed(1)} s`);
  if (refusals > 0) texts.push(`${refusals} refusals`);
  if (mustBeLeast && units > leastUnits) texts.push(`${units} units instead of ${leastUnits}`);
  return texts.map((text) => `${title.trim()} on ${mailbox} messages: ${text}`);
}
