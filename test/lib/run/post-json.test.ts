import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, beforeEach, describe, it } from 'node:test';
import { ConfigError, CredentialError, type JobError, StoppedError, UnavailableError } from '../../../lib/errors.ts';
import { hostOfUrl } from '../../../lib/process/hosts.ts';
import { createPostJson, type PostJsonContext } from '../../../lib/run/post-json.ts';
import { noLog } from '../../../lib/screen/log.ts';
import { Faults } from '../../sandbox/faults.ts';
import { type Answer, listen, type Wire } from '../../sandbox/http.ts';
import { SandboxReceiver } from '../../sandbox/receiver.ts';
import { VirtualClock } from '../../virtual-clock.ts';

const told = ({ message, remedy }: JobError) => `${message} → ${remedy}`;

describe('postJson', async () => {
  const wire: Wire = { requests: [], faults: new Faults() };
  const receiver = new SandboxReceiver();
  const listener = await listen(receiver, wire);
  const url = `${listener.url}/hook`;
  const clock = new VirtualClock();
  const wrapUp = new AbortController();

  const open = (more: Partial<PostJsonContext> = {}) =>
    createPostJson({
      job: 'posting',
      runId: 'run-1',
      hosts: [hostOfUrl(url)],
      dryRun: false,
      secrets: {},
      secretId: 'gmail-jobs/alice',
      timeoutMs: 5_000,
      signals: { wrapUp: wrapUp.signal, giveUp: new AbortController().signal },
      confirm: async () => {},
      log: noLog,
      clock,
      random: () => 0,
      ...more,
    });
  const headersOf = (at: number) => wire.requests.at(at)?.headers ?? {};
  const answers = (answer: Answer, times = 1) => wire.faults.add({ ...answer, times });

  beforeEach(() => {
    wire.faults.clear();
    wire.requests.length = 0;
    receiver.deliveries.clear();
  });
  after(() => listener.close());

  it('returns the status and the parsed answer; undefined for what is no JSON', async () => {
    const postJson = open();
    assert.deepEqual(await postJson(url, { a: 1 }), { sent: true, status: 201, json: { duplicate: false } });
    for (const [status, body] of [
      [200, 'ok'],
      [204, undefined],
      [202, ''],
      [200, `"${'x'.repeat(1024 * 1024)}"`],
    ] as const) {
      answers({ status, ...(body !== undefined && { body }) });
      assert.deepEqual(await postJson(new URL(url), {}), { sent: true, status, json: undefined });
    }
  });

  it('gives each call a key of its own, all attempts of a call the same key, and the given key as it is', async () => {
    const postJson = open();
    answers({ status: 500 }, 2);
    await postJson(url, {});
    await postJson(url, {});
    await postJson(url, {}, { idempotencyKey: '18f0aa' });
    const keys = wire.requests.map(({ headers }) => headers['idempotency-key']);
    assert.deepEqual(keys, ['run-1-1', 'run-1-1', 'run-1-1', 'run-1-2', '18f0aa']);
    for (const idempotencyKey of ['', 'two words', 'ü', 'x'.repeat(256)]) {
      await assert.rejects(postJson(url, {}, { idempotencyKey }), TypeError);
    }
  });

  it('signs the exact bytes of the body with a time, in the header that the job names', async () => {
    const body = { subject: 'Grüße “x”' };
    await open()(url, body, { hmac: { secret: 's3cret-of-the-hook', header: 'X-Hub-Signature' } });
    const [, seconds, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headersOf(0)['x-hub-signature'])) ?? [];
    const expected = createHmac('sha256', 's3cret-of-the-hook')
      .update(`${seconds}.${JSON.stringify(body)}`)
      .digest('hex');
    assert.equal(hex, expected);
    assert.ok(Math.abs(Number(seconds) - Date.now() / 1_000) < 60);
    assert.equal(headersOf(0)['x-signature'], undefined);
  });

  it('sends the headers of the job, which may replace the content type, and not the key', async () => {
    const headers = { Authorization: 'Bearer x', 'Content-Type': 'application/vnd.api+json', 'Idempotency-Key': 'no' };
    answers({ status: 200 });
    await open()(url, {}, { headers });
    assert.partialDeepStrictEqual(headersOf(0), {
      authorization: 'Bearer x',
      'content-type': 'application/vnd.api+json',
      'idempotency-key': 'run-1-1',
    });
  });

  it('names a header that cannot be sent, and not its value', async () => {
    await assert.rejects(
      open()(url, {}, { headers: { authorization: 'Bearer t0ken\nof-two-lines' } }),
      (error) =>
        error instanceof ConfigError && /the header "authorization"/.test(told(error)) && !/t0ken/.test(told(error)),
    );
  });

  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    it(`sends the post again after ${status}`, async () => {
      answers({ status });
      assert.equal((await open()(url, {})).status, 201);
      assert.equal(wire.requests.length, 2);
    });
  }

  it('waits as long as Retry-After says, up to ten minutes', async () => {
    answers({ status: 429, headers: { 'retry-after': '120' } });
    const before = clock.now();
    await open()(url, {});
    assert.equal(clock.now() - before, 120_000);
    answers({ status: 503, headers: { 'retry-after': '601' } });
    await assert.rejects(open()(url, {}), UnavailableError);
  });

  it('ends after six attempts, or seven for 429, with the host and the last cause', async () => {
    const { host } = new URL(url);
    for (const [status, attempts] of [
      [503, 6],
      [429, 7],
    ] as const) {
      wire.requests.length = 0;
      answers({ status }, Number.POSITIVE_INFINITY);
      await assert.rejects(
        open()(url, {}),
        (error) =>
          error instanceof UnavailableError &&
          error.message === `${host} was not available after ${attempts} attempts: status ${status}`,
      );
      assert.equal(wire.requests.length, attempts);
      wire.faults.clear();
    }
    wire.faults.add({ kind: 'reset-before', times: Number.POSITIVE_INFINITY });
    await assert.rejects(open()(url, {}), /after 6 attempts: the connection failed \(ECONNRESET|UND_ERR_SOCKET\)/);
    wire.faults.clear();
    wire.faults.add({ kind: 'hang', times: Number.POSITIVE_INFINITY });
    await assert.rejects(open()(url, {}, { timeoutMs: 20 }), /after 6 attempts: no answer within/);
    wire.faults.clear();
    wire.faults.add({ kind: 'truncate' });
    assert.equal((await open()(url, {})).status, 200, 'sent again, with the same key');
  });

  it('names the secrets that a refused post carried, also in the address or in Basic authentication', async () => {
    const secrets = {
      WEBHOOK_TOKEN: 't0ken-of-the-hook',
      CRM_PASSWORD: 'pass-w0rd-of-crm',
      UNUSED_KEY: 'not-sent-at-all',
    };
    const basic = Buffer.from(`alice:${secrets.CRM_PASSWORD}`).toString('base64');
    answers({ status: 403 });
    await assert.rejects(
      open({ secrets })(`${url}/${secrets.WEBHOOK_TOKEN}`, {}, { headers: { authorization: `Basic ${basic}` } }),
      (error) =>
        error instanceof CredentialError &&
        /status 403.* → Correct WEBHOOK_TOKEN, CRM_PASSWORD in the secret gmail-jobs\/alice/.test(told(error)) &&
        !/hook|w0rd/.test(told(error)),
    );
    answers({ status: 401 });
    await assert.rejects(open({ secrets })(url, {}), /denies access to posting \(status 401\)/);
  });

  it('refuses an address with a user, one that is no URL and one with another port, without a request', async () => {
    for (const [address, problem] of [
      [url.replace('http://', 'http://alice:pass-w0rd@'), /holds a user or password/],
      ['not a url', /its address is no URL/],
      ['ftp://127.0.0.1/x', /is not https/],
      [url.replace(/:\d+/, ':1'), /its hosts do not declare 127\.0\.0\.1:1/],
    ] as const) {
      await assert.rejects(
        open()(address, {}),
        (error) => error instanceof ConfigError && problem.test(error.message) && !/w0rd/.test(told(error)),
      );
    }
    assert.deepEqual(wire.requests, []);
  });

  it('refuses a body that JSON cannot hold', async () => {
    await assert.rejects(open()(url, undefined), TypeError);
    await assert.rejects(open()(url, 1n), TypeError);
  });

  it('starts no attempt after the run was told to stop, and finishes one that is under way', async () => {
    const stopped = new AbortController();
    const signals = { wrapUp: stopped.signal, giveUp: new AbortController().signal };
    wire.faults.add({ kind: 'hook', before: () => stopped.abort(new StoppedError('budget')) });
    assert.equal((await open({ signals })(url, {})).status, 201);
    await assert.rejects(open({ signals })(url, {}), StoppedError);
    const dropped = new AbortController();
    wire.faults.add({ kind: 'hook', before: () => dropped.abort(new StoppedError('SIGTERM')) });
    await assert.rejects(open({ signals: { wrapUp: wrapUp.signal, giveUp: dropped.signal } })(url, {}), StoppedError);
  });

  it('sends nothing in a dry run', async () => {
    assert.deepEqual(await open({ dryRun: true })(url, {}), { sent: false, status: 0, json: undefined });
    assert.deepEqual(wire.requests, []);
  });
});
