/** Fetches one version of the secret from AWS Secrets Manager, anew on every call, and proves its shape. */
import {
  GetSecretValueCommand,
  type GetSecretValueCommandOutput,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import { ConfigError, CredentialError, type JobError, UnavailableError } from '../errors.ts';
import { MIN_SECRET_LENGTH } from '../redact.ts';

/** A user's credentials in the format that Google's own tools write and read. */
export interface AuthorizedUser {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  /** The mailbox that the token must belong to, when the secret says so. */
  readonly email: string | undefined;
}

export type Stage = 'AWSCURRENT' | 'AWSPREVIOUS';

export interface FetchedSecret {
  readonly versionId: string;
  /** When this version was put into AWS; undefined when AWS does not say. */
  readonly createdAt: Date | undefined;
  /** The proven credentials, or what is wrong with the value. */
  readonly credentials: AuthorizedUser | ConfigError;
}

/** Fetches the secret's version of a stage; null when the secret has none of that stage. */
export type FetchSecret = (stage: Stage, signal: AbortSignal) => Promise<FetchedSecret | null>;

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** Attempts when AWS's answer cannot be read. */
const MAX_UNREADABLE = 4;

/** Keys of the secret whose values are no secrets. */
const PUBLIC_KEYS = new Set(['type', 'client_id', 'email', 'project_id', 'auth_uri', 'token_uri', 'universe_domain']);

/**
 * A way to fetch the secret `secretId`. Everything in it is given to `hide` before it is looked at.
 * The fetch throws ConfigError, CredentialError or UnavailableError for what AWS refuses; source of the error names:
 * docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html and CommonErrors.html.
 */
export function createSecretFetcher(options: {
  secretId: string;
  region: string;
  hide: (secret: string) => void;
}): FetchSecret {
  const { secretId, region, hide } = options;
  const client = new SecretsManagerClient({
    region,
    maxAttempts: 4,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });
  /** Sends the request; an answer that is cut off or no JSON is asked for again, which the SDK does not do by itself. */
  const fetchOnce = async (stage: Stage, signal: AbortSignal, attempt = 1): Promise<GetSecretValueCommandOutput> => {
    try {
      const command = new GetSecretValueCommand({ SecretId: secretId, VersionStage: stage });
      return await client.send(command, { abortSignal: signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof SyntaxError && attempt < MAX_UNREADABLE) return fetchOnce(stage, signal, attempt + 1);
      throw error;
    }
  };
  return async (stage, signal) => {
    let answer: GetSecretValueCommandOutput;
    try {
      answer = await fetchOnce(stage, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isMissingStage(error)) return null;
      throw explain(error, secretId, region);
    }
    const credentials = readValue(answer, secretId, hide);
    return { versionId: answer.VersionId ?? 'unknown', createdAt: answer.CreatedDate, credentials };
  };
}

function readValue(answer: GetSecretValueCommandOutput, secretId: string, hide: (secret: string) => void) {
  const text = answer.SecretString ?? Buffer.from(answer.SecretBinary ?? []).toString();
  const value = parsePasted(text);
  if (value === undefined) {
    hide(text);
    return wrongShape(secretId, text.trim() === '' ? 'is empty' : 'is not JSON');
  }
  hideStrings(value, '', hide);
  return proveShape(value, secretId);
}

/** The JSON value in `text`, also when it was pasted with quotes around it; undefined when there is none. */
function parsePasted(text: string): unknown {
  for (const candidate of [text, unwrap(text)]) {
    try {
      const value: unknown = JSON.parse(candidate);
      return typeof value === 'string' ? JSON.parse(value) : value;
    } catch {
      // Try the next reading; what no reading fits is reported by the caller, without the parser's quote of the text.
    }
  }
  return undefined;
}

function hideStrings(value: unknown, key: string, hide: (secret: string) => void): void {
  if (typeof value === 'string') {
    if (PUBLIC_KEYS.has(key)) return;
    hide(value);
    hide(unwrap(value));
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) hideStrings(inner, name, hide);
  }
}

/** `text` without the spaces, newlines and quotes that pasting adds around a value. */
export function unwrap(text: string): string {
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  const quoted = /^(["'“”‘’`])([\s\S]*)(["'“”‘’`])$/.exec(trimmed);
  return quoted === null ? trimmed : unwrap(quoted[2] ?? '');
}

const pastedString = v.pipe(v.string('must be a string'), v.transform(unwrap), v.nonEmpty('is empty'));
const credential = v.pipe(
  pastedString,
  v.minLength(MIN_SECRET_LENGTH, `is shorter than ${MIN_SECRET_LENGTH} characters`),
  v.regex(/^[\x21-\x7e]+$/, 'holds characters that no credential has (spaces, line breaks, letters beyond ASCII)'),
);
const authorizedUser = v.object(
  {
    type: v.optional(v.pipe(pastedString, v.literal('authorized_user', 'must be "authorized_user"'))),
    client_id: pastedString,
    client_secret: credential,
    refresh_token: credential,
    email: v.optional(v.pipe(pastedString, v.regex(/^[^\s@]+@[^\s@]+$/, 'is no mail address'))),
  },
  'must be a JSON object',
);

function proveShape(value: unknown, secretId: string): AuthorizedUser | ConfigError {
  const result = v.safeParse(authorizedUser, value, { abortPipeEarly: true });
  if (!result.success) {
    const problems = result.issues.map((issue) => {
      const key = v.getDotPath(issue);
      // Never issue.message of the library's own: those quote the value.
      return key === null ? 'must be a JSON object' : `${key} ${isMissing(issue) ? 'is missing' : ownMessage(issue)}`;
    });
    return wrongShape(secretId, problems.join(', '));
  }
  const { client_id, client_secret, refresh_token, email } = result.output;
  return { clientId: client_id, clientSecret: client_secret, refreshToken: refresh_token, email };
}

function isMissing(issue: v.BaseIssue<unknown>): boolean {
  return issue.input === undefined;
}

function ownMessage(issue: v.BaseIssue<unknown>): string {
  return issue.message.startsWith('Invalid') ? 'is not valid' : issue.message;
}

function wrongShape(secretId: string, problem: string): ConfigError {
  return new ConfigError(
    `secret ${secretId}: ${problem}`,
    'Its value must be {"type":"authorized_user","client_id":"…","client_secret":"…","refresh_token":"…"} (and "email", if you like): correct it in the AWS console (Retrieve secret value → Edit).',
  );
}

function isMissingStage(error: unknown): boolean {
  return error instanceof Error && error.name === 'ResourceNotFoundException' && /staging label/i.test(error.message);
}

const ACTION = 'secretsmanager:GetSecretValue';

/** AWS's error as one of ours. Matched by name, since most of these are not modelled as classes by the SDK. */
function explain(error: unknown, secretId: string, region: string): JobError {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: '' };
  const what = `AWS Secrets Manager (${region}), secret ${secretId}`;
  switch (name) {
    case 'ResourceNotFoundException':
      return new ConfigError(
        `${what}: there is no such secret`,
        `Check GMAIL_SECRET_ID and AWS_REGION, or create the secret in ${region}.`,
      );
    case 'InvalidRequestException':
      if (/delet/i.test(message)) {
        return new ConfigError(
          `${what}: the secret is scheduled for deletion`,
          'Cancel the deletion in the AWS console (Secrets Manager → the secret → Cancel deletion).',
        );
      }
      return new ConfigError(
        `${what}: the request is not valid for this secret`,
        'Look at the secret in the AWS console; it may be owned by another service or be in rotation.',
      );
    case 'InvalidParameterException':
    case 'ValidationException':
      return new ConfigError(
        `${what}: AWS does not accept the secret's name`,
        'Check GMAIL_SECRET_ID: it must be the name or the ARN of a secret.',
      );
    case 'AccessDeniedException':
      return denied(what, message, secretId);
    case 'DecryptionFailure':
      return new CredentialError(
        `${what}: AWS cannot decrypt the secret`,
        `Check that its KMS key is enabled, and allow kms:Decrypt on that key besides ${ACTION}.`,
      );
    case 'UnrecognizedClientException':
    case 'InvalidClientTokenId':
    case 'InvalidAccessKeyId':
      return new CredentialError(
        `${what}: AWS does not know the access key`,
        'AWS_ACCESS_KEY_ID is wrong, inactive or deleted: put an active key of the IAM user into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
      );
    case 'InvalidSignatureException':
    case 'SignatureDoesNotMatch':
    case 'IncompleteSignature':
    case 'IncompleteSignatureException':
      return new CredentialError(
        `${what}: the signature does not fit the access key`,
        'AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID (or the clock of this machine is wrong): set both again.',
      );
    case 'ExpiredTokenException':
    case 'ExpiredToken':
    case 'RequestExpired':
      return new CredentialError(
        `${what}: the AWS session has expired`,
        'Get new temporary keys and set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN again.',
      );
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return new ConfigError(
        `${what}: no AWS credentials could be loaded`,
        'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or correct the source of credentials that is configured.',
      );
    case 'ThrottlingException':
    case 'TooManyRequestsException':
    case 'RequestLimitExceeded':
      return new UnavailableError(
        `${what}: AWS is throttling requests`,
        'Nothing to do unless it lasts: the next run tries again.',
      );
    default:
      return unreachable(error, what);
  }
}

function denied(what: string, message: string, secretId: string): CredentialError {
  if (/\bKMS\b|kms:/i.test(message)) {
    return new CredentialError(
      `${what}: access to the secret's KMS key is denied`,
      `Allow kms:Decrypt on that key besides ${ACTION}.`,
    );
  }
  const resource = /\bon resource: (arn:\S+)/.exec(message)?.[1];
  const arn =
    resource ?? (secretId.startsWith('arn:') ? secretId : `arn:aws:secretsmanager:*:*:secret:${secretId}-??????`);
  return new CredentialError(
    `${what}: access denied`,
    `Allow the IAM action ${ACTION} on ${arn} for the user that the AWS keys belong to.`,
  );
}

function unreachable(error: unknown, what: string): UnavailableError {
  const { name = 'Error', code } = (error ?? {}) as { name?: string; code?: string };
  const status = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
  const reason = code ?? (name === 'Error' ? (status === undefined ? 'no usable answer' : `status ${status}`) : name);
  return new UnavailableError(
    `${what}: AWS could not be reached or failed (${reason})`,
    'Nothing to do unless it lasts: the next run tries again. If it lasts, check AWS_REGION.',
  );
}
