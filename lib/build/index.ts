/**
 * `npm run build`: makes dist/, which runs without node_modules: the program and every job, not minified, with the used
 * parts of npm packages, their licences, and V8's code cache for the Node that builds.
 */
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RESERVED_NAMES } from '../commands/index.ts';
import { NAMING_RULE, Registry } from '../registry.ts';
import { bundle, bundleStart, entryPoints } from './bundle.ts';
import { jobsToTry, makeCodeCache } from './code-cache.ts';
import { licencesOf } from './licences.ts';

/** Builds the program with the jobs of the folder `jobs` into the folder `dist`, which it replaces. */
export async function buildProgram(jobs: string, dist: string): Promise<void> {
  const [{ files, contents, metafile }, main] = await Promise.all([
    bundle(entryPoints(jobs)),
    bundleStart('lib/process/start.ts'),
  ]);
  const { version } = JSON.parse(await readFile('package.json', 'utf8'));
  // Without a package.json in dist/, the project's own would make these files ES modules.
  const texts = [
    ...files,
    ['main.js', main],
    ['package.json', `${JSON.stringify({ type: 'commonjs', version })}\n`],
    ['contents.json', `${JSON.stringify(contents, null, 1)}\n`],
    ['LICENSES.txt', await licencesOf(metafile)],
  ] as const;
  // After bundling, so that an error in the sources leaves the last build unchanged.
  await rm(dist, { recursive: true, force: true });
  for (const [file, text] of texts) {
    await mkdir(dirname(join(dist, file)), { recursive: true });
    await writeFile(join(dist, file), text);
  }
  await copyJobFiles(jobs, dist);
  await makeCodeCache(dist, jobsToTry(jobs, metafile.inputs));
}

/** Copies the YAML files beside the jobs, such as rules.yaml. */
export async function copyJobFiles(jobs: string, dist: string): Promise<void> {
  await mkdir(join(dist, 'jobs'), { recursive: true });
  for (const file of await readdir(jobs)) {
    if (file.endsWith('.yaml')) await copyFile(join(jobs, file), join(dist, 'jobs', file));
  }
}

/** Returns whether all jobs can be loaded. Prints broken jobs on stderr, and sets the exit code 1 for them. */
export async function reportJobs(registry: Registry, host = process): Promise<boolean> {
  for (const file of registry.misnamed) host.stdout.write(`${file} is no job and was left out. ${NAMING_RULE}\n`);
  const faults = (await registry.all()).flatMap((job) => ('fault' in job ? [job.fault] : []));
  for (const { message, remedy } of faults) host.stderr.write(`build: ${message}\n       ${remedy}\n`);
  if (faults.length > 0) host.exitCode = 1;
  return faults.length === 0;
}

if (import.meta.main) {
  const registry = new Registry(new URL('../../jobs/', import.meta.url), RESERVED_NAMES);
  if (await reportJobs(registry)) await buildProgram('jobs', 'dist');
}
