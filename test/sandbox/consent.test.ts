import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { CodeChallengeMethod } from 'google-auth-library';
import type { Behaviour } from './consent.ts';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from './index.ts';
import { googleClient } from './real-clients.ts';

const { modify, readonly } = GMAIL_SCOPES;
const REDIRECT = 'http://127.0.0.1:9/back';

/** The address that a program opens; `changes` replaces parameters, or removes those that are empty. */
function authUrl({ env, secretValue }: Sandbox, changes: Record<string, string> = {}): string {
  const url = new URL(env.GOOGLE_AUTH_URL ?? '');
  const query: Record<string, string> = {
    client_id: secretValue.client_id,
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: `${modify} ${readonly}`,
    state: 'a state',
    code_challenge: 'c'.repeat(43),
    code_challenge_method: 'S256',
    access_type: 'offline',
    prompt: 'consent',
    ...changes,
  };
  for (const [name, value] of Object.entries(query)) if (value !== '') url.searchParams.set(name, value);
  return url.href;
}

/** The parameters of the address to which the consent page redirects the browser. */
async function answered(sandbox: Sandbox, behaviour: Behaviour, changes: Record<string, string> = {}) {
  sandbox.consent.behave(behaviour);
  const { status, location } = await sandbox.consent.visit(authUrl(sandbox, changes), { follow: false });
  assert.equal(status, 302);
  return Object.fromEntries(new URL(location ?? '').searchParams);
}

test("accepts the address that Google's own client makes, and records its request", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = googleClient(sandbox, REDIRECT);
  const { codeChallenge, codeVerifier } = await client.generateCodeVerifierAsync();
  const url = client.generateAuthUrl({
    access_type: 'offline',
    prompt: 'consent',
    scope: [modify, readonly],
    state: 'xyz',
    login_hint: 'alice@example.com',
    code_challenge: codeChallenge ?? '',
    code_challenge_method: CodeChallengeMethod.S256,
  });
  const { location } = await sandbox.consent.visit(url, { follow: false });
  assert.deepEqual(sandbox.consent.asked, [
    {
      clientId: sandbox.secretValue.client_id,
      redirectUri: REDIRECT,
      scopes: [modify, readonly],
      state: 'xyz',
      accessType: 'offline',
      prompt: ['consent'],
      loginHint: 'alice@example.com',
      includeGrantedScopes: false,
      challenge: { method: 'S256', value: codeChallenge },
    },
  ]);
  const code = new URL(location ?? '').searchParams.get('code') ?? '';
  const { tokens } = await client.getToken({ code, codeVerifier });
  assert.match(tokens.refresh_token ?? '', /^1\/\/0/);
  assert.equal(tokens.scope, `${modify} ${readonly}`);
});

test('redirects a person who allows the request, with state, code and scopes', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { code, ...rest } = await answered(sandbox, {});
  assert.match(code ?? '', /^4\/0A/);
  assert.deepEqual(rest, {
    state: 'a state',
    iss: 'https://accounts.google.com',
    scope: `${modify} ${readonly}`,
    authuser: '0',
    prompt: 'consent',
  });
});

test('a person may untick scopes, use another account, refuse, or come back with a wrong state', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  assert.equal((await answered(sandbox, { untick: [modify] })).scope, readonly);
  assert.deepEqual(await answered(sandbox, { untick: [modify, readonly] }), {
    error: 'access_denied',
    state: 'a state',
  });
  await answered(sandbox, { email: 'bob@example.com' });
  assert.equal(sandbox.oauth.codes.issued.at(-1)?.email, 'bob@example.com');
  assert.deepEqual(await answered(sandbox, { decision: 'deny' }), { error: 'access_denied', state: 'a state' });
  const wrong = await answered(sandbox, { wrongState: true });
  assert.notEqual(wrong.state, 'a state');
  assert.ok(wrong.code);
});

test("shows Google's own refusals on its page, or redirects with them when a test asks for that", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  for (const [error, status] of [
    ['admin_policy_enforced', 400],
    ['access_denied', 403],
    ['org_internal', 403],
  ] as const) {
    sandbox.consent.behave({ error });
    const page = await sandbox.consent.visit(authUrl(sandbox));
    assert.deepEqual([page.status, page.location], [status, undefined]);
    assert.match(page.body, new RegExp(`Error ${status}: ${error}`));
    assert.deepEqual(await answered(sandbox, { error, errorComesBack: true }), { error, state: 'a state' });
  }
  assert.deepEqual(sandbox.oauth.codes.issued, []);
});

test('a person who ignores the page leaves its form open, which a real browser can send', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.consent.behave({ decision: 'ignore' });
  const url = authUrl(sandbox);
  const { status, body, location } = await sandbox.consent.visit(url);
  assert.deepEqual([status, location], [200, undefined]);
  assert.match(body, /alice@example\.com/);
  const send = async (form: Record<string, string>) => {
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' });
    return new URL(response.headers.get('location') ?? '').searchParams;
  };
  assert.equal((await send({ decision: 'allow', [readonly]: 'on' })).get('scope'), readonly);
  assert.equal((await send({ decision: 'deny', [readonly]: 'on' })).get('error'), 'access_denied');
});

for (const [what, changes, status, error] of [
  ['an unknown client', { client_id: 'nobody' }, 401, 'invalid_client'],
  ['no client', { client_id: '' }, 400, 'invalid_request'],
  ['no response type', { response_type: '' }, 400, 'invalid_request'],
  ['another response type', { response_type: 'token' }, 400, 'invalid_request'],
  ['no scope', { scope: '' }, 400, 'invalid_request'],
  ['an unknown scope', { scope: 'gmail.modify' }, 400, 'invalid_scope'],
  ['no redirect', { redirect_uri: '' }, 400, 'invalid_request'],
  ['a redirect elsewhere', { redirect_uri: 'http://192.168.1.1:80/' }, 400, 'redirect_uri_mismatch'],
  ['a redirect over https', { redirect_uri: 'https://127.0.0.1:80/' }, 400, 'redirect_uri_mismatch'],
  ['the out-of-band redirect', { redirect_uri: 'urn:ietf:wg:oauth:2.0:oob' }, 400, 'redirect_uri_mismatch'],
  ['another challenge method', { code_challenge_method: 'S512' }, 400, 'invalid_request'],
  ['a challenge that is too short', { code_challenge: 'short' }, 400, 'invalid_request'],
  ['another access type', { access_type: 'always' }, 400, 'invalid_request'],
  ['another prompt', { prompt: 'force' }, 400, 'invalid_request'],
] as const) {
  test(`shows an error page for ${what}`, async () => {
    await using sandbox = await startSandbox({ messages: 1 });
    const page = await sandbox.consent.visit(authUrl(sandbox, changes));
    assert.equal(page.status, status);
    assert.match(page.body, new RegExp(`Error ${status}: ${error}`));
    assert.deepEqual([page.location, sandbox.consent.asked], [undefined, []]);
  });
}

test('redirects to every loopback address', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  for (const redirect_uri of ['http://127.0.0.1:4711', 'http://localhost:4711/cb', 'http://[::1]:4711/']) {
    const { location } = await sandbox.consent.visit(authUrl(sandbox, { redirect_uri }), { follow: false });
    assert.ok(location?.startsWith(redirect_uri), location);
  }
});

test('the browser follows to the program and shows its last page', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const program = createServer(({ url = '' }, response) => {
    if (url.startsWith('/back')) response.writeHead(303, { location: '/done' }).end();
    else response.writeHead(url === '/done' ? 200 : 404).end('Stored.');
  });
  await new Promise<void>((resolve) => program.listen(0, '127.0.0.1', resolve));
  const redirect_uri = `http://127.0.0.1:${(program.address() as AddressInfo).port}/back`;
  const { status, body, location } = await sandbox.consent.visit(authUrl(sandbox, { redirect_uri }));
  program.closeAllConnections();
  program.close();
  assert.deepEqual([status, body], [200, 'Stored.']);
  assert.ok(location?.startsWith(`${redirect_uri}?`));
});

test('answers after a delay, and with planted faults, like every stand-in', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const startedAt = performance.now();
  await answered(sandbox, { delayMs: 40 });
  assert.ok(performance.now() - startedAt >= 38);
  sandbox.faults.add({ service: 'consent', verb: 'auth', kind: 'html', status: 500 });
  assert.equal((await sandbox.consent.visit(authUrl(sandbox))).status, 500);
});
