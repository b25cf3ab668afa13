/** A run's way to Gmail: the access tokens, and the client that sends its requests with them, under the quota. */
import type { Budget } from './budget.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config.ts';
import { type AccessTokens, createAccessTokens } from './credentials/access.ts';
import { keepRefreshToken } from './credentials/keep.ts';
import { createSecretFetcher } from './credentials/secret.ts';
import { openVault } from './credentials/vault.ts';
import { GmailClient } from './gmail/client.ts';
import { askMailbox } from './gmail/profile.ts';
import { QuotaWindow } from './gmail/quota.ts';
import { UNITS_PER_MINUTE } from './gmail/units.ts';
import type { Log } from './log.ts';
import type { Progress } from './progress.ts';
import type { Redactor } from './redact.ts';

export interface Connection {
  readonly tokens: AccessTokens;
  readonly client: GmailClient;
  readonly quota: QuotaWindow;
}

export interface ConnectionOptions {
  readonly jobName: string;
  readonly scopes: readonly string[];
  readonly budget: Budget;
  readonly redactor: Redactor;
  readonly log: Log;
  readonly progress: Progress;
}

/** Opens nothing yet: the secret is fetched when the first request needs a token. */
export function connect(config: Config, options: ConnectionOptions): Connection {
  const { jobName, scopes, budget, redactor, log, progress } = options;
  const hide = (secret: string) => redactor.add(secret);
  const shared = { log, clock: systemClock, random: Math.random };
  const address = { secretId: config.secretId, region: config.awsRegion, keys: config.awsKeys };
  const tokens = createAccessTokens({
    ...shared,
    jobName,
    scopes,
    fetchSecret: createSecretFetcher(address, hide),
    // Not ended by wrapUp: what Google gives once would be lost.
    keep: (user, from) => keepRefreshToken(openVault(address, hide), user, from, budget.giveUp),
    whose: (accessToken) =>
      askMailbox(accessToken, budget.wrapUp, {
        ...shared,
        gmailApiUrl: config.gmailApiUrl ?? 'https://gmail.googleapis.com',
        timeoutMs: config.requestTimeoutMs,
      }),
    exchange: { ...shared, tokenUrl: config.tokenUrl, timeoutMs: config.requestTimeoutMs, hide },
    signal: budget.wrapUp,
  });
  const quota = new QuotaWindow({
    clock: systemClock,
    unitsPerMinute: config.quotaPerMinute ?? UNITS_PER_MINUTE[config.quotaProfile],
    onWait: (waitMs, why) => {
      const isShown = progress.waiting(systemClock.now() + waitMs, why);
      log[isShown ? 'debug' : 'info']('quota.wait', { waitMs: Math.round(waitMs), why });
    },
  });
  const client = new GmailClient({
    ...shared,
    tokens,
    quota,
    profile: config.quotaProfile,
    apiUrl: config.gmailApiUrl,
    timeoutMs: config.requestTimeoutMs,
    giveUp: budget.giveUp,
    onSpent: (units) => progress.spent(units),
  });
  return { tokens, client, quota };
}
