/**
 * `npm run build`: makes dist/, which runs without node_modules: the program and every job, not minified, with the used
 * parts of npm packages, their licences, and V8's code cache for the Node that builds.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle, bundleStart, entryPoints } from './bundle.ts';
import { makeCodeCache } from './code-cache.ts';
import { licencesOf } from './licences.ts';

const DIST = 'dist';

const [{ files, contents, metafile }, main] = await Promise.all([
  bundle(entryPoints()),
  bundleStart('lib/process/start.ts'),
]);
// Only now: an error in the sources leaves the last build as it was.
await rm(DIST, { recursive: true, force: true });
const { version } = JSON.parse(await readFile('package.json', 'utf8'));
// The project's own package.json would make them ES modules.
const texts = [
  ...files,
  ['main.js', main],
  ['package.json', `${JSON.stringify({ type: 'commonjs', version })}\n`],
  ['contents.json', `${JSON.stringify(contents, null, 1)}\n`],
] as const;
for (const [file, text] of texts) {
  await mkdir(dirname(join(DIST, file)), { recursive: true });
  await writeFile(join(DIST, file), text);
}
await copyFile('jobs/rules.yaml', join(DIST, 'jobs/rules.yaml'));
await writeFile(join(DIST, 'LICENSES.txt'), await licencesOf(metafile));
await makeCodeCache(DIST);
