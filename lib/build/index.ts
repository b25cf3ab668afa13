/**
 * `npm run build`: puts into dist/ everything that a run needs, and nothing else is needed then: the program and every
 * job, readable, with the parts of npm packages that they use, and V8's code cache for the Node that will run them.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle, bundleStart, entryPoints } from './bundle.ts';
import { licencesOf } from './licences.ts';
import { makeCaches } from './warm.ts';

const DIST = 'dist';

const [{ files, contents, metafile }, main] = await Promise.all([
  bundle(entryPoints()),
  bundleStart('lib/process/start.ts'),
]);
// What was built before stays until all of this is known to build.
await rm(DIST, { recursive: true, force: true });
const { version } = JSON.parse(await readFile('package.json', 'utf8'));
// Functions in files are no modules, whatever the project's own package.json says of files.
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
await makeCaches(DIST);
