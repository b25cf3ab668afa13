import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cacheFile, compile, createLoader, sealCache, WRAPPER } from '../../../lib/process/loader.ts';

const FILE = 'lib/one.js';
const SOURCE = `${WRAPPER[0]}
const { two } = require("./two.js");
exports.fail = () => { throw new Error(two); };
${WRAPPER[1]}
`;

describe('the loader', () => {
  let root = '';
  let built = '';

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'gmail-jobs-loader-'));
    built = join(root, 'built');
    await put(join(built, FILE), SOURCE);
    await put(join(built, 'lib/two.js'), `${WRAPPER[0]} exports.two = moduleUrl; ${WRAPPER[1]}`);
    const { script } = compile(built, FILE);
    await put(join(built, cacheFile(FILE)), sealCache(SOURCE, script.createCachedData()));
  });
  after(() => rm(root, { recursive: true, force: true }));

  async function put(path: string, content: string | Buffer): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }

  /** Loads a copy of the program after `change`, and returns whether its cache was used. */
  async function cacheAfter(name: string, change: (folder: string, cache: string) => Promise<void>): Promise<string> {
    const folder = join(root, name);
    await cp(built, folder, { recursive: true });
    await change(folder, join(folder, cacheFile(FILE)));
    const states = new Map<string, string>();
    const load = createLoader(folder, (file, go) => states.set(file, go().cache));
    const { fail } = load(FILE) as { fail: () => void };
    assert.throws(fail, /two\.js/, 'the file runs');
    return states.get(FILE) ?? '';
  }

  it('uses the cache after the folder was moved, and names the files in their new place in stack traces', async () => {
    assert.equal(await cacheAfter('moved', async () => undefined), 'used');
    const folder = join(root, 'moved');
    const { fail } = createLoader(folder)(FILE) as { fail: () => void };
    assert.throws(fail, (error: Error) => error.stack?.includes(`${join(folder, FILE)}:3`) === true);
  });

  it('runs without a cache when there is none for this version of Node', async () => {
    const other = cacheFile(FILE, { version: 'v24.0.1', arch: 'x64' } as NodeJS.Process);
    const state = await cacheAfter('other', async (folder, cache) => {
      await put(join(folder, other), await readFile(cache));
      await rm(cache);
    });
    assert.equal(state, 'none');
  });

  it('ignores a cache that is damaged, cut off or empty', async () => {
    const whole = await readFile(join(built, cacheFile(FILE)));
    for (const at of [0, 30, whole.length >> 1, whole.length - 9, whole.length - 1]) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8((whole[at] ?? 0) ^ 0x55, at);
      assert.equal(await cacheAfter(`damaged-${at}`, (_, cache) => writeFile(cache, damaged)), 'none', `byte ${at}`);
    }
    for (const length of [0, 5, 8, whole.length - 1]) {
      assert.equal(
        await cacheAfter(`cut-${length}`, (_, cache) => writeFile(cache, whole.subarray(0, length))),
        'none',
      );
    }
  });

  it('ignores the cache of a file that was changed after the build, even to the same length', async () => {
    const state = await cacheAfter('changed', (folder) =>
      writeFile(join(folder, FILE), SOURCE.replace('Error', 'TypeError').replace('new ', '')),
    );
    assert.equal(state, 'none');
  });

  it('runs without the cache when V8 rejects it, as it does under other flags', async () => {
    const sealed = await readFile(join(built, cacheFile(FILE)));
    const data = Buffer.from(sealed.subarray(0, -8));
    // The third word of V8's header is the hash of its flags.
    data.writeUInt32LE((data.readUInt32LE(12) ^ 0xffff) >>> 0, 12);
    assert.equal(await cacheAfter('flags', (_, cache) => writeFile(cache, sealCache(SOURCE, data))), 'rejected');
  });
});
