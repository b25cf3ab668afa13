/**
 * The shape of the secret's value: a user's credentials or a service account's key. Everything secret in the value goes to
 * the redactor before anything else.
 */
import { createPrivateKey, createPublicKey, KeyObject, subtle } from 'node:crypto';
import * as v from 'valibot';
import { CREDENTIAL_NAMES, credentialKind, oddCharacter } from '../base/credential-like.ts';
import { isObject } from '../base/json.ts';
import { ConfigError } from '../errors.ts';
import { MIN_SECRET_LENGTH } from '../process/redact.ts';
import { OWN_KEYS, shownKey } from './key-names.ts';
import { isKeyArn } from './names.ts';
import { decodeUrl, readPasted, unwrap } from './pasted.ts';
import { contentsOf, isPem, type JsonContents, MAX_DEPTH, pemLines, secretsInText } from './secrets-in-text.ts';

/** A user's credentials in the format that Google's own tools write and read. */
export interface AuthorizedUser {
  readonly type: 'authorized_user';
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  /** The mailbox that the token must open; undefined when the secret names none. */
  readonly email: string | undefined;
  /** The key that must sign a proof for each use of the refresh token; left out for a token that works without one. */
  readonly binding?: KeyBinding;
}

/** The KMS key to which a refresh token is bound. */
export interface KeyBinding {
  /** The key's ARN. */
  readonly kmsKeyId: string;
  readonly jwk: PublicJwk;
}

/** A public key on the curve P-256, as RFC 7517 writes it. */
export interface PublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** The key of a service account with domain-wide delegation. */
export interface ServiceAccountKey {
  readonly type: 'service_account';
  /** The service account's own address. */
  readonly clientEmail: string;
  /** The number by which the Admin console knows the account; undefined when the secret holds no number. */
  readonly clientId: string | undefined;
  /** Signs with RS256. */
  readonly sign: (data: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;
  readonly privateKeyId: string | undefined;
}

/** A service account that acts as a user. */
export interface ServiceAccount extends ServiceAccountKey {
  /** The address of the mailbox. */
  readonly subject: string;
}

export type Credentials = AuthorizedUser | ServiceAccount;

/** The address that the mailbox must have; undefined when the secret names none. */
export function mailboxOf(credentials: Credentials | ServiceAccountKey): string | undefined {
  if (credentials.type === 'authorized_user') return credentials.email;
  return 'subject' in credentials ? credentials.subject : undefined;
}

/** The credentials in `text`, or the error about it. First passes everything secret in `text` to `hide`. */
export function readCredentials(text: string, secretId: string, hide: Hide): Credentials | ConfigError {
  return readText(text, secretId, hide, serviceAccount);
}

/** Like readCredentials, for a service account that acts as others than the subject in `text`, which may be missing. */
export function readServiceAccountKey(text: string, secretId: string, hide: Hide): ServiceAccountKey | ConfigError {
  const read = readText(text, secretId, hide, serviceAccountKey);
  if (read instanceof ConfigError || read.type === 'service_account') return read;
  return new ConfigError(
    `secret ${secretId}: it holds the credentials of a user, but mailboxes.yaml names it as a service account's`,
    'Name it there as secret, or put the JSON key file of the service account into it.',
  );
}

type Hide = (secret: string) => void;

function readText<A>(
  text: string,
  secretId: string,
  hide: Hide,
  account: v.GenericSchema<unknown, A>,
): AuthorizedUser | A | ConfigError {
  for (const secret of secretsInText(text)) hide(secret);
  const pasted = readPasted(text);
  if ('problem' in pasted) {
    const isKey = isPem(text) || text.includes('service_account');
    return wrongShape(secretId, pasted.problem, isKey ? SERVICE_ACCOUNT_SHAPE : USER_SHAPE);
  }
  const { value } = pasted;
  const { objects, depth } = contentsOf(value);
  if (depth > MAX_DEPTH) {
    return wrongShape(secretId, `is JSON that is nested more than ${MAX_DEPTH} levels deep`, USER_SHAPE);
  }
  const read = (value: unknown): AuthorizedUser | A | ConfigError => {
    const [schema, shape] = isServiceAccount(value) ? [account, SERVICE_ACCOUNT_SHAPE] : [authorizedUser, USER_SHAPE];
    const result = v.safeParse(schema, value, { abortPipeEarly: true });
    if (result.success) return result.output;
    const problem = describe(result.issues, value);
    return result.issues.every(isAboutBinding)
      ? new ConfigError(`secret ${secretId}: ${problem}`, BINDING_REMEDY)
      : wrongShape(secretId, problem, shape);
  };
  const outer = read(value);
  return outer instanceof ConfigError ? (readInside(value, objects, secretId, read) ?? outer) : outer;
}

/**
 * The credentials inside a value that is not credentials itself, such as the whole JSON pasted as the value of one key; or
 * their error, or the error for the file of an OAuth client. Undefined when the value holds neither.
 */
function readInside<C>(
  value: unknown,
  objects: JsonContents['objects'],
  secretId: string,
  read: (value: unknown) => C,
): C | ConfigError | undefined {
  const isOuter = (object: unknown) => object === value;
  const clientFile = objects.find(({ object }) => isObject(object.installed) || isObject(object.web));
  if (clientFile !== undefined) return clientFileInstead(clientFile, isOuter(clientFile.object), secretId);
  const inside = objects.filter(({ object }) => !isOuter(object) && looksLikeCredentials(object));
  const [first] = inside;
  if (first === undefined) return undefined;
  const different = new Set(inside.map(({ object }) => JSON.stringify(object)));
  const places = [...new Set(inside.map(({ key }) => shownKey(key)))].sort().join(' and ');
  if (different.size > 1) {
    return wrongShape(secretId, `holds ${different.size} different credentials (in ${places})`, USER_SHAPE);
  }
  const own = isObject(value) ? OWN_KEYS.filter((key) => key !== first.key && isFilled(value[key])) : [];
  if (own.length > 0) {
    const problem = `${places} holds the whole JSON of the credentials, beside ${own.join(', ')}`;
    return wrongShape(secretId, problem, USER_SHAPE);
  }
  return read(first.object);
}

export function looksLikeCredentials(object: Readonly<Record<string, unknown>>): boolean {
  return ['refresh_token', 'private_key', 'client_secret'].some((key) => isFilled(object[key]));
}

export function isFilled(value: unknown): boolean {
  return typeof value === 'string' && unwrap(value) !== '';
}

function clientFileInstead({ object, key }: JsonContents['objects'][number], isOuter: boolean, secretId: string) {
  const where = isOuter ? 'is' : `${shownKey(key)} holds`;
  const kind = isObject(object.installed) ? 'Desktop app' : 'Web application';
  const make =
    kind === 'Desktop app'
      ? 'Save the file on your computer'
      : 'Make a client of type Desktop app in the Cloud console (Google Auth Platform → Clients), download its file';
  return new ConfigError(
    `secret ${secretId}: ${where} the file of Google's OAuth client (${kind}), which holds no refresh token`,
    `${make} and run \`job authorize --client <file>\`, which stores the secret.`,
  );
}

const pastedString = v.pipe(v.string('must be a string'), v.transform(unwrap), v.nonEmpty('is empty'));
const mailAddress = v.pipe(pastedString, v.regex(/^[^\s@]+@[^\s@]+$/, 'is no mail address'));
/** An empty address counts as none: the AWS console keeps a key after its value was deleted. */
const optionalMailAddress = v.pipe(
  v.string('must be a string'),
  v.transform((text) => unwrap(text) || undefined),
  v.optional(mailAddress),
);
/** Names of keys and variables that are pasted with a value, or in its place. */
const NAMED =
  /^(client_id|client_secret|refresh_token|access_token|AWS_[A-Z_]+|GMAIL_[A-Z_]+)(?:["'\\]*\s*[=:]\s*([\s\S]+))?$/i;

/** Splits a name from its value, as in `refresh_token=…`. */
function splitName(text: string): { readonly name: string | undefined; readonly value: string } {
  const bare = text.replace(/^[{"'\\\s]+/, '');
  const [, name, value] = NAMED.exec(/^(?:1|\w+(?:%3[aAdD]|[=:])1)%2f%2f/i.test(bare) ? decodeUrl(bare) : bare) ?? [];
  if (name === undefined) return { name, value: /^1%2f%2f/i.test(bare) ? decodeUrl(bare) : text };
  return {
    name: /^(?:AWS|GMAIL)_/.test(name) ? name : name.toLowerCase(),
    value: unwrap((value ?? '').replace(/[\\"'\s]*[,;}]?\s*$/, '').replace(/^[\\"']+/, '')),
  };
}

/** The value of `key`, also when the key's name was pasted with it. */
const pastedValue = (key: string) =>
  v.pipe(
    pastedString,
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      // A whole JSON begins like a pair of name and value, but is none.
      if (credentialKind(dataset.value) === 'json') return dataset.value;
      const { name, value } = splitName(dataset.value);
      if (name === undefined || (name === key && value !== '')) return value;
      const what = value === '' ? `the name ${name} in place of a value` : `"${name}=…", which is of another key`;
      addIssue({ message: `holds ${what}` });
      return NEVER;
    }),
  );
/** Refuses a credential of another kind than `own`. */
const ofKind = (key: string, own: string) =>
  v.pipe(
    pastedValue(key),
    v.rawCheck(({ dataset, addIssue }) => {
      const kind = dataset.typed ? kindOf(dataset.value) : undefined;
      if (kind !== undefined && kind !== own) addIssue({ message: `holds ${kind}` });
    }),
  );
const credential = (key: string, own: string) =>
  v.pipe(
    ofKind(key, own),
    v.minLength(MIN_SECRET_LENGTH, `is shorter than ${MIN_SECRET_LENGTH} characters`),
    v.rawCheck(({ dataset, addIssue }) => {
      // oddCharacter refuses these quotes too, but a credential may hold them: they are printable ASCII.
      const odd = dataset.typed ? oddCharacter(dataset.value.replace(/["'`]/g, '')) : undefined;
      if (odd !== undefined) addIssue({ message: `holds ${odd}, which no credential has` });
    }),
  );

function kindOf(text: string): string | undefined {
  if (/\.apps\.googleusercontent\.com$/.test(text)) return 'a client id';
  const kind = credentialKind(text);
  return kind && CREDENTIAL_NAMES[kind];
}

/** 32 bytes. */
const coordinate = v.pipe(v.string('must be a string'), v.regex(/^[\w-]{43}$/, 'must have 43 characters of base64url'));
const publicJwk = v.pipe(
  v.object({
    kty: v.literal('EC', 'must be "EC"'),
    crv: v.literal('P-256', 'must be "P-256"'),
    x: coordinate,
    y: coordinate,
    d: v.optional(v.undefined_('is the private half of the key, which must never leave KMS')),
  }),
  v.check(isOnCurve, 'is no point of the curve P-256'),
  v.transform(({ kty, crv, x, y }): PublicJwk => ({ kty, crv, x, y })),
);
const keyBinding = v.pipe(
  v.object(
    {
      kms_key_id: v.pipe(
        v.string('must be a string'),
        v.check(isKeyArn, 'must be the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID)'),
      ),
      jwk: publicJwk,
    },
    'must be an object with kms_key_id and jwk',
  ),
  v.transform(({ kms_key_id: kmsKeyId, jwk }): KeyBinding => ({ kmsKeyId, jwk })),
);

function isOnCurve({ kty, crv, x, y }: PublicJwk): boolean {
  try {
    createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

const authorizedUser = v.pipe(
  v.object({
    type: v.optional(
      v.pipe(pastedString, v.literal('authorized_user', 'must be "authorized_user" or "service_account"')),
    ),
    client_id: ofKind('client_id', 'a client id'),
    client_secret: credential('client_secret', 'a client secret'),
    refresh_token: credential('refresh_token', 'a refresh token'),
    email: v.optional(optionalMailAddress),
    dpop: v.optional(keyBinding),
  }),
  v.transform(({ client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken, email, dpop }) => {
    const user = { type: 'authorized_user', clientId, clientSecret, refreshToken, email } satisfies AuthorizedUser;
    return dpop === undefined ? user : { ...user, binding: dpop };
  }),
);
const privateKey = v.pipe(
  pastedString,
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const key = readPrivateKey(dataset.value);
    if (key instanceof KeyObject) return key;
    addIssue({ message: key });
    return NEVER;
  }),
);
const keyFile = v.object({
  client_email: mailAddress,
  client_id: v.optional(pastedString),
  private_key: privateKey,
  private_key_id: v.optional(pastedString),
});
const serviceAccountKey = v.pipe(keyFile, v.transform(keyOf));
const serviceAccount = v.pipe(
  v.object({ ...keyFile.entries, subject: mailAddress }),
  v.forward(
    v.check(
      ({ subject, client_email }) => subject.toLowerCase() !== client_email.toLowerCase(),
      'is the service account itself, which has no mailbox',
    ),
    ['subject'],
  ),
  v.transform(({ subject, ...file }): ServiceAccount => ({ ...keyOf(file), subject })),
);

function keyOf({ client_email, client_id = '', private_key, private_key_id }: v.InferOutput<typeof keyFile>) {
  return {
    type: 'service_account',
    clientEmail: client_email,
    clientId: /^\d+$/.test(client_id) ? client_id : undefined,
    sign: createSigner(private_key),
    privateKeyId: private_key_id,
  } satisfies ServiceAccountKey;
}

/** Whether the value is a service account's key: by its `type`, else by a private key without a refresh token. */
export function isServiceAccount(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { type, private_key, refresh_token } = value as Record<string, unknown>;
  if (type === undefined) return private_key !== undefined && refresh_token === undefined;
  return typeof type === 'string' && unwrap(type) === 'service_account';
}

const RS256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

/**
 * The key is in the function's scope alone and refuses to be exported, so no code that gets the account can read it. A
 * KeyObject can always be exported, and `KeyObject.from` ignores that a CryptoKey refuses it (Node's documentation).
 */
function createSigner(privateKey: KeyObject): ServiceAccountKey['sign'] {
  const key = privateKey.toCryptoKey(RS256, false, ['sign']);
  return async (data) => new Uint8Array(await subtle.sign(RS256.name, key, data));
}

const ARMOUR = /-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----([\s\S]*?)-----END \1-----/;

/** Google refuses RS256 with a shorter key. */
const MIN_BITS = 2_048;

/** The RSA key in `text`; or the text's problem, as a predicate (`is no RSA key`) without a word of the text. */
function readPrivateKey(text: string): KeyObject | string {
  const [, label = '', body = ''] = ARMOUR.exec(text) ?? [];
  if (label === '') {
    return isPem(text) ? 'is PEM, but no whole private key' : 'is no PEM text (PEM begins with five hyphens and BEGIN)';
  }
  if (label.startsWith('ENCRYPTED') || /\bProc-Type\b/.test(body)) return 'is encrypted with a passphrase';
  const [base64 = ''] = pemLines(body);
  const lines = base64.match(/.{1,64}/g) ?? [];
  let key: KeyObject;
  try {
    key = createPrivateKey([`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n'));
  } catch {
    return 'is PEM, but its contents are damaged or incomplete';
  }
  if (key.asymmetricKeyType !== 'rsa') return 'is no RSA key';
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_BITS) return `is shorter than ${MIN_BITS} bits`;
  return key;
}

function describe(issues: readonly v.BaseIssue<unknown>[], value: unknown): string {
  const problems = issues.map((issue) => {
    const key = v.getDotPath(issue);
    // A message of the library's own would quote the value.
    if (key === null) return 'must be a JSON object';
    return `${key} ${isMissing(issue) ? `is missing${meantInstead(key, value)}` : ownMessage(issue)}`;
  });
  return problems.join(', ');
}

/** Names the key that was found in place of `key`, when only its form differs, such as refreshToken for refresh_token. */
function meantInstead(key: string, value: unknown): string {
  const plain = (name: string) => name.toLowerCase().replace(/[^a-z]/g, '');
  const isOther = isObject(value) && [value.access_token, value.token].some(isFilled);
  if (key === 'refresh_token' && isOther)
    return ' (the secret has an access token, which expires after an hour and cannot replace the refresh token)';
  const meant = isObject(value) ? Object.keys(value).find((name) => plain(name) === plain(key)) : undefined;
  return meant === undefined ? '' : ` (found ${/^[\w-]+$/.test(meant) ? `"${meant}"` : 'a similar key'} instead)`;
}

function isAboutBinding(issue: v.BaseIssue<unknown>): boolean {
  return /^dpop(?:\.|$)/.test(v.getDotPath(issue) ?? '');
}

function isMissing(issue: v.BaseIssue<unknown>): boolean {
  return issue.input === undefined;
}

function ownMessage(issue: v.BaseIssue<unknown>): string {
  return issue.message.startsWith('Invalid') ? 'is not valid' : issue.message;
}

const USER_SHAPE =
  'Its value must be {"type":"authorized_user","client_id":"…","client_secret":"…","refresh_token":"…"} (and "email", if you like)';
const BINDING_REMEDY =
  'Do not remove dpop: without the key that it names, the refresh token opens nothing. Copy dpop from the version before, or store a new refresh token with `job authorize --replace --kms-key <arn>`.';
const SERVICE_ACCOUNT_SHAPE =
  'Its value must be the JSON key file that the Cloud console gave for the service account, with "subject":"…" added (the address of the mailbox that it acts as)';

function wrongShape(secretId: string, problem: string, shape: string): ConfigError {
  return new ConfigError(
    `secret ${secretId}: ${problem}`,
    `${shape}: correct it in the AWS console (Retrieve secret value → Edit).`,
  );
}
