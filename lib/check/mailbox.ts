/** Whose mailbox the token opens, with a client that can only read; and what its quota is. */

import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { formatCount } from '../count.ts';
import { createAccessTokens } from '../credentials/access.ts';
import { requireExpectedMailbox } from '../credentials/ownership.ts';
import { mailboxOf } from '../credentials/shape.ts';
import type { ExchangeOptions } from '../credentials/token.ts';
import { type ClientStatistics, GmailClient } from '../gmail/client.ts';
import { Mailbox } from '../gmail/mailbox.ts';
import { QuotaWindow } from '../gmail/quota.ts';
import { UNITS_PER_MINUTE } from '../gmail/units.ts';
import { dryWriter } from '../gmail/writer.ts';
import { Scope } from '../job.ts';
import { createLog } from '../log.ts';
import { noProgress } from '../progress.ts';
import { Tally } from '../tally.ts';
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
  readonly config: Config;
  readonly exchange: ExchangeOptions;
  readonly signal: AbortSignal;
}

/** Yields the line `mailbox`. */
export async function* checkMailbox(check: MailboxCheck): AsyncGenerator<Finding, OpenedMailbox> {
  const { client, mailbox } = openForReading(check);
  const expected = mailboxOf(check.access.version.credentials);
  try {
    const actual = await mailbox.address();
    const data = { address: actual, expected: expected ?? null };
    if (expected === undefined) {
      const remedy = `Add "email":"${actual}" to the secret, and a token of any other mailbox is refused.`;
      yield warning('mailbox', `${actual}; the secret has no email to compare it with`, remedy, { data });
    } else {
      requireExpectedMailbox(actual, expected);
      yield ok('mailbox', `${actual}, as the secret says`, { data });
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
    log: createLog({ level: 'error', format: 'json', write() {} }),
    clock: systemClock,
    random: Math.random,
  };
  const client = new GmailClient({
    ...shared,
    tokens: createAccessTokens({
      ...shared,
      jobName: 'job check',
      scopes: reading === undefined ? granted : [reading],
      fetchSecret: async () => ({
        versionId: version.versionId,
        createdAt: undefined,
        credentials: version.credentials,
      }),
      exchange,
      signal,
    }),
    profile: config.quotaProfile,
    quota: new QuotaWindow({ clock: systemClock, unitsPerMinute: unitsPerMinute(config), onWait() {} }),
    apiUrl: config.gmailApiUrl,
    timeoutMs: config.requestTimeoutMs,
    giveUp: signal,
  });
  const tally = new Tally();
  return {
    client,
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
