/** The requests of authorize and rotate to Google: which are repeated, and the error for each refusal. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exchangeCode, type GoogleAccess, revokeGrant } from '../../../lib/authorize/google.ts';
import { ConfigError, CredentialError, UnavailableError } from '../../../lib/errors.ts';
import { askMailbox } from '../../../lib/gmail/profile.ts';
import { prepareProofs } from '../../../lib/google/token.ts';
import { googleErrors, type Sandbox, startSandbox } from '../../sandbox/index.ts';
import { VirtualClock } from '../../virtual-clock.ts';

const ANSWER = { code: '4/0Amade-up', verifier: 'v', redirectUri: 'http://127.0.0.1:1/' };
const { signal } = new AbortController();

function reach(sandbox: Sandbox, more: Partial<GoogleAccess> = {}): GoogleAccess & { hidden: string[] } {
  const { GMAIL_API_URL = '', GOOGLE_AUTH_URL = '', GOOGLE_TOKEN_URL = '', GOOGLE_REVOKE_URL = '' } = sandbox.env;
  const hidden: string[] = [];
  return {
    gmailApiUrl: GMAIL_API_URL,
    authUrl: GOOGLE_AUTH_URL,
    tokenUrl: GOOGLE_TOKEN_URL,
    revokeUrl: GOOGLE_REVOKE_URL,
    timeoutMs: 5_000,
    clock: new VirtualClock(),
    random: () => 0.5,
    hide: (secret) => hidden.push(secret),
    openProofs: prepareProofs({ keys: undefined, allowHosts: () => {} }),
    hidden,
    ...more,
  };
}

function clientOf({ secretValue }: Sandbox) {
  return { clientId: secretValue.client_id, clientSecret: secretValue.client_secret };
}

/** A code as the consent page gives it. */
function codeFor(sandbox: Sandbox) {
  const { clientId } = clientOf(sandbox);
  const scopes = ['https://www.googleapis.com/auth/gmail.modify'];
  const { redirectUri } = ANSWER;
  const { code } = sandbox.oauth.codes.issue({
    clientId,
    redirectUri,
    scopes,
    email: 'alice@example.com',
    offline: true,
  });
  return { code, verifier: '', redirectUri };
}

describe('exchangeCode', () => {
  it('returns the tokens after passing them to hide()', async () => {
    await using sandbox = await startSandbox({ messages: 1 });
    const google = reach(sandbox);
    const tokens = await exchangeCode(clientOf(sandbox), codeFor(sandbox), signal, google);
    assert.ok(google.hidden.includes(tokens.accessToken));
    assert.ok(google.hidden.includes(tokens.refreshToken ?? '?'));
  });

  for (const fault of [
    { kind: 'reset-before' },
    { kind: 'reset-after' },
    { kind: 'truncate' },
    { kind: 'html', status: 502 },
    { status: 500 },
    { status: 503 },
  ] as const) {
    it(`does not repeat a request that Google may have received: ${JSON.stringify(fault)}`, async () => {
      await using sandbox = await startSandbox({ messages: 1 });
      const { hits } = sandbox.faults.add({ service: 'oauth', times: 9, ...fault });
      assert.equal(hits, 0);
      await assert.rejects(exchangeCode(clientOf(sandbox), codeFor(sandbox), signal, reach(sandbox)), UnavailableError);
      assert.equal(sandbox.requests.length, 1);
    });
  }

  it('repeats a request that Google did not act on: status 429, connection refused', async () => {
    await using sandbox = await startSandbox({ messages: 1 });
    sandbox.faults.add({ service: 'oauth', status: 429, times: 2 });
    await exchangeCode(clientOf(sandbox), codeFor(sandbox), signal, reach(sandbox));
    assert.equal(sandbox.requests.length, 3);
    const { GOOGLE_TOKEN_URL: tokenUrl = '' } = sandbox.env;
    await sandbox.close();
    const google = reach(sandbox, { tokenUrl });
    await assert.rejects(exchangeCode(clientOf(sandbox), ANSWER, signal, google), UnavailableError);
    assert.ok(google.clock.now() > 1_000, 'it waited between its attempts');
  });

  it('names the code or the client that Google refuses', async () => {
    await using sandbox = await startSandbox({ messages: 1 });
    const exchange = (refusal: Parameters<typeof sandbox.oauth.refuse>[0]) => {
      sandbox.oauth.refuse(refusal);
      return exchangeCode(clientOf(sandbox), ANSWER, signal, reach(sandbox));
    };
    await assert.rejects(exchange('invalid_grant'), /does not accept the code.*used before/);
    await assert.rejects(exchange('invalid_client_secret'), /does not accept the OAuth client \(invalid_client\)/);
    await assert.rejects(exchange('redirect_uri_mismatch'), (error) => error instanceof CredentialError);
  });
});

describe('askMailbox', () => {
  const ask = async (sandbox: Sandbox) => {
    const google = reach(sandbox);
    const { accessToken } = await exchangeCode(clientOf(sandbox), codeFor(sandbox), signal, google);
    return askMailbox(accessToken, signal, google);
  };

  it("returns the mailbox's address, also after an error 500 and a refusal for quota", async () => {
    await using sandbox = await startSandbox({ messages: 1 });
    sandbox.faults.add({ service: 'gmail', ...googleErrors.backendError() });
    sandbox.faults.add({ service: 'gmail', ...googleErrors.quota403() });
    assert.deepEqual(await ask(sandbox), { address: 'alice@example.com', messages: 1 });
  });

  it('explains that the Gmail API is not enabled, and that Gmail stays away', async () => {
    await using sandbox = await startSandbox({ messages: 1 });
    sandbox.faults.add({ service: 'gmail', ...googleErrors.accessNotConfigured() });
    await assert.rejects(ask(sandbox), (error) => error instanceof ConfigError && /not enabled/.test(error.message));
    sandbox.faults.add({ service: 'gmail', status: 503, times: 99 });
    await assert.rejects(ask(sandbox), UnavailableError);
  });
});

describe('revokeGrant', () => {
  it('revokes the grant, returns false for a dead one, and repeats while Google is away', async () => {
    await using sandbox = await startSandbox({ messages: 1 });
    const { refresh_token: token } = sandbox.secretValue;
    sandbox.faults.add({ service: 'oauth', verb: 'revoke', status: 503, times: 2 });
    assert.equal(await revokeGrant(token, signal, reach(sandbox)), true);
    assert.equal(sandbox.oauth.grants.get(token)?.alive, false);
    assert.equal(await revokeGrant(token, signal, reach(sandbox)), false);
  });
});
