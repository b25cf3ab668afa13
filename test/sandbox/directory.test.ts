import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OAuth2Client } from 'google-auth-library';
import { admin_directory_v1 } from 'googleapis/build/src/apis/admin/directory_v1.js';
import { type Sandbox, startSandbox } from './index.ts';
import { refusalOf } from './real-clients.ts';

const SCOPE = 'https://www.googleapis.com/auth/admin.directory.user.readonly';

describe('the Admin SDK', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
    sandbox.directory.add('root@example.com', { isAdmin: true });
    for (const name of ['ann', 'bob', 'cem']) sandbox.directory.add(`${name}@example.com`, { orgUnitPath: '/Sales' });
    sandbox.directory.add('dan@example.com', { orgUnitPath: '/Sales/East', suspended: true });
  });
  after(() => sandbox.close());

  /** A client with a token for the user. */
  async function clientOf(email: string, scopes = [SCOPE]): Promise<admin_directory_v1.Admin> {
    const { client_id: clientId, client_secret } = sandbox.secretValue;
    const { refreshToken } = sandbox.oauth.grant({ clientId, scopes, email });
    const form = { grant_type: 'refresh_token', client_id: clientId, client_secret, refresh_token: refreshToken };
    const response = await fetch(sandbox.env.GOOGLE_TOKEN_URL ?? '', {
      method: 'POST',
      body: new URLSearchParams(form),
    });
    const { access_token } = (await response.json()) as { access_token: string };
    const auth = new OAuth2Client();
    auth.setCredentials({ access_token });
    return new admin_directory_v1.Admin({ auth, rootUrl: `${sandbox.env.GOOGLE_ADMIN_URL}/`, retry: false });
  }
  const customer = 'my_customer';

  it('lists users in pages, in the order of their addresses', async () => {
    const admin = await clientOf('root@example.com');
    const { data: first } = await admin.users.list({ customer, maxResults: 3, orderBy: 'email' });
    assert.deepEqual(
      first.users?.map(({ primaryEmail }) => primaryEmail),
      ['ann@example.com', 'bob@example.com', 'cem@example.com'],
    );
    assert.ok(first.nextPageToken);
    const { data: last } = await admin.users.list({ customer, maxResults: 3, pageToken: first.nextPageToken });
    assert.deepEqual(
      last.users?.map(({ primaryEmail, suspended }) => [primaryEmail, suspended]),
      [
        ['dan@example.com', true],
        ['root@example.com', false],
      ],
    );
    assert.equal(last.nextPageToken, undefined);
  });

  it('finds users by organizational unit and state, and gives no list when it finds none', async () => {
    const admin = await clientOf('root@example.com');
    const found = async (query: string) =>
      (await admin.users.list({ customer, query, fields: 'users(primaryEmail)' })).data.users;
    assert.equal((await found("orgUnitPath='/Sales'"))?.length, 4);
    assert.deepEqual(await found('orgUnitPath=/Sales isSuspended=true'), [{ primaryEmail: 'dan@example.com' }]);
    assert.equal(await found('isAdmin=true isSuspended=true'), undefined);
  });

  it("refuses in Google's words", async () => {
    const admin = await clientOf('root@example.com');
    const refused = async (client: admin_directory_v1.Admin, params: object) => {
      const { code, reason } = await refusalOf(client.users.list(params));
      return [code, reason];
    };
    assert.deepEqual(await refused(admin, {}), [400, 'invalid']);
    assert.deepEqual(await refused(admin, { customer, query: 'department is sales' }), [400, 'invalid']);
    assert.deepEqual(await refused(admin, { customer, maxResults: 501 }), [400, 'invalid']);
    assert.deepEqual(await refused(await clientOf('ann@example.com'), { customer }), [403, 'forbidden']);
    const narrow = await clientOf('root@example.com', ['https://www.googleapis.com/auth/gmail.modify']);
    assert.deepEqual(await refused(narrow, { customer }), [403, 'insufficientPermissions']);
    sandbox.oauth.expireAccessTokens();
    assert.deepEqual(await refused(admin, { customer }), [401, 'authError']);
  });
});
