/**
 * `npm run bench:fleet [mailboxes] [many]`: measures fleets of apply-rules in empty mailboxes, with three rules, and 100 ms
 * for each answer: how many mailboxes a second one process works on, and how much memory 100 and `many` (5,000) take.
 * Exits 1 when a limit is exceeded.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { testProgram } from '../fixtures/program.ts';
import { commandWith, ROOT } from '../run.ts';
import { measure, surroundings, type Usage, type Variables } from './children.ts';
import { type FleetStandInOptions, type FleetStandInReport, WORKSPACE } from './fleet-stand-in.ts';

const STAND_IN = fileURLToPath(new URL('fleet-stand-in.ts', import.meta.url));
const LATENCY_MS = 100;
const AT_ONCE = 20;
const FEW = 100;

const LEAST_A_SECOND = 20;
const MOST_GROWTH = 1.3;

interface Row {
  readonly title: string;
  readonly mailboxes: number;
  readonly wallMs: number;
  readonly perSecond: number;
  /** Of the largest process. */
  readonly memoryMb: number;
  /** CPU time for each mailbox. */
  readonly cpuMs: { readonly jobs: number; readonly standIn: number };
  /** Requests for each mailbox. */
  readonly requests: number;
}

/** A figure, its limit, and whether the limit is kept. */
type Verdict = readonly [title: string, figure: string, limit: string, isKept: boolean];

const [mailboxes = 1_500, many = 5_000] = process.argv.slice(2).map(Number);
const program = [...(await commandWith('installed')).slice(1), 'fleet', '--at-once', String(AT_ONCE), 'apply-rules'];

process.stdout.write(`job fleet --at-once ${AT_ONCE} apply-rules: empty mailboxes, three rules, ${LATENCY_MS} ms for each answer
${surroundings()}; one run each. The stand-in runs on the same processors, in a process of its own.\n\n`);
show(['', 'mailboxes', 'wall, s', 'a second', 'MB', 'requests', 'CPU: jobs', 'stand-in']);
const few = await run('a secret for each mailbox', FEW);
const large = await run('a secret for each mailbox', many);
const fewOfOneKey = await run('one service account', FEW, { key: WORKSPACE });
const manyOfOneKey = await run('one service account', mailboxes, { key: WORKSPACE });
process.stdout.write(
  '\nRequests and milliseconds of CPU time are for each mailbox. MB: peak memory of the process.\n\n',
);
judge([
  atLeast(`mailboxes a second, of ${many}`, large.perSecond, LEAST_A_SECOND),
  atMost(`memory, ${many} mailboxes to ${FEW}`, large.memoryMb / few.memoryMb, MOST_GROWTH),
  atMost(
    `the same, one service account, ${mailboxes} to ${FEW}`,
    manyOfOneKey.memoryMb / fewOfOneKey.memoryMb,
    MOST_GROWTH,
  ),
]);

/** Runs the fleet in one process, and prints the row. Throws when a mailbox failed or was not worked on exactly once. */
async function run(title: string, count: number, { key }: { readonly key?: string } = {}): Promise<Row> {
  const names = Array.from({ length: count }, (_, index) => `m${index}`);
  const list = key
    ? [{ serviceAccount: key, subjects: names.map((name) => `${name}@example.com`) }]
    : names.map((name) => ({ secret: `gmail-jobs/${name}` }));
  await using standIn = await startStandIn({ mailboxes: count, latencyMs: LATENCY_MS });
  const env = { ...standIn.env, MAILBOXES_FILE: await writeList(list), RULES_FILE: 'test/bench/rules.yaml' };
  await standIn.report();
  const usage = await measure(program, env);
  const report = await standIn.report();
  if (report.tokens !== count) throw new Error(`${report.tokens} access tokens for ${count} mailboxes`);
  const row = rowOf(title, count, usage, report);
  showRow(row);
  return row;
}

async function startStandIn(options: FleetStandInOptions) {
  const child = fork(STAND_IN, [JSON.stringify(options)]);
  const [{ GMAIL_SECRET_ID: _, ...env }] = (await once(child, 'message')) as [Variables];
  return {
    env,
    async report() {
      child.send('report');
      const [report] = (await once(child, 'message')) as [FleetStandInReport];
      return report;
    },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

/** Writes mailboxes.yaml into the program's folder, which it may read. */
async function writeList(list: readonly object[]): Promise<string> {
  const file = `${await testProgram('installed')}/mailboxes.json`;
  await writeFile(`${ROOT}/${file}`, JSON.stringify({ mailboxes: list }));
  return file;
}

function rowOf(title: string, count: number, usage: Usage, { cpuMs, requests }: FleetStandInReport): Row {
  return {
    title,
    mailboxes: count,
    wallMs: usage.wallMs,
    perSecond: count / (usage.wallMs / 1_000),
    memoryMb: usage.memoryMb,
    cpuMs: { jobs: usage.cpuMs / count, standIn: cpuMs / count },
    requests: requests / count,
  };
}

function showRow({ title, mailboxes: count, wallMs, perSecond, memoryMb, cpuMs, requests }: Row): void {
  show([
    title,
    String(count),
    (wallMs / 1_000).toFixed(1),
    perSecond.toFixed(1),
    memoryMb.toFixed(0),
    requests.toFixed(1),
    cpuMs.jobs.toFixed(1),
    cpuMs.standIn.toFixed(1),
  ]);
}

function show([title = '', ...cells]: readonly string[]): void {
  process.stdout.write(`${title.padEnd(30)}${cells.map((cell) => cell.padStart(11)).join('')}\n`);
}

function atLeast(title: string, figure: number, limit: number): Verdict {
  return [title, figure.toFixed(2), `at least ${limit}`, figure >= limit];
}

function atMost(title: string, figure: number, limit: number): Verdict {
  return [title, figure.toFixed(2), `at most ${limit}`, figure <= limit];
}

function judge(verdicts: readonly Verdict[]): void {
  for (const [title, figure, limit, isKept] of verdicts)
    process.stdout.write(`${title.padEnd(56)}${figure.padStart(8)}   ${limit}${isKept ? '' : '   EXCEEDED'}\n`);
  const isWithin = verdicts.every(([, , , isKept]) => isKept);
  process.stdout.write(isWithin ? '\nWithin all limits.\n' : '\nA limit is exceeded.\n');
  if (!isWithin) process.exitCode = 1;
}
