/** Decides whether AWSPREVIOUS replaces a current version that does not work: in a run, and for `job check`. */

import { isSameMailbox } from '../base/mail-address.ts';
import { ConfigError, CredentialError, JobError } from '../errors.ts';
import { expectationOf, type MeantMailbox, WrongMailboxError } from './ownership.ts';

/**
 * Opens AWSPREVIOUS with `open`, because the current version has a `problem`. When AWSPREVIOUS does not work or may not be
 * used, returns the error that ends the run: `problem`, with the reason if a person can remove the reason.
 * `fetchPrevious` returns null when there is no version to try. Throws errors that are no JobError.
 */
export async function tryPrevious<P extends { readonly mailbox: string | undefined }, T>(
  problem: JobError,
  fetchPrevious: () => Promise<P | null>,
  meant: MeantMailbox | undefined,
  open: (previous: P, meant: MeantMailbox) => Promise<T | JobError>,
): Promise<T | JobError> {
  try {
    const previous = await fetchPrevious();
    if (previous === null) return problem;
    if (meant === undefined) return notNamed(problem);
    const { mailbox } = previous;
    if (mailbox !== undefined && !isSameMailbox(mailbox, meant.address)) return otherMailbox(problem, mailbox, meant);
    const opened = await open(previous, meant);
    return opened instanceof JobError ? problem : opened;
  } catch (error) {
    if (error instanceof WrongMailboxError && meant !== undefined) return otherMailbox(problem, error.actual, meant);
    if (error instanceof JobError) return problem;
    throw error;
  }
}

function notNamed(problem: JobError): JobError {
  const remedy =
    'So that AWSPREVIOUS can be used next time, set GMAIL_MAILBOX (in a fleet, email in mailboxes.yaml) to the address of the mailbox, or keep email in the secret.';
  return notUsed(problem, 'neither GMAIL_MAILBOX nor the secret names the mailbox', `${problem.remedy} ${remedy}`);
}

function otherMailbox(problem: JobError, actual: string, meant: MeantMailbox): JobError {
  return notUsed(problem, `it is for ${actual}, but ${expectationOf(meant)}`, problem.remedy);
}

function notUsed(problem: JobError, why: string, remedy: string): JobError {
  const message = `${problem.message}; AWSPREVIOUS was not used, because ${why}`;
  return problem instanceof ConfigError
    ? new ConfigError(message, remedy, { cause: problem })
    : new CredentialError(message, remedy, { cause: problem });
}
