/**
 * Every way in which a run can fail, as classes that know their exit code and what a person should do about it.
 * What is not one of these is a bug: exit code 1, with a stack.
 */

/** Exit codes of the program, from sysexits.h where it has a fitting one. */
export const ExitCode = {
  ok: 0,
  bug: 1,
  usage: 2,
  itemsFailed: 65,
  unavailable: 75,
  credentials: 77,
  configuration: 78,
  sigint: 130,
  sigterm: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** An expected failure: `message` names the cause, `remedy` the next step, each in one line. */
export abstract class JobError extends Error {
  abstract readonly exitCode: ExitCode;
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(oneLine(message), options);
    this.name = new.target.name;
    this.remedy = oneLine(remedy);
  }
}

/** The command line is wrong: unknown job or option, missing or malformed value. */
export class UsageError extends JobError {
  readonly exitCode = ExitCode.usage;
}

/** A guard stopped the work before anything was changed. */
export class GuardError extends JobError {
  readonly exitCode = ExitCode.itemsFailed;
}

/** A service refused one request for good, for a reason that lies in the request itself. */
export class RefusedError extends JobError {
  readonly exitCode = ExitCode.itemsFailed;
}

/** Gmail, Google or AWS was not available, or quota ran out: the next run may succeed. */
export class UnavailableError extends JobError {
  readonly exitCode = ExitCode.unavailable;
}

/** Revoked, expired, wrong account, missing scope, access denied: a person has to authorize again. */
export class CredentialError extends JobError {
  readonly exitCode = ExitCode.credentials;
}

/** The environment, the secret's shape, the rules file or the Cloud project is set up wrongly. */
export class ConfigError extends JobError {
  readonly exitCode = ExitCode.configuration;
}

/** A connection that no part of the run needs was refused before it was opened. */
export class EgressError extends ConfigError {
  readonly code = 'ERR_EGRESS_REFUSED';
  readonly how: string;
  readonly host: string;
  readonly port: number | undefined;

  /** `how` is the way that was tried: tcp, tls, dns and so on. */
  constructor(how: string, host: string, port?: number) {
    const where = port === undefined ? host : `${host.includes(':') ? `[${host}]` : host}:${port}`;
    super(
      `${where} was not declared, so it was not ${how === 'listen' ? 'listened on' : 'reached'} (${how})`,
      how === 'listen' || how === 'udp' || how === 'unix socket'
        ? 'A job reaches declared hosts over TCP alone, and waits for no connections: find out which code tried, and leave it out.'
        : "If a job is meant to reach it, add it to the job's hosts: ['name'] or ['name:port']; if a proxy variable or AWS_ENDPOINT_URL leads there, unset it; else find out which code tried.",
    );
    this.how = how;
    this.host = host;
    this.port = port;
  }
}

/** The refused connection that is behind `error`, however a library has wrapped it. */
export function egressBehind(error: unknown, depth = 0): EgressError | undefined {
  if (error instanceof EgressError) return error;
  if (!(error instanceof Error) || depth > 8) return undefined;
  for (const cause of error instanceof AggregateError ? [...error.errors, error.cause] : [error.cause]) {
    const refused = egressBehind(cause, depth + 1);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** The run was told to stop: its time budget ended, or a signal came. */
export class StoppedError extends Error {
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super(`stopped: ${reason}`);
    this.name = 'StoppedError';
    this.reason = reason;
  }
}

/**
 * `declined` is a person who was asked and did not want it; `fault` something thrown that nobody caught; `finished` ends
 * what a finished run left under way.
 */
export type StopReason = 'budget' | 'SIGTERM' | 'SIGINT' | 'declined' | 'fault' | 'finished';

/** `text` on one line, so that an error is one line in every log whatever a service answered. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** The exit code that `error` stands for; 1 for what is not an expected failure. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof JobError ? error.exitCode : ExitCode.bug;
}
