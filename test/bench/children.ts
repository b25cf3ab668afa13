/** Runs Node programs as child processes and measures wall time, CPU time and peak memory. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { arch, cpus, platform, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { COMMAND, ROOT } from '../run.ts';
import type { StandInOptions } from './stand-in.ts';

const STAND_IN = fileURLToPath(new URL('stand-in.ts', import.meta.url));
const USAGE = fileURLToPath(new URL('usage.cjs', import.meta.url));

export type Variables = Readonly<Record<string, string | undefined>>;

export interface Usage {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly memoryMb: number;
}

/** The Procfile's command without `node`. */
export const PROGRAM = COMMAND.slice(1);

/** Starts a sandbox in a process of its own. Returns its variables and the process. */
export async function startStandIn(options: StandInOptions): Promise<{ env: Variables; child: ChildProcess }> {
  const child = fork(STAND_IN, [JSON.stringify(options)]);
  const [variables] = (await once(child, 'message')) as [Variables];
  return { env: variables, child };
}

/** Starts a sandbox with 1,000 messages, for runs with nothing to do. */
export async function startSandboxProcess(latencyMs: number): Promise<{ env: Variables; stop: () => void }> {
  const { env, child } = await startStandIn({ messages: 1_000, latencyMs });
  const { HEARTBEAT_URL: _, ...rest } = env;
  return { env: { ...rest, RULES_FILE: 'test/bench/rules.yaml' }, stop: () => child.disconnect() };
}

/** Runs Node with these words until it exits; the figures include Node's own start. Throws when the exit code is not 0. */
export async function measure(words: readonly string[], env: Variables): Promise<Usage> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--require', USAGE, ...words], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  let usage = '';
  child.stdio[3]?.on('data', (chunk) => {
    usage += chunk;
  });
  const [exit] = await Promise.all([
    once(child, 'exit').then(([code]) => ({ code, at: performance.now() })),
    once(child, 'close'),
  ]);
  if (exit.code !== 0) throw new Error(`node ${words.join(' ')} exited with ${exit.code}`);
  return { wallMs: exit.at - startedAt, ...(JSON.parse(usage) as Omit<Usage, 'wallMs'>) };
}

/** The median of each figure. */
export function median(usages: readonly Usage[]): Usage {
  const middle = (pick: (usage: Usage) => number) => usages.map(pick).sort((a, b) => a - b)[usages.length >> 1] ?? 0;
  return {
    wallMs: middle((one) => one.wallMs),
    cpuMs: middle((one) => one.cpuMs),
    memoryMb: middle((one) => one.memoryMb),
  };
}

/** Machine, Node version and date. */
export function surroundings(): string {
  const [cpu] = cpus();
  const machine = `${cpus().length} × ${cpu?.model ?? arch()}, ${Math.round(totalmem() / 2 ** 30)} GB, ${platform()}`;
  return `${machine}; Node ${process.versions.node}; ${new Date().toISOString().slice(0, 10)}`;
}
