/**
 * Shares the mailboxes of a fleet among processes over PostgreSQL, with pg-boss: enters the mailboxes of a period, gives
 * them to processes, and records how their runs ended. work.ts decides when to take a mailbox, fleet.ts does the runs.
 *
 * A row, which pg-boss calls a job, is one try of a mailbox in a period. Its id is a hash of mailbox, job, options, period
 * and try, so PostgreSQL ignores a second insert. All fleets share one queue with pg-boss's policy `singleton`: a unique
 * index allows one active row per mailbox, whatever its job, options and period. Rows hold names, exit codes and the
 * redacted error of a run; no credential, nothing of the mail.
 */
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { JobWithMetadata, PgBoss } from 'pg-boss';
import { orAbort } from '../../base/clock.ts';
import { type RetryPolicy, retry } from '../../base/retry.ts';
import { ExitCode, StoppedError, UnavailableError } from '../../errors.ts';
import type { Host } from '../../process/hosts.ts';
import type { Redactor } from '../../process/redact.ts';
import { type DatabaseAddress, explainDatabaseError, readDatabaseUrl } from './database.ts';
import type { FleetPeriod } from './period.ts';

export interface QueueRequest {
  readonly job: string;
  /** As typed. A period has rows of its own for the same job with other options. */
  readonly jobOptions: readonly string[];
  readonly period: FleetPeriod;
  readonly everyMs: number;
  /** Takes, counts and retries only these mailboxes; left out for all. */
  readonly only?: readonly string[] | undefined;
}

export interface QueueSurroundings {
  readonly redactor: Pick<Redactor, 'text'>;
  readonly allowHosts: (hosts: readonly Host[]) => void;
  /** Aborted when the process must end: a statement after it may take only STATEMENT_AT_END_MS. */
  readonly stop: AbortSignal;
}

/** A row that this process took: no other process works on the mailbox. */
export interface TakenMailbox {
  readonly mailbox: string;
  readonly id: string;
  /** Rises each time a process takes the row again. pg-boss ignores a lower number, sent by a process that seemed dead. */
  readonly retryCount: number;
  /** The mailbox's rows in the period are numbered from 0: each retry, also by `retryFailed`, is a new row. */
  readonly tryNumber: number;
  /** How many automatic retries, after exit code 75, led to this row. `retryFailed` begins again with 0. */
  readonly retries: number;
  /** Aborted when another process may have the mailbox, because this process did not report for `HEARTBEAT_SECONDS`. */
  readonly lost: AbortSignal;
}

export interface MailboxEnd {
  readonly exitCode: ExitCode;
  readonly outcome: string;
  readonly error?: string | undefined;
  readonly remedy?: string | undefined;
}

/** `retry`: entered again, for later. `lost`: another process has the mailbox, so the end is not recorded. */
export type Settled = 'ended' | 'retry' | 'lost';

/** The mailboxes of the period, of all processes, by their last row. */
export interface QueueCounts {
  /** Can be taken now or later; a mailbox that another job or period still works on counts here too. */
  readonly waiting: number;
  readonly active: number;
  readonly ended: number;
  /** Those of `ended` that failed. */
  readonly failed: number;
  /** Milliseconds until the first waiting mailbox is due; 0 for now, undefined when none waits. */
  readonly nextInMs: number | undefined;
}

/** How a mailbox ended last, in any period, as a line of `job fleet --status --json`. */
export interface MailboxStatus {
  readonly mailbox: string;
  readonly job: string;
  readonly period: string;
  readonly outcome: string;
  readonly exitCode: number;
  readonly endedAt: string;
  readonly error: string | null;
  readonly remedy: string | null;
}

/** The mailboxes of one job that have not ended, in periods that are not over. */
export interface OpenMailboxes {
  readonly job: string;
  /** The mailboxes of a killed process count here HEARTBEAT_SECONDS after its last report. */
  readonly waiting: number;
  readonly active: number;
}

export interface FleetStatus {
  readonly ends: readonly MailboxStatus[];
  /** Without jobs that have no such mailbox. */
  readonly open: readonly OpenMailboxes[];
}

export interface StatusRequest {
  /** All jobs when left out. */
  readonly job?: string | undefined;
  /** All mailboxes when left out. */
  readonly mailboxes?: readonly string[] | undefined;
}

/** Retries of a mailbox in one period, after runs that ended with 75. */
export const MOST_RETRIES = 3;

/** The pause before the first retry. It doubles with each retry: 1, 2 and 4 minutes. */
const FIRST_RETRY_SECONDS = 60;

/**
 * A process that did not report for this time counts as killed. Other processes look for that every 10 to 20 seconds, so
 * they take its mailboxes after 30 to 60 seconds (seen: 48).
 */
const HEARTBEAT_SECONDS = 30;
const TICK_MS = 10_000;

/** How often the process looks for mailboxes in work that another process may take soon. */
const UNREPORTED_CHECK_MS = 1_000;

/** Pauses while the database restarts. Their sum is shorter than HEARTBEAT_SECONDS, so the mailboxes are not lost. */
const AWAY: RetryPolicy = { pausesMs: [250, 500, 1_000, 2_000, 4_000, 4_000, 4_000], fixedShare: 0.5 };

/** How long a statement may take after SIGTERM: Heroku kills the process 30 seconds after the signal. */
const STATEMENT_AT_END_MS = 3_000;

const STOP_MS = 1_000;

const LARGEST_CLOCK_ERROR_MS = 3_600_000;

/** SQLSTATE of a statement after one that failed. */
const IN_FAILED_TRANSACTION = '25P02';

/** Not pg-boss's default schema `pgboss`: another program may use another version of pg-boss in the same database. */
const SCHEMA = 'gmail_jobs';
const QUEUE = 'fleet';
const MOST_CONNECTIONS = 2;

/** Options of pg that pg-boss's types lack. Without them a connection or a statement could wait for ever. */
const TIMEOUTS = { connectionTimeoutMillis: 10_000, query_timeout: 20_000, keepAlive: true };

const DAY_SECONDS = 86_400;

/** Rows of one insert: a statement of about 3 MB. */
const INSERTED_AT_ONCE = 10_000;

/** pg-boss's own limit must never be reached: it counts each row that a process gave back, or had when it was killed. */
const PG_BOSS_RETRIES = 100_000;

type Database = ReturnType<PgBoss['getDb']>;

/** The answer of pg-boss's `complete` and `touch`; its own type is empty. */
interface Touched {
  /** The ids of the rows that still belong to this process. */
  readonly settled?: readonly string[];
}

interface RowData {
  readonly mailbox: string;
  readonly period: string;
  readonly tryNumber: number;
  readonly retries: number;
}

/** Rows that one statement completes with the same output. */
interface Batch {
  readonly rows: TakenMailbox[];
  /** The ids of the rows that still belonged to this process. */
  readonly settled: Promise<readonly string[]>;
}

interface MailboxInWork {
  readonly taken: TakenMailbox;
  readonly lost: AbortController;
  /** When this process sent its last report of the mailbox, by `performance.now()`. The answer may come much later. */
  reportedMs: number;
}

/**
 * Connects, and creates or updates the tables; pg-boss lets one process do this at a time.
 * @throws ConfigError for a wrong address, login or missing rights; UnavailableError while the database is away.
 */
export async function openQueue(
  databaseUrl: string,
  request: QueueRequest,
  surroundings: QueueSurroundings,
): Promise<FleetQueue> {
  const address = readDatabaseUrl(databaseUrl);
  const boss = await startBoss(address, surroundings.allowHosts);
  const queue = new FleetQueue(boss, address, request, surroundings);
  try {
    await queue.prepare();
    return queue;
  } catch (error) {
    await queue.close();
    throw error;
  }
}

/**
 * The last end of each mailbox and job, and how many mailboxes of a job wait or are in work, without mailboxes whose rows
 * were deleted. Undefined when no process has created the tables. Creates nothing: the right to SELECT is enough.
 * @throws as `openQueue`.
 */
export async function readFleetStatus(
  databaseUrl: string,
  { job, mailboxes }: StatusRequest,
  allowHosts: QueueSurroundings['allowHosts'],
): Promise<FleetStatus | undefined> {
  const address = readDatabaseUrl(databaseUrl);
  const boss = await createBoss(address, allowHosts);
  // pg-boss's type lacks `open`. `start` needs more rights, and fails when the tables have another version.
  const database = boss.getDb() as Database & { open(): Promise<void> };
  const asked = [job ?? null, mailboxes ?? null];
  try {
    await database.open();
    const { rows: ends } = await database.executeSql(ENDS, asked);
    const { rows: open } = await database.executeSql(OPEN, asked);
    return { ends: ends.map((end) => ({ ...end, endedAt: (end.endedAt as Date).toISOString() })), open };
  } catch (error) {
    if ((error as { code?: unknown }).code === UNDEFINED_TABLE) return undefined;
    throw explainDatabaseError(error, address, 'SELECT');
  } finally {
    await stopBoss(boss);
  }
}

export class FleetQueue implements AsyncDisposable {
  readonly #boss: PgBoss;
  readonly #address: DatabaseAddress;
  readonly #request: QueueRequest;
  readonly #surroundings: QueueSurroundings;
  /** A hash of job, options and period. pg-boss can take a part of a queue's rows only by the column `priority`. */
  readonly #priority: number;
  /** The end of the period. */
  readonly #endMs: number;
  /** A time before the period's first row: an hour earlier, because the clocks of database and processes may differ. */
  readonly #sinceMs: number;
  /** By the row's id. */
  readonly #inWork = new Map<string, MailboxInWork>();
  /** Takes, counts and retries only these mailboxes; undefined for all. */
  #only: readonly string[] | undefined;
  #timers: readonly NodeJS.Timeout[] = [];
  #tick: Promise<void> = Promise.resolve();
  /** Rows that wait until the statement under way is done, by their output in JSON. */
  readonly #batches = new Map<string, Batch>();
  #completing: Promise<unknown> = Promise.resolve();
  /** The error of a statement after the stop. No further statement is sent. */
  #failedAtEnd: unknown;

  constructor(boss: PgBoss, address: DatabaseAddress, request: QueueRequest, surroundings: QueueSurroundings) {
    this.#boss = boss;
    this.#address = address;
    this.#request = request;
    this.#only = request.only;
    this.#surroundings = surroundings;
    this.#endMs = Date.parse(request.period.name) + request.everyMs;
    const { job, jobOptions, everyMs, period } = request;
    this.#sinceMs = Math.min(Date.parse(period.name), Date.now()) - LARGEST_CLOCK_ERROR_MS;
    this.#priority = digest(job, jobOptions, everyMs, period.name).readUInt32BE() >>> 1;
  }

  /** Whether the period is over. Then no mailbox is taken: the next period works on it. */
  get isOver(): boolean {
    return Date.now() >= this.#endMs;
  }

  /** Creates the job's queue, and starts to report every `TICK_MS`. */
  async prepare(): Promise<void> {
    await this.#explained(() =>
      this.#boss.createQueue(QUEUE, {
        policy: 'singleton',
        retryLimit: PG_BOSS_RETRIES,
        retryDelay: 0,
        heartbeatSeconds: HEARTBEAT_SECONDS,
        // Longer than any budget; the heartbeat tells whether a process lives.
        expireInSeconds: DAY_SECONDS,
      }),
    );
    // The next tick tries again. An error that lasts also fails the next call of a method.
    const tick = () => this.report().catch(() => {});
    // Not awaited: its seven statements would double the time of the start.
    this.#tick = tick();
    this.#timers = [
      setInterval(() => {
        this.#tick = this.#tick.then(tick);
      }, TICK_MS).unref(),
      setInterval(() => this.#abortUnreported(), UNREPORTED_CHECK_MS).unref(),
    ];
  }

  /** From now on takes, counts and retries only these mailboxes. */
  restrictTo(mailboxes: readonly string[]): void {
    this.#only = mailboxes;
  }

  /** Enters the mailboxes that no process has entered in the period, and returns their number. */
  async enter(mailboxes: readonly string[]): Promise<number> {
    let entered = 0;
    for (let start = 0; start < mailboxes.length; start += INSERTED_AT_ONCE) {
      const rows = mailboxes.slice(start, start + INSERTED_AT_ONCE).map((mailbox) => this.#row(mailbox, 0, 0));
      const ids = await this.#persistently(() => this.#boss.insert(QUEUE, rows, { returnId: true }));
      entered += ids?.length ?? 0;
    }
    return entered;
  }

  /** Takes up to `most` mailboxes. Empty when none is due; rarely also when two processes take at the same time. */
  async take(most: number): Promise<TakenMailbox[]> {
    if (this.isOver) return [];
    let askedMs = 0;
    const rows = await this.#persistently(() => {
      askedMs = performance.now();
      return this.#fetch(most);
    });
    return rows.map(({ id, retryCount, data: { mailbox, tryNumber, retries } }) => {
      const lost = new AbortController();
      const taken = { id, retryCount, mailbox, tryNumber, retries, lost: lost.signal };
      this.#inWork.set(id, { taken, lost, reportedMs: askedMs });
      return taken;
    });
  }

  async #fetch(most: number): Promise<JobWithMetadata<RowData>[]> {
    const fetchOf = (priority: number, db?: Database) =>
      this.#boss.fetch<RowData>(QUEUE, {
        batchSize: most,
        minPriority: priority,
        maxPriority: priority,
        includeMetadata: true,
        ...(db && { db }),
      });
    const only = this.#only;
    if (only === undefined) return await fetchOf(this.#priority);
    // pg-boss cannot take by key. Within the transaction the chosen rows have a priority of their own.
    const chosen = -1 - this.#priority;
    const taking = inTransaction(this.#boss.getDb(), async (db) => {
      await db.executeSql(CHOOSE, [QUEUE, this.#priority, only, chosen, most]);
      const rows = await fetchOf(chosen, db);
      await db.executeSql(UNCHOOSE, [QUEUE, chosen, this.#priority, new Date(this.#sinceMs)]);
      return rows;
    });
    return await taking.catch((error: NodeJS.ErrnoException) => {
      // Another process took one of the mailboxes at the same time; pg-boss catches that error itself.
      if (error.code === IN_FAILED_TRANSACTION) return [];
      throw error;
    });
  }

  /**
   * Records how the mailbox's run ended. After 75 enters the mailbox for a retry, at most `MOST_RETRIES` times in the
   * period.
   */
  async settle(taken: TakenMailbox, end: MailboxEnd): Promise<Settled> {
    const pauseSeconds = FIRST_RETRY_SECONDS * 2 ** taken.retries;
    const isInPeriod = Date.now() + pauseSeconds * 1_000 < this.#endMs;
    const isRetried = end.exitCode === ExitCode.unavailable && taken.retries < MOST_RETRIES && isInPeriod;
    const output = {
      exitCode: end.exitCode,
      outcome: isRetried ? 'retry' : end.outcome,
      ...this.#textsOf(end),
    };
    const isSettled = await (isRetried
      ? this.#enterRetry(taken, output, pauseSeconds)
      : this.#completeInBatch(taken, output));
    this.#forget(taken);
    if (!isSettled) return 'lost';
    return isRetried ? 'retry' : 'ended';
  }

  /** Lets other processes take these mailboxes at once. */
  async giveBack(taken: readonly TakenMailbox[]): Promise<void> {
    if (taken.length === 0) return;
    await this.#persistently(() => this.#boss.fail(QUEUE, taken.map(attemptOf), { outcome: 'given back' }));
    for (const one of taken) this.#forget(one);
  }

  /** Enters the mailboxes that failed in this period again, and returns their number. */
  async retryFailed(mailboxes: readonly string[]): Promise<number> {
    const known = new Set(mailboxes);
    const failed = (await this.#select(FAILED)) as Pick<TakenMailbox, 'mailbox' | 'tryNumber'>[];
    const entered = failed.filter(({ mailbox }) => known.has(mailbox));
    if (entered.length === 0) return 0;
    const rows = entered.map(({ mailbox, tryNumber }) => this.#row(mailbox, tryNumber + 1, 0));
    return (await this.#persistently(() => this.#boss.insert(QUEUE, rows, { returnId: true })))?.length ?? 0;
  }

  async counts(): Promise<QueueCounts> {
    const rows = await this.#select(COUNTS);
    const [{ waiting, active, ended, failed, nextInMs }] = rows as [QueueCounts & { nextInMs: number | null }];
    return { waiting, active, ended, failed, nextInMs: nextInMs ?? undefined };
  }

  /** Those of these mailboxes that wait, for a retry or for a process. */
  async waitingAmong(mailboxes: readonly string[]): Promise<string[]> {
    const rows = mailboxes.length === 0 ? [] : await this.#select(WAITING, mailboxes);
    return (rows as { mailbox: string }[]).map(({ mailbox }) => mailbox);
  }

  /** Reports that this process works on its mailboxes, and frees those of killed processes. Called every `TICK_MS`. */
  async report(): Promise<void> {
    const inWork = [...this.#inWork.values()];
    if (inWork.length > 0) {
      const attempts = inWork.map(({ taken }) => attemptOf(taken));
      const reportedMs = performance.now();
      const { settled = [] }: Touched = await this.#explained(() => this.#boss.touch(QUEUE, attempts));
      for (const one of inWork) {
        if (settled.includes(one.taken.id)) one.reportedMs = reportedMs;
        else if (this.#inWork.get(one.taken.id) === one) one.lost.abort(new StoppedError('lost'));
      }
    }
    await this.#explained(() => this.#boss.supervise(QUEUE, { reindex: false }));
  }

  /** Gives back the mailboxes in work, and disconnects. If that fails, other processes take them after a minute. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.giveBack([...this.#inWork.values()].map(({ taken }) => taken)).catch(() => {});
    await stopBoss(this.#boss);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #forget(taken: TakenMailbox): void {
    // This process may have taken the row again meanwhile.
    if (this.#inWork.get(taken.id)?.taken === taken) this.#inWork.delete(taken.id);
  }

  /** Aborts runs for which no report succeeded, before another process may take their mailboxes. */
  #abortUnreported(): void {
    const leastMs = performance.now() - HEARTBEAT_SECONDS * 1_000 + TICK_MS / 2;
    for (const { lost, reportedMs } of this.#inWork.values()) {
      if (reportedMs < leastMs) lost.abort(new StoppedError('lost'));
    }
  }

  #row(mailbox: string, tryNumber: number, retries: number) {
    const { job, jobOptions, everyMs, period } = this.#request;
    return {
      id: uuidOf(digest(mailbox, job, jobOptions, everyMs, period.name, tryNumber)),
      data: { mailbox, period: period.name, tryNumber, retries } satisfies RowData,
      priority: this.#priority,
      singletonKey: mailbox,
      group: { id: job },
      // At the end of the period pg-boss deletes the rows that no process took.
      retentionSeconds: Math.max(1, Math.ceil((this.#endMs - Date.now()) / 1_000)),
      deleteAfterSeconds: Math.ceil((2 * everyMs) / 1_000) + 3 * DAY_SECONDS,
    };
  }

  /** Completes the row and inserts the next one, in one transaction. False when another process has the mailbox. */
  async #enterRetry(taken: TakenMailbox, output: object, pauseSeconds: number): Promise<boolean> {
    return await this.#persistently(() =>
      inTransaction(this.#boss.getDb(), async (db) => {
        if (!(await this.#complete([taken], output, db)).includes(taken.id)) return false;
        const row = this.#row(taken.mailbox, taken.tryNumber + 1, taken.retries + 1);
        await this.#boss.insert(QUEUE, [{ ...row, startAfter: pauseSeconds }], { db });
        return true;
      }),
    );
  }

  /** One statement at a time completes rows: rows with the same output wait for it, and the next one completes them all. */
  async #completeInBatch(taken: TakenMailbox, output: object): Promise<boolean> {
    const key = JSON.stringify(output);
    let batch = this.#batches.get(key);
    if (batch === undefined) {
      const rows: TakenMailbox[] = [];
      const settled = this.#completing.then(() => {
        this.#batches.delete(key);
        return this.#persistently(() => this.#complete(rows, output));
      });
      this.#completing = settled.catch(() => {});
      batch = { rows, settled };
      this.#batches.set(key, batch);
    }
    batch.rows.push(taken);
    return (await batch.settled).includes(taken.id);
  }

  /** Returns the ids of the rows that still belonged to this process. */
  async #complete(
    taken: readonly TakenMailbox[],
    output: object,
    db: Database = this.#boss.getDb(),
  ): Promise<readonly string[]> {
    const { settled = [] }: Touched = await this.#boss.complete(QUEUE, taken.map(attemptOf), output, { db });
    if (settled.length === taken.length) return settled;
    // The answer to an earlier statement of this process may have been lost with the connection.
    const attempts = new Map(taken.map(({ id, retryCount }) => [id, retryCount]));
    const { rows } = await db.executeSql(COMPLETED, [QUEUE, [...attempts.keys()]]);
    const own = (rows as { id: string; retryCount: number }[]).filter((row) => attempts.get(row.id) === row.retryCount);
    return own.map(({ id }) => id);
  }

  async #select(sql: string, only = this.#only): Promise<unknown[]> {
    const values = [QUEUE, this.#priority, only ?? null, new Date(this.#sinceMs)];
    const { rows } = await this.#persistently(() => this.#boss.getDb().executeSql(sql, values));
    return rows;
  }

  /** Error and remedy for the row. The error of a bug may quote the mail, so the row refers to the log. */
  #textsOf({ exitCode, error, remedy }: MailboxEnd) {
    if (exitCode === ExitCode.bug) return { error: 'a bug: the run.bug event in the log has its stack', remedy: null };
    const redacted = (text: string | undefined) => (text === undefined ? null : this.#surroundings.redactor.text(text));
    return { error: redacted(error), remedy: redacted(remedy) };
  }

  /** Tries `work` again while the database is away, until the process must end. */
  async #persistently<T>(work: () => Promise<T>): Promise<T> {
    const { stop } = this.#surroundings;
    return await retry<T, { kind: 'away'; error: UnavailableError }>({
      send: async () => {
        if (this.#failedAtEnd !== undefined) throw this.#failedAtEnd;
        const isAtEnd = stop.aborted;
        try {
          return { value: await this.#answered(this.#explained(work)) };
        } catch (error) {
          if (isAtEnd || error instanceof SilentAtEnd) this.#failedAtEnd = error;
          if (stop.aborted || !(error instanceof UnavailableError)) throw error;
          return { kind: 'away', error };
        }
      },
      policies: { away: AWAY },
      random: Math.random,
      wait: (pauseMs) => setTimeout(pauseMs),
      failure: ({ error }) => error,
    });
  }

  /** Settles as `done` does; rejects when the database does not answer within `STATEMENT_AT_END_MS` after the stop. */
  async #answered<T>(done: Promise<T>): Promise<T> {
    const { stop } = this.#surroundings;
    const late = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const onStop = (): void => {
      timer = globalThis.setTimeout(() => late.abort(new SilentAtEnd(this.#address.host)), STATEMENT_AT_END_MS);
    };
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
    try {
      return await orAbort(done, late.signal);
    } finally {
      stop.removeEventListener('abort', onStop);
      clearTimeout(timer);
    }
  }

  async #explained<T>(work: () => Promise<T>): Promise<T> {
    return await explained(this.#address, work);
  }
}

class SilentAtEnd extends UnavailableError {
  constructor(host: string) {
    super(
      `the database at ${host} did not answer within ${STATEMENT_AT_END_MS / 1_000} seconds after the process was stopped`,
      'Other processes take its mailboxes after a minute. If it lasts, look at the state of the database with `heroku pg:info`.',
    );
  }
}

async function createBoss(address: DatabaseAddress, allowHosts: QueueSurroundings['allowHosts']): Promise<PgBoss> {
  allowHosts([{ name: address.host, port: address.port }]);
  const { PgBoss } = await import('pg-boss');
  const boss = new PgBoss({
    ...address,
    ...TIMEOUTS,
    schema: SCHEMA,
    max: MOST_CONNECTIONS,
    application_name: 'gmail-jobs',
    supervise: false,
    schedule: false,
    registerInstance: false,
    monitorVacuum: false,
    monitorIntervalSeconds: TICK_MS / 1_000,
    maintenanceIntervalSeconds: 3_600,
  });
  // Emitted when the pool loses a connection; the next statement then fails.
  boss.on('error', () => {});
  return boss;
}

async function startBoss(address: DatabaseAddress, allowHosts: QueueSurroundings['allowHosts']): Promise<PgBoss> {
  const boss = await createBoss(address, allowHosts);
  try {
    await explained(address, () => boss.start());
    return boss;
  } catch (error) {
    await stopBoss(boss);
    throw error;
  }
}

/** Waits at most STOP_MS, because the server may not answer. */
async function stopBoss(boss: PgBoss): Promise<void> {
  const stopped = boss.stop({ graceful: false }).catch(() => {});
  await Promise.race([stopped, setTimeout(STOP_MS, undefined, { ref: false })]);
}

async function explained<T>(address: DatabaseAddress, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainDatabaseError(error, address);
  }
}

async function inTransaction<T>(database: Database, work: (db: Database) => Promise<T>): Promise<T> {
  const transaction = await database.beginTransaction?.();
  if (transaction === undefined) throw new Error('pg-boss has no transactions');
  try {
    const result = await work(transaction.db);
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}

const attemptOf = ({ id, retryCount }: TakenMailbox) => ({ id, retryCount });

function digest(...parts: readonly unknown[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}

/** A UUID of version 8, whose bits the application chooses (RFC 9562). */
function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * The last row of each mailbox in a period: $1 is the queue, $2 the priority, $3 the names of the mailboxes or null. By $4,
 * before the period's first row, PostgreSQL leaves out past periods: pg-boss's tables have no index on the priority.
 */
const LAST = `(
  SELECT DISTINCT ON (singleton_key) singleton_key AS mailbox, data, state, output, start_after
  FROM ${SCHEMA}.job
  WHERE name = $1 AND priority = $2 AND created_on >= $4 AND ($3::text[] IS NULL OR singleton_key = ANY($3))
  ORDER BY singleton_key, (data->>'tryNumber')::int DESC) AS last`;
const CHOOSE = `UPDATE ${SCHEMA}.job SET priority = $4
  WHERE name = $1 AND id IN (
    SELECT id FROM ${SCHEMA}.job AS waiting
    WHERE name = $1 AND priority = $2 AND singleton_key = ANY($3::text[]) AND state < 'active' AND start_after <= now()
      AND NOT EXISTS (SELECT FROM ${SCHEMA}.job WHERE name = $1 AND singleton_key = waiting.singleton_key AND state = 'active')
    LIMIT $5 FOR UPDATE SKIP LOCKED)`;
const UNCHOOSE = `UPDATE ${SCHEMA}.job SET priority = $3 WHERE name = $1 AND priority = $2 AND created_on >= $4`;
const COMPLETED = `SELECT id, retry_count AS "retryCount" FROM ${SCHEMA}.job
  WHERE name = $1 AND id = ANY($2::uuid[]) AND state = 'completed'`;
const IS_WAITING = `state IN ('created', 'retry')`;
const HAS_FAILED = `(state = 'failed' OR (state = 'completed' AND (output->>'exitCode')::int NOT IN (0, 130, 143)))`;

const FAILED = `SELECT mailbox, (data->>'tryNumber')::int AS "tryNumber" FROM ${LAST} WHERE ${HAS_FAILED}`;

const WAITING = `SELECT mailbox FROM ${LAST} WHERE ${IS_WAITING}`;

const COUNTS = `
  SELECT
    (count(*) FILTER (WHERE ${IS_WAITING}))::int AS waiting,
    (count(*) FILTER (WHERE state = 'active'))::int AS active,
    (count(*) FILTER (WHERE state > 'active'))::int AS ended,
    (count(*) FILTER (WHERE ${HAS_FAILED}))::int AS failed,
    ceil(extract(epoch FROM min(greatest(start_after, now())) FILTER (WHERE ${IS_WAITING}) - now()) * 1000)::int AS "nextInMs"
  FROM ${LAST}`;

const IS_ASKED = `name = '${QUEUE}' AND ($1::text IS NULL OR group_id = $1)
  AND ($2::text[] IS NULL OR singleton_key = ANY($2))`;

/** Finds the last rows before it reads their wide columns: with 750,000 rows 0.5 s, in place of 1.8 s with DISTINCT ON alone. */
const ENDS = `
  WITH last AS MATERIALIZED (
    SELECT group_id, singleton_key, max(completed_on) AS completed_on
    FROM ${SCHEMA}.job
    WHERE ${IS_ASKED} AND state IN ('completed', 'failed') AND coalesce(output->>'outcome', '') <> 'retry'
    GROUP BY group_id, singleton_key)
  SELECT DISTINCT ON (group_id, singleton_key)
    singleton_key AS mailbox, group_id AS job, data->>'period' AS period,
    coalesce(output->>'outcome', 'failed') AS outcome, coalesce((output->>'exitCode')::int, ${ExitCode.unavailable}) AS "exitCode",
    completed_on AS "endedAt", output->>'error' AS error, output->>'remedy' AS remedy
  FROM last JOIN ${SCHEMA}.job USING (group_id, singleton_key, completed_on)
  WHERE name = '${QUEUE}' AND state IN ('completed', 'failed') AND coalesce(output->>'outcome', '') <> 'retry'
  ORDER BY group_id, singleton_key`;

const OPEN = `
  SELECT group_id AS job,
    (count(DISTINCT singleton_key) FILTER (WHERE NOT is_active))::int AS waiting,
    (count(DISTINCT singleton_key) FILTER (WHERE is_active))::int AS active
  FROM (SELECT group_id, singleton_key,
      state = 'active' AND coalesce(heartbeat_on, started_on) > now() - ${HEARTBEAT_SECONDS} * interval '1 second' AS is_active
    FROM ${SCHEMA}.job
    WHERE ${IS_ASKED} AND state <= 'active' AND keep_until > now()) AS entered
  GROUP BY group_id
  ORDER BY group_id`;

/** SQLSTATE of a missing table or schema: postgresql.org/docs/current/errcodes-appendix.html. */
const UNDEFINED_TABLE = '42P01';
