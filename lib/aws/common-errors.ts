/**
 * The errors that all AWS services share, each as a cause and a remedy: keys, signature, clock, region, denials, throttling,
 * the network. A service's own errors are in the service's own file.
 */
import { SET_CLOCK } from '../base/clock.ts';
import {
  FOREIGN_ANSWER,
  judgeFailure,
  passingFailure,
  proxyLoginError,
  TRY_NEXT_RUN,
} from '../base/network-failure.ts';
import { serverCode, serverWords } from '../base/server-words.ts';
import { ConfigError, CredentialError, egressBehind, type JobError, UnavailableError } from '../errors.ts';
import type { AwsKeys, ContainerToken } from './keys.ts';

/** The subject of a request, as messages and remedies name it. */
export interface AwsResource {
  /** `AWS Secrets Manager`. */
  readonly service: string;
  /** How IAM's names of the service's actions begin: `secretsmanager`. */
  readonly actionPrefix: string;
  /** `secret`. */
  readonly kind: string;
  readonly name: string;
  /** The resource's ARN, or a pattern for it, as a policy names it. */
  readonly arn: string;
  readonly region: string;
  /** Where the region stands, as messages name it: AWS_REGION when left out. */
  readonly regionSource?: string;
  /** Undefined for the SDK's default chain. */
  readonly keys: AwsKeys | ContainerToken | undefined;
  /** The variable that names the resource: `GMAIL_SECRET_ID`. */
  readonly nameVariable: string;
  /** The variable that replaces the service's address: `AWS_ENDPOINT_URL_SECRETS_MANAGER`. */
  readonly endpointVariable: string;
  /** The service's own errors; undefined for a common one. */
  readonly explain: (refusal: AwsRefusal) => JobError | undefined;
}

/** An error of AWS, with the parts of which messages are made. */
export interface AwsRefusal {
  readonly name: string;
  /** AWS's text: for pattern matching, never to be shown. */
  readonly message: string;
  /** How a message begins: service, region and resource. */
  readonly what: string;
  /** How a message ends: `; AWS says: …` with the presentable words of AWS's text, or ''. */
  readonly said: string;
  /** The action that was asked for: `secretsmanager:GetSecretValue`. */
  readonly action: string;
  /** The error of the SDK. */
  readonly error: unknown;
}

/** AWS's names for each common cause: one cause has several names, by service and protocol. */
const NAMES = {
  away: [
    ...['InternalFailure', 'InternalServiceError', 'InternalServiceErrorException', 'InternalServerError'],
    ...['InternalServerException', 'ServiceUnavailable', 'ServiceUnavailableException'],
    ...['KMSInternalException', 'DependencyTimeoutException', 'KeyUnavailableException'],
    ...['InternalError', 'RequestTimeout'],
  ],
  throttled: [
    ...['Throttling', 'ThrottlingException', 'ThrottledException', 'RequestThrottled', 'RequestThrottledException'],
    ...['TooManyRequestsException', 'RequestLimitExceeded', 'ProvisionedThroughputExceededException'],
    ...['PriorRequestNotComplete', 'BandwidthLimitExceeded', 'TransactionInProgressException', 'SlowDown'],
  ],
  wrongTime: ['RequestExpired', 'RequestTimeTooSkewed', 'RequestInTheFuture'],
  denied: ['AccessDeniedException', 'AccessDenied'],
  unknownKey: [
    ...['UnrecognizedClientException', 'InvalidClientTokenId', 'InvalidAccessKeyId'],
    ...['MissingAuthenticationToken', 'MissingAuthenticationTokenException'],
  ],
  wrongSignature: [
    ...['InvalidSignatureException', 'SignatureDoesNotMatch', 'IncompleteSignature', 'IncompleteSignatureException'],
  ],
  expiredSession: ['ExpiredTokenException', 'ExpiredToken', 'InvalidToken'],
  noCredentials: ['CredentialsProviderError', 'TokenProviderError'],
};
type Cause = keyof typeof NAMES;

/**
 * AWS's error as one of ours. Matched by name, since the SDK has no classes for most of these. Sources of the names:
 * docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html and the API pages of each service.
 * @throws Error, as a bug, for an unknown failure.
 */
export function explainAwsError(error: unknown, verb: string, resource: AwsResource): JobError {
  const refused = egressBehind(error);
  if (refused !== undefined) return refused;
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: '' };
  const { service, region, regionSource = 'AWS_REGION', kind, keys } = resource;
  const what = `${service} (${region}), ${kind} ${resource.name}`;
  const words = serverWords(message);
  const said = words === '' ? '' : `; AWS says: ${words}`;
  if ((error as NodeJS.ErrnoException | null)?.code === 'ERR_ACCESS_DENIED') return lockedSource(what, error);
  const refusal: AwsRefusal = { name, message, what, said, action: `${resource.actionPrefix}:${verb}`, error };
  const own = resource.explain(refusal);
  if (own !== undefined) return own;
  const cause = (Object.keys(NAMES) as Cause[]).find((one) => NAMES[one].includes(name));
  switch (cause) {
    case 'away':
      return away(what, name, regionSource);
    case 'throttled':
      return new UnavailableError(`${what}: AWS is throttling requests`, TRY_NEXT_RUN);
    case 'wrongTime':
      return wrongTime(refusal);
    case 'denied':
      if (/\baccount\b.*\b(?:suspended|closed|blocked|on hold)\b/i.test(message)) {
        return new CredentialError(
          `${what}: the AWS account may not be used${said}`,
          'Sign in to the AWS account as its owner and look at its billing and its messages, or write to AWS Support.',
        );
      }
      return denied(refusal, resource);
    case 'unknownKey':
      if (isStaleSession(keys)) return staleSession(refusal);
      return new CredentialError(
        `${what}: AWS does not know the access key${said}`,
        'AWS_ACCESS_KEY_ID is wrong, inactive or deleted: put an active key of the IAM user into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
      );
    case 'wrongSignature':
      if (/not yet current|signature expired|is now (?:earlier|later) than/i.test(message)) return wrongTime(refusal);
      if (/scoped to a valid region|scoped to correct service|valid region/i.test(message)) {
        return new ConfigError(
          `${what}: the address of the request belongs to another region than ${regionSource}${said}`,
          `Correct ${regionSource}, or unset AWS_ENDPOINT_URL and ${resource.endpointVariable}.`,
        );
      }
      if (isStaleSession(keys)) return staleSession(refusal);
      return new CredentialError(
        `${what}: the signature does not fit the access key${said}`,
        'AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID (or the clock of this machine is wrong): set both again.',
      );
    case 'expiredSession':
      if (isStaleSession(keys)) return staleSession(refusal);
      return new CredentialError(
        `${what}: the AWS session has expired${said}`,
        'Get new temporary keys and set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN again.',
      );
    case 'noCredentials':
      return new ConfigError(
        `${what}: no AWS credentials could be loaded`,
        'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and no AWS_PROFILE, or correct the source of credentials that is named.',
      );
    case undefined:
      return otherError(error, refusal, resource);
  }
}

/** Whether the SDK could not read the answer: no JSON, or JSON that is nested deeper than the stack allows. */
export function isUnreadable(error: unknown): boolean {
  if (error instanceof SyntaxError || error instanceof RangeError) return true;
  return error instanceof TypeError && '$response' in error;
}

/** The HTTP status of the answer behind `error`. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

function away(what: string, reason: string, regionSource: string): UnavailableError {
  return new UnavailableError(
    `${what}: AWS could not be reached or failed (${reason})`,
    `${TRY_NEXT_RUN} If it lasts, check ${regionSource}.`,
  );
}

/** An error whose name is not known: judged by status and content, or as a failure of the network. */
function otherError(error: unknown, { what, said }: AwsRefusal, resource: AwsResource): JobError {
  const { nameVariable, regionSource = 'AWS_REGION' } = resource;
  const { name } = (error ?? {}) as { name?: unknown };
  const status = statusOf(error);
  const code = serverCode(name) ?? 'an unknown code';
  if (status === 407) return proxyLoginError(what);
  const broken = passingFailure(error);
  // An answer whose body breaks off has a status all the same.
  if (broken !== undefined) return away(what, broken, regionSource);
  if (isPage(error) && (status === undefined || status < 500)) {
    return new ConfigError(
      `${what}: a page came instead of an answer`,
      `${FOREIGN_ANSWER} Also check ${regionSource}.`,
    );
  }
  if (status !== undefined && status >= 300 && status < 500 && ![408, 429].includes(status)) {
    if (isUnreadable(error) || status < 400) {
      return new ConfigError(
        `${what}: AWS refused the request (status ${status})`,
        `${FOREIGN_ANSWER} Also check ${regionSource}.`,
      );
    }
    const Kind = status === 403 ? CredentialError : ConfigError;
    return new Kind(
      `${what}: AWS refused the request (${code})${said}`,
      `Look the reason up in AWS's list of common errors; check the AWS keys and ${nameVariable}.`,
    );
  }
  if (isUnreadable(error)) return away(what, 'the answer cannot be read', regionSource);
  if (name === 'TimeoutError') return away(what, passingFailure(error) ?? 'no answer in time', regionSource);
  if (status !== undefined && status !== 200)
    return away(what, code === 'Error' ? `status ${status}` : code, regionSource);
  const failure = judgeFailure(error, what);
  return failure instanceof ConfigError ? failure : away(what, failure, regionSource);
}

/** The SDK has consumed the body: only the message of JSON's parser tells how the body began. */
function isPage(error: unknown): boolean {
  return error instanceof SyntaxError && /^Unexpected token '<', "\s*</.test(error.message);
}

/** A source of AWS credentials needs a file or program that `--permission` keeps from the process. */
function lockedSource(what: string, error: unknown): ConfigError {
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

/** Whether AWS_SESSION_TOKEN stands beside a long-lived key, which has none: it is left over from temporary keys. */
function isStaleSession(keys: AwsResource['keys']): boolean {
  return keys !== undefined && 'accessKeyId' in keys && keys.accessKeyId.startsWith('AKIA') && !!keys.sessionToken;
}

function staleSession({ what, said }: AwsRefusal): CredentialError {
  return new CredentialError(
    `${what}: AWS_SESSION_TOKEN is set, but the key in AWS_ACCESS_KEY_ID is a long-lived one (AKIA…), which has no session${said}`,
    'Unset AWS_SESSION_TOKEN (`heroku config:unset AWS_SESSION_TOKEN`; on a laptop: unset AWS_SESSION_TOKEN), or set the three variables of the temporary keys again.',
  );
}

function wrongTime({ what, said }: AwsRefusal): CredentialError {
  return new CredentialError(
    `${what}: AWS rejects the time of the request; this machine's clock says ${new Date().toISOString()}${said}`,
    SET_CLOCK,
  );
}

const USER = /\bUser: (arn:aws[a-z-]*:(?:iam|sts)::\d{12}:[\w+=,.@/-]{1,256}) is not authorized/;
const RESOURCE = /\bon resource: (arn:aws[a-z-]*:[a-z]+:[a-z0-9-]*:\d{12}:[\w+=,.@/:-]{1,600})/;

/** Source: docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html. */
const EXPLICIT_DENY = /\bwith an explicit deny in (?:an? |the )?([A-Za-z -]{3,50}?)(?=$|[.:;,(]|\s*arn:)/;
const NO_ALLOW = /\bbecause no ([A-Za-z -]{3,50}?) allows\b/;

/** The error for a denied action: names the policy, the action and the user, and where to allow the action. */
function denied(
  { what, message, said, action: requested }: AwsRefusal,
  { arn, kind, actionPrefix }: AwsResource,
): CredentialError {
  // One request may need several actions, such as TagResource or kms:GenerateDataKey beside CreateSecret.
  const action = /\bto perform: ([a-z0-9-]{1,30}:\w{1,60})/i.exec(message)?.[1] ?? requested;
  const denying = EXPLICIT_DENY.exec(message)?.[1];
  const silent = NO_ALLOW.exec(message)?.[1];
  const who = USER.exec(message)?.[1] ?? 'the user that the AWS keys belong to';
  const isKms = actionPrefix !== 'kms' && /\bKMS\b|kms:/i.test(message);
  if (denying !== undefined) {
    return new CredentialError(
      `${what}: access denied${isKms ? ` to the ${kind}'s KMS key` : ''}, by an explicit deny (${denying})${said}`,
      `A policy that allows ${action} does not override it: have the deny removed from that ${denying}, or its conditions met, for ${who}.`,
    );
  }
  if (isKms) {
    return new CredentialError(
      `${what}: access to the ${kind}'s KMS key is denied${said}`,
      `Allow ${action === requested ? 'kms:Decrypt' : action} on ${RESOURCE.exec(message)?.[1] ?? 'that key'}, in addition to ${requested}.`,
    );
  }
  // An identity-based policy is the usual place; a boundary or an organization's policy limits what it allows.
  const where = silent === undefined || /identity/.test(silent) ? '' : ` in the ${silent}`;
  return new CredentialError(
    `${what}: access denied${said}`,
    `Allow the IAM action ${action} on ${RESOURCE.exec(message)?.[1] ?? arn} for ${who}${where}.`,
  );
}
