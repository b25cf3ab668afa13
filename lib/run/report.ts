/** How a run ended: its report, with outcome and exit code concluded from the run's counts and errors. */
import { counted, formatCount } from '../base/count.ts';
import type { Counts } from '../base/tally.ts';
import { ExitCode, exitCodeOf, JobError, oneLine, StoppedError, type StopReason } from '../errors.ts';
import type { ClientStatistics } from '../gmail/units.ts';
import { quote } from '../screen/command-spelling.ts';

export type Outcome = 'ok' | 'nothing-to-do' | 'partial' | 'failed' | 'interrupted';

/** The fields of the event `run.finished`. */
export interface RunReport extends Counts, Readonly<ClientStatistics> {
  readonly job: string;
  readonly runId: string;
  readonly outcome: Outcome;
  readonly exitCode: ExitCode;
  readonly durationMs: number;
  readonly dryRun: boolean;
  /** Undefined when no token was issued. */
  readonly secretVersion: string | undefined;
  readonly error: string | undefined;
  readonly remedy: string | undefined;
  /** How the job delayed the end of the run: it blocked the event loop, or did not return. */
  readonly note: string | undefined;
  /** The command that continues the run, for a run that a person can continue. */
  readonly resume: string | undefined;
}

export interface Ending {
  readonly outcome: Outcome;
  readonly exitCode: ExitCode;
  readonly error?: string;
  readonly remedy?: string;
}

export interface RunFacts {
  /** The job's name. */
  readonly job: string;
  readonly counts: Counts;
  /** Gmail's first reason for not changing a message. */
  readonly refusal?: string | undefined;
  readonly dryRun: boolean;
  /** Undefined when the job's `run` returned. */
  readonly error: unknown;
  /** Null when the run was not stopped. */
  readonly stopped: StopReason | null;
  /** See Budget. */
  readonly blockedMs?: number;
  /** See Budget. */
  readonly isAbandoned?: boolean;
  /** The place in a job's file, such as `jobs/x.ts:12`, where `error` was thrown or which led there. */
  readonly place?: string | undefined;
}

/** Outcome and exit code of a run. A cause that needs a person takes precedence over one that the next run repairs. */
export function concludeRun(facts: RunFacts): Ending {
  const { counts, refusal, dryRun, error, stopped, place } = facts;
  if (error !== undefined && !(error instanceof StoppedError)) {
    const failedItems = counts.failed > 0 && exitCodeOf(error) === ExitCode.unavailable;
    const exitCode = failedItems ? ExitCode.itemsFailed : exitCodeOf(error);
    return { outcome: 'failed', exitCode, ...describeError(error, place) };
  }
  if (counts.failed > 0) {
    const some = `${formatCount(counts.failed)} of ${counted(counts.matched, 'message')}`;
    const end = { outcome: 'failed', exitCode: ExitCode.itemsFailed } as const;
    if (refusal === undefined) {
      const remedy = 'Look at the message.failed events of this run; the next run tries these messages again.';
      return { ...end, error: `The job failed on ${some}`, remedy };
    }
    return {
      ...end,
      error: oneLine(`Gmail refused to change ${some}: ${refusal}`).slice(0, LONGEST),
      remedy: 'Look at the gmail.refused events of this run; the next run tries these messages again.',
    };
  }
  if (error instanceof StoppedError && stopped !== null) return concludeStop(stopped, facts);
  if (counts.changed > 0 || (dryRun && counts.remaining > 0)) return { outcome: 'ok', exitCode: ExitCode.ok };
  return { outcome: 'nothing-to-do', exitCode: ExitCode.ok };
}

/** Whether a person can continue the run by hand. */
export function canResume({ counts, dryRun, error }: RunFacts, ending: Ending, isBackfill: boolean): boolean {
  // Stopped while searching: `remaining` is 0 although nothing was done.
  const isIncomplete = counts.remaining > 0 || error instanceof StoppedError;
  // No scheduled run continues a backfill.
  const isAway = isBackfill && ending.exitCode === ExitCode.unavailable;
  return !dryRun && (isAway || (isIncomplete && ending.outcome !== 'failed'));
}

/** How the job delayed the end of the run; undefined when it did not. */
export function noteOf({ job, blockedMs = 0, isAbandoned = false }: RunFacts): string | undefined {
  const seconds = counted(Math.round(blockedMs / 1_000), 'second');
  const notes = [
    ...(blockedMs > 0 ? [`blocked the event loop for ${seconds}`] : []),
    ...(isAbandoned ? ['did not end when it was told to stop, and was abandoned'] : []),
  ];
  return notes.length === 0 ? undefined : `the job ${job} ${notes.join(', ')}`;
}

function concludeStop(reason: StopReason, facts: RunFacts): Ending {
  const { job, counts, blockedMs = 0, isAbandoned } = facts;
  if (reason === 'fault')
    return { outcome: 'failed', exitCode: ExitCode.bug, ...describeError(new StoppedError(reason)) };
  if (reason === 'lost') {
    return {
      outcome: 'failed',
      exitCode: ExitCode.unavailable,
      error: 'The database did not hear from this process for 30 seconds, so another process may work on the mailbox',
      remedy:
        'The other process does the rest of the work. If this happens often, type a smaller number after --at-once.',
    };
  }
  if (reason === 'SIGTERM' || reason === 'SIGHUP') return { outcome: 'interrupted', exitCode: ExitCode.sigterm };
  if (reason === 'SIGINT') return { outcome: 'interrupted', exitCode: ExitCode.sigint };
  if (reason === 'declined' || counts.matched > 0) return { outcome: 'partial', exitCode: ExitCode.ok };
  return {
    outcome: 'failed',
    exitCode: ExitCode.unavailable,
    error: `The time budget ended before the job ${job} had found anything to do${andNote(noteOf(facts))}`,
    remedy:
      blockedMs > 0
        ? 'Let the job await something between the parts of its work, so that it can be stopped; or raise --budget (or RUN_BUDGET).'
        : isAbandoned
          ? 'Let the loops of the job check `signal`, and give it to everything that they wait for; or raise --budget (or RUN_BUDGET).'
          : 'If this happens again, raise --budget (or RUN_BUDGET), or look for a loop in the job that never ends.',
  };
}

function andNote(note: string | undefined): string {
  return note === undefined ? '' : `: ${note}`;
}

/** `remedy` with the mailbox's secret named in commands that work on one secret: in a fleet, no variable names the secret. */
export function forMailbox(
  remedy: string | undefined,
  { secretId, subject }: { readonly secretId: string; readonly subject?: string },
): string | undefined {
  // The secret of a service account opens many mailboxes, and no command authorizes it.
  if (subject !== undefined) return remedy;
  return remedy?.replace(/`job (?=(?:authorize|check|rotate|runs)\b)/g, `\`GMAIL_SECRET_ID=${quote(secretId)} job `);
}

/** Error and remedy as fields of a final line. */
export function describeError(error: unknown, place?: string): { error: string; remedy: string } {
  if (error instanceof JobError)
    return { error: error.message.slice(0, LONGEST), remedy: error.remedy.slice(0, LONGEST) };
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    error: oneLine(place === undefined ? text : `${place}: ${text}`).slice(0, 500),
    remedy:
      place === undefined
        ? 'This is a bug: report it with the stack of the event run.bug.'
        : `Correct the job there; the event run.bug has the whole stack. If the job is right, report it with that stack.`,
  };
}

/** Characters. Heroku splits log lines of over 10,000 bytes: devcenter.heroku.com/articles/logging. */
const LONGEST = 3_000;
