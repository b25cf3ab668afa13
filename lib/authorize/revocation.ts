/** After a leak: ends at Google what the secret holds. The only place in the program that revokes anything. */
import type { CommandContext } from '../command.ts';
import type { Stage } from '../credentials/secret.ts';
import { GuardError, UsageError } from '../errors.ts';
import type { OptionSpecs } from '../options.ts';
import { revokeGrant } from './google.ts';
import type { Current, RotationContext } from './rotation.ts';

type Around = Pick<CommandContext<OptionSpecs>, 'terminal' | 'signal'>;

/**
 * Says what will stop, and asks.
 * @throws GuardError when the person does not say yes, UsageError when there is nobody to ask.
 */
export async function confirmRevocation(before: Current, secretId: string, around: Around): Promise<void> {
  const { terminal, signal } = around;
  terminal.print(
    `This ends, at Google and at once, all access to ${before.mailbox} that the secret ${secretId} holds.`,
  );
  terminal.print('From then on every run of every job fails, until you have agreed anew on the page that follows.');
  const answer = await terminal.ask('Revoke it now? [y/N] ', signal);
  if (answer === null) {
    terminal.print();
    throw new UsageError('--revoke asks first, and there is nobody to answer', 'Add --yes.');
  }
  if (!/^\s*y(es)?\s*$/i.test(answer)) {
    throw new GuardError('nothing was revoked, and nothing was changed', 'Run the command again and answer y.');
  }
}

/**
 * Revokes every refresh token in the secret, since who has read it may have read all its versions. Returns how many
 * Google ended; those that were dead already do not count.
 * @throws UnavailableError or CredentialError when Google does not revoke one.
 */
export async function revokeAll(before: Current, { vault, google, signal }: RotationContext): Promise<number> {
  const tokens = new Set([before.user.refreshToken]);
  for (const stage of ['AWSPREVIOUS', 'AWSPENDING'] satisfies Stage[]) {
    const credentials = (await vault.read({ stage }, signal))?.credentials;
    if (credentials !== undefined && 'refreshToken' in credentials) tokens.add(credentials.refreshToken);
  }
  let revoked = 0;
  for (const token of tokens) if (await revokeGrant(token, signal, google)) revoked += 1;
  return revoked;
}
