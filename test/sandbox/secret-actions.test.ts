import assert from 'node:assert/strict';
import test from 'node:test';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  TagResourceCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { startSandbox } from './index.ts';
import { awsClient } from './real-clients.ts';

const SecretId = 'gmail-jobs/alice';
const TOKEN = 'a1b2c3d4-0000-4000-8000-000000000000';

test('creates a secret with a value, a description, a key and tags, and describes it', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const Tags = [{ Key: 'application', Value: 'gmail-jobs' }];
  const details = { Description: 'Gmail', KmsKeyId: 'arn:aws:kms:us-east-1:123456789012:key/1', Tags };
  const { ARN, VersionId } = await client.send(
    new CreateSecretCommand({ Name: 'new', SecretString: 'x', ClientRequestToken: TOKEN, ...details }),
  );
  assert.equal(VersionId, TOKEN);
  const described = await client.send(new DescribeSecretCommand({ SecretId: ARN }));
  assert.deepEqual(described.VersionIdsToStages, { [TOKEN]: ['AWSCURRENT'] });
  const { Description, KmsKeyId, Tags: tags, Name } = described;
  assert.deepEqual({ Name, Description, KmsKeyId, Tags: tags }, { Name: 'new', ...details });
  assert.ok(described.CreatedDate && described.LastChangedDate && !described.LastAccessedDate);
  await client.send(new GetSecretValueCommand({ SecretId: 'new' }));
  assert.ok((await client.send(new DescribeSecretCommand({ SecretId: 'new' }))).LastAccessedDate);
});

test('refuses the name of an existing secret, also of one scheduled for deletion, but accepts a repeated request', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const create = (Name: string, SecretString: string, ClientRequestToken?: string) =>
    client.send(new CreateSecretCommand({ Name, SecretString, ...(ClientRequestToken ? { ClientRequestToken } : {}) }));
  await assert.rejects(create(SecretId, 'x'), {
    name: 'ResourceExistsException',
    message: `The operation failed because the secret ${SecretId} already exists.`,
  });
  await create('new', 'x', TOKEN);
  assert.equal((await create('new', 'x', TOKEN)).VersionId, TOKEN);
  await assert.rejects(create('new', 'y', TOKEN), { name: 'ResourceExistsException' });
  sandbox.secrets.scheduleDeletion('new');
  await assert.rejects(create('new', 'x', TOKEN), {
    name: 'InvalidRequestException',
    message: "You can't create this secret because a secret with this name is already scheduled for deletion.",
  });
  await assert.rejects(create('a name', 'x'), { name: 'ValidationException', message: /^Invalid name\./ });
});

test('a secret without a value has no version, and its first version becomes AWSCURRENT whatever its label', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  assert.equal((await client.send(new CreateSecretCommand({ Name: 'empty' }))).VersionId, undefined);
  await assert.rejects(client.send(new GetSecretValueCommand({ SecretId: 'empty' })), {
    message: "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
  });
  const put = { SecretId: 'empty', SecretString: 'x', VersionStages: ['AWSPENDING'] };
  const { VersionStages } = await client.send(new PutSecretValueCommand(put));
  assert.deepEqual(VersionStages, ['AWSCURRENT', 'AWSPENDING']);
});

test('a staging label moves only when the request names the version that has it, and AWSCURRENT is never removed', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const first = sandbox.secrets.secret().versions[0]?.id;
  const second = sandbox.secrets.put('second', 'AWSPENDING');
  const move = (VersionStage: string, to?: string, from?: string) =>
    client.send(
      new UpdateSecretVersionStageCommand({ SecretId, VersionStage, MoveToVersionId: to, RemoveFromVersionId: from }),
    );
  const invalid = { name: 'InvalidParameterException' };
  await assert.rejects(move('AWSCURRENT', second), invalid);
  await assert.rejects(move('AWSCURRENT', second, second), invalid);
  await assert.rejects(move('AWSCURRENT', undefined, first), { ...invalid, message: /can't be completely removed/ });
  await assert.rejects(move('AWSCURRENT', 'b'.repeat(32), first), { name: 'ResourceNotFoundException' });
  await move('AWSCURRENT', second, first);
  await move('AWSCURRENT', second);
  await assert.rejects(move('AWSCURRENT', second, first), invalid);
  await move('AWSPENDING', undefined, second);
  await move('mine', first);
  const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId }));
  assert.deepEqual(VersionIdsToStages, { [String(first)]: ['AWSPREVIOUS', 'mine'], [second]: ['AWSCURRENT'] });
});

test('lists versions, on request also those without a label, and reads each by its id', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const [first] = sandbox.secrets.secret().versions;
  const ids = [first?.id, sandbox.secrets.put('second'), sandbox.secrets.put('third')];
  const listed = async (IncludeDeprecated: boolean) =>
    (await client.send(new ListSecretVersionIdsCommand({ SecretId, IncludeDeprecated }))).Versions;
  assert.deepEqual(
    (await listed(false))?.map(({ VersionId, VersionStages, KmsKeyIds }) => [VersionId, VersionStages, KmsKeyIds]),
    [
      [ids[1], ['AWSPREVIOUS'], ['DefaultEncryptionKey']],
      [ids[2], ['AWSCURRENT'], ['DefaultEncryptionKey']],
    ],
  );
  assert.deepEqual(
    (await listed(true))?.map(({ VersionId }) => VersionId),
    ids,
  );
  const oldest = await client.send(new GetSecretValueCommand({ SecretId, VersionId: first?.id }));
  assert.deepEqual(JSON.parse(oldest.SecretString ?? ''), sandbox.secretValue);
});

test('changes description, tags and value of a secret that exists', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  assert.equal((await client.send(new UpdateSecretCommand({ SecretId, Description: 'mine' }))).VersionId, undefined);
  await client.send(new TagResourceCommand({ SecretId, Tags: [{ Key: 'a', Value: '1' }] }));
  await client.send(new TagResourceCommand({ SecretId, Tags: [{ Key: 'a', Value: '2' }] }));
  const { VersionId } = await client.send(new UpdateSecretCommand({ SecretId, SecretString: 'x' }));
  const described = await client.send(new DescribeSecretCommand({ SecretId }));
  assert.deepEqual([described.Description, described.Tags], ['mine', [{ Key: 'a', Value: '2' }]]);
  assert.deepEqual(described.VersionIdsToStages?.[VersionId ?? ''], ['AWSCURRENT']);
});

test('refuses a request token that is too short', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const put = new PutSecretValueCommand({ SecretId, SecretString: 'x', ClientRequestToken: 'short' });
  await assert.rejects(awsClient(sandbox).send(put), { name: 'ValidationException', message: /clientRequestToken/ });
});

test('reads can lag behind writes for a time, or for a number of reads', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const read = async () => (await client.send(new GetSecretValueCommand({ SecretId }))).SecretString;
  const before = JSON.stringify(sandbox.secretValue);
  sandbox.secrets.staleReads = 2;
  await client.send(new PutSecretValueCommand({ SecretId, SecretString: 'second' }));
  assert.deepEqual([await read(), await read(), await read()], [before, before, 'second']);
  sandbox.secrets.readLagMs = 60_000;
  assert.equal(await read(), before);
  await client.send(new CreateSecretCommand({ Name: 'new', SecretString: 'x' }));
  await assert.rejects(client.send(new DescribeSecretCommand({ SecretId: 'new' })), {
    name: 'ResourceNotFoundException',
  });
  sandbox.secrets.readLagMs = 0;
  assert.equal(await read(), 'second');
});
