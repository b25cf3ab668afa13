/** Where an earlier rotation was left: what AWSPENDING says about how to go on. */
import type { AuthorizedUser } from '../aws/secret.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { JobError, UnavailableError } from '../errors.ts';
import type { OAuthClient } from './client-file.ts';
import { prove } from './prove.ts';
import { type Current, type Demands, provePending, putBack, type RotationContext } from './rotation.ts';

export type Pending =
  /** Nothing that could be used; `why` when there is a version all the same. */
  | { readonly kind: 'none'; readonly why?: string }
  /** A version that works, and only has to be made the current one. */
  | { readonly kind: 'ready'; readonly versionId: string; readonly createdAt: Date | undefined }
  /** It is current already: all that was left to do was to check it, and to take the label off. */
  | { readonly kind: 'live' };

/**
 * What waits as AWSPENDING. With `client`, only what was made with that client counts.
 * @throws UnavailableError when it cannot be said now; CredentialError when the version that an earlier rotation made
 * current does not work: then the version before it was put back.
 */
export async function findPending(
  before: Current,
  demands: Demands,
  client: OAuthClient | null,
  context: RotationContext,
): Promise<Pending> {
  const version = await context.vault.read({ stage: 'AWSPENDING' }, context.signal);
  if (version === null) return { kind: 'none' };
  const { credentials } = version;
  if (client !== null && (credentials instanceof Error || !isOf(credentials, client))) {
    return { kind: 'none', why: 'it was made with another client' };
  }
  if (version.versionId === before.versionId) {
    if (before.problem === null) return { kind: 'live' };
    await undo(before, before.problem, context);
    return { kind: 'none', why: before.problem.message };
  }
  try {
    const { versionId } = await provePending(version, demands, context);
    return { kind: 'ready', versionId, createdAt: version.createdAt };
  } catch (error) {
    if (!(error instanceof JobError) || error instanceof UnavailableError) throw error;
    return { kind: 'none', why: error.message };
  }
}

/** Whether the credentials were made with this client, and hold this very client secret. */
export function isOf(credentials: { readonly type: string }, client: OAuthClient): boolean {
  const { clientId, clientSecret } = credentials as AuthorizedUser;
  return clientId === client.clientId && clientSecret === client.clientSecret;
}

/** Puts back what was current before an interrupted rotation, when that works. @throws CredentialError when it did so. */
async function undo(before: Current, problem: JobError, context: RotationContext): Promise<void> {
  const { vault, google, signal } = context;
  const previous = await vault.read({ stage: 'AWSPREVIOUS' }, signal);
  if (previous === null) return;
  try {
    const proof = await prove(previous, 'AWSPREVIOUS', vault, google, signal);
    if (!isSameMailbox(proof.email, before.mailbox)) return;
  } catch (error) {
    if (!(error instanceof JobError) || error instanceof UnavailableError) throw error;
    return;
  }
  throw await putBack(before.versionId, previous.versionId, problem, context);
}
