/** `job fleet --status` as a process, on a real PostgreSQL. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { periodAt } from '../../lib/run/fleet/period.ts';
import { type FleetQueue, type MailboxEnd, openQueue } from '../../lib/run/fleet/queue.ts';
import { hasTerminal, runAtTerminal } from '../fixtures/at-terminal.ts';
import { createDatabase, describeWithPostgres, type TestDatabase } from '../fixtures/postgres.ts';
import { ChildHandle, runJob } from '../run.ts';

const HOUR_MS = 3_600_000;
/** Ends in an hour or later, so that no test meets its end. */
const PERIOD = periodAt(new Date(Date.now() + HOUR_MS), HOUR_MS);
const PASSWORD = 's3cret%2Fpassword-of-the-database';

/** PostgreSQL of the tests asks for no password. */
function withPassword(url: string): string {
  const address = new URL(url);
  address.password = PASSWORD;
  return address.href;
}

async function status(databaseUrl: string, words: readonly string[] = []) {
  const run = await runJob(null, ['fleet', '--status', ...words], { env: { DATABASE_URL: withPassword(databaseUrl) } });
  assert.doesNotMatch(`${run.stdout}${run.stderr}`, /s3cret|password-of/);
  return run;
}

async function statusAtTerminal(databaseUrl: string, words: readonly string[] = []) {
  const env = { DATABASE_URL: withPassword(databaseUrl), TZ: 'Asia/Tokyo' };
  const shown = await runAtTerminal({ env: {} }, ['fleet', '--status', ...words], { env });
  assert.doesNotMatch(shown.raw, /s3cret|password-of/);
  return shown;
}

async function openFor(database: TestDatabase, job: string): Promise<FleetQueue> {
  const surroundings = {
    redactor: { text: (text: string) => text },
    allowHosts() {},
    stop: new AbortController().signal,
  };
  return await openQueue(database.url, { job, jobOptions: [], period: PERIOD, everyMs: HOUR_MS }, surroundings);
}

async function work(queue: FleetQueue, ends: Readonly<Record<string, MailboxEnd>>): Promise<void> {
  await queue.enter(Object.keys(ends));
  for (const taken of await queue.take(10)) await queue.settle(taken, ends[taken.mailbox] as MailboxEnd);
}

const REVOKED: MailboxEnd = {
  exitCode: 77,
  outcome: 'failed',
  error: 'Google refused the refresh token',
  remedy: 'Run `job authorize`.',
};

describeWithPostgres('job fleet --status', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
    {
      await using rules = await openFor(database, 'apply-rules');
      await work(rules, {
        'gmail-jobs/ann': { exitCode: 0, outcome: 'ok' },
        'gmail-jobs/bob': REVOKED,
        'gmail-jobs/cem': { exitCode: 0, outcome: 'nothing-to-do' },
      });
      await rules.enter(['gmail-jobs/dan', 'gmail-jobs/eve']);
      await using digest = await openFor(database, 'digest');
      await work(digest, { 'gmail-jobs/ann': { exitCode: 0, outcome: 'ok' } });
    }
    for (const [mailbox, time] of [
      ['ann', '2026-11-27 02:00Z'],
      ['bob', '2026-11-27 03:00Z'],
      ['cem', '2026-11-27 01:00Z'],
    ])
      await database.query(
        `UPDATE gmail_jobs.job SET completed_on = '${time}' WHERE singleton_key = 'gmail-jobs/${mailbox}'`,
      );
  });
  after(() => database[Symbol.asyncDispose]());

  it('prints a line of JSON for each mailbox and job, first the failed mailboxes, each from the oldest end', async () => {
    const { code, stdout, stderr } = await status(database.url);
    assert.deepEqual([code, stderr], [0, '']);
    const line = (mailbox: string, job: string, outcome: string, exitCode: number, hour: number) =>
      `{"mailbox":"gmail-jobs/${mailbox}","job":"${job}","period":"${PERIOD.name}","outcome":"${outcome}","exitCode":${exitCode},"endedAt":"2026-11-27T0${hour}:00:00.000Z",` +
      (exitCode === 0
        ? '"error":null,"remedy":null}'
        : '"error":"Google refused the refresh token","remedy":"Run `job authorize`."}');
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      line('bob', 'apply-rules', 'failed', 77, 3),
      line('cem', 'apply-rules', 'nothing-to-do', 0, 1),
      line('ann', 'apply-rules', 'ok', 0, 2),
      line('ann', 'digest', 'ok', 0, 2),
    ]);
  });

  it('prints only the named job and mailboxes', async () => {
    const rowsOf = async (...words: string[]) => {
      const { events } = await status(database.url, words);
      return events.map(({ mailbox, job }) => `${mailbox} ${job}`);
    };
    assert.deepEqual(await rowsOf('digest'), ['gmail-jobs/ann digest']);
    assert.deepEqual(await rowsOf('--mailbox', 'gmail-jobs/ann'), [
      'gmail-jobs/ann apply-rules',
      'gmail-jobs/ann digest',
    ]);
    assert.deepEqual(await rowsOf('--mailbox', 'gmail-jobs/bob', '--mailbox', 'gmail-jobs/cem', 'apply-rules'), [
      'gmail-jobs/bob apply-rules',
      'gmail-jobs/cem apply-rules',
    ]);
    assert.deepEqual(await rowsOf('--mailbox', 'gmail-jobs/bob', 'digest'), []);
  });

  it('prints a table at a terminal, in its time zone', { skip: !hasTerminal && 'python3 is missing' }, async () => {
    const { code, screen } = await statusAtTerminal(database.url, ['apply-rules']);
    assert.equal(code, 0, screen);
    const lines = screen.split('\n');
    assert.match(lines[0] ?? '', /^mailbox +outcome +ended$/);
    assert.match(lines[1] ?? '', /^gmail-jobs\/bob +failed \(77\) +Nov 27 12:00, .* ago$/);
    assert.deepEqual(lines.slice(2, 5), ['    Google refused the refresh token', '    Run `bin/job authorize`.', '']);
    assert.match(lines[5] ?? '', /^gmail-jobs\/cem +nothing-to-do +Nov 27 10:00, /);
    assert.match(lines[6] ?? '', /^gmail-jobs\/ann +ok +Nov 27 11:00, /);
    assert.match(
      screen.replace(/\n +/g, ' '),
      /\napply-rules in 3 mailboxes: 1 failed \(1 with 77\), 1 ok, 1 nothing-to-do; now 2 waiting, 0 in work\.\n$/,
    );
  });

  it('shows no control sequence of a row at a terminal', { skip: !hasTerminal && 'python3 is missing' }, async () => {
    await using database = await createDatabase();
    {
      await using queue = await openFor(database, 'digest');
      await work(queue, {
        'gmail-jobs/\x1b[2Jann': { ...REVOKED, error: 'refused\x1b]0;title\x07', remedy: '\x1b[8mhidden' },
      });
    }
    const { code, raw, screen } = await statusAtTerminal(database.url);
    assert.equal(code, 0, screen);
    for (const sequence of ['\x1b[2J', '\x1b]0;', '\x07', '\x1b[8m'])
      assert.ok(!raw.includes(sequence), JSON.stringify(raw));
    assert.match(screen, /^gmail-jobs\/ann +failed \(77\).*\n +refused\n +hidden\n/m);
  });

  it('says so when no fleet has used the database, and creates nothing there', async () => {
    await using empty = await createDatabase();
    const user = `reader_${empty.name}`;
    await empty.query(`CREATE USER ${user}`);
    const { code, stdout, stderr } = await status(empty.urlFor(user));
    assert.deepEqual([code, stdout, stderr], [0, '', '']);
    if (hasTerminal) {
      const shown = await statusAtTerminal(empty.urlFor(user));
      assert.equal(shown.code, 0);
      assert.equal(shown.screen, 'No fleet has used this database yet: it has no tables of gmail-jobs.\n');
    }
    assert.deepEqual(await empty.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'gmail%'`), []);
    await empty.query(`DROP USER ${user}`);
  });

  it('needs only the right to read, and names the GRANT for it', async () => {
    const user = `reader_${database.name}`;
    await database.query(`CREATE USER ${user}`);
    const refused = await status(database.urlFor(user));
    assert.equal(refused.code, 78);
    const grant = /As the owner, run: (.*;)$/m.exec(refused.stderr)?.[1] ?? '';
    assert.equal(
      grant,
      `GRANT USAGE ON SCHEMA gmail_jobs TO "${user}"; GRANT SELECT ON ALL TABLES IN SCHEMA gmail_jobs TO "${user}";`,
    );
    await database.query(grant);
    const { code, events } = await status(database.urlFor(user));
    assert.deepEqual([code, events.length], [0, 4]);
    await database.query(`DROP OWNED BY ${user}; DROP USER ${user}`);
  });

  it('ends with 75 when the database is away, and with 78 when the address is wrong; the password is never shown', async () => {
    const change = (part: Partial<URL>) => Object.assign(new URL(database.url), part).href;
    for (const [url, code, expected] of [
      [change({ port: '1' }), 75, /the database at 127\.0\.0\.1:1 is not available \(ECONNREFUSED\)/],
      [change({ pathname: '/nothing' }), 78, /the database nothing does not exist/],
      [change({ username: 'nobody' }), 78, /the database refuses the login of the user nobody/],
      [change({ pathname: '' }), 78, /DATABASE_URL names no database/],
      [change({ pathname: '/%zz' }), 78, /DATABASE_URL has a % that begins no escape sequence/],
    ] as const) {
      const run = await status(url);
      assert.equal(run.code, code, run.stderr);
      assert.equal(run.stdout, '');
      assert.match(run.stderr, expected);
    }
  });
});

describe('job fleet --status', () => {
  it('ends with 143 when SIGTERM comes while the database is silent', async () => {
    const child = new ChildHandle();
    await using server = createServer((socket) => {
      socket.resume();
      child.kill('SIGTERM');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const run = await runJob(null, ['fleet', '--status'], {
      env: { DATABASE_URL: `postgres://ann:${PASSWORD}@127.0.0.1:${port}/fleet` },
      onStart: child.onStart,
    });
    assert.deepEqual([run.code, run.stdout, run.stderr], [143, '', '']);
  });
});
