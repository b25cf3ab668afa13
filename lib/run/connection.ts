/** A run's way to Gmail: the access tokens, and the client that sends its requests with them, under the quota. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../config.ts';
import type { GmailClient } from '../gmail/client.ts';
import { askMailbox } from '../gmail/profile.ts';
import { QuotaWindow } from '../gmail/quota.ts';
import { type ClientStatistics, countRequest, UNITS_PER_MINUTE, unitsOf } from '../gmail/units.ts';
import { openConnections } from '../gmail/warm.ts';
import { type AccessTokens, createAccessTokens } from '../google/access.ts';
import type { JobScopes } from '../google/job-scopes.ts';
import { restrainV8 } from '../process/memory.ts';
import type { Redactor } from '../process/redact.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import type { Budget } from './budget.ts';

/** AWS's client looks for its settings in files first; then, in turns of the event loop, it connects and writes. */
const READ_SETTINGS_MS = 2;
const TURNS_TO_SEND = 3;

/** Connections to Gmail that are opened ahead: so many does `fetch` use for a plan of three searches at once. */
const CONNECTIONS = 4;

export interface Connection {
  readonly tokens: AccessTokens;
  /** Settled when the first access token is there and opens the mailbox that is meant, or can't be had. */
  readonly firstToken: Promise<unknown>;
  readonly client: GmailClient;
  readonly quota: QuotaWindow;
}

export interface ConnectionOptions {
  readonly jobName: string;
  readonly scopes: readonly string[];
  /** The installed jobs, for advice about scopes. */
  readonly installed: () => Promise<JobScopes[]>;
  readonly budget: Budget;
  readonly redactor: Redactor;
  readonly log: Log;
  readonly progress: Progress;
  /** Given the tokens as soon as the first is asked for. */
  readonly onTokens: (tokens: AccessTokens) => void;
}

/**
 * Opens the connection, its token on the way. What takes time is begun first, and the rest is loaded while it is waited
 * for: the secret is asked for, then Gmail's client is loaded and the connections to Google are opened.
 */
export async function connect(config: Config, options: ConnectionOptions): Promise<Connection> {
  const { jobName, scopes, installed, budget, redactor, log, progress, onTokens } = options;
  const hide = (secret: string) => redactor.add(secret);
  const shared = { log, clock: systemClock, random: Math.random };
  const address = { secretId: config.secretId, region: config.awsRegion, keys: config.awsKeys };
  const statistics: ClientStatistics = { requests: 0, retries: 0, quotaUnits: 0 };
  const quota = new QuotaWindow({
    clock: systemClock,
    unitsPerMinute: config.quotaPerMinute ?? UNITS_PER_MINUTE[config.quotaProfile],
    onWait: (waitMs, why) => {
      const isShown = progress.waiting(systemClock.now() + waitMs, why);
      log[isShown ? 'debug' : 'info']('quota.wait', { waitMs: Math.round(waitMs), why });
    },
  });
  const method = 'users.getProfile';
  const profileAccess = {
    ...shared,
    gmailApiUrl: config.gmailApiUrl,
    timeoutMs: config.requestTimeoutMs,
    onSent: () => {
      const units = unitsOf(method, config.quotaProfile);
      countRequest(statistics, units);
      quota.spend(units);
      progress.spent(units);
    },
    onRetry: ({ text: reason }: { readonly text: string }, attempt: number, delayMs: number) => {
      statistics.retries += 1;
      log.warn('gmail.retry', { method, reason, attempt, delayMs });
    },
  };
  const { createSecretFetcher } = await import('../aws/secret.ts');
  const tokens = createAccessTokens({
    ...shared,
    jobName,
    scopes,
    installed,
    fetchSecret: createSecretFetcher(address, hide),
    keep: async (user, from) => {
      const [{ keepRefreshToken }, { openVault }] = await Promise.all([
        import('../aws/keep.ts'),
        import('../aws/vault.ts'),
      ]);
      // Not ended by wrapUp: what Google gives once would be lost.
      return await keepRefreshToken(openVault(address, hide), user, from, budget.giveUp);
    },
    mailbox: config.mailbox,
    readProfile: (accessToken) => askMailbox(accessToken, budget.wrapUp, profileAccess),
    exchange: { ...shared, tokenUrl: config.tokenUrl, timeoutMs: config.requestTimeoutMs, hide },
    signal: budget.wrapUp,
  });
  onTokens(tokens);
  const firstToken = tokens.get();
  // Waited for by the caller; until then nobody listens.
  firstToken.catch(() => undefined);
  // So that the request gets on its way, since to load the rest keeps everything else waiting.
  await setTimeout(READ_SETTINGS_MS);
  for (let turn = 0; turn < TURNS_TO_SEND; turn += 1) await setImmediate();
  const { GmailClient } = await import('../gmail/client.ts');
  openConnections(config.tokenUrl, 1);
  openConnections(config.gmailApiUrl, CONNECTIONS);
  restrainV8();
  const client = new GmailClient({
    ...shared,
    tokens,
    quota,
    statistics,
    profile: config.quotaProfile,
    apiUrl: config.gmailApiUrl,
    timeoutMs: config.requestTimeoutMs,
    giveUp: budget.giveUp,
    onSpent: (units) => progress.spent(units),
    onRefused: (pauseMs) => progress.waiting(systemClock.now() + pauseMs, 'refused'),
  });
  return { tokens, firstToken, client, quota };
}
