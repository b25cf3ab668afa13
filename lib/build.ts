/**
 * `npm run build`: bundles the program and every job into dist/, readable, with the npm packages that each part uses.
 * What is loaded when stays as it is in the sources: a job, a command and the clients of Google and AWS on demand.
 */
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { build } from 'esbuild';
import { licencesOf } from './build/licences.ts';

const jobs = (await readdir('jobs')).filter((file) => file.endsWith('.ts'));

const { outputFiles, metafile } = await build({
  write: false,
  metafile: true,
  entryPoints: {
    main: 'lib/main.ts',
    ...Object.fromEntries(jobs.map((file) => [`jobs/${basename(file, '.ts')}`, `jobs/${file}`])),
  },
  outdir: 'dist',
  chunkNames: 'lib/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // Packages in the older module format find Node's own modules by it.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});
// What was built before stays until all of this is known to build.
await rm('dist', { recursive: true, force: true });
for (const { path, contents } of outputFiles) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, contents);
}
await copyFile('jobs/rules.yaml', 'dist/jobs/rules.yaml');
await writeFile('dist/LICENSES.txt', await licencesOf(metafile));
