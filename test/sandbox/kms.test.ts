import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import test from 'node:test';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { type Sandbox, startSandbox } from './index.ts';
import type { KmsKey } from './kms.ts';

const ARN = /^arn:aws:kms:us-east-1:123456789012:key\/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const MESSAGE = Buffer.from('header.payload');

/** The SDK's client, without retries. */
function kmsClient({ env }: Sandbox, changes: { region?: string; secretAccessKey?: string } = {}): KMSClient {
  return new KMSClient({
    region: changes.region ?? env.AWS_REGION ?? '',
    endpoint: env.AWS_ENDPOINT_URL_KMS ?? '',
    maxAttempts: 1,
    credentials: {
      accessKeyId: env.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: changes.secretAccessKey ?? env.AWS_SECRET_ACCESS_KEY ?? '',
    },
  });
}

function signCommand(KeyId: string, changes: Partial<SignCommand['input']> = {}): SignCommand {
  return new SignCommand({ KeyId, Message: MESSAGE, SigningAlgorithm: 'ECDSA_SHA_256', ...changes });
}

function isSignature(signature: Uint8Array | undefined, { jwk }: KmsKey): boolean {
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  return verify('sha256', MESSAGE, { key, dsaEncoding: 'der' }, signature ?? new Uint8Array());
}

test('signs a message with a key of P-256, in DER', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const key = sandbox.kms.createKey();
  const client = kmsClient(sandbox);
  const { KeyId, Signature, SigningAlgorithm } = await client.send(signCommand(key.keyId));
  assert.deepEqual([KeyId, SigningAlgorithm], [key.arn, 'ECDSA_SHA_256']);
  assert.match(key.arn, ARN);
  assert.equal(isSignature(Signature, key), true);
  assert.deepEqual(
    sandbox.requests.map(({ service, verb, status }) => ({ service, verb, status })),
    [{ service: 'kms', verb: 'Sign', status: 200 }],
  );
});

test('gives the public key as SPKI', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const key = sandbox.kms.createKey({ alias: 'gmail-jobs' });
  const client = kmsClient(sandbox);
  const { PublicKey, KeyUsage, KeySpec, SigningAlgorithms } = await client.send(
    new GetPublicKeyCommand({ KeyId: 'alias/gmail-jobs' }),
  );
  const spki = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' });
  assert.deepEqual(spki.export({ format: 'jwk' }), key.jwk);
  assert.deepEqual([KeyUsage, KeySpec, SigningAlgorithms], ['SIGN_VERIFY', 'ECC_NIST_P256', ['ECDSA_SHA_256']]);
});

test('finds a key by its id, ARN, alias and alias ARN, in its own region only', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const key = sandbox.kms.createKey({ alias: 'alias/team/gmail', region: 'eu-central-1' });
  const there = kmsClient(sandbox, { region: 'eu-central-1' });
  const aliasArn = 'arn:aws:kms:eu-central-1:123456789012:alias/team/gmail';
  for (const id of [key.keyId, key.arn, 'alias/team/gmail', aliasArn]) {
    assert.equal((await there.send(signCommand(id))).KeyId, key.arn);
  }
  const here = kmsClient(sandbox);
  const missing = async (id: string, message: string) => {
    await assert.rejects(here.send(signCommand(id)), { name: 'NotFoundException', message });
  };
  await missing(key.arn, 'Invalid arn eu-central-1');
  await missing(key.keyId, `Key 'arn:aws:kms:us-east-1:123456789012:key/${key.keyId}' does not exist`);
  await missing('alias/team/gmail', 'Alias arn:aws:kms:us-east-1:123456789012:alias/team/gmail is not found.');
  await missing('no-key', "Invalid keyId 'no-key'");
});

test('refuses to sign with a key that is disabled, pending deletion, missing, or of another kind', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = kmsClient(sandbox);
  const key = sandbox.kms.createKey();
  const refused = (id: string, name: string, message: RegExp, changes = {}) =>
    assert.rejects(client.send(signCommand(id, changes)), { name, message });
  sandbox.kms.disable(key.arn);
  await refused(key.arn, 'DisabledException', /key\/\S+ is disabled\.$/);
  await assert.rejects(client.send(new GetPublicKeyCommand({ KeyId: key.arn })), { name: 'DisabledException' });
  sandbox.kms.scheduleDeletion(key.arn);
  await refused(key.arn, 'KMSInvalidStateException', /key\/\S+ is pending deletion\.$/);
  sandbox.kms.enable(key.arn);
  await refused(key.arn, 'InvalidKeyUsageException', /ECC_NIST_P256/, { SigningAlgorithm: 'RSASSA_PSS_SHA_256' });
  await refused(key.arn, 'ValidationException', /4096/, { Message: Buffer.alloc(4097, 1) });
  assert.ok((await client.send(signCommand(key.arn))).Signature);
  for (const kind of [
    { spec: 'ECC_NIST_P384' },
    { spec: 'RSA_2048' },
    { spec: 'SYMMETRIC_DEFAULT' },
    { usage: 'KEY_AGREEMENT' },
  ] as const) {
    await refused(sandbox.kms.createKey(kind).arn, 'InvalidKeyUsageException', /key usage|incompatible/);
  }
  const symmetric = new GetPublicKeyCommand({ KeyId: sandbox.kms.createKey({ spec: 'SYMMETRIC_DEFAULT' }).arn });
  await assert.rejects(client.send(symmetric), { name: 'UnsupportedOperationException' });
  sandbox.kms.keys.delete(key.keyId);
  await refused(key.arn, 'NotFoundException', /does not exist$/);
});

test('a user may do only what their policy allows for the key and the signing algorithm', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const key = sandbox.kms.createKey({ alias: 'gmail-jobs' });
  const client = kmsClient(sandbox);
  const user = sandbox.iam.user();
  const policy = (Resource: string, algorithm: string) => ({
    Statement: {
      Effect: 'Allow' as const,
      Action: 'kms:Sign',
      Resource,
      Condition: { StringEquals: { 'kms:SigningAlgorithm': algorithm } },
    },
  });
  user.policy = policy(key.arn, 'ECDSA_SHA_256');
  assert.ok((await client.send(signCommand('alias/gmail-jobs'))).Signature);
  await assert.rejects(client.send(new GetPublicKeyCommand({ KeyId: key.arn })), {
    name: 'AccessDeniedException',
    message: `User: ${user.arn} is not authorized to perform: kms:GetPublicKey on resource: ${key.arn} because no identity-based policy allows the kms:GetPublicKey action`,
  });
  // A policy names the key: the ARN of an alias allows nothing.
  for (const denying of [
    policy(key.arn, 'ECDSA_SHA_384'),
    policy('arn:aws:kms:us-east-1:123456789012:alias/gmail-jobs', 'ECDSA_SHA_256'),
  ]) {
    user.policy = denying;
    await assert.rejects(client.send(signCommand('alias/gmail-jobs')), { name: 'AccessDeniedException' });
  }
  sandbox.iam.deny(['kms:Sign']);
  await assert.rejects(client.send(signCommand(key.arn)), { name: 'AccessDeniedException' });
  assert.ok((await client.send(new GetPublicKeyCommand({ KeyId: key.arn }))).PublicKey);
});

test('answers with planted errors and faults, and refuses a wrong secret access key', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const key = sandbox.kms.createKey();
  const client = kmsClient(sandbox);
  for (const name of ['ThrottlingException', 'KMSInternalException', 'DependencyTimeoutException'] as const) {
    sandbox.kms.fail(name);
    await assert.rejects(client.send(signCommand(key.arn)), { name });
  }
  sandbox.faults.add({ service: 'kms', verb: 'Sign', status: 503 });
  await assert.rejects(client.send(signCommand(key.arn)));
  const wrong = kmsClient(sandbox, { secretAccessKey: 'wrong' });
  await assert.rejects(wrong.send(signCommand(key.arn)), { name: 'InvalidSignatureException' });
  assert.ok((await client.send(signCommand(key.arn))).Signature);
});
