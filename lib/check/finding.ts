/** One line of `job check` as data, and the exit code of all lines. screen.ts shows the lines. */
import { ExitCode, JobError } from '../errors.ts';
import type { CommandSpelling } from '../screen/command-spelling.ts';

/** `skipped`: not checked, neither good nor bad. */
export type FindingStatus = 'ok' | 'warning' | 'failed' | 'skipped';

export interface FindingRow {
  /** Undefined for rows without a status of their own. */
  readonly status?: FindingStatus;
  readonly cells: readonly string[];
}

export interface Finding {
  /** The line's subject: `secret`, or a job's name. */
  readonly id: string;
  readonly status: FindingStatus;
  readonly detail: string;
  readonly remedy?: string;
  /** For failed lines: the exit code that a run would have. */
  readonly exitCode?: ExitCode;
  readonly rows?: readonly FindingRow[];
  /** Further warnings, each in one line. */
  readonly notes?: readonly string[];
  /** The jobs that this failure stops; undefined for all. */
  readonly stops?: readonly string[];
  /** Runs work in spite of this failure, with AWSPREVIOUS. */
  readonly bridged?: boolean;
  /** Further fields of the line in `--json`. */
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

export function notReached(id: string): Finding {
  return skipped(id, 'not checked, because of the failure above');
}

/** @throws `error` itself when it is no JobError. */
export function failed(id: string, error: unknown, extras: Extras = {}): Finding {
  if (!(error instanceof JobError)) throw error;
  return { id, status: 'failed', detail: error.message, remedy: error.remedy, exitCode: error.exitCode, ...extras };
}

export function bridged(finding: Finding): Finding {
  return { ...finding, detail: `${finding.detail}; meanwhile runs use AWSPREVIOUS`, bridged: true };
}

/** Failures that need a person come before failures that may pass. */
const SEVERITY: readonly (readonly ExitCode[])[] = [
  [ExitCode.configuration, ExitCode.credentials],
  [ExitCode.itemsFailed],
  [ExitCode.unavailable],
];

/** The exit code of the worst line. Of equally bad lines the first counts: the person should correct it first. */
export function worstExitCode(findings: readonly Finding[]): ExitCode {
  const codes = findings.flatMap(({ status, exitCode }) => (status === 'failed' && exitCode ? [exitCode] : []));
  for (const level of SEVERITY) {
    const code = codes.find((one) => level.includes(one));
    if (code !== undefined) return code;
  }
  return codes[0] ?? ExitCode.ok;
}

/** The finding with its commands as the person must type them. */
export function spellFinding(finding: Finding, { text }: CommandSpelling): Finding {
  const { detail, remedy, rows, notes } = finding;
  return {
    ...finding,
    detail: text(detail),
    ...(remedy !== undefined && { remedy: text(remedy) }),
    ...(rows && { rows: rows.map((row) => ({ ...row, cells: row.cells.map(text) })) }),
    ...(notes && { notes: notes.map(text) }),
  };
}
