/** One run from start to exit code: config, secret, token, mailbox, job, tally, monitor, final line. */
import { randomBytes } from 'node:crypto';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { startBudget } from './budget.ts';
import type { CommonOptions } from './cli.ts';
import { orAbort, systemClock } from './clock.ts';
import { type Config, type Environment, readConfig, readHeartbeatUrl } from './config.ts';
import { type AccessTokens, createAccessTokens } from './credentials/access.ts';
import { requireExpectedMailbox } from './credentials/ownership.ts';
import { type ExitCode, type StoppedError, UsageError } from './errors.ts';
import type { GmailClient } from './gmail/client.ts';
import { Mailbox } from './gmail/mailbox.ts';
import { askMailbox } from './gmail/profile.ts';
import { QuotaWindow } from './gmail/quota.ts';
import { UNITS_PER_MINUTE } from './gmail/units.ts';
import { openConnections } from './gmail/warm.ts';
import { createLiveWriter, dryWriter } from './gmail/writer.ts';
import { createHeartbeat, type Heartbeat } from './heartbeat.ts';
import type { Job } from './job.ts';
import type { Log } from './log.ts';
import type { Progress } from './progress.ts';
import type { Redactor } from './redact.ts';
import { concludeRun, stackOf } from './report.ts';
import type { Signals } from './signals.ts';
import { Tally } from './tally.ts';

/** AWS's client looks for its settings in files first; then, in turns of the event loop, it connects and writes. */
const READ_SETTINGS_MS = 2;
const TURNS_TO_SEND = 3;

/** Connections to Gmail that are opened ahead: so many does `fetch` use for a plan of three searches at once. */
const CONNECTIONS = 4;

/** What to run, as the command line says. */
export interface RunRequest {
  readonly name: string;
  readonly job: Job;
  readonly options: Readonly<Record<string, unknown>>;
  readonly common: CommonOptions;
  /** The exact command, to continue a run by hand. */
  readonly command: string;
}

/** What a run has around it. */
export interface Surroundings {
  readonly env: Environment;
  readonly signals: Signals;
  readonly redactor: Redactor;
  readonly log: Log;
  readonly progress: Progress;
  /** Given a function that ends the run when something was thrown that nobody caught. */
  readonly onFault: (fault: (error: unknown) => void) => void;
}

/**
 * Runs the job and writes the final line, whatever happens.
 * @throws UsageError, before anything else was done, when the job finds fault with its options.
 */
export async function runJob(request: RunRequest, surroundings: Surroundings): Promise<ExitCode> {
  const { log } = surroundings;
  const startedAt = performance.now();
  const runId = createRunId(new Date());
  const run = new Run(request, surroundings);
  const error = await run.execute(runId).then(
    () => run.fault,
    (thrown: unknown) => run.fault ?? thrown ?? new Error('undefined was thrown'),
  );
  if (error instanceof UsageError) throw error;
  surroundings.progress.stop();
  const { counts } = run.tally;
  const ending = concludeRun({ counts, dryRun: request.common.dryRun, error, stopped: run.stopped });
  if (ending.exitCode === 1) log.error('run.bug', { stack: stackOf(error) });

  const canGoOn = counts.remaining > 0 && !request.common.dryRun && ending.outcome !== 'failed';
  const report = {
    job: request.name,
    runId,
    outcome: ending.outcome,
    exitCode: ending.exitCode,
    ...counts,
    ...run.statistics,
    durationMs: Math.round(performance.now() - startedAt),
    dryRun: request.common.dryRun,
  };
  await run.heartbeat?.end(ending.exitCode, report);
  log.last('run.finished', {
    ...report,
    secretVersion: run.secretVersion,
    error: ending.error,
    remedy: ending.remedy,
    resume: canGoOn ? request.command : undefined,
  });
  return ending.exitCode;
}

class Run {
  readonly tally = new Tally();
  /** What was thrown and nobody caught. */
  fault: unknown;
  stopped: StoppedError['reason'] | null = null;
  heartbeat: Heartbeat | undefined;
  readonly #request: RunRequest;
  readonly #surroundings: Surroundings;
  #client: GmailClient | undefined;
  #tokens: AccessTokens | undefined;
  #firstToken: Promise<unknown> | undefined;

  constructor(request: RunRequest, surroundings: Surroundings) {
    this.#request = request;
    this.#surroundings = surroundings;
  }

  get statistics() {
    return this.#client?.statistics ?? { requests: 0, retries: 0, quotaUnits: 0 };
  }

  get secretVersion(): string | undefined {
    return this.#tokens?.secretVersion;
  }

  async execute(runId: string): Promise<void> {
    const { name, job, options, common } = this.#request;
    const { env, signals, log, onFault } = this.#surroundings;
    this.heartbeat = createHeartbeat(readHeartbeatUrl(env), log);
    const config = readConfig(env);
    using budget = startBudget(common.budgetMs ?? config.budgetMs, signals);
    onFault((error) => {
      this.fault ??= error ?? new Error('undefined was thrown');
      budget.stop('fault');
    });
    try {
      const prepared = await job.prepare({ options, rulesFile: config.rulesFile });
      log.info('run.started', { job: name, runId, dryRun: common.dryRun });
      this.heartbeat.start();
      const work = async () => {
        const mailbox = await this.#openMailbox(config, budget);
        await this.#requireExpectedMailbox(mailbox);
        await job.run({
          options,
          prepared,
          mailbox,
          tally: this.tally,
          log,
          signal: budget.wrapUp,
          wait: (ms) => systemClock.sleep(ms, budget.wrapUp),
        });
      };
      await orAbort(work(), budget.giveUp);
    } finally {
      this.stopped = budget.stopped;
    }
  }

  /**
   * The mailbox, its token on the way. What takes time is begun first, and the rest is loaded while it is waited for:
   * the secret is asked for, then Gmail's client is loaded and the connections to Google are opened.
   */
  async #openMailbox(config: Config, budget: { wrapUp: AbortSignal; giveUp: AbortSignal }): Promise<Mailbox> {
    const { name, job, common } = this.#request;
    const { redactor, log, progress } = this.#surroundings;
    const hide = (secret: string) => redactor.add(secret);
    const shared = { log, clock: systemClock, random: Math.random };
    const address = { secretId: config.secretId, region: config.awsRegion, keys: config.awsKeys };
    const gmailApiUrl = config.gmailApiUrl ?? 'https://gmail.googleapis.com';
    const { createSecretFetcher } = await import('./credentials/secret.ts');
    this.#tokens = createAccessTokens({
      ...shared,
      jobName: name,
      scopes: job.scopes,
      fetchSecret: createSecretFetcher(address, hide),
      keep: async (user, from) => {
        const [{ keepRefreshToken }, { openVault }] = await Promise.all([
          import('./credentials/keep.ts'),
          import('./credentials/vault.ts'),
        ]);
        // Not ended by wrapUp: what Google gives once would be lost.
        return await keepRefreshToken(openVault(address, hide), user, from, budget.giveUp);
      },
      whose: (accessToken) =>
        askMailbox(accessToken, budget.wrapUp, { ...shared, gmailApiUrl, timeoutMs: config.requestTimeoutMs }),
      exchange: { ...shared, tokenUrl: config.tokenUrl, timeoutMs: config.requestTimeoutMs, hide },
      signal: budget.wrapUp,
    });
    this.#firstToken = this.#tokens.get();
    // Waited for below; until then nobody listens.
    this.#firstToken.catch(() => undefined);
    // So that the request gets on its way, since to load the rest keeps everything else waiting.
    await setTimeout(READ_SETTINGS_MS);
    for (let turn = 0; turn < TURNS_TO_SEND; turn += 1) await setImmediate();
    const { GmailClient } = await import('./gmail/client.ts');
    openConnections(config.tokenUrl, 1);
    openConnections(gmailApiUrl, CONNECTIONS);
    this.#client = new GmailClient({
      ...shared,
      tokens: this.#tokens,
      profile: config.quotaProfile,
      quota: new QuotaWindow({
        clock: systemClock,
        unitsPerMinute: config.quotaPerMinute ?? UNITS_PER_MINUTE[config.quotaProfile],
        onWait: (waitMs, why) => log.info('quota.wait', { waitMs: Math.round(waitMs), why }),
      }),
      apiUrl: config.gmailApiUrl,
      timeoutMs: config.requestTimeoutMs,
      giveUp: budget.giveUp,
    });
    const writer = common.dryRun ? dryWriter : createLiveWriter(this.#client);
    return new Mailbox({ client: this.#client, writer, tally: this.tally, progress, log, signal: budget.wrapUp });
  }

  /** The first request of a run: the token, and whose it is when the secret says whose it must be. */
  async #requireExpectedMailbox(mailbox: Mailbox): Promise<void> {
    await this.#firstToken;
    const expected = this.#tokens?.expectedEmail;
    if (expected === undefined) return;
    requireExpectedMailbox(await mailbox.address(), expected);
  }
}

/** An id that sorts by time and can be typed: `20261123-031608-7f3a`. */
function createRunId(now: Date): string {
  const [day = '', time = ''] = now.toISOString().split('T');
  return `${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${randomBytes(2).toString('hex')}`;
}
