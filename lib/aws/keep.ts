/** Keeps a refresh token that Google replaced in the answer to an exchange: the one before may be dead from then on. */
import { ConfigError } from '../errors.ts';
import type { AuthorizedUser, Stage } from './secret.ts';
import type { Vault } from './vault.ts';

/**
 * Stores the credentials with the replaced token under the staging label that its version was read by, and returns the
 * new version's id.
 * @throws ConfigError when the label leads elsewhere by now, CredentialError or UnavailableError when AWS refuses.
 */
export async function keepRefreshToken(
  vault: Vault,
  user: AuthorizedUser,
  from: { readonly stage: Stage; readonly versionId: string },
  signal: AbortSignal,
): Promise<string> {
  const now = await vault.read({ stage: from.stage }, signal);
  if (now?.versionId === from.versionId) return vault.put(user, from.stage, signal);
  throw new ConfigError(
    `secret ${vault.address.secretId}: ${from.stage} was moved by somebody else during the run`,
    'Look at the versions of the secret in the AWS console.',
  );
}
