/** Which npm packages are in the bundle, and the text that carries their licences. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The part of esbuild's metafile that is used: which input gave how many bytes to which output. */
export interface Contents {
  readonly outputs: Readonly<Record<string, { readonly inputs: Readonly<Record<string, { bytesInOutput: number }>> }>>;
}

export interface BundledPackage {
  /** Its folder, such as `node_modules/pino`. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** The SPDX expression that the package states, or what it has in its place. */
  readonly licence: string;
  /** The full texts of its licence and notice files; empty when it ships none. */
  readonly texts: readonly string[];
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice)\b/i;
const RULE = `\n\n${'─'.repeat(80)}\n\n`;

/**
 * Returns all packages of which code is in the bundle, sorted by name and version. `root` is the folder to which the
 * metafile's paths are relative. Throws when a package's folder cannot be read.
 */
export async function bundledPackages(contents: Contents, root = '.'): Promise<BundledPackage[]> {
  const inputs = Object.values(contents.outputs).flatMap((output) => Object.entries(output.inputs));
  const folders = inputs.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? (folderOf(path) ?? []) : []));
  const packages = await Promise.all([...new Set(folders)].map((folder) => readPackage(root, folder)));
  const key = ({ name, version, folder }: BundledPackage) => `${name} ${version} ${folder}`;
  return packages.sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** Returns the text of LICENSES.txt: our own licence, and then that of every package in the bundle. */
export async function licencesOf(contents: Contents, root = '.'): Promise<string> {
  const own = await readFile(join(root, 'LICENSE'), 'utf8');
  const packages = await bundledPackages(contents, root);
  const sections = packages.map(({ name, version, licence, texts }) =>
    [`${name} ${version}\nLicence: ${licence}`, ...texts.map((text) => text.trim())].join('\n\n'),
  );
  const opening = `gmail-jobs\n\n${own.trim()}\n\nIt contains code of these ${packages.length} packages.`;
  return `${[opening, ...sections].join(RULE)}\n`;
}

/** Returns what a package's package.json states as its licence, also in the older forms, or `unknown`. */
export function statedLicence(manifest: { readonly license?: unknown; readonly licenses?: unknown }): string {
  const { license, licenses = license } = manifest;
  const stated = [license ?? licenses].flat().map((one) => (one as { type?: unknown } | null)?.type ?? one);
  return stated.every((one) => typeof one === 'string' && one !== '') ? stated.join(' OR ') : 'unknown';
}

/** The package's folder in the path of a file: what follows the last `node_modules`. */
function folderOf(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
}

/** What the README of the package in `folder` has below a heading of its licence: some have it nowhere else. */
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
