/** The queue of a fleet on a real PostgreSQL, also with several processes, one of them killed. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { DAY_MS } from '../../../../lib/base/duration.ts';
import { ConfigError, type JobError, UnavailableError } from '../../../../lib/errors.ts';
import { periodAt } from '../../../../lib/run/fleet/period.ts';
import {
  type FleetQueue,
  MOST_RETRIES,
  openQueue,
  type QueueRequest,
  readFleetStatus,
} from '../../../../lib/run/fleet/queue.ts';
import { SharedWork } from '../../../../lib/run/fleet/work.ts';
import { createDatabase, describeWithPostgres, type TestDatabase } from '../../../fixtures/postgres.ts';
import type { WorkerOptions } from '../../../fixtures/queue-worker.ts';

const HOUR_MS = 3_600_000;
const DONE = { exitCode: 0, outcome: 'ok' } as const;
const AWAY = { exitCode: 75, outcome: 'failed', error: 'Gmail is away' } as const;
const REVOKED = {
  exitCode: 77,
  outcome: 'failed',
  error: 'the refresh token was revoked',
  remedy: 'Authorize',
} as const;

const surroundings = {
  redactor: { text: (text: string) => text.replaceAll('s3cret-of-a-job', '[redacted]') },
  allowHosts() {},
  stop: new AbortController().signal,
};

/** Begins within an hour, so that no test meets its end. */
const PERIOD = periodAt(new Date(Date.now() + HOUR_MS), HOUR_MS);
const NEXT_PERIOD = periodAt(new Date(Date.now() + 2 * HOUR_MS), HOUR_MS);
const PAST_PERIOD = periodAt(new Date(Date.now() - 2 * HOUR_MS), HOUR_MS);

/** A job of its own for each test, so that tests share a database. */
let jobs = 0;
function requestOf(more: Partial<QueueRequest> = {}): QueueRequest {
  jobs += 1;
  return { job: `job-${jobs}`, jobOptions: [], period: PERIOD, everyMs: HOUR_MS, ...more };
}

describeWithPostgres('the queue of a fleet', () => {
  let database: TestDatabase;
  const open = (request: QueueRequest) => openQueue(database.url, request, surroundings);
  beforeEach(async () => {
    database = await createDatabase();
  });
  afterEach(() => database[Symbol.asyncDispose]());

  /** As if no process had reported or looked for silent ones for `seconds`. */
  async function passSilently(seconds: number): Promise<void> {
    await database.query(`UPDATE gmail_jobs.job SET heartbeat_on = heartbeat_on - interval '${seconds} s'`);
    await database.query(`UPDATE gmail_jobs.queue SET monitor_claim_on = monitor_claim_on - interval '${seconds} s'`);
  }

  /** Makes the retries due. */
  async function passPauses(): Promise<void> {
    await database.query(`UPDATE gmail_jobs.job SET start_after = now() WHERE state = 'created'`);
  }

  /** Takes again while there is none: the first report of a queue, which frees mailboxes, may be under way. */
  async function takeOne(queue: FleetQueue) {
    for (let attempt = 0; attempt < 1_000; attempt += 1) {
      const [taken] = await queue.take(1);
      if (taken !== undefined) return taken;
    }
    return assert.fail('no mailbox to take');
  }

  it('enters each mailbox once per period, job and options', async () => {
    const request = requestOf();
    await using queue = await open(request);
    assert.equal(await queue.enter(['ann', 'bob']), 2);
    assert.equal(await queue.enter(['ann', 'bob', 'cem']), 1);
    await queue.settle(await takeOne(queue), DONE);
    assert.equal(await queue.enter(['ann', 'bob', 'cem']), 0);
    for (const other of [{ period: NEXT_PERIOD }, { jobOptions: ['--dry'] }, { job: `${request.job}-b` }]) {
      await using another = await open({ ...request, ...other });
      assert.equal(await another.enter(['ann', 'bob', 'cem']), 3, JSON.stringify(other));
    }
  });

  it('takes, counts and retries only the chosen mailboxes, which share their rows with a fleet of all mailboxes', async () => {
    const request = requestOf();
    await using all = await open(request);
    await using some = await open({ ...request, only: ['ann', 'dan'] });
    await all.enter(['ann', 'bob', 'cem']);
    assert.equal(await some.enter(['ann', 'dan']), 1);
    const taken = await some.take(5);
    assert.deepEqual(taken.map(({ mailbox }) => mailbox).sort(), ['ann', 'dan']);
    assert.deepEqual(await some.take(5), []);
    assert.deepEqual(await some.counts(), { waiting: 0, active: 2, ended: 0, failed: 0, nextInMs: undefined });
    for (const one of taken) await some.settle(one, REVOKED);
    const others = await all.take(5);
    assert.deepEqual(others.map(({ mailbox }) => mailbox).sort(), ['bob', 'cem']);
    for (const one of others) await all.settle(one, REVOKED);
    assert.equal(await some.retryFailed(['ann', 'bob', 'dan']), 2);
    assert.deepEqual(await all.waitingAmong(['ann', 'bob', 'dan']), ['ann', 'dan']);
    assert.equal((await all.take(5)).length, 2);
  });

  it('records many ends with one statement, each as it was', async () => {
    const request = requestOf();
    await using queue = await open(request);
    await queue.enter(Array.from({ length: 30 }, (_, index) => `m${index}`));
    const taken = await queue.take(30);
    const ends = await Promise.all(
      taken.map((one, index) => queue.settle(one, index % 3 === 0 ? { ...REVOKED, error: `e${index}` } : DONE)),
    );
    assert.ok(ends.every((end) => end === 'ended'));
    assert.deepEqual(await queue.counts(), { waiting: 0, active: 0, ended: 30, failed: 10, nextInMs: undefined });
    const status = (await readFleetStatus(database.url, { job: request.job }, () => {}))?.ends ?? [];
    for (const [index, { mailbox }] of taken.entries())
      assert.equal(status.find((row) => row.mailbox === mailbox)?.error, index % 3 === 0 ? `e${index}` : null);
  });

  it('processes with other lists do not hold the mailboxes of each other, and count their own alone', async () => {
    const request = requestOf();
    await using one = await open(request);
    await using two = await open(request);
    const listOf = (...names: readonly string[]) =>
      names.map((name) => ({ name, secretId: name, mailbox: undefined, source: name }));
    const first = new SharedWork(one, listOf('ann', 'bob'), 4);
    const second = new SharedWork(two, listOf('bob', 'cem', 'dan'), 4);
    const signal = surroundings.stop;
    await one.enter(['ann', 'bob']);
    await two.enter(['bob', 'cem', 'dan']);
    const worked = async (work: SharedWork) => {
      const names: string[] = [];
      for (let item = await work.next(signal, 1); item !== undefined; item = await work.next(signal, 1)) {
        await work.settle(item, DONE);
        names.push(item.mailbox.name);
      }
      return names.sort();
    };
    const item = await second.next(signal, 1);
    assert.ok(item && item.mailbox.name !== 'ann');
    const mine = worked(first);
    await second.settle(item, DONE);
    const others = [item.mailbox.name, ...(await worked(second))];
    assert.deepEqual([...(await mine), ...others].sort(), ['ann', 'bob', 'cem', 'dan']);
    assert.equal((await second.rest([])).elsewhere, 3 - others.length);
  });

  it('counts weeks from Monday: a week has one entry', async () => {
    const everyMs = 7 * DAY_MS;
    const [monday, sunday] = ['2026-11-23T00:00:00Z', '2026-11-29T23:59:59Z'].map((day) =>
      periodAt(new Date(day), everyMs),
    );
    assert.ok(monday !== undefined && sunday !== undefined);
    const request = requestOf({ period: monday, everyMs });
    await using first = await open(request);
    await using last = await open({ ...request, period: sunday });
    assert.equal(await first.enter(['ann']), 1);
    assert.equal(await last.enter(['ann']), 0);
  });

  it('gives a mailbox to one process, and to none while another job, another period or other options work on it', async () => {
    const request = requestOf();
    await using now = await open(request);
    await using twin = await open(request);
    await using next = await open({ ...request, period: NEXT_PERIOD });
    await using other = await open({ ...request, jobOptions: ['--other'] });
    await using otherJob = await open(requestOf());
    for (const queue of [now, next, other, otherJob]) await queue.enter(['ann']);
    const taken = await takeOne(now);
    for (const queue of [now, twin, next, other, otherJob]) assert.deepEqual(await queue.take(5), []);
    assert.deepEqual(await next.counts(), { waiting: 1, active: 0, ended: 0, failed: 0, nextInMs: 0 });
    await now.settle(taken, DONE);
    const later = await takeOne(next);
    assert.deepEqual(await other.take(5), []);
    await next.settle(later, DONE);
    await takeOne(other);
  });

  it('retries 75 three times with back-off; giving back and being killed count as no retry', async () => {
    const request = requestOf();
    await using queue = await open(request);
    await using stuck = await open(request);
    await queue.enter(['ann']);
    for (let retry = 1; retry <= MOST_RETRIES; retry += 1) {
      for (let round = 0; round < 3; round += 1) {
        await queue.giveBack([await takeOne(queue)]);
        const killed = await takeOne(stuck);
        await passSilently(61);
        await queue.report();
        assert.equal(await stuck.settle(killed, DONE), 'lost');
      }
      assert.equal(await queue.settle(await takeOne(queue), AWAY), 'retry');
      const { waiting, nextInMs = 0 } = await queue.counts();
      const pauseMs = 60_000 * 2 ** (retry - 1);
      assert.ok(waiting === 1 && nextInMs > pauseMs - 5_000 && nextInMs <= pauseMs, String(nextInMs));
      assert.deepEqual(await queue.take(1), []);
      await passPauses();
    }
    assert.equal(await queue.settle(await takeOne(queue), AWAY), 'ended');
    assert.deepEqual(await queue.counts(), { waiting: 0, active: 0, ended: 1, failed: 1, nextInMs: undefined });
  });

  it('does not retry failures with other codes until `retryFailed` enters them again', async () => {
    const request = requestOf();
    await using queue = await open(request);
    const codes = [77, 78, 65, 1] as const;
    await queue.enter([...codes.map(String), 'good']);
    for (const taken of await queue.take(5)) {
      const exitCode = codes.find((code) => String(code) === taken.mailbox);
      assert.equal(await queue.settle(taken, exitCode === undefined ? DONE : { ...REVOKED, exitCode }), 'ended');
    }
    assert.deepEqual(await queue.take(5), []);
    assert.deepEqual(await queue.counts(), { waiting: 0, active: 0, ended: 5, failed: 4, nextInMs: undefined });
    const listed = codes.map(String).slice(1);
    assert.equal(await queue.retryFailed(listed), 3, 'the first one is no longer in the list');
    assert.equal(await queue.retryFailed(listed), 0);
    assert.equal(await queue.retryFailed(codes.map(String)), 1);
    const again = await queue.take(10);
    assert.deepEqual(again.map(({ mailbox }) => mailbox).sort(), codes.map(String).sort());
    for (const taken of again) await queue.settle(taken, DONE);
    assert.deepEqual(await queue.counts(), { waiting: 0, active: 0, ended: 5, failed: 0, nextInMs: undefined });
    assert.equal(await queue.retryFailed(codes.map(String)), 0);
  });

  it('reports the last end of each mailbox, without retries that wait; redacts errors, and leaves out the error of a bug', async () => {
    const request = requestOf();
    await using queue = await open(request);
    await queue.enter(['ann', 'bob', 'cem', 'dan']);
    const ends = {
      ann: DONE,
      bob: { ...REVOKED, error: 'refused: s3cret-of-a-job' },
      cem: AWAY,
      dan: { ...REVOKED, exitCode: 1, error: 'a subject of a message' },
    } as const;
    for (const taken of await queue.take(4)) await queue.settle(taken, ends[taken.mailbox as keyof typeof ends]);
    const rows = JSON.stringify(await database.query('SELECT to_jsonb(job) FROM gmail_jobs.job'));
    assert.ok(rows.includes('refused: [redacted]') && !rows.includes('s3cret') && !rows.includes('subject'));
    const status = (await readFleetStatus(database.url, { job: request.job }, () => {}))?.ends ?? [];
    assert.ok(status.every(({ endedAt }) => Math.abs(Date.parse(endedAt) - Date.now()) < 60_000));
    const shared = { job: request.job, period: request.period.name, outcome: 'failed' };
    assert.deepEqual(
      status.map(({ endedAt, ...row }) => row),
      [
        { ...shared, mailbox: 'ann', outcome: 'ok', exitCode: 0, error: null, remedy: null },
        { ...shared, mailbox: 'bob', exitCode: 77, error: 'refused: [redacted]', remedy: 'Authorize' },
        {
          ...shared,
          ...{ mailbox: 'dan', exitCode: 1, remedy: null },
          error: 'a bug: the run.bug event in the log has its stack',
        },
      ],
    );
  });

  it('counts waiting and active mailboxes in periods that are not over; mailboxes of a silent process count as waiting', async () => {
    const request = requestOf();
    await using queue = await open(request);
    await using past = await open({ ...request, period: PAST_PERIOD });
    await past.enter(['old']);
    await database.query(`UPDATE gmail_jobs.job SET keep_until = now() WHERE singleton_key = 'old'`);
    await queue.enter(['ann', 'bob', 'cem', 'dan']);
    await queue.settle(await takeOne(queue), DONE);
    await queue.settle(await takeOne(queue), AWAY);
    await takeOne(queue);
    const openOf = async () => (await readFleetStatus(database.url, { job: request.job }, () => {}))?.open;
    assert.deepEqual(await openOf(), [{ job: request.job, waiting: 2, active: 1 }]);
    await passSilently(31);
    assert.deepEqual(await openOf(), [{ job: request.job, waiting: 3, active: 0 }]);
  });

  it('gives back its mailboxes when it closes, so that another process takes them at once', async () => {
    const request = requestOf();
    await using other = await open(request);
    {
      await using queue = await open(request);
      await queue.enter(['ann', 'bob']);
      assert.equal((await queue.take(2)).length, 2);
      assert.deepEqual(await other.take(2), []);
    }
    assert.equal((await other.take(2)).length, 2);
  });

  it('never takes a mailbox of a past period, and enters no retry after the end of a period', async () => {
    const request = requestOf({ period: PAST_PERIOD });
    await using old = await open(request);
    await old.enter(['ann']);
    await using queue = await open({ ...request, period: PERIOD });
    for (const one of [old, queue]) assert.deepEqual(await one.take(1), []);
    assert.deepEqual([old.isOver, queue.isOver], [true, false]);
    const name = new Date(Date.now() - HOUR_MS + 30_000).toISOString();
    await using ending = await open({ ...request, period: { name, index: 0 } });
    await ending.enter(['ann']);
    assert.equal(await ending.settle(await takeOne(ending), AWAY), 'ended');
  });

  it('aborts the run of a process that seemed dead, and records only the end of the other process', async () => {
    const request = requestOf();
    await using stuck = await open(request);
    await stuck.enter(['ann']);
    const before = await takeOne(stuck);
    await passSilently(61);
    await using other = await open(request);
    const taken = await takeOne(other);
    assert.equal(before.lost.aborted, false);
    await stuck.report();
    assert.equal(before.lost.aborted, true);
    assert.equal(await stuck.settle(before, REVOKED), 'lost');
    await stuck.giveBack([before]);
    assert.equal((await other.counts()).active, 1);
    await other.report();
    assert.equal(taken.lost.aborted, false);
    assert.equal(await other.settle(taken, DONE), 'ended');
    assert.deepEqual(await other.counts(), { waiting: 0, active: 0, ended: 1, failed: 0, nextInMs: undefined });
  });

  it('counts the 30 seconds without a report from the last request, not from its answer, and checks every second', async (context) => {
    context.mock.timers.enable({ apis: ['setInterval'] });
    let now = 0;
    context.mock.method(performance, 'now', () => now);
    await using queue = await open(requestOf());
    await queue.enter(['ann']);
    const taking = queue.take(1);
    now = 24_000;
    const [taken] = await taking;
    context.mock.timers.tick(1_000);
    assert.equal(taken?.lost.aborted, false);
    const reporting = queue.report();
    now = 48_000;
    await reporting;
    context.mock.timers.tick(1_000);
    assert.equal(taken?.lost.aborted, false);
    now = 50_000;
    context.mock.timers.tick(1_000);
    assert.equal(taken?.lost.aborted, true);
  });

  /** Locks the table for a minute. Without NOWAIT, the lock could be in a deadlock with the first report of a queue. */
  async function lockTable(): Promise<void> {
    try {
      await database.query('BEGIN; LOCK TABLE gmail_jobs.job NOWAIT; SELECT pg_sleep(60)');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === '55P03') await lockTable();
    }
  }

  it('gives up a statement three seconds after the stop when the database is silent, also a statement under way', async () => {
    const stop = new AbortController();
    const request = requestOf();
    await using queue = await openQueue(database.url, request, { ...surroundings, stop: stop.signal });
    await queue.enter(['ann', 'bob']);
    const [ann, bob] = await queue.take(2);
    assert.ok(ann && bob);
    const locking = lockTable();
    const waits = () => database.query(`SELECT FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock'`);
    const lock = `SELECT pid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'gmail_jobs.job'::regclass`;
    while ((await database.query(lock)).length === 0);
    const underWay = queue.settle(ann, DONE);
    while ((await waits()).length === 0);
    const stoppedMs = performance.now();
    stop.abort();
    for (const settling of [underWay, queue.settle(bob, AWAY)]) await assert.rejects(settling, UnavailableError);
    assert.ok(performance.now() - stoppedMs < 10_000, 'less than the 20 seconds that a statement may take before');
    await database.query(`SELECT pg_terminate_backend(pid) FROM (${lock}) AS holders`);
    await locking;
  });

  it('an end that is recorded again, because the answer was lost with the connection, counts as that of this process', async () => {
    const request = requestOf();
    await using queue = await open(request);
    await queue.enter(['ann', 'bob']);
    const taken = await queue.take(2);
    const [ann, bob] = ['ann', 'bob'].map((name) => taken.find(({ mailbox }) => mailbox === name));
    assert.ok(ann && bob);
    for (const time of ['first', 'second']) {
      assert.equal(await queue.settle(ann, DONE), 'ended', time);
      assert.equal(await queue.settle(bob, AWAY), 'retry', time);
    }
    assert.deepEqual(await queue.waitingAmong(['ann', 'bob']), ['bob']);
    assert.equal((await database.query(`SELECT FROM gmail_jobs.job WHERE group_id = '${request.job}'`)).length, 3);
  });

  it('opens at most two connections', async () => {
    const request = requestOf();
    await using queue = await open(request);
    await queue.enter(Array.from({ length: 40 }, (_, index) => `m${index}`));
    const taken = await queue.take(40);
    const count = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'gmail-jobs'`;
    const [[open_], ...ends] = await Promise.all([
      database.query<{ n: number }>(`${count} AND datname = '${database.name}'`),
      ...taken.map((one) => queue.settle(one, one.mailbox === 'm0' ? AWAY : DONE)),
    ]);
    assert.ok((open_?.n ?? 0) <= 2, JSON.stringify(open_));
    assert.equal(ends.filter((end) => end === 'ended').length, 39);
  });

  describe('with several processes', () => {
    const children: ChildProcess[] = [];
    after(() => {
      for (const child of children) child.kill('SIGKILL');
    });

    function start(options: Omit<WorkerOptions, 'url'> & { readonly url?: string }) {
      const file = new URL('../../../fixtures/queue-worker.ts', import.meta.url).pathname;
      const words = [file, JSON.stringify({ url: database.url, ...options })];
      const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      const lines: string[] = [];
      child.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().split('\n').filter(Boolean)));
      return { child, lines, ended: once(child, 'close') };
    }

    it('three processes create the tables of an empty database together, and work on each mailbox once', async () => {
      await using empty = await createDatabase();
      const mailboxes = Array.from({ length: 300 }, (_, index) => `m${index}`);
      const options = { url: empty.url, request: requestOf(), mailboxes };
      const workers = [start(options), start(options), start(options)];
      for (const { ended } of workers) assert.deepEqual(await ended, [0, null]);
      const all = workers.flatMap(({ lines }) => lines);
      assert.deepEqual(
        all.filter((line) => line.startsWith('took ')).sort(),
        mailboxes.map((one) => `took ${one}`).sort(),
      );
      assert.deepEqual(
        all.filter((line) => line.startsWith('ended ')).sort(),
        mailboxes.map((one) => `ended ${one}`).sort(),
      );
    });

    it('a process killed at any moment loses nothing: each mailbox ends once', async () => {
      const mailboxes = Array.from({ length: 600 }, (_, index) => `m${index}`);
      const options = { request: requestOf(), mailboxes };
      const workers = [start(options), start(options), start(options)];
      const [killed, ...others] = workers;
      assert.ok(killed);
      while (killed.lines.length < 40) await once(killed.child.stdout, 'data');
      killed.child.kill('SIGKILL');
      for (const { ended } of workers) await ended;
      await passSilently(61);
      const last = start(options);
      await last.ended;
      const ends = [...others, last, killed].flatMap(({ lines }) => lines.filter((line) => line.startsWith('ended ')));
      assert.equal(new Set(ends).size, ends.length);
      await using queue = await open(options.request);
      assert.deepEqual(await queue.counts(), { waiting: 0, active: 0, ended: 600, failed: 0, nextInMs: undefined });
    });

    it('the mailboxes of a killed process go to another one after its heartbeat is missed, and none is lost', async () => {
      const request = requestOf();
      const mailboxes = Array.from({ length: 20 }, (_, index) => `m${index}`);
      const killed = start({ request, mailboxes, holds: true });
      while (killed.lines.length < 3) await once(killed.child.stdout, 'data');
      killed.child.kill('SIGKILL');
      await killed.ended;
      const first = start({ request, mailboxes });
      await first.ended;
      assert.equal(first.lines.filter((line) => line.startsWith('ended ')).length, 17);
      await passSilently(61);
      const second = start({ request, mailboxes });
      await second.ended;
      const held = killed.lines.map((line) => line.replace('took', 'ended')).sort();
      assert.deepEqual(second.lines.filter((line) => line.startsWith('ended ')).sort(), held);
      await using queue = await open(request);
      assert.deepEqual(await queue.counts(), { waiting: 0, active: 0, ended: 20, failed: 0, nextInMs: undefined });
    });
  });

  it('names the GRANT when the user may not create tables, and needs no right to create once they are there', async () => {
    await using empty = await createDatabase();
    const user = `poor_${empty.name}`;
    await empty.query(`CREATE USER ${user}`);
    await assert.rejects(openQueue(empty.urlFor(user), requestOf(), surroundings), (error: JobError) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.message, `the user ${user} lacks rights in the database ${empty.name}`);
      assert.match(error.remedy, new RegExp(`GRANT CONNECT, CREATE ON DATABASE "${empty.name}" TO "${user}";`));
      return true;
    });
    await empty.query(`GRANT CONNECT, CREATE ON DATABASE ${empty.name} TO ${user}`);
    await (await openQueue(empty.urlFor(user), requestOf(), surroundings)).close();
    await empty.query(`REVOKE CREATE ON DATABASE ${empty.name} FROM ${user}`);
    await using queue = await openQueue(empty.urlFor(user), requestOf(), surroundings);
    assert.equal(await queue.enter(['ann']), 1);
    await queue.close();
    await empty.query(`REASSIGN OWNED BY ${user} TO postgres; DROP OWNED BY ${user}; DROP USER ${user}`);
  });

  it('ends with 78 for a database or user that does not exist, and with 75 when the database goes away', async () => {
    const nowhere = new URL(database.url);
    nowhere.pathname = '/no_such_database';
    for (const url of [nowhere.href, database.urlFor('nobody')])
      await assert.rejects(openQueue(url, requestOf(), surroundings), ConfigError, url);
    const closed = new URL(database.url);
    closed.port = '1';
    await assert.rejects(openQueue(closed.href, requestOf(), surroundings), UnavailableError);
    const gone = await createDatabase();
    await using queue = await openQueue(gone.url, requestOf(), surroundings);
    await gone[Symbol.asyncDispose]();
    await assert.rejects(queue.enter(['ann']), (error: JobError) => [75, 78].includes(error.exitCode));
  });
});
