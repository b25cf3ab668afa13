/** Runs whose refresh token is bound to a key in AWS KMS: proofs, every failure of KMS, the fallback, a fleet. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Scope } from '../../lib/job.ts';
import { type BoundTokens, type KmsFault, startBoundTokens } from '../fixtures/bound.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded, type RunOptions, runJob } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

const RULES = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };
const SECRET = 'gmail-jobs/alice';
const SCOPES = [Scope.modify, Scope.insert, Scope.labels];

async function start() {
  const sandbox = await startSandbox({ mailbox: mailboxOf(many(2, {})) });
  const tokens = await startBoundTokens(sandbox);
  const key = tokens.createKey();
  sandbox.secrets.setSecret(SECRET, tokens.bind(key));
  return {
    sandbox,
    tokens,
    key,
    run: (options: RunOptions = {}) => runApplyRules(sandbox, tokens, options),
    async [Symbol.asyncDispose]() {
      await tokens[Symbol.asyncDispose]();
      await sandbox.close();
    },
  };
}

function runApplyRules(sandbox: Sandbox, { env }: BoundTokens, options: RunOptions) {
  return runJob(sandbox, ['apply-rules'], { rules: RULES, ...options, env: { ...env, ...options.env } });
}

describe('a run whose refresh token is bound to a key', { concurrency: 4 }, () => {
  it('proves possession of the key, which signs in its own region', async () => {
    await using bound = await start();
    assertEnded(await bound.run(), 0, { outcome: 'ok', changed: 2 });
    assert.deepEqual(bound.tokens.state.kmsRequests, [`Sign eu-west-1 ${bound.key.arn}`]);
    assert.deepEqual(bound.tokens.state.exchanges, ['refresh_token: 200 with proof']);
  });

  it('opens nothing without the key: neither by the secret alone nor by another key', async () => {
    await using bound = await start();
    const { dpop, ...alone } = bound.tokens.bind(bound.key);
    bound.sandbox.secrets.setSecret(SECRET, alone);
    assertEnded(await bound.run(), 77, { outcome: 'failed', changed: 0 });
    const other = bound.tokens.createKey();
    bound.sandbox.secrets.setSecret(SECRET, { ...alone, dpop: { kms_key_id: other.arn, jwk: other.jwk } });
    const run = await bound.run();
    assertEnded(run, 77, { outcome: 'failed', changed: 0 });
    assert.match(String(run.final?.error), /\(invalid_grant\): .*bound to another key than the one in the secret/);
  });

  it('says that the public key in the secret was edited, before Google sees a proof', async () => {
    await using bound = await start();
    const { jwk } = bound.tokens.createKey();
    const { dpop, ...alone } = bound.tokens.bind(bound.key);
    bound.sandbox.secrets.setSecret(SECRET, { ...alone, dpop: { ...dpop, jwk } });
    const run = await bound.run();
    assertEnded(run, 78, { outcome: 'failed' });
    assert.match(String(run.final?.error), /dpop\.jwk.* does not belong to the KMS key arn:aws:kms:/);
    assert.deepEqual(bound.tokens.state.exchanges, []);
  });

  const denied =
    'User: arn:aws:iam::123456789012:user/app is not authorized to perform: kms:Sign on resource: KEY because no identity-based policy allows the kms:Sign action';
  const faults: readonly [fault: KmsFault, code: number, attempts: number, told: RegExp, remedy: RegExp][] = [
    [
      { status: 400, type: 'AccessDeniedException', message: denied },
      77,
      1,
      /access denied/,
      /kms:Sign on KEY for arn/,
    ],
    [{ status: 400, type: 'DisabledException' }, 78, 1, /the key is disabled/, /enable it/],
    [
      { status: 400, type: 'KMSInvalidStateException', message: 'KEY is pending deletion.' },
      78,
      1,
      /scheduled for deletion/,
      /cancel it/,
    ],
    [
      { status: 400, type: 'KMSInvalidStateException', message: 'KEY is pending import.' },
      78,
      1,
      /a state in/,
      /Look at/,
    ],
    [{ status: 400, type: 'NotFoundException' }, 78, 1, /no such key/, /job rotate --kms-key/],
    [{ status: 400, type: 'InvalidKeyUsageException' }, 78, 1, /cannot sign with ECDSA_SHA_256/, /ECC_NIST_P256/],
    [{ status: 400, type: 'ThrottlingException' }, 75, 4, /throttling/, /next run/],
    [{ status: 500, type: 'KMSInternalException' }, 75, 4, /KMSInternalException/, /next run/],
    [{ status: 503, type: 'DependencyTimeoutException' }, 75, 4, /DependencyTimeoutException/, /next run/],
  ];
  for (const [fault, code, attempts, told, remedy] of faults) {
    it(`exits ${code} after ${fault.type} (${told.source}) and names the key, without the unbound AWSPREVIOUS`, async () => {
      await using bound = await start();
      const { sandbox, tokens, key } = bound;
      const free = { ...sandbox.secretValue, refresh_token: '1//0gUnboundTokenOfAlice-_x' };
      const { client_id: clientId, refresh_token: refreshToken } = free;
      sandbox.oauth.grant({ clientId, email: 'alice@example.com', refreshToken, scopes: SCOPES });
      sandbox.secrets.setSecret(SECRET, free);
      sandbox.secrets.put(tokens.bind(key));
      tokens.state.kmsFault = { ...fault, message: (fault.message ?? '').replace('KEY', key.arn) };
      const run = await bound.run();
      assertEnded(run, code, { outcome: 'failed', changed: 0 });
      const withKey = (pattern: RegExp) => new RegExp(pattern.source.replace('KEY', key.arn));
      assert.ok(String(run.final?.error).includes(`AWS KMS (eu-west-1), key ${key.arn}: `), run.stdout);
      assert.match(String(run.final?.error), withKey(told));
      assert.match(String(run.final?.remedy), withKey(remedy));
      assert.equal(tokens.state.kmsRequests.length, attempts);
      assert.deepEqual(tokens.state.exchanges, []);
    });
  }

  it('falls back to AWSPREVIOUS when Google refuses the bound version, and says so at level error', async () => {
    await using bound = await start();
    const { sandbox, tokens, key } = bound;
    sandbox.secrets.put(tokens.bind(key, { ...sandbox.secretValue, refresh_token: '1//0gDeadTokenOfAlice-_x' }));
    const run = await bound.run();
    assertEnded(run, 0, { outcome: 'ok', changed: 2 });
    const fallback = run.events.find(({ event }) => event === 'secret.fallback');
    assert.equal(fallback?.level, 'error');
    assert.deepEqual(tokens.state.exchanges, ['refresh_token: 400 with proof', 'refresh_token: 200 with proof']);
  });

  it('stores a refresh token that Google replaced with the key beside it', async () => {
    await using bound = await start();
    const { sandbox, key } = bound;
    sandbox.oauth.rotatesRefreshTokens = true;
    const run = await bound.run();
    assertEnded(run, 0, { outcome: 'ok', changed: 2 });
    assert.ok(
      run.events.some(({ event }) => event === 'token.refresh_token_kept'),
      run.stdout,
    );
    const current = sandbox.secrets.secret().versions.find(({ stages }) => stages.has('AWSCURRENT'));
    const { refresh_token: token, dpop } = JSON.parse(String(current?.value));
    assert.notEqual(token, sandbox.secretValue.refresh_token);
    assert.deepEqual(dpop, { kms_key_id: key.arn, jwk: key.jwk });
    assertEnded(await bound.run(), 0, { outcome: 'nothing-to-do' });
  });

  it('repeats the request once with the nonce that Google wants', async () => {
    await using bound = await start();
    bound.tokens.state.nonce = 'the-nonce';
    assertEnded(await bound.run(), 0, { outcome: 'ok', changed: 2, retries: 0 });
    assert.deepEqual(bound.tokens.state.exchanges, ['refresh_token: use_dpop_nonce', 'refresh_token: 200 with proof']);
  });

  it('says how far the clock of this machine is off', async () => {
    await using bound = await start();
    bound.tokens.state.clockAheadMs = 300_000;
    const run = await bound.run();
    assertEnded(run, 77, { outcome: 'failed' });
    assert.match(
      String(run.final?.error),
      /\(invalid_dpop_proof\): this machine's clock is (5m|4m 59s) behind Google's/,
    );
    assert.match(String(run.final?.remedy), /^Set the clock/);
  });
});

describe('a fleet whose refresh tokens are bound to keys', () => {
  it('signs with the key of each mailbox in its region, and keeps the nonce for all of them', async () => {
    await using bound = await start();
    const { sandbox, tokens } = bound;
    const far = tokens.createKey('us-west-2');
    const second = { ...sandbox.secretValue, refresh_token: '1//0gSecondTokenOfAlice-_x' };
    const { client_id: clientId, refresh_token: refreshToken } = second;
    sandbox.oauth.grant({ clientId, email: 'alice@example.com', refreshToken, scopes: SCOPES });
    sandbox.secrets.setSecret('gmail-jobs/second', tokens.bind(far, second));
    tokens.state.nonce = 'the-nonce';
    const mailboxes = { mailboxes: [{ secret: SECRET }, { secret: 'gmail-jobs/second' }] };
    const args = ['fleet', '--at-once', '1', 'greeting'];
    const run = await runJob(sandbox, args, { jobs: 'fixtures', mailboxes, env: tokens.env });
    assert.equal(run.code, 0, run.stdout);
    assert.deepEqual(tokens.state.exchanges, [
      'refresh_token: use_dpop_nonce',
      'refresh_token: 200 with proof',
      'refresh_token: 200 with proof',
    ]);
    const regions = new Set(tokens.state.kmsRequests.map((request) => request.split(' ')[1]));
    assert.deepEqual([...regions].sort(), ['eu-west-1', 'us-west-2']);
  });
});
