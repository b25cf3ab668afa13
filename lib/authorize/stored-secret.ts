/**
 * Examines the secret in AWS: inspectSecret() finds its mailbox and refuses a secret that must not be replaced,
 * proveVersion() tries whether a version works.
 */

import type { FetchedSecret, ReadVersion, Stage } from '../aws/secret.ts';
import { type SecretStore, storeReplacedToken } from '../aws/secret-store.ts';
import { NoSuchSecretError } from '../aws/secrets-manager.ts';
import type { AuthorizedUser, KeyBinding } from '../aws/shape.ts';
import { ageOf } from '../base/duration.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { ConfigError, CredentialError, JobError, UnavailableError } from '../errors.ts';
import { askMailbox } from '../gmail/profile.ts';
import { AUTHORIZE_SOON, exchangeRefreshToken } from '../google/token.ts';
import type { GoogleAccess } from './google.ts';

/** `mailbox` is null when the value names no mailbox and does not work. */
export type StoredSecret =
  | { readonly kind: 'no secret' }
  | { readonly kind: 'no value' }
  | { readonly kind: 'value'; readonly mailbox: string | null; readonly binding: KeyBinding | undefined };

/**
 * Finds out whether the secret exists, and whose mailbox its current version opens.
 * @throws ConfigError when the secret holds a service account's key, or `wanted.stage` is AWSPENDING and no version is
 * current; CredentialError when the secret is for another or an unknown mailbox and `wanted.replace` is false.
 */
export async function inspectSecret(
  store: SecretStore,
  google: GoogleAccess,
  wanted: { readonly stage: Stage; readonly email: string | undefined; readonly replace: boolean },
  signal: AbortSignal,
): Promise<StoredSecret> {
  const stored = await lookUp(store, google, signal);
  if (stored.kind === 'value') {
    if (!wanted.replace && stored.mailbox === null) throw unknownMailbox(store);
    if (wanted.email !== undefined) requireSameMailbox(stored, wanted.email, wanted.replace, store);
    return stored;
  }
  if (wanted.stage === 'AWSPENDING') {
    throw new ConfigError(
      `secret ${store.address.secretId}: it has no current version, so nothing can be stored as AWSPENDING`,
      'Leave out --stage: the first version is current at once.',
    );
  }
  return stored;
}

/** @throws CredentialError when the secret is for another mailbox than `email`. */
export function requireSameMailbox(stored: StoredSecret, email: string, replace: boolean, store: SecretStore): void {
  if (replace || stored.kind !== 'value' || stored.mailbox === null) return;
  if (isSameMailbox(stored.mailbox, email)) return;
  throw new CredentialError(
    `secret ${store.address.secretId} is for the mailbox ${stored.mailbox}, and not for ${email}`,
    `Run the command again and choose ${stored.mailbox}; or name another secret in GMAIL_SECRET_ID; or add \`--replace\` if the jobs shall work on ${email}.`,
  );
}

async function lookUp(store: SecretStore, google: GoogleAccess, signal: AbortSignal): Promise<StoredSecret> {
  const version = await store.read({ stage: 'AWSCURRENT' }, signal).catch((error: unknown) => {
    if (error instanceof NoSuchSecretError && !store.address.secretId.startsWith('arn:')) return undefined;
    throw error;
  });
  if (version === undefined) return { kind: 'no secret' };
  if (version === null) return { kind: 'no value' };
  const { credentials } = version;
  if (credentials instanceof ConfigError) return { kind: 'value', mailbox: null, binding: undefined };
  if (credentials.type === 'service_account') throw serviceAccountError(store);
  const { binding } = credentials;
  if (credentials.email !== undefined) return { kind: 'value', mailbox: credentials.email, binding };
  // The secret names no mailbox, but Gmail does when the token works.
  const proof = await proveVersion(version, 'AWSCURRENT', store, google, signal).catch((error: unknown) => {
    if (error instanceof JobError && !(error instanceof UnavailableError)) return null;
    throw error;
  });
  return { kind: 'value', mailbox: proof?.email ?? null, binding };
}

function unknownMailbox({ address }: SecretStore): CredentialError {
  return new CredentialError(
    `secret ${address.secretId} holds a value that names no mailbox and does not work, so its mailbox is not known`,
    'Check GMAIL_SECRET_ID; if this secret is the right one, add `--replace`.',
  );
}

export interface ProvenVersion {
  readonly user: AuthorizedUser;
  /** A new version when Google replaced the refresh token, else the version that was read. */
  readonly versionId: string;
  readonly email: string;
  /** Undefined when Google names none. */
  readonly scopes: readonly string[] | undefined;
}

/**
 * Proves that the version of `stage` works, as a run uses it: exchanges its refresh token, and asks Gmail for the mailbox.
 * When Google replaces the refresh token, stores the new one immediately under the same stage: the old one may be dead.
 * @throws ConfigError, TokenRefusal, CredentialError or UnavailableError, as a run would.
 */
export async function proveVersion(
  version: FetchedSecret,
  stage: Stage,
  store: SecretStore,
  google: GoogleAccess,
  signal: AbortSignal,
): Promise<ProvenVersion> {
  const { credentials, createdAt } = version;
  if (credentials instanceof ConfigError) throw credentials;
  if (credentials.type === 'service_account') throw serviceAccountError(store);
  const token = await exchangeRefreshToken(credentials, null, ageOf(createdAt), signal, google);
  const { replacement } = token;
  let { versionId } = version;
  if (replacement !== undefined) versionId = await requireStored(replacement, { stage, versionId }, store, signal);
  const { address: email } = await askMailbox(token.value, signal, google);
  return { user: replacement ?? credentials, versionId, scopes: token.scopes, email };
}

async function requireStored(
  user: AuthorizedUser,
  from: ReadVersion,
  store: SecretStore,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await storeReplacedToken(store, user, from, signal);
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    throw new CredentialError(
      `Google replaced the refresh token, and the new one could not be stored: ${error.message}`,
      `${AUTHORIZE_SOON} ${error.remedy}`,
      { cause: error },
    );
  }
}

export function serviceAccountError({ address }: SecretStore): ConfigError {
  return new ConfigError(
    `secret ${address.secretId}: it holds the key of a service account, which needs no consent: an administrator authorizes the service account for the whole Workspace`,
    "`job check` says whether it works. To replace it, create a new key in the Cloud console and paste it into the secret. To use a person's consent instead, name another secret in GMAIL_SECRET_ID.",
  );
}
