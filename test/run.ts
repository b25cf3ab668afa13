/** Runs the built program as Heroku does: a child process whose environment has the sandbox's variables alone. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TestJobs, testProgram } from './fixtures/program.ts';
import type { Sandbox } from './sandbox/index.ts';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The Procfile's command, as words. */
export const COMMAND = (/^job: (.*)$/m.exec(readFileSync(`${ROOT}/Procfile`, 'utf8'))?.[1] ?? '').split(' ');

/** The same for the program with these jobs. */
export async function commandWith(jobs: RunOptions['jobs'] = 'installed'): Promise<string[]> {
  return jobs === 'own' ? COMMAND : [...COMMAND.slice(0, -1), `${await testProgram(jobs)}/main.js`];
}

/** One line of the log. */
export type LogEvent = Record<string, unknown> & { event: string };

export interface Finished {
  /** As a shell reports it: 128 + the signal's number for a killed process. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON lines on stdout. */
  readonly events: readonly LogEvent[];
  /** Undefined when the last line of stdout is no final line. */
  readonly final: LogEvent | undefined;
}

export interface RunOptions {
  /** Added to the sandbox's variables; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Text or content of the file that RULES_FILE names. */
  readonly rules?: string | object;
  /** Text or content of the file that ATTACHMENTS_FILE names. */
  readonly attachments?: string | object;
  /** Text or content of the file that MAILBOXES_FILE names. */
  readonly mailboxes?: string | object;
  /** The jobs of the program: those of a folder of test/fixtures, or `own`, those of jobs/. Default `installed`. */
  readonly jobs?: TestJobs | 'own';
  /** Without Node's permission model, as on a laptop. */
  readonly unlocked?: boolean;
  /** Arguments of Node in place of the Procfile's. */
  readonly program?: readonly string[];
  /** A line of bash in which "$0" "$@" is the command. */
  readonly shell?: string;
  /** Called with the child, to send it signals. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Sends signals to a child, also from hooks that were made before the child started. */
export class ChildHandle {
  #child: ChildProcess | undefined;

  /** An option of `runJob`. */
  readonly onStart = (child: ChildProcess): void => {
    this.#child = child;
  };

  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }
}

/** Runs `job <args>` on the sandbox until it exits. Needs `npm run build` before. */
export async function runJob(
  sandbox: Sandbox | null,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  await using files = await withRules(options.rules, options.mailboxes, options.attachments);
  const [program, ...words] = await commandWith(options.jobs);
  const isElsewhere = options.cwd !== undefined || options.shell !== undefined;
  const main = isElsewhere ? join(ROOT, words.at(-1) ?? '') : (words.at(-1) ?? '');
  // jobs/README.md documents the option for a rules file outside of the app's folder.
  const readable = [isElsewhere ? ROOT : undefined, files.folder].flatMap((folder) =>
    folder ? [`--allow-fs-read=${folder}`] : [],
  );
  const before = options.program ?? (options.unlocked ? [main] : [...words.slice(0, -1), ...readable, main]);
  const command = [program === 'node' ? process.execPath : `${program}`, ...before, ...args];
  const [file = '', ...typed] = options.shell ? ['bash', '-c', options.shell, ...command] : command;
  const env = { PATH: process.env.PATH, ...sandbox?.env, ...files.env, ...options.env };
  const child = spawn(file, typed, {
    cwd: options.cwd ?? ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  options.onStart?.(child);
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => resolve(exitCode ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0)));
  });
  const events = output.stdout.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as LogEvent];
    } catch {
      return [];
    }
  });
  const last = output.stdout.trimEnd().split('\n').at(-1) ?? '';
  const final = /"event":"(?:run|fleet)\.finished"/.test(last) ? events.at(-1) : undefined;
  return { code, ...output, events, final };
}

/** The same with the jobs of jobs/, for tests of those. */
export function runOwnJob(
  sandbox: Sandbox | null,
  args: readonly string[],
  options: Omit<RunOptions, 'jobs'> = {},
): Promise<Finished> {
  return runJob(sandbox, args, { ...options, jobs: 'own' });
}

/** The fields of every final line, and their types. */
const FINAL_FIELDS = {
  level: 'string',
  time: 'string',
  job: 'string',
  runId: 'string',
  outcome: 'string',
  exitCode: 'number',
  matched: 'number',
  changed: 'number',
  skipped: 'number',
  failed: 'number',
  remaining: 'number',
  requests: 'number',
  retries: 'number',
  quotaUnits: 'number',
  durationMs: 'number',
  dryRun: 'boolean',
};

const OUTCOMES = ['ok', 'nothing-to-do', 'partial', 'failed', 'interrupted'];

/**
 * Asserts that a run ended with this exit code and these fields of the final line; also that there is exactly one final
 * line, which is the last line, has all fields and balanced counts, and a remedy when the run failed. Returns that line.
 */
export function assertEnded(run: Finished, code: number, expected: Readonly<Record<string, unknown>> = {}): LogEvent {
  const { final } = run;
  const shown = `${run.stdout}${run.stderr}`;
  assert.ok(final, `the last line is no final line:\n${shown}`);
  const picked = Object.fromEntries(Object.keys(expected).map((name) => [name, final[name]]));
  assert.deepEqual(
    { code: run.code, exitCode: final.exitCode, ...picked },
    { code, exitCode: code, ...expected },
    shown,
  );
  assert.equal(run.events.filter(({ event }) => event === 'run.finished').length, 1, 'exactly one final line');
  for (const [name, type] of Object.entries(FINAL_FIELDS))
    assert.equal(typeof final[name], type, `${name} in ${shown}`);
  assert.ok(OUTCOMES.includes(String(final.outcome)), `outcome ${final.outcome}`);
  const { matched, changed, skipped, failed, remaining } = final as unknown as Record<string, number>;
  assert.equal(matched, (changed ?? 0) + (skipped ?? 0) + (failed ?? 0) + (remaining ?? 0), `not balanced: ${shown}`);
  for (const count of [changed, skipped, failed, remaining]) assert.ok(Number(count) >= 0, shown);
  if (final.outcome === 'failed') {
    for (const name of ['error', 'remedy']) assert.match(String(final[name] ?? ''), /^\S.*$/, `${name} in ${shown}`);
  } else {
    assert.equal(final.error, undefined);
  }
  return final;
}

/** Writes settings files until they are disposed of; `env` has their variables. */
export async function withRules(
  rules: string | object | undefined,
  mailboxes?: string | object,
  attachments?: string | object,
) {
  const contents = { RULES_FILE: rules, MAILBOXES_FILE: mailboxes, ATTACHMENTS_FILE: attachments };
  const given = Object.entries(contents).filter((one): one is [string, string | object] => one[1] !== undefined);
  const folder = given.length === 0 ? undefined : await mkdtemp(join(tmpdir(), 'gmail-jobs-rules-'));
  const env: Record<string, string> = {};
  for (const [variable, content] of given) {
    const file = join(folder ?? '', `${variable.replace('_FILE', '').toLowerCase()}.yaml`);
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
    env[variable] = file;
  }
  return {
    folder,
    env,
    async [Symbol.asyncDispose]() {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
