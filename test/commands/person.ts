/** Runs a command as a person does: reads the printed link, opens it in a browser, and types the answers. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandHere, runHere } from '../fixtures/front-door.ts';
import { testProgram } from '../fixtures/program.ts';
import { assertEnded, ROOT } from '../run.ts';
import type { Visit } from '../sandbox/browser.ts';
import type { Sandbox } from '../sandbox/index.ts';

export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The link that was printed. */
  readonly link: string | undefined;
  /** The last page in the browser. */
  readonly visit: Visit | undefined;
}

export interface Person {
  /** Added to the sandbox's variables; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Typed at once; then the input ends. */
  readonly stdin?: string;
  /** Receives the link. The default opens it and follows the consent page. */
  readonly open?: (link: string, type: (text: string) => void) => Promise<Visit | undefined>;
  /** Given the child at once, to send it signals. */
  readonly onStart?: (child: ChildProcess) => void;
  /** Starts the built program in a process of its own. */
  readonly built?: boolean;
}

/** Runs `job <args>` until it exits, inside the test's process unless `person.built` is set. */
export async function runCommand(sandbox: Sandbox, args: readonly string[], person: Person = {}): Promise<CommandRun> {
  if (person.built || person.onStart !== undefined || person.cwd !== undefined) {
    return await runBuilt(sandbox, args, person);
  }
  const open = person.open ?? ((link: string) => sandbox.consent.visit(link));
  let link: string | undefined;
  let visit: Promise<Visit | undefined> | undefined;
  const run = await commandHere(sandbox, args, {
    env: { PATH: process.env.PATH, ...person.env },
    stdin: person.stdin,
    onOutput: (stdout, type) => {
      link ??= linkIn(stdout);
      if (link !== undefined) visit ??= open(link, type).catch(() => undefined);
    },
  });
  return { ...run, link, visit: await visit };
}

function linkIn(stdout: string): string | undefined {
  return /^ {2}(https?:\/\/\S+)\n/m.exec(stdout)?.[1];
}

async function runBuilt(sandbox: Sandbox, args: readonly string[], person: Person): Promise<CommandRun> {
  const child = spawn(process.execPath, [join(ROOT, await testProgram('installed'), 'main.js'), ...args], {
    cwd: person.cwd ?? ROOT,
    env: { PATH: process.env.PATH, ...sandbox.env, ...person.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  person.onStart?.(child);
  // A killed child closes its stdin.
  child.stdin.on('error', () => undefined);
  if (person.stdin !== undefined) child.stdin.end(person.stdin);
  const open = person.open ?? ((link: string) => sandbox.consent.visit(link));
  const output = { stdout: '', stderr: '' };
  let link: string | undefined;
  let visit: Promise<Visit | undefined> | undefined;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      link ??= linkIn(output.stdout);
      if (link === undefined) return;
      // After the command has exited, the browser shows an error page of its own.
      visit ??= open(link, (typed) => child.stdin.write(typed)).catch(() => undefined);
    });
  }
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => resolve(exitCode ?? (signal === 'SIGKILL' ? 137 : 128)));
  });
  return { code, ...output, link, visit: await visit };
}

/** The client's file as the Cloud console gives it, in a folder of its own. */
export async function writeClientFile(
  client: { readonly client_id: string; readonly client_secret: string },
  kind: 'installed' | 'web' = 'installed',
) {
  const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-client-'));
  const file = join(folder, 'client_secret.json');
  const { client_id, client_secret } = client;
  const details = { client_id, client_secret, project_id: 'p', redirect_uris: ['http://localhost'] };
  await writeFile(file, JSON.stringify({ [kind]: details }));
  return {
    folder,
    file,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The contents of a folder's files, without the files in `except`. */
export async function contentsOf(folder: string, except: readonly string[] = []): Promise<string> {
  const names = (await readdir(folder)).filter((name) => !except.includes(name));
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
}

/** The values of a secret's versions by staging label. */
export function stagesOf(sandbox: Sandbox): Record<string, Record<string, string>> {
  const { versions } = sandbox.secrets.secret();
  return Object.fromEntries(
    versions.flatMap(({ stages, value }) => [...stages].map((stage) => [stage, JSON.parse(String(value))])),
  );
}

/** The requests to the stand-ins, in order, such as `aws PutSecretValue`. */
export function asked(sandbox: Sandbox, service?: string): string[] {
  const requests = sandbox.requests.filter((request) => service === undefined || request.service === service);
  return requests.map((request) => `${request.service} ${request.verb}`);
}

const RULES = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };

/** Asserts that a run works with AWSCURRENT, without a fallback. */
export async function assertCurrentWorks(sandbox: Sandbox): Promise<void> {
  const run = await runHere(sandbox, ['apply-rules', '--dry-run'], { rules: RULES });
  assertEnded(run, 0);
  assert.ok(!run.events.some(({ event }) => event === 'secret.fallback'), run.stdout);
}

export function assertRotated(run: CommandRun): void {
  assert.equal(run.code, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /The new credentials are live/);
}

/** Authorizes with the sandbox's own client. */
export async function authorize(
  sandbox: Sandbox,
  args: readonly string[] = [],
  person: Person = {},
): Promise<CommandRun> {
  await using client = await writeClientFile(sandbox.secretValue);
  return await runCommand(sandbox, ['authorize', '--client', client.file, ...args], person);
}

/** Asserts that nothing was stored, and that stderr says why. */
export function assertRefused(run: CommandRun, sandbox: Sandbox, code: number, told: RegExp): void {
  assert.equal(run.code, code, run.stdout + run.stderr);
  assert.match(run.stderr, told);
  assert.match(run.stderr, /^job: .+\n {5}\S.+\n$/);
  assert.deepEqual(stagesOf(sandbox), { AWSCURRENT: sandbox.secretValue });
  assert.ok(!asked(sandbox).some((verb) => /Put|Create|Update|Tag/.test(verb)));
}
