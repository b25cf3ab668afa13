import assert from 'node:assert/strict';
import test from 'node:test';
import { OAuth2Client } from 'google-auth-library';
import { GMAIL_SCOPES, startSandbox } from './index.ts';
import { TOKEN_REFUSALS, type TokenRefusal } from './oauth.ts';
import { exchange, gmailOf, refusalOf } from './real-clients.ts';

const { modify, readonly, labels, full } = GMAIL_SCOPES;

test("Google's own client exchanges a refresh token here", async () => {
  await using sandbox = await startSandbox({ messages: 1, accessTokenLifetimeS: 1800 });
  const { client_id, client_secret, refresh_token } = sandbox.secretValue;
  const client = new OAuth2Client({
    clientId: client_id,
    clientSecret: client_secret,
    endpoints: { oauth2TokenUrl: sandbox.env.GOOGLE_TOKEN_URL ?? '' },
  });
  client.setCredentials({ refresh_token });
  const { token, res } = await client.getAccessToken();
  assert.match(token ?? '', /^ya29\./);
  assert.equal(res?.data.token_type, 'Bearer');
  assert.equal(sandbox.oauth.find(token ?? '')?.email, 'alice@example.com');
});

test('an exchange without scope gives everything that was granted', async () => {
  await using sandbox = await startSandbox({ messages: 1, scopes: [modify, labels], accessTokenLifetimeS: 1800 });
  const { status, body } = await exchange(sandbox);
  assert.equal(status, 200);
  const { access_token, ...rest } = body;
  assert.equal(typeof access_token, 'string');
  assert.deepEqual(rest, { expires_in: 1800, scope: `${modify} ${labels}`, token_type: 'Bearer' });
});

test('narrows to a part of the grant and refuses what was not granted', async () => {
  await using sandbox = await startSandbox({ messages: 1, scopes: [modify, readonly] });
  const narrow = await exchange(sandbox, { scope: readonly });
  assert.equal(narrow.body.scope, readonly);
  assert.deepEqual(sandbox.oauth.find(String(narrow.body.access_token))?.scopes, [readonly]);
  const wide = await exchange(sandbox, { scope: `${readonly} ${full}` });
  assert.deepEqual([wide.status, wide.body.error], [400, 'invalid_scope']);
});

test('can ignore a scope in the request, or refuse any', async () => {
  await using sandbox = await startSandbox({ messages: 1, scopes: [modify, readonly] });
  sandbox.oauth.narrowing = 'ignore';
  assert.equal((await exchange(sandbox, { scope: readonly })).body.scope, `${modify} ${readonly}`);
  sandbox.oauth.narrowing = 'refuse';
  assert.equal((await exchange(sandbox, { scope: readonly })).body.error, 'invalid_scope');
  assert.equal((await exchange(sandbox)).status, 200);
});

test('tells a wrong client, a wrong client secret, an unknown and a foreign refresh token apart', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.oauth.clients.set('other-client', 'other-secret');
  const refused = async (form: Record<string, string>) => {
    const { status, body } = await exchange(sandbox, form);
    return [status, body.error, body.error_description];
  };
  assert.deepEqual(await refused({ client_id: 'nobody' }), [401, 'invalid_client', 'The OAuth client was not found.']);
  assert.deepEqual(await refused({ client_secret: 'GOCSPX-wrong' }), [401, 'invalid_client', 'Unauthorized']);
  assert.deepEqual(await refused({ refresh_token: '1//0unknown' }), [400, 'invalid_grant', 'Bad Request']);
  assert.deepEqual(await refused({ client_id: 'other-client', client_secret: 'other-secret' }), [
    401,
    'unauthorized_client',
    'Unauthorized',
  ]);
  assert.deepEqual(await refused({ refresh_token: '' }), [
    400,
    'invalid_request',
    'Missing required parameter: refresh_token',
  ]);
  assert.deepEqual((await refused({ grant_type: 'password' }))[1], 'unsupported_grant_type');
});

test('a revoked refresh token is refused, and the access tokens from it with it', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const gmail = await gmailOf(sandbox);
  sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
  const { status, body } = await exchange(sandbox);
  assert.deepEqual(
    [status, body],
    [400, { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' }],
  );
  assert.equal((await refusalOf(gmail.users.getProfile({ userId: 'me' }))).code, 401);
});

test('access tokens end when a test ends them, and after their lifetime', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const gmail = await gmailOf(sandbox);
  sandbox.oauth.expireAccessTokens();
  assert.equal((await refusalOf(gmail.users.getProfile({ userId: 'me' }))).code, 401);
  sandbox.oauth.accessTokenLifetimeS = 0;
  const { body } = await exchange(sandbox);
  assert.equal(sandbox.oauth.find(String(body.access_token)), undefined);
});

test('can hand out a new refresh token, which replaces the old one', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.oauth.rotatesRefreshTokens = true;
  const { body } = await exchange(sandbox);
  assert.match(String(body.refresh_token), /^1\/\/0/);
  assert.equal((await exchange(sandbox)).body.error, 'invalid_grant');
  assert.equal((await exchange(sandbox, { refresh_token: String(body.refresh_token) })).status, 200);
});

test('answers with every refusal that a test plants, as often as asked', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  for (const name of Object.keys(TOKEN_REFUSALS) as TokenRefusal[]) {
    sandbox.oauth.refuse(name);
    assert.deepEqual(await exchange(sandbox), TOKEN_REFUSALS[name]);
  }
  assert.equal((await exchange(sandbox)).status, 200);
});

test('takes exact credentials and access tokens, so that a test can search for them', async () => {
  const credentials = { clientId: 'marked-id', clientSecret: 'GOCSPX-marked', refreshToken: '1//0marked' };
  await using sandbox = await startSandbox({ messages: 1, credentials });
  sandbox.oauth.newAccessToken = () => 'ya29.marked';
  assert.equal(sandbox.secretValue.refresh_token, '1//0marked');
  assert.equal((await exchange(sandbox)).body.access_token, 'ya29.marked');
});
