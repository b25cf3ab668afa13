/**
 * The composition root: connects the modules with the process's arguments, streams and signals, and sets its exit code.
 * Registers the signal handlers before it loads jobs and commands.
 */

import { disarm, secretsIn, secretsInWords } from './aws/environment-secrets.ts';
import { Faults } from './base/faults.ts';
import type { Invocation } from './cli.ts';
import { RESERVED_NAMES } from './commands/index.ts';
import { type ConfigFor, examineConfig, readLogConfig, readMonitorUrl } from './config.ts';
import { asError, type EgressError, ExitCode, exitCodeOf, JobError, StoppedError } from './errors.ts';
import { guardEgress } from './process/egress.ts';
import { refuseUnlocked } from './process/lockdown.ts';
import { restrainOnce, restrainV8 } from './process/memory.ts';
import { guardOutput } from './process/output.ts';
import { Redactor } from './process/redact.ts';
import { stackOf } from './process/stack.ts';
import { Registry } from './registry.ts';
import { LINGER_MS } from './run/budget.ts';
import { neededHosts } from './run/hosts.ts';
import type { Surroundings } from './run/run.ts';
import { commandSpelling } from './screen/command-spelling.ts';
import { noProgress } from './screen/progress.ts';
import type { Terminal } from './screen/terminal.ts';
import { columnsOf, wrap } from './screen/wrap.ts';

/**
 * Aborted by the first of these signals, which would otherwise end the process without its final line. SIGHUP comes when a
 * terminal closes, such as that of `heroku run`. Node sets its default action even under `nohup` (seen with 24.21).
 */
const processStop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
  process.on(signal, () => processStop.abort(new StoppedError(signal)));

const redactor = new Redactor();
const env = { ...process.env };
for (const secret of [...secretsIn(env), ...secretsInWords(process.argv.slice(2))]) redactor.add(secret);
disarm(process.env);
const spelling = commandSpelling(env);
let eraseProgress = (): void => {};
const say = ({ message, remedy }: JobError): void => {
  const columns = columnsOf(process.stderr);
  const lines = [wrap(`job: ${spelling.text(message)}`, columns, 5), wrap(`     ${spelling.text(remedy)}`, columns)];
  process.stderr.write(`${lines.join('\n')}\n`);
};

const exit = process.exit.bind(process);
/** Whether the exit code is that of the final line, which a later error may not change. */
let isEnded = false;
const crash = (error: unknown): void => {
  if (!isEnded) process.exitCode = exitCodeOf(error);
  eraseProgress();
  if (error instanceof JobError) say(error);
  else process.stderr.write(`${stackOf(error)}\n`);
};
const faults = new Faults();
const onFault = (error: unknown): void => {
  if (!faults.handle(error)) crash(asError(error));
};
process.on('uncaughtException', onFault);
process.on('unhandledRejection', onFault);
// Throws when this Node lacks a function to guard, and `onFault` reports the error.
const output = guardOutput(redactor, process);
process.on('exit', () => {
  eraseProgress();
  output.flush();
  // Node drops signal handlers during exit; a later signal would replace the exit code.
  exit();
});
const egress = guardEgress(say);

// An end that sets no exit code is a bug.
process.exitCode = ExitCode.bug;
main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
  isEnded = true;
  setTimeout(() => exit(), LINGER_MS).unref();
});

async function main(argv: readonly string[]): Promise<ExitCode> {
  try {
    refuseUnlocked(env, Boolean(env.DYNO) || process.permission !== undefined);
    const registry = new Registry(new URL('../jobs/', import.meta.url), RESERVED_NAMES);
    const { parseCommandLine } = await import('./cli.ts');
    const invocation = await parseCommandLine(argv, registry, spelling, columnsOf(process.stdout));
    if (invocation.kind === 'print') {
      const stream = invocation.exitCode === ExitCode.ok ? process.stdout : process.stderr;
      stream.write(invocation.text);
      return invocation.exitCode;
    }
    if (invocation.kind === 'command') return await runCommand(invocation, registry);
    const [{ createLog }, { runJob }] = await Promise.all([import('./screen/log.ts'), import('./run/run.ts')]);
    const { level, format } = readLogConfig(env, process.stdout.isTTY === true);
    const progress =
      format === 'pretty' && process.stderr.isTTY
        ? (await import('./screen/progress-bar.ts')).createProgressBar(output.screens.stderr)
        : noProgress;
    eraseProgress = () => progress.end();
    const write = (line: string) => {
      progress.stop();
      process.stdout.write(output.atLineStart() ? line : `\n${line}`);
    };
    const redact = (text: string) => redactor.text(text);
    const log = createLog({ level, format, write, redact, spelling, columns: () => columnsOf(process.stdout) });
    egress.onRefused = ({ host, port, how, remedy }: EgressError) =>
      log.error('egress.refused', { host, port, how, remedy });
    egress.allow(neededHosts(env));
    if (env.DYNO !== undefined && process.permission === undefined) {
      log.warn('process.unlocked', {
        remedy:
          'Start runs with `job …`; in Scheduler, enter a command that begins with the word job. Only this command locks the process.',
      });
    }
    process.removeAllListeners('warning');
    process.on('warning', (warning) => log.warn('process.warning', { warning: `${warning.name}: ${warning.message}` }));
    // The run would end without its final line, and with an open journal.
    process.exit = () => {
      throw new Error('a job cannot call process.exit: return from its function, or throw an error');
    };
    const { config, error } = examineConfig(env, configFor(invocation));
    const surroundings: Surroundings = {
      config: error ?? config,
      monitorUrl: readMonitorUrl(env),
      processStop: processStop.signal,
      faults,
      redactor,
      log,
      progress,
      terminal: await openTerminal(),
      isWatched: format === 'pretty',
      spelling,
      installed: () => registry.scopes(),
      jobs: registry.folder,
      allowHosts: egress.allow,
      onLoaded: invocation.kind === 'fleet' ? restrainOnce() : restrainV8,
    };
    if (invocation.kind === 'run') return (await runJob(invocation, surroundings)).exitCode;
    const { commandFleet } = await import('./run/fleet/command.ts');
    return await commandFleet(invocation, surroundings, env.DATABASE_URL?.trim() || undefined);
  } catch (error) {
    crash(error);
    return exitCodeOf(error);
  }
}

function configFor(invocation: Extract<Invocation, { kind: 'run' | 'fleet' }>): ConfigFor {
  if (invocation.kind === 'fleet') return 'fleet';
  const { job, options } = invocation;
  return job.files?.withoutMailbox?.isMeant(options) === true ? 'files' : 'mailbox';
}

async function runCommand(
  { command, argument, options }: Extract<Invocation, { kind: 'command' }>,
  registry: Registry,
): Promise<ExitCode> {
  const terminal = await openTerminal();
  egress.allow(neededHosts(env));
  if (command.listens) egress.allowListening();
  try {
    return await command.run({
      options,
      argument,
      env,
      registry,
      terminal,
      hide: (secret) => redactor.add(secret),
      allowHosts: egress.allow,
      signal: processStop.signal,
    });
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    return error.reason === 'SIGINT' ? ExitCode.sigint : ExitCode.sigterm;
  }
}

/** Node delivers Ctrl-C as a key while a person types a line, so `interrupt` sends SIGINT. */
async function openTerminal(): Promise<Terminal> {
  const { createTerminal } = await import('./screen/terminal.ts');
  const interrupt = () => process.kill(process.pid, 'SIGINT');
  return createTerminal({ stdin: process.stdin, stdout: output.screens.stdout, interrupt, spelling });
}
