/**
 * One run, from a request to its report: hosts, secret, token, mailbox, job, monitor, final line. A process may do many
 * runs, also at once. Runs share the `Surroundings`, but no credential of a mailbox.
 */
import type { Backfill, BackfillOptions } from '../backfill/backfill.ts';
import type { BackfillValues } from '../backfill/options.ts';
import { orAbort, systemClock } from '../base/clock.ts';
import type { Faults } from '../base/faults.ts';
import type { FileStore } from '../base/file-store.ts';
import { passingFailure, TRY_NEXT_RUN } from '../base/network-failure.ts';
import { OpenCalls } from '../base/open-calls.ts';
import { createRunId } from '../base/run-id.ts';
import { Tally } from '../base/tally.ts';
import type { Config } from '../config.ts';
import {
  asError,
  ConfigError,
  ExitCode,
  egressBehind,
  JobError,
  StoppedError,
  type StopReason,
  UnavailableError,
  UsageError,
} from '../errors.ts';
import { type Guard, guardOfJob } from '../gmail/guards.ts';
import { Mailbox } from '../gmail/mailbox.ts';
import { createLiveWriter, dryWriter } from '../gmail/writer.ts';
import type { JobScopes } from '../google/scopes.ts';
import { prepareProofs } from '../google/token.ts';
import { type FilesSpec, hostsOf, type Job, maxChangesOf, type PostJson } from '../job.ts';
import type { CommonOptions, OptionSpecs } from '../options.ts';
import type { Host } from '../process/hosts.ts';
import type { Redactor, RunSecrets } from '../process/redact.ts';
import { readStack } from '../process/stack.ts';
import type { CommandSpelling } from '../screen/command-spelling.ts';
import type { Log, ProcessLog } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import { runTerminal, type Terminal } from '../screen/terminal.ts';
import { hasMailbox, MAILBOX, type Place, placeOf } from '../store/place.ts';
import { RunJournal, type RunJournalOptions } from '../undo/journal.ts';
import { type Budget, startBudget } from './budget.ts';
import { type Connection, openConnection, type SharedConnections } from './connection.ts';
import { createJobLog } from './job-log.ts';
import { createMonitor } from './monitor.ts';
import { createPostJson } from './post-json.ts';
import { canResume, concludeRun, forMailbox, noteOf, type RunReport } from './report.ts';

export interface RunRequest {
  readonly name: string;
  readonly job: Job;
  /** '' for a job that takes none. */
  readonly argument: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly common: CommonOptions;
  /** Undefined when the run is no backfill. */
  readonly backfill: BackfillValues | undefined;
  /** The command line, from which the command that continues the run is made. */
  readonly words: readonly string[];
  /** Left out for the mailbox of the process's configuration. */
  readonly mailbox?: ChosenMailbox;
}

/** One of several mailboxes that a process works on; its values replace those of the configuration. */
export interface ChosenMailbox extends Pick<Config, 'secretId' | 'mailbox'> {
  /** Written into every line of the run's log, as `mailbox`. */
  readonly name: string;
  /** Left out for the path in RULES_FILE. */
  readonly rulesFile?: string;
  /** The user as whom the service account in the secret acts; left out for a secret that opens one mailbox. */
  readonly subject?: string;
}

/** Shared by all runs of the process. */
export interface Surroundings {
  /** The process's configuration, or the error in the configuration, which ends every run. */
  readonly config: Config | ConfigError;
  /** The monitor's address; undefined without a monitor. */
  readonly monitorUrl: string | undefined;
  /** Aborted with a StoppedError when the process is told to end. */
  readonly processStop: AbortSignal;
  readonly faults: Faults;
  readonly redactor: Redactor;
  readonly log: ProcessLog;
  readonly progress: Progress;
  readonly terminal: Terminal;
  /** Whether a person reads the log at a terminal, and is shown tables in place of some events. */
  readonly isWatched: boolean;
  readonly spelling: CommandSpelling;
  /** The installed jobs, for advice about scopes. */
  readonly installed: () => Promise<JobScopes[]>;
  /** The URL of the jobs' folder: stacks show places in its files. */
  readonly jobs: URL;
  /** Lets the process connect to these hosts too, from now on. */
  readonly allowHosts: (hosts: readonly Host[]) => void;
  /** What all mailboxes of a fleet share; left out for a single mailbox. */
  readonly shared?: SharedConnections;
  /** Called when a run has loaded Gmail's client. */
  readonly onLoaded?: () => void;
}

/**
 * Runs the job and returns its report. Writes the final line also after a bug.
 * @throws UsageError, without a final line, when the job refuses its options; nothing was sent by then.
 */
export async function runJob(request: RunRequest, surroundings: Surroundings): Promise<RunReport> {
  using secrets = surroundings.redactor.openRun();
  const run = new Run(request, surroundings, secrets);
  return await surroundings.faults.during(
    (error) => run.endByFault(error),
    () => run.execute(),
  );
}

class Run {
  readonly #request: RunRequest;
  readonly #surroundings: Surroundings;
  readonly #secrets: RunSecrets;
  readonly #log: Log;
  readonly #startedAt = new Date();
  readonly #runId = createRunId(this.#startedAt);
  readonly #tally = new Tally();
  readonly #calls = new OpenCalls();
  /** The event run.started is logged, so the run ends with a final line. */
  #isStarted = false;
  /** An error that the run threw outside of its promise. */
  #fault: unknown;
  /** The hosts that the job declares. */
  #hosts: readonly Host[] = [];
  #budget: Budget | undefined;
  #connection: Connection | undefined;
  #backfill: Backfill | undefined;
  #journal: RunJournal | undefined;
  /** The argument that stands for a switch such as `--last`. */
  #resolvedArgument: string | undefined;

  constructor(request: RunRequest, surroundings: Surroundings, secrets: RunSecrets) {
    const { log } = surroundings;
    this.#request = request;
    this.#surroundings = surroundings;
    this.#secrets = secrets;
    this.#log = request.mailbox === undefined ? log : log.forRun({ mailbox: request.mailbox.name });
  }

  endByFault(error: unknown): void {
    this.#fault ??= asError(error);
    this.#budget?.stop('fault');
  }

  async execute(): Promise<RunReport> {
    const { name, job, options, common, backfill, mailbox } = this.#request;
    const { progress, monitorUrl, jobs } = this.#surroundings;
    const startedMs = performance.now();
    const monitor = createMonitor(monitorUrl, this.#log);
    const thrown = await this.#work(() => monitor.start()).then(
      () => this.#fault,
      (thrown: unknown) => this.#fault ?? asError(thrown),
    );
    // A library wraps the refusal of a connection in an error that says less.
    const error = egressBehind(thrown) ?? asUnavailable(thrown, this.#hosts);
    if (error instanceof UsageError && !this.#isStarted) throw error;
    progress.end();
    const { counts, refusal } = this.#tally;
    const stopped: StopReason | null = this.#budget?.stopped ?? null;
    const { text: stack, place } = readStack(error, jobs);
    const { blockedMs = 0, isAbandoned = false } = this.#budget ?? {};
    const causes = { error, place, stopped, blockedMs, isAbandoned };
    const facts = { job: name, counts, refusal, dryRun: common.dryRun, ...causes };
    const ending = concludeRun(facts);
    if (ending.exitCode === ExitCode.bug) this.#log.error('run.bug', { stack });
    const summary = {
      job: name,
      runId: this.#runId,
      outcome: ending.outcome,
      exitCode: ending.exitCode,
      ...counts,
      ...(this.#connection?.client.statistics ?? { requests: 0, retries: 0, quotaUnits: 0 }),
      durationMs: Math.round(performance.now() - startedMs),
      dryRun: common.dryRun,
    };
    await monitor.end(ending.exitCode, summary);
    const verifies = job.files?.onlyVerifies?.(options) === true;
    const report: RunReport = {
      ...summary,
      secretVersion: this.#connection?.tokens.secretVersion,
      error: ending.error,
      remedy: mailbox === undefined ? ending.remedy : forMailbox(ending.remedy, mailbox),
      note: noteOf(facts),
      resume: !verifies && canResume(facts, ending, backfill !== undefined) ? this.#resume : undefined,
    };
    this.#log.last('run.finished', { ...report }, { declined: stopped === 'declined', undo: this.#undo, verifies });
    return report;
  }

  /** Calls `onStarted` after all checks that need no network. */
  async #work(onStarted: () => void): Promise<void> {
    const { name, job, argument, options, common, backfill: values } = this.#request;
    const { terminal, isWatched, processStop, allowHosts } = this.#surroundings;
    const { dryRun } = common;
    const config = this.#config;
    const budgetMs = common.budgetMs ?? config.budgetMs;
    using budget = startBudget(budgetMs, processStop);
    this.#budget = budget;
    // Keys that were typed before the question must neither answer it nor reach the shell.
    const asks = !dryRun && (values ?? options).yes === false;
    const releaseKeys = asks ? terminal.swallowKeys() : undefined;
    try {
      const person = runTerminal(terminal, { isWatched, signal: budget.wrapUp });
      const { interactive } = person;
      const confirm = async (question: string) => {
        if (await person.confirm(question)) return;
        budget.stop('declined');
        throw new StoppedError('declined');
      };
      const { rulesFile, attachmentsFile } = config;
      this.#hosts = hostsOf(name, job, { options, argument, rulesFile });
      allowHosts(this.#hosts);
      const guard = guardOfJob(name, maxChangesOf(name, job, options));
      const place = this.#place(config);
      const canShowMail = interactive && isWatched;
      const files = { rulesFile, attachmentsFile };
      const preparing = async () => job.prepare({ options, argument, dryRun, interactive, canShowMail, ...files });
      const prepared = await orAbort(preparing(), budget.giveUp);
      await this.#prepareBackfill({ person, confirm, now: this.#startedAt });
      this.#log.info('run.started', { job: name, runId: this.#runId, dryRun });
      this.#isStarted = true;
      onStarted();
      const wait = (ms: number) => systemClock.sleep(ms, budget.wrapUp);
      if (job.files?.withoutMailbox?.isMeant(options) === true && place !== undefined) {
        await orAbort(this.#workOnFiles(job.files.withoutMailbox, place, { config, budget, wait }), budget.giveUp);
        return;
      }
      const work = async () => {
        const mailbox = await this.#openMailbox(config, { budget, budgetMs, guard });
        const secrets = await (this.#connection as Connection).readJobSecrets();
        const store =
          place === undefined ? undefined : await this.#openStore(placeOf(place, await mailbox.address()), config);
        const journal = this.#openJournal(mailbox, wait, budget);
        const context = {
          options,
          secrets,
          postJson: this.#createPostJson(secrets, config, budget),
          argument,
          prepared,
          runId: this.#runId,
          startedAt: this.#startedAt,
          resolveArgument: (resolved: string) => {
            this.#resolvedArgument = resolved;
          },
          interactive,
          show: person.show,
          confirm,
          mailbox,
          tally: this.#tally,
          log: createJobLog(this.#log, (error) => this.endByFault(error)),
          store,
          budgetMs,
          signal: budget.wrapUp,
          giveUp: budget.giveUp,
          wait,
        };
        try {
          await job.run(context);
          await this.#calls.settled();
          if (this.#tally.counts.failed === 0) await journal.complete();
        } finally {
          await journal.close();
          store?.close();
        }
      };
      await orAbort(work(), budget.giveUp);
    } finally {
      await releaseKeys?.();
    }
  }

  /**
   * Where the job keeps files; undefined for a job that keeps none.
   * @throws ConfigError when nothing names a place, or the mailboxes of a fleet would share one.
   */
  #place({ exportPlace, mailbox: configured }: Config): Place | undefined {
    const { job, options, mailbox } = this.#request;
    if (job.files === undefined) return undefined;
    const { option, withoutMailbox } = job.files;
    const place = job.files.place(options) ?? exportPlace;
    if (place === undefined) {
      throw new ConfigError(
        'EXPORT_URL is not set',
        `Set it to s3://bucket/prefix or, on a machine of yours, to the path of a folder; or name the place for one run with ${option}.`,
      );
    }
    if (mailbox !== undefined && !hasMailbox(place)) {
      throw new ConfigError(
        'All mailboxes of the fleet would keep their files in the same place',
        `Write ${MAILBOX} in EXPORT_URL or in ${option} where the address belongs: s3://bucket/${MAILBOX}.`,
      );
    }
    if (withoutMailbox?.isMeant(options) === true && hasMailbox(place)) {
      if (configured !== undefined) return placeOf(place, configured.address);
      throw new ConfigError(
        `the place is named by ${MAILBOX}, and no mailbox is opened`,
        `Set GMAIL_MAILBOX to the mailbox's address, or name the place with ${option}, with the address where ${MAILBOX} stands.`,
      );
    }
    return place;
  }

  async #openStore(place: Place, config: Config): Promise<FileStore> {
    const { openStore } = await import('../store/open.ts');
    const { awsRegion: region, awsKeys: keys, missingForAws, isDyno } = config;
    return await openStore(place, {
      region,
      keys,
      missingForAws,
      isDyno,
      allowHosts: this.#surroundings.allowHosts,
    });
  }

  async #workOnFiles(
    work: NonNullable<FilesSpec<OptionSpecs>['withoutMailbox']>,
    place: Place,
    { config, budget, wait }: { config: Config; budget: Budget; wait: (ms: number) => Promise<void> },
  ): Promise<void> {
    const { options, argument, common } = this.#request;
    const store = await this.#openStore(place, config);
    try {
      await work.run({
        options,
        argument,
        store,
        runId: this.#runId,
        startedAt: this.#startedAt,
        tally: this.#tally,
        progress: this.#surroundings.progress,
        dryRun: common.dryRun,
        isDyno: config.isDyno,
        log: createJobLog(this.#log, (error) => this.endByFault(error)),
        signal: budget.wrapUp,
        giveUp: budget.giveUp,
        wait,
      });
    } finally {
      store.close();
    }
  }

  #createPostJson(secrets: Readonly<Record<string, string>>, config: Config, signals: Budget) {
    const post = createPostJson({
      job: this.#request.name,
      runId: this.#runId,
      hosts: this.#hosts,
      dryRun: this.#request.common.dryRun,
      secrets,
      secretId: config.jobSecretId ?? config.secretId,
      timeoutMs: config.requestTimeoutMs,
      signals,
      confirm: async (host) => void (await this.#backfill?.confirm(`The job sends to ${host}. Go on? [y/N] `)),
      log: this.#log,
      clock: systemClock,
      random: Math.random,
    });
    return (...args: Parameters<PostJson>) => this.#calls.track(post(...args));
  }

  get #config(): Config {
    const { config } = this.#surroundings;
    if (config instanceof ConfigError) throw config;
    const { mailbox: chosen } = this.#request;
    if (chosen === undefined) return config;
    const { secretId, mailbox, rulesFile = config.rulesFile } = chosen;
    return { ...config, secretId, mailbox, rulesFile };
  }

  /** Loads the code of backfills only for a backfill. */
  async #prepareBackfill(asking: Pick<BackfillOptions, 'person' | 'confirm' | 'now'>): Promise<void> {
    const { name, common, backfill: values } = this.#request;
    const { progress } = this.#surroundings;
    const { dryRun } = common;
    if (values === undefined) return;
    const { Backfill } = await import('../backfill/backfill.ts');
    this.#backfill = new Backfill({ name, values, dryRun, progress, log: this.#log, ...asking });
  }

  /** Before the token is known to open the right mailbox, the run sends Gmail only users.getProfile. */
  async #openMailbox(
    config: Config,
    { budget, budgetMs, guard }: { readonly budget: Budget; readonly budgetMs: number; readonly guard: Guard },
  ): Promise<Mailbox> {
    const { name, job, common } = this.#request;
    const { progress, installed, shared, allowHosts, onLoaded } = this.#surroundings;
    const connection = await openConnection(config, {
      jobName: name,
      scopes: job.scopes,
      installed,
      shared,
      subject: this.#request.mailbox?.subject,
      jobSecrets: job.secrets,
      signals: budget,
      hide: (secret) => this.#secrets.add(secret),
      openProofs: shared?.openProofs ?? prepareProofs({ keys: config.awsKeys, allowHosts }),
      mayWriteSecret: true,
      log: this.#log,
      progress,
      ...(onLoaded && { onLoaded }),
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
      tally: this.#tally,
      progress,
      log: this.#log,
      signal: budget.wrapUp,
      profile: tokens.profile,
      scopes: job.scopes,
      placeOf: (error) => readStack(error, this.#surroundings.jobs).place,
      guards: [guard],
      journal: () => this.#journal as RunJournal,
      calls: this.#calls,
      faults: this.#surroundings.faults,
      ...this.#backfill?.mailboxOptions({ ...costs, mailboxSize }),
    });
    return mailbox;
  }

  #openJournal(mailbox: Mailbox, wait: RunJournalOptions['wait'], { wrapUp, giveUp }: Budget): RunJournal {
    const { progress } = this.#surroundings;
    const { client, quota } = this.#connection as Connection;
    const writer = mailbox.live ? createLiveWriter(client) : dryWriter;
    const [log, tally] = [this.#log, this.#tally];
    const openAtEnd = (deadline: AbortSignal) =>
      new Mailbox({ client, writer, tally, progress, log, signal: AbortSignal.any([giveUp, deadline]) });
    this.#journal = new RunJournal({
      runId: this.#runId,
      startedAt: this.#startedAt,
      job: this.#request.name,
      mailbox,
      openAtEnd,
      quota,
      signal: wrapUp,
      wait,
      log,
    });
    return this.#journal;
  }

  /** The command that continues the run. */
  get #resume(): string {
    const { words, job } = this.#request;
    const resolvedWords = words.map((word) =>
      word === `--${job.argument?.orSwitch}` ? (this.#resolvedArgument ?? word) : word,
    );
    return this.#surroundings.spelling.command(this.#backfill?.resume(resolvedWords) ?? resolvedWords);
  }

  /** The command that undoes the run; undefined when the run changed nothing, or keeps no journal. */
  get #undo(): string | undefined {
    const isKept = this.#journal?.isKept === true && this.#tally.counts.changed > 0;
    const { mailbox } = this.#request;
    const undo = ['undo', this.#runId];
    // A fleet asks no questions.
    const words = mailbox === undefined ? undo : ['fleet', '--mailbox', mailbox.name, ...undo, '--yes'];
    return isKept ? this.#surroundings.spelling.command(['job', ...words]) : undefined;
  }
}

/** The failure of a job's own request to one of its hosts as an UnavailableError; other errors unchanged. */
function asUnavailable(error: unknown, hosts: readonly Host[]): unknown {
  if (error instanceof JobError || hosts.length === 0) return error;
  // AbortSignal.timeout, which a job gives to fetch.
  const isLate = error instanceof Error && error.name === 'TimeoutError';
  const code = isLate ? 'no answer in time' : passingFailure(error);
  if (code === undefined) return error;
  return new UnavailableError(`${hostBehind(error, hosts)} was not available (${code})`, TRY_NEXT_RUN, {
    cause: error,
  });
}

/** The fields with which Node's errors name the other side of a connection. */
interface FailedConnection {
  readonly hostname?: string;
  readonly port?: number;
}

/** The host that did not answer. Most errors name only its port, or nothing: then all hosts that fit. */
function hostBehind(error: unknown, hosts: readonly Host[]): string {
  const ports = new Set<number>();
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { hostname, port }: FailedConnection = cause instanceof AggregateError ? cause.errors[0] : cause;
    if (hostname !== undefined) return hostname;
    if (port !== undefined) ports.add(port);
  }
  const fitting = hosts.filter(({ port }) => ports.has(port));
  const names = [...new Set((fitting.length === 0 ? hosts : fitting).map(({ name }) => name))];
  return names.length === 1 ? `${names[0]}` : `One of ${names.join(', ')}`;
}
