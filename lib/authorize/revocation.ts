/** After a leak: ends at Google what the secret holds. The only place in the program that revokes anything. */
import type { Stage } from '../aws/secret.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { GuardError, UsageError } from '../errors.ts';
import type { Terminal } from '../screen/terminal.ts';
import { revokeGrant } from './google.ts';
import type { Current, RotationContext } from './rotation.ts';

/**
 * Says what will stop, and in which mailboxes, and asks.
 * @throws GuardError when the person does not say yes, UsageError when there is nobody to ask.
 */
export async function confirmRevocation(before: Current, rotation: RotationContext, terminal: Terminal): Promise<void> {
  const { vault, signal } = rotation;
  const others = (await otherVersions(rotation)).map(
    ({ mailbox }) => mailbox ?? 'a mailbox that the version does not name',
  );
  const all = [...new Set([before.mailbox, ...others.filter((other) => !isSameMailbox(other, before.mailbox))])];
  terminal.print(
    `This ends, at Google and at once, all access to ${all.join(' and ')} that the secret ${vault.address.secretId} holds.`,
  );
  terminal.print('From then on every run of every job fails, until you give consent again on the page that follows.');
  const answer = await terminal.ask('Revoke it now? [y/N] ', signal);
  if (answer === null) {
    terminal.print();
    throw new UsageError('--revoke asks a question first, but there is no terminal to answer it', 'Add --yes.');
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
export async function revokeAll(before: Current, rotation: RotationContext): Promise<number> {
  const others = (await otherVersions(rotation)).map(({ refreshToken }) => refreshToken);
  let revoked = 0;
  for (const token of new Set([before.user.refreshToken, ...others])) {
    if (await revokeGrant(token, rotation.signal, rotation.google)) revoked += 1;
  }
  return revoked;
}

/** The refresh tokens beside the current one, and the mailboxes that their versions name. */
async function otherVersions({ vault, signal }: RotationContext) {
  const stages = ['AWSPREVIOUS', 'AWSPENDING'] satisfies Stage[];
  const versions = await Promise.all(stages.map((stage) => vault.read({ stage }, signal)));
  return versions.flatMap((version) =>
    version !== null && 'refreshToken' in version.credentials
      ? [{ refreshToken: version.credentials.refreshToken, mailbox: version.mailbox }]
      : [],
  );
}
