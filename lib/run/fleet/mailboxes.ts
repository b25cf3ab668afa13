/** The mailboxes of a fleet, found from the entries of mailboxes.yaml. */
import type { JobError } from '../../errors.ts';
import type { ChosenMailbox } from '../run.ts';

/** `name` is the secret's name, or the subject. */
export interface FleetMailbox extends ChosenMailbox {
  /** The user that the service account in the secret acts as; undefined for a secret of one mailbox. */
  readonly subject?: string;
  /** The entry of mailboxes.yaml, as messages name it. */
  readonly source: string;
}

export interface FoundMailboxes {
  /** In the order of the file; each mailbox once. */
  readonly mailboxes: readonly FleetMailbox[];
  readonly repeated: readonly RepeatedMailbox[];
  /** Entries that could not be read, or gave no mailbox. */
  readonly failures: readonly { readonly source: string; readonly error: JobError }[];
}

/** A mailbox that a later entry names once more; it is worked on by its first entry alone. */
export interface RepeatedMailbox {
  readonly name: string;
  readonly source: string;
  readonly firstSource: string;
}
