/** Whether a version of the secret works, proven the way a run would use it: exchanged, and asked whose mailbox it is. */
import { keepRefreshToken } from '../aws/keep.ts';
import type { AuthorizedUser, FetchedSecret, Stage } from '../aws/secret.ts';
import type { Vault } from '../aws/vault.ts';
import { ConfigError, CredentialError, JobError } from '../errors.ts';
import { askMailbox } from '../gmail/profile.ts';
import { AUTHORIZE_SOON, exchangeRefreshToken } from '../google/token.ts';
import type { GoogleAccess } from './google.ts';

export interface Proof {
  readonly user: AuthorizedUser;
  /** The version that works: another one than was read when Google replaced the refresh token. */
  readonly versionId: string;
  readonly email: string;
  /** Undefined when Google does not name them. */
  readonly scopes: readonly string[] | undefined;
}

/**
 * Proves the version that `stage` leads to. A refresh token that Google replaces meanwhile is stored at once, under the
 * same stage: the one before may be dead from then on.
 * @throws the version's own ConfigError, TokenRefusal, CredentialError or UnavailableError: what a run would meet.
 */
export async function prove(
  version: FetchedSecret,
  stage: Stage,
  vault: Vault,
  google: GoogleAccess,
  signal: AbortSignal,
): Promise<Proof> {
  const { credentials, createdAt } = version;
  if (credentials instanceof ConfigError) throw credentials;
  if (credentials.type === 'service_account') throw isServiceAccount(vault);
  const ageMs = createdAt === undefined ? undefined : Date.now() - createdAt.getTime();
  const token = await exchangeRefreshToken(credentials, null, ageMs, signal, google);
  let user: AuthorizedUser = credentials;
  let { versionId } = version;
  if (token.newRefreshToken !== undefined) {
    user = { ...credentials, refreshToken: token.newRefreshToken };
    versionId = await keep(user, { stage, versionId }, vault, signal);
  }
  const { address: email } = await askMailbox(token.value, signal, google);
  return { user, versionId, scopes: token.scopes, email };
}

async function keep(
  user: AuthorizedUser,
  from: { readonly stage: Stage; readonly versionId: string },
  vault: Vault,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await keepRefreshToken(vault, user, from, signal);
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    throw new CredentialError(
      `Google replaced the refresh token, and the new one could not be stored: ${error.message}`,
      `${AUTHORIZE_SOON} ${error.remedy}`,
      { cause: error },
    );
  }
}

/** The secret holds what no person's consent can make or replace. */
export function isServiceAccount({ address }: Vault): ConfigError {
  return new ConfigError(
    `secret ${address.secretId}: it holds the key of a service account. Such a key needs no consent: an administrator allows it for the whole Workspace`,
    "Nothing has to be authorized: `job check` says whether it works. A new key is made in the Cloud console and pasted into the secret; to use a person's consent instead, name another secret in GMAIL_SECRET_ID.",
  );
}
