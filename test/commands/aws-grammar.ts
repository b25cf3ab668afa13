/** AWS's grammar for IAM policies and CloudFormation templates, as strict as AWS and a little stricter. */
import assert from 'node:assert/strict';
import * as secretsManager from '@aws-sdk/client-secrets-manager';

/** The actions that the SDK can send, and KMS's actions to use a key. */
const ACTIONS = new Set([
  ...Object.keys(secretsManager)
    .filter((name) => name.endsWith('Command') && name !== '$Command')
    .map((name) => `secretsmanager:${name.replace(/Command$/, '')}`),
  ...[
    'Encrypt',
    'Decrypt',
    'ReEncryptFrom',
    'ReEncryptTo',
    'GenerateDataKey',
    'DescribeKey',
    'CreateGrant',
    'Sign',
    'GetPublicKey',
  ].map((name) => `kms:${name}`),
  ...['GetObject', 'PutObject', 'ListBucket'].map((name) => `s3:${name}`),
]);

const PARTITION = '(aws|aws-cn|aws-us-gov|aws-iso|aws-iso-b|aws-iso-e|aws-iso-f|aws-eusc)';
const ARNS: Readonly<Record<string, RegExp>> = {
  secretsmanager: new RegExp(
    `^arn:${PARTITION}:secretsmanager:[a-z]{2,4}(-[a-z]+)+-\\d:\\d{12}:secret:[\\w/+=.@-]{1,512}(-\\?{6})?$`,
  ),
  kms: new RegExp(`^arn:${PARTITION}:kms:[a-z]{2,4}(-[a-z]+)+-\\d:\\d{12}:key/(mrk-)?[0-9a-f-]{32,36}$`),
  s3: new RegExp(`^arn:${PARTITION}:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\\w/!.*'()@+=\${}-]+)?$`),
};

type Json = Record<string, unknown>;

/**
 * Asserts that a document is a valid IAM policy, allows existing actions on single resources, and denies nothing.
 * `intrinsic` allows CloudFormation's functions in place of a text, `prefixes` secrets by the beginning of their names.
 */
export function assertPolicy(document: unknown, { intrinsic = false, prefixes = false } = {}): Json[] {
  const policy = objectOf(document, ['Version', 'Statement']);
  assert.equal(policy.Version, '2012-10-17');
  assert.ok(Array.isArray(policy.Statement) && policy.Statement.length > 0);
  const statements = policy.Statement.map((one) =>
    objectOf(one, ['Sid', 'Effect', 'Action', 'Resource'], ['Condition']),
  );
  const sids = statements.map(({ Sid }) => Sid);
  assert.equal(new Set(sids).size, sids.length, 'Sids must differ');
  for (const { Sid, Effect, Action, Resource, Condition } of statements) {
    assert.match(String(Sid), /^[A-Za-z0-9]+$/);
    assert.equal(Effect, 'Allow');
    const actions = listOf(Action);
    for (const action of actions) assert.ok(ACTIONS.has(String(action)), `${action} is no action`);
    assert.equal(new Set(actions).size, actions.length, 'an action is named twice');
    const services = new Set(actions.map((action) => String(action).split(':')[0]));
    assert.equal(services.size, 1, 'one statement, one service');
    const [service = ''] = services;
    for (const resource of listOf(Resource)) {
      if (intrinsic && typeof resource === 'object') assertReference(resource, ARNS[service] ?? /^$/);
      else if (actions.every((action) => action === 'secretsmanager:ListSecrets')) assert.equal(resource, '*');
      else assert.match(String(resource).replace(prefixes ? /\*$/ : /$^/, ''), ARNS[service] ?? /^$/);
    }
    if (Condition !== undefined) assertCondition(Condition, intrinsic);
    const isPublic = actions.every((action) => action === 'kms:GetPublicKey');
    if (service === 'kms' && !isPublic) assert.ok(Condition, 'a key without a condition');
  }
  assert.ok(JSON.stringify(document).length <= 2_048, 'too long for an inline policy of a user');
  return statements;
}

function assertCondition(condition: unknown, intrinsic: boolean): void {
  for (const [operator, tests] of Object.entries(objectOf(condition, [], ['StringEquals', 'StringLike']))) {
    if (operator === 'StringLike') {
      assert.match(String(objectOf(tests, ['s3:prefix'])['s3:prefix']), /^[^/].*\/\*$/);
      continue;
    }
    for (const [key, value] of Object.entries(objectOf(tests, [], ['kms:ViaService', 'kms:SigningAlgorithm']))) {
      assert.match(key, /^[a-z]+:[A-Za-z]+$/);
      if (key === 'kms:SigningAlgorithm') assert.equal(value, 'ECDSA_SHA_256');
      else if (intrinsic && typeof value === 'object') objectOf(value, ['Fn::Join']);
      else assert.match(String(value), /^secretsmanager\.[a-z0-9-]+\.[a-z0-9.-]+$/);
    }
  }
}

/** Resource type → its required and its optional properties. */
const RESOURCE_TYPES: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  'AWS::SecretsManager::Secret': [
    [],
    ['Name', 'Description', 'KmsKeyId', 'Tags', 'SecretString', 'GenerateSecretString', 'ReplicaRegions'],
  ],
  'AWS::IAM::User': [[], ['Groups', 'LoginProfile', 'Path', 'Policies', 'Tags', 'UserName']],
  'AWS::KMS::Key': [[], ['Description', 'KeySpec', 'KeyUsage', 'KeyPolicy', 'Tags', 'Enabled', 'MultiRegion']],
  'AWS::KMS::Alias': [['AliasName', 'TargetKeyId'], []],
  'AWS::IAM::Policy': [
    ['PolicyName', 'PolicyDocument'],
    ['Groups', 'Roles', 'Users'],
  ],
};

const PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'us-east-1',
  'AWS::AccountId': '123456789012',
  'AWS::URLSuffix': 'amazonaws.com',
};

export interface Template {
  readonly Description: string;
  readonly Resources: Readonly<Record<string, { Type: string; DeletionPolicy?: string; Properties: Json }>>;
  readonly Outputs: Readonly<Record<string, { Value: unknown }>>;
}

/** Asserts that a document is a valid CloudFormation template, with a target for every reference. */
export function assertTemplate(document: unknown): Template {
  const template = objectOf(document, ['AWSTemplateFormatVersion', 'Description', 'Resources', 'Outputs']);
  assert.equal(template.AWSTemplateFormatVersion, '2010-09-09');
  assert.ok(Buffer.byteLength(String(template.Description)) <= 1_024, 'the description is too long');
  for (const [name, one] of Object.entries(template.Resources as Json)) {
    assert.match(name, /^[A-Za-z0-9]{1,255}$/);
    const resource = objectOf(one, ['Type', 'Properties'], ['DeletionPolicy', 'UpdateReplacePolicy', 'DependsOn']);
    const type = RESOURCE_TYPES[String(resource.Type)] ?? assert.fail(`resource type ${resource.Type}`);
    objectOf(resource.Properties, ...type);
    for (const policy of [resource.DeletionPolicy, resource.UpdateReplacePolicy])
      assert.ok([undefined, 'Retain', 'Delete', 'Snapshot'].includes(policy as string));
  }
  for (const [name, one] of Object.entries(template.Outputs as Json)) {
    assert.match(name, /^[A-Za-z0-9]{1,255}$/);
    objectOf(one, ['Value'], ['Description', 'Export', 'Condition']);
  }
  const known = new Set([...Object.keys(template.Resources as Json), ...Object.keys(PSEUDO_PARAMETERS)]);
  for (const reference of referencesIn(template)) assert.ok(known.has(reference), `Ref ${reference} leads nowhere`);
  return template as unknown as Template;
}

function referencesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'Ref') return [String(inner)];
    return key === 'Fn::GetAtt' ? [String((inner as string[])[0])] : referencesIn(inner);
  });
}

function assertReference(value: unknown, arn: RegExp): void {
  const parts = objectOf(value, [], ['Ref', 'Fn::Join', 'Fn::GetAtt']);
  const { Ref: reference, 'Fn::Join': joined, 'Fn::GetAtt': attribute } = parts;
  if (attribute !== undefined) {
    assert.deepEqual(attribute, ['SigningKey', 'Arn']);
    return;
  }
  if (joined === undefined) {
    assert.equal(typeof reference, 'string');
    return;
  }
  const [delimiter, pieces] = joined as [string, (string | { Ref: string })[]];
  const text = (part: string | { Ref: string }) => (typeof part === 'string' ? part : PSEUDO_PARAMETERS[part.Ref]);
  assert.match(pieces.map(text).join(delimiter), arn);
}

function objectOf(value: unknown, required: readonly string[], optional: readonly string[] = []): Json {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `no object: ${value}`);
  for (const key of required) assert.ok(key in value, `${key} is missing`);
  for (const key of Object.keys(value)) assert.ok([...required, ...optional].includes(key), `${key} is unknown`);
  return value as Json;
}

function listOf(value: unknown): unknown[] {
  const list = [value].flat();
  assert.ok(list.length > 0);
  return list;
}
