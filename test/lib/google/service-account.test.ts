import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { readCredentials, type ServiceAccount } from '../../../lib/aws/shape.ts';
import { ConfigError, UnavailableError } from '../../../lib/errors.ts';
import { delegationOf, exchangeAssertion } from '../../../lib/google/service-account.ts';
import { TokenRefusal } from '../../../lib/google/token.ts';
import { Scope } from '../../../lib/job.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';
import type { ServiceAccountKey } from '../../sandbox/service-accounts.ts';
import type { ExchangeRefusal, TokenRefusal as RefusalName } from '../../sandbox/token-refusals.ts';
import { VirtualClock } from '../../virtual-clock.ts';

const never = new AbortController().signal;
const SUBJECT = 'alice@example.com';

describe('service accounts', () => {
  let sandbox: Sandbox;
  let key: ServiceAccountKey;
  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
    key = sandbox.oauth.serviceAccount({ subjects: [SUBJECT], scopes: [Scope.modify, Scope.readonly] });
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.requests.length = 0;
  });
  after(() => sandbox.close());

  function proven(change: Readonly<Record<string, unknown>> = {}): ServiceAccount {
    const value = JSON.stringify({ ...key, subject: SUBJECT, ...change });
    const account = readCredentials(value, 'the-secret', () => undefined);
    assert.ok(!(account instanceof ConfigError), account instanceof ConfigError ? account.message : '');
    assert.equal(account.type, 'service_account');
    return account as ServiceAccount;
  }

  function exchange(account = proven(), scopes: readonly string[] = [Scope.modify]) {
    const clock = new VirtualClock();
    const hidden: string[] = [];
    const hide = (secret: string) => hidden.push(secret);
    const tokenUrl = sandbox.env.GOOGLE_TOKEN_URL ?? '';
    const options = { tokenUrl, timeoutMs: 2_000, clock, random: () => 1, hide };
    return { token: exchangeAssertion(account, scopes, never, options), hidden, tokenUrl };
  }

  const sent = (at = 0) => sandbox.requests[at]?.body as Record<string, string>;

  describe('the assertion', () => {
    it('is an RS256 JWT for the subject, the requested scopes and the token endpoint, valid for an hour', async () => {
      const { token, tokenUrl, hidden } = exchange(proven(), [Scope.modify, Scope.readonly]);
      const { value, scopes } = await token;
      assert.match(value, /^ya29\./);
      assert.equal(scopes, undefined, 'Google names the scopes of an assertion no second time');
      assert.deepEqual(Object.keys(sent()), ['grant_type', 'assertion']);
      assert.equal(sent().grant_type, 'urn:ietf:params:oauth:grant-type:jwt-bearer');
      const [header = '', claims = '', signature = ''] = sent().assertion?.split('.') ?? [];
      assert.match(sent().assertion ?? '', /^[\w-]+\.[\w-]+\.[\w-]+$/);
      const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
      assert.deepEqual(parse(header), { alg: 'RS256', typ: 'JWT', kid: key.private_key_id });
      const { iat, exp, ...rest } = parse(claims);
      const scope = `${Scope.modify} ${Scope.readonly}`;
      assert.deepEqual(rest, { iss: key.client_email, sub: SUBJECT, scope, aud: tokenUrl });
      assert.equal(exp - iat, 3_600);
      assert.ok(Math.abs(iat - Date.now() / 1_000) < 5);
      const publicKey = createPublicKey(key.private_key);
      assert.ok(
        verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url')),
        'the signature does not fit',
      );
      assert.ok(hidden.includes(signature) && hidden.includes(value));
    });

    it('is sent five times while the endpoint is away', async () => {
      sandbox.faults.add({ service: 'oauth', status: 503, times: 2 });
      await exchange().token;
      assert.equal(sandbox.requests.length, 3);
      sandbox.faults.add({ service: 'oauth', status: 503, times: Number.POSITIVE_INFINITY });
      await assert.rejects(exchange().token, UnavailableError);
    });

    it('has no kid when the secret has no private_key_id', async () => {
      await exchange(proven({ private_key_id: undefined })).token;
      assert.deepEqual(JSON.parse(Buffer.from(sent().assertion?.split('.')[0] ?? '', 'base64url').toString()), {
        alg: 'RS256',
        typ: 'JWT',
      });
    });
  });

  describe('a refusal', () => {
    async function refusal(account?: ServiceAccount, scopes?: readonly string[]): Promise<string> {
      const error = await exchange(account, scopes).token.then(
        () => assert.fail('it was not refused'),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof TokenRefusal, inspect(error));
      assert.equal(error.exitCode, 77);
      assert.ok(!inspect(error).includes(sent().assertion ?? '-'));
      return `${error.message} → ${error.remedy}`;
    }

    it('for missing delegation names the page of the Admin console, the numeric client id and every scope', async () => {
      const told = await refusal(proven(), [Scope.modify, Scope.labels]);
      assert.match(told, /unauthorized_client/);
      assert.match(told, /admin\.google\.com → Security → .*API controls → Domain-wide delegation/);
      assert.ok(told.includes(`client ID ${key.client_id} `), told);
      assert.ok(told.includes(`${Scope.modify},${Scope.labels}`), told);
    });

    it('says where to find the client id when the secret has none', () => {
      assert.match(delegationOf(proven({ client_id: undefined }), [Scope.modify]), /Unique ID.*gmail-jobs@/);
    });

    it('for a subject that is no user names the subject', async () => {
      const told = await refusal(proven({ subject: 'nobody@example.com' }));
      assert.match(told, /no user nobody@example\.com.*Correct the address/);
    });

    it('for a key of another account names the key', async () => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const told = await refusal(proven({ private_key: privateKey.export({ type: 'pkcs1', format: 'pem' }) }));
      assert.match(told, /signature.*key was deleted.*→.*new key/);
    });

    it('for a deleted account names the account', async () => {
      assert.match(await refusal(proven({ client_email: 'gone@x.iam.gserviceaccount.com' })), /gone@x.*deleted/);
    });

    const others: [RefusalName | ExchangeRefusal, RegExp][] = [
      ['invalid_jwt_times', /this machine's clock says \d{4}-.*→ Set the clock/],
      ['disabled_client', /disabled or deleted \(disabled_client\).*→ Enable/],
      ['deleted_client', /disabled or deleted \(deleted_client\)/],
      ['invalid_client', /does not know the service account gmail-jobs@.*client_email/],
      ['access_denied', /does not let the service account .* act as alice@example\.com.*Domain-wide delegation/],
      ['invalid_jwt_scope', /does not know one of the scopes .*gmail\.modify/],
      ['admin_policy_enforced', /refuses the service account.*App access control/],
      ['org_internal', /org_internal.*administrator/],
      ['invalid_grant_unknown', /invalid_grant\).*Check that the account and its key are active/],
      ['unsupported_grant_type', /unsupported_grant_type.*JWT error codes/],
    ];
    for (const [name, told] of others) {
      it(`${name} has its own cause and remedy`, async () => {
        sandbox.oauth.refuse(name);
        assert.match(await refusal(), told);
      });
    }

    it('shows nothing of a description that echoes the request', async () => {
      sandbox.faults.add({
        service: 'oauth',
        status: 400,
        body: { error: 'invalid_grant', error_description: `Bad assertion: ${'abcdef'.repeat(9)}` },
      });
      assert.doesNotMatch(await refusal(), /abcdef/);
    });
  });
});
