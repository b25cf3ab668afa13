/** One run from start to exit code: config, secret, token, mailbox, job, tally, monitor, final line. */
import type { Backfill, BackfillOptions } from '../backfill/backfill.ts';
import type { BackfillValues } from '../backfill/options.ts';
import { orAbort, systemClock } from '../base/clock.ts';
import type { Environment } from '../base/environment.ts';
import { createRunId } from '../base/run-id.ts';
import { Tally } from '../base/tally.ts';
import { type Config, readConfig, readMonitorUrl } from '../config.ts';
import { type ExitCode, egressBehind, StoppedError, UsageError } from '../errors.ts';
import { Mailbox } from '../gmail/mailbox.ts';
import { createLiveWriter, dryWriter } from '../gmail/writer.ts';
import type { AccessTokens } from '../google/access.ts';
import type { JobScopes } from '../google/job-scopes.ts';
import { requireTellingScopes } from '../google/ownership.ts';
import type { Job } from '../job.ts';
import type { CommonOptions } from '../options.ts';
import { restrainV8 } from '../process/memory.ts';
import type { Redactor } from '../process/redact.ts';
import type { Signals } from '../process/signals.ts';
import { commandSpelling } from '../screen/command-spelling.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import { runTerminal, type Terminal } from '../screen/terminal.ts';
import { RunJournal, type RunJournalOptions } from '../undo/journal.ts';
import { type Budget, startBudget } from './budget.ts';
import { type Connection, openConnection } from './connection.ts';
import { createMonitor, type Monitor } from './monitor.ts';
import { canGoOn, concludeRun, stackOf } from './report.ts';

/** What to run, as the command line says. */
export interface RunRequest {
  readonly name: string;
  readonly job: Job;
  readonly argument: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly common: CommonOptions;
  /** What the command line says of a backfill; undefined when it asks for none. */
  readonly backfill: BackfillValues | undefined;
  /** The command line, to continue a run by hand. */
  readonly words: readonly string[];
}

/** What a run has around it. */
export interface Surroundings {
  readonly env: Environment;
  readonly signals: Signals;
  readonly redactor: Redactor;
  readonly log: Log;
  readonly progress: Progress;
  readonly terminal: Terminal;
  /** Whether a person looks on, who is shown tables in place of events. */
  readonly isWatched: boolean;
  /** The installed jobs, for advice about scopes. */
  readonly installed: () => Promise<JobScopes[]>;
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
  const startedOn = new Date();
  const runId = createRunId(startedOn);
  const run = new Run(request, surroundings);
  const thrown = await run.execute(runId, startedOn).then(
    () => run.fault,
    (thrown: unknown) => run.fault ?? thrown ?? new Error('undefined was thrown'),
  );
  // What a library made of a refused connection says less than the refusal.
  const error = egressBehind(thrown) ?? thrown;
  if (error instanceof UsageError) throw error;
  surroundings.progress.end();
  const { counts, refusal } = run.tally;
  const happened = { counts, refusal, dryRun: request.common.dryRun, error, stopped: run.stopped };
  const ending = concludeRun(happened);
  if (ending.exitCode === 1) log.error('run.bug', { stack: stackOf(error) });

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
  await run.monitor?.end(ending.exitCode, report);
  const { error: cause, remedy } = ending;
  const resume = canGoOn(happened, ending, request.backfill !== undefined) ? run.resume : undefined;
  const notes = { declined: run.stopped === 'declined', undo: run.undo(runId) };
  log.last('run.finished', { ...report, secretVersion: run.secretVersion, error: cause, remedy, resume }, notes);
  return ending.exitCode;
}

class Run {
  readonly tally = new Tally();
  /** An error that was thrown and not caught. */
  fault: unknown;
  stopped: StoppedError['reason'] | null = null;
  monitor: Monitor | undefined;
  readonly #request: RunRequest;
  readonly #surroundings: Surroundings;
  #connection: Connection | undefined;
  #tokens: AccessTokens | undefined;
  #backfill: Backfill | undefined;
  #journal: RunJournal | undefined;
  /** The argument that the switch in its place was resolved to. */
  #resolvedArgument: string | undefined;

  constructor(request: RunRequest, surroundings: Surroundings) {
    this.#request = request;
    this.#surroundings = surroundings;
  }

  get statistics() {
    return this.#connection?.client.statistics ?? { requests: 0, retries: 0, quotaUnits: 0 };
  }

  get secretVersion(): string | undefined {
    return this.#tokens?.secretVersion;
  }

  async execute(runId: string, startedAt: Date): Promise<void> {
    const { name, job, argument, options, common, backfill: values } = this.#request;
    const { env, signals, log, terminal, isWatched, onFault } = this.#surroundings;
    this.monitor = createMonitor(readMonitorUrl(env), log);
    const config = readConfig(env);
    const budgetMs = common.budgetMs ?? config.budgetMs;
    using budget = startBudget(budgetMs, signals);
    onFault((error) => {
      this.fault ??= error ?? new Error('undefined was thrown');
      budget.stop('fault');
    });
    // A run that will ask takes no answer that was typed before, and leaves none to the shell.
    const asks = !common.dryRun && (values ?? options).yes === false;
    const releaseKeys = asks ? terminal.swallowKeys() : undefined;
    try {
      const { dryRun } = common;
      const person = runTerminal(terminal, { isWatched, signal: budget.wrapUp });
      const { interactive } = person;
      const confirm = async (question: string) => {
        if (await person.confirm(question)) return;
        budget.stop('declined');
        throw new StoppedError('declined');
      };
      requireTellingScopes(name, job.scopes);
      const prepared = await job.prepare({
        options,
        argument,
        dryRun,
        interactive,
        canShowMail: interactive && isWatched,
        rulesFile: config.rulesFile,
      });
      const backfill = await this.#prepareBackfill({ person, confirm, now: startedAt });
      log.info('run.started', { job: name, runId, dryRun });
      this.monitor.start();
      const wait = (ms: number) => systemClock.sleep(ms, budget.wrapUp);
      const work = async () => {
        const mailbox = await this.#openMailbox(config, budget, budgetMs);
        const context = {
          options,
          argument,
          prepared,
          runId,
          startedAt,
          resolveArgument: (resolved: string) => {
            this.#resolvedArgument = resolved;
          },
          interactive,
          show: person.show,
          confirm,
          mailbox,
          tally: this.tally,
          log,
          signal: budget.wrapUp,
          wait,
          journal: this.#openJournal(mailbox, { runId, startedAt, wait }, budget),
        };
        try {
          await (backfill === undefined ? job.run(context) : backfill.run(job, context));
        } finally {
          await context.journal.close();
        }
      };
      await orAbort(work(), budget.giveUp);
    } finally {
      await releaseKeys?.();
      this.stopped = budget.stopped;
    }
  }

  /** What the command line says of a backfill; its code is loaded for that alone. */
  async #prepareBackfill(asking: Pick<BackfillOptions, 'person' | 'confirm' | 'now'>): Promise<Backfill | undefined> {
    const { name, job, common, backfill: values } = this.#request;
    const { log, progress } = this.#surroundings;
    const { dryRun } = common;
    if (values === undefined) return undefined;
    const { Backfill } = await import('../backfill/backfill.ts');
    this.#backfill = new Backfill({ name, values, kind: job.backfill, dryRun, progress, log, ...asking });
    return this.#backfill;
  }

  /** The command that continues the run. */
  get resume(): string {
    const { words, job } = this.#request;
    const resolvedWords = words.map((word) =>
      word === `--${job.argument?.orSwitch}` ? (this.#resolvedArgument ?? word) : word,
    );
    return commandSpelling(this.#surroundings.env).command(this.#backfill?.resume(resolvedWords) ?? resolvedWords);
  }

  /** The command that takes the run back; undefined when it changed nothing, or kept no journal. */
  undo(runId: string): string | undefined {
    const isKept = this.#journal?.isKept === true && this.tally.counts.changed > 0;
    return isKept ? commandSpelling(this.#surroundings.env).command(['job', 'undo', runId]) : undefined;
  }

  /** The mailbox that is meant: before it is known to be that one, nothing is asked of it but whose it is. */
  async #openMailbox(config: Config, budget: Budget, budgetMs: number): Promise<Mailbox> {
    const { name, job, common } = this.#request;
    const { redactor, log, progress, installed } = this.#surroundings;
    const connection = await openConnection(config, {
      jobName: name,
      scopes: job.scopes,
      installed,
      stop: budget,
      hide: (secret) => redactor.add(secret),
      storesReplacedToken: true,
      log,
      progress,
      onTokens: (tokens) => {
        this.#tokens = tokens;
      },
      onLoaded: restrainV8,
    });
    this.#connection = connection;
    const { client, firstToken, tokens } = connection;
    const startedAt = systemClock.now();
    await firstToken;
    const elapsedMs = () => systemClock.now() - startedAt;
    const costs = { connection, profile: config.quotaProfile, budgetMs, elapsedMs };
    const mailboxSize = () => mailbox.size();
    const mailbox: Mailbox = new Mailbox({
      client,
      writer: common.dryRun ? dryWriter : createLiveWriter(client),
      tally: this.tally,
      progress,
      log,
      signal: budget.wrapUp,
      profile: tokens.profile,
      ...this.#backfill?.hooks({ ...costs, mailboxSize }),
    });
    return mailbox;
  }

  #openJournal(
    mailbox: Mailbox,
    about: Pick<RunJournalOptions, 'runId' | 'startedAt' | 'wait'>,
    { wrapUp, giveUp }: Budget,
  ): RunJournal {
    const { log, progress } = this.#surroundings;
    const { client, quota } = this.#connection as Connection;
    const writer = mailbox.live ? createLiveWriter(client) : dryWriter;
    const openAtEnd = (deadline: AbortSignal) => {
      const signal = AbortSignal.any([giveUp, deadline]);
      return new Mailbox({ client, writer, tally: this.tally, progress, log, signal });
    };
    const job = this.#request.name;
    this.#journal = new RunJournal({ ...about, mailbox, openAtEnd, quota, signal: wrapUp, job, log });
    return this.#journal;
  }
}
