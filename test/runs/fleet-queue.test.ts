/** `job fleet` with a database: several processes share the mailboxes; some are killed, stopped, or lose the database. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { addMember, type FleetMember, membersOf, startFleet } from '../fixtures/fleet.ts';
import { many } from '../fixtures/mailbox.ts';
import { createDatabase, describeWithPostgres } from '../fixtures/postgres.ts';
import { forever } from '../fixtures/starring.ts';
import { ChildHandle, type Finished, type LogEvent, type RunOptions, runJob } from '../run.ts';

const WEEK = ['fleet', '--every', 'week'];

type Counts = Record<string, number>;

const countsOf = ({ final }: Finished) => final?.mailboxes as Counts;

const sumOf = (runs: readonly Finished[], end: string) => runs.reduce((sum, run) => sum + (countsOf(run)[end] ?? 0), 0);

const endsOf = (runs: readonly Finished[]): LogEvent[] =>
  runs.flatMap(({ events }) => events.filter(({ event }) => event === 'run.finished'));

function assertCode({ code, final, stdout, stderr }: Finished, expected: number): void {
  assert.deepEqual([code, final?.event, final?.exitCode], [expected, 'fleet.finished', expected], stdout + stderr);
}

describeWithPostgres('processes of a fleet on one database', () => {
  /** A fleet with a database of its own, since all tests work on the same period. */
  async function start(mailboxes: Parameters<typeof startFleet>[0]) {
    const fleet = await startFleet(mailboxes);
    const database = await createDatabase();
    return {
      ...fleet,
      database,
      async [Symbol.asyncDispose]() {
        await fleet.sandbox[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
      },
    };
  }

  type Fleet = Awaited<ReturnType<typeof start>>;

  async function run({ sandbox, file, database }: Fleet, words: readonly string[], more: RunOptions = {}) {
    const env = { DATABASE_URL: database.url, ...more.env };
    return await runJob(sandbox, words, { jobs: 'fixtures', mailboxes: file, ...more, env });
  }

  /** As if no process had reported or looked for silent ones for a minute. */
  async function passMinute({ database }: Fleet): Promise<void> {
    await database.query(`UPDATE gmail_jobs.job SET heartbeat_on = heartbeat_on - interval '61 s'`);
    await database.query(`UPDATE gmail_jobs.queue SET monitor_claim_on = monitor_claim_on - interval '61 s'`);
  }

  /** Secrets Manager fails for this member until the faults are cleared. */
  function failSecret({ sandbox }: Fleet, { secretId }: FleetMember): void {
    const match = ({ body }: { body: unknown }) => (body as { SecretId?: string } | undefined)?.SecretId === secretId;
    sandbox.faults.add({ kind: 'status', status: 500, service: 'aws', match, ...forever });
  }

  const assertGreeted = ({ members }: Fleet, hits: number): void => {
    for (const { mailbox, name } of members) {
      const label = mailbox.findLabel('Greeted')?.id ?? '';
      assert.equal(mailbox.messages().filter(({ labelIds }) => labelIds.has(label)).length, hits, name);
    }
  };

  const assertOnce = ({ members }: Fleet, runs: readonly Finished[]): void => {
    const names = endsOf(runs).map(({ mailbox }) => mailbox);
    assert.deepEqual(names.sort(), members.map(({ secretId }) => secretId).sort());
  };

  it('run the job once in each mailbox and period, however many they are; a later process finds nothing left', async () => {
    await using fleet = await start(membersOf(15));
    const runs = await Promise.all([1, 2, 3].map(() => run(fleet, [...WEEK, '--at-once', '2', 'greeting'])));
    for (const one of runs) {
      assertCode(one, 0);
      const { all = 0, ...ends } = countsOf(one);
      assert.equal(all, 15);
      assert.equal(
        Object.values(ends).reduce((sum, count) => sum + count, 0),
        15,
      );
      assert.equal(ends.elsewhere, 15 - (ends.done ?? 0));
    }
    assertOnce(fleet, runs);
    assert.equal(sumOf(runs, 'done'), 15);
    const again = await run(fleet, [...WEEK, 'greeting']);
    assertCode(again, 0);
    assert.deepEqual([countsOf(again).elsewhere, again.final?.outcome], [15, 'nothing-to-do']);
    const dry = await run(fleet, [...WEEK, 'greeting', '--dry-run']);
    assert.deepEqual([countsOf(dry).elsewhere, endsOf([dry]).length], [0, 15], 'a dry run does not look at the period');
    const one = await run(fleet, [...WEEK, '--mailbox', 'gmail-jobs/m3', 'greeting']);
    assert.deepEqual(countsOf(one), { ...countsOf(one), all: 1, elsewhere: 1 });
  });

  it('lose nothing when one of them is killed: another process works on its mailboxes', async () => {
    await using fleet = await start(membersOf(12));
    const child = new ChildHandle();
    const before = () => {
      child.kill('SIGKILL');
      return 'drop';
    };
    fleet.sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', skip: 5, before });
    const killed = await run(fleet, [...WEEK, '--at-once', '4', 'greeting'], { onStart: child.onStart });
    assert.equal(killed.code, 137);
    await passMinute(fleet);
    const rest = await run(fleet, [...WEEK, 'greeting']);
    assertCode(rest, 0);
    assert.equal(countsOf(rest).remaining, 0);
    assert.ok(endsOf([killed]).length > 0 && (countsOf(rest).elsewhere ?? 0) > 0);
    assertGreeted(fleet, 1);
  });

  it('give back their mailboxes on SIGTERM, and the next process takes them at once', async () => {
    await using fleet = await start(membersOf(12));
    const child = new ChildHandle();
    const before = () => child.kill('SIGTERM');
    fleet.sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', skip: 5, before });
    const stopped = await run(fleet, [...WEEK, '--at-once', '4', 'greeting'], { onStart: child.onStart });
    assertCode(stopped, 143);
    const { done = 0, remaining = 0, elsewhere } = countsOf(stopped);
    assert.ok(done > 0 && remaining > 0 && elsewhere === 0);
    const rest = await run(fleet, [...WEEK, 'greeting']);
    assertCode(rest, 0);
    const counts = countsOf(rest);
    assert.equal(counts.elsewhere, done);
    assert.equal((counts.done ?? 0) + (counts.nothingToDo ?? 0), 12 - done);
    assertGreeted(fleet, 1);
  });

  it('try a mailbox again after 75, and after other failures only with --retry', async () => {
    await using fleet = await start(membersOf(3));
    const { sandbox, members, database } = fleet;
    const [revoked, away] = members as [FleetMember, FleetMember];
    sandbox.oauth.revoke(revoked.refreshToken);
    failSecret(fleet, away);
    const running = run(fleet, [...WEEK, 'greeting']);
    const waits = `WHERE state = 'created' AND singleton_key = '${away.secretId}' AND (data->>'tryNumber')::int = 1`;
    while (
      (await database.query(`UPDATE gmail_jobs.job SET start_after = now() ${waits} RETURNING id`).catch(() => []))
        .length === 0
    ) {
      await setTimeout(20);
    }
    sandbox.faults.clear();
    const first = await running;
    assertCode(first, 65);
    assert.deepEqual(countsOf(first), { ...countsOf(first), done: 2, failed: 1, remaining: 0, elsewhere: 0 });
    assert.match(String(first.final?.error), /^The job failed in 1 of 3 mailboxes: 1 with exit code 77 /);
    const codes = endsOf([first]).filter(({ mailbox }) => mailbox === away.secretId);
    assert.deepEqual(
      codes.map(({ exitCode }) => exitCode),
      [75, 0],
    );
    assertCode(await run(fleet, [...WEEK, 'greeting']), 0);
    addMember(sandbox, revoked.secretId, revoked.mailbox);
    const retried = await run(fleet, [...WEEK, '--retry', 'greeting']);
    assertCode(retried, 0);
    assert.deepEqual(countsOf(retried), { ...countsOf(retried), done: 1, elsewhere: 2 });
    assert.equal(retried.events.find(({ event }) => event === 'fleet.started')?.retried, 1);
    assertGreeted(fleet, 1);
  });

  it('count a mailbox that waits for its retry when the budget ends as failed', async () => {
    await using fleet = await start(membersOf(2));
    const [away] = fleet.members as [FleetMember];
    failSecret(fleet, away);
    const one = await run(fleet, [...WEEK, '--budget', '8s', 'greeting']);
    assertCode(one, 65);
    assert.deepEqual(countsOf(one), { ...countsOf(one), done: 1, failed: 1, remaining: 0 });
  });

  it('store no credential and nothing of the mail in the database', async () => {
    await using fleet = await start({
      ann: many(2, { subject: 'marked-subject' }),
      bob: many(1, { subject: 'crash' }),
    });
    assertCode(await run(fleet, [...WEEK, 'greeting']), 65);
    const rows = JSON.stringify(await fleet.database.query('SELECT to_jsonb(job) FROM gmail_jobs.job'));
    assert.ok(rows.includes('gmail-jobs/ann') && rows.includes('a bug: the run.bug event'));
    const { clients, grants, issued } = fleet.sandbox.oauth;
    const secrets = [...clients.values(), ...grants.keys(), ...issued.map(({ accessToken }) => accessToken)];
    for (const text of [...secrets, 'marked-subject']) assert.ok(!rows.includes(text));
  });

  it('end with 75 when the database is away and with 78 for a wrong address, and never show the password', async () => {
    await using fleet = await start(membersOf(1));
    const password = 'marked-Pa55/word';
    const encoded = encodeURIComponent(password);
    const { host, pathname } = new URL(fleet.database.url);
    for (const [url, code] of [
      [`postgres://ann:${encoded}@127.0.0.1:1${pathname}`, 75],
      [`postgres://postgres:${encoded}@${host}/no_such_database`, 78],
      [`postgres://nobody:${encoded}@${host}${pathname}`, 78],
      [`mysql://ann:${encoded}@127.0.0.1/x`, 78],
      [`postgres://ann:${encoded}@127.0.0.1:99999/x`, 78],
      [`postgres://ann:${password}@127.0.0.1:5432/x`, 78],
    ] as const) {
      for (const words of [
        [...WEEK, 'greeting'],
        ['fleet', '--status'],
      ]) {
        const one = await run(fleet, words, { env: { DATABASE_URL: url, LOG_LEVEL: 'debug' } });
        assert.equal(one.code, code, `${url} ${one.stdout}${one.stderr}`);
        const shown = `${one.stdout}${one.stderr}`;
        for (const text of [password, encoded, 'a55/wor', 'a55%2Fwor']) assert.ok(!shown.includes(text), shown);
        assert.ok(!/^ +at /m.test(shown), shown);
      }
    }
    assert.equal(fleet.sandbox.requests.filter(({ service }) => service === 'gmail').length, 0);
  });

  it('end with a final line when the database goes away meanwhile, after the runs in work have ended', async () => {
    await using fleet = await start(membersOf(30));
    const before = () => fleet.database[Symbol.asyncDispose]();
    fleet.sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', skip: 2, before });
    const one = await run(fleet, [...WEEK, '--at-once', '2', 'greeting']);
    assertCode(one, 78);
    const { done = 0, remaining = 0 } = countsOf(one);
    assert.ok(done >= 2 && remaining > 0 && done + remaining === 30, one.stdout);
    assert.equal(endsOf([one]).filter(({ exitCode }) => exitCode === 0).length, done);
  });
});
