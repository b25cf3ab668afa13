/** The secret's value: parsed as it was pasted, given to the redactor, and proven to be credentials of a known kind. */
import { KeyObject } from 'node:crypto';
import * as v from 'valibot';
import { ConfigError } from '../errors.ts';
import { MIN_SECRET_LENGTH } from '../redact.ts';
import { isPem, readPrivateKey, secretLines } from './private-key.ts';

/** A user's credentials in the format that Google's own tools write and read. */
export interface AuthorizedUser {
  readonly type: 'authorized_user';
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  /** The mailbox that the token must belong to, when the secret says so. */
  readonly email: string | undefined;
}

/** The key of a service account that a Workspace lets act as any of its users, and the user that it acts as. */
export interface ServiceAccount {
  readonly type: 'service_account';
  /** The service account's own address. */
  readonly clientEmail: string;
  /** Its number, by which the Admin console knows it; undefined when the secret has none that is a number. */
  readonly clientId: string | undefined;
  readonly privateKey: KeyObject;
  readonly privateKeyId: string | undefined;
  /** The address of the mailbox. */
  readonly subject: string;
}

export type Credentials = AuthorizedUser | ServiceAccount;

/** The address that the mailbox must have, when the secret says so. */
export function mailboxOf(credentials: Credentials): string | undefined {
  return credentials.type === 'service_account' ? credentials.subject : credentials.email;
}

/** Keys of the secret whose values are no secrets. */
const PUBLIC_KEYS = new Set([
  'type',
  'client_id',
  'email',
  'client_email',
  'subject',
  'project_id',
  'auth_uri',
  'token_uri',
  'auth_provider_x509_cert_url',
  'client_x509_cert_url',
  'universe_domain',
  'scope',
  'scopes',
  'account',
  'expiry',
  'quota_project_id',
]);

/** The credentials in `text`, or what is wrong with it. Everything secret in it is given to `hide` before anything else. */
export function readCredentials(
  text: string,
  secretId: string,
  hide: (secret: string) => void,
): Credentials | ConfigError {
  const value = parsePasted(text);
  if (value === undefined) {
    hideWords(text, hide);
    const shape = isPem(text) || text.includes('service_account') ? SERVICE_ACCOUNT_SHAPE : USER_SHAPE;
    return wrongShape(secretId, text.trim() === '' ? 'is empty' : 'is not JSON', shape);
  }
  hideStrings(value, '', hide);
  return isServiceAccount(value) ? proveServiceAccount(value, secretId) : proveUser(value, secretId);
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
    if (!isPem(value) && (PUBLIC_KEYS.has(key) || !mayBeCredential(key, value))) return;
    for (const secret of isPem(value) ? secretLines(value) : [value, unwrap(value)]) hide(secret);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) hideStrings(inner, name, hide);
  }
}

/**
 * Whether a value may be a credential: by its key's name, or because it looks made by a machine. Dates, addresses, links
 * and plain words that somebody noted beside the credentials would otherwise be cut out of the log.
 */
function mayBeCredential(key: string, value: string): boolean {
  if (/secret|token|key|password|credential|assertion|code/i.test(key)) return true;
  const plain = /^\w+:\/\/|^[^\s@]+@[^\s@]+$|^\d{4}-\d{2}-\d{2}/.test(value.trim());
  return !plain && /^(?=.*\d)(?=.*[a-z])\S{16,}$/i.test(unwrap(value));
}

/** Hides a text that is no JSON word by word, but those words that the remedy for it consists of. */
function hideWords(text: string, hide: (secret: string) => void): void {
  const known = [...Object.keys(authorizedUser.entries), ...Object.keys(serviceAccount.entries), ...TYPES];
  for (const word of text.split(/[\s\\"'“”‘’`,:{}[\]]+/)) if (!known.includes(word)) hide(word);
}

/** `text` without the spaces, newlines and quotes that pasting adds around a value. */
function unwrap(text: string): string {
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  const quoted = /^(["'“”‘’`])([\s\S]*)(["'“”‘’`])$/.exec(trimmed);
  return quoted === null ? trimmed : unwrap(quoted[2] ?? '');
}

const TYPES = ['authorized_user', 'service_account'];

const pastedString = v.pipe(v.string('must be a string'), v.transform(unwrap), v.nonEmpty('is empty'));
const mailAddress = v.pipe(pastedString, v.regex(/^[^\s@]+@[^\s@]+$/, 'is no mail address'));
/** The console's key/value form leaves a row that was emptied. */
const optionalMailAddress = v.pipe(
  v.string('must be a string'),
  v.transform((text) => unwrap(text) || undefined),
  v.optional(mailAddress),
);
const credential = v.pipe(
  pastedString,
  v.minLength(MIN_SECRET_LENGTH, `is shorter than ${MIN_SECRET_LENGTH} characters`),
  v.regex(/^[\x21-\x7e]+$/, 'holds characters that no credential has (spaces, line breaks, letters beyond ASCII)'),
);
const authorizedUser = v.object({
  type: v.optional(
    v.pipe(pastedString, v.literal('authorized_user', 'must be "authorized_user" or "service_account"')),
  ),
  client_id: pastedString,
  client_secret: credential,
  refresh_token: credential,
  email: v.optional(optionalMailAddress),
});
const privateKey = v.pipe(
  pastedString,
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const key = readPrivateKey(dataset.value);
    if (key instanceof KeyObject) return key;
    addIssue({ message: key });
    return NEVER;
  }),
);
const serviceAccount = v.object({
  client_email: mailAddress,
  client_id: v.optional(pastedString),
  private_key: privateKey,
  private_key_id: v.optional(pastedString),
  subject: mailAddress,
});

/** The console's key file says what it is; a key without a refresh token can be nothing else. */
function isServiceAccount(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { type, private_key, refresh_token } = value as Record<string, unknown>;
  if (type === undefined) return private_key !== undefined && refresh_token === undefined;
  return typeof type === 'string' && unwrap(type) === 'service_account';
}

function proveUser(value: unknown, secretId: string): AuthorizedUser | ConfigError {
  const result = v.safeParse(authorizedUser, value, { abortPipeEarly: true });
  if (!result.success) return wrongShape(secretId, describe(result.issues), USER_SHAPE);
  const { client_id, client_secret, refresh_token, email } = result.output;
  return {
    type: 'authorized_user',
    clientId: client_id,
    clientSecret: client_secret,
    refreshToken: refresh_token,
    email,
  };
}

function proveServiceAccount(value: unknown, secretId: string): ServiceAccount | ConfigError {
  const result = v.safeParse(serviceAccount, value, { abortPipeEarly: true });
  if (!result.success) return wrongShape(secretId, describe(result.issues), SERVICE_ACCOUNT_SHAPE);
  const { client_email, client_id, private_key, private_key_id, subject } = result.output;
  if (subject.toLowerCase() === client_email.toLowerCase()) {
    const problem = 'subject is the service account itself, which has no mailbox';
    return wrongShape(secretId, problem, SERVICE_ACCOUNT_SHAPE);
  }
  return {
    type: 'service_account',
    clientEmail: client_email,
    clientId: /^\d+$/.test(client_id ?? '') ? client_id : undefined,
    privateKey: private_key,
    privateKeyId: private_key_id,
    subject,
  };
}

function describe(issues: readonly v.BaseIssue<unknown>[]): string {
  const problems = issues.map((issue) => {
    const key = v.getDotPath(issue);
    // Never issue.message of the library's own: those quote the value.
    return key === null ? 'must be a JSON object' : `${key} ${isMissing(issue) ? 'is missing' : ownMessage(issue)}`;
  });
  return problems.join(', ');
}

function isMissing(issue: v.BaseIssue<unknown>): boolean {
  return issue.input === undefined;
}

function ownMessage(issue: v.BaseIssue<unknown>): string {
  return issue.message.startsWith('Invalid') ? 'is not valid' : issue.message;
}

const USER_SHAPE =
  'Its value must be {"type":"authorized_user","client_id":"…","client_secret":"…","refresh_token":"…"} (and "email", if you like)';
const SERVICE_ACCOUNT_SHAPE =
  'Its value must be the JSON key file that the Cloud console gave for the service account, with "subject":"…" added (the address of the mailbox that it acts as)';

function wrongShape(secretId: string, problem: string, shape: string): ConfigError {
  return new ConfigError(
    `secret ${secretId}: ${problem}`,
    `${shape}: correct it in the AWS console (Retrieve secret value → Edit).`,
  );
}
