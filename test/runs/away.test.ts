/** Runs on services that fail once, and on services that stay away. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { ARCHIVE, apply, carrying, forever, STAR, sandboxOf, told, verbs } from '../fixtures/starring.ts';
import { assertEnded } from '../run.ts';
import type { FaultKind } from '../sandbox/faults.ts';
import { googleErrors } from '../sandbox/index.ts';

/** An address where nobody listens. */
async function unusedAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

describe('a run on a service that stays away', { concurrency: 10 }, () => {
  it('exits 75 with the remaining messages when Gmail goes away during the run', async () => {
    await using sandbox = await sandboxOf(2_500);
    sandbox.faults.add({ verb: 'messages.batchModify', skip: 1, ...forever, ...googleErrors.backendError() });
    const final = assertEnded(await apply(sandbox), 75, { outcome: 'failed', matched: 2_500, failed: 0 });
    assert.equal(carrying(sandbox, 'STARRED'), final.changed);
    assert.ok(Number(final.changed) >= 500 && Number(final.remaining) >= 1_000, JSON.stringify(final));
    assert.ok(Number(final.retries) >= 5);
    assert.match(told(final), /503.*next run/);
    sandbox.faults.clear();
    assertEnded(await apply(sandbox), 0, { outcome: 'ok', matched: final.remaining });
    assert.equal(carrying(sandbox, 'STARRED'), 2_500);
  });

  const away = {
    'resets every connection': { kind: 'reset-before', verb: 'messages.list', ...forever },
    'answers with pages of HTML': { kind: 'html', status: 502, verb: 'messages.list', ...forever },
    'sends only half of each answer': { kind: 'truncate', verb: 'messages.list', ...forever },
  } as const;
  for (const [what, fault] of Object.entries(away)) {
    it(`exits 75 after a few attempts when Gmail ${what}`, async () => {
      await using sandbox = await sandboxOf();
      sandbox.faults.add(fault);
      assertEnded(await apply(sandbox), 75, { outcome: 'failed', matched: 0, changed: 0 });
      const attempts = verbs(sandbox, 'gmail').filter((verb) => verb === 'messages.list').length;
      assert.ok(attempts >= 4 && attempts <= 8, `${attempts} attempts`);
    });
  }

  it('exits 75 when nobody listens at the address of Gmail, Google or AWS', async () => {
    await using sandbox = await sandboxOf();
    const nobody = await unusedAddress();
    const runs = ['GMAIL_API_URL', 'GOOGLE_TOKEN_URL', 'AWS_ENDPOINT_URL_SECRETS_MANAGER'].map(async (name) => {
      const final = assertEnded(await apply(sandbox, { env: { [name]: nobody } }), 75, { outcome: 'failed' });
      assert.match(told(final), /(AWS|Gmail|Google).*ECONNREFUSED/);
    });
    await Promise.all(runs);
    assert.equal(carrying(sandbox, 'STARRED'), 0);
  });

  it('exits 78 when Gmail, Google or AWS answers with a redirect, which the next run would get too', async () => {
    const runs = (['gmail', 'oauth', 'aws'] as const).map(async (service) => {
      await using sandbox = await sandboxOf();
      sandbox.faults.add({ service, status: 302, headers: { location: '/login' }, ...forever });
      const final = assertEnded(await apply(sandbox), 78, { outcome: 'failed', changed: 0 });
      assert.match(told(final), /(a redirect|status 302).*a login page may/);
    });
    await Promise.all(runs);
  });

  it('exits 75 when the token endpoint fails on every attempt', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ service: 'oauth', status: 500, body: { error: 'internal_failure' }, ...forever });
    assertEnded(await apply(sandbox), 75, { outcome: 'failed' });
    assert.ok(verbs(sandbox, 'oauth').length >= 3);
    assert.deepEqual(verbs(sandbox, 'gmail'), []);
  });
});

describe('a run on services that fail for a moment', { concurrency: 4 }, () => {
  const stumbles: Record<string, FaultKind> = {
    'answer 503': googleErrors.backendError(),
    'answer with a page of HTML': { kind: 'html', status: 502 },
    'reset the connection before the effect': { kind: 'reset-before' },
    'reset the connection after the effect': { kind: 'reset-after' },
    'send half of an answer': { kind: 'truncate' },
    'send broken JSON': { kind: 'malformed' },
    'answer with JSON that is nested 50,000 deep': { status: 200, body: `${'['.repeat(50_000)}${']'.repeat(50_000)}` },
    'do not answer': { kind: 'hang-after' },
  };
  for (const [what, fault] of Object.entries(stumbles)) {
    it(`succeeds and counts each change once when all services ${what} once`, async () => {
      await using sandbox = await sandboxOf(1_200);
      const asked = [
        'token',
        'users.getProfile',
        'labels.list',
        'messages.list',
        'labels.create',
        'messages.batchModify',
      ];
      // AWS's client waits ten seconds for an answer.
      if (fault.kind !== 'hang-after') asked.push('GetSecretValue');
      const met = asked.map((verb) => sandbox.faults.add({ verb, ...fault }));
      const rules = [{ ...ARCHIVE, actions: { archive: true, addLabels: ['New'] } }, STAR];
      const run = await apply(sandbox, { rules: { undo: false, rules }, env: { REQUEST_TIMEOUT: '1s' } });
      assertEnded(run, 0, { outcome: 'ok', matched: 2_400, changed: 2_400 });
      assert.deepEqual(
        met.map(({ hits }) => hits),
        asked.map(() => 1),
      );
      for (const labels of Object.values(sandbox.mailbox.snapshot())) assert.deepEqual(labels, ['New', 'STARRED']);
    });
  }
});
