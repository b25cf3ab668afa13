/** The documents of `job policy`: IAM policies and the CloudFormation template. */
import { hostOf } from '../aws/names.ts';
import { formatPlace, MAILBOX, type S3Place } from '../store/place.ts';
import type { FleetTargets, PolicyTarget, SecretPlace } from './target.ts';

type OneResource =
  | string
  | { readonly Ref: string }
  | { readonly 'Fn::GetAtt': readonly [string, string] }
  | { readonly 'Fn::Join': readonly [string, readonly OneResource[]] };
type Resource = OneResource | readonly OneResource[];

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: string | readonly string[];
  readonly Resource: Resource;
  readonly Condition?: object;
}

export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** Secrets Manager's actions that `job authorize` and `job rotate` use. */
const PERSONS_ACTIONS = ['GetSecretValue', 'CreateSecret', 'TagResource', 'PutSecretValue', 'UpdateSecretVersionStage'];

/** ARNs of KMS keys. */
export interface PolicyKeys {
  /** The key that encrypts the secret. */
  readonly encryptionKey: string | undefined;
  /** The keys to which refresh tokens are bound. */
  readonly signingKeys: readonly string[];
}

/** Access of the app beyond the secrets of mailboxes. */
export interface FurtherAccess {
  /** The secret of jobs; undefined for none of its own. */
  readonly jobTarget: PolicyTarget | undefined;
  /** Where jobs keep files; undefined for no access there. */
  readonly files: S3Place | undefined;
}

/** Allows the running app to read the secret and the secret of its jobs, and to keep files. */
export function appPolicy(
  target: PolicyTarget,
  place: SecretPlace,
  { encryptionKey, signingKeys }: PolicyKeys,
  { jobTarget, files }: FurtherAccess,
): PolicyDocument {
  const resources = [target, ...(jobTarget === undefined ? [] : [jobTarget])].map((one) =>
    fullArnOf(one, 'region' in one.place ? one.place : place),
  );
  return policyOf([
    readSecrets(resources),
    ...useOfKey('DecryptTheSecret', 'kms:Decrypt', encryptionKey, viaService(place)),
    ...signWith(signingKeys),
    ...keepFiles(files, place.partition),
  ]);
}

/** Allows the running app to read the secrets of a fleet, and to list secrets when entries of mailboxes.yaml name a prefix. */
export function fleetPolicy(
  { secrets, prefixes }: FleetTargets,
  place: SecretPlace,
  { encryptionKey, signingKeys }: PolicyKeys,
  { jobTarget, files }: FurtherAccess,
): PolicyDocument {
  const all = [...secrets, ...(jobTarget === undefined ? [] : [jobTarget])];
  const resources = [
    ...all.map((one) => fullArnOf(one, 'region' in one.place ? one.place : place)),
    ...prefixes.map((prefix) => `${secretArn(place)}${prefix}*`),
  ];
  return policyOf([
    readSecrets([...new Set(resources)]),
    ...(prefixes.length === 0 ? [] : [LIST_SECRETS]),
    ...useOfKey('DecryptTheSecret', 'kms:Decrypt', encryptionKey, viaService(place)),
    ...signWith(signingKeys),
    ...keepFiles(files, place.partition),
  ]);
}

/** IAM cannot limit the action to some secrets. The list holds names and no values. */
const LIST_SECRETS: Statement = {
  Sid: 'ListTheSecrets',
  Effect: 'Allow',
  Action: 'secretsmanager:ListSecrets',
  Resource: '*',
};

/** Allows a person to use `job authorize`, `job check` and `job rotate`. */
export function personPolicy(
  target: PolicyTarget,
  place: SecretPlace,
  { encryptionKey, signingKeys }: PolicyKeys,
): PolicyDocument {
  const arn = arnOf(target, place);
  return policyOf([
    {
      Sid: 'MakeReadAndRotateTheSecret',
      Effect: 'Allow',
      Action: PERSONS_ACTIONS.map((action) => `secretsmanager:${action}`),
      // A secret that does not exist yet has no suffix. AWS then checks GetSecretValue against the name alone: without the
      // second ARN, AWS would answer "denied" in place of "not found".
      Resource: [`${arn}-??????`, arn],
    },
    ...useOfKey('EncryptTheSecret', ['kms:GenerateDataKey', 'kms:Decrypt'], encryptionKey, viaService(place)),
    ...signWith(signingKeys),
    // No part of signWith: its condition is never met by an action that does not sign.
    ...(signingKeys.length === 0
      ? []
      : [
          {
            Sid: 'ReadThePublicKey',
            Effect: 'Allow',
            Action: 'kms:GetPublicKey',
            Resource: oneOrMore(signingKeys),
          } as const,
        ]),
  ]);
}

/**
 * A template that creates the secret without a value, and a user who may only read it and the secret of jobs. A signing key
 * that is given as an alias (`alias/…`) is created too, and the user may sign with the signing keys.
 */
export function stackTemplate(
  { name }: PolicyTarget,
  { encryptionKey, signingKeys }: PolicyKeys,
  { jobTarget, files }: FurtherAccess,
): object {
  const alias = signingKeys.find((key) => key.startsWith('alias/'));
  const arns = signingKeys.map((key) => (key === alias ? { 'Fn::GetAtt': ['SigningKey', 'Arn'] as const } : key));
  const viaThisRegion = { 'Fn::Join': ['.', ['secretsmanager', { Ref: 'AWS::Region' }, { Ref: 'AWS::URLSuffix' }]] };
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: `gmail-jobs: a secret without a value (bin/job authorize fills it) and an IAM user who may only read it${files === undefined ? '' : `, and read and write files in ${formatPlace(files)}`}. There is no access key, because everybody who sees the stack could read it: create one in the AWS console (IAM, Users, the user, Security credentials, Create access key) and put it into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`,
    Resources: {
      Secret: {
        Type: 'AWS::SecretsManager::Secret',
        DeletionPolicy: 'Retain',
        UpdateReplacePolicy: 'Retain',
        Properties: {
          Name: name,
          Description: 'Gmail credentials: stored by gmail-jobs, read on each run of its jobs',
          ...(encryptionKey === undefined ? {} : { KmsKeyId: encryptionKey }),
          Tags: [{ Key: 'application', Value: 'gmail-jobs' }],
        },
      },
      User: {
        Type: 'AWS::IAM::User',
        Properties: { Tags: [{ Key: 'application', Value: 'gmail-jobs' }] },
      },
      Policy: {
        Type: 'AWS::IAM::Policy',
        Properties: {
          PolicyName: 'gmail-jobs-read-secret',
          PolicyDocument: policyOf([
            readSecrets([{ Ref: 'Secret' }, ...(jobTarget === undefined ? [] : [resourceInStack(jobTarget)])]),
            ...useOfKey('DecryptTheSecret', 'kms:Decrypt', encryptionKey, viaThisRegion),
            ...signWith(arns),
            ...keepFiles(files, { Ref: 'AWS::Partition' }),
          ]),
          Users: [{ Ref: 'User' }],
        },
      },
      ...(alias === undefined ? {} : signingKeyResources(alias)),
    },
    Outputs: {
      SecretArn: { Description: 'For GMAIL_SECRET_ID', Value: { Ref: 'Secret' } },
      Region: { Description: 'For AWS_REGION', Value: { Ref: 'AWS::Region' } },
      UserName: { Description: 'The user to make an access key for, in the AWS console', Value: { Ref: 'User' } },
      ...(alias !== undefined && {
        SigningKeyArn: {
          Description: 'For job authorize --kms-key and job rotate --kms-key',
          Value: { 'Fn::GetAtt': ['SigningKey', 'Arn'] },
        },
      }),
    },
  };
}

/**
 * A key that signs DPoP proofs, with its alias. Its policy leaves all rights to the account, and so to IAM's policies: with a
 * narrower one, only the named users could ever manage the key. Source:
 * docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html.
 */
function signingKeyResources(alias: string): object {
  const account = ['arn', { Ref: 'AWS::Partition' }, 'iam', '', { Ref: 'AWS::AccountId' }, 'root'];
  return {
    SigningKey: {
      Type: 'AWS::KMS::Key',
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        Description: 'gmail-jobs: signs the proofs without which the refresh token in the secret opens nothing',
        KeySpec: 'ECC_NIST_P256',
        KeyUsage: 'SIGN_VERIFY',
        KeyPolicy: {
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'LeaveTheKeyToThePoliciesOfTheAccount',
              Effect: 'Allow',
              Principal: { AWS: { 'Fn::Join': [':', account] } },
              Action: 'kms:*',
              Resource: '*',
            },
          ],
        },
        Tags: [{ Key: 'application', Value: 'gmail-jobs' }],
      },
    },
    SigningKeyAlias: { Type: 'AWS::KMS::Alias', Properties: { AliasName: alias, TargetKeyId: { Ref: 'SigningKey' } } },
  };
}

function policyOf(statements: readonly Statement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

function readSecrets(resources: readonly OneResource[]): Statement {
  return {
    Sid: 'ReadTheSecret',
    Effect: 'Allow',
    Action: 'secretsmanager:GetSecretValue',
    Resource: oneOrMore(resources),
  };
}

function oneOrMore(resources: readonly OneResource[]): Resource {
  const [first = '', ...more] = resources;
  return more.length === 0 ? first : resources;
}

/** Allows signatures of the one kind that the program requests. */
function signWith(keys: readonly OneResource[]): Statement[] {
  if (keys.length === 0) return [];
  const condition = { StringEquals: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256' } };
  return [
    { Sid: 'SignWithTheKey', Effect: 'Allow', Action: 'kms:Sign', Resource: oneOrMore(keys), Condition: condition },
  ];
}

/** Allows to read, write and list files in the place. Neither deletes nor changes access rights. */
function keepFiles(files: S3Place | undefined, partition: OneResource): Statement[] {
  if (files === undefined) return [];
  // IAM takes a star for any text, and the star in ${*} for itself.
  const prefix = files.prefix.replaceAll('*', `\${*}`).replaceAll(MAILBOX, '*');
  const below = prefix === '' ? '*' : `${prefix}/*`;
  const arnOf = (resource: string): OneResource =>
    typeof partition === 'string'
      ? `arn:${partition}:s3:::${resource}`
      : { 'Fn::Join': ['', ['arn:', partition, `:s3:::${resource}`]] };
  const condition = { StringLike: { 's3:prefix': below } };
  return [
    {
      Sid: 'ReadAndWriteTheFiles',
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:PutObject'],
      Resource: arnOf(`${files.bucket}/${below}`),
    },
    {
      Sid: 'ListTheFiles',
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: arnOf(files.bucket),
      ...(prefix !== '' && { Condition: condition }),
    },
  ];
}

/** A secret that the stack does not create: by its ARN, or by its name in the stack's account and region. */
function resourceInStack(target: PolicyTarget): OneResource {
  if (target.isArn && 'region' in target.place) return fullArnOf(target, target.place);
  const ref = (name: string) => ({ Ref: `AWS::${name}` });
  const parts = ['arn', ref('Partition'), 'secretsmanager', ref('Region'), ref('AccountId'), 'secret'];
  return { 'Fn::Join': [':', [...parts, `${target.name}-??????`]] };
}

function fullArnOf(target: PolicyTarget, place: SecretPlace): string {
  return `${arnOf(target, place)}-${target.suffix ?? '??????'}`;
}

function arnOf({ name }: PolicyTarget, place: SecretPlace): string {
  return `${secretArn(place)}${name}`;
}

/** The ARN of a secret up to its name. */
function secretArn({ partition, region, account }: SecretPlace): string {
  return `arn:${partition}:secretsmanager:${region}:${account}:secret:`;
}

/** Limits the use of the key to requests that come through Secrets Manager. */
function useOfKey(
  sid: string,
  action: string | readonly string[],
  encryptionKey: string | undefined,
  service: string | object,
): Statement[] {
  if (encryptionKey === undefined) return [];
  const condition = { StringEquals: { 'kms:ViaService': service } };
  return [{ Sid: sid, Effect: 'Allow', Action: action, Resource: encryptionKey, Condition: condition }];
}

/** The value of `kms:ViaService` for Secrets Manager. Source: docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html. */
function viaService({ region }: SecretPlace): string {
  return hostOf('secretsmanager', region);
}
