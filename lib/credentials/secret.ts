/** Fetches one version of the secret from AWS Secrets Manager, anew on every call, and proves its shape. */
import { GetSecretValueCommand, type GetSecretValueCommandOutput } from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import { ConfigError } from '../errors.ts';
import { MIN_SECRET_LENGTH } from '../redact.ts';
import { connectToAws, type SecretAddress } from './aws.ts';

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

/** Keys of the secret whose values are no secrets. */
const PUBLIC_KEYS = new Set(['type', 'client_id', 'email', 'project_id', 'auth_uri', 'token_uri', 'universe_domain']);

/**
 * A way to fetch the secret at `address`. Everything in it is given to `hide` before it is looked at.
 * The fetch throws ConfigError, CredentialError or UnavailableError for what AWS refuses.
 */
export function createSecretFetcher(address: SecretAddress, hide: (secret: string) => void): FetchSecret {
  const sendToAws = connectToAws(address);
  return async (stage, signal) => {
    const command = new GetSecretValueCommand({ SecretId: address.secretId, VersionStage: stage });
    const answer = await sendToAws(
      'GetSecretValue',
      (client, options) =>
        client.send(command, options).catch((error: unknown) => {
          if (isMissingStage(error)) return null;
          throw error;
        }),
      signal,
    );
    if (answer === null) return null;
    const credentials = readValue(answer, address.secretId, hide);
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
