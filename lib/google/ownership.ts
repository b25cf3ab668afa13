/**
 * The mailbox that the credentials may open: the one that GMAIL_MAILBOX or the secret names, and the same one during a whole
 * run. A run refuses other mailboxes with these functions; `job check` predicts the refusal with the same functions.
 */

import type { FetchedSecret } from '../aws/secret.ts';
import { mailboxOf } from '../aws/shape.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { ConfigError, CredentialError } from '../errors.ts';

export interface MailboxProfile {
  readonly address: string;
  /** The number of messages, with Spam and Trash; undefined when Gmail does not say. */
  readonly messages: number | undefined;
}

/** The mailbox that every token must open. `named` begins a message about its source: `GMAIL_MAILBOX is`. */
export interface MeantMailbox {
  readonly address: string;
  readonly source: 'variable' | 'list' | 'secret' | 'run';
  readonly named: string;
  /** Whether the secret holds a service account's key, which `job rotate` refuses. */
  readonly isServiceAccount?: boolean;
}

/** A token opens another mailbox than the meant one. */
export class WrongMailboxError extends CredentialError {
  readonly actual: string;

  constructor(actual: string, { address, source, named, isServiceAccount }: MeantMailbox) {
    const setting = source === 'variable' ? 'GMAIL_MAILBOX' : source === 'list' ? LISTED : undefined;
    const correct = isServiceAccount
      ? `Set subject in the secret to the mailbox that is meant${setting === undefined ? '' : `, or correct ${setting}`}`
      : `Authorize again with the Google account that is meant (\`job rotate\`), or correct ${setting ?? 'email in the secret'}`;
    super(
      `The token belongs to the mailbox ${actual}, but ${named} ${address}`,
      `${correct}. If both addresses lead to one mailbox, write the one that Google uses: ${actual}.`,
    );
    this.actual = actual;
  }
}

const LISTED = 'the entry in mailboxes.yaml';

/**
 * The meant mailbox for a version of the secret: the configured one, else the address in the version itself. `isListed` says
 * that the configured mailbox comes from mailboxes.yaml, not from GMAIL_MAILBOX.
 */
export function meantMailbox(
  configuredMailbox: string | undefined,
  { mailbox, credentials }: Pick<FetchedSecret, 'mailbox' | 'credentials'>,
  isListed = false,
): MeantMailbox | undefined {
  const isServiceAccount = 'type' in credentials && credentials.type === 'service_account';
  if (configuredMailbox !== undefined && isListed)
    return { address: configuredMailbox, source: 'list', named: `${LISTED} says`, isServiceAccount };
  if (configuredMailbox !== undefined)
    return { address: configuredMailbox, source: 'variable', named: 'GMAIL_MAILBOX is', isServiceAccount };
  const key = isServiceAccount ? 'subject' : 'email';
  if (mailbox === undefined) return undefined;
  return { address: mailbox, source: 'secret', named: `the secret's ${key} is`, isServiceAccount };
}

/** @throws WrongMailboxError when the mailbox is not the meant one. */
export function requireExpectedMailbox(actual: string, meant: MeantMailbox): void {
  if (!isSameMailbox(actual, meant.address)) throw new WrongMailboxError(actual, meant);
}

/** @throws ConfigError when the secret names another mailbox than GMAIL_MAILBOX, or than mailboxes.yaml for one `isListed`. */
export function requireAgreement(configuredMailbox: string | undefined, secret: FetchedSecret, isListed = false): void {
  const { credentials } = secret;
  if (configuredMailbox === undefined || credentials instanceof ConfigError) return;
  const named = mailboxOf(credentials);
  if (named === undefined || isSameMailbox(named, configuredMailbox)) return;
  const key = credentials.type === 'service_account' ? 'subject' : 'email';
  if (isListed)
    throw new ConfigError(
      `${LISTED} says ${configuredMailbox}, but the secret's ${key} is ${named}`,
      `Correct email there or ${key} in the secret, or name another secret there.`,
    );
  throw new ConfigError(
    `GMAIL_MAILBOX is ${configuredMailbox}, but the secret's ${key} is ${named}`,
    `Set GMAIL_MAILBOX to ${named} if the jobs should work on that mailbox, name the secret of ${configuredMailbox} in GMAIL_SECRET_ID, or correct ${key} in the secret.`,
  );
}

/** @throws CredentialError when the secret names, or its token opens, another mailbox than the run began with. */
export function requireUnchangedMailbox(now: string | undefined, before: string | undefined): void {
  if (now === undefined || before === undefined || isSameMailbox(now, before)) return;
  throw new CredentialError(
    `The secret was changed to another mailbox during the run: from ${before} to ${now}`,
    'The run changed nothing in the new mailbox. If the change of the secret was intended, the next run works on the new mailbox; if not, authorize again with the right account (`job rotate`; for a service account, correct subject in the secret).',
  );
}
