/** The secrets of a job: where they are read from, what is refused, and that they are never shown. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { type InsideOptions, runHere } from '../fixtures/front-door.ts';
import { findSecrets } from '../fixtures/searcher.ts';
import { sandboxOf, told, verbs } from '../fixtures/starring.ts';
import { assertEnded, type Finished, type RunOptions, runJob } from '../run.ts';
import type { PolicyDocument } from '../sandbox/iam.ts';
import { GMAIL_SCOPES, type Sandbox } from '../sandbox/index.ts';

const KEYS = {
  WEBHOOK_TOKEN: 'plain words of a webhook, 12',
  CRM_KEY: 'https://crm.example/hook/T0/k3y-of-the-crm?x=1',
};
const OTHER = { WEBHOOK_TOKEN: 'another token, of later', CRM_KEY: 'another key, of later' };

const hashesOf = (keys: Readonly<Record<string, string>>) =>
  Object.values(keys).map((secret) => createHash('sha256').update(secret).digest('hex'));

/** A sandbox whose secret has these keys beside the credentials. */
async function keyedSandbox(keys: object = KEYS): Promise<Sandbox> {
  const sandbox = await sandboxOf();
  sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, ...keys });
  return sandbox;
}

function runKeyed(sandbox: Sandbox, options: InsideOptions = {}, args: readonly string[] = []) {
  return runHere(sandbox, ['keyed', ...args], { jobs: 'fixtures', ...options });
}

function eventOf(run: Finished, name: string) {
  return run.events.find(({ event }) => event === name);
}

describe('the secrets of a job', () => {
  it('come with the credentials, in the same request', async () => {
    await using sandbox = await keyedSandbox();
    const run = await runKeyed(sandbox);
    const { secretVersion } = assertEnded(run, 0);
    assert.deepEqual(eventOf(run, 'keyed.hashes')?.hashes, hashesOf(KEYS));
    assert.deepEqual(eventOf(run, 'keyed.hashes')?.names, ['WEBHOOK_TOKEN', 'CRM_KEY']);
    assert.deepEqual(verbs(sandbox, 'aws'), ['GetSecretValue']);
    assert.partialDeepStrictEqual(eventOf(run, 'secret.keys_read'), {
      secret: 'gmail-jobs/alice',
      secretVersion,
      keys: ['WEBHOOK_TOKEN', 'CRM_KEY'],
    });
  });

  it("may lie beside a service account's key", async () => {
    await using sandbox = await sandboxOf();
    const key = sandbox.oauth.serviceAccount({ subjects: ['alice@example.com'], scopes: [GMAIL_SCOPES.modify] });
    sandbox.secrets.setSecret('gmail-jobs/alice', { ...key, subject: 'alice@example.com', ...KEYS });
    const run = await runKeyed(sandbox);
    assertEnded(run, 0);
    assert.deepEqual(eventOf(run, 'keyed.hashes')?.hashes, hashesOf(KEYS));
  });

  it('lose the spaces and quotes that pasting adds', async () => {
    await using sandbox = await keyedSandbox({ WEBHOOK_TOKEN: ` "${KEYS.WEBHOOK_TOKEN}"\n`, CRM_KEY: KEYS.CRM_KEY });
    assert.deepEqual(eventOf(await runKeyed(sandbox), 'keyed.hashes')?.hashes, hashesOf(KEYS));
  });

  const refused: Record<string, readonly [keys: object, told: RegExp]> = {
    missing: [{ CRM_KEY: KEYS.CRM_KEY }, /WEBHOOK_TOKEN is missing → Store "WEBHOOK_TOKEN":"…" in the JSON/],
    empty: [{ ...KEYS, WEBHOOK_TOKEN: ' "" ' }, /WEBHOOK_TOKEN is empty/],
    'a number': [{ ...KEYS, WEBHOOK_TOKEN: 1234567890 }, /WEBHOOK_TOKEN is not a string/],
    'an object': [{ ...KEYS, CRM_KEY: { key: 'k3y-of-the-crm' } }, /CRM_KEY is not a string/],
    'shorter than 8 characters': [{ ...KEYS, CRM_KEY: 'k3y-of-' }, /CRM_KEY is shorter than 8 characters/],
    'all missing': [{}, /WEBHOOK_TOKEN is missing, CRM_KEY is missing → Store "WEBHOOK_TOKEN":"…","CRM_KEY":"…"/],
  };
  for (const [what, [keys, expected]] of Object.entries(refused)) {
    it(`end the run with 78 and a message with key, secret and version, but no value, when one is ${what}`, async () => {
      await using sandbox = await keyedSandbox(keys);
      const run = await runKeyed(sandbox);
      const final = assertEnded(run, 78, { outcome: 'failed' });
      assert.match(told(final), expected);
      assert.match(
        told(final),
        new RegExp(`keyed cannot run: in the secret gmail-jobs/alice \\(version ${final.secretVersion}\\)`),
      );
      for (const value of ['1234567890', 'k3y-of-', KEYS.WEBHOOK_TOKEN]) assert.ok(!run.stdout.includes(value));
      assert.equal(eventOf(run, 'keyed.hashes'), undefined);
    });
  }

  it('come from AWSPREVIOUS when that version stands in for broken credentials', async () => {
    await using sandbox = await keyedSandbox();
    const previous = sandbox.secrets.secret().versions[0]?.id;
    sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: '1//0-dead-token', ...OTHER });
    const run = await runKeyed(sandbox);
    assertEnded(run, 0, { secretVersion: previous });
    assert.deepEqual(eventOf(run, 'keyed.hashes')?.hashes, hashesOf(KEYS));
    assert.equal(eventOf(run, 'secret.keys_read')?.secretVersion, previous);
    assert.ok(eventOf(run, 'secret.fallback'));
  });

  it('stay as they were at the start when the token is renewed from a newer version', async () => {
    await using sandbox = await keyedSandbox();
    sandbox.faults.add({
      service: 'gmail',
      verb: 'messages.list',
      kind: 'hook',
      before: () => {
        sandbox.secrets.put({ ...sandbox.secretValue, ...OTHER });
        sandbox.oauth.expireAccessTokens();
      },
    });
    const run = await runJob(sandbox, ['keyed', '--renew'], { jobs: 'fixtures' });
    assertEnded(run, 1);
    assert.deepEqual(eventOf(run, 'keyed.again')?.hashes, hashesOf(KEYS));
    assert.deepEqual(verbs(sandbox, 'aws'), ['GetSecretValue', 'GetSecretValue']);
  });
});

describe('JOB_SECRET_ID', () => {
  const env = { JOB_SECRET_ID: 'gmail-jobs/keys' };

  it('names a second secret, from which alone the secrets of jobs are read', async () => {
    await using sandbox = await keyedSandbox(OTHER);
    const { versions } = sandbox.secrets.setSecret('gmail-jobs/keys', KEYS);
    const run = await runKeyed(sandbox, { env });
    assertEnded(run, 0);
    assert.deepEqual(eventOf(run, 'keyed.hashes')?.hashes, hashesOf(KEYS));
    assert.partialDeepStrictEqual(eventOf(run, 'secret.keys_read'), {
      secret: 'gmail-jobs/keys',
      secretVersion: versions[0]?.id,
    });

    sandbox.secrets.setSecret('gmail-jobs/keys', { CRM_KEY: KEYS.CRM_KEY });
    assert.match(
      told(assertEnded(await runKeyed(sandbox, { env }), 78)),
      /secret gmail-jobs\/keys .*WEBHOOK_TOKEN is miss/,
    );
    sandbox.secrets.setSecret('gmail-jobs/keys', `WEBHOOK_TOKEN=${KEYS.WEBHOOK_TOKEN}`);
    const broken = await runKeyed(sandbox, { env });
    assert.match(told(assertEnded(broken, 78)), /whose value is no JSON object\), WEBHOOK_TOKEN is missing/);
  });

  it('costs no request for a job without secrets, or when it names the secret with the credentials', async () => {
    await using sandbox = await keyedSandbox();
    assertEnded(await runHere(sandbox, ['searching'], { jobs: 'fixtures', env }), 0);
    assertEnded(await runKeyed(sandbox, { env: { JOB_SECRET_ID: 'gmail-jobs/alice' } }), 0);
    assert.deepEqual(verbs(sandbox, 'aws'), ['GetSecretValue', 'GetSecretValue']);
  });

  it('ends the run with the variable in the message when there is no such secret, or no access to it', async () => {
    await using sandbox = await keyedSandbox();
    const missing = told(assertEnded(await runKeyed(sandbox, { env }), 78));
    assert.match(missing, /secret gmail-jobs\/keys: there is no such secret → Check JOB_SECRET_ID and AWS_REGION/);
    assert.doesNotMatch(missing, /job authorize/);

    const { arn } = sandbox.secrets.setSecret('gmail-jobs/keys', KEYS);
    const policy = (resources: readonly string[]): PolicyDocument => ({
      Statement: { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: [...resources] },
    });
    const first = sandbox.secrets.secret('gmail-jobs/alice').arn;
    sandbox.iam.user().policy = policy([first]);
    const denied = told(assertEnded(await runKeyed(sandbox, { env }), 77));
    assert.ok(denied.includes(`secretsmanager:GetSecretValue on ${arn}`), denied);
    sandbox.iam.user().policy = policy([first, arn]);
    assertEnded(await runKeyed(sandbox, { env }), 0);
  });

  it("exits 78 for a pasted secret, which it never prints, and for another region's ARN", async () => {
    await using sandbox = await keyedSandbox();
    const run = await runKeyed(sandbox, { env: { JOB_SECRET_ID: `{"WEBHOOK_TOKEN":"${KEYS.WEBHOOK_TOKEN}"}` } });
    assert.match(told(assertEnded(run, 78)), /JOB_SECRET_ID holds text that begins like a credential/);
    assert.ok(!run.stdout.includes('webhook, 12'));
    const elsewhere = { JOB_SECRET_ID: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-a1B2c3' };
    assert.match(
      told(assertEnded(await runKeyed(sandbox, { env: elsewhere }), 78)),
      /JOB_SECRET_ID must lie in the same reg/,
    );
  });
});

describe('a job with secrets, built', { concurrency: 3 }, () => {
  const NOISY = { LOG_LEVEL: 'debug', NODE_DEBUG: 'http,net,tls,fetch,undici', DEBUG: '*' };
  const marks = { webhook: KEYS.WEBHOOK_TOKEN, crm: KEYS.CRM_KEY.slice('https://crm.example'.length) };
  const start = (sandbox: Sandbox, args: readonly string[], { env }: RunOptions = {}) =>
    runJob(sandbox, args, { jobs: 'fixtures', env: { ...NOISY, ...env } });

  it('shows no secret, however it tries, and the hosts in them stay readable', async () => {
    for (const JOB_SECRET_ID of [undefined, 'gmail-jobs/keys']) {
      await using sandbox = await keyedSandbox();
      sandbox.secrets.setSecret('gmail-jobs/keys', KEYS);
      const run = await start(sandbox, ['keyed', '--renew'], { env: { JOB_SECRET_ID } });
      assertEnded(run, 1);
      assert.deepEqual(findSecrets(run.stdout + run.stderr, marks), []);
      assert.match(run.stderr, /\[redacted\] https:\/\/crm\.example\[redacted\]/);
      assert.deepEqual(eventOf(run, 'keyed.hashes')?.hashes, hashesOf(KEYS));
    }
  });

  it('shows no secret when the value in AWS is broken, or when Google echoes the request', async () => {
    await using sandbox = await keyedSandbox();
    sandbox.secrets.setSecret(
      'gmail-jobs/keys',
      `{"WEBHOOK_TOKEN": "${KEYS.WEBHOOK_TOKEN}", "CRM_KEY": ${KEYS.CRM_KEY}}`,
    );
    const env = { JOB_SECRET_ID: 'gmail-jobs/keys' };
    const broken = await start(sandbox, ['keyed'], { env });
    assertEnded(broken, 78);
    sandbox.secrets.put({ ...sandbox.secretValue, client_secret: '', ...KEYS }, 'AWSCURRENT', 'gmail-jobs/alice');
    sandbox.faults.add({ service: 'oauth', kind: 'echo', status: 400, times: 9 });
    const second = await start(sandbox, ['keyed']);
    assert.notEqual(second.code, 0);
    for (const run of [broken, second]) assert.deepEqual(findSecrets(run.stdout + run.stderr, { crm: marks.crm }), []);
  });

  it('has a line in job check that says whether its secrets are there', async () => {
    await using sandbox = await keyedSandbox();
    sandbox.secrets.setSecret('gmail-jobs/keys', { WEBHOOK_TOKEN: KEYS.WEBHOOK_TOKEN });
    const check = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
      start(sandbox, ['check', '--jobs', 'keyed', ...args], { env });
    const good = await check();
    assert.equal(good.code, 0, good.stdout);
    assert.match(good.stdout, /keyed +the secret gmail-jobs\/alice has WEBHOOK_TOKEN, CRM_KEY/);
    const bad = await check(['--json'], { JOB_SECRET_ID: 'gmail-jobs/keys' });
    assert.equal(bad.code, 78, bad.stdout);
    const { lines, verdict } = JSON.parse(bad.stdout);
    const line = lines.find(({ id }: { id: string }) => id === 'keyed');
    assert.match(line.detail, /in the secret gmail-jobs\/keys \(version .*\), CRM_KEY is missing/);
    assert.match(line.remedy, /Store "CRM_KEY":"…"/);
    assert.match(verdict, /keyed/);
    const missing = await check(['--json'], { JOB_SECRET_ID: 'gmail-jobs/none' });
    assert.equal(missing.code, 78, missing.stdout);
    assert.match(missing.stdout, /no such secret/);

    sandbox.secrets.put({ ...sandbox.secretValue, CRM_KEY: KEYS.CRM_KEY }, 'AWSPENDING', 'gmail-jobs/alice');
    const pending = await check(['--stage', 'AWSPENDING']);
    assert.equal(pending.code, 78, pending.stdout);
    assert.match(pending.stdout, /WEBHOOK_TOKEN is missing/);
    for (const run of [good, bad, missing, pending]) {
      assert.deepEqual(findSecrets(run.stdout + run.stderr, marks), []);
    }
  });
});
