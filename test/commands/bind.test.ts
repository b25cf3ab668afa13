/** `job authorize --kms-key`, `job rotate --kms-key` and `--unbind`, and the line `key` of `job check`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { runJob } from '../run.ts';
import type { RecordedRequest } from '../sandbox/http.ts';
import type { PolicyDocument } from '../sandbox/iam.ts';
import { startSandbox } from '../sandbox/index.ts';
import { runCommand, writeClientFile } from './person.ts';

const RULES = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };

interface Line {
  readonly id: string;
  readonly status: string;
  readonly detail: string;
  readonly remedy?: string;
}

const ALIAS = 'alias/gmail-jobs';

async function start() {
  const sandbox = await startSandbox({ mailbox: mailboxOf(many(2, {})) });
  const key = sandbox.kms.createKey({ alias: ALIAS });
  const client = await writeClientFile(sandbox.secretValue);
  const { kms, oauth, faults } = sandbox;
  /** The key of each version with a staging label; `unbound` without one. */
  const bindings = () =>
    Object.fromEntries(
      sandbox.secrets.secret().versions.flatMap(({ stages, value }) => {
        const { dpop } = JSON.parse(String(value));
        return [...stages].map((stage) => [stage, dpop?.kms_key_id ?? 'unbound'] as const);
      }),
    );
  return {
    sandbox,
    kms,
    oauth,
    key,
    bindings,
    /** The verbs of the requests to KMS since the last command began. */
    asked: () => sandbox.requests.filter(({ service }) => service === 'kms').map(({ verb }) => verb),
    /** Refuses the requests to the token endpoint that have a proof, from the `first`th on. */
    refuseFrom: (first: number) =>
      faults.add({
        service: 'oauth',
        match: ({ headers }) => headers.dpop !== undefined,
        skip: first - 1,
        times: Number.POSITIVE_INFINITY,
        status: 400,
        body: { error: 'invalid_grant' },
      }),
    /** Types a command; `client` stands for the client's file. */
    async type(...words: string[]) {
      sandbox.requests.length = 0;
      return await runCommand(
        sandbox,
        words.map((word) => (word === 'client' ? client.file : word)),
      );
    },
    async lineKey(): Promise<Line> {
      const { stdout } = await commandHere(sandbox, ['check', '--json'], { rules: RULES });
      const { lines } = JSON.parse(stdout) as { lines: Line[] };
      return lines.find(({ id }) => id === 'key') ?? assert.fail(stdout);
    },
    run: () => runJob(sandbox, ['apply-rules'], { rules: RULES }),
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      await client[Symbol.asyncDispose]();
    },
  };
}

/** Asserts that `text` matches the patterns one after the other. */
function assertInOrder(text: string, patterns: readonly RegExp[]): void {
  const places = patterns.map((pattern) => text.search(pattern));
  assert.ok(
    places.every((place, at) => place > (places[at - 1] ?? -1)),
    `${patterns[places.indexOf(-1)]} in ${text}`,
  );
}

describe('binding a refresh token to a key', { concurrency: 4 }, () => {
  it('is one rotation, told step by step, after which runs need the key', async () => {
    await using bound = await start();
    const { code, stdout, stderr } = await bound.type('rotate', '--kms-key', ALIAS);
    assert.equal(code, 0, stderr);
    assertInOrder(stdout, [
      new RegExp(`^The refresh token will be bound to the KMS key ${bound.key.arn}\\. The key signs\\.$`, 'm'),
      /^Google bound the refresh token to the key: without a proof, Google refuses the token\.$/m,
      /^Stored as the version \S+ with AWSPENDING\. The version works; AWSCURRENT is unchanged so far\.$/m,
      /^AWSCURRENT is now the version \S+, and works\.$/m,
      new RegExp(`^ {2}Bound to +${bound.key.arn}$`, 'm'),
      /^Next: Let the app sign with the key.*`bin\/job policy --kms-sign arn:/m,
      /^Next: AWSPREVIOUS still opens the mailbox without the key\..*`bin\/job rotate --revoke`/m,
    ]);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: bound.key.arn, AWSPREVIOUS: 'unbound' });
    assert.equal((await bound.run()).final?.changed, 2);
    assert.ok(bound.sandbox.requests.some(({ verb, headers }) => verb === 'token' && headers.dpop !== undefined));
  });

  it('works for a new secret too, with the KMS actions GetPublicKey and Sign alone', async () => {
    await using bound = await start();
    bound.sandbox.secrets.remove();
    const { code, stdout, stderr } = await bound.type('authorize', '--client', 'client', '--kms-key', bound.key.arn);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^ {2}Bound to +${bound.key.arn}$`, 'm'));
    assert.doesNotMatch(stdout, /AWSPREVIOUS/);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: bound.key.arn });
    assert.deepEqual([...new Set(bound.asked())], ['GetPublicKey', 'Sign']);
  });

  it('is kept by rotate and authorize, which need no GetPublicKey for it, and ends with --unbind', async () => {
    await using bound = await start();
    await bound.type('rotate', '--kms-key', ALIAS);
    for (const words of [['rotate'], ['authorize', '--client', 'client']]) {
      const { code, stdout, stderr } = await bound.type(...words);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^The refresh token stays bound to the KMS key arn:/m);
      assert.deepEqual(bound.bindings(), { AWSCURRENT: bound.key.arn, AWSPREVIOUS: bound.key.arn });
      assert.ok(bound.asked().every((verb) => verb === 'Sign'));
    }
    const { code, stdout } = await bound.type('rotate', '--unbind');
    assert.equal(code, 0);
    assert.match(stdout, /^ {2}Bound to +no key$/m);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: 'unbound', AWSPREVIOUS: bound.key.arn });
  });

  it('can move to another key, or end, although the key is disabled', async () => {
    for (const words of [['--unbind'], ['--kms-key', 'other']]) {
      await using bound = await start();
      await bound.type('rotate', '--kms-key', bound.key.arn);
      bound.kms.disable(bound.key.arn);
      const refused = await bound.type('rotate');
      assert.equal(refused.code, 78, refused.stdout);
      assert.match(refused.stderr, /the key is disabled/);
      const other = bound.kms.createKey({ region: 'eu-central-1' }).arn;
      const { code, stdout, stderr } = await bound.type('rotate', ...words.map((w) => (w === 'other' ? other : w)));
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^The current version does not work: AWS KMS .* the key is disabled/m);
      assert.equal(bound.bindings().AWSCURRENT, words[0] === '--unbind' ? 'unbound' : other);
    }
  });

  it('stores nothing where Google does not bind tokens of this client', async () => {
    await using bound = await start();
    bound.oauth.knowsDpop = false;
    for (const words of [
      ['rotate', '--kms-key', ALIAS],
      ['authorize', '--client', 'client', '--kms-key', ALIAS],
    ]) {
      const { code, stderr, stdout } = await bound.type(...words);
      assert.equal(code, 78, stdout);
      assert.match(stderr, /Google did not bind the refresh token to the key: the new token works without a proof/);
      assert.match(stderr, /Nothing was stored/);
      assert.deepEqual(bound.bindings(), { AWSCURRENT: 'unbound' });
    }
  });

  it('stores nothing where Google binds no tokens, and refuses one exchange for another cause', async () => {
    await using bound = await start();
    bound.oauth.knowsDpop = false;
    // The first exchange without a proof is that of the current version.
    const match = ({ verb, headers, body }: RecordedRequest) =>
      verb === 'token' &&
      headers.dpop === undefined &&
      (body as { grant_type?: string }).grant_type === 'refresh_token';
    bound.sandbox.faults.add({ match, skip: 1, status: 400, body: { error: 'access_denied' } });
    const { code, stderr, stdout } = await bound.type('rotate', '--kms-key', ALIAS);
    assert.equal(code, 78, stdout);
    assert.match(stderr, /Google did not bind the refresh token to the key/);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: 'unbound' });
  });

  it('does not end by a version in AWSPENDING that is bound to no key, without --unbind', async () => {
    await using bound = await start();
    await bound.type('authorize', '--client', 'client', '--stage', 'AWSPENDING');
    await bound.type('authorize', '--client', 'client', '--kms-key', ALIAS);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: bound.key.arn, AWSPENDING: 'unbound', AWSPREVIOUS: 'unbound' });
    const { code, stdout, link } = await bound.type('rotate');
    assert.equal(code, 0, stdout);
    assert.ok(link !== undefined);
    assert.match(stdout, /^The version in AWSPENDING is not used: the version is bound to no key\./m);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: bound.key.arn, AWSPREVIOUS: bound.key.arn });

    const other = bound.kms.createKey().arn;
    await bound.type('authorize', '--client', 'client', '--stage', 'AWSPENDING', '--kms-key', other);
    assert.equal((await bound.type('rotate')).link, undefined);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: other, AWSPREVIOUS: bound.key.arn });
  });

  it('says once how to store a new token when dpop in the secret is broken', async () => {
    await using bound = await start();
    const { secrets, secretValue } = bound.sandbox;
    secrets.put(JSON.parse(JSON.stringify({ ...secretValue, dpop: { kms_key_id: bound.key.arn } })));
    const { code, stderr } = await bound.type('rotate');
    assert.equal(code, 78);
    assert.equal(stderr.match(/authorize --replace/g)?.length, 1, stderr);
    const words = ['authorize', '--replace', '--client', 'client', '--kms-key', bound.key.arn];
    assert.equal((await bound.type(...words)).code, 0);
    assert.equal(bound.bindings().AWSCURRENT, bound.key.arn);
  });

  it('stores nothing where Google refuses the proof for this client', async () => {
    await using bound = await start();
    const body = { error: 'unauthorized_client', error_description: 'DPoP is not enabled for this client.' };
    bound.sandbox.faults.add({ service: 'oauth', match: ({ headers }) => 'dpop' in headers, status: 400, body });
    const { code, stderr } = await bound.type('rotate', '--kms-key', ALIAS);
    assert.equal(code, 78);
    assert.match(stderr, /Google does not bind refresh tokens of this OAuth client to a key \(unauthorized_client\)/);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: 'unbound' });
  });

  it('asks for no consent when the key cannot sign, and changes nothing', async () => {
    await using bound = await start();
    const { kms, key } = bound;
    const unable = [
      () => kms.fail('AccessDeniedException'),
      () => kms.disable(key.arn),
      () => kms.scheduleDeletion(key.arn),
      () => Object.assign(key, { state: 'Enabled', usage: 'KEY_AGREEMENT' }),
      () => Object.assign(key, { usage: 'SIGN_VERIFY', spec: 'ECC_NIST_P384' }),
    ];
    const codes = [77, 78, 78, 78, 78];
    for (const [at, disable] of unable.entries()) {
      disable();
      const { code, link, stderr } = await bound.type('rotate', '--kms-key', ALIAS);
      assert.deepEqual([code, link], [codes[at], undefined], stderr);
    }
    for (const wrong of [
      bound.key.arn.replace('us-east-1', 'eu-west-3'),
      bound.key.arn.replace(/key\/.*/, 'key/00000000-0000-4000-8000-000000000000'),
    ]) {
      const { code, link, stderr } = await bound.type('rotate', '--kms-key', wrong);
      assert.deepEqual([code, link], [78, undefined]);
      assert.match(stderr, /there is no such key/);
    }
    const alias = await bound.type('rotate', '--kms-key', 'alias/gmail-job');
    assert.match(alias.stderr, /there is no alias\/gmail-job in us-east-1\n +Check its spelling\./);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: 'unbound' });
  });

  it('names the command that continues an interrupted --revoke: without the key, it would store an unbound token', async () => {
    await using bound = await start();
    bound.refuseFrom(2);
    const { code, stdout } = await bound.type('rotate', '--revoke', '--yes', '--kms-key', ALIAS);
    assert.equal(code, 77);
    assert.match(
      stdout,
      /If this command is interrupted, `bin\/job rotate --kms-key alias\/gmail-jobs` continues it\./,
    );
    assert.match(stdout, /revoked, so no job can run before `bin\/job rotate --kms-key alias\/gmail-jobs` succeeds\./);
    bound.sandbox.faults.clear();
    await bound.type('rotate', '--kms-key', ALIAS);
    assert.equal(bound.bindings().AWSCURRENT, bound.key.arn);
    const { stdout: unbound } = await bound.type('rotate', '--revoke', '--yes', '--unbind');
    assert.match(unbound, /If this command is interrupted, `bin\/job rotate --unbind` continues it\./);
  });

  it('is undone when the bound version fails at any exchange', async () => {
    // The exchanges with a proof: the code, the proof of the binding, AWSPENDING, and AWSCURRENT.
    for (const failing of [1, 2, 3, 4]) {
      await using bound = await start();
      bound.refuseFrom(failing);
      const { code, stderr } = await bound.type('rotate', '--kms-key', ALIAS);
      assert.equal(code, 77, stderr);
      assert.equal(bound.bindings().AWSCURRENT, 'unbound', `after exchange ${failing}`);
      bound.sandbox.faults.clear();
      assert.equal((await bound.run()).final?.changed, 2);
    }
  });

  it('continues after an interruption with the version in AWSPENDING, by the same command and without options', async () => {
    for (const again of [['rotate', '--kms-key', ALIAS], ['rotate']]) {
      await using bound = await start();
      await bound.type('authorize', '--client', 'client', '--stage', 'AWSPENDING', '--kms-key', ALIAS);
      assert.deepEqual(bound.bindings(), { AWSCURRENT: 'unbound', AWSPENDING: bound.key.arn });
      const { code, stdout, link } = await bound.type(...again);
      assert.deepEqual([code, link], [0, undefined], stdout);
      assert.deepEqual(bound.bindings(), { AWSCURRENT: bound.key.arn, AWSPREVIOUS: 'unbound' });
    }
  });

  it('does not use a version in AWSPENDING whose binding differs from the options', async () => {
    await using bound = await start();
    await bound.type('authorize', '--client', 'client', '--stage', 'AWSPENDING');
    const { code, stdout, link } = await bound.type('rotate', '--kms-key', ALIAS);
    assert.equal(code, 0, stdout);
    assert.ok(link !== undefined);
    assert.match(stdout, /^The version in AWSPENDING is not used: the version is bound to no key, and not to arn:/m);
    assert.equal(bound.bindings().AWSCURRENT, bound.key.arn);
  });

  it('keeps the nonce of the code exchange apart from that of refreshes', async () => {
    await using bound = await start();
    bound.oauth.demandNonce();
    const { code, stderr } = await bound.type('rotate', '--kms-key', ALIAS);
    assert.equal(code, 0, stderr);
    assert.equal(bound.bindings().AWSCURRENT, bound.key.arn);
  });

  it('names the code in a third proof when Google does not accept a new jti with the nonce', async () => {
    await using bound = await start();
    const { oauth, sandbox } = bound;
    oauth.demandNonce();
    const isOfCode = ({ body }: { readonly body: unknown }) =>
      (body as { grant_type?: string })?.grant_type === 'authorization_code';
    const refusal = { status: 400, body: { error: 'invalid_dpop_proof' }, headers: { 'dpop-nonce': 'unused' } };
    sandbox.faults.add({ service: 'oauth', match: isOfCode, skip: 1, ...refusal });
    const { code } = await bound.type('rotate', '--kms-key', ALIAS);
    const proofs = sandbox.requests.filter(isOfCode).map(({ headers }) => String(headers.dpop).split('.')[1] ?? '');
    const claims = proofs.map((payload) => JSON.parse(Buffer.from(payload, 'base64url').toString()));
    assert.deepEqual(
      [claims.length, claims[0].jti === claims[2].jti, claims[0].jti === claims[1].jti],
      [3, true, false],
    );
    // The stand-in does not know the nonce that came with the refusal.
    assert.equal(code, 77);
  });

  it('needs the rights that `job policy --for authorize --kms-sign` prints, and no others', async () => {
    await using bound = await start();
    const { sandbox, key } = bound;
    const args = ['policy', '--for', 'authorize', '--secret', sandbox.secrets.secret().arn, '--kms-sign', key.arn];
    const { stdout } = await commandHere(null, args);
    sandbox.iam.user().policy = JSON.parse(stdout) as PolicyDocument;
    const { code, stderr } = await bound.type('rotate', '--kms-key', ALIAS);
    assert.equal(code, 0, stderr);
    assert.equal(bound.bindings().AWSCURRENT, key.arn);
  });

  it('says how far the clock of this machine is off', async () => {
    await using bound = await start();
    bound.oauth.clockAheadMs = -300_000;
    const { code, stderr } = await bound.type('rotate', '--kms-key', ALIAS);
    assert.equal(code, 77);
    assert.match(stderr, /\(invalid_dpop_proof\): this machine's clock is [45]m[\d s]* ahead of Google's/);
    assert.deepEqual(bound.bindings(), { AWSCURRENT: 'unbound' });
  });

  it('refuses options that contradict each other, and a key that is none', async () => {
    await using bound = await start();
    const both = await bound.type('rotate', '--kms-key', ALIAS, '--unbind');
    assert.equal(both.code, 2);
    assert.match(both.stderr, /--kms-key and --unbind exclude each other/);
    for (const key of ['0a1b2c3d-0000-4000-8000-000000000000', 'arn:aws:s3:::bucket', 'gmail-jobs']) {
      const { code, stderr } = await bound.type('rotate', '--kms-key', key);
      assert.equal(code, 2);
      assert.match(stderr, /--kms-key.*neither the ARN of a KMS key nor an alias/);
    }
  });
});

describe('job check, key', { concurrency: 4 }, () => {
  it('names the key, since when, and that it signs; warns of an unbound AWSPREVIOUS until it is revoked', async () => {
    await using bound = await start();
    assert.match((await bound.lineKey()).detail, /names no KMS key, .*: the secret alone opens the mailbox/);
    await bound.type('rotate', '--kms-key', ALIAS);

    const beside = await bound.lineKey();
    assert.equal(beside.status, 'warning');
    assert.match(beside.detail, /AWSPREVIOUS is bound to no key, so it still opens the mailbox/);
    assert.match(beside.remedy ?? '', /`bin\/job rotate --revoke`/);
    await bound.type('rotate', '--revoke', '--yes');
    const { status, detail } = await bound.lineKey();
    assert.equal(status, 'ok');
    assert.match(detail, /^the refresh token is bound to arn:\S+, since \d{4}-\d\d-\d\d or earlier; the key signs$/);
  });

  it('fails when the key does not sign', async () => {
    await using bound = await start();
    await bound.type('rotate', '--kms-key', ALIAS);
    bound.kms.disable(bound.key.arn);
    const { status, detail } = await bound.lineKey();
    assert.equal(status, 'failed');
    assert.match(detail, /the key is disabled/);
  });
});
