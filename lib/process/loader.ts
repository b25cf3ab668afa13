/**
 * Loads the built program's files: each is compiled with the code cache that the build made for this version of Node, or
 * without one when there is none that fits. Node's own compile cache needs to write, and knows a file by where it lies.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

/** A file of the program, compiled. */
export interface Loaded {
  /** Its path below the program's folder. */
  readonly file: string;
  readonly source: string;
  readonly script: Script;
  /** Whether its code cache was used: `none` when there is none for this Node, `rejected` when V8 did not want it. */
  readonly cache: 'used' | 'none' | 'rejected';
}

type Require = (specifier: string) => unknown;
type Body = (exports: object, require: Require, module: { exports: object }, url: string) => void;

/** What the build puts around each file; a file is a function of these. */
export const WRAPPER = ['(function (exports, require, module, moduleUrl) {', '})'] as const;

/** The bytes behind a code cache: the checksums of source and cache. V8 itself looks at the source's length alone. */
const TRAILER_BYTES = 8;

/** Where the code cache of `file` lies, below the program's folder. */
export function cacheFile(file: string, { version, arch } = process): string {
  return `cache/${version}-${arch}/${file}.cache`;
}

/** A code cache as it is stored. */
export function sealCache(source: string, data: Buffer): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(crc32(source), 0);
  trailer.writeUInt32LE(crc32(data), 4);
  return Buffer.concat([data, trailer]);
}

/** The stored code cache, if it is whole and belongs to `source`. */
function openCache(path: string, source: string): Buffer | undefined {
  let sealed: Buffer;
  try {
    sealed = readFileSync(path);
  } catch {
    return undefined;
  }
  const data = sealed.subarray(0, Math.max(0, sealed.length - TRAILER_BYTES));
  const whole =
    sealed.length > TRAILER_BYTES &&
    sealed.readUInt32LE(data.length) === crc32(source) &&
    sealed.readUInt32LE(data.length + 4) === crc32(data);
  return whole ? data : undefined;
}

/** Compiles the file below `folder`, with its code cache when there is one that fits. */
export function compile(folder: string, file: string): Loaded {
  const filename = `${folder}/${file}`;
  const source = readFileSync(filename, 'utf8');
  const cachedData = openCache(`${folder}/${cacheFile(file)}`, source);
  const script = new Script(source, { filename, ...(cachedData && { cachedData }) });
  const cache = cachedData === undefined ? 'none' : script.cachedDataRejected ? 'rejected' : 'used';
  return { file, source, script, cache };
}

/** Loads a file by calling `load`, which returns what was compiled once the file's own lines have run. */
type Watch = (file: string, load: () => Loaded) => void;

/**
 * The `require` of the program in `folder`, for its own files, by their paths below it, and Node's modules. `watch` is
 * asked to load each file.
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

/** The file that `file` calls `specifier`. All files lie in a folder of the program's, and none deeper. */
function fileAt(specifier: string, file: string): string {
  return specifier.startsWith('../') ? specifier.slice(3) : `${file.slice(0, file.indexOf('/'))}/${specifier.slice(2)}`;
}
