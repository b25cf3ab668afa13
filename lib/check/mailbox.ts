/** The lines `mailbox` and `quota` of `job check`: which mailbox the token opens, and the quota that runs count on. */
import { formatCount } from '../base/count.ts';
import type { Config } from '../config.ts';
import type { GmailClient } from '../gmail/client.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { ClientStatistics } from '../gmail/units.ts';
import { type MeantMailbox, requireExpectedMailbox } from '../google/ownership.ts';
import type { OpenProofs } from '../google/token.ts';
import { Scope } from '../job.ts';
import { type Connection, openConnection, readOnlyMailbox, unitsPerMinute } from '../run/connection.ts';
import { type Finding, failed, ok, warning } from './finding.ts';
import type { WorkingVersion } from './grant.ts';

/** Scopes that can search, the narrowest first. */
const READING = [Scope.readonly, Scope.modify, 'https://mail.google.com/'];

export interface OpenedMailbox {
  readonly client: GmailClient;
  /** Null when the token opens no mailbox, or not the one that is meant. */
  readonly mailbox: Mailbox | null;
}

export interface MailboxCheck {
  readonly working: WorkingVersion;
  /** Undefined when neither GMAIL_MAILBOX nor the secret names one. */
  readonly meant: MeantMailbox | undefined;
  readonly config: Config;
  readonly hide: (secret: string) => void;
  readonly openProofs: OpenProofs;
  readonly signal: AbortSignal;
}

/** Yields the line `mailbox`. */
export async function* checkMailbox(check: MailboxCheck): AsyncGenerator<Finding, OpenedMailbox> {
  const { meant, config } = check;
  const connection = await connectAsChecked(check);
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

/** Uses the version of the secret that checkAccess() found to work. */
function connectAsChecked({ working, config, hide, openProofs, signal }: MailboxCheck): Promise<Connection> {
  const { version, grant } = working;
  const reading = READING.find((scope) => grant.scopes.includes(scope));
  return openConnection(config, {
    jobName: 'job check',
    scopes: reading === undefined ? grant.scopes : [reading],
    fetchSecret: async () => ({ ...version, createdAt: undefined }),
    signals: { wrapUp: signal, giveUp: signal },
    hide,
    openProofs,
  });
}

/** The line `quota`: the configured limit. Google's own limit shows only when Google refuses a request. */
export function checkQuota(config: Config, spent: ClientStatistics | undefined): Finding {
  const { quotaProfile: profile, quotaPerMinute } = config;
  const perMinute = unitsPerMinute(config);
  const own = quotaPerMinute === undefined ? '' : ' (GMAIL_QUOTA_PER_MINUTE)';
  const here = spent === undefined ? '' : `; ${formatCount(spent.quotaUnits)} spent here`;
  return ok('quota', `profile ${profile}, ${formatCount(perMinute)} units a minute${own}${here}`, {
    data: { profile, unitsPerMinute: perMinute, spent: spent?.quotaUnits ?? 0, requests: spent?.requests ?? 0 },
  });
}
