/** Runs whose refresh token is bound to a key in AWS KMS: proofs, every failure of KMS, the fallback, a fleet. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Scope } from '../../lib/job.ts';
import { commandHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded, type RunOptions, runJob } from '../run.ts';
import { thumbprintOf } from '../sandbox/dpop.ts';
import type { PolicyDocument } from '../sandbox/iam.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';
import type { KmsErrorName, KmsKey } from '../sandbox/kms.ts';

const RULES = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };
const SECRET = 'gmail-jobs/alice';
const SCOPES = [Scope.modify, Scope.insert, Scope.labels];

/** A sandbox whose refresh token is bound to a key in another region than the secret. */
async function start() {
  const sandbox = await startSandbox({ mailbox: mailboxOf(many(2, {})) });
  const key = sandbox.bindSecret(sandbox.kms.createKey({ region: 'eu-west-1' }));
  return {
    sandbox,
    key,
    /** The value of the secret without the key. */
    alone: () => ({ ...sandbox.secretValue, dpop: undefined }),
    run: (options: RunOptions = {}) => runJob(sandbox, ['apply-rules'], { rules: RULES, ...options }),
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}

/** `200 with proof`, for each request to the token endpoint. */
function exchangesIn({ requests }: Sandbox): string[] {
  return requests
    .filter(({ service, verb }) => service === 'oauth' && verb === 'token')
    .map(({ status, headers }) => `${status} ${headers.dpop === undefined ? 'without' : 'with'} proof`);
}

/** `Sign <key>`, for each request to KMS. */
function signaturesIn({ requests }: Sandbox): string[] {
  return requests
    .filter(({ service }) => service === 'kms')
    .map(({ verb, body }) => `${verb} ${(body as { KeyId?: string }).KeyId}`);
}

/** Grants another refresh token, bound to `key` or to none. Returns the value of its secret. */
function grantAnother({ oauth, secretValue }: Sandbox, refreshToken: string, key?: KmsKey) {
  const { client_id: clientId, email } = secretValue;
  const boundTo = key && thumbprintOf(key.jwk);
  oauth.grant({ clientId, email, refreshToken, scopes: SCOPES, boundTo });
  const dpop = key && { kms_key_id: key.arn, jwk: key.jwk };
  return { ...secretValue, refresh_token: refreshToken, dpop };
}

describe('a run whose refresh token is bound to a key', { concurrency: 4 }, () => {
  it('proves possession of the key, which signs in its own region', async () => {
    await using bound = await start();
    assertEnded(await bound.run(), 0, { outcome: 'ok', changed: 2 });
    assert.deepEqual(signaturesIn(bound.sandbox), [`Sign ${bound.key.arn}`]);
    assert.deepEqual(exchangesIn(bound.sandbox), ['200 with proof']);
  });

  it('needs kms:Sign alone, with ECDSA_SHA_256', async () => {
    await using bound = await start();
    const { sandbox, key } = bound;
    const args = ['policy', '--secret', sandbox.secrets.secret().arn, '--kms-sign', key.arn];
    const { stdout } = await commandHere(null, args);
    sandbox.iam.user().policy = JSON.parse(stdout) as PolicyDocument;
    assertEnded(await bound.run(), 0, { outcome: 'ok', changed: 2 });
  });

  it('opens nothing without the key: neither by the secret alone nor by another key', async () => {
    await using bound = await start();
    const { sandbox } = bound;
    sandbox.secrets.setSecret(SECRET, bound.alone());
    const alone = await bound.run();
    assertEnded(alone, 77, { outcome: 'failed', changed: 0 });
    assert.match(
      String(alone.final?.error),
      /\(invalid_grant\): the refresh token is bound to a key, but the secret names no key/,
    );
    const other = sandbox.kms.createKey();
    sandbox.secrets.setSecret(SECRET, { ...bound.alone(), dpop: { kms_key_id: other.arn, jwk: other.jwk } });
    const run = await bound.run();
    assertEnded(run, 77, { outcome: 'failed', changed: 0 });
    assert.match(String(run.final?.error), /\(invalid_grant\): .*bound to another key than the one in the secret/);
  });

  it('says that the public key in the secret was edited, before Google sees a proof', async () => {
    await using bound = await start();
    const { sandbox, key } = bound;
    const { jwk } = sandbox.kms.createKey();
    sandbox.secrets.setSecret(SECRET, { ...bound.alone(), dpop: { kms_key_id: key.arn, jwk } });
    const run = await bound.run();
    assertEnded(run, 78, { outcome: 'failed' });
    assert.match(String(run.final?.error), /dpop\.jwk.* does not belong to the KMS key arn:aws:kms:/);
    assert.deepEqual(exchangesIn(sandbox), []);
  });

  type Break = (sandbox: Sandbox, key: KmsKey) => unknown;
  const fail =
    (name: KmsErrorName): Break =>
    ({ kms }) =>
      kms.fail(name, 9);
  const faults: readonly [what: string, by: Break, code: number, attempts: number, told: RegExp, remedy: RegExp][] = [
    ['is denied', ({ iam }) => iam.deny(['kms:Sign']), 77, 1, /access denied/, /kms:Sign/],
    ['is disabled', ({ kms }, { arn }) => kms.disable(arn), 78, 1, /the key is disabled/, /enable the key/],
    [
      'is scheduled for deletion',
      ({ kms }, { arn }) => kms.scheduleDeletion(arn),
      78,
      1,
      /for deletion/,
      /cancel the deletion/,
    ],
    ['is missing', ({ kms }, { keyId }) => kms.keys.delete(keyId), 78, 1, /no such key/, /job rotate --kms-key/],
    [
      'is of another kind',
      (_, key) => Object.assign(key, { usage: 'KEY_AGREEMENT' }),
      78,
      1,
      /cannot sign/,
      /ECC_NIST/,
    ],
    ['is throttled', fail('ThrottlingException'), 75, 4, /throttling/, /next run/],
    ['fails in KMS', fail('KMSInternalException'), 75, 4, /KMSInternalException/, /next run/],
    ['is away', fail('DependencyTimeoutException'), 75, 4, /DependencyTimeoutException/, /next run/],
    ['is not available', fail('KeyUnavailableException'), 75, 4, /KeyUnavailableException/, /next run/],
  ];
  for (const [what, breakKey, code, attempts, told, remedy] of faults) {
    it(`exits ${code} and names the key when it ${what}, without the unbound AWSPREVIOUS`, async () => {
      await using bound = await start();
      const { sandbox, key } = bound;
      sandbox.secrets.setSecret(SECRET, grantAnother(sandbox, '1//0gUnboundTokenOfAlice-_x'));
      sandbox.secrets.put(sandbox.secretValue);
      breakKey(sandbox, key);
      const run = await bound.run();
      assertEnded(run, code, { outcome: 'failed', changed: 0 });
      assert.ok(String(run.final?.error).includes(`AWS KMS (eu-west-1), key ${key.arn}: `), run.stdout);
      assert.match(String(run.final?.error), told);
      assert.match(String(run.final?.remedy), remedy);
      assert.equal(signaturesIn(sandbox).length, attempts);
      assert.deepEqual(exchangesIn(sandbox), []);
    });
  }

  it('tries again while KMS fails once or twice', async () => {
    await using bound = await start();
    bound.sandbox.kms.fail('ThrottlingException');
    bound.sandbox.kms.fail('KMSInternalException');
    assertEnded(await bound.run(), 0, { outcome: 'ok', changed: 2 });
  });

  it('falls back to AWSPREVIOUS when Google refuses the bound version, and says so at level error', async () => {
    await using bound = await start();
    const { sandbox } = bound;
    sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: '1//0gDeadTokenOfAlice-_x' });
    const run = await bound.run();
    assertEnded(run, 0, { outcome: 'ok', changed: 2 });
    const fallback = run.events.find(({ event }) => event === 'secret.fallback');
    assert.equal(fallback?.level, 'error');
    assert.deepEqual(exchangesIn(sandbox), ['400 with proof', '200 with proof']);
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
    bound.sandbox.oauth.demandNonce();
    assertEnded(await bound.run(), 0, { outcome: 'ok', changed: 2, retries: 0 });
    assert.deepEqual(exchangesIn(bound.sandbox), ['400 with proof', '200 with proof']);
  });

  it('ends with 77 when Google wants a nonce again and again', async () => {
    await using bound = await start();
    const headers = { 'dpop-nonce': 'another' };
    const body = { error: 'use_dpop_nonce' };
    bound.sandbox.faults.add({ service: 'oauth', verb: 'token', times: 9, status: 400, headers, body });
    const run = await bound.run();
    assertEnded(run, 77, { outcome: 'failed' });
    assert.match(String(run.final?.error), /\(use_dpop_nonce\)/);
    assert.deepEqual(exchangesIn(bound.sandbox), ['400 with proof', '400 with proof']);
  });

  it('makes a new proof for each attempt', async () => {
    await using bound = await start();
    bound.sandbox.faults.add({ service: 'oauth', verb: 'token', kind: 'reset-after' });
    assertEnded(await bound.run(), 0, { outcome: 'ok', changed: 2 });
    assert.equal(signaturesIn(bound.sandbox).length, 2);
  });

  it('says how far the clock of this machine is off', async () => {
    await using bound = await start();
    bound.sandbox.oauth.clockAheadMs = 300_000;
    const run = await bound.run();
    assertEnded(run, 77, { outcome: 'failed' });
    assert.match(
      String(run.final?.error),
      /\(invalid_dpop_proof\): this machine's clock is [45]m[\d s]* behind Google's/,
    );
    assert.match(String(run.final?.remedy), /^Set the clock/);
  });
});

describe('a fleet whose refresh tokens are bound to keys', () => {
  it('signs with the key of each mailbox in its region, and keeps the nonce for all of them', async () => {
    await using bound = await start();
    const { sandbox, key } = bound;
    const far = sandbox.kms.createKey({ region: 'us-west-2' });
    sandbox.secrets.setSecret('gmail-jobs/second', grantAnother(sandbox, '1//0gSecondTokenOfAlice-_x', far));
    sandbox.oauth.demandNonce();
    const mailboxes = { mailboxes: [{ secret: SECRET }, { secret: 'gmail-jobs/second' }] };
    const args = ['fleet', '--at-once', '1', 'greeting'];
    const run = await runJob(sandbox, args, { jobs: 'fixtures', mailboxes });
    assert.equal(run.code, 0, run.stdout);
    assert.deepEqual(exchangesIn(sandbox), ['400 with proof', '200 with proof', '200 with proof']);
    assert.deepEqual(new Set(signaturesIn(sandbox)), new Set([`Sign ${key.arn}`, `Sign ${far.arn}`]));
  });

  for (const proofsPerNonce of [1, 3]) {
    it(`has each exchange wait for its nonce where a nonce is good for ${proofsPerNonce}`, async () => {
      await using bound = await start();
      const { sandbox, key } = bound;
      const names = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth'];
      for (const name of names) {
        const value = grantAnother(sandbox, `1//0gTokenOfThe${name}Mailbox-_x`, key);
        sandbox.secrets.setSecret(`gmail-jobs/${name}`, value);
      }
      sandbox.oauth.demandNonce(proofsPerNonce);
      const mailboxes = { mailboxes: names.map((name) => ({ secret: `gmail-jobs/${name}` })) };
      const args = ['fleet', '--at-once', '4', 'greeting'];
      const run = await runJob(sandbox, args, { jobs: 'fixtures', mailboxes });
      assert.equal(run.code, 0, run.stdout);
      const good = exchangesIn(sandbox).filter((exchange) => exchange === '200 with proof');
      assert.equal(good.length, names.length);
    });
  }
});
