/** Whose mailbox the token opens, with a client that can only read; and what its quota is. */
import { systemClock } from '../base/clock.ts';
import { formatCount } from '../base/count.ts';
import { Tally } from '../base/tally.ts';
import type { Config } from '../config.ts';
import { GmailClient } from '../gmail/client.ts';
import { Mailbox } from '../gmail/mailbox.ts';
import { askMailbox } from '../gmail/profile.ts';
import { QuotaWindow } from '../gmail/quota.ts';
import { type ClientStatistics, countRequest, UNITS_PER_MINUTE, unitsOf } from '../gmail/units.ts';
import { dryWriter } from '../gmail/writer.ts';
import { createAccessTokens } from '../google/access.ts';
import { type MeantMailbox, requireExpectedMailbox } from '../google/ownership.ts';
import type { ExchangeOptions } from '../google/token.ts';
import { Scope } from '../job.ts';
import { noLog } from '../screen/log.ts';
import { noProgress } from '../screen/progress.ts';
import type { Access } from './access.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

/** Scopes that can search, the least first. */
const READING = [Scope.readonly, Scope.modify, 'https://mail.google.com/'];

export interface OpenedMailbox {
  readonly client: GmailClient;
  /** Null when it is not the right one. */
  readonly mailbox: Mailbox | null;
}

export interface MailboxCheck {
  readonly access: Access;
  /** The mailbox that it must be; undefined when nothing says so. */
  readonly meant: MeantMailbox | undefined;
  readonly config: Config;
  readonly exchange: ExchangeOptions;
  readonly signal: AbortSignal;
}

/** Yields the line `mailbox`. */
export async function* checkMailbox(check: MailboxCheck): AsyncGenerator<Finding, OpenedMailbox> {
  const { meant, config } = check;
  const { client, mailbox, tokens } = openForReading(check);
  try {
    await tokens.get();
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
    return { client, mailbox };
  } catch (error) {
    yield failed('mailbox', error);
    return { client, mailbox: null };
  }
}

function openForReading({ access, config, exchange, signal }: MailboxCheck) {
  const { version, granted } = access;
  const reading = READING.find((scope) => granted.includes(scope));
  const shared = {
    log: noLog,
    clock: systemClock,
    random: Math.random,
  };
  const statistics = { requests: 0, retries: 0, quotaUnits: 0 };
  const gmail = {
    ...exchange,
    gmailApiUrl: config.gmailApiUrl,
    onSent() {
      countRequest(statistics, unitsOf('users.getProfile', config.quotaProfile));
    },
  };
  const tokens = createAccessTokens({
    ...shared,
    jobName: 'job check',
    scopes: reading === undefined ? granted : [reading],
    fetchSecret: async () => ({ ...version, createdAt: undefined }),
    mailbox: config.mailbox,
    readProfile: (accessToken) => askMailbox(accessToken, signal, gmail),
    exchange,
    signal,
  });
  const client = new GmailClient({
    ...shared,
    tokens,
    statistics,
    profile: config.quotaProfile,
    quota: new QuotaWindow({ clock: systemClock, unitsPerMinute: unitsPerMinute(config), onWait() {} }),
    apiUrl: config.gmailApiUrl,
    timeoutMs: config.requestTimeoutMs,
    giveUp: signal,
  });
  const tally = new Tally();
  return {
    client,
    tokens,
    mailbox: new Mailbox({ ...shared, client, writer: dryWriter, tally, progress: noProgress, signal }),
  };
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

function unitsPerMinute({ quotaProfile, quotaPerMinute }: Config): number {
  return quotaPerMinute ?? UNITS_PER_MINUTE[quotaProfile];
}
