/** What is in the secret before something is stored in it, and whether it may be replaced. */
import { NoSuchSecretError } from '../aws/client.ts';
import type { Stage } from '../aws/secret.ts';
import type { Vault } from '../aws/vault.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { ConfigError, CredentialError, JobError, UnavailableError } from '../errors.ts';
import type { GoogleAccess } from './google.ts';
import { isServiceAccount, prove } from './prove.ts';

/** `mailbox` is null when there is a value, but nobody can say whose. */
export type Existing =
  | { readonly kind: 'no secret' }
  | { readonly kind: 'no value' }
  | { readonly kind: 'value'; readonly mailbox: string | null };

/**
 * What the secret holds.
 * @throws ConfigError when it is the key of a service account, or when there is nothing that AWSPENDING could follow;
 * CredentialError when it must not be replaced without `replace`.
 */
export async function inspectExisting(
  vault: Vault,
  google: GoogleAccess,
  wanted: { readonly stage: Stage; readonly email: string | undefined; readonly replace: boolean },
  signal: AbortSignal,
): Promise<Existing> {
  const existing = await lookUp(vault, google, signal);
  if (existing.kind === 'value') {
    if (!wanted.replace && existing.mailbox === null) throw unknownMailbox(vault);
    if (wanted.email !== undefined) requireSameMailbox(existing, wanted.email, wanted.replace, vault);
    return existing;
  }
  if (wanted.stage === 'AWSPENDING') {
    throw new ConfigError(
      `secret ${vault.address.secretId}: it has no current version that AWSPENDING could follow`,
      'Leave out --stage: what is stored first is current at once.',
    );
  }
  return existing;
}

/** @throws CredentialError when the secret is for another mailbox than `email`. */
export function requireSameMailbox(existing: Existing, email: string, replace: boolean, vault: Vault): void {
  if (replace || existing.kind !== 'value' || existing.mailbox === null) return;
  if (isSameMailbox(existing.mailbox, email)) return;
  throw new CredentialError(
    `secret ${vault.address.secretId} is for the mailbox ${existing.mailbox}, and not for ${email}`,
    `Run the command again and choose ${existing.mailbox}; or name another secret in GMAIL_SECRET_ID; or add \`--replace\` if the jobs shall work on ${email} from now on.`,
  );
}

async function lookUp(vault: Vault, google: GoogleAccess, signal: AbortSignal): Promise<Existing> {
  const version = await vault.read({ stage: 'AWSCURRENT' }, signal).catch((error: unknown) => {
    if (error instanceof NoSuchSecretError && !vault.address.secretId.startsWith('arn:')) return undefined;
    throw error;
  });
  if (version === undefined) return { kind: 'no secret' };
  if (version === null) return { kind: 'no value' };
  const { credentials } = version;
  if (credentials instanceof ConfigError) return { kind: 'value', mailbox: null };
  if (credentials.type === 'service_account') throw isServiceAccount(vault);
  if (credentials.email !== undefined) return { kind: 'value', mailbox: credentials.email };
  // The secret does not say, but as long as its token works Gmail does.
  const proof = await prove(version, 'AWSCURRENT', vault, google, signal).catch((error: unknown) => {
    if (error instanceof JobError && !(error instanceof UnavailableError)) return null;
    throw error;
  });
  return { kind: 'value', mailbox: proof?.email ?? null };
}

function unknownMailbox({ address }: Vault): CredentialError {
  return new CredentialError(
    `secret ${address.secretId} holds a value that names no mailbox and is not a working credential, so it is not known whose it is`,
    'Check GMAIL_SECRET_ID; if this secret is the right one, add `--replace`.',
  );
}
