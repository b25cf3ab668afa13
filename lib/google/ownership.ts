/**
 * The mailbox that the credentials may open: the one that GMAIL_MAILBOX or the secret names, and the same one during a whole
 * run. A run refuses other mailboxes with these functions; `job check` predicts the refusal with the same functions.
 */

import type { FetchedSecret } from '../aws/secret.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import type { ConfiguredMailbox } from '../config.ts';
import { ConfigError, CredentialError } from '../errors.ts';

export interface MailboxProfile {
  readonly address: string;
  /** The number of messages, with Spam and Trash; undefined when Gmail does not say. */
  readonly messages: number | undefined;
}

/** The mailbox that every token must open. */
export interface MeantMailbox {
  readonly address: string;
  readonly expectedBy: keyof typeof SAYS;
  /** Whether the secret holds a service account's key, which `job rotate` refuses. */
  readonly isServiceAccount?: boolean;
}

const SAYS = {
  GMAIL_MAILBOX: 'is',
  'the entry in mailboxes.yaml': 'says',
  "the secret's email": 'is',
  "the secret's subject": 'is',
  'the run': 'began on',
} as const;

/** Such as `GMAIL_MAILBOX is alice@example.com`. */
export function expectationOf({ address, expectedBy }: MeantMailbox): string {
  return `${expectedBy} ${SAYS[expectedBy]} ${address}`;
}

/** A token opens another mailbox than the meant one. */
export class WrongMailboxError extends CredentialError {
  readonly actual: string;

  constructor(actual: string, meant: MeantMailbox) {
    const { expectedBy, isServiceAccount } = meant;
    const correct = isServiceAccount
      ? `Set subject in the secret to the mailbox that is meant${expectedBy === "the secret's subject" ? '' : `, or correct ${expectedBy}`}`
      : `Authorize again with the Google account that is meant (\`job rotate\`), or correct ${expectedBy === "the secret's email" ? 'email in the secret' : expectedBy}`;
    super(
      `The token belongs to the mailbox ${actual}, but ${expectationOf(meant)}`,
      `${correct}. If both addresses lead to one mailbox, write the one that Google uses: ${actual}.`,
    );
    this.actual = actual;
  }
}

/** The meant mailbox for a version of the secret: the configured one, else the address in the version itself. */
export function meantMailbox(
  configured: ConfiguredMailbox | undefined,
  { mailbox: address, credentials }: Pick<FetchedSecret, 'mailbox' | 'credentials'>,
): MeantMailbox | undefined {
  const isServiceAccount = 'type' in credentials && credentials.type === 'service_account';
  if (configured !== undefined) return { ...configured, isServiceAccount };
  if (address === undefined) return undefined;
  return { address, expectedBy: isServiceAccount ? "the secret's subject" : "the secret's email", isServiceAccount };
}

/** @throws WrongMailboxError when the mailbox is not the meant one. */
export function requireExpectedMailbox(actual: string, meant: MeantMailbox): void {
  if (!isSameMailbox(actual, meant.address)) throw new WrongMailboxError(actual, meant);
}

/** @throws ConfigError when the secret names another mailbox than the configured one. */
export function requireAgreement(configured: ConfiguredMailbox | undefined, secret: FetchedSecret): void {
  const { credentials, mailbox: named } = secret;
  if (configured === undefined || named === undefined || credentials instanceof ConfigError) return;
  if (isSameMailbox(named, configured.address)) return;
  const key = credentials.type === 'service_account' ? 'subject' : 'email';
  throw new ConfigError(
    `${expectationOf(configured)}, but the secret's ${key} is ${named}`,
    configured.expectedBy === 'GMAIL_MAILBOX'
      ? `Set GMAIL_MAILBOX to ${named} if the jobs should work on that mailbox, name the secret of ${configured.address} in GMAIL_SECRET_ID, or correct ${key} in the secret.`
      : `Correct email there or ${key} in the secret, or name another secret there.`,
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
