/**
 * Makes V8's code cache of the built program, for the Node that builds: the program runs on the tests' sandbox, and the
 * functions compiled by then are stored. A cache fits one version of Node.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Metafile } from 'esbuild';
import { bundleStart } from './bundle.ts';

/**
 * Only these jobs do trial runs, since an owner's job could have effects outside the sandbox. The most frequent job comes
 * last: a file that several jobs load keeps the cache of the last one.
 */
const TRIED = ['lib/standard/digest.ts', 'lib/standard/apply-rules.ts'];

/** A run on the sandbox takes a second. */
const TIMEOUT_MS = 60_000;

const RULES = `protect: "is:starred"
maxChanges: 5000
rules:
  - name: old-newsletters
    query: "category:promotions older_than:2d"
    actions: { archive: true, markRead: true, addLabels: ["Auto/Archived"] }
    keepNewest: 1
  - name: old-social
    query: 'category:social older_than:3d subject:("a" OR "b c")'
    actions: { trash: true }
  - name: large-mail
    query: "larger:1M"
    actions: { removeLabels: ["Auto/Large"] }
`;

interface SandboxModule {
  startSandbox(options: {
    messages: number;
  }): Promise<AsyncDisposable & { readonly env: Record<string, string>; bindSecret(): unknown }>;
}

/** Returns the names of the jobs in the folder `jobs` whose only import is a file of TRIED, in TRIED's order. */
export function jobsToTry(jobs: string, inputs: Metafile['inputs']): string[] {
  const files = Object.entries(inputs).filter(([file]) => dirname(file) === jobs);
  return TRIED.flatMap((source) =>
    files
      .filter(([, { imports }]) => imports.length === 1 && imports[0]?.path === source)
      .map(([file]) => basename(file, '.ts')),
  );
}

/**
 * Stores the code cache in `dist`, after trial runs of `job check` and `jobs`. When a trial run fails, says so on stdout:
 * the program works without a cache.
 */
export async function makeCodeCache(
  dist: string,
  jobs: readonly string[],
  { env, execPath, stdout } = process,
): Promise<void> {
  const child = join(dist, 'trial.js');
  const rules = join(dist, 'trial.yaml');
  const flags = v8Flags(readFileSync('Procfile', 'utf8'));
  await writeFile(child, await bundleStart('lib/build/code-cache-child.ts'));
  await writeFile(rules, RULES);
  try {
    const sandboxes = new URL('../../test/sandbox/index.ts', import.meta.url).href;
    const { startSandbox } = (await import(sandboxes)) as SandboxModule;
    await using sandbox = await startSandbox({ messages: 200 });
    // The trial runs load the code for bound refresh tokens too, so the cache holds it.
    sandbox.bindSecret();
    const check = ['check', ...(jobs.length > 0 ? ['--jobs', jobs.join(',')] : [])];
    for (const words of [check, ...jobs.map((job) => [job])]) {
      await promisify(execFile)(execPath, [...flags, child, ...words], {
        timeout: TIMEOUT_MS,
        env: { PATH: env.PATH, ...sandbox.env, RULES_FILE: rules },
      });
    }
  } catch (error) {
    const [reason] = String(error).split('\n');
    stdout.write(`The program was built without a code cache, because a trial run on the sandbox failed: ${reason}\n`);
  } finally {
    await rm(child);
    await rm(rules);
  }
}

/** The Procfile's options without its permissions, which forbid to write the cache and do not concern V8. */
function v8Flags(procfile: string): string[] {
  const words = /^job: *node (.*?)\bdist\/main\.js/m.exec(procfile)?.[1]?.split(' ') ?? [];
  return words.filter((word) => word.startsWith('--') && !/^--(permission|allow-)/.test(word));
}
