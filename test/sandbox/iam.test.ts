import assert from 'node:assert/strict';
import test from 'node:test';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import { decide, type Statement } from './iam.ts';
import { startSandbox } from './index.ts';
import { awsClient } from './real-clients.ts';

const SecretId = 'gmail-jobs/alice';
const ARN = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:gmail-jobs/alice';

function allowed(statement: Partial<Statement>, action: string, resource: string, context = {}): string {
  const full = { Effect: 'Allow' as const, Action: '*', Resource: '*', ...statement };
  return decide({ Statement: [full] }, action, resource, context);
}

test('decides by action, resource and condition, and an explicit deny wins', () => {
  const get = 'secretsmanager:GetSecretValue';
  assert.equal(allowed({ Action: 'secretsmanager:get*' }, get, ARN), 'allowed');
  assert.equal(allowed({ Action: ['secretsmanager:PutSecretValue'] }, get, ARN), 'not-allowed');
  assert.equal(allowed({ Resource: `${ARN}-??????` }, get, `${ARN}-a1b2c3`), 'allowed');
  assert.equal(allowed({ Resource: `${ARN}-??????` }, get, `${ARN}-a1b2c34`), 'not-allowed');
  assert.equal(allowed({ Resource: `${ARN}-??????` }, get, ARN), 'not-allowed');
  const Condition = { StringEquals: { 'secretsmanager:VersionStage': 'AWSCURRENT' } };
  assert.equal(allowed({ Condition }, get, ARN, { 'secretsmanager:versionstage': 'AWSCURRENT' }), 'allowed');
  assert.equal(allowed({ Condition }, get, ARN), 'not-allowed');
  const any: Statement = { Effect: 'Allow', Action: '*', Resource: '*' };
  assert.equal(decide({ Statement: [any, { ...any, Effect: 'Deny' }] }, get, ARN, {}), 'denied');
  assert.throws(() => allowed({ Condition: { Bool: {} } }, get, ARN), /condition operator Bool/);
});

test('a user may do only what was allowed, and the refusal names the action', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = awsClient(sandbox);
  sandbox.secrets.allow(['GetSecretValue']);
  assert.ok((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString);
  await assert.rejects(client.send(new DescribeSecretCommand({ SecretId })), {
    name: 'AccessDeniedException',
    message: `User: arn:aws:iam::123456789012:user/gmail-jobs is not authorized to perform: secretsmanager:DescribeSecret on resource: ${sandbox.secrets.secret().arn} because no identity-based policy allows the secretsmanager:DescribeSecret action`,
  });
  sandbox.secrets.deny(['GetSecretValue']);
  await assert.rejects(client.send(new GetSecretValueCommand({ SecretId })), { name: 'AccessDeniedException' });
  assert.ok((await client.send(new DescribeSecretCommand({ SecretId }))).ARN);
  sandbox.iam.allowEverything();
  assert.ok((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString);
});

test('each user has their own policy', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const reader = sandbox.iam.addUser('reader', {
    Statement: { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: `${ARN}-??????` },
  });
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = sandbox.iam.envOf(reader);
  const client = awsClient(sandbox, { accessKeyId, secretAccessKey });
  assert.ok((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString);
  const put = new PutSecretValueCommand({ SecretId, SecretString: 'x' });
  await assert.rejects(client.send(put), { message: /user\/reader is not authorized to perform: \S+:PutSecretValue/ });
  await awsClient(sandbox).send(put);
  // A secret outside the policy is denied, not reported as missing.
  await assert.rejects(client.send(new GetSecretValueCommand({ SecretId: 'no-such' })), {
    name: 'AccessDeniedException',
  });
});

test('making a secret with tags also needs TagResource', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.secrets.allow(['CreateSecret']);
  const create = { Name: 'new', SecretString: 'x', Tags: [{ Key: 'application', Value: 'gmail-jobs' }] };
  await assert.rejects(awsClient(sandbox).send(new CreateSecretCommand(create)), {
    message: /secretsmanager:TagResource on resource: new because/,
  });
  sandbox.secrets.allow(['CreateSecret', 'TagResource']);
  await awsClient(sandbox).send(new CreateSecretCommand(create));
});

test('a secret with a customer-managed key needs the kms actions too', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const kmsKeyId = 'arn:aws:kms:us-east-1:123456789012:key/1234';
  sandbox.secrets.setSecret(SecretId, 'x', { kmsKeyId });
  sandbox.secrets.allow(['GetSecretValue', 'PutSecretValue']);
  const client = awsClient(sandbox);
  const denied = { name: 'AccessDeniedException', message: 'Access to KMS is not allowed' };
  await assert.rejects(client.send(new GetSecretValueCommand({ SecretId })), denied);
  sandbox.secrets.allow(['GetSecretValue', 'PutSecretValue', 'kms:Decrypt']);
  assert.equal((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString, 'x');
  await assert.rejects(client.send(new PutSecretValueCommand({ SecretId, SecretString: 'y' })), denied);
});
