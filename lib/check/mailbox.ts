/** Whose mailbox the token opens, with a client that can only read; and what its quota is. */
import { formatCount } from '../base/count.ts';
import type { Config } from '../config.ts';
import type { GmailClient } from '../gmail/client.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { ClientStatistics } from '../gmail/units.ts';
import { type MeantMailbox, requireExpectedMailbox } from '../google/ownership.ts';
import { Scope } from '../job.ts';
import { type Connection, openConnection, readOnlyMailbox, unitsPerMinute } from '../run/connection.ts';
import { type Finding, failed, ok, warning } from './finding.ts';
import type { WorkingVersion } from './grant.ts';

/** Scopes that can search, the least first. */
const READING = [Scope.readonly, Scope.modify, 'https://mail.google.com/'];

export interface OpenedMailbox {
  readonly client: GmailClient;
  /** Null when it is not the right one. */
  readonly mailbox: Mailbox | null;
}

export interface MailboxCheck {
  readonly working: WorkingVersion;
  /** The mailbox that it must be; undefined when nothing says so. */
  readonly meant: MeantMailbox | undefined;
  readonly config: Config;
  readonly hide: (secret: string) => void;
  readonly signal: AbortSignal;
}

/** Yields the line `mailbox`. */
export async function* checkMailbox(check: MailboxCheck): AsyncGenerator<Finding, OpenedMailbox> {
  const { meant, config } = check;
  const connection = await openForReading(check);
  const { client, tokens, firstToken } = connection;
  try {
    await firstToken;
    const actual = tokens.profile?.address ?? '';
    const data = { address: actual, expected: meant?.address ?? null };
    if (meant === undefined) {
      const remedy = `Set GMAIL_MAILBOX=${actual}, or add "email":"${actual}" to the secret: then a token of any other mailbox is refused, and AWSPREVIOUS can replace a version that does not work.`;
      yield warning('mailbox', `${actual}; neither GMAIL_MAILBOX nor the secret names a mailbox`, remedy, {
        data,
      });
    } else {
      requireExpectedMailbox(actual, meant);
      yield ok('mailbox', `${actual}, as ${config.mailbox === undefined ? 'the secret' : 'GMAIL_MAILBOX'} says`, {
        data,
      });
    }
    return { client, mailbox: readOnlyMailbox(connection, check.signal) };
  } catch (error) {
    yield failed('mailbox', error);
    return { client, mailbox: null };
  }
}

/** Reads with the version of the secret that was checked before. */
function openForReading({ working, config, hide, signal }: MailboxCheck): Promise<Connection> {
  const { version, grant } = working;
  const reading = READING.find((scope) => grant.scopes.includes(scope));
  return openConnection(config, {
    jobName: 'job check',
    scopes: reading === undefined ? grant.scopes : [reading],
    fetchSecret: async () => ({ ...version, createdAt: undefined }),
    stop: { wrapUp: signal, giveUp: signal },
    hide,
  });
}

/** The line `quota`: what the client counts on. What Google really allows is seen only when it refuses. */
export function checkQuota(config: Config, spent: ClientStatistics | undefined): Finding {
  const { quotaProfile: profile, quotaPerMinute } = config;
  const perMinute = unitsPerMinute(config);
  const own = quotaPerMinute === undefined ? '' : ' (GMAIL_QUOTA_PER_MINUTE)';
  const here = spent === undefined ? '' : `; ${formatCount(spent.quotaUnits)} spent here`;
  return ok('quota', `profile ${profile}, ${formatCount(perMinute)} units a minute${own}${here}`, {
    data: { profile, unitsPerMinute: perMinute, spent: spent?.quotaUnits ?? 0, requests: spent?.requests ?? 0 },
  });
}
