/** Whose mailbox the credentials may open: only the one that the secret names, from the beginning of a run to its end. */
import { CredentialError } from '../errors.ts';

/** @throws CredentialError when the mailbox is not the one that the secret names. */
export function requireExpectedMailbox(actual: string, expected: string): void {
  if (actual.toLowerCase() === expected.toLowerCase()) return;
  throw new CredentialError(
    `The token belongs to the mailbox ${actual}, but the secret's email is ${expected}`,
    'Authorize again with the right Google account, or correct email in the secret (subject, for a service account).',
  );
}

/** @throws CredentialError when the secret now names another mailbox than at the beginning of the run. */
export function requireUnchangedMailbox(now: string | undefined, before: string | undefined): void {
  if (now === undefined || before === undefined || now.toLowerCase() === before.toLowerCase()) return;
  throw new CredentialError(
    `The secret was changed to another mailbox during the run: from ${before} to ${now}`,
    'Nothing was touched there; the next run works on the mailbox that the secret names then.',
  );
}
