/**
 * Opens a connection to Gmail for runs, `job check` and `job runs`: access tokens for the secret, and a client that sends
 * requests with these tokens within the quota.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { VersionKeys } from '../aws/job-secrets.ts';
import type { FetchSecret } from '../aws/secret.ts';
import type { SharedSecrets } from '../aws/shared-secrets.ts';
import { systemClock } from '../base/clock.ts';
import { Tally } from '../base/tally.ts';
import { type Config, jobSecretAddressOf, secretAddressOf } from '../config.ts';
import type { GmailClient } from '../gmail/client.ts';
import { Mailbox } from '../gmail/mailbox.ts';
import { preconnect } from '../gmail/preconnect.ts';
import { askMailbox, type ProfileAccess } from '../gmail/profile.ts';
import { QuotaWindow } from '../gmail/quota.ts';
import { type ClientStatistics, countRequest, UNITS_PER_MINUTE, unitsOf } from '../gmail/units.ts';
import { dryWriter } from '../gmail/writer.ts';
import { type AccessOptions, type AccessTokens, createAccessTokens } from '../google/access.ts';
import type { OpenProofs } from '../google/token.ts';
import { type Log, noLog } from '../screen/log.ts';
import { noProgress, type Progress } from '../screen/progress.ts';
import type { Budget } from './budget.ts';

/** AWS's client reads its settings from files first, then connects and writes within some turns of the event loop. */
const READ_SETTINGS_MS = 2;
const TURNS_TO_SEND = 3;

/** Connections to Gmail opened in advance: `fetch` uses four for a plan of three searches at once. */
const CONNECTIONS = 4;

export interface Connection {
  readonly tokens: AccessTokens;
  /** Resolves when the first access token is there and opens the right mailbox. Its request is already under way. */
  readonly firstToken: Promise<unknown>;
  readonly client: GmailClient;
  readonly quota: QuotaWindow;
  /**
   * Returns the values of the job's secrets. Call it after `firstToken`.
   * @throws ConfigError when a key is missing, CredentialError or UnavailableError when AWS does not return the secret.
   */
  readonly readJobSecrets: () => Promise<Readonly<Record<string, string>>>;
}

/** Shared by the connections of all mailboxes of a process. */
export interface SharedConnections {
  readonly secrets: SharedSecrets;
  /** The process's share of the project's quota. */
  readonly projectQuota: QuotaWindow;
  readonly openProofs: OpenProofs;
}

export interface ConnectionOptions extends Pick<AccessOptions, 'jobName' | 'scopes' | 'installed'> {
  /** `wrapUp` aborts reads and requests for secret and token, `giveUp` the changes under way. */
  readonly signals: Pick<Budget, 'wrapUp' | 'giveUp'>;
  /** Called with every credential before anything else uses it. */
  readonly hide: (secret: string) => void;
  readonly openProofs: OpenProofs;
  /** Reads the secret; left out for the secret `config.secretId`. */
  readonly fetchSecret?: FetchSecret;
  /** Shared with the other mailboxes of a fleet; left out for a single mailbox. */
  readonly shared?: SharedConnections | undefined;
  /** The user as whom the service account in the secret acts; undefined for the subject in the secret. */
  readonly subject?: string | undefined;
  /** The names of the job's secrets. */
  readonly jobSecrets?: readonly string[];
  /** Whether a refresh token that Google replaced during the exchange is stored. */
  readonly mayWriteSecret?: boolean;
  readonly log?: Log;
  readonly progress?: Progress;
  /** Called when Gmail's client is loaded. */
  readonly onLoaded?: () => void;
}

/** Requests the secret, then loads Gmail's client and connects to Google while AWS answers. */
export async function openConnection(config: Config, options: ConnectionOptions): Promise<Connection> {
  const { jobName, scopes, installed, signals, hide, openProofs, log = noLog, progress = noProgress, shared } = options;
  const common = { log, clock: systemClock, random: Math.random };
  const statistics: ClientStatistics = { requests: 0, retries: 0, quotaUnits: 0 };
  const quota = new QuotaWindow({
    clock: systemClock,
    unitsPerMinute: unitsPerMinute(config),
    ...(shared && { project: shared.projectQuota }),
    onWait: (waitMs, why) => {
      const isShown = progress.waiting(systemClock.now() + waitMs, why);
      log[isShown ? 'debug' : 'info']('quota.wait', { waitMs: Math.round(waitMs), why });
    },
  });
  const secret = await openSecret(config, options);
  const jobKeys = await beginJobKeys(config, options);
  const tokens = createAccessTokens({
    ...common,
    ...secret,
    jobName,
    scopes,
    ...(installed && { installed }),
    mailbox: config.mailbox,
    askMailbox: (accessToken) =>
      askMailbox(accessToken, signals.wrapUp, profileAccess(config, { statistics, quota, log, progress })),
    exchange: { ...common, tokenUrl: config.tokenUrl, timeoutMs: config.requestTimeoutMs, hide, openProofs },
    signal: signals.wrapUp,
  });
  const firstToken = tokens.get();
  // The caller awaits it; until then nothing handles a rejection.
  firstToken.catch(() => undefined);
  // Loading blocks the event loop, so the request to AWS is sent first.
  await setTimeout(READ_SETTINGS_MS);
  for (let turn = 0; turn < TURNS_TO_SEND; turn += 1) await setImmediate();
  const { GmailClient } = await import('../gmail/client.ts');
  // A fleet's connections stay open from mailbox to mailbox.
  if (shared === undefined) {
    preconnect(config.tokenUrl, 1);
    preconnect(config.gmailApiUrl, CONNECTIONS);
  }
  options.onLoaded?.();
  const client = new GmailClient({
    ...common,
    tokens,
    quota,
    statistics,
    profile: config.quotaProfile,
    apiUrl: config.gmailApiUrl,
    timeoutMs: config.requestTimeoutMs,
    giveUp: signals.giveUp,
    onSpent: (units) => progress.spent(units),
    onRefused: (pauseMs) => progress.waiting(systemClock.now() + pauseMs, 'refused'),
  });
  const readJobSecrets = async () => {
    const { jobSecrets: secrets = [] } = options;
    if (secrets.length === 0) return {};
    const { secretId } = config;
    const { readJobSecrets } = await import('../aws/job-secrets.ts');
    const { secretVersion = 'unknown', furtherKeys = null } = tokens;
    const keys = (await jobKeys?.keys) ?? { secretId, versionId: secretVersion, furtherKeys };
    const values = readJobSecrets({ name: jobName, secrets }, keys);
    log.info('secret.keys_read', { secret: keys.secretId, secretVersion: keys.versionId, keys: secrets });
    return values;
  };
  return { tokens, firstToken, client, quota, readJobSecrets };
}

/** The mailbox of the connection, without a way to change it. */
export function readOnlyMailbox({ client }: Connection, signal: AbortSignal): Mailbox {
  return new Mailbox({ client, writer: dryWriter, tally: new Tally(), progress: noProgress, log: noLog, signal });
}

/** Quota units that the mailbox's user may spend in a minute. */
export function unitsPerMinute({ quotaProfile, quotaPerMinute }: Config): number {
  return quotaPerMinute ?? UNITS_PER_MINUTE[quotaProfile];
}

/** The functions that read the secret and store a replaced refresh token. They load AWS's client when it is needed. */
async function openSecret(
  config: Config,
  { fetchSecret, shared, subject, mayWriteSecret, jobSecrets, hide, signals }: ConnectionOptions,
): Promise<Pick<AccessOptions, 'fetchSecret' | 'storeReplacedToken'>> {
  if (fetchSecret !== undefined) return { fetchSecret };
  if (shared !== undefined && subject !== undefined)
    return { fetchSecret: shared.secrets.fetcherFor(config.secretId, subject) };
  const address = {
    ...secretAddressOf(config),
    ...(shared && { client: shared.secrets.client, variable: 'mailboxes.yaml' as const }),
  };
  const { createSecretFetcher } = await import('../aws/secret.ts');
  const reader = { fetchSecret: createSecretFetcher(address, hide, jobSecrets) };
  if (!mayWriteSecret) return reader;
  return {
    ...reader,
    storeReplacedToken: async (user, from) => {
      const { openSecretStore, storeReplacedToken } = await import('../aws/secret-store.ts');
      // Google gives the new token once, so wrapUp does not stop storing it.
      return await storeReplacedToken(openSecretStore(address, hide), user, from, signals.giveUp);
    },
  };
}

/** Requests the job's keys of the secret JOB_SECRET_ID; undefined when the job needs no key of that secret. */
async function beginJobKeys(
  config: Config,
  { jobSecrets = [], shared, hide, signals }: ConnectionOptions,
): Promise<{ readonly keys: Promise<VersionKeys> } | undefined> {
  const address = jobSecretAddressOf(config);
  if (address === undefined || jobSecrets.length === 0) return undefined;
  const { fetchJobKeys } = await import('../aws/job-secrets.ts');
  const keys = fetchJobKeys(
    { ...address, ...(shared && { client: shared.secrets.client }) },
    jobSecrets,
    hide,
    signals.wrapUp,
  );
  // The caller awaits the keys after the first token; until then nothing handles a rejection.
  keys.catch(() => undefined);
  return { keys };
}

interface Accounts extends Required<Pick<ConnectionOptions, 'log' | 'progress'>> {
  readonly statistics: ClientStatistics;
  readonly quota: QuotaWindow;
}

/** Options of the request users.getProfile, which is sent before the client is loaded but counts as the client counts. */
function profileAccess(config: Config, { statistics, quota, log, progress }: Accounts): ProfileAccess {
  const method = 'users.getProfile';
  return {
    clock: systemClock,
    random: Math.random,
    gmailApiUrl: config.gmailApiUrl,
    timeoutMs: config.requestTimeoutMs,
    onSent: () => {
      const units = unitsOf(method, config.quotaProfile);
      countRequest(statistics, units);
      quota.spend(units);
      progress.spent(units);
    },
    onRetry: ({ text: reason }, attempt, delayMs) => {
      statistics.retries += 1;
      log.warn('gmail.retry', { method, reason, attempt, delayMs });
    },
  };
}
