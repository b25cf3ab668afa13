/** Posts of a job to a host: sent once for each message, retried, signed, and refused with the cause and the next step. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type InsideOptions, runHere } from '../fixtures/front-door.ts';
import { findSecrets } from '../fixtures/searcher.ts';
import { sandboxOf, told } from '../fixtures/starring.ts';
import { assertEnded, ChildHandle, type Finished, runJob } from '../run.ts';
import type { FaultKind } from '../sandbox/faults.ts';
import type { Sandbox } from '../sandbox/index.ts';

const MARKS = {
  token: 'Mark-webhook/token+with=all&kinds%of"signs7Wx3',
  signing: 'Mark-signing secret/with+other=signs&more%25Hj4Tn8',
};

async function postingSandbox(count = 3): Promise<Sandbox> {
  const sandbox = await sandboxOf(count);
  const keys = { WEBHOOK_TOKEN: MARKS.token, SIGNING_SECRET: MARKS.signing };
  sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, ...keys });
  sandbox.receiver.token = MARKS.token;
  sandbox.receiver.signingSecret = MARKS.signing;
  return sandbox;
}

const words = (sandbox: Sandbox, more: readonly string[]) => ['posting', '--url', sandbox.receiverUrl, ...more];

const post = (sandbox: Sandbox, more: readonly string[] = [], options: InsideOptions = {}) =>
  runHere(sandbox, words(sandbox, more), { jobs: 'fixtures', ...options });

const postBuilt = (sandbox: Sandbox, more: readonly string[] = [], options: Parameters<typeof runJob>[2] = {}) =>
  runJob(sandbox, words(sandbox, more), { jobs: 'fixtures', ...options });

function posts(sandbox: Sandbox) {
  return sandbox.requests.filter(({ service }) => service === 'receiver');
}

/** The ids of the delivered messages, and how many posts brought each. */
function delivered(sandbox: Sandbox): Record<string, number> {
  return Object.fromEntries([...sandbox.receiver.deliveries.values()].map(({ key, posts }) => [key, posts]));
}

function once(sandbox: Sandbox): Record<string, number> {
  return Object.fromEntries(sandbox.mailbox.messages().map(({ id }) => [id, 1]));
}

function eventsOf(run: Finished, name: string) {
  return run.events.filter(({ event }) => event === name);
}

describe('a job that posts', { concurrency: 4 }, () => {
  it('delivers each message once, with token, key and signature, and finds nothing in the next run', async () => {
    await using sandbox = await postingSandbox();
    assertEnded(await postBuilt(sandbox), 0, { matched: 3, changed: 3 });
    assert.deepEqual(delivered(sandbox), once(sandbox));
    for (const { headers, method, path } of posts(sandbox)) {
      assert.deepEqual([method, path, headers['content-type']], ['POST', '/mail', 'application/json']);
      assert.match(String(headers['x-signature']), /^t=\d+,v1=[0-9a-f]{64}$/);
    }
    assertEnded(await post(sandbox), 0, { outcome: 'nothing-to-do' });
    assert.equal(posts(sandbox).length, 3);
  });

  it('delivers a post that the job does not wait for, and exits 77 when the host denies it', async () => {
    await using sandbox = await postingSandbox();
    assertEnded(await postBuilt(sandbox, ['--unawaited', '--summary']), 0);
    assert.equal(posts(sandbox).length, 1);
    sandbox.faults.add({ service: 'receiver', kind: 'status', status: 401, times: 9 });
    assertEnded(await postBuilt(sandbox, ['--unawaited', '--summary']), 77);
  });

  it('marks a message only after its post, although the job waits for neither', async () => {
    await using sandbox = await postingSandbox();
    sandbox.faults.add({ verb: 'post', times: 2, status: 503 });
    sandbox.faults.add({ verb: 'post', skip: 1, times: 1, status: 422 });
    assertEnded(await postBuilt(sandbox, ['--unawaited']), 65, { changed: 2, failed: 1 });
    const marked = sandbox.mailbox.search('label:Jobs/Posted').map(({ id }) => id);
    assert.deepEqual(Object.keys(delivered(sandbox)).sort(), marked.sort());
    assertEnded(await postBuilt(sandbox, ['--unawaited']), 0, { changed: 1 });
    assert.deepEqual(delivered(sandbox), once(sandbox));
  });

  it('sends nothing in a dry run, and says so', async () => {
    await using sandbox = await postingSandbox();
    assertEnded(await post(sandbox, ['--dry-run']), 0);
    const run = await post(sandbox, ['--dry-run', '--summary']);
    assertEnded(run, 0);
    assert.partialDeepStrictEqual(eventsOf(run, 'posting.answer'), [{ sent: false, status: 0 }]);
    assert.equal(eventsOf(run, 'post.skipped')[0]?.host, new URL(sandbox.receiverUrl).host);
    assert.deepEqual(posts(sandbox), []);
  });

  it('uses the same key for all attempts of one post, and another one in the next run', async () => {
    await using sandbox = await postingSandbox();
    sandbox.faults.add({ service: 'receiver', kind: 'reset-after' });
    const run = await post(sandbox, ['--summary']);
    assertEnded(run, 0);
    assert.partialDeepStrictEqual(eventsOf(run, 'posting.answer'), [
      { sent: true, status: 200, json: { duplicate: true } },
    ]);
    assert.partialDeepStrictEqual(eventsOf(run, 'post.retry'), [{ level: 'warn', attempt: 1 }]);
    assertEnded(await post(sandbox, ['--summary']), 0);
    const keys = posts(sandbox).map(({ headers }) => headers['idempotency-key']);
    assert.equal(keys.length, 3);
    assert.equal(keys[0], keys[1]);
    assert.notEqual(keys[1], keys[2]);
  });

  it('ends with 75 when the host stays away, and the next run delivers the rest', async () => {
    await using sandbox = await postingSandbox();
    // A Retry-After of more than ten minutes ends the attempts at once.
    const away: FaultKind = { status: 503, headers: { 'retry-after': '3600' } };
    sandbox.faults.add({ service: 'receiver', skip: 1, ...away });
    const final = assertEnded(await post(sandbox), 75, { changed: 1 });
    assert.match(
      told(final),
      /127\.0\.0\.1:\d+ was not available after 1 attempt: status 503 → Nothing to do unless it/,
    );
    assertEnded(await post(sandbox), 0, { changed: 2 });
    assert.deepEqual(delivered(sandbox), once(sandbox));
  });

  it('ends with 77 and names the keys that it sent when the host denies access', async () => {
    await using sandbox = await postingSandbox();
    sandbox.receiver.token = 'another token';
    const final = assertEnded(await post(sandbox), 77, { changed: 0 });
    assert.match(
      told(final),
      /denies access to posting \(status 401\) → Correct WEBHOOK_TOKEN, SIGNING_SECRET in the secret gmail-jobs\/alice/,
    );
    sandbox.secrets.setSecret('gmail-jobs/keys', { WEBHOOK_TOKEN: MARKS.token, SIGNING_SECRET: MARKS.signing });
    const elsewhere = await post(sandbox, [], { env: { JOB_SECRET_ID: 'gmail-jobs/keys' } });
    assert.match(told(assertEnded(elsewhere, 77)), /in the secret gmail-jobs\/keys/);
  });

  for (const [status, what] of [
    [301, /redirect, which is not followed/],
    [308, /redirect, which is not followed/],
    [404, /does not take posts at this address/],
    [410, /does not take posts at this address/],
  ] as const) {
    it(`ends with 78 at the first message when the host answers ${status}`, async () => {
      await using sandbox = await postingSandbox();
      const headers = { location: 'https://elsewhere.example/?token=1' };
      sandbox.faults.add({ service: 'receiver', status, headers });
      const final = assertEnded(await post(sandbox), 78, { changed: 0 });
      assert.match(told(final), what);
      assert.doesNotMatch(told(final), /elsewhere|\/mail/);
      assert.equal(posts(sandbox).length, 1);
    });
  }

  it('counts a message as failed when the host refuses its body, and goes on with the others', async () => {
    await using sandbox = await postingSandbox();
    for (const status of [400, 422]) sandbox.faults.add({ service: 'receiver', status });
    assertEnded(await post(sandbox), 65, { matched: 3, changed: 1, failed: 2 });
    assertEnded(await post(sandbox), 0, { changed: 2 });
    assert.deepEqual(delivered(sandbox), once(sandbox));
  });

  it('exits 78 and names job and host when the host is not declared, or the address is not https', async () => {
    await using sandbox = await postingSandbox();
    const { host } = new URL(sandbox.receiverUrl);
    for (const dry of [[], ['--dry-run']]) {
      const undeclared = await post(sandbox, ['--summary', '--host', 'api.example.com', ...dry]);
      assert.match(
        told(assertEnded(undeclared, 78)),
        new RegExp(
          `posting cannot post: its hosts do not declare ${host} → Add '${host}' to hosts in jobs/posting\\.ts`,
        ),
      );
      const plain = ['posting', '--url', 'http://api.example.com/token-of-the-hook', '--summary', ...dry];
      const insecure = told(assertEnded(await runHere(sandbox, plain, { jobs: 'fixtures' }), 78));
      assert.match(insecure, /the address at api\.example\.com is not https/);
      assert.doesNotMatch(insecure, /token-of-the-hook/);
    }
    assert.deepEqual(posts(sandbox), []);
  });

  it('loses no message when it is killed around a post: the next run delivers it again with the same key', async () => {
    for (const kind of ['before', 'after'] as const) {
      await using sandbox = await postingSandbox();
      const child = new ChildHandle();
      sandbox.faults.add({ service: 'receiver', kind: 'hook', skip: 1, [kind]: () => child.kill('SIGKILL') });
      const killed = await postBuilt(sandbox, [], { onStart: child.onStart });
      assert.equal(killed.code, 137);
      assertEnded(await post(sandbox), 0);
      const counts = Object.values(delivered(sandbox));
      assert.deepEqual(Object.keys(delivered(sandbox)).sort(), Object.keys(once(sandbox)).sort());
      assert.ok(counts.reduce((sum, posts) => sum + posts, 0) <= 4, `at most one is delivered twice: ${counts}`);
    }
  });
});

describe('a job that posts shows no secret', { concurrency: 4 }, () => {
  const NOISY = { LOG_LEVEL: 'debug', NODE_DEBUG: 'http,net,tls,fetch,undici', DEBUG: '*', REQUEST_TIMEOUT: '2s' };
  const faults: Record<string, FaultKind> = {
    'an echo with 400': { kind: 'echo', status: 400 },
    'an echo with 401': { kind: 'echo', status: 401 },
    'a page with 404': { kind: 'html', status: 404 },
    'a redirect': { status: 307, headers: { location: `/elsewhere?${MARKS.token.slice(0, 20)}` } },
    'a malformed answer': { kind: 'malformed' },
    'no answer before a signal': { kind: 'hang' },
  };
  for (const [what, kind] of Object.entries(faults)) {
    it(`when the host gives ${what}`, async () => {
      await using sandbox = await postingSandbox();
      const child = new ChildHandle();
      if (what.includes('signal')) {
        sandbox.faults.add({ service: 'receiver', kind: 'hook', before: () => child.kill('SIGTERM') });
      }
      const met = sandbox.faults.add({ service: 'receiver', ...kind });
      const run = await postBuilt(sandbox, [], { env: NOISY, onStart: child.onStart });
      assertEnded(run, run.code);
      assert.notEqual(run.code, 1, run.stdout);
      assert.ok(met.hits > 0);
      assert.deepEqual(findSecrets(run.stdout + run.stderr, MARKS), []);
    });
  }
});
