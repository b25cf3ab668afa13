/**
 * The errors of every expected failure of a run or command, with their exit codes. Any other error is a bug: exit code 1
 * and a stack.
 *
 * | error            | exit code | thrown for                                                             |
 * | ---------------- | --------- | ---------------------------------------------------------------------- |
 * | UsageError       | 2         | unknown job or option, missing or malformed value                      |
 * | GuardError       | 65        | stopped before the first change: by a guard, or without a journal      |
 * | RefusedError     | 65        | a service or a job refused one request or message for its content      |
 * | UnavailableError | 75        | Gmail, Google or AWS was not available, or quota ran out               |
 * | CredentialError  | 77        | revoked, expired, wrong account, missing scope, access denied          |
 * | ConfigError      | 78        | environment, the secret's shape, rules file or Cloud project           |
 *
 * A remedy is the second argument of an error, written where the error is thrown. A remedy that several places share is a
 * constant beside the code that knows the cause, such as AUTHORIZE_AGAIN in google/token.ts.
 */

import { inspect } from 'node:util';

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

/** The exit codes and their meanings, as `job --help` lists them. */
export const EXIT_CODES: readonly (readonly [codes: string, meaning: string])[] = [
  ['0', 'done, nothing to do, or the budget is used up'],
  ['1', 'a bug'],
  ['2', 'the command line is wrong'],
  ['65', 'items failed, or a guard stopped the work'],
  ['75', 'a service was not available, or quota ran out'],
  ['77', 'the credentials do not work or lack access'],
  ['78', 'the configuration is wrong'],
  ['130, 143', 'stopped by a signal'],
];

/** `message` names the cause, `remedy` the next step, each in one line. */
export abstract class JobError extends Error {
  abstract readonly exitCode: ExitCode;
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(oneLine(message), options);
    this.name = new.target.name;
    this.remedy = oneLine(remedy);
  }
}

export class UsageError extends JobError {
  readonly exitCode = ExitCode.usage;
}

export class GuardError extends JobError {
  readonly exitCode = ExitCode.itemsFailed;
}

export class RefusedError extends JobError {
  readonly exitCode = ExitCode.itemsFailed;
}

export class UnavailableError extends JobError {
  readonly exitCode = ExitCode.unavailable;
}

export class CredentialError extends JobError {
  readonly exitCode = ExitCode.credentials;
}

export class ConfigError extends JobError {
  readonly exitCode = ExitCode.configuration;
}

/** A connection to an undeclared host was refused before it was opened. */
export class EgressError extends ConfigError {
  readonly code = 'ERR_EGRESS_REFUSED';
  readonly how: string;
  readonly host: string;
  readonly port: number | undefined;

  /** `how` is the kind of connection: tcp, tls, dns and so on. */
  constructor(how: string, host: string, port?: number) {
    const where = port === undefined ? host : `${host.includes(':') ? `[${host}]` : host}:${port}`;
    super(
      `${where} was not declared, so it was not ${how === 'listen' ? 'listened on' : 'reached'} (${how})`,
      how === 'listen' || how === 'udp' || how === 'unix socket'
        ? 'A job may connect to declared hosts over TCP only, and may not listen: find the code that tried, and remove it.'
        : "If a job needs this host, add the host to the job's hosts: ['name'] or ['name:port']; if a proxy variable or AWS_ENDPOINT_URL names the host, unset that variable; else find the code that tried.",
    );
    this.how = how;
    this.host = host;
    this.port = port;
  }
}

/** The EgressError in `error` or among its causes: libraries wrap an EgressError in their own errors. */
export function egressBehind(error: unknown, depth = 0): EgressError | undefined {
  if (error instanceof EgressError) return error;
  if (!(error instanceof Error) || depth > 8) return undefined;
  for (const cause of error instanceof AggregateError ? [...error.errors, error.cause] : [error.cause]) {
    const refused = egressBehind(cause, depth + 1);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** A run or command was told to stop, for `reason`. */
export class StoppedError extends Error {
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super(`stopped: ${reason}`);
    this.name = 'StoppedError';
    this.reason = reason;
  }
}

/**
 * `declined`: the person answered no. `fault`: an uncaught exception. `finished`: the run is over, and its requests and
 * waits that the job did not await end now. `lost`: another process of the fleet may work on the mailbox.
 */
export type StopReason = 'budget' | 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'declined' | 'fault' | 'finished' | 'lost';

/** `thrown` as an Error: code may throw any value, also one that fails when it is read. */
export function asError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) {
      // Fails for an error with a property that cannot be read.
      String([thrown.name, thrown.message, thrown.stack]);
      return thrown;
    }
    return new Error(`a value that is no Error was thrown: ${typeof thrown === 'string' ? thrown : inspect(thrown)}`);
  } catch {
    return new Error('a value that cannot be read was thrown');
  }
}

/** Joins the lines of a text: services answer with line breaks, but an error must be one line in a log. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof JobError ? error.exitCode : ExitCode.bug;
}
