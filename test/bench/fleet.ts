/**
 * `.ci/postgres.sh npm run bench:fleet [mailboxes] [many]`: measures fleets of apply-rules in empty mailboxes, with three
 * rules, and 100 ms for each answer of AWS, Google and PostgreSQL: mailboxes a second, the share of the database, three
 * processes against one, with `mailboxes` (1,000); and the memory of a process with 100 mailboxes and with `many` (5,000).
 * Exits 1 when a limit is exceeded. Leaves out what needs PostgreSQL when POSTGRES_TEST_URL is not set.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createDatabase, type TestDatabase } from '../fixtures/postgres.ts';
import { testProgram } from '../fixtures/program.ts';
import { commandWith, ROOT } from '../run.ts';
import { measure, surroundings, type Variables } from './children.ts';
import { type FleetStandInOptions, type FleetStandInReport, WORKSPACE } from './fleet-stand-in.ts';
import { postgresCpu } from './postgres-cpu.ts';

const STAND_IN = fileURLToPath(new URL('fleet-stand-in.ts', import.meta.url));
const LATENCY_MS = 100;
const AT_ONCE = 20;
const FEW = 100;

const LEAST_A_SECOND = 20;
const MOST_GROWTH = 1.3;
const LEAST_OF_THREE = 2;
const MOST_OF_DATABASE = 0.05;

interface RunOptions {
  readonly processes?: number;
  /** Each run in the database needs an `--every` of its own: a mailbox is worked on once in a period. */
  readonly inDatabase?: { readonly database: TestDatabase; readonly every: string };
  /** One service account for all mailboxes, in place of a secret for each. */
  readonly usesServiceAccount?: boolean;
}

/** One fleet. Figures of CPU time, requests and statements are for each mailbox. */
interface Row {
  readonly title: string;
  readonly mailboxes: number;
  readonly wallMs: number;
  readonly perSecond: number;
  /** The peak of the process with the most memory. */
  readonly memoryMb: number;
  readonly requests: number;
  readonly statements: number;
  /** PostgreSQL's time for the statements, in milliseconds, without latency. */
  readonly statementsMs: number;
  readonly jobsMs: number;
  readonly standInMs: number;
  /** Undefined without a database, or where its processes are not visible. */
  readonly postgresMs: number | undefined;
}

/** A figure, its limit, and whether the limit is kept. */
type Verdict = readonly [title: string, figure: string, limit: string, isKept: boolean];

const [mailboxes = 1_000, many = 5_000] = process.argv.slice(2).map(Number);
const hasDatabase = process.env.POSTGRES_TEST_URL !== undefined;
const program = (await commandWith('installed')).slice(1);

process.stdout.write(`job fleet --at-once ${AT_ONCE} apply-rules: empty mailboxes, three rules, ${LATENCY_MS} ms for each answer
${surroundings()}; one run each. Stand-in and PostgreSQL run on the same processors.\n\n`);
showTitles();
const few = await run('one process', FEW);
const large = await run('one process', many);
const ofOneKey = await run('one service account', mailboxes, { usesServiceAccount: true });
const verdicts = [
  atLeast(`mailboxes a second in one process, of ${many}`, large.perSecond, LEAST_A_SECOND),
  atLeast(`the same, one service account, of ${mailboxes}`, ofOneKey.perSecond, LEAST_A_SECOND),
  atMost(`memory with ${many} mailboxes, as a multiple of ${FEW}`, large.memoryMb / few.memoryMb, MOST_GROWTH),
];
if (hasDatabase) {
  await using database = await createDatabase();
  const inDatabase = (every: string) => ({ inDatabase: { database, every } });
  // The first process in a database creates its tables.
  await run('first process in a database', 1, inDatabase('week'));
  // In turns, since other work on the machine changes both.
  const without = [await run('one process', mailboxes)];
  const withDatabase = [await run('  with a database', mailboxes, inDatabase('hour'))];
  const three = await run('three processes', mailboxes, { ...inDatabase('2h'), processes: 3 });
  withDatabase.push(await run('one process with a database', mailboxes, inDatabase('3h')));
  without.push(await run('  without', mailboxes));
  const [bare, shared] = [sumOf(without), sumOf(withDatabase)];
  verdicts.push(
    atMost("the database's part of one process's time", 1 - bare / shared, MOST_OF_DATABASE),
    atLeast('three processes, as a multiple of one', shared / withDatabase.length / three.wallMs, LEAST_OF_THREE),
  );
  showBusy(three);
}
showNotes();
judge(verdicts);

/** Runs the fleet, and prints the row. Throws when a mailbox failed or was not worked on exactly once. */
async function run(
  title: string,
  count: number,
  { processes = 1, inDatabase, usesServiceAccount = false }: RunOptions = {},
): Promise<Row> {
  const { database, every = 'hour' } = inDatabase ?? {};
  await using standIn = await startStandIn({ mailboxes: count, latencyMs: LATENCY_MS, databaseUrl: database?.url });
  const list = usesServiceAccount ? [ofServiceAccount(count)] : ofSecrets(count);
  const env = { ...standIn.env, MAILBOXES_FILE: await writeList(list), RULES_FILE: 'test/bench/rules.yaml' };
  const words = [...program, 'fleet', '--every', every, '--at-once', String(AT_ONCE), 'apply-rules'];
  await standIn.report();
  const postgres = database && (await postgresCpu(database));
  const startedMs = performance.now();
  const usages = await Promise.all(Array.from({ length: processes }, () => measure(words, env)));
  const wallMs = performance.now() - startedMs;
  const postgresMs = postgres?.sinceStart();
  const report = await standIn.report();
  if (report.tokens !== count) throw new Error(`${report.tokens} access tokens for ${count} mailboxes`);
  const row: Row = {
    title,
    mailboxes: count,
    wallMs,
    perSecond: count / (wallMs / 1_000),
    memoryMb: Math.max(...usages.map(({ memoryMb }) => memoryMb)),
    requests: report.requests / count,
    statements: report.statements.count / count,
    statementsMs: report.statements.serverMs / count,
    jobsMs: usages.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / count,
    standInMs: report.cpuMs / count,
    postgresMs: postgresMs && postgresMs / count,
  };
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

function ofSecrets(count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({ secret: `gmail-jobs/m${index}` }));
}

function ofServiceAccount(count: number): object {
  return {
    serviceAccount: WORKSPACE,
    subjects: Array.from({ length: count }, (_, index) => `m${index}@example.com`),
  };
}

/** Writes mailboxes.yaml into the program's folder, which it may read. */
async function writeList(list: readonly object[]): Promise<string> {
  const file = `${await testProgram('installed')}/mailboxes.json`;
  await writeFile(`${ROOT}/${file}`, JSON.stringify({ mailboxes: list }));
  return file;
}

function sumOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { wallMs }) => sum + wallMs, 0);
}

function showTitles(): void {
  show([
    '',
    ...['mailboxes', 'wall, s', 'a second', 'MB', 'requests', 'statements', 'their ms'],
    ...['CPU: jobs', 'stand-in', 'PostgreSQL'],
  ]);
}

function showRow(row: Row): void {
  const hasStatements = row.statements > 0;
  show([
    row.title,
    String(row.mailboxes),
    (row.wallMs / 1_000).toFixed(1),
    row.perSecond.toFixed(1),
    row.memoryMb.toFixed(0),
    row.requests.toFixed(1),
    hasStatements ? row.statements.toFixed(2) : '',
    hasStatements ? row.statementsMs.toFixed(2) : '',
    row.jobsMs.toFixed(1),
    row.standInMs.toFixed(1),
    row.postgresMs?.toFixed(1) ?? '',
  ]);
}

function show([title = '', ...cells]: readonly string[]): void {
  process.stdout.write(`${title.padEnd(30)}${cells.map((cell) => cell.padStart(11)).join('')}\n`);
}

/** How busy the processors were, which limits three processes on two of them. */
function showBusy({ jobsMs, standInMs, postgresMs, perSecond }: Row): void {
  const busy = (ms: number) => ((ms * perSecond) / 1_000).toFixed(2);
  const all = busy(jobsMs + standInMs + (postgresMs ?? 0));
  process.stdout.write(
    `\nThree processes kept ${all} processors busy: jobs ${busy(jobsMs)}, stand-in ${busy(standInMs)}, PostgreSQL ${postgresMs === undefined ? 'unknown' : busy(postgresMs)}.`,
  );
}

function showNotes(): void {
  process.stdout.write(`
MB: peak memory of a process. The other columns are for each mailbox; CPU times in milliseconds.
${hasDatabase ? '' : 'Without POSTGRES_TEST_URL nothing is measured with a database: `.ci/postgres.sh npm run bench:fleet` does.\n'}
`);
}

function atLeast(title: string, figure: number, limit: number): Verdict {
  return [title, figure.toFixed(2), `at least ${limit}`, figure >= limit];
}

function atMost(title: string, figure: number, limit: number): Verdict {
  return [title, figure.toFixed(2), `at most ${limit}`, figure <= limit];
}

function judge(all: readonly Verdict[]): void {
  for (const [title, figure, limit, isKept] of all)
    process.stdout.write(`${title.padEnd(56)}${figure.padStart(8)}   ${limit}${isKept ? '' : '   EXCEEDED'}\n`);
  const isWithin = all.every(([, , , isKept]) => isKept);
  process.stdout.write(isWithin ? '\nWithin all limits.\n' : '\nA limit is exceeded.\n');
  if (!isWithin) process.exitCode = 1;
}
