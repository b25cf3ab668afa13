/** One line of `job check`, as data: what was looked at, how it stands, and what a person should do about it. */
import { ExitCode, JobError } from '../errors.ts';
import type { CommandSpelling } from '../screen/command-spelling.ts';

/** `skipped` is what could not be looked at, or has nothing to look at; it is neither good nor bad. */
export type Status = 'ok' | 'warning' | 'failed' | 'skipped';

export interface Row {
  /** Undefined for rows that are neither good nor bad by themselves. */
  readonly status?: Status;
  readonly cells: readonly string[];
}

export interface Finding {
  /** What was looked at: `secret`, or a job's name. */
  readonly id: string;
  readonly status: Status;
  /** In one line. */
  readonly detail: string;
  /** What to do next, when something is to be done. */
  readonly remedy?: string;
  /** With which code a run would end; for failed lines. */
  readonly exitCode?: ExitCode;
  readonly rows?: readonly Row[];
  /** Further warnings, each in one line. */
  readonly notes?: readonly string[];
  /** The jobs that this failure stops; all of them when it is left out. */
  readonly stops?: readonly string[];
  /** Runs do their work in spite of this failure, because the version before still works. */
  readonly bridged?: boolean;
  /** The same for machines. */
  readonly data?: Readonly<Record<string, unknown>>;
}

type Extras = Omit<Finding, 'id' | 'status' | 'detail'>;

export function ok(id: string, detail: string, extras: Extras = {}): Finding {
  return { id, status: 'ok', detail, ...extras };
}

export function warning(id: string, detail: string, remedy: string, extras: Extras = {}): Finding {
  return { id, status: 'warning', detail, remedy, ...extras };
}

export function skipped(id: string, detail: string, extras: Extras = {}): Finding {
  return { id, status: 'skipped', detail, ...extras };
}

/** What could not be looked at, because an earlier line failed. */
export function notReached(id: string): Finding {
  return skipped(id, 'not checked, because of the failure above');
}

/** A line that failed. @throws `error` itself when it is no expected failure but a bug, or the end of the command. */
export function failed(id: string, error: unknown, extras: Extras = {}): Finding {
  if (!(error instanceof JobError)) throw error;
  return { id, status: 'failed', detail: error.message, remedy: error.remedy, exitCode: error.exitCode, ...extras };
}

/** A failure of the current version in spite of which runs go on. */
export function bridged(finding: Finding): Finding {
  return { ...finding, detail: `${finding.detail}; meanwhile runs use AWSPREVIOUS`, bridged: true };
}

/** What needs a person comes before what the next run may mend. */
const SEVERITY: readonly (readonly ExitCode[])[] = [
  [ExitCode.configuration, ExitCode.credentials],
  [ExitCode.itemsFailed],
  [ExitCode.unavailable],
];

/** The exit code of the worst line; among equals, of the first, which is the one to mend first. */
export function worstExitCode(findings: readonly Finding[]): ExitCode {
  const codes = findings.flatMap(({ status, exitCode }) => (status === 'failed' && exitCode ? [exitCode] : []));
  for (const level of SEVERITY) {
    const code = codes.find((one) => level.includes(one));
    if (code !== undefined) return code;
  }
  return codes[0] ?? ExitCode.ok;
}

/** The finding with the commands in its texts as they are typed. */
export function asTyped(finding: Finding, { text }: CommandSpelling): Finding {
  const { detail, remedy, rows, notes } = finding;
  return {
    ...finding,
    detail: text(detail),
    ...(remedy !== undefined && { remedy: text(remedy) }),
    ...(rows && { rows: rows.map((row) => ({ ...row, cells: row.cells.map(text) })) }),
    ...(notes && { notes: notes.map(text) }),
  };
}
