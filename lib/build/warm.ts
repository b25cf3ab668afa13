/**
 * Makes V8's code cache of the built program: it is run on the tests' sandbox by every Node 24 that may run it later,
 * since a cache fits one version alone, and what was compiled by then is kept. So a later run compiles nearly nothing.
 */
import { type ExecFileOptions, execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { bundleStart } from './bundle.ts';

const run = promisify(execFile);

/** What is run, the most frequent last: what several of them load is kept as that one leaves it. */
const RUNS = [['check'], ['digest'], ['apply-rules']];

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

interface Sandboxes {
  startSandbox(options: { messages: number }): Promise<AsyncDisposable & { readonly env: Record<string, string> }>;
}

/** Puts the code cache of the program in the folder `dist` beside it. Says so on stdout when it is not the best one. */
export async function makeCaches(dist: string, { env, execPath, stdout } = process): Promise<void> {
  const child = join(dist, 'warm.js');
  const rules = join(dist, 'warm.yaml');
  const flags = v8Flags(readFileSync('Procfile', 'utf8'));
  await writeFile(child, await bundleStart('lib/build/warm-child.ts'));
  await writeFile(rules, RULES);
  try {
    for (const node of await nodesOf(execPath, env.PATH ?? '')) {
      const warm = (args: string[], options: ExecFileOptions = {}) =>
        run(node, [...flags, child, ...args], { timeout: TIMEOUT_MS, ...options });
      try {
        const { startSandbox } = (await import(
          new URL('../../test/sandbox/index.ts', import.meta.url).href
        )) as Sandboxes;
        await using sandbox = await startSandbox({ messages: 200 });
        for (const args of RUNS) await warm(args, { env: { PATH: env.PATH, ...sandbox.env, RULES_FILE: rules } });
      } catch (error) {
        await warm([]);
        const [reason] = String(error).split('\n');
        stdout.write(`The code cache holds only what every start compiles: no run on the sandbox (${reason}).\n`);
      }
    }
  } finally {
    await rm(child);
    await rm(rules);
  }
}

/**
 * The options of Node in the Procfile that V8 may see: it refuses a cache that was made with others. The permissions are
 * none of them, and would keep the cache from being written.
 */
function v8Flags(procfile: string): string[] {
  const words = /^job: *node (.*?)\bdist\/main\.js/m.exec(procfile)?.[1]?.split(' ') ?? [];
  return words.filter((word) => word.startsWith('--') && !/^--(permission|allow-)/.test(word));
}

/**
 * The Node that builds, and others of the same major version on the PATH: npm puts the project's own before that of the
 * machine, which is the one that runs the program on Heroku. One of each version.
 */
async function nodesOf(execPath: string, path: string): Promise<Iterable<string>> {
  const found = new Map<string, string>();
  for (const file of [execPath, ...path.split(delimiter).map((folder) => join(folder, 'node'))]) {
    if (!existsSync(file)) continue;
    const version = await run(file, ['--version']).then(
      ({ stdout }) => stdout.trim(),
      () => '',
    );
    const [first = version] = found.keys();
    if (version.split('.')[0] === first.split('.')[0] && !found.has(version)) found.set(version, file);
  }
  return found.values();
}
