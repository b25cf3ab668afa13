/** How errors of a job are told: its bugs with the place in its file, a host that is away as such. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { sandboxOf, told } from '../fixtures/starring.ts';
import { assertEnded, ROOT, runJob } from '../run.ts';
import type { Sandbox } from '../sandbox/index.ts';

const SOURCE = readFileSync(`${ROOT}/test/fixtures/jobs/misbehaving.ts`, 'utf8').split('\n');
const placeOf = (code: string) => `jobs/misbehaving.ts:${SOURCE.findIndex((line) => line.includes(code)) + 1}`;

describe('an error of a job', { concurrency: 3 }, () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await sandboxOf(1);
  });
  after(() => sandbox.close());

  const fail = (how: string, ...options: string[]) =>
    runJob(sandbox, ['misbehaving', '--how', how, ...options], { jobs: 'fixtures' });

  const bugs = {
    throws: ["new TypeError('no such thing')", 'TypeError: no such thing'],
    'throws-later': ["new RangeError('much too late')", 'RangeError: much too late'],
    exits: ['process.exit(0)', 'Error: a job cannot call process.exit'],
    forgets: ['void mailbox.change(', 'TypeError: mailbox.change: name of a set must be'],
    'forges-the-end': ["log.info('run.finished'", 'Error: log.info: the event run.finished belongs to the program'],
    'forges-counts': ['tally.changed(-3)', 'RangeError: tally: -3 is no number of items'],
    'never-prepares': ["new RangeError('never prepared')", 'RangeError: never prepared'],
    searches: ["mailbox.search('newer_than:2w')", 'Error: the job built an invalid search'],
  } as const;
  for (const [how, [code, message]] of Object.entries(bugs)) {
    it(`is told with the file and line of its source, in the built program too: ${how}`, async () => {
      const run = await fail(how);
      const final = assertEnded(run, 1);
      assert.ok(String(final.error).startsWith(`${placeOf(code)}: ${message}`), String(final.error));
      assert.match(String(final.remedy), /^Correct the job there/);
      const [bug] = run.events.filter(({ event }) => event === 'run.bug');
      assert.match(String(bug?.stack), new RegExp(`at .*${RegExp.escape(placeOf(code))}:\\d+`));
    });
  }

  it("is told with its place for each message that the job fails on, without the error's text", async () => {
    const run = await fail('fails-on-messages');
    assertEnded(run, 65, { failed: 1 });
    const [failed] = run.events.filter(({ event }) => event === 'message.failed');
    assert.deepEqual([failed?.error, failed?.at], ['RangeError', placeOf("new RangeError('a message without")]);
  });

  it('that is a RefusedError fails one message, and is told with its text', async () => {
    const run = await fail('refuses-messages');
    assertEnded(run, 65, { failed: 1 });
    const [failed] = run.events.filter(({ event }) => event === 'message.failed');
    assert.equal(failed?.error, 'the invoice has no amount');
  });

  for (const [how, message] of [
    ['throws-text', 'Error: a value that is no Error was thrown: no such text'],
    ['throws-bare', 'Error: a value that is no Error was thrown: [Object: null prototype] {}'],
    ['throws-promise', 'Error: a value that is no Error was thrown: Promise { undefined }'],
    ['throws-unreadable', 'Error: a value that cannot be read was thrown'],
  ] as const) {
    it(`has a final line whatever the value: ${how}`, async () => {
      assert.equal(assertEnded(await fail(how), 1).error, message);
    });
  }

  it('after the final line is told on stderr, and the exit code stays that of the final line', async () => {
    const run = await fail('throws-at-last');
    assertEnded(run, 0, { outcome: 'nothing-to-do' });
    assert.match(run.stderr, /RangeError: after the end\n\s+at /);
  });

  it('does not come from a stream that a job pipes to stdout', async () => {
    const run = await fail('pipes');
    assertEnded(run, 0, { outcome: 'nothing-to-do' });
    assert.match(run.stdout, /^piped$/m);
  });

  it('exits 75 or 78 for the classes that a job may throw, with message and remedy', async () => {
    assert.equal(told(assertEnded(await fail('is-away'), 75)), 'the archive is closed → It opens at nine.');
    assert.equal(told(assertEnded(await fail('is-wrong'), 78)), 'the list of customers is empty → Fill it.');
  });

  it('exits 75 and names the host when its fetch fails because of the network', async () => {
    const { host, ...server } = await listen();
    await server[Symbol.asyncDispose]();
    const final = assertEnded(await fail('fetches', '--host', host), 75);
    assert.match(told(final), /^127\.0\.0\.1 was not available \(ECONNREFUSED\) → Nothing to do unless it lasts/);
  });

  it('exits 75 when a fetch with a time limit gets no answer', async () => {
    await using silent = await listen();
    const final = assertEnded(await fail('times-out', '--host', silent.host), 75);
    assert.match(told(final), /^127\.0\.0\.1 was not available \(no answer in time\)/);
  });
});

describe('a job that blocks the event loop', { concurrency: 3 }, () => {
  /** 3 to 7 seconds: less on a machine that starts slowly. */
  const blocks = 'the job misbehaving blocked the event loop for [3-9] seconds';

  it('ends with its budget as soon as the loop returns, and the last line names the job and the seconds', async () => {
    await using sandbox = await sandboxOf(1);
    const run = await runJob(sandbox, ['misbehaving', '--how', 'blocks', '--budget', '5s'], { jobs: 'fixtures' });
    const { error, note } = assertEnded(run, 75, { outcome: 'failed' });
    assert.match(String(error), new RegExp(`^The time budget ended before the job misbehaving had .*: ${blocks}$`));
    assert.match(String(note), new RegExp(`^${blocks}$`));
  });

  it('ends with a signal as soon as the loop returns', async () => {
    await using sandbox = await sandboxOf(1);
    const run = await runJob(sandbox, ['misbehaving', '--how', 'blocks-when-told'], { jobs: 'fixtures' });
    const { note } = assertEnded(run, 143, { outcome: 'interrupted' });
    assert.match(String(note), new RegExp(`^${blocks}$`));
  });

  it('is abandoned after 2 seconds when it goes on in spite of that', async () => {
    await using sandbox = await sandboxOf(1);
    const args = ['misbehaving', '--how', 'blocks-and-loops', '--budget', '5s'];
    const run = await runJob(sandbox, args, { jobs: 'fixtures' });
    const { error, durationMs } = assertEnded(run, 75);
    assert.match(String(error), /blocked the event loop for [3-9] seconds, did not end .* and was abandoned$/);
    assert.ok(Number(durationMs) < 20_000, String(durationMs));
  });
});

/** A server that takes connections and never answers. */
async function listen(): Promise<AsyncDisposable & { readonly host: string }> {
  const server: Server = createServer((socket) => void socket.resume().on('error', () => undefined)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, [Symbol.asyncDispose]: async () => void (await once(server.close(), 'close')) };
}
