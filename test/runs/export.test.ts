/** `job export` when things go wrong or are large: budget, signals, faults of Gmail and S3, parts, fleets, memory. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { assertCopied, ExportFolder, readCopyInS3, sent } from '../fixtures/exported.ts';
import { startFleet } from '../fixtures/fleet.ts';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded, ChildHandle, runJob } from '../run.ts';
import type { RecordedRequest } from '../sandbox/http.ts';
import { googleErrors, type Sandbox, startSandbox } from '../sandbox/index.ts';
import { s3Error } from '../sandbox/s3.ts';

const PREFIX = 'alice';
const env = ({ s3 }: Sandbox) => ({ EXPORT_URL: s3.url(PREFIX) });
const exportHere = (sandbox: Sandbox, args: readonly string[] = [], more: Readonly<Record<string, string>> = {}) =>
  runHere(sandbox, ['export', ...args], { env: { ...env(sandbox), ...more } });
const copyOf = (sandbox: Sandbox) => readCopyInS3(sandbox, PREFIX);
const idsOf = ({ mailbox }: Sandbox) => mailbox.messages().map(({ id }) => id);
const reads =
  (id: string) =>
  ({ verb, path }: RecordedRequest) =>
    verb === 'messages.get' && path.endsWith(id);
const forever = { times: Number.POSITIVE_INFINITY };
const refused = googleErrors.invalidArgument('Invalid id value');

describe('the budget of an export', { concurrency: 4 }, () => {
  it('spreads a first export over several runs, none of which reads a message again', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(30, {})) });
    // 12 messages in a minute.
    const slow = { GMAIL_QUOTA_PER_MINUTE: '280' };
    const outcomes: unknown[] = [];
    for (let runs = 0; outcomes.at(-1) !== 'ok' && runs < 20; runs += 1) {
      const before = new Set(copyOf(sandbox).live);
      sandbox.requests.length = 0;
      const { final } = await exportHere(sandbox, ['--budget', '2s'], slow);
      const read = sandbox.requests.flatMap(({ verb, path }) =>
        verb === 'messages.get' ? [path.split('/').at(-1)] : [],
      );
      assert.ok(!read.some((id) => before.has(`${id}`)), 'a message of the copy was read again');
      // A slow machine may need the whole budget to begin.
      if (final?.exitCode === 75) continue;
      const outcome = final?.outcome;
      assert.ok(outcome === 'partial' || outcome === 'ok', `${outcome}`);
      outcomes.push(outcome);
      const copy = copyOf(sandbox);
      assert.deepEqual([copy.problems, copy.unclaimed], [[], []]);
      assert.equal(copy.state?.complete, outcome === 'ok');
      const newest = idsOf(sandbox).slice(0, copy.live.length);
      assert.deepEqual(copy.live, newest.sort());
    }
    assert.ok(outcomes.length > 2 && outcomes.at(-1) === 'ok', outcomes.join());
    assertCopied(copyOf(sandbox), sandbox.mailbox);
  });

  for (const [verb, skip] of [
    ['messages.list', 0],
    ['messages.get', 0],
    ['messages.get', 5],
    ['PutObject', 4],
    ['labels.list', 0],
  ] as const) {
    it(`ends a run by SIGTERM at ${verb} ${skip + 1}, with a line for each stored message`, async () => {
      await using sandbox = await startSandbox({ mailbox: mailboxOf(many(10, {})), latencyMs: 5 });
      const child = new ChildHandle();
      sandbox.faults.add({ kind: 'hook', verb, skip, before: () => child.kill('SIGTERM') });
      const run = await runJob(sandbox, ['export'], { env: env(sandbox), onStart: child.onStart });
      assertEnded(run, 143, { outcome: 'interrupted' });
      const copy = copyOf(sandbox);
      assert.deepEqual([copy.problems, copy.unclaimed], [[], []]);
      assert.equal(copy.live.length, run.final?.changed);
      assertEnded(await exportHere(sandbox), 0);
      assertCopied(copyOf(sandbox), sandbox.mailbox);
    });
  }
});

describe('a message that Gmail does not give', { concurrency: 4 }, () => {
  it('is named, and tried again by the next run; the rest is copied', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(6, {})) });
    const [, bad = ''] = idsOf(sandbox);
    sandbox.faults.add({ match: reads(bad), ...refused, ...forever });
    const run = await exportHere(sandbox);
    const { error, remedy } = assertEnded(run, 65, { matched: 6, changed: 5, failed: 1 });
    assert.match(`${error} ${remedy}`, /1 of 6 messages could not be copied.*export\.message_failed/);
    assert.equal(run.events.find(({ event }) => event === 'export.message_failed')?.id, bad);
    const { state } = copyOf(sandbox);
    assert.deepEqual([state?.complete, state?.failed], [false, [bad]]);
    const again = await exportHere(sandbox);
    assertEnded(again, 65, { matched: 1, failed: 1 });
    sandbox.faults.clear();
    assertEnded(await exportHere(sandbox), 0, { matched: 1, changed: 1 });
    assertCopied(copyOf(sandbox), sandbox.mailbox);
    assertEnded(await exportHere(sandbox), 0, { outcome: 'nothing-to-do' });
  });

  it('because of 500 for ever, fails alone', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
    const [bad = ''] = idsOf(sandbox);
    sandbox.faults.add({ match: reads(bad), ...googleErrors.backendError(500), ...forever });
    assertEnded(await exportHere(sandbox), 65, { matched: 3, changed: 2, failed: 1 });
  });

  it('because access to it is denied, fails alone; when access to all is denied, the run ends with 77', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(6, {})) });
    const denied = {
      status: 403,
      body: { error: { code: 403, message: 'Forbidden', errors: [{ reason: 'forbidden' }] } },
    };
    const [bad = ''] = idsOf(sandbox);
    sandbox.faults.add({ match: reads(bad), ...denied, ...forever });
    assertEnded(await exportHere(sandbox), 65, { matched: 6, changed: 5, failed: 1 });
    sandbox.faults.clear();
    for (let count = 0; count < 6; count += 1) await sandbox.mailbox.insert('Subject: x\r\n\r\n', ['INBOX']);
    sandbox.faults.add({ verb: 'messages.get', ...denied, ...forever });
    assertEnded(await exportHere(sandbox), 77);
    sandbox.faults.clear();
    assertEnded(await exportHere(sandbox), 0);
    assertCopied(copyOf(sandbox), sandbox.mailbox);
  });

  it('and that is deleted later, is forgotten', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
    const [bad = ''] = idsOf(sandbox);
    sandbox.faults.add({ match: reads(bad), ...refused, ...forever });
    assertEnded(await exportHere(sandbox), 65, { failed: 1 });
    sandbox.mailbox.delete([bad]);
    sandbox.faults.clear();
    assertEnded(await exportHere(sandbox), 0, { skipped: 1 });
    assertCopied(copyOf(sandbox), sandbox.mailbox);
  });

  it('ends the run with 75 when Gmail gives nothing else either', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(9, {})) });
    sandbox.faults.add({ service: 'gmail', ...googleErrors.backendError(503), skip: 12, ...forever });
    const run = await exportHere(sandbox);
    assertEnded(run, 75, { outcome: 'failed', failed: 0 });
    const copy = copyOf(sandbox);
    assert.deepEqual([copy.problems, copy.unclaimed], [[], []]);
    sandbox.faults.clear();
    assertEnded(await exportHere(sandbox), 0);
    assertCopied(copyOf(sandbox), sandbox.mailbox);
  });
});

describe('faults that pass', { concurrency: 4 }, () => {
  for (const verb of [
    'labels.list',
    'messages.list',
    'messages.get',
    'history.list',
    'GetObject',
    'PutObject',
    'ListObjectsV2',
  ]) {
    it(`of ${verb} are retried`, async () => {
      await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
      if (verb === 'history.list') {
        await exportHere(sandbox);
        await sandbox.mailbox.insert('Subject: new\r\n\r\nHello\r\n', ['INBOX']);
      }
      for (const kind of ['reset-after', 'truncate'] as const) sandbox.faults.add({ verb, kind });
      assertEnded(await exportHere(sandbox), 0, { failed: 0 });
      assertCopied(copyOf(sandbox), sandbox.mailbox);
    });
  }
});

describe('a place that fails', { concurrency: 4 }, () => {
  it('in the middle ends the run with its code, and the next run goes on', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(9, {})) });
    sandbox.faults.add({ service: 's3', verb: 'PutObject', ...s3Error('AccessDenied'), skip: 5, ...forever });
    assertEnded(await exportHere(sandbox), 77, { outcome: 'failed', failed: 0 });
    assert.deepEqual(copyOf(sandbox).problems, []);
    sandbox.faults.clear();
    assertEnded(await exportHere(sandbox), 0);
    assertCopied(copyOf(sandbox), sandbox.mailbox);
  });

  it('has another file where a message belongs: that message fails, and is named', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
    assertEnded(await exportHere(sandbox), 0);
    const { objects } = sandbox.s3;
    for (const key of objects.keys()) if (!key.includes('messages/')) objects.delete(key);
    const [id = ''] = idsOf(sandbox);
    const object = [...objects].find(([key]) => key.includes(id))?.[1];
    if (object) object.body = Buffer.from('another content');
    const run = await exportHere(sandbox);
    assertEnded(run, 65, { changed: 2, failed: 1 });
    assert.equal(run.events.find(({ event }) => event === 'export.message_failed')?.id, id);
  });

  it('holds the copy of another mailbox: 77 before anything is copied', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {}), { email: 'bob@example.com' }) });
    assertEnded(await exportHere(sandbox), 0);
    await using other = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
    for (const [key, object] of sandbox.s3.objects) other.s3.objects.set(key, object);
    assertEnded(await exportHere(other), 77);
    assert.equal(sent(other, 'messages.list') + sent(other, 'PutObject'), 0);
  });

  it('may not be written by a locked process, which says so', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
    await using folder = await ExportFolder.make();
    const run = await runJob(sandbox, ['export', '--into', folder.path]);
    const { remedy } = assertEnded(run, 78);
    assert.match(`${remedy}`, /--allow-fs-write=/);
  });
});

describe('an export of a part', { concurrency: 4 }, () => {
  const messages = [
    { subject: 'one', labels: ['INBOX', 'Work'], at: '2026-01-03T00:00:00Z' },
    { subject: 'two', at: '2026-01-02T00:00:00Z' },
    { subject: 'three', at: '2026-01-01T00:00:00Z' },
    { subject: 'one', labels: ['TRASH'], at: '2025-12-01T00:00:00Z' },
  ];
  const start = () => startSandbox({ mailbox: mailboxOf(messages) });

  it('copies what the search finds; a later export copies the rest', async () => {
    await using sandbox = await start();
    const [first = '', second = '', third = ''] = idsOf(sandbox);
    assertEnded(await exportHere(sandbox, ['--query', 'subject:one']), 0, { changed: 1 });
    assert.deepEqual(copyOf(sandbox).live, [first]);
    assert.equal(copyOf(sandbox).state?.complete, false);
    sandbox.mailbox.modify([first], ['STARRED'], []);
    assertEnded(await exportHere(sandbox, ['--from', '2026-01-02', '--to', '2026-01-03']), 0, { changed: 2 });
    assert.deepEqual(copyOf(sandbox).live, [second, first].sort());
    assert.ok(copyOf(sandbox).messages.get(first)?.labels.includes('STARRED'));
    // A part never says that a message is deleted; the whole does.
    sandbox.mailbox.delete([first]);
    assertEnded(await exportHere(sandbox, ['--query', 'subject:two']), 0, { changed: 0 });
    assert.equal(copyOf(sandbox).messages.get(first)?.deleted, false);
    assertEnded(await exportHere(sandbox), 0, { changed: 2 });
    assertCopied(copyOf(sandbox), sandbox.mailbox);
    assert.deepEqual(copyOf(sandbox).live, [third, second].sort());
  });

  it('leaves the state of a whole copy alone', async () => {
    await using sandbox = await start();
    await exportHere(sandbox);
    const { state } = copyOf(sandbox);
    await sandbox.mailbox.insert('Subject: one\r\n\r\nHello\r\n', ['INBOX']);
    assertEnded(await exportHere(sandbox, ['--query', 'subject:one in:anywhere']), 0, { changed: 2 });
    assert.deepEqual(copyOf(sandbox).state, state);
    assertEnded(await exportHere(sandbox), 0, { changed: 0 });
    assertCopied(copyOf(sandbox), sandbox.mailbox);
  });

  for (const args of [
    ['--query', 'from:(alice'],
    ['--verify', '--query', 'in:inbox'],
    ['--quick'],
    ['--from', '2026-02-30'],
    ['--as', 'mbox'],
  ]) {
    it(`is refused: ${args.join(' ')}`, async () => {
      await using sandbox = await start();
      assert.equal((await exportHere(sandbox, args)).code, 2);
      assert.deepEqual(sandbox.requests, []);
    });
  }
});

describe('the cost of an export', { concurrency: 4 }, () => {
  it('with nothing new is at most 12 units, and 10 requests to S3, whatever the size of the copy', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(600, {})), quota: { unitsPerMinute: 1e6 } });
    assertEnded(await exportHere(sandbox, [], { GMAIL_QUOTA_PER_MINUTE: '1000000' }), 0, { changed: 600 });
    for (const isMoved of [false, true]) {
      if (isMoved) sandbox.mailbox.history.forget();
      sandbox.requests.length = 0;
      const run = await exportHere(sandbox);
      const { quotaUnits } = assertEnded(run, 0, { outcome: 'nothing-to-do' });
      if (!isMoved) assert.ok(Number(quotaUnits) <= 12, `${quotaUnits} units`);
      const s3 = sandbox.requests.filter(({ service }) => service === 's3').length;
      if (!isMoved) assert.ok(s3 <= 10, `${s3} requests`);
      assert.equal(sent(sandbox, 'messages.get'), 0);
    }
  });

  it('is under 200 MB of memory, with messages of 25 MB', async (t) => {
    const body = randomBytes(18_700_000).toString('base64');
    const source = (index: number) => `Subject: hit ${index}\r\n\r\n${body}`;
    const messages = [...[1, 2].map((index) => ({ source: source(index) })), ...many(100, {})];
    await using sandbox = await startSandbox({ mailbox: mailboxOf(messages) });
    let pid = 0;
    let peakKb = 0;
    const measure = () => {
      const [, kb = '0'] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      peakKb = Math.max(peakKb, Number(kb));
    };
    sandbox.faults.add({ kind: 'hook', service: 's3', after: measure, ...forever });
    const run = await runJob(sandbox, ['export'], {
      env: env(sandbox),
      onStart: (child) => {
        pid = child.pid ?? 0;
      },
    });
    assertEnded(run, 0, { changed: 102 });
    assertCopied(copyOf(sandbox), sandbox.mailbox);
    t.diagnostic(`${Math.round(peakKb / 1_000)} MB`);
    assert.ok(peakKb > 0 && peakKb < 200_000, `${peakKb} kB`);
  });
});

describe('the forecast of an export', () => {
  it('of more than three minutes has the bytes, and is a table for a person', async () => {
    const messages = [...many(10, { sizeBytes: 6_000_000 }), ...many(990, { sizeBytes: 50_000 })];
    await using sandbox = await startSandbox({ mailbox: mailboxOf(messages) });
    const args = ['export', '--dry-run', '--budget', '2m'];
    const run = await runHere(sandbox, args, { env: env(sandbox), answers: [] });
    assertEnded(run, 0, { matched: 1_000, remaining: 1_000 });
    const forecast = run.events.find(({ event }) => event === 'export.forecast');
    const bytes = Number(forecast?.bytes);
    assert.deepEqual([forecast?.units, forecast?.runs, forecast?.large], [20_000, 2, 10]);
    const expected = 10 * 6_000_000 + 990 * 50_000;
    assert.ok(Math.abs(bytes - expected) < 0.4 * expected, `${bytes}`);
    assert.match(run.stdout, /work {4}1,000 messages to copy .*10 of them large/);
    assert.match(run.stdout, /runs {4}2 of 2m each/);
    assert.deepEqual(sandbox.s3.objects.size, 0);
  });
});

describe('an export of a fleet', () => {
  it('makes a copy of each mailbox in its own place', async () => {
    const fleet = await startFleet({ ann: many(2, {}), bob: many(3, {}), eve: many(1, {}) });
    await using sandbox = fleet.sandbox;
    const run = await runJob(sandbox, ['fleet', 'export'], {
      mailboxes: fleet.file,
      env: { EXPORT_URL: sandbox.s3.url('all/{mailbox}') },
    });
    assert.equal(run.code, 0, run.stdout);
    for (const { email, mailbox } of fleet.members) assertCopied(readCopyInS3(sandbox, `all/${email}`), mailbox);
  });
});
