/** Whether runs would go on with AWSPREVIOUS in place of a current version that does not work: the same that a run decides. */

import { isSameMailbox } from '../base/mail-address.ts';
import { JobError } from '../errors.ts';
import { askMailbox, type ProfileAccess } from '../gmail/profile.ts';
import { type MeantMailbox, mayPreviousStandIn, opensAnother, withoutPrevious } from '../google/ownership.ts';
import { type Grant, type LearnOptions, learnGrant } from './grant.ts';
import type { SoundVersion } from './secret.ts';

/** A version of the secret whose token works, and what it is good for. */
export interface Working {
  readonly version: SoundVersion;
  readonly grant: Grant;
}

export interface StandInCheck extends LearnOptions {
  readonly gmail: ProfileAccess;
}

/** The version before with its grant; or, when it does not stand in, what a run would end with. */
export async function findStandIn(
  problem: JobError,
  previous: SoundVersion | null,
  whichIsMeant: MeantMailbox | undefined,
  check: StandInCheck,
): Promise<Working | JobError> {
  if (previous === null) return problem;
  const decision = mayPreviousStandIn(previous, whichIsMeant);
  if ('why' in decision) return withoutPrevious(problem, decision);
  const { meant } = decision;
  try {
    const grant = await learnGrant(previous, check);
    const { address } = await askMailbox(grant.accessToken, check.signal, check.gmail);
    if (!isSameMailbox(address, meant.address)) return withoutPrevious(problem, opensAnother(address, meant));
    return { version: previous, grant };
  } catch (error) {
    if (error instanceof JobError) return problem;
    throw error;
  }
}
