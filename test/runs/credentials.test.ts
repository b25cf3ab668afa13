/** Runs whose credentials Google refuses, and whose access token ends during the run. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ARCHIVE, applyHere, forever, STAR, sandboxOf, told, verbs } from '../fixtures/starring.ts';
import { assertEnded } from '../run.ts';
import { GMAIL_SCOPES, googleErrors } from '../sandbox/index.ts';
import type { TokenRefusal } from '../sandbox/oauth.ts';

describe('credentials that do not work', { concurrency: 4 }, () => {
  const refusals: Record<Exclude<TokenRefusal, 'invalid_scope'>, RegExp> = {
    invalid_grant: /invalid_grant.*password.*revoked.*authorize again/i,
    invalid_grant_unknown: /invalid_grant/,
    invalid_rapt: /invalid_rapt.*session.*administrator/,
    invalid_client: /invalid_client.*client_id/,
    invalid_client_secret: /invalid_client.*client_secret/,
    unauthorized_client: /unauthorized_client.*another client/,
    deleted_client: /deleted_client.*Cloud console/,
    admin_policy_enforced: /admin_policy_enforced.*administrator/,
    org_internal: /org_internal.*consent screen/,
    unsupported_grant_type: /unsupported_grant_type/,
  };
  it('exit 77 and name the credential that Google refused', async () => {
    for (const [refusal, expected] of Object.entries(refusals)) {
      await using sandbox = await sandboxOf();
      sandbox.oauth.refuse(refusal as TokenRefusal, 5);
      const final = assertEnded(await applyHere(sandbox), 77, { outcome: 'failed', requests: 0 });
      assert.match(told(final), expected);
      assert.equal(verbs(sandbox, 'oauth').length, 1, `${refusal}: a refusal is not tried again`);
      assert.deepEqual(verbs(sandbox, 'gmail'), []);
    }
  });

  it('name the 7 days of a consent screen in Testing only when the secret is that old', async () => {
    for (const [ageDays, expected] of [
      [1, false],
      [8, true],
    ] as const) {
      await using sandbox = await sandboxOf();
      const [version] = sandbox.secrets.secret().versions;
      if (version !== undefined) version.createdAtS -= ageDays * 86_400;
      sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
      const final = assertEnded(await applyHere(sandbox), 77, { outcome: 'failed' });
      assert.equal(/Testing/.test(String(final.error)), expected);
    }
  });

  it('exit 77 and name the missing scope before the mailbox is touched', async () => {
    for (const narrowing of ['honour', 'ignore', 'refuse'] as const) {
      await using sandbox = await sandboxOf(3, { scopes: [GMAIL_SCOPES.readonly] });
      sandbox.oauth.narrowing = narrowing;
      const final = assertEnded(await applyHere(sandbox), 77, { outcome: 'failed' });
      assert.match(told(final), /gmail\.modify/, narrowing);
      assert.deepEqual(verbs(sandbox, 'gmail'), []);
    }
  });

  it('exit 77 when the token belongs to another mailbox than the secret says', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.put({ ...sandbox.secretValue, email: 'bob@example.com' });
    const final = assertEnded(await applyHere(sandbox), 77, { outcome: 'failed', matched: 0 });
    assert.match(told(final), /alice@example\.com.*bob@example\.com/);
    assert.deepEqual(verbs(sandbox, 'gmail'), ['users.getProfile']);
  });

  it('open the mailbox when the secret names none, or names it in capitals', async () => {
    await using sandbox = await sandboxOf();
    const { email, ...rest } = sandbox.secretValue;
    sandbox.secrets.put(rest);
    assertEnded(await applyHere(sandbox), 0, { changed: 3 });
    sandbox.secrets.put({ ...rest, email: email.toUpperCase() });
    assertEnded(await applyHere(sandbox), 0, { outcome: 'nothing-to-do' });
    // Asked once in each run, before anything else.
    const asked = verbs(sandbox, 'gmail');
    assert.equal(asked[0], 'users.getProfile');
    assert.equal(asked.filter((verb) => verb === 'users.getProfile').length, 2);
  });

  it('exit 77 when Gmail does not accept even a fresh access token', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ service: 'gmail', ...forever, ...googleErrors.invalidCredentials() });
    assertEnded(await applyHere(sandbox), 77, { outcome: 'failed' });
    assert.deepEqual(verbs(sandbox, 'gmail'), ['users.getProfile', 'users.getProfile']);
  });

  it('exit 77 or 78 by the reason when Gmail denies access, without a retry', async () => {
    const cases = [
      [googleErrors.insufficientScopes(), 77, /scope/],
      [googleErrors.delegationDenied('alice@example.com'), 77, /Delegation denied/],
      [googleErrors.accessNotConfigured(), 78, /not enabled.*console\.cloud\.google\.com/],
    ] as const;
    for (const [error, code, expected] of cases) {
      await using sandbox = await sandboxOf();
      sandbox.faults.add({ service: 'gmail', ...forever, ...error });
      const final = assertEnded(await applyHere(sandbox), code, { outcome: 'failed', requests: 1, retries: 0 });
      assert.match(told(final), expected);
    }
  });
});

describe('an access token', { concurrency: 4 }, () => {
  it('that Gmail refuses during the run is replaced once for all waiting requests', async () => {
    await using sandbox = await sandboxOf(3_500);
    const met = sandbox.faults.add({
      kind: 'hook',
      verb: 'messages.batchModify',
      before: () => sandbox.oauth.expireAccessTokens(),
    });
    assertEnded(await applyHere(sandbox), 0, { outcome: 'ok', changed: 3_500, failed: 0 });
    assert.equal(met.hits, 1);
    assert.deepEqual([verbs(sandbox, 'aws').length, verbs(sandbox, 'oauth').length], [2, 2]);
  });

  it('that expires is replaced with the version of the secret that is current then', async () => {
    await using sandbox = await sandboxOf(3, { accessTokenLifetimeS: 3 });
    const old = sandbox.secretValue;
    let renewed = '';
    sandbox.faults.add({
      kind: 'hook',
      verb: 'messages.batchModify',
      after: () => {
        renewed = sandbox.oauth.grant({
          clientId: old.client_id,
          scopes: [GMAIL_SCOPES.modify],
          email: old.email,
        }).refreshToken;
        sandbox.secrets.put({ ...old, refresh_token: renewed });
        sandbox.oauth.revoke(old.refresh_token);
        sandbox.oauth.accessTokenLifetimeS = 3_600;
      },
    });
    sandbox.faults.add({ kind: 'slow', verb: 'messages.batchModify', delayMs: 3_200 });
    const run = await applyHere(sandbox, { rules: { rules: [STAR, ARCHIVE] } });
    const current = sandbox.secrets.secret().versions.find(({ stages }) => stages.has('AWSCURRENT'));
    assertEnded(run, 0, { outcome: 'ok', changed: 6, secretVersion: current?.id });
    // A busy machine may need more than one token before the rotation.
    const used = new Set(sandbox.oauth.issued.map(({ refreshToken }) => refreshToken));
    assert.deepEqual([...used], [old.refresh_token, renewed]);
  });
});
