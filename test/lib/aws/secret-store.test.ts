import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import {
  openSecretStore,
  readWhenVisible,
  type SecretStore,
  storeReplacedToken,
} from '../../../lib/aws/secret-store.ts';
import { NoSuchSecretError } from '../../../lib/aws/secrets-manager.ts';
import { ConfigError, CredentialError, type JobError, UnavailableError } from '../../../lib/errors.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';
import { VirtualClock } from '../../virtual-clock.ts';

const { signal } = new AbortController();
const USER = {
  type: 'authorized_user',
  clientId: 'id',
  clientSecret: 'GOCSPX-made-up-here',
  refreshToken: '1//0made-up-here-too',
  email: 'alice@example.com',
} as const;

const told = ({ message, remedy }: JobError) => `${message} → ${remedy}`;

describe('openSecretStore', () => {
  let sandbox: Sandbox;
  let store: SecretStore;
  const hidden: string[] = [];
  const current = () => sandbox.secrets.secret().versions.find(({ stages }) => stages.has('AWSCURRENT'));

  before(async () => {
    sandbox = await startSandbox({ messages: 1 });
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_ENDPOINT_URL_SECRETS_MANAGER']) {
      process.env[name] = sandbox.env[name];
    }
    store = openSecretStore({ secretId: 'gmail-jobs/alice', region: 'us-east-1' }, (secret) => hidden.push(secret));
  });
  beforeEach(() => {
    sandbox.secrets.setSecret('gmail-jobs/alice', sandbox.secretValue);
    sandbox.iam.allowEverything();
    sandbox.faults.clear();
    sandbox.requests.length = 0;
  });
  after(() => sandbox.close());

  it('reads a version by stage and by id, hides its contents, and returns null for a missing version', async () => {
    const byStage = await store.read({ stage: 'AWSCURRENT' }, signal);
    assert.equal(byStage?.versionId, current()?.id);
    assert.ok(hidden.includes(sandbox.secretValue.refresh_token));
    assert.deepEqual(await store.read({ versionId: byStage?.versionId ?? '' }, signal), byStage);
    assert.equal(await store.read({ stage: 'AWSPENDING' }, signal), null);
    assert.equal(await store.read({ versionId: '0'.repeat(36) }, signal), null);
    sandbox.secrets.remove();
    await assert.rejects(store.read({ stage: 'AWSCURRENT' }, signal), NoSuchSecretError);
  });

  it("stores a version under a stage in Google's format, and leaves the current version alone", async () => {
    const before = current();
    const versionId = await store.put(USER, null, 'AWSPENDING', signal);
    const { value, stages } = sandbox.secrets.secret().versions.find(({ id }) => id === versionId) ?? {};
    assert.deepEqual([...(stages ?? [])], ['AWSPENDING']);
    assert.deepEqual(Object.keys(JSON.parse(String(value))), [
      'type',
      'client_id',
      'client_secret',
      'refresh_token',
      'email',
    ]);
    assert.equal(current(), before);
  });

  it('stores the further keys behind the credentials, as they are written', async () => {
    const written = '{"n":12345678901234567890,"10":1.0, "2":[]}';
    const further = new Map([
      ['CRM', written],
      ['0', '"first"'],
    ]);
    const versionId = await store.put(USER, further, 'AWSPENDING', signal);
    const { value } = sandbox.secrets.secret().versions.find(({ id }) => id === versionId) ?? {};
    assert.ok(String(value).endsWith(`"email":"alice@example.com","CRM":${written},"0":"first"}`), String(value));
    assert.deepEqual((await store.read({ versionId }, signal))?.furtherKeys, further);
  });

  it('refuses a value that is longer than AWS stores, before the request', async () => {
    const further = new Map([['CRM', JSON.stringify('ü'.repeat(32_700))]]);
    await assert.rejects(
      store.put(USER, further, 'AWSCURRENT', signal),
      (error) =>
        error instanceof ConfigError && /bytes, and AWS stores at most 65,536 → .*JOB_SECRET_ID/.test(told(error)),
    );
    assert.deepEqual(sandbox.requests, []);
  });

  it('keeps the further keys of the version whose refresh token Google replaced', async () => {
    const text = JSON.stringify({ ...sandbox.secretValue, WEBHOOK_TOKEN: 'of the current version' });
    const previous = sandbox.secrets.put(text.replace('current', 'previous'));
    sandbox.secrets.put(text);
    const versionId = await storeReplacedToken(store, USER, { stage: 'AWSPREVIOUS', versionId: previous }, signal);
    const { value } = sandbox.secrets.secret().versions.find(({ id }) => id === versionId) ?? {};
    assert.equal(JSON.parse(String(value)).WEBHOOK_TOKEN, 'of the previous version');
    assert.equal(JSON.parse(String(value)).refresh_token, USER.refreshToken);
  });

  for (const verb of ['PutSecretValue', 'CreateSecret'] as const) {
    it(`makes one version when the first answer to ${verb} is lost`, async () => {
      if (verb === 'CreateSecret') sandbox.secrets.remove();
      const versions = () => sandbox.secrets.secret().versions.length;
      const before = verb === 'CreateSecret' ? 0 : versions();
      sandbox.faults.add({ service: 'aws', verb, kind: 'reset-after' });
      sandbox.faults.add({ service: 'aws', verb, kind: 'malformed' });
      const versionId = await (verb === 'CreateSecret'
        ? store.create(USER, signal)
        : store.put(USER, null, 'AWSCURRENT', signal));
      assert.equal(versions(), before + 1);
      assert.equal(current()?.id, versionId);
    });
  }

  it('moves a staging label, also when the first answer is lost, and AWSPREVIOUS follows', async () => {
    const old = current()?.id ?? '';
    const next = await store.put(USER, null, 'AWSPENDING', signal);
    sandbox.faults.add({ service: 'aws', verb: 'UpdateSecretVersionStage', kind: 'reset-after' });
    await store.moveStage('AWSCURRENT', old, next, signal);
    assert.equal(current()?.id, next);
    assert.equal((await store.read({ stage: 'AWSPREVIOUS' }, signal))?.versionId, old);
    await store.dropStage('AWSPENDING', next, signal);
    assert.equal(await store.read({ stage: 'AWSPENDING' }, signal), null);
    await store.dropStage('AWSPENDING', next, signal);
  });

  it('does not move a label that somebody else moved meanwhile', async () => {
    const old = current()?.id ?? '';
    const next = await store.put(USER, null, 'AWSPENDING', signal);
    const theirs = sandbox.secrets.put(sandbox.secretValue);
    await assert.rejects(
      store.moveStage('AWSCURRENT', old, next, signal),
      (error) => error instanceof ConfigError && /somebody else/.test(error.message),
    );
    assert.equal(current()?.id, theirs);
  });

  it('names the action that IAM denies, which may differ from the requested one', async () => {
    sandbox.secrets.remove();
    sandbox.iam.deny(['TagResource']);
    await assert.rejects(
      store.create(USER, signal),
      (error) => error instanceof CredentialError && /secretsmanager:TagResource on /.test(error.remedy),
    );
  });

  it('waits until AWS shows a new version, for 7.5 seconds at most', async () => {
    const clock = new VirtualClock();
    const versionId = await store.put(USER, null, 'AWSPENDING', signal);
    sandbox.secrets.staleReads = 2;
    const seen = await readWhenVisible(store, { versionId }, versionId, clock, signal);
    assert.equal(seen.versionId, versionId);
    assert.ok(clock.now() > 0);
    await assert.rejects(
      readWhenVisible(store, { stage: 'AWSCURRENT' }, versionId, clock, signal),
      (error) => error instanceof UnavailableError,
    );
  });
});
