import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { CredentialError, type JobError, UnavailableError } from '../../../lib/errors.ts';
import { askMailbox } from '../../../lib/gmail/profile.ts';
import { GMAIL_SCOPES, googleErrors, type Sandbox, startSandbox } from '../../sandbox/index.ts';
import { VirtualClock } from '../../virtual-clock.ts';

describe('askMailbox', () => {
  let sandbox: Sandbox;
  let token = '';
  before(async () => {
    sandbox = await startSandbox({ messages: 7 });
    const { client_id, client_secret, refresh_token } = sandbox.secretValue;
    const form = { grant_type: 'refresh_token', client_id, client_secret, refresh_token, scope: GMAIL_SCOPES.readonly };
    await fetch(`${sandbox.env.GOOGLE_TOKEN_URL}`, { method: 'POST', body: new URLSearchParams(form) });
    token = sandbox.oauth.issued[0]?.accessToken ?? '';
  });
  beforeEach(() => sandbox.faults.clear());
  after(() => sandbox.close());

  async function ask() {
    const clock = new VirtualClock();
    let sent = 0;
    const access = {
      gmailApiUrl: `${sandbox.env.GMAIL_API_URL}/`,
      timeoutMs: 5_000,
      clock,
      random: () => 1,
      onSent: () => {
        sent += 1;
      },
    };
    const answer = await askMailbox(token, new AbortController().signal, access).catch((error: JobError) => error);
    return { answer, sent, waitedMs: clock.now() };
  }

  it('returns the address and the size of the mailbox, with one request', async () => {
    assert.deepEqual(await ask(), { answer: { address: 'alice@example.com', messages: 7 }, sent: 1, waitedMs: 0 });
  });

  it('waits more than a minute for quota that another run has spent', async () => {
    sandbox.faults.add({ service: 'gmail', ...googleErrors.quota403(), times: 7 });
    const { answer, sent, waitedMs } = await ask();
    assert.ok('address' in answer, String(answer));
    assert.equal(sent, 8);
    assert.ok(waitedMs > 60_000);
  });

  it('honours Retry-After, unless it is longer than a run should wait', async () => {
    sandbox.faults.add({ service: 'gmail', ...googleErrors.quota429(), headers: { 'retry-after': '90' } });
    assert.equal((await ask()).waitedMs, 90_000);
    sandbox.faults.add({ service: 'gmail', status: 503, headers: { 'retry-after': '3600' } });
    const { answer, sent } = await ask();
    assert.ok(answer instanceof UnavailableError);
    assert.equal(sent, 1);
  });

  it('repeats the request once with a token that Gmail does not know yet', async () => {
    sandbox.faults.add({ service: 'gmail', ...googleErrors.invalidCredentials() });
    assert.ok('address' in (await ask()).answer);
    sandbox.faults.add({ service: 'gmail', ...googleErrors.invalidCredentials(), times: 9 });
    const { answer, sent } = await ask();
    assert.ok(answer instanceof CredentialError);
    assert.equal(sent, 2);
  });

  it('does not repeat a request that Gmail refuses for good', async () => {
    sandbox.faults.add({ service: 'gmail', ...googleErrors.insufficientScopes(), times: 9 });
    const { answer, sent } = await ask();
    assert.ok(answer instanceof CredentialError);
    assert.equal(sent, 1);
  });
});
