/**
 * `npm run bench:modules [command]`: lists the files of dist/ that a run loads, each with its size, whether its code cache
 * was used, the packages in it, and the time to compile it and run its top level. By default apply-rules with nothing to do.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { bundleStart } from '../../lib/build/bundle.ts';
import type { LoadReport, RunReport } from '../fixtures/report-loads.ts';
import { ROOT } from '../run.ts';
import { measure, PROGRAM, startSandboxProcess, surroundings } from './children.ts';

const REPORT = 'dist/report.js';
const ROUNDS = 7;

const args = process.argv.length > 2 ? process.argv.slice(2) : ['apply-rules'];
const contents = JSON.parse(readFileSync(`${ROOT}/dist/contents.json`, 'utf8')) as Record<
  string,
  Record<string, number>
>;
const sandbox = await startSandboxProcess(0);
writeFileSync(`${ROOT}/${REPORT}`, await bundleStart('test/fixtures/report-loads.ts'));
try {
  for (const _ of [1, 2]) await measure([...PROGRAM, ...args], sandbox.env);
  const runs: (readonly LoadReport[])[] = [];
  while (runs.length < ROUNDS) runs.push(await loadedBy(args));
  print(runs);
} finally {
  rmSync(`${ROOT}/${REPORT}`);
  sandbox.stop();
}

async function loadedBy(command: readonly string[]): Promise<readonly LoadReport[]> {
  const words = PROGRAM.map((word) => word.replace('dist/main.js', REPORT));
  const child = spawn(process.execPath, [...words, ...command], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...sandbox.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
  const report: RunReport = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
  return report.loads;
}

function print(runs: readonly (readonly LoadReport[])[]): void {
  const rows = (runs[0] ?? []).map(({ file, bytes, cache }) => {
    const times = runs.map((run) => run.find((one) => one.file === file)?.ms ?? 0).sort((a, b) => a - b);
    const packages = Object.entries(contents[file] ?? {}).sort(([, a], [, b]) => b - a);
    const named = packages.map(([name, size]) => `${name} ${kilobytes(size)}`);
    return { file, bytes, cache, ms: times[times.length >> 1] ?? 0, named };
  });
  rows.sort((a, b) => b.ms - a.ms);
  process.stdout.write(
    `Files that ${args.join(' ')} loads\n${surroundings()}; medians of ${runs.length} runs\n\n     ms      kB  cache     file\n`,
  );
  for (const { file, bytes, cache, ms, named } of rows) {
    process.stdout.write(`${ms.toFixed(2).padStart(7)}${kilobytes(bytes).padStart(8)}  ${cache.padEnd(9)} ${file}\n`);
    process.stdout.write(`${' '.repeat(28)}${named.join(', ')}\n`);
  }
  const total = rows.reduce((sum, { ms, bytes }) => ({ ms: sum.ms + ms, bytes: sum.bytes + bytes }), {
    ms: 0,
    bytes: 0,
  });
  process.stdout.write(
    `${total.ms.toFixed(2).padStart(7)}${kilobytes(total.bytes).padStart(8)}  in ${rows.length} files\n`,
  );
}

function kilobytes(bytes: number): string {
  return (bytes / 1_000).toFixed(1);
}
