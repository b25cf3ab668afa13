import assert from 'node:assert/strict';
import test from 'node:test';
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  InvalidRequestException,
  ListSecretsCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  RotateSecretCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { AWS_ERRORS, type AwsErrorName } from './aws-errors.ts';
import { startSandbox } from './index.ts';
import { awsClient } from './real-clients.ts';

const SecretId = 'gmail-jobs/alice';

test('gives AWSCURRENT with its version, by name and by ARN', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const byName = await client.send(new GetSecretValueCommand({ SecretId }));
  const byArn = await client.send(new GetSecretValueCommand({ SecretId: byName.ARN }));
  assert.match(byName.ARN ?? '', /^arn:aws:secretsmanager:us-east-1:123456789012:secret:gmail-jobs\/alice-\w{6}$/);
  assert.deepEqual(byName.VersionStages, ['AWSCURRENT']);
  assert.ok(byName.CreatedDate && Math.abs(byName.CreatedDate.getTime() - Date.now()) < 60_000);
  assert.equal(byArn.VersionId, byName.VersionId);
});

test('a new value becomes AWSCURRENT and the one before it AWSPREVIOUS', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const get = async (VersionStage?: string) =>
    (await client.send(new GetSecretValueCommand({ SecretId, ...(VersionStage ? { VersionStage } : {}) })))
      .SecretString;
  sandbox.secrets.put('second');
  await client.send(new PutSecretValueCommand({ SecretId, SecretString: 'third' }));
  assert.deepEqual([await get(), await get('AWSPREVIOUS')], ['third', 'second']);
  const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId }));
  assert.deepEqual(Object.values(VersionIdsToStages ?? {}), [['AWSPREVIOUS'], ['AWSCURRENT']]);
});

test('a pending version goes live, and back, by moving AWSCURRENT', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const VersionStage = 'AWSCURRENT';
  const first = await client.send(new GetSecretValueCommand({ SecretId }));
  const put = { SecretId, SecretString: 'new', VersionStages: ['AWSPENDING'] };
  const pending = await client.send(new PutSecretValueCommand(put));
  assert.equal((await client.send(new GetSecretValueCommand({ SecretId }))).VersionId, first.VersionId);

  const move = (to?: string, from?: string) =>
    client.send(
      new UpdateSecretVersionStageCommand({ SecretId, VersionStage, MoveToVersionId: to, RemoveFromVersionId: from }),
    );
  await assert.rejects(move(pending.VersionId), {
    name: 'InvalidParameterException',
    message: /^The parameter RemoveFromVersionId can't be empty\. Staging label AWSCURRENT is currently attached/,
  });
  await move(pending.VersionId, first.VersionId);
  const live = await client.send(new GetSecretValueCommand({ SecretId }));
  assert.deepEqual([live.SecretString, live.VersionStages], ['new', ['AWSCURRENT', 'AWSPENDING']]);
  await move(first.VersionId, pending.VersionId);
  const back = await client.send(new GetSecretValueCommand({ SecretId }));
  assert.deepEqual([back.VersionId, back.VersionStages], [first.VersionId, ['AWSCURRENT']]);
  const previous = await client.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSPREVIOUS' }));
  assert.equal(previous.VersionId, pending.VersionId);
});

test('a repeated put with the same request token is one version, and with another value a conflict', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const ClientRequestToken = 'a1b2c3d4-0000-4000-8000-000000000000';
  const put = (SecretString: string) =>
    client.send(new PutSecretValueCommand({ SecretId, SecretString, ClientRequestToken }));
  await put('x');
  assert.equal((await put('x')).VersionId, ClientRequestToken);
  assert.equal(sandbox.secrets.secret().versions.length, 2);
  await assert.rejects(put('y'), ResourceExistsException);
});

test('bytes come as SecretBinary', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.secrets.put(new Uint8Array([0, 255, 1]));
  const value = await awsClient(sandbox).send(new GetSecretValueCommand({ SecretId }));
  assert.equal(value.SecretString, undefined);
  assert.deepEqual([...(value.SecretBinary ?? [])], [0, 255, 1]);
});

test('a secret, a stage or a version that does not exist is a ResourceNotFoundException that says which', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const missing = async (input: { SecretId: string; VersionStage?: string; VersionId?: string }, message: string) =>
    assert.rejects(client.send(new GetSecretValueCommand(input)), (error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.message, message);
      return true;
    });
  await missing({ SecretId: 'other' }, "Secrets Manager can't find the specified secret.");
  await missing(
    { SecretId, VersionStage: 'AWSPREVIOUS' },
    "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS",
  );
  const VersionId = 'b'.repeat(32);
  await missing(
    { SecretId, VersionId },
    `Secrets Manager can't find the specified secret value for VersionId: ${VersionId}`,
  );
  const elsewhere = awsClient(sandbox, { region: 'eu-central-1' });
  await assert.rejects(elsewhere.send(new GetSecretValueCommand({ SecretId })), ResourceNotFoundException);
  sandbox.secrets.remove();
  await missing({ SecretId }, "Secrets Manager can't find the specified secret.");
});

test('a secret that is scheduled for deletion cannot be read until it is restored', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  sandbox.secrets.scheduleDeletion();
  await assert.rejects(client.send(new GetSecretValueCommand({ SecretId })), (error) => {
    assert.ok(error instanceof InvalidRequestException);
    assert.match(error.message, /because it was marked for deletion/);
    return true;
  });
  assert.ok((await client.send(new DescribeSecretCommand({ SecretId }))).DeletedDate);
  sandbox.secrets.restore();
  assert.ok((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString);
});

test('an unknown access key and a wrong secret key are told apart', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const get = new GetSecretValueCommand({ SecretId });
  await assert.rejects(awsClient(sandbox, { accessKeyId: 'AKIAUNKNOWN' }).send(get), {
    name: 'UnrecognizedClientException',
    message: 'The security token included in the request is invalid.',
  });
  await assert.rejects(awsClient(sandbox, { secretAccessKey: 'wrong' }).send(get), {
    name: 'InvalidSignatureException',
  });
});

test('a request without a signature, or with half of one, is refused', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const send = async (headers: Record<string, string>) => {
    const response = await fetch(sandbox.env.AWS_ENDPOINT_URL_SECRETS_MANAGER ?? '', {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'secretsmanager.GetSecretValue',
        ...headers,
      },
      body: JSON.stringify({ SecretId }),
    });
    return [response.status, (await response.json()) as unknown];
  };
  assert.deepEqual(await send({}), [
    400,
    { __type: 'MissingAuthenticationTokenException', Message: 'Missing Authentication Token' },
  ]);
  assert.deepEqual(await send({ authorization: 'AWS4-HMAC-SHA256 Credential=AKIA/x' }), [
    400,
    { __type: 'IncompleteSignature', Message: 'The request signature does not conform to AWS standards.' },
  ]);
});

test('an operation that the stand-in does not have is refused by name', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  await assert.rejects(awsClient(sandbox).send(new RotateSecretCommand({ SecretId })), {
    name: 'UnknownOperationException',
  });
});

test('answers with every error that a test plants by name, as often as asked', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  for (const name of Object.keys(AWS_ERRORS) as AwsErrorName[]) {
    sandbox.secrets.fail(name, 2);
    for (const _ of [1, 2]) await assert.rejects(client.send(new GetSecretValueCommand({ SecretId })), { name });
    assert.equal(sandbox.requests.at(-1)?.status, AWS_ERRORS[name].status);
  }
  assert.ok((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString);
});

test('AccessDeniedException names the action and the resource, as IAM does', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.secrets.fail('AccessDeniedException');
  await assert.rejects(awsClient(sandbox).send(new GetSecretValueCommand({ SecretId })), {
    message: `User: arn:aws:iam::123456789012:user/gmail-jobs is not authorized to perform: secretsmanager:GetSecretValue on resource: ${sandbox.secrets.secret().arn} because no identity-based policy allows the secretsmanager:GetSecretValue action`,
  });
});

test('lists the secrets whose names begin so, in pages, without those that are scheduled for deletion', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  for (const name of ['team/ann', 'team/bob', 'team/cem', 'Team/dan']) sandbox.secrets.setSecret(name, 'value');
  sandbox.secrets.scheduleDeletion('team/bob');
  const list = async (input: object = {}) =>
    await client.send(new ListSecretsCommand({ Filters: [{ Key: 'name', Values: ['team/'] }], ...input }));
  const first = await list({ MaxResults: 1 });
  assert.deepEqual(
    first.SecretList?.map(({ Name }) => Name),
    ['team/ann'],
  );
  const last = await list({ MaxResults: 1, NextToken: first.NextToken });
  assert.deepEqual(
    last.SecretList?.map(({ Name }) => Name),
    ['team/cem'],
  );
  assert.equal(last.NextToken, undefined);
  const all = await list({ IncludePlannedDeletion: true });
  assert.ok(all.SecretList?.find(({ Name }) => Name === 'team/bob')?.DeletedDate instanceof Date);
  assert.equal((await list({ Filters: [] })).SecretList?.length, 4);
  await assert.rejects(list({ MaxResults: 101 }), { name: 'InvalidParameterException' });
  await assert.rejects(list({ NextToken: 'x' }), { name: 'InvalidNextTokenException' });
});

test('allows ListSecrets by a statement about all resources alone', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  const Resource = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:gmail-jobs/*';
  const statement = { Effect: 'Allow', Action: 'secretsmanager:*' } as const;
  sandbox.iam.user().policy = { Statement: { ...statement, Resource } };
  await assert.rejects(client.send(new ListSecretsCommand({})), { name: 'AccessDeniedException' });
  sandbox.iam.user().policy = { Statement: { ...statement, Resource: '*' } };
  assert.equal((await client.send(new ListSecretsCommand({}))).SecretList?.length, 1);
});
