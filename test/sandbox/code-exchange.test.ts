import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from './index.ts';
import { exchange, gmailOf, googleClient, refusalOf } from './real-clients.ts';

const { modify, readonly } = GMAIL_SCOPES;
const REDIRECT = 'http://127.0.0.1:9/back';
const VERIFIER = 'v'.repeat(64);

/** A fresh code, requested with PKCE; `changes` replaces parameters of the request. */
async function consent(sandbox: Sandbox, changes: Record<string, string> = {}): Promise<string> {
  const url = new URL(sandbox.env.GOOGLE_AUTH_URL ?? '');
  const query = {
    client_id: sandbox.secretValue.client_id,
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: modify,
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    code_challenge_method: 'S256',
    access_type: 'offline',
    prompt: 'consent',
    ...changes,
  };
  for (const [name, value] of Object.entries(query)) if (value !== '') url.searchParams.set(name, value);
  const { location } = await sandbox.consent.visit(url.href, { follow: false });
  return new URL(location ?? '').searchParams.get('code') ?? '';
}

/** Exchanges a code; `changes` replaces fields. */
function redeem(sandbox: Sandbox, code: string, changes: Record<string, string> = {}) {
  const form = { grant_type: 'authorization_code', code, code_verifier: VERIFIER, redirect_uri: REDIRECT, ...changes };
  return exchange(sandbox, form);
}

test('a code gives an access token, and a refresh token that works', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { status, body } = await redeem(sandbox, await consent(sandbox));
  assert.equal(status, 200);
  const { access_token, refresh_token, ...rest } = body;
  assert.deepEqual(rest, { expires_in: 3599, scope: modify, token_type: 'Bearer' });
  assert.ok(sandbox.oauth.find(String(access_token)));
  assert.equal((await exchange(sandbox, { refresh_token: String(refresh_token) })).body.scope, modify);
});

test('a code that is used a second time is refused, and the tokens from its first use are revoked', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const code = await consent(sandbox);
  const { body } = await redeem(sandbox, code);
  const again = await redeem(sandbox, code);
  assert.deepEqual([again.status, again.body.error], [400, 'invalid_grant']);
  assert.equal(sandbox.oauth.find(String(body.access_token)), undefined);
  const refreshed = await exchange(sandbox, { refresh_token: String(body.refresh_token) });
  assert.equal(refreshed.body.error, 'invalid_grant');
  assert.equal((await exchange(sandbox)).status, 200, 'the grant from before is untouched');
});

test('a code is valid for ten minutes, with its own client, redirect address and verifier', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.oauth.clients.set('other', 'other-secret');
  const code = await consent(sandbox);
  const refused = async (changes: Record<string, string>) => {
    const { status, body } = await redeem(sandbox, code, changes);
    return [status, body.error, body.error_description];
  };
  assert.deepEqual(await refused({ code_verifier: 'w'.repeat(64) }), [400, 'invalid_grant', 'Invalid code verifier.']);
  assert.deepEqual(await refused({ code_verifier: '' }), [400, 'invalid_grant', 'Missing code verifier.']);
  assert.deepEqual(await refused({ redirect_uri: `${REDIRECT}/` }), [400, 'redirect_uri_mismatch', 'Bad Request']);
  assert.deepEqual(await refused({ code: '4/0Aunknown' }), [400, 'invalid_grant', 'Bad Request']);
  assert.deepEqual(await refused({ code: 'x' }), [400, 'invalid_grant', 'Malformed auth code.']);
  assert.deepEqual(await refused({ client_secret: '' }), [400, 'invalid_request', 'client_secret is missing.']);
  assert.equal((await refused({ client_id: 'other', client_secret: 'other-secret' }))[1], 'unauthorized_client');
  const [issued] = sandbox.oauth.codes.issued;
  assert.ok(issued && Math.abs(issued.expiresAt - Date.now() - 600_000) < 5_000);
  issued.expiresAt = 0;
  assert.deepEqual(await refused({}), [400, 'invalid_grant', 'Bad Request']);
});

test('a verifier is refused for a code that was requested without a challenge', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const code = await consent(sandbox, { code_challenge: '', code_challenge_method: '' });
  const refused = await redeem(sandbox, code);
  assert.equal(refused.body.error_description, 'code_verifier or verifier is not needed.');
  assert.equal((await redeem(sandbox, code, { code_verifier: '' })).status, 200);
});

test('a refresh token comes with access_type=offline, at the first consent or with prompt=consent', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const given = async (changes: Record<string, string>) => {
    const { body } = await redeem(sandbox, await consent(sandbox, changes));
    return body.refresh_token !== undefined;
  };
  assert.equal(await given({ access_type: '' }), false);
  assert.equal(await given({ prompt: '' }), false, 'the sandbox starts with a grant');
  assert.equal(await given({ prompt: 'select_account consent' }), true);
  sandbox.consent.behave({ email: 'bob@example.com' });
  assert.equal(await given({ prompt: '' }), true);
  assert.equal(await given({ prompt: '' }), false);
});

test('the 101st live refresh token of an account ends the oldest', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  for (let n = 0; n < 100; n += 1) {
    sandbox.oauth.grant({ clientId: sandbox.secretValue.client_id, scopes: [modify], email: sandbox.mailbox.email });
  }
  assert.equal((await exchange(sandbox)).body.error, 'invalid_grant');
  assert.equal([...sandbox.oauth.grants.values()].filter(({ alive }) => alive).length, 100);
});

test("Google's client revokes all grants of an account with one access token", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const first = await redeem(sandbox, await consent(sandbox));
  const gmail = await gmailOf(sandbox);
  const client = googleClient(sandbox);
  await client.revokeToken(String(first.body.access_token));
  assert.equal((await exchange(sandbox)).body.error, 'invalid_grant');
  assert.equal((await refusalOf(gmail.users.getProfile({ userId: 'me' }))).code, 401);
  await assert.rejects(client.revokeToken(String(first.body.refresh_token)), (error: { response?: Response }) => {
    assert.equal(error.response?.status, 400);
    return true;
  });
  const { body } = await redeem(sandbox, await consent(sandbox, { prompt: '' }));
  assert.ok(body.refresh_token, 'the account is asked as if for the first time');
});

test('revocation takes a token in the form or the query, leaves other accounts alone, and refuses an unknown token', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const clientId = sandbox.secretValue.client_id;
  const bob = sandbox.oauth.grant({ clientId, scopes: [readonly], email: 'bob@example.com' });
  const revoke = async (query: string, form: Record<string, string>) => {
    const url = `${sandbox.env.GOOGLE_REVOKE_URL}${query}`;
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form) });
    return [response.status, (await response.json()) as unknown];
  };
  const refused = [400, { error: 'invalid_token', error_description: 'Token expired or revoked' }];
  assert.deepEqual(await revoke('', { token: sandbox.secretValue.refresh_token }), [200, {}]);
  assert.deepEqual(await revoke('', { token: sandbox.secretValue.refresh_token }), refused);
  assert.equal((await exchange(sandbox, { refresh_token: bob.refreshToken })).status, 200);
  assert.deepEqual(await revoke(`?token=${bob.refreshToken}`, {}), [200, {}]);
  assert.deepEqual(await revoke('', { token: 'unknown' }), refused);
  sandbox.faults.add({ service: 'oauth', verb: 'revoke', status: 503 });
  const response = await fetch(sandbox.env.GOOGLE_REVOKE_URL ?? '', { method: 'POST' });
  assert.equal(response.status, 503);
});

test('grants of an app in Testing say when they end, and end', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.oauth.refreshTokenLifetimeS = 604_799;
  const { body } = await redeem(sandbox, await consent(sandbox));
  assert.ok(Number(body.refresh_token_expires_in) > 604_790);
  const grant = sandbox.oauth.grants.get(String(body.refresh_token));
  assert.ok(grant);
  grant.endsAt = 0;
  assert.equal((await exchange(sandbox, { refresh_token: grant.refreshToken })).body.error, 'invalid_grant');
});

test("Google's client reads the scopes, client and address of a token", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { body } = await redeem(sandbox, await consent(sandbox, { scope: `${modify} email` }));
  const { scopes, aud, email } = await googleClient(sandbox).getTokenInfo(String(body.access_token));
  assert.deepEqual([scopes, aud, email], [[modify, 'email'], sandbox.secretValue.client_id, 'alice@example.com']);
  await assert.rejects(googleClient(sandbox).getTokenInfo('ya29.unknown'));
});
