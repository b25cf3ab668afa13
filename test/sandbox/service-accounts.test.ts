import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import test from 'node:test';
import { gaxios, JWT } from 'google-auth-library';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from './index.ts';
import type { ServiceAccountKey } from './service-accounts.ts';

const { modify, readonly } = GMAIL_SCOPES;
const SUBJECT = 'alice@example.com';

const delegated = (sandbox: Sandbox) => sandbox.oauth.serviceAccount({ subjects: [SUBJECT], scopes: [modify] });

/** Google's own client, whose fixed address is turned to the sandbox. */
function jwtClient(sandbox: Sandbox, key: ServiceAccountKey, subject?: string): JWT {
  const url = sandbox.env.GOOGLE_TOKEN_URL ?? '';
  const fetchHere = (_url: unknown, init?: RequestInit) => fetch(url, init);
  return new JWT({
    email: key.client_email,
    key: key.private_key,
    scopes: [modify],
    ...(subject ? { subject } : {}),
    transporter: new gaxios.Gaxios({ fetchImplementation: fetchHere as typeof fetch, retry: false }),
  });
}

/** Signs an assertion by hand and exchanges it; `changes` replaces claims. */
async function assertBy(sandbox: Sandbox, key: ServiceAccountKey, changes: object = {}, alg = 'RS256') {
  const nowS = Math.floor(Date.now() / 1000);
  const claims = {
    iss: key.client_email,
    sub: SUBJECT,
    scope: modify,
    aud: sandbox.env.GOOGLE_TOKEN_URL,
    iat: nowS,
    exp: nowS + 3600,
    ...changes,
  };
  const parts = [{ alg, typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  const signature = sign('RSA-SHA256', Buffer.from(parts.join('.')), key.private_key).toString('base64url');
  const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const response = await fetch(sandbox.env.GOOGLE_TOKEN_URL ?? '', {
    method: 'POST',
    body: new URLSearchParams({ grant_type: grantType, assertion: [...parts, signature].join('.') }),
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, body };
}

async function profile(sandbox: Sandbox, accessToken: unknown) {
  const headers = { authorization: `Bearer ${accessToken}` };
  const response = await fetch(`${sandbox.env.GMAIL_API_URL}/gmail/v1/users/me/profile`, { headers });
  return { status: response.status, body: (await response.json()) as { emailAddress?: string } };
}

test("Google's own client gets a token that opens the subject's mailbox", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { access_token } = await jwtClient(sandbox, delegated(sandbox), SUBJECT).authorize();
  assert.equal((await profile(sandbox, access_token)).body.emailAddress, SUBJECT);
});

test('the answer is a token and its lifetime, without a scope', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { status, body } = await assertBy(sandbox, delegated(sandbox));
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), ['access_token', 'expires_in', 'token_type']);
});

test('a service account without a subject gets a token that opens no mailbox', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { body } = await assertBy(sandbox, delegated(sandbox), { sub: undefined });
  assert.equal((await profile(sandbox, body.access_token)).status, 400);
});

test("refuses in Google's words", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const key = delegated(sandbox);
  const nowS = Math.floor(Date.now() / 1000);
  const refused = async (changes: object) => {
    const { status, body } = await assertBy(sandbox, key, changes);
    assert.notEqual(status, 200);
    return `${body.error}: ${body.error_description}`;
  };
  const times = /^invalid_grant: Invalid JWT: Token must be a short-lived token \(60 minutes\) and in a reasonable/;
  assert.match(await refused({ iat: nowS - 7200, exp: nowS - 3600 }), times);
  assert.match(await refused({ exp: nowS + 7200 }), times);
  assert.match(await refused({ iat: nowS + 3000, exp: nowS + 3600 }), times);
  assert.match(await refused({ exp: undefined }), times);
  const denied = /^unauthorized_client: Client is unauthorized to retrieve access tokens using this method, or client/;
  assert.match(await refused({ scope: `${modify} ${readonly}` }), denied);
  assert.match(await refused({ sub: 'alice@elsewhere.example' }), denied);
  assert.equal(await refused({ sub: 'nobody@example.com' }), 'invalid_grant: Invalid email or User ID');
  assert.equal(await refused({ sub: 'alice' }), 'invalid_grant: Invalid email or User ID');
  assert.equal(await refused({ iss: 'gmail-jobs' }), 'invalid_grant: Not a valid email or user ID.');
  assert.equal(await refused({ iss: 'x@y.example' }), 'invalid_grant: Invalid grant: account not found');
  assert.equal(await refused({ aud: 'https://x.example' }), 'invalid_grant: Invalid JWT: Failed audience check.');
  assert.match(await refused({ scope: '' }), /^invalid_scope: Invalid OAuth scope/);
});

test('refuses a key that is not of the account, another algorithm, and an account that was deleted', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const key = delegated(sandbox);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const foreign = await assertBy(sandbox, { ...key, private_key });
  assert.equal(foreign.body.error_description, 'Invalid JWT Signature.');
  assert.equal((await assertBy(sandbox, key, {}, 'none')).body.error, 'invalid_grant');
  const account = sandbox.oauth.serviceAccounts.get(key.client_email);
  assert.ok(account);
  account.alive = false;
  assert.equal((await assertBy(sandbox, key)).body.error_description, 'Invalid grant: account not found');
});

test("a test's changes count at once, and a test can plant every refusal", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const key = delegated(sandbox);
  sandbox.oauth.serviceAccounts.get(key.client_email)?.scopes.push(readonly);
  assert.equal((await assertBy(sandbox, key, { scope: `${readonly} ${modify}` })).status, 200);
  sandbox.oauth.refuse('disabled_client');
  await assert.rejects(jwtClient(sandbox, key, SUBJECT).authorize(), { message: /^disabled_client/ });
});
