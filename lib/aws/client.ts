/** Requests to AWS Secrets Manager about one secret: timeouts, retries, and every refusal as one of our errors. */
import { type GetSecretValueResponse, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { judgeFailure, passingFailure, wantsProxyLogin } from '../base/network-failure.ts';
import { serverCode, serverWords } from '../base/server-words.ts';
import { ConfigError, CredentialError, egressBehind, type JobError, UnavailableError } from '../errors.ts';
import { denied } from './denials.ts';
import type { AwsKeys, ContainerToken } from './keys.ts';

/** AWS knows who asks and lets them: what is wrong is the secret, or its name. */
export class SecretStateError extends ConfigError {}

/** There is no secret of that name, so there may be one. */
export class NoSuchSecretError extends SecretStateError {}

/** Which secret, and where. */
export interface SecretAddress {
  /** Name or ARN. */
  readonly secretId: string;
  readonly region: string;
  /** Undefined for the SDK's default chain. */
  readonly keys?: AwsKeys | ContainerToken | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** Attempts when AWS's answer cannot be read. */
const MAX_UNREADABLE = 4;

/** Sends one command with the SDK's client, which is handed in; `action` is its name in IAM, `GetSecretValue`. */
export type SendToAws = <T>(
  action: string,
  send: (client: SecretsManagerClient, options: { abortSignal: AbortSignal }) => Promise<T>,
  signal: AbortSignal,
) => Promise<T>;

/**
 * A way to send commands about the secret at `address`.
 * It throws ConfigError, CredentialError or UnavailableError for what AWS refuses; on abort, the signal's reason.
 */
export function connectToAws(address: SecretAddress): SendToAws {
  const client = new SecretsManagerClient({
    region: address.region,
    ...credentialsOf(address.keys),
    maxAttempts: 4,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });
  return async (action, send, signal) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send(client, { abortSignal: signal });
      } catch (error) {
        signal.throwIfAborted();
        // An unreadable answer or a 408 is asked for again, which the SDK does not do by itself.
        if ((isUnreadable(error) || statusOf(error) === 408) && attempt < MAX_UNREADABLE) continue;
        throw explain(error, `secretsmanager:${action}`, address);
      }
    }
  };
}

/** The remedy for a secret that does not exist. */
const MAKE_SECRET = 'Check GMAIL_SECRET_ID and AWS_REGION; `job authorize` makes the secret.';

/** The value in AWS's answer as text. @throws SyntaxError when there is none, as for an answer that cannot be read. */
export function valueIn({ SecretString: text, SecretBinary: bytes }: GetSecretValueResponse): string {
  if (typeof text === 'string') return text;
  if (bytes instanceof Uint8Array) return Buffer.from(bytes).toString();
  throw new SyntaxError('an answer without a value');
}

/** The SDK's settings for `keys`. It hands the container's token to its own chain, which else looks in the environment. */
function credentialsOf(keys: SecretAddress['keys']) {
  if (keys === undefined) return {};
  return 'containerToken' in keys ? { awsContainerAuthorizationToken: keys.containerToken } : { credentials: keys };
}

/**
 * AWS's error as one of ours. Matched by name, since most of these are not modelled as classes by the SDK; source of the
 * names: docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html and CommonErrors.html.
 */
function explain(error: unknown, action: string, { secretId, region, keys }: SecretAddress): JobError {
  const refused = egressBehind(error);
  if (refused !== undefined) return refused;
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: '' };
  const what = `AWS Secrets Manager (${region}), secret ${secretId}`;
  const words = serverWords(message);
  const said = words === '' ? '' : `; AWS says: ${words}`;
  if ((error as NodeJS.ErrnoException | null)?.code === 'ERR_ACCESS_DENIED') return locked(what, error);
  switch (name) {
    case 'ResourceNotFoundException':
      return new NoSuchSecretError(`${what}: there is no such secret`, MAKE_SECRET);
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
        'Look at the secret in the AWS console; it may be owned by another service or be in rotation.',
      );
    case 'InvalidParameterException':
    case 'ValidationException':
      return new SecretStateError(
        `${what}: AWS does not accept the secret's name${said}`,
        'Check GMAIL_SECRET_ID: it must be the name or the ARN of a secret.',
      );
    case 'ResourceExistsException':
      return new SecretStateError(
        `${what}: somebody else has just created the secret`,
        'Run the command again: it will find the secret, and say whose it is.',
      );
    case 'InternalFailure':
    case 'InternalServiceError':
    case 'InternalServiceErrorException':
    case 'InternalServerError':
    case 'InternalServerException':
    case 'ServiceUnavailable':
    case 'ServiceUnavailableException':
      return new UnavailableError(
        `${what}: AWS could not be reached or failed (${name})`,
        'Nothing to do unless it lasts: the next run tries again. If it lasts, check AWS_REGION.',
      );
    case 'LimitExceededException':
      return new SecretStateError(
        `${what}: AWS allows no more versions or labels of this secret for now`,
        'Wait a while, or look at the versions of the secret in the AWS console.',
      );
    case 'EncryptionFailure':
      return new CredentialError(
        `${what}: AWS cannot encrypt the secret${said}`,
        `Check that its KMS key is enabled, and allow kms:GenerateDataKey and kms:Decrypt on that key besides ${action}.`,
      );
    case 'AccessDeniedException':
      if (/\baccount\b.*\b(?:suspended|closed|blocked|on hold)\b/i.test(message)) {
        return new CredentialError(
          `${what}: the AWS account may not be used${said}`,
          'Sign in to the AWS account as its owner and look at its billing and its messages, or write to AWS Support.',
        );
      }
      return denied({ what, message, requested: action, secretId, region });
    case 'DecryptionFailure':
      return new CredentialError(
        `${what}: AWS cannot decrypt the secret${said}`,
        `Check that its KMS key is enabled, and allow kms:Decrypt on that key besides ${action}.`,
      );
    case 'UnrecognizedClientException':
    case 'InvalidClientTokenId':
    case 'InvalidAccessKeyId':
    case 'MissingAuthenticationToken':
    case 'MissingAuthenticationTokenException':
      if (isStaleSession(keys)) return staleSession(what, said);
      return new CredentialError(
        `${what}: AWS does not know the access key${said}`,
        'AWS_ACCESS_KEY_ID is wrong, inactive or deleted: put an active key of the IAM user into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
      );
    case 'InvalidSignatureException':
    case 'SignatureDoesNotMatch':
    case 'IncompleteSignature':
    case 'IncompleteSignatureException':
      if (/not yet current|signature expired|is now (?:earlier|later) than/i.test(message))
        return wrongTime(what, said);
      if (/scoped to a valid region|scoped to correct service|valid region/i.test(message)) {
        return new ConfigError(
          `${what}: AWS was asked in another region than its address belongs to${said}`,
          'Correct AWS_REGION, or unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SECRETS_MANAGER.',
        );
      }
      if (isStaleSession(keys)) return staleSession(what, said);
      return new CredentialError(
        `${what}: the signature does not fit the access key${said}`,
        'AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID (or the clock of this machine is wrong): set both again.',
      );
    case 'RequestExpired':
    case 'RequestTimeTooSkewed':
    case 'RequestInTheFuture':
      return wrongTime(what, said);
    case 'ExpiredTokenException':
    case 'ExpiredToken':
      if (isStaleSession(keys)) return staleSession(what, said);
      return new CredentialError(
        `${what}: the AWS session has expired${said}`,
        'Get new temporary keys and set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN again.',
      );
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return new ConfigError(
        `${what}: no AWS credentials could be loaded`,
        'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and no AWS_PROFILE, or correct the source of credentials that is named.',
      );
    case 'Throttling':
    case 'ThrottlingException':
    case 'ThrottledException':
    case 'RequestThrottled':
    case 'RequestThrottledException':
    case 'TooManyRequestsException':
    case 'RequestLimitExceeded':
    case 'ProvisionedThroughputExceededException':
    case 'PriorRequestNotComplete':
    case 'BandwidthLimitExceeded':
    case 'TransactionInProgressException':
    case 'SlowDown':
      return new UnavailableError(
        `${what}: AWS is throttling requests`,
        'Nothing to do unless it lasts: the next run tries again.',
      );
    default:
      return otherwise(error, what, said);
  }
}

function kmsKeyUnusable(what: string, said: string): SecretStateError {
  return new SecretStateError(
    `${what}: the secret's KMS key cannot be used${said}`,
    'Enable that key, or cancel its deletion, in the AWS console (KMS → Customer managed keys), or let the secret use another key.',
  );
}

/** A source of AWS credentials needs what the process may not do. */
function locked(what: string, error: unknown): ConfigError {
  const { permission, resource } = error as { permission?: string; resource?: string };
  return permission === 'FileSystemRead'
    ? new ConfigError(
        `${what}: the AWS credentials are in ${resource || 'a file'}, which the process may not read`,
        "Put the file into the app's folder, or add --allow-fs-read=<folder> to the command in the Procfile.",
      )
    : new ConfigError(
        `${what}: the AWS credentials come from another program, which the process may not start`,
        'Name another source, or add --allow-child-process to the command in the Procfile.',
      );
}

/** AWS_SESSION_TOKEN beside a long-lived key, which has none: it is left over from temporary keys. */
function isStaleSession(keys: SecretAddress['keys']): boolean {
  return keys !== undefined && 'accessKeyId' in keys && keys.accessKeyId.startsWith('AKIA') && !!keys.sessionToken;
}

function staleSession(what: string, said: string): CredentialError {
  return new CredentialError(
    `${what}: AWS_SESSION_TOKEN is set, but the key in AWS_ACCESS_KEY_ID is a long-lived one (AKIA…), which has no session${said}`,
    'Unset AWS_SESSION_TOKEN (`heroku config:unset AWS_SESSION_TOKEN`; on a laptop: unset AWS_SESSION_TOKEN), or set the three variables of the temporary keys again.',
  );
}

function wrongTime(what: string, said: string): CredentialError {
  return new CredentialError(
    `${what}: AWS rejects the time of the request; this machine's clock says ${new Date().toISOString()}${said}`,
    'Set the clock of this machine (NTP); on Heroku, run again: the next dyno is another machine.',
  );
}

/** AWS refused for a reason of its own, failed, or could not be reached. Throws what is a bug. */
function otherwise(error: unknown, what: string, said: string): JobError {
  const { name } = (error ?? {}) as { name?: unknown };
  const status = statusOf(error);
  const code = serverCode(name) ?? 'an unknown code';
  const away = (reason: string) =>
    new UnavailableError(
      `${what}: AWS could not be reached or failed (${reason})`,
      'Nothing to do unless it lasts: the next run tries again. If it lasts, check AWS_REGION.',
    );
  if (status === 407) return wantsProxyLogin(what);
  if (isPage(error) && (status === undefined || status < 500)) {
    return new ConfigError(
      `${what}: a page came instead of an answer`,
      'A firewall or a login page may have sent it: check the network of this machine, and AWS_REGION.',
    );
  }
  if (status !== undefined && status >= 300 && status < 500 && ![408, 429].includes(status)) {
    const isForeign = isUnreadable(error) || status < 400;
    const refused = `${what}: AWS refused the request (${isForeign ? `status ${status}` : code})${isForeign ? '' : said}`;
    const remedy = isForeign
      ? 'The answer is not in the format of AWS. A firewall or a login page may have sent it; also check AWS_REGION.'
      : "Look the reason up in AWS's list of common errors; check the AWS keys and GMAIL_SECRET_ID.";
    return status === 403 && !isForeign ? new CredentialError(refused, remedy) : new ConfigError(refused, remedy);
  }
  if (isUnreadable(error)) return away('the answer cannot be read');
  if (name === 'TimeoutError') return away(passingFailure(error) ?? 'no answer in time');
  if (status !== undefined && status !== 200) return away(code === 'Error' ? `status ${status}` : code);
  const failure = judgeFailure(error, what);
  return failure instanceof ConfigError ? failure : away(failure);
}

/** Whether the SDK could make nothing of the answer: no JSON, or JSON that is nested deeper than the stack allows. */
function isUnreadable(error: unknown): boolean {
  if (error instanceof SyntaxError || error instanceof RangeError) return true;
  return error instanceof TypeError && '$response' in error;
}

/** The SDK has consumed the body, so the parser's words are all that is left of it. */
function isPage(error: unknown): boolean {
  return error instanceof SyntaxError && /^Unexpected token '<', "\s*</.test(error.message);
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}
