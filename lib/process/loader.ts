/**
 * Loads the files of the built program, each with V8's code cache from the build where one fits. Node's own compile cache
 * does nothing here: under `--permission` it demands the right to write (seen with 24.21).
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

export interface Loaded {
  /** Path below the program's folder. */
  readonly file: string;
  readonly source: string;
  readonly script: Script;
  /** `none`: no intact cache for this source and this Node; `rejected`: V8 refused it, as it does under other flags. */
  readonly cache: 'used' | 'none' | 'rejected';
}

type Require = (specifier: string) => unknown;
type Body = (exports: object, require: Require, module: { exports: object }, url: string) => void;

/** The build wraps each file in this function. */
export const WRAPPER = ['(function (exports, require, module, moduleUrl) {', '})'] as const;

/** A stored cache ends with checksums of source and cache, since V8 itself compares only the length of the source. */
const TRAILER_BYTES = 8;

/** The path of the code cache of `file`, below the program's folder. */
export function cacheFile(file: string, { version, arch } = process): string {
  return `cache/${version}-${arch}/${file}.cache`;
}

/** Returns the code cache with its checksums, as it is stored. */
export function sealCache(source: string, data: Buffer): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(crc32(source), 0);
  trailer.writeUInt32LE(crc32(data), 4);
  return Buffer.concat([data, trailer]);
}

/** The stored code cache, if it is intact and belongs to `source`. */
function openCache(path: string, source: string): Buffer | undefined {
  let sealed: Buffer;
  try {
    sealed = readFileSync(path);
  } catch {
    return undefined;
  }
  const data = sealed.subarray(0, Math.max(0, sealed.length - TRAILER_BYTES));
  const isIntact =
    sealed.length > TRAILER_BYTES &&
    sealed.readUInt32LE(data.length) === crc32(source) &&
    sealed.readUInt32LE(data.length + 4) === crc32(data);
  return isIntact ? data : undefined;
}

/** Compiles the file below `folder`. @throws Error when the file cannot be read. */
export function compile(folder: string, file: string): Loaded {
  const filename = `${folder}/${file}`;
  const source = readFileSync(filename, 'utf8');
  const cachedData = openCache(`${folder}/${cacheFile(file)}`, source);
  const script = new Script(source, { filename, ...(cachedData && { cachedData }) });
  const cache = cachedData === undefined ? 'none' : script.cachedDataRejected ? 'rejected' : 'used';
  return { file, source, script, cache };
}

/** Must call `load`, which compiles and runs the file. */
type Watch = (file: string, load: () => Loaded) => void;

/**
 * Returns the `require` of the program in `folder`: for its own files, by their paths below the folder, and for Node's
 * modules. The build and the benchmarks pass `watch` to follow which files are loaded.
 */
export function createLoader(folder: string, watch: Watch = (_file, load) => load()): Require {
  const requireFromNode = createRequire(join(folder, 'main.js'));
  const url = `${pathToFileURL(folder).href}/`;
  const modules = new Map<string, { exports: object }>();

  const load = (file: string): object => {
    const known = modules.get(file);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    modules.set(file, module);
    const require = (specifier: string): unknown => {
      if (specifier.startsWith('.')) return load(fileAt(specifier, file));
      return specifier.startsWith(url) ? load(specifier.slice(url.length)) : requireFromNode(specifier);
    };
    watch(file, () => {
      const loaded = compile(folder, file);
      const body = loaded.script.runInThisContext() as Body;
      body(module.exports, require, module, `${url}${file}`);
      return loaded;
    });
    return module.exports;
  };
  return load;
}

/** Resolves `specifier` in `file`. Every file lies in a direct subfolder of the program's folder. */
function fileAt(specifier: string, file: string): string {
  return specifier.startsWith('../') ? specifier.slice(3) : `${file.slice(0, file.indexOf('/'))}/${specifier.slice(2)}`;
}
