import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { listActiveUsers } from '../../../lib/directory/users.ts';
import type { JobError } from '../../../lib/errors.ts';
import { googleErrors, type Sandbox, startSandbox } from '../../sandbox/index.ts';
import { VirtualClock } from '../../virtual-clock.ts';

const SCOPE = 'https://www.googleapis.com/auth/admin.directory.user.readonly';
const ADMIN = 'admin@example.com';

describe('listActiveUsers', () => {
  let sandbox: Sandbox;
  let accessToken: string;
  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
    sandbox.directory.add(ADMIN, { isAdmin: true });
    for (let n = 0; n < 1_200; n += 1) sandbox.directory.add(`u${String(n).padStart(4, '0')}@example.com`);
    const { client_id: clientId, client_secret } = sandbox.secretValue;
    const { refreshToken } = sandbox.oauth.grant({ clientId, scopes: [SCOPE], email: ADMIN });
    const form = { grant_type: 'refresh_token', client_id: clientId, client_secret, refresh_token: refreshToken };
    const response = await fetch(`${sandbox.env.GOOGLE_TOKEN_URL}`, {
      method: 'POST',
      body: new URLSearchParams(form),
    });
    accessToken = ((await response.json()) as { access_token: string }).access_token;
    sandbox.requests.length = 0;
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.requests.length = 0;
  });
  after(() => sandbox.close());

  const list = (clock = new VirtualClock(), signal = new AbortController().signal, timeoutMs = 5_000) => {
    const access = { accessToken, adminUrl: `${sandbox.env.GOOGLE_ADMIN_URL}`, timeoutMs, clock, random: () => 1 };
    return listActiveUsers({ admin: ADMIN, query: undefined }, access, signal);
  };
  const failure = async (...args: Parameters<typeof list>): Promise<JobError> =>
    await list(...args).then(
      () => assert.fail('nothing failed'),
      (error: JobError) => error,
    );

  it('asks for pages of 500 and for the needed fields alone', async () => {
    const users = await list();
    assert.equal(users.length, 1_201);
    assert.equal(new Set(users).size, 1_201);
    const { requests } = sandbox;
    assert.deepEqual(
      requests.map(({ query }) => [query.get('maxResults'), query.get('customer')]),
      Array.from({ length: 3 }, () => ['500', 'my_customer']),
    );
    assert.equal(
      requests[0]?.query.get('fields'),
      'nextPageToken,users(primaryEmail,suspended,archived,isMailboxSetup)',
    );
  });

  it('waits longer and longer for quota, and at least as long as Google says', async () => {
    const clock = new VirtualClock();
    const startedAt = clock.now();
    const refusal = { ...googleErrors.quota429(), headers: { 'retry-after': '20' } };
    sandbox.faults.add({ verb: 'users.list', ...refusal });
    sandbox.faults.add({ verb: 'users.list', ...googleErrors.quota403() });
    assert.equal((await list(clock)).length, 1_201);
    assert.equal(clock.now() - startedAt, 28_000);
  });

  it('fails with 75 when the Admin SDK or its quota stays away', async () => {
    for (const fault of [googleErrors.backendError(), googleErrors.quota429(), { kind: 'reset-before' } as const]) {
      sandbox.faults.add({ verb: 'users.list', times: 5, ...fault });
      const { exitCode, message } = await failure();
      assert.equal(exitCode, 75, message);
      assert.match(message, /^Google's Admin SDK was not available after 5 attempts: /);
    }
  });

  it('fails with 75 when an answer does not come in time', async () => {
    sandbox.faults.add({ verb: 'users.list', times: 5, kind: 'hang' });
    const { exitCode, message } = await failure(new VirtualClock(), undefined, 30);
    assert.equal(exitCode, 75);
    assert.match(message, /no answer within/);
  });

  it('never takes an incomplete answer for a shorter list', async () => {
    for (const body of ['{"users":[{}]}', '{"users":"none"}', '[]', '{"error":{}}', '']) {
      sandbox.faults.add({ verb: 'users.list', times: 5, status: 200, body });
      assert.equal((await failure()).exitCode, 75, body);
    }
    sandbox.faults.add({ verb: 'users.list', kind: 'truncate' });
    assert.equal((await list()).length, 1_201);
  });

  it('fails with 75 when the pages go round in a circle', async () => {
    const body = { users: [{ primaryEmail: ADMIN }], nextPageToken: 'again' };
    sandbox.faults.add({ verb: 'users.list', times: 3, status: 200, body });
    assert.match((await failure()).message, /the same page again and again$/);
  });

  it('fails with 77 when Google does not accept the token, without a word of it', async () => {
    sandbox.faults.add({ verb: 'users.list', times: 5, ...googleErrors.invalidCredentials() });
    const { exitCode, message, remedy } = await failure();
    assert.equal(exitCode, 77);
    assert.match(remedy, /^Check that admin@example\.com is an active user/);
    sandbox.faults.add({ verb: 'users.list', kind: 'echo', status: 403 });
    const echoed = await failure();
    assert.equal(echoed.exitCode, 77);
    for (const text of [message, remedy, echoed.message, echoed.remedy]) assert.ok(!text.includes(accessToken));
  });

  it('fails with 78 when a page or a redirect comes instead of an answer', async () => {
    sandbox.faults.add({ verb: 'users.list', times: 5, kind: 'html', status: 403 });
    assert.equal((await failure()).exitCode, 78);
    const headers = { location: 'https://example.com/' };
    sandbox.faults.add({ verb: 'users.list', status: 302, headers });
    assert.equal((await failure()).exitCode, 78);
  });

  it("ends with the signal's reason, also while it waits", async () => {
    const stop = new AbortController();
    sandbox.faults.add({ verb: 'users.list', kind: 'hook', before: () => stop.abort(new Error('stopped')) });
    sandbox.faults.add({ verb: 'users.list', kind: 'hang' });
    assert.equal((await failure(undefined, stop.signal)).message, 'stopped');
  });
});
