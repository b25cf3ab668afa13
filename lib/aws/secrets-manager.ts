/** Requests to AWS Secrets Manager about one secret, and the errors that only Secrets Manager has. */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ConfigError, CredentialError, type JobError } from '../errors.ts';
import { clientSettings, createSender, type SendToAws } from './client.ts';
import type { AwsRefusal } from './common-errors.ts';
import type { AwsKeys, ContainerToken } from './keys.ts';
import { partitionOf } from './names.ts';

/** Which secret, where, and with which keys. */
export interface SecretAddress {
  /** Name or ARN. */
  readonly secretId: string;
  readonly region: string;
  /** Undefined for the SDK's default chain. */
  readonly keys?: AwsKeys | ContainerToken | undefined;
  /** A client that many secrets share; one of its own when left out. */
  readonly client?: SecretsManagerClient;
  /** The variable or file that names the secret: GMAIL_SECRET_ID when left out. */
  readonly variable?: 'JOB_SECRET_ID' | 'mailboxes.yaml';
}

/** AWS accepts the keys and allows the request: the secret, or its name, is the cause. */
export class SecretStateError extends ConfigError {}

/** AWS has no secret of that name, so `job authorize` can make one. */
export class NoSuchSecretError extends SecretStateError {}

/** AWS has the secret, but no such version of it. */
export class NoSuchVersionError extends SecretStateError {}

export type SendToSecretsManager = SendToAws<SecretsManagerClient>;

/** Returns a function that sends commands about one secret. */
export function connectToSecret(address: SecretAddress): SendToSecretsManager {
  const { secretId, region, keys, variable } = address;
  const client = address.client ?? new SecretsManagerClient(clientSettings({ region, keys }));
  const nameVariable = variable ?? 'GMAIL_SECRET_ID';
  const isArn = secretId.startsWith('arn:');
  return createSender(client, {
    service: 'AWS Secrets Manager',
    actionPrefix: 'secretsmanager',
    kind: 'secret',
    name: secretId,
    arn: isArn ? secretId : `arn:${partitionOf(region)}:secretsmanager:*:*:secret:${secretId}-??????`,
    region,
    keys,
    nameVariable,
    endpointVariable: 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
    explain: (refusal) => explain(refusal, nameVariable),
  });
}

/** How a remedy begins when the secret's versions or labels are not as expected. */
export const LOOK_AT_VERSIONS = 'Look at the versions of the secret in the AWS console';

/** Source of the names: docs.aws.amazon.com/secretsmanager/latest/apireference, the pages of the actions. */
function explain({ name, message, what, said, action }: AwsRefusal, variable: string): JobError | undefined {
  switch (name) {
    case 'ResourceNotFoundException':
      // AWS has one name for a missing secret and for a missing version of a secret.
      if (/secret value for/i.test(message))
        return new NoSuchVersionError(`${what}: the secret has no such version`, `${LOOK_AT_VERSIONS}.`);
      return new NoSuchSecretError(
        `${what}: there is no such secret`,
        variable === 'JOB_SECRET_ID'
          ? 'Check JOB_SECRET_ID and AWS_REGION; the secret is made in the AWS console (Secrets Manager → Store a new secret).'
          : `Check ${variable} and AWS_REGION; \`job authorize\` makes the secret${variable === 'GMAIL_SECRET_ID' ? '' : ' whose name is in GMAIL_SECRET_ID'}.`,
      );
    case 'KMSInvalidStateException':
    case 'KMSDisabledException':
    case 'KMSNotFoundException':
      return kmsKeyUnusable(what, said);
    case 'InvalidRequestException':
      if (/\bKMS\b|\bkey\b.*(?:disabled|pending|state)/i.test(message)) return kmsKeyUnusable(what, said);
      if (/delet/i.test(message)) {
        return new SecretStateError(
          `${what}: the secret is scheduled for deletion`,
          'Cancel the deletion in the AWS console (Secrets Manager → the secret → Cancel deletion).',
        );
      }
      return new SecretStateError(
        `${what}: the request is not valid for this secret${said}`,
        'Look at the secret in the AWS console: another service may own it, or AWS may be rotating it.',
      );
    case 'InvalidParameterException':
    case 'ValidationException':
      return new SecretStateError(
        `${what}: AWS does not accept the secret's name${said}`,
        `Check ${variable}: it must be the name or the ARN of a secret.`,
      );
    case 'ResourceExistsException':
      return new SecretStateError(
        `${what}: somebody else has just created the secret`,
        'Run the command again: it will find the secret and say whose mailbox it is for.',
      );
    case 'LimitExceededException':
      return new SecretStateError(
        `${what}: AWS allows no more versions or labels of this secret for now`,
        `${LOOK_AT_VERSIONS}, or wait a while.`,
      );
    case 'EncryptionFailure':
      return new CredentialError(
        `${what}: AWS cannot encrypt the secret${said}`,
        `Check that its KMS key is enabled, and allow kms:GenerateDataKey and kms:Decrypt on that key, in addition to ${action}.`,
      );
    case 'DecryptionFailure':
      return new CredentialError(
        `${what}: AWS cannot decrypt the secret${said}`,
        `Check that its KMS key is enabled, and allow kms:Decrypt on that key, in addition to ${action}.`,
      );
    default:
      return undefined;
  }
}

function kmsKeyUnusable(what: string, said: string): SecretStateError {
  return new SecretStateError(
    `${what}: the secret's KMS key cannot be used${said}`,
    'Enable that key, or cancel its deletion, in the AWS console (KMS → Customer managed keys), or let the secret use another key.',
  );
}
