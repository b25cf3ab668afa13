/** `npm run build`: bundles the program and every job into dist/, readable, with the npm packages left outside. */
import { copyFile, readdir, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { build } from 'esbuild';

const jobs = (await readdir('jobs')).filter((file) => file.endsWith('.ts'));

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: {
    main: 'lib/main.ts',
    ...Object.fromEntries(jobs.map((file) => [`jobs/${basename(file, '.ts')}`, `jobs/${file}`])),
  },
  outdir: 'dist',
  chunkNames: 'lib/[name]-[hash]',
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node24',
});
await copyFile('jobs/rules.yaml', 'dist/jobs/rules.yaml');
