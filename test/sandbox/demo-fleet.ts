/**
 * `npm run demo:fleet`: processes of the built program share made-up mailboxes over a real PostgreSQL. One process is
 * killed, another one is stopped, and the rest finish. Counts the changes in the mailboxes: each message has one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ExitCode } from '../../lib/errors.ts';
import { addMember, type FleetMember } from '../fixtures/fleet.ts';
import { createDatabase, type TestDatabase } from '../fixtures/postgres.ts';
import { COMMAND, type LogEvent, ROOT } from '../run.ts';
import { begunAfter, Dyno, endsIn, openIn, until } from './demo-dyno.ts';
import { bold, count, dim, headline, out, outInStep } from './demo-screen.ts';
import { FIRST_HISTORY_ID } from './history.ts';
import { makeUpMailbox, type Sandbox, startSandbox } from './index.ts';

const MAILBOXES = 60;
const MESSAGES = 200;
const LATENCY_MS = 40;

/** The period is long, so that it does not end during the demo. */
const ARGS = ['fleet', '--every', 'week', '--at-once', '4', 'apply-rules'];
const LIST = 'mailboxes:\n  - secretPrefix: gmail-jobs/team/\n';

/** Mailboxes that have ended when the first process is killed, and when the second one gets SIGTERM. */
const KILL_AFTER = 15;
const STOP_AFTER = 30;

const WHY_WAIT =
  'A killed process gives nothing back. The others take its mailboxes when it has not reported to the database for 30 seconds. They look for such processes every 10 to 20 seconds, so this takes up to a minute.';

if (process.env.POSTGRES_TEST_URL === undefined) {
  process.stderr.write(
    'npm run demo:fleet needs PostgreSQL: install it (Debian and Ubuntu: `sudo apt install postgresql`; elsewhere its `initdb` must be on PATH), or set POSTGRES_TEST_URL to the address of a server on which the demo may create a database.\n',
  );
  process.exitCode = ExitCode.configuration;
} else {
  await demo();
}

async function demo(): Promise<void> {
  await using database = await createDatabase();
  await using sandbox = await startSandbox({ messages: 0, latencyMs: LATENCY_MS });
  const members = Array.from({ length: MAILBOXES }, (_, index) => {
    const name = `user-${String(index + 1).padStart(2, '0')}`;
    const mailbox = makeUpMailbox({ email: `${name}@example.com`, messages: MESSAGES, seed: index });
    return addMember(sandbox, `gmail-jobs/team/${name}`, mailbox);
  });
  out();
  out(bold(`gmail-jobs: ${MAILBOXES} mailboxes, several processes, one database`));
  out(
    dim(
      `The real program and a real PostgreSQL. Gmail, Google's token endpoint and AWS Secrets Manager are stand-ins on this machine, ${LATENCY_MS} ms away; each mailbox has ${MESSAGES} made-up messages. The demo takes about a minute.`,
    ),
  );

  headline(1, `job ${ARGS.join(' ')}`, 'started three times, as by three entries in Heroku Scheduler');
  const dynos = await workThrough(sandbox, database);

  headline(2, 'who did what', 'from the logs of the processes, and from the mailboxes');
  showDynos(dynos);
  showChanges(members);

  headline(3, 'job fleet --status', 'from the database, which holds names and counts, and nothing of the mail');
  out();
  await showStatus(database);
  out();
}

/** Starts three processes, kills one, stops another, and starts a fourth, which finishes with the third. */
async function workThrough(sandbox: Sandbox, database: TestDatabase): Promise<readonly Dyno[]> {
  const startedMs = performance.now();
  const tell = (text: string) => {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    outInStep(`${seconds.padStart(5)} s  ${text}`, `${seconds} s  `.length);
  };
  const start = (number: number) =>
    new Dyno(sandbox, ARGS, { name: `scheduler.${number}`, mailboxes: LIST, databaseUrl: database.url });
  const [killed, stopped, third] = [start(1), start(2), start(3)];
  const dynos = [killed, stopped, third];
  tell(`${killed.name}, ${stopped.name} and ${third.name} start.`);

  // The database may not know of a run whose last line was just read; so the kill comes when a run has begun its work.
  await until(dynos, () => endsIn(dynos).size >= KILL_AFTER && killed.events.at(-1)?.event === 'rule.planned');
  killed.kill('SIGKILL');
  const killedAtMs = Date.now();
  await killed.ended;
  const open = openIn(killed);
  tell(`${killed.name} is killed with SIGKILL, in the middle of ${open.length} mailboxes.`);

  await until(dynos, () => endsIn(dynos).size >= STOP_AFTER);
  stopped.kill('SIGTERM');
  await stopped.ended;
  tell(`${stopped.name} got SIGTERM, as from Heroku's restart: it gave its mailboxes back.`);

  const fourth = start(4);
  dynos.push(fourth);
  tell(`${fourth.name} starts. It and ${third.name} do the rest, then wait for ${killed.name}'s mailboxes.`);
  outInStep(`${' '.repeat('  0.0 s  '.length)}${dim(WHY_WAIT)}`);
  const waiting = setInterval(() => tell(dim('still waiting')), 10_000);
  await Promise.all([third.ended, fourth.ended]);
  clearInterval(waiting);
  const pausesMs = open.map((mailbox) => begunAfter(killedAtMs, mailbox, dynos) - killedAtMs);
  const seconds = Math.round(Math.max(...pausesMs) / 1_000);
  tell(`${third.name} and ${fourth.name} have finished. ${killed.name}'s mailboxes waited ${seconds} seconds.`);
  return dynos;
}

function showDynos(dynos: readonly Dyno[]): void {
  const ends = endsIn(dynos);
  const showRow = (name: string, ended: string, ...counts: unknown[]) => {
    const cells = counts.map((cell) => String(cell).padStart(10));
    outInStep(`${name.padEnd(12)} ${ended.padEnd(27)}${cells.join('')}`);
  };
  showRow('process', 'ended', 'done', 'elsewhere', 'remaining');
  for (const { name, finished } of dynos) {
    const { outcome, exitCode, mailboxes }: Partial<LogEvent> = finished?.final ?? {};
    const { elsewhere = '–', remaining = '–' } = (mailboxes ?? {}) as Record<string, number>;
    const ended = outcome === undefined ? 'killed, without a last line' : `${outcome}, exit code ${exitCode}`;
    showRow(name, ended, [...ends.values()].filter((dyno) => dyno === name).length, elsewhere, remaining);
  }
  showRow('in all', '', ends.size);
  out();
  outInStep(dim('elsewhere, remaining: as the process counted when it ended'));
}

/** @throws Error when a message was changed twice. */
function showChanges(members: readonly FleetMember[]): void {
  const changes = members.map(({ mailbox }) => {
    const records = mailbox.history.since(FIRST_HISTORY_ID) ?? [];
    // The journals are new messages; the rules change old ones.
    const journals = new Set(records.filter(({ change }) => change === 'inserted').map(({ message }) => message.id));
    return records.map(({ message }) => message.id).filter((id) => !journals.has(id));
  });
  const isOnce = changes.every((ids) => new Set(ids).size === ids.length);
  if (!isOnce) throw new Error('a message was changed twice');
  const mailboxes = changes.filter((ids) => ids.length > 0).length;
  outInStep(
    `${bold('Counted in the mailboxes:')} ${count(changes.flat().length)} messages in ${mailboxes} mailboxes were changed, each message exactly once.`,
  );
}

async function showStatus({ url }: TestDatabase): Promise<void> {
  const [, ...words] = COMMAND;
  const env = { PATH: process.env.PATH, DATABASE_URL: url, LOG_FORMAT: 'pretty' };
  const child = spawn(process.execPath, [...words, 'fleet', '--status'], { cwd: ROOT, env, stdio: 'inherit' });
  await once(child, 'close');
}
