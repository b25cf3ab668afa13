/**
 * Runs a job in many mailboxes, several at a time, and sums up the runs in the final line `fleet.finished`. mailboxes.ts
 * finds the mailboxes, work.ts chooses the next one, run.ts does each run.
 */
import { SharedSecrets, type SharedSecretsOptions } from '../../aws/shared-secrets.ts';
import { orAbort, systemClock } from '../../base/clock.ts';
import { counted } from '../../base/count.ts';
import { didYouMean } from '../../base/nearest.ts';
import type { Config } from '../../config.ts';
import {
  asError,
  ConfigError,
  ExitCode,
  exitCodeOf,
  type JobError,
  StoppedError,
  type StopReason,
  UsageError,
} from '../../errors.ts';
import { QuotaWindow } from '../../gmail/quota.ts';
import { prepareProofs } from '../../google/token.ts';
import { readStack } from '../../process/stack.ts';
import { noProgress } from '../../screen/progress.ts';
import { silentTerminal } from '../../screen/terminal.ts';
import { startBudget } from '../budget.ts';
import type { SharedConnections } from '../connection.ts';
import { createMonitor } from '../monitor.ts';
import { describeError, type Outcome, type RunReport } from '../report.ts';
import { type RunRequest, runJob, type Surroundings } from '../run.ts';
import { type FleetMailbox, type FoundMailboxes, findMailboxes } from './mailboxes.ts';
import { DEFAULT_AT_ONCE, type FleetOptions } from './options.ts';
import { type FleetPeriod, inOrderOf, periodAt } from './period.ts';
import type { FleetQueue } from './queue.ts';
import { type Slot, Slots } from './slots.ts';
import { listWork, SharedWork, type Work, type WorkItem } from './work.ts';

export interface FleetRequest {
  readonly options: FleetOptions;
  /** The job and its options, the same for each mailbox. */
  readonly run: RunRequest;
  /** The database over which processes share the mailboxes; undefined when this process works on all mailboxes. */
  readonly databaseUrl: string | undefined;
}

/** How the mailboxes of a fleet ended. Each mailbox counts once. */
export interface MailboxCounts {
  readonly all: number;
  readonly done: number;
  readonly nothingToDo: number;
  readonly partial: number;
  readonly failed: number;
  /** Not worked on, or stopped before anything was found. */
  readonly remaining: number;
  /** Other processes work on them, or did so in this period. */
  readonly elsewhere: number;
}

type MailboxEndKind = Exclude<keyof MailboxCounts, 'all' | 'elsewhere'>;

type RunEnd = Pick<RunReport, 'outcome' | 'exitCode' | 'changed' | 'error' | 'remedy'>;

interface WorkTerms {
  readonly atOnce: number;
  /** When all mailboxes have the same rules, a job that refuses its options in one of them refuses them in all. */
  readonly haveSameRules: boolean;
  readonly shared: SharedConnections;
  readonly stop: AbortSignal;
}

const SUMS = ['matched', 'changed', 'skipped', 'failed', 'remaining', 'requests', 'retries', 'quotaUnits'] as const;

/** The sums over all runs of the process. */
type Sums = Readonly<Record<(typeof SUMS)[number], number>>;

/** The fields of the event `fleet.finished`. */
export interface FleetReport extends Sums {
  readonly job: string;
  /** The first moment of the period, in ISO 8601. */
  readonly period: string;
  readonly outcome: Outcome;
  readonly exitCode: ExitCode;
  readonly mailboxes: MailboxCounts;
  readonly durationMs: number;
  readonly dryRun: boolean;
  readonly error: string | undefined;
  readonly remedy: string | undefined;
}

/**
 * The time of one mailbox when the job has no --budget, so that a mailbox that hangs or has much to do leaves time for the
 * others. Its next run goes on.
 */
export const MAILBOX_BUDGET_MS = 10 * 60_000;

/** How often `Slots` looks for mailboxes that hang. */
const RECHECK_MS = 5_000;

/** At most this many names of mailboxes for each exit code in the fleet's error. */
const MOST_NAMED = 5;

/** Runs the job in all mailboxes and returns the sums. Writes the final line also after a bug or for a wrong configuration. */
export async function runFleet(request: FleetRequest, surroundings: Surroundings): Promise<FleetReport> {
  return await new Fleet(request, surroundings).execute();
}

class Fleet {
  readonly #request: FleetRequest;
  readonly #surroundings: Surroundings;
  readonly #period: FleetPeriod;
  readonly #ends = { all: 0, done: 0, nothingToDo: 0, partial: 0, failed: 0, remaining: 0, elsewhere: 0 };
  readonly #sums = Object.fromEntries(SUMS.map((name) => [name, 0])) as Record<keyof Sums, number>;
  readonly #failures = new Failures();
  /** The errors of entries of mailboxes.yaml. */
  readonly #entryErrors: JobError[] = [];
  /** Mailboxes that this process entered for a retry → the exit code of their last run. */
  readonly #retried = new Map<string, ExitCode>();
  #stopped: StopReason | null = null;

  constructor(request: FleetRequest, surroundings: Surroundings) {
    this.#request = request;
    this.#surroundings = surroundings;
    this.#period = periodAt(new Date(), request.options.every);
  }

  async execute(): Promise<FleetReport> {
    const { name: job, common } = this.#request.run;
    const { log, monitorUrl } = this.#surroundings;
    const startedMs = performance.now();
    const monitor = createMonitor(monitorUrl, log);
    monitor.start();
    const error = await this.#work().then(() => undefined, asError);
    if (error !== undefined && exitCodeOf(error) === ExitCode.bug && !(error instanceof StoppedError))
      this.#logBug(error);
    const ending = this.#conclude(error);
    const report: FleetReport = {
      job,
      period: this.#period.name,
      outcome: ending.outcome,
      exitCode: ending.exitCode,
      mailboxes: { ...this.#ends },
      ...this.#sums,
      durationMs: Math.round(performance.now() - startedMs),
      dryRun: common.dryRun,
      error: ending.error,
      remedy: ending.remedy,
    };
    await monitor.end(report.exitCode, { ...report });
    log.last('fleet.finished', { ...report });
    return report;
  }

  async #work(): Promise<void> {
    const { options, run } = this.#request;
    const { config, log, processStop } = this.#surroundings;
    if (config instanceof ConfigError) throw config;
    using budget = startBudget(options.budget ?? config.budgetMs, processStop);
    try {
      const shared = openSharedConnections(config, run, this.#surroundings, budget.wrapUp);
      const { secrets } = shared;
      const found = await findMailboxes(config, this.#surroundings, { secrets, signal: budget.wrapUp });
      for (const { name, source, firstSource } of found.repeated)
        log.warn('fleet.repeated', { mailbox: name, source, firstSource });
      for (const { source, error } of found.failures) {
        this.#entryErrors.push(error);
        log.error('fleet.source_failed', { source, error: error.message, remedy: error.remedy });
      }
      const mailboxes = chooseMailboxes(found, options.mailbox);
      this.#ends.all = mailboxes.length;
      this.#ends.remaining = mailboxes.length;
      const atOnce = options.atOnce ?? DEFAULT_AT_ONCE;
      const { dryRun } = run.common;
      await using queue = dryRun ? undefined : await this.#openQueue(budget.wrapUp);
      const ordered = inOrderOf(this.#period, mailboxes);
      const names = ordered.map(({ name }) => name);
      const retried = options.retry ? await queue?.retryFailed(names) : undefined;
      await queue?.enter(names);
      log.info('fleet.started', { job: run.name, mailboxes: mailboxes.length, retried, atOnce, dryRun });
      const work = queue === undefined ? listWork(ordered) : new SharedWork(queue, ordered, atOnce);
      const haveSameRules = mailboxes.every(({ rulesFile }) => rulesFile === undefined);
      await this.#workThrough(work, { atOnce, haveSameRules, shared, stop: budget.wrapUp });
    } finally {
      this.#stopped = budget.stopped;
    }
  }

  /** Undefined without a database. */
  async #openQueue(stop: AbortSignal): Promise<FleetQueue | undefined> {
    const { databaseUrl, options, run } = this.#request;
    if (databaseUrl === undefined) return undefined;
    const { openQueue } = await import('./queue.ts');
    const request = {
      job: run.name,
      // `--rule=a` and `--rule a` are the same work.
      jobOptions: run.words.slice(2).flatMap((word) => (word.startsWith('--') ? word.split(/=(.*)/s, 2) : [word])),
      period: this.#period,
      everyMs: options.every,
      only: options.mailbox,
    };
    const { redactor, allowHosts } = this.#surroundings;
    return await orAbort(openQueue(databaseUrl, request, { redactor, allowHosts, stop }), stop);
  }

  async #workThrough(work: Work, terms: WorkTerms): Promise<void> {
    const { atOnce, stop } = terms;
    const slots = new Slots({ atOnce, now: systemClock.now });
    const rechecking = setInterval(() => slots.recheck(), RECHECK_MS).unref();
    const inWork = new Set<Promise<void>>();
    let failure: Error | undefined;
    try {
      while (failure === undefined) {
        const slot = await slots.acquire(stop);
        const item = failure === undefined ? await work.next(stop, slots.free + 1) : undefined;
        if (item === undefined) break;
        const working = this.#workOn(item, { work, slot, ...terms })
          .catch((error) => {
            failure ??= asError(error);
          })
          .finally(() => inWork.delete(working));
        inWork.add(working);
      }
    } catch (error) {
      if (!stop.aborted) failure ??= asError(error);
    }
    await work.giveBackRest().catch((error) => {
      failure ??= asError(error);
    });
    await Promise.all(inWork);
    clearInterval(rechecking);
    await this.#countRest(work, failure === undefined);
    if (failure !== undefined) throw failure;
  }

  /** Rejects to end the fleet: when the job refuses its options in all mailboxes, or the database is away. */
  async #workOn(item: WorkItem, { work, slot, haveSameRules, shared, stop }: WorkTerms & { work: Work; slot: Slot }) {
    const { mailbox, lost } = item;
    const processStop = lost === undefined ? stop : AbortSignal.any([stop, lost]);
    let end: RunEnd;
    try {
      const report = await runIn(mailbox, this.#request.run, { ...this.#surroundings, shared, processStop }, slot.beat);
      for (const sum of SUMS) this.#sums[sum] += report[sum];
      end = report;
    } catch (error) {
      if (haveSameRules && error instanceof UsageError) throw error;
      end = this.#refused(mailbox, asError(error));
    } finally {
      slot.release();
    }
    const kind = endKindOf(end, stop);
    if (stop.aborted && (kind === 'partial' || kind === 'remaining')) {
      this.#count(mailbox.name, kind, end.exitCode);
      await work.giveBack(item);
      return;
    }
    const settled = await work.settle(item, end).catch((error) => {
      this.#count(mailbox.name, kind, end.exitCode);
      throw error;
    });
    if (settled === 'lost') this.#surroundings.log.warn('fleet.lost', { mailbox: mailbox.name });
    if (settled === 'retry') this.#retried.set(mailbox.name, end.exitCode);
    if (settled === 'ended') this.#count(mailbox.name, kind, end.exitCode);
  }

  #count(name: string, kind: MailboxEndKind, exitCode: ExitCode): void {
    this.#retried.delete(name);
    if (kind === 'remaining') return;
    this.#ends.remaining -= 1;
    this.#ends[kind] += 1;
    if (kind === 'failed') this.#failures.add(name, exitCode);
  }

  /** Counts mailboxes that wait for a retry as failed, and mailboxes of other processes as `elsewhere`. */
  async #countRest(work: Work, isAnswering: boolean): Promise<void> {
    const retried = [...this.#retried.keys()];
    const rest = isAnswering ? await work.rest(retried).catch(() => undefined) : undefined;
    for (const [name, exitCode] of [...this.#retried])
      if (rest === undefined || rest.waiting.includes(name)) this.#count(name, 'failed', exitCode);
    const elsewhere = Math.min(Math.max(0, rest?.elsewhere ?? 0), this.#ends.remaining);
    this.#ends.elsewhere = elsewhere;
    this.#ends.remaining -= elsewhere;
  }

  /** The end of a mailbox for which runJob wrote no final line: the job refuses its options, or runJob has a bug. */
  #refused({ name }: FleetMailbox, error: Error): RunEnd {
    if (exitCodeOf(error) === ExitCode.bug) this.#logBug(error);
    const end = { exitCode: exitCodeOf(error), ...describeError(error) };
    this.#surroundings.log.error('fleet.refused', { mailbox: name, ...describeError(error) });
    return { ...end, outcome: 'failed', changed: 0 };
  }

  #logBug(error: Error): void {
    this.#surroundings.log.error('run.bug', { stack: readStack(error, this.#surroundings.jobs).text });
  }

  #conclude(error: Error | undefined): Pick<FleetReport, 'outcome' | 'exitCode' | 'error' | 'remedy'> {
    const { done, partial, failed, remaining } = this.#ends;
    if (error !== undefined && !(error instanceof StoppedError))
      return { outcome: 'failed', exitCode: exitCodeOf(error), ...describeError(error) };
    if (failed > 0 || this.#entryErrors.length > 0) return this.#failure();
    // A StoppedError comes from the search for the mailboxes: then `remaining` is 0, because none was found yet.
    const isStopped = partial > 0 || remaining > 0 || error !== undefined;
    if (isStopped && (this.#stopped === 'SIGTERM' || this.#stopped === 'SIGHUP')) return interrupted(ExitCode.sigterm);
    if (isStopped && this.#stopped === 'SIGINT') return interrupted(ExitCode.sigint);
    const outcome = isStopped ? 'partial' : done > 0 ? 'ok' : 'nothing-to-do';
    return { outcome, exitCode: ExitCode.ok, error: undefined, remedy: undefined };
  }

  #failure() {
    const { all, failed } = this.#ends;
    const [errors, remedies]: [string[], string[]] = [[], []];
    if (failed > 0) {
      errors.push(`The job failed in ${failed} of ${counted(all, 'mailbox', 'mailboxes')}: ${this.#failures}`);
      remedies.push('Follow the remedy in the run.finished or fleet.refused line of each failed mailbox.');
    }
    if (this.#entryErrors.length > 0) {
      errors.push(`${counted(this.#entryErrors.length, 'entry', 'entries')} of the list of mailboxes failed`);
      remedies.push('Follow the remedies in the fleet.source_failed lines.');
    }
    const codes = new Set([...this.#failures.codes, ...this.#entryErrors.map(({ exitCode }) => exitCode)]);
    const [code = ExitCode.itemsFailed] = codes;
    const isCommon = codes.size === 1 && (failed === 0 || failed === all);
    const exitCode = isCommon ? code : ExitCode.itemsFailed;
    return { outcome: 'failed', exitCode, error: errors.join('; '), remedy: remedies.join(' ') } as const;
  }
}

/**
 * Runs the job in one mailbox of a fleet, without output for a person. Calls `onRequest` for each request to Gmail.
 * @throws UsageError when the job refuses its options.
 */
export async function runIn(
  mailbox: FleetMailbox,
  run: RunRequest,
  surroundings: Surroundings & { readonly shared: SharedConnections },
  onRequest: () => void = () => {},
): Promise<RunReport> {
  const { common, words } = run;
  return await runJob(
    {
      ...run,
      common: { ...common, budgetMs: common.budgetMs ?? MAILBOX_BUDGET_MS },
      words: ['job', 'fleet', '--mailbox', mailbox.name, ...words.slice(1)],
      mailbox,
    },
    {
      ...surroundings,
      monitorUrl: undefined,
      progress: { ...noProgress, spent: onRequest },
      terminal: silentTerminal,
      isWatched: false,
    },
  );
}

export function openSharedConnections(
  config: Config,
  { job }: RunRequest,
  { redactor, log, allowHosts }: Pick<Surroundings, 'redactor' | 'log' | 'allowHosts'>,
  signal: AbortSignal,
): SharedConnections {
  return {
    openProofs: prepareProofs({ keys: config.awsKeys, allowHosts }),
    secrets: openSharedSecrets(config, { redactor, jobSecrets: job.secrets ?? [], signal }),
    projectQuota: new QuotaWindow({
      unitsPerMinute: config.projectQuotaPerMinute,
      clock: systemClock,
      isShared: true,
      onWait: (waitMs, why) => log.info('quota.wait', { waitMs: Math.round(waitMs), why, of: 'project' }),
    }),
  };
}

/** Access to the secrets of all mailboxes. The redactor hides a service account's key until the process ends. */
export function openSharedSecrets(
  { awsRegion: region, awsKeys: keys }: Config,
  { redactor, ...options }: Pick<Surroundings, 'redactor'> & Pick<SharedSecretsOptions, 'jobSecrets' | 'signal'>,
): SharedSecrets {
  const hide = (secret: string) => redactor.add(secret);
  return new SharedSecrets({ region, keys, hide, clock: systemClock, ...options });
}

function interrupted(exitCode: ExitCode) {
  return { outcome: 'interrupted', exitCode, error: undefined, remedy: undefined } as const;
}

/**
 * The mailboxes with these names; all when `names` is undefined.
 * @throws UsageError for a name that no mailbox has. When an entry failed, it may hold the name, so nothing is thrown: the
 * failed entry fails the fleet.
 */
export function chooseMailboxes(
  { mailboxes, failures }: FoundMailboxes,
  names: readonly string[] | undefined,
): readonly FleetMailbox[] {
  if (names === undefined) return mailboxes;
  const known = new Set(mailboxes.map(({ name }) => name));
  for (const name of names) {
    if (known.has(name) || failures.length > 0) continue;
    throw new UsageError(
      `--mailbox: the fleet has no mailbox "${name}"${didYouMean(name, known)}`,
      'See `job fleet --list` for the names.',
    );
  }
  return mailboxes.filter(({ name }) => names.includes(name));
}

/** `stop` is aborted when the fleet's budget is spent, or the process must end. */
function endKindOf({ outcome, exitCode, changed }: RunEnd, stop: AbortSignal): MailboxEndKind {
  if (outcome === 'ok') return 'done';
  if (outcome === 'nothing-to-do') return 'nothingToDo';
  if (outcome === 'partial') return 'partial';
  if (outcome === 'interrupted') return changed > 0 ? 'partial' : 'remaining';
  // Stopped before it found anything.
  return stop.aborted && exitCode === ExitCode.unavailable ? 'remaining' : 'failed';
}

/** Failed mailboxes by exit code. Keeps only a few names for each code, since a fleet may have 100,000 mailboxes. */
class Failures {
  readonly #byCode = new Map<ExitCode, { count: number; names: string[] }>();

  add(name: string, code: ExitCode): void {
    const entry = this.#byCode.get(code) ?? { count: 0, names: [] };
    this.#byCode.set(code, entry);
    entry.count += 1;
    if (entry.names.length < MOST_NAMED) entry.names.push(name);
  }

  get codes(): ExitCode[] {
    return [...this.#byCode.keys()];
  }

  /** Such as `2 with exit code 77 (a, b), 1 with exit code 75 (c)`. */
  toString(): string {
    const described = [...this.#byCode].map(([code, { count, names }]) => {
      const more = count > names.length ? ` and ${count - names.length} more` : '';
      return `${count} with exit code ${code} (${names.join(', ')}${more})`;
    });
    return described.join(', ');
  }
}
