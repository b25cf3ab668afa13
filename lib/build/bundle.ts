/**
 * Bundles the program and its jobs with esbuild, split at each `import()`, so that a run loads the same parts as from the
 * sources. Each file is a function for process/loader.ts to call. Writes nothing.
 */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { build, type Metafile, type Plugin, transform } from 'esbuild';
import { WRAPPER } from '../process/loader.ts';
import { jobFilesAmong } from '../registry.ts';

export interface Bundle {
  /** Path below the program's folder → text: the program's files, and source maps of the files with jobs' code. */
  readonly files: ReadonlyMap<string, string>;
  /** Path → package (or `gmail-jobs`) → how many bytes of the file come from it. */
  readonly contents: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly metafile: Metafile;
}

/** Name below `dist`, without extension → source: the program and the jobs of a folder. */
export function entryPoints(jobs: string): Record<string, string> {
  const files = [...jobFilesAmong(readdirSync(jobs))].map(([name, file]) => [`jobs/${name}`, `${jobs}/${file}`]);
  return { 'lib/main': 'lib/main.ts', ...Object.fromEntries(files) };
}

/**
 * Google's clients need one function of googleapis-common, whose main file also loads google-auth-library: 5 % of a run's
 * start. Gaxios uses a named export of `import('https-proxy-agent')`, which a bundle does not support (see
 * requireNamesToExist). The program refuses proxies, so a class that throws replaces that package.
 */
const shortcuts: Plugin = {
  name: 'shortcuts',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /^googleapis-common$/ }, ({ importer, kind, resolveDir }) =>
      /[/\\]apis[/\\](?:gmail[/\\]v1|admin[/\\]directory_v1)\.js$/.test(importer)
        ? resolve('googleapis-common/build/src/apirequest.js', { importer, kind, resolveDir })
        : undefined,
    );
    onResolve({ filter: /^https-proxy-agent$/ }, ({ path }) => ({ path, namespace: 'refused' }));
    onLoad({ filter: /./, namespace: 'refused' }, ({ path }) => ({
      contents: `export class HttpsProxyAgent { constructor() { throw new Error('${path} is not part of the program'); } }`,
    }));
  },
};

/** Bundles `parts`, not minified. */
export async function bundle(parts: Record<string, string>): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    write: false,
    metafile: true,
    entryPoints: parts,
    outdir: 'dist',
    chunkNames: 'lib/[name]-[hash]',
    bundle: true,
    splitting: true,
    mainFields: ['module', 'main'],
    format: 'esm',
    platform: 'node',
    target: 'node24',
    plugins: [shortcuts],
    sourcemap: 'external',
    sourcesContent: false,
  });
  await requireNamesToExist(metafile);
  const outputs = new Map(outputFiles.map((output) => [relative('dist', output.path), output]));
  const files = [...outputs].map(async ([file, { text }]) => {
    if (file.endsWith('.map')) return [];
    const { code, map } = await toFunction(
      text,
      hasJobCode(metafile, file) ? outputs.get(`${file}.map`)?.text : undefined,
    );
    return [[file, code] as const, ...(map === undefined ? [] : [[`${file}.map`, map] as const])];
  });
  return { files: new Map((await Promise.all(files)).flat()), contents: contentsOf(metafile), metafile };
}

/**
 * In a bundle `import()` of a CommonJS module has `default` alone: a named export, which Node provides, is undefined.
 * @throws Error with every importer and module where `import()` is used for more than `default`.
 */
async function requireNamesToExist({ inputs }: Metafile): Promise<void> {
  const problems: string[] = [];
  for (const [importer, { imports }] of Object.entries(inputs)) {
    const later = imports.filter(({ kind, path }) => kind === 'dynamic-import' && inputs[path]?.format === 'cjs');
    if (later.length === 0) continue;
    const source = await readFile(importer, 'utf8');
    for (const { original = '', path } of later) {
      const call = `\\bimport\\(\\s*(['"\`])${RegExp.escape(original)}\\1\\s*\\)`;
      const all = source.match(new RegExp(call, 'g'))?.length ?? 0;
      const ofDefault = source.match(new RegExp(`\\(\\s*await\\s+${call}\\s*\\)\\s*\\.default\\b`, 'g'))?.length ?? 0;
      if (all === 0 || ofDefault < all) problems.push(`${importer} uses named exports of ${original} (${path})`);
    }
  }
  if (problems.length === 0) return;
  throw new Error(
    `import() of a CommonJS module has no exports but default in the built program: ${problems.join('; ')}. Import it statically, or use (await import('…')).default.`,
  );
}

/** Whether the file holds code of `jobs/`, or of a folder below it: stacks show its places in the source. */
function hasJobCode({ outputs }: Metafile, file: string): boolean {
  return Object.keys(outputs[`dist/${file}`]?.inputs ?? {}).some((input) => /(?:^|\/)jobs\//.test(input));
}

function contentsOf({ outputs }: Metafile): Bundle['contents'] {
  const code = Object.entries(outputs).filter(([path]) => !path.endsWith('.map'));
  const entries = code.map(([path, { inputs }]) => {
    const bytes: Record<string, number> = {};
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? 'gmail-jobs';
      if (bytesInOutput > 0) bytes[name] = (bytes[name] ?? 0) + bytesInOutput;
    }
    return [relative('dist', path), bytes] as const;
  });
  return Object.fromEntries(entries);
}

/** Bundles `source` as one CommonJS file that Node can run. */
export async function bundleStart(source: string): Promise<string> {
  const { outputFiles } = await build({
    write: false,
    entryPoints: [source],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
  });
  return outputFiles[0]?.text ?? '';
}

/**
 * The module as the function that the loader calls; `import()` becomes the loader's `require`. With `map`, the source map of
 * `text`, returns a map of the function too.
 */
async function toFunction(text: string, map?: string): Promise<{ code: string; map?: string }> {
  const data = map === undefined ? undefined : Buffer.from(map).toString('base64');
  const inline = data === undefined ? '' : `\n//# sourceMappingURL=data:application/json;base64,${data}`;
  const made = await transform(`${text}${inline}`, {
    sourcemap: data === undefined ? false : 'external',
    sourcesContent: false,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'moduleUrl' },
  });
  const code = `${WRAPPER[0]}\n${made.code}${WRAPPER[1]}\n`;
  if (data === undefined) return { code };
  const { mappings, ...rest } = JSON.parse(made.map);
  // In a source map each semicolon begins a line; the wrapper adds one.
  return { code, map: JSON.stringify({ ...rest, mappings: `;${mappings}` }) };
}
