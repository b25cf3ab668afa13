/**
 * The steps of a rotation: reads the current version, stores a new one as AWSPENDING, proves it, and moves AWSCURRENT to
 * it. Only promote() and putBack() move AWSCURRENT, and only to a proven version, so jobs work wherever the command stops.
 */

import { type FurtherKeys, joinKeys } from '../aws/further-keys.ts';
import { type FetchedSecret, noVersion } from '../aws/secret.ts';
import { readWhenVisible, type SecretStore } from '../aws/secret-store.ts';
import type { AuthorizedUser, KeyBinding } from '../aws/shape.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import type { ConfiguredMailbox } from '../config.ts';
import { ConfigError, CredentialError, JobError, UnavailableError } from '../errors.ts';
import { canAnotherVersionHelp } from '../google/exchange.ts';
import { requireAgreement } from '../google/ownership.ts';
import { missingScopes, shortScope } from '../google/scopes.ts';
import { isProofRefusal, TokenRefusal } from '../google/token.ts';
import { isSameBinding } from './binding.ts';
import type { OAuthClient } from './client.ts';
import { chooseAccount, TICK_EVERY_BOX } from './consent.ts';
import type { GoogleAccess } from './google.ts';
import { type ProvenVersion, proveVersion, serviceAccountError } from './stored-secret.ts';

/** The version to replace. */
export interface CurrentVersion {
  readonly versionId: string;
  readonly user: AuthorizedUser;
  readonly furtherKeys: FurtherKeys | null;
  /** Undefined when AWS does not say. */
  readonly createdAt: Date | undefined;
  readonly mailbox: string;
  /** The granted scopes; undefined when Google names none, or the version does not work. */
  readonly scopes: readonly string[] | undefined;
  /** Null when the version works. */
  readonly problem: JobError | null;
}

/** The new version must be for this mailbox, with these scopes, bound to this key. */
export interface RotationDemands {
  readonly mailbox: string;
  readonly scopes: readonly string[];
  /** The key to which the refresh token must be bound, undefined for no key; left out when any binding will do. */
  readonly binding?: KeyBinding | undefined;
  /** Whether a refresh token that is bound to no key will not do; for demands without `binding`. */
  readonly isBound?: boolean;
}

export interface RotationContext {
  /** The mailbox in GMAIL_MAILBOX. */
  readonly configuredMailbox: ConfiguredMailbox | undefined;
  readonly store: SecretStore;
  readonly google: GoogleAccess;
  /** Whether the person asked for another key or for none, so that a key which does not work is no obstacle. */
  readonly isRebinding: boolean;
  /** Tells the person that a step is done. */
  readonly tell: (step: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Reads and proves the version in AWSCURRENT.
 * @throws ConfigError when this version is missing, broken, a service account's key, or for another mailbox than
 * GMAIL_MAILBOX; CredentialError when the version does not work and nothing names its mailbox.
 */
export async function readCurrent({
  configuredMailbox,
  store,
  google,
  isRebinding,
  signal,
}: RotationContext): Promise<CurrentVersion> {
  const version = await store.read({ stage: 'AWSCURRENT' }, signal);
  if (version === null) throw noVersion('AWSCURRENT');
  const { credentials: user, versionId, furtherKeys, createdAt } = version;
  if (user instanceof ConfigError) {
    const orStore = user.remedy.includes('job authorize') ? '' : ' Or store a new one with `job authorize --replace`.';
    throw new ConfigError(`${user.message}, so there is nothing to rotate`, `${user.remedy}${orStore}`);
  }
  if (user.type === 'service_account') throw serviceAccountError(store);
  requireAgreement(configuredMailbox, version);
  const meant = configuredMailbox?.address ?? user.email;
  try {
    const proof = await proveVersion(version, 'AWSCURRENT', store, google, signal);
    const problem = meant === undefined ? null : wrongMailbox(proof.email, meant);
    const mailbox = meant ?? proof.email;
    return {
      versionId: proof.versionId,
      user: proof.user,
      furtherKeys,
      createdAt,
      mailbox,
      scopes: proof.scopes,
      problem,
    };
  } catch (error) {
    if (!canAnotherVersionHelp(error) && !isProblemOfKey(error, user, isRebinding)) throw error;
    const problem = error;
    if (meant !== undefined) {
      return { versionId, user, furtherKeys, createdAt, mailbox: meant, scopes: undefined, problem };
    }
    throw new CredentialError(
      `the current version no longer works, and neither GMAIL_MAILBOX nor the secret names its mailbox: ${problem.message}`,
      'Set GMAIL_MAILBOX to its address and run `job rotate` again, or store a new one with `job authorize --replace`.',
      { cause: error },
    );
  }
}

/** Whether the token's key is the obstacle, and a new token takes it away: for another key, or after a refused proof. */
function isProblemOfKey(error: unknown, { binding }: AuthorizedUser, isRebinding: boolean): error is JobError {
  if (binding === undefined || !(error instanceof JobError) || error instanceof UnavailableError) return false;
  return isRebinding || (error instanceof TokenRefusal && isProofRefusal(error.code));
}

/** The version that an interrupted rotation left as AWSPENDING. */
export type PendingVersion =
  /** No usable version. `why` names the fault of the version in AWSPENDING, if there is one. */
  | { readonly kind: 'none'; readonly why?: string }
  /** Works, and is not current yet. */
  | ({ readonly kind: 'ready' } & ReadyVersion)
  /** Works, and is current: only the label AWSPENDING has to be removed. */
  | { readonly kind: 'live' };

type ReadyVersion = Pick<CurrentVersion, 'versionId' | 'user' | 'furtherKeys' | 'createdAt'>;

/**
 * Reads and proves the version in AWSPENDING. With `client`, a version of another client counts as none.
 * @throws UnavailableError when AWS, Google or Gmail is away; CredentialError when the interrupted rotation had made a
 * version current that does not work, and the previous version was put back.
 */
export async function findPending(
  before: CurrentVersion,
  demands: RotationDemands,
  client: OAuthClient | null,
  context: RotationContext,
): Promise<PendingVersion> {
  const version = await context.store.read({ stage: 'AWSPENDING' }, context.signal);
  if (version === null) return { kind: 'none' };
  const { credentials } = version;
  if (client !== null && (credentials instanceof Error || !isSameClient(credentials, client))) {
    return { kind: 'none', why: 'it was made with another client' };
  }
  if (version.versionId === before.versionId) {
    if (before.problem === null) {
      const problem = wrongBinding(before.user, demands);
      return problem === null ? { kind: 'live' } : { kind: 'none' };
    }
    await restorePrevious(before, before.problem, context);
    return { kind: 'none', why: before.problem.message };
  }
  try {
    const { versionId, user } = await provePending(version, demands, context);
    return { kind: 'ready', versionId, user, furtherKeys: version.furtherKeys, createdAt: version.createdAt };
  } catch (error) {
    if (!(error instanceof JobError) || error instanceof UnavailableError) throw error;
    return { kind: 'none', why: error.message };
  }
}

/** Whether the credentials hold this client's id and secret. */
export function isSameClient(credentials: { readonly type: string }, client: OAuthClient): boolean {
  const { clientId, clientSecret } = credentials as AuthorizedUser;
  return clientId === client.clientId && clientSecret === client.clientSecret;
}

/** Makes AWSPREVIOUS current again if it works for the same mailbox. @throws CredentialError after doing so. */
async function restorePrevious(before: CurrentVersion, problem: JobError, context: RotationContext): Promise<void> {
  const { store, google, signal } = context;
  const previous = await store.read({ stage: 'AWSPREVIOUS' }, signal);
  if (previous === null) return;
  try {
    const proof = await proveVersion(previous, 'AWSPREVIOUS', store, google, signal);
    if (!isSameMailbox(proof.email, before.mailbox)) return;
  } catch (error) {
    if (!(error instanceof JobError) || error instanceof UnavailableError) throw error;
    return;
  }
  throw await putBack(before.versionId, previous.versionId, problem, context);
}

/** @throws CredentialError or ConfigError for the version's problem; UnavailableError when a service is away. */
async function provePending(
  version: FetchedSecret,
  demands: RotationDemands,
  { store, google, signal }: RotationContext,
): Promise<ProvenVersion> {
  const proof = await proveVersion(version, 'AWSPENDING', store, google, signal);
  requireDemands(proof, demands);
  return proof;
}

/** Stores the credentials as AWSPENDING and proves them. Returns the version's id. */
export async function stage(
  user: AuthorizedUser,
  further: FurtherKeys | null,
  demands: RotationDemands,
  context: RotationContext,
): Promise<string> {
  const { store, google, tell, signal } = context;
  const versionId = await store.put(user, further, 'AWSPENDING', signal);
  const version = await readWhenVisible(store, { versionId }, versionId, google.clock, signal);
  const proof = await provePending(version, demands, context);
  tell(`Stored as the version ${proof.versionId} with AWSPENDING. The version works; AWSCURRENT is unchanged so far.`);
  return proof.versionId;
}

/**
 * Stores the version in AWSPENDING anew if it lacks further keys of the current version, or holds older values: a person
 * may have added a key since. Where both versions have a key, the newer version's value counts. Returns the version's id.
 */
export async function stageCurrentKeys(
  pending: ReadyVersion,
  before: CurrentVersion,
  demands: RotationDemands,
  context: RotationContext,
): Promise<string> {
  const isPendingNewer = (pending.createdAt?.getTime() ?? 0) > (before.createdAt?.getTime() ?? 0);
  const [older, newer] = isPendingNewer ? [before, pending] : [pending, before];
  const keys = joinKeys(older.furtherKeys, newer.furtherKeys);
  const isComplete = [...keys].every(([key, written]) => pending.furtherKeys?.get(key) === written);
  return isComplete ? pending.versionId : await stage(pending.user, keys, demands, context);
}

/**
 * Moves AWSCURRENT to a proven version, proves the version once more through AWSCURRENT, and removes AWSPENDING.
 * @throws CredentialError or UnavailableError when that fails. Then the previous version is current again, if it worked.
 */
export async function promote(
  versionId: string,
  before: CurrentVersion,
  demands: RotationDemands,
  context: RotationContext,
): Promise<ProvenVersion> {
  const { store, google, signal } = context;
  await store.moveStage('AWSCURRENT', before.versionId, versionId, signal);
  let proof: ProvenVersion;
  try {
    const version = await readWhenVisible(store, { stage: 'AWSCURRENT' }, versionId, google.clock, signal);
    proof = await proveVersion(version, 'AWSCURRENT', store, google, signal);
    requireDemands(proof, demands);
  } catch (error) {
    if (!(error instanceof JobError) || before.problem !== null) throw error;
    throw await putBack(versionId, before.versionId, error, context);
  }
  await store.dropStage('AWSPENDING', versionId, signal);
  context.tell(`AWSCURRENT is now the version ${proof.versionId}, and works.`);
  return proof;
}

/** Moves AWSCURRENT back to the version `before`. Returns the error to throw. */
async function putBack(
  versionId: string,
  before: string,
  why: JobError,
  { store, signal }: RotationContext,
): Promise<JobError> {
  try {
    await store.moveStage('AWSCURRENT', versionId, before, signal);
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    return new CredentialError(
      `the new version does not work (${why.message}), and the previous version could not be put back: ${error.message}`,
      `Move AWSCURRENT to the version ${before} in the AWS console, or run the command again.`,
      { cause: error },
    );
  }
  const message = `the new version did not work once it was current, so the previous version (${before}) was put back: ${why.message}`;
  const remedy = `${why.remedy} Then run \`job rotate\` again.`;
  return why instanceof UnavailableError
    ? new UnavailableError(message, remedy, { cause: why })
    : new CredentialError(message, remedy, { cause: why });
}

function requireDemands({ user, email, scopes }: ProvenVersion, demands: RotationDemands): void {
  const problem = wrongMailbox(email, demands.mailbox) ?? wrongBinding(user, demands);
  if (problem !== null) throw problem;
  const missing = missingScopes(demands.scopes, scopes ?? demands.scopes);
  if (missing.length === 0) return;
  throw new CredentialError(
    `the new version was not granted ${missing.map(shortScope).join(', ')}`,
    `${TICK_EVERY_BOX}.`,
  );
}

function wrongBinding({ binding }: AuthorizedUser, demands: RotationDemands): CredentialError | null {
  if (!('binding' in demands)) {
    if (binding !== undefined || !demands.isBound) return null;
    return new CredentialError('the version is bound to no key', 'Run the command again, and give consent.');
  }
  if (isSameBinding(binding, demands.binding)) return null;
  return new CredentialError(
    `the version is bound to ${binding?.kmsKeyId ?? 'no key'}, and not to ${demands.binding?.kmsKeyId ?? 'none'}`,
    'Run the command again, and give consent.',
  );
}

function wrongMailbox(actual: string, expected: string): CredentialError | null {
  if (isSameMailbox(actual, expected)) return null;
  return new CredentialError(
    `the token belongs to the mailbox ${actual}, and not to ${expected}`,
    chooseAccount(expected),
  );
}
