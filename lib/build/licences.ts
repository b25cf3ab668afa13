/** LICENSES.txt: the licences of the npm packages in the bundle, which must be passed on with their code. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The part of esbuild's metafile that is used here: output → input → bytes. */
export interface Contents {
  readonly outputs: Readonly<Record<string, { readonly inputs: Readonly<Record<string, { bytesInOutput: number }>> }>>;
}

export interface BundledPackage {
  /** Such as `node_modules/pino`. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** As package.json states it, usually an SPDX expression. */
  readonly licence: string;
  /** The texts of its licence and notice files; empty when it has none. */
  readonly texts: readonly string[];
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice)\b/i;
const RULE = `\n\n${'─'.repeat(80)}\n\n`;

/**
 * Returns all packages with code in the bundle, sorted by name and version. The metafile's paths are relative to `root`.
 * @throws Error when a package's folder cannot be read.
 */
export async function bundledPackages(contents: Contents, root = '.'): Promise<BundledPackage[]> {
  const inputs = Object.values(contents.outputs).flatMap((output) => Object.entries(output.inputs));
  const folders = inputs.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? (folderOf(path) ?? []) : []));
  const packages = await Promise.all([...new Set(folders)].map((folder) => readPackage(root, folder)));
  const key = ({ name, version, folder }: BundledPackage) => `${name} ${version} ${folder}`;
  return packages.sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** Returns the text of LICENSES.txt: the licence of gmail-jobs, then that of every package in the bundle. */
export async function licencesOf(contents: Contents, root = '.'): Promise<string> {
  const own = await readFile(join(root, 'LICENSE'), 'utf8');
  const packages = await bundledPackages(contents, root);
  const sections = packages.map(({ name, version, licence, texts }) =>
    [`${name} ${version}\nLicence: ${licence}`, ...texts.map((text) => text.trim())].join('\n\n'),
  );
  const opening = `gmail-jobs\n\n${own.trim()}\n\nIt contains code of these ${packages.length} packages.`;
  return `${[opening, ...sections].join(RULE)}\n`;
}

/** Returns the licence that a package.json states, also in npm's older forms, or `unknown`. */
export function statedLicence(manifest: { readonly license?: unknown; readonly licenses?: unknown }): string {
  const { license, licenses = license } = manifest;
  const stated = [license ?? licenses].flat().map((one) => (one as { type?: unknown } | null)?.type ?? one);
  return stated.every((one) => typeof one === 'string' && one !== '') ? stated.join(' OR ') : 'unknown';
}

/** The package's folder in the path of a file: up to the name behind the last `node_modules`. */
function folderOf(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
}

/** The licence section of the README, where some packages have the only copy. */
async function licenceInReadme(folder: string): Promise<string[]> {
  const file = (await readdir(folder)).find((name) => /^readme\b/i.test(name));
  const readme = file === undefined ? '' : (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
  const [, text = ''] = /^(?:#+ *)?licen[cs]e:?(?:\n[-=]+)?\n([\s\S]*)/im.exec(readme) ?? [];
  return /copyright/i.test(text) ? [text.trim()] : [];
}

async function readPackage(root: string, folder: string): Promise<BundledPackage> {
  const manifest = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'));
  const files = (await readdir(join(root, folder))).filter((file) => LICENCE_FILE.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(root, folder, file), 'utf8')));
  if (texts.length === 0) texts.push(...(await licenceInReadme(join(root, folder))));
  const { name, version } = manifest as { name: string; version: string };
  return { folder, name, version, licence: statedLicence(manifest), texts };
}
