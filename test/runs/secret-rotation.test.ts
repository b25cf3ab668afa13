/** Runs with several versions of the secret, and with wider scopes than they ask for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyHere, sandboxOf } from '../fixtures/starring.ts';
import { assertEnded, type Finished, type LogEvent } from '../run.ts';
import { GMAIL_SCOPES, type Sandbox } from '../sandbox/index.ts';

/** Puts a new version into AWS, with a refresh token that works. Returns its id. */
function rotate(sandbox: Sandbox): { version: string; refreshToken: string } {
  const { client_id: clientId, email } = sandbox.secretValue;
  const { refreshToken } = sandbox.oauth.grant({ clientId, email, scopes: [GMAIL_SCOPES.modify] });
  return { version: sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: refreshToken }), refreshToken };
}

/** The refresh tokens that Google was shown, in their order. */
function shown(sandbox: Sandbox): string[] {
  return sandbox.requests
    .filter(({ service }) => service === 'oauth')
    .map(({ body }) => (body as { refresh_token: string }).refresh_token);
}

function eventsOf(run: Finished, name: string): LogEvent[] {
  return run.events.filter(({ event }) => event === name);
}

function firstVersion(sandbox: Sandbox): string | undefined {
  return sandbox.secrets.secret().versions[0]?.id;
}

describe('the secret', { concurrency: 4 }, () => {
  it('is fetched anew by every run, so that a rotation needs no restart', async () => {
    await using sandbox = await sandboxOf();
    assertEnded(await applyHere(sandbox), 0, { secretVersion: firstVersion(sandbox) });
    const { version, refreshToken } = rotate(sandbox);
    assertEnded(await applyHere(sandbox), 0, { secretVersion: version });
    assert.deepEqual(shown(sandbox), [sandbox.secretValue.refresh_token, refreshToken]);
    const stages = sandbox.requests
      .filter(({ verb }) => verb === 'GetSecretValue')
      .map(({ body }) => (body as { VersionStage: string }).VersionStage);
    assert.deepEqual(stages, ['AWSCURRENT', 'AWSCURRENT']);
  });

  const broken: Record<string, (sandbox: Sandbox) => string> = {
    'was revoked': (sandbox) => {
      const { version, refreshToken } = rotate(sandbox);
      sandbox.oauth.revoke(refreshToken);
      return version;
    },
    'is of the wrong shape': (sandbox) => sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: undefined }),
    'is not JSON': ({ secrets, secretValue }) =>
      secrets.put(`{"email": "${secretValue.email}", "refresh_token": ${secretValue.refresh_token}}`),
    'has a wrong client secret': (sandbox) =>
      sandbox.secrets.put({ ...sandbox.secretValue, client_secret: 'GOCSPX-of-another-client' }),
    'has a wrong client id': (sandbox) => sandbox.secrets.put({ ...sandbox.secretValue, client_id: 'no-such-client' }),
  };
  for (const [what, breakIt] of Object.entries(broken)) {
    it(`is taken from AWSPREVIOUS, with an error that says what to do, when AWSCURRENT ${what}`, async () => {
      await using sandbox = await sandboxOf();
      const brokenVersion = breakIt(sandbox);
      const run = await applyHere(sandbox);
      assertEnded(run, 0, { outcome: 'ok', changed: 3, secretVersion: firstVersion(sandbox) });
      const [fallback, ...more] = eventsOf(run, 'secret.fallback');
      assert.deepEqual(more, []);
      assert.deepEqual(
        [fallback?.level, fallback?.secretVersion, fallback?.brokenVersion],
        ['error', firstVersion(sandbox), brokenVersion],
      );
      assert.match(String(fallback?.error), /\S/);
      assert.match(String(fallback?.remedy), /AWSPREVIOUS.*\S/);
    });
  }

  it('is read once more when it was rotated between the read and the exchange', async () => {
    await using sandbox = await sandboxOf();
    let rotated = { version: '', refreshToken: '' };
    sandbox.faults.add({
      kind: 'hook',
      service: 'aws',
      after: () => {
        rotated = rotate(sandbox);
        sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
      },
    });
    const run = await applyHere(sandbox);
    assertEnded(run, 0, { outcome: 'ok', changed: 3, secretVersion: rotated.version });
    assert.deepEqual(shown(sandbox), [sandbox.secretValue.refresh_token, rotated.refreshToken]);
    assert.deepEqual(eventsOf(run, 'secret.fallback'), []);
  });

  it('is read once more when its value was corrected during the run', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.put('{"refresh_token": ');
    let corrected = '';
    const correct = () => {
      corrected = sandbox.secrets.put(sandbox.secretValue);
    };
    sandbox.faults.add({ kind: 'hook', service: 'aws', after: correct });
    const run = await applyHere(sandbox);
    assertEnded(run, 0, { outcome: 'ok', changed: 3, secretVersion: corrected });
    assert.deepEqual(eventsOf(run, 'secret.fallback'), []);
  });

  it('ends the run with 77 when neither version works, after trying each once', async () => {
    await using sandbox = await sandboxOf();
    const { refreshToken } = rotate(sandbox);
    sandbox.oauth.revoke(refreshToken);
    sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
    const run = await applyHere(sandbox);
    const final = assertEnded(run, 77, { outcome: 'failed', requests: 0 });
    assert.match(String(final.error), /invalid_grant/);
    assert.deepEqual(shown(sandbox), [refreshToken, sandbox.secretValue.refresh_token]);
    assert.deepEqual(eventsOf(run, 'secret.fallback'), []);
  });

  it('ends the run with the error of AWSCURRENT when AWSPREVIOUS is broken too', async () => {
    await using sandbox = await sandboxOf();
    sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
    sandbox.secrets.put({ client_id: 'x' });
    assert.match(String(assertEnded(await applyHere(sandbox), 78).error), /client_secret/);

    sandbox.secrets.put(sandbox.secretValue);
    assert.match(String(assertEnded(await applyHere(sandbox), 77).error), /invalid_grant/);
  });

  it('is not read from AWSPREVIOUS when Google is not available', async () => {
    await using sandbox = await sandboxOf();
    rotate(sandbox);
    sandbox.faults.add({ service: 'oauth', status: 503, times: Number.POSITIVE_INFINITY });
    const final = assertEnded(await applyHere(sandbox, { env: { RUN_BUDGET: '2s' } }), 75, { outcome: 'failed' });
    assert.equal(final.secretVersion, undefined);
    assert.equal(sandbox.requests.filter(({ service }) => service === 'aws').length, 1);
  });

  it('is not used a second time when it belongs to another mailbox', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.put({ ...sandbox.secretValue, email: 'bob@example.com' });
    assertEnded(await applyHere(sandbox), 77, { changed: 0 });
    assert.equal(shown(sandbox).length, 1);
  });

  it('ends the run with 77 when it is rotated to a token of another mailbox during the run', async () => {
    await using sandbox = await sandboxOf(2_500);
    const { client_id: clientId } = sandbox.secretValue;
    sandbox.faults.add({
      service: 'gmail',
      verb: 'messages.batchModify',
      kind: 'hook',
      before: () => {
        const bob = sandbox.oauth.grant({ clientId, email: 'bob@example.com', scopes: [GMAIL_SCOPES.modify] });
        sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: bob.refreshToken });
        sandbox.oauth.expireAccessTokens();
      },
    });
    const run = await applyHere(sandbox);
    const final = assertEnded(run, 77, { outcome: 'failed', changed: 0 });
    assert.match(String(final.error), /belongs to the mailbox bob@example.com/);
  });

  it('ends the run with 77 when it is changed to another mailbox during the run', async () => {
    await using sandbox = await sandboxOf(2_500);
    sandbox.faults.add({
      service: 'gmail',
      verb: 'messages.batchModify',
      kind: 'hook',
      before: () => {
        sandbox.secrets.put({ ...sandbox.secretValue, email: 'bob@example.com' });
        sandbox.oauth.expireAccessTokens();
      },
    });
    const run = await applyHere(sandbox);
    const final = assertEnded(run, 77, { outcome: 'failed' });
    assert.match(
      String(final.error),
      /changed to another mailbox during the run: from alice@example.com to bob@example.com/,
    );
    assert.equal(shown(sandbox).length, 1);
  });
});

describe('the access token', { concurrency: 4 }, () => {
  const wide = [GMAIL_SCOPES.modify, GMAIL_SCOPES.readonly, GMAIL_SCOPES.insert];

  it('has no more scopes than the job needs', async () => {
    await using sandbox = await sandboxOf(3, { scopes: wide });
    const run = await applyHere(sandbox);
    assertEnded(run, 0, { changed: 3 });
    assert.deepEqual(
      sandbox.oauth.issued.map(({ scopes }) => scopes),
      [[GMAIL_SCOPES.modify]],
    );
    assert.deepEqual(eventsOf(run, 'token.scope_wide'), []);
  });

  for (const narrowing of ['ignore', 'refuse'] as const) {
    it(`is used, with one warning, when it has all granted scopes because Google would ${narrowing} the request to narrow it`, async () => {
      await using sandbox = await sandboxOf(3, { scopes: wide });
      sandbox.oauth.narrowing = narrowing;
      sandbox.faults.add({
        kind: 'hook',
        verb: 'messages.batchModify',
        before: () => sandbox.oauth.expireAccessTokens(),
      });
      const run = await applyHere(sandbox);
      assertEnded(run, 0, { outcome: 'ok', changed: 3 });
      assert.equal(sandbox.oauth.issued.length, 2);
      assert.deepEqual(
        eventsOf(run, 'token.scope_wide').map(({ level }) => level),
        ['warn'],
      );
    });
  }

  it('is never revoked, since that would revoke the refresh token', async () => {
    await using sandbox = await sandboxOf();
    assertEnded(await applyHere(sandbox), 0);
    const asked = sandbox.requests.filter(({ service }) => service === 'oauth').map(({ path }) => path);
    assert.deepEqual(asked, ['/token']);
  });

  it('that comes with a new refresh token is used, and the refresh token is stored at once', async () => {
    await using sandbox = await sandboxOf();
    sandbox.oauth.rotatesRefreshTokens = true;
    const before = { ...sandbox.secretValue, WEBHOOK_TOKEN: 'made-up-token', limits: { posts: 3 } };
    sandbox.secrets.setSecret('gmail-jobs/alice', before);
    const run = await applyHere(sandbox);
    const final = assertEnded(run, 0, { changed: 3 });
    assert.equal(eventsOf(run, 'token.refresh_token_kept').length, 1);
    const { value, id } = sandbox.secrets.secret().versions.at(-1) ?? { value: '', id: '' };
    const replacement = sandbox.oauth.issued[0]?.refreshToken ?? '';
    assert.deepEqual(JSON.parse(String(value)), { ...before, refresh_token: replacement });
    assert.equal(final.secretVersion, id);
    assert.ok(replacement.length > 20 && !run.stdout.includes(replacement));
    assertEnded(await applyHere(sandbox), 0);
  });

  it('that comes with a new refresh token is used, and an error is logged when the refresh token cannot be stored', async () => {
    await using sandbox = await sandboxOf();
    sandbox.oauth.rotatesRefreshTokens = true;
    sandbox.iam.allow(['GetSecretValue']);
    const run = await applyHere(sandbox);
    assertEnded(run, 0, { changed: 3 });
    const [event] = eventsOf(run, 'token.refresh_token_replaced');
    assert.equal(event?.level, 'error');
    assert.match(`${event?.error} ${event?.remedy}`, /access denied.*job rotate.*secretsmanager:PutSecretValue/);
    const replacement = sandbox.oauth.issued[0]?.refreshToken ?? '';
    assert.ok(replacement.length > 20 && !run.stdout.includes(replacement));
  });
});
