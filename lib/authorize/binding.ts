/**
 * Chooses the KMS key to which the new refresh token is bound, and proves that Google bound the token. google/dpop.ts makes
 * the proofs.
 */
import type { AuthorizedUser, KeyBinding } from '../aws/shape.ts';
import { ConfigError, UsageError } from '../errors.ts';
import { exchangeRefreshToken, proverFor, TokenRefusal } from '../google/token.ts';
import type { Terminal } from '../screen/terminal.ts';
import type { GoogleAccess } from './google.ts';

export interface BindingOptions {
  readonly kmsKey: string | undefined;
  readonly unbind: boolean;
}

/** Whether the options decide about the binding. @throws UsageError when they contradict each other. */
export function namesBinding({ kmsKey, unbind }: BindingOptions): boolean {
  if (kmsKey !== undefined && unbind) {
    throw new UsageError('--kms-key and --unbind exclude each other', 'Leave one of them out.');
  }
  return kmsKey !== undefined || unbind;
}

/**
 * The key that the options name, else the key `found` in the current version; undefined for no key. Signs once
 * with the key, so that an unusable key is found before a person gives consent.
 * @throws ConfigError, CredentialError or UnavailableError when the key cannot be used.
 */
export async function chooseBinding(
  options: BindingOptions,
  found: KeyBinding | undefined,
  { region, google, terminal, signal }: BindingContext,
): Promise<KeyBinding | undefined> {
  const { kmsKey } = options;
  if (!namesBinding(options) && found === undefined) return undefined;
  if (options.unbind) {
    terminal.print('The new refresh token will be bound to no key.');
    return undefined;
  }
  const { keys } = await google.openProofs();
  const binding = kmsKey === undefined ? found : await keys.readBinding(kmsKey, region, signal);
  await (await proverFor(binding, google))?.prove(signal);
  const verb = isSameBinding(binding, found) ? 'stays' : 'will be';
  terminal.print(`The refresh token ${verb} bound to the KMS key ${binding?.kmsKeyId}. The key signs.`);
  return binding;
}

export interface BindingContext {
  /** The region of a key that is named by an alias. */
  readonly region: string;
  readonly google: GoogleAccess;
  readonly terminal: Pick<Terminal, 'print'>;
  readonly signal: AbortSignal;
}

export function isSameBinding(one: KeyBinding | undefined, other: KeyBinding | undefined): boolean {
  return one?.kmsKeyId === other?.kmsKeyId && one?.jwk.x === other?.jwk.x && one?.jwk.y === other?.jwk.y;
}

/**
 * Requires that Google refuses the new refresh token without a proof, before and after accepting the token with a proof:
 * Google's answer to the code does not say whether the token is bound. Returns the bound credentials.
 * @throws ConfigError when Google ignored the proof, what an exchange throws when the token does not work with the key.
 */
export async function requireBound(
  unbound: AuthorizedUser,
  binding: KeyBinding,
  signal: AbortSignal,
  google: GoogleAccess,
): Promise<AuthorizedUser> {
  await requireRefused(unbound, signal, google);
  const user = { ...unbound, binding };
  const bound = (await exchangeRefreshToken(user, null, undefined, signal, google)).replacement ?? user;
  // The first refusal may have had another cause, which has passed.
  await requireRefused({ ...unbound, refreshToken: bound.refreshToken }, signal, google);
  return bound;
}

/** @throws ConfigError when Google accepts the token without a proof. */
async function requireRefused(unbound: AuthorizedUser, signal: AbortSignal, google: GoogleAccess): Promise<void> {
  try {
    await exchangeRefreshToken(unbound, null, undefined, signal, google);
  } catch (error) {
    if (error instanceof TokenRefusal) return;
    throw error;
  }
  throw new ConfigError(
    'Google did not bind the refresh token to the key: the new token works without a proof, so Google does not offer DPoP for this OAuth client',
    'Nothing was stored, and the new token was discarded. Use another client, or run the command again without --kms-key (to replace a token that is bound today: `job rotate --unbind`).',
  );
}
