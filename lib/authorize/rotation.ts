/**
 * A rotation's way from a new version to the current one. Only one request changes what runs of jobs use, and only to a
 * version that was proven just before: so AWSCURRENT works wherever the command is stopped.
 */

import { type AuthorizedUser, type FetchedSecret, noVersion } from '../aws/secret.ts';
import { readWhenVisible, type Vault } from '../aws/vault.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { ConfigError, CredentialError, JobError, UnavailableError } from '../errors.ts';
import { isCurable } from '../google/exchange.ts';
import { requireAgreement } from '../google/ownership.ts';
import { missingScopes, shortScope } from '../google/token.ts';
import type { GoogleAccess } from './google.ts';
import { isServiceAccount, type Proof, prove } from './prove.ts';

/** What is to be replaced. */
export interface Current {
  readonly versionId: string;
  readonly user: AuthorizedUser;
  readonly mailbox: string;
  /** What it was granted; undefined when Google does not say, or it does not work. */
  readonly scopes: readonly string[] | undefined;
  /** What is wrong with it; null when it works. */
  readonly problem: JobError | null;
}

/** What must be true of the version that comes after it. */
export interface Demands {
  readonly mailbox: string;
  readonly scopes: readonly string[];
}

export interface RotationContext {
  /** GMAIL_MAILBOX: the mailbox that it must be, when that is set. */
  readonly configuredMailbox: string | undefined;
  readonly vault: Vault;
  readonly google: GoogleAccess;
  readonly signal: AbortSignal;
}

/**
 * The current version, and whether it works.
 * @throws ConfigError when it is none that a consent could follow, or is for another mailbox than GMAIL_MAILBOX says;
 * CredentialError when nobody can say whose it is.
 */
export async function readCurrent({ configuredMailbox, vault, google, signal }: RotationContext): Promise<Current> {
  const version = await vault.read({ stage: 'AWSCURRENT' }, signal);
  if (version === null) throw noVersion('AWSCURRENT');
  const { credentials: user, versionId } = version;
  if (user instanceof ConfigError) {
    throw new ConfigError(
      `${user.message}, so there is nothing to rotate`,
      `${user.remedy} Or store a new one with \`job authorize --replace\`.`,
    );
  }
  if (user.type === 'service_account') throw isServiceAccount(vault);
  requireAgreement(configuredMailbox, version);
  const meant = configuredMailbox ?? user.email;
  try {
    const proof = await prove(version, 'AWSCURRENT', vault, google, signal);
    const problem = meant === undefined ? null : wrongMailbox(proof.email, meant);
    const mailbox = meant ?? proof.email;
    return { versionId: proof.versionId, user: proof.user, mailbox, scopes: proof.scopes, problem };
  } catch (error) {
    if (!isCurable(error)) throw error;
    const problem = error as CredentialError;
    if (meant !== undefined) return { versionId, user, mailbox: meant, scopes: undefined, problem };
    throw new CredentialError(
      `the current version no longer works, and neither GMAIL_MAILBOX nor the secret names its mailbox: ${problem.message}`,
      'Set GMAIL_MAILBOX to its address and run `job rotate` again, or store a new one with `job authorize --replace`.',
      { cause: error },
    );
  }
}

/**
 * Proves the version that waits as AWSPENDING.
 * @throws what is wrong with it: CredentialError, ConfigError; or UnavailableError when that cannot be said now.
 */
export async function provePending(
  version: FetchedSecret,
  demands: Demands,
  { vault, google, signal }: RotationContext,
): Promise<Proof> {
  const proof = await prove(version, 'AWSPENDING', vault, google, signal);
  requireDemands(proof, demands);
  return proof;
}

/** Stores the credentials as AWSPENDING and proves what was stored. Returns the proven version's id. */
export async function stage(user: AuthorizedUser, demands: Demands, context: RotationContext): Promise<string> {
  const { vault, google, signal } = context;
  const versionId = await vault.put(user, 'AWSPENDING', signal);
  const version = await readWhenVisible(vault, { versionId }, versionId, google.clock, signal);
  return (await provePending(version, demands, context)).versionId;
}

/**
 * Makes the proven version the current one, proves it again as a run would find it, and takes AWSPENDING off. Returns
 * the proof of the version that is current then.
 * @throws CredentialError or UnavailableError when it did not work after all: then the version before is current again,
 * unless that one did not work either.
 */
export async function promote(
  versionId: string,
  before: Current,
  demands: Demands,
  context: RotationContext,
): Promise<Proof> {
  const { vault, google, signal } = context;
  await vault.moveStage('AWSCURRENT', before.versionId, versionId, signal);
  let proof: Proof;
  try {
    const version = await readWhenVisible(vault, { stage: 'AWSCURRENT' }, versionId, google.clock, signal);
    proof = await prove(version, 'AWSCURRENT', vault, google, signal);
    requireDemands(proof, demands);
  } catch (error) {
    if (!(error instanceof JobError) || before.problem !== null) throw error;
    throw await putBack(versionId, before.versionId, error, context);
  }
  await vault.dropStage('AWSPENDING', versionId, signal);
  return proof;
}

/** Makes the version before the current one again. Returns the error that tells of it. */
export async function putBack(
  versionId: string,
  before: string,
  why: JobError,
  { vault, signal }: RotationContext,
): Promise<JobError> {
  try {
    await vault.moveStage('AWSCURRENT', versionId, before, signal);
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    return new CredentialError(
      `the new version does not work (${why.message}), and the one before could not be put back: ${error.message}`,
      `Move AWSCURRENT to the version ${before} in the AWS console, or run the command again.`,
      { cause: error },
    );
  }
  const message = `the new version did not work when it was current, so the one before (${before}) was put back and is used: ${why.message}`;
  const remedy = `${why.remedy} Then run \`job rotate\` again.`;
  return why instanceof UnavailableError
    ? new UnavailableError(message, remedy, { cause: why })
    : new CredentialError(message, remedy, { cause: why });
}

function requireDemands({ email, scopes }: Proof, demands: Demands): void {
  const problem = wrongMailbox(email, demands.mailbox);
  if (problem !== null) throw problem;
  const missing = missingScopes(demands.scopes, scopes ?? demands.scopes);
  if (missing.length === 0) return;
  throw new CredentialError(
    `the new version was not granted ${missing.map(shortScope).join(', ')}`,
    "Run `job rotate` again and leave every box on Google's page ticked.",
  );
}

function wrongMailbox(actual: string, expected: string): CredentialError | null {
  if (isSameMailbox(actual, expected)) return null;
  return new CredentialError(
    `the token belongs to the mailbox ${actual}, and not to ${expected}`,
    `Choose the account ${expected} on Google's page.`,
  );
}
