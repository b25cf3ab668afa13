/** Revokes at Google every refresh token in the secret, after a leak. Nothing else in the program revokes a token. */
import type { Stage } from '../aws/secret.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { GuardError, UsageError } from '../errors.ts';
import { isYes, type Terminal } from '../screen/terminal.ts';
import { revokeGrant } from './google.ts';
import type { CurrentVersion, RotationContext } from './rotation.ts';

/**
 * Names the mailboxes that lose access, and asks.
 * @throws GuardError when the answer is not yes, UsageError without a terminal.
 */
export async function confirmRevocation(
  before: CurrentVersion,
  rotation: RotationContext,
  terminal: Terminal,
): Promise<void> {
  const { store, signal } = rotation;
  const others = (await otherVersions(rotation)).map(
    ({ mailbox }) => mailbox ?? 'a mailbox that the version does not name',
  );
  const all = [...new Set([before.mailbox, ...others.filter((other) => !isSameMailbox(other, before.mailbox))])];
  terminal.print(
    `This immediately revokes every refresh token in the secret ${store.address.secretId} at Google, for ${all.join(' and ')}.`,
  );
  terminal.print('Then every run of every job fails until you give consent again on the next page.');
  const answer = await terminal.ask('Revoke them now? [y/N] ', signal);
  if (answer === null) {
    terminal.print();
    throw new UsageError('--revoke asks first, but there is no terminal to answer on', 'Add --yes.');
  }
  if (!isYes(answer)) {
    throw new GuardError('nothing was revoked, and nothing was changed', 'Run the command again and answer y.');
  }
}

/**
 * Revokes the refresh tokens of all versions, since a thief may have read every version. Returns how many still worked.
 * @throws UnavailableError or CredentialError when Google does not revoke one.
 */
export async function revokeAll(before: CurrentVersion, rotation: RotationContext): Promise<number> {
  const others = (await otherVersions(rotation)).map(({ refreshToken }) => refreshToken);
  let revoked = 0;
  for (const token of new Set([before.user.refreshToken, ...others])) {
    if (await revokeGrant(token, rotation.signal, rotation.google)) revoked += 1;
  }
  return revoked;
}

async function otherVersions({ store, signal }: RotationContext) {
  const stages = ['AWSPREVIOUS', 'AWSPENDING'] satisfies Stage[];
  const versions = await Promise.all(stages.map((stage) => store.read({ stage }, signal)));
  return versions.flatMap((version) =>
    version !== null && 'refreshToken' in version.credentials
      ? [{ refreshToken: version.credentials.refreshToken, mailbox: version.mailbox }]
      : [],
  );
}
