import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cachedDataVersionTag } from 'node:v8';
import { createTidier, spareWebAssembly } from '../../lib/memory.ts';

/** An empty module. */
const EMPTY = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

describe('WebAssembly that is spared', () => {
  /** V8's flags while a module was compiled, by their tag. */
  const tags: number[] = [];
  const realm = {
    WebAssembly: {
      Module: class {
        constructor(bytes: Uint8Array) {
          tags.push(cachedDataVersionTag());
          if (bytes.length === 0) throw new Error('no module');
        }
      },
    },
  };
  const { Module } = realm.WebAssembly;
  const before = cachedDataVersionTag();
  spareWebAssembly(realm);

  it('is compiled with a flag that is gone afterwards, also when it fails', () => {
    assert.ok(new realm.WebAssembly.Module(EMPTY) instanceof Module);
    assert.throws(() => new realm.WebAssembly.Module(new Uint8Array()), /no module/);
    assert.equal(tags.length, 2);
    for (const tag of tags) assert.notEqual(tag, before);
    assert.equal(cachedDataVersionTag(), before);
  });
});

describe('a tidier', () => {
  it('collects garbage once in sixteen requests, and looks for a collector only then', () => {
    const calls: string[] = [];
    const tidy = createTidier(() => {
      calls.push('found');
      return () => calls.push('collected');
    });
    for (let request = 1; request <= 15; request += 1) tidy();
    assert.deepEqual(calls, []);
    for (let request = 16; request <= 40; request += 1) tidy();
    assert.deepEqual(calls, ['found', 'collected', 'collected']);
  });

  it("leaves V8's flags as they were", () => {
    const before = cachedDataVersionTag();
    const tidy = createTidier();
    for (let request = 1; request <= 16; request += 1) tidy();
    assert.equal(cachedDataVersionTag(), before);
  });

  it('does nothing where there is no collector', () => {
    const tidy = createTidier(() => undefined);
    for (let request = 1; request <= 40; request += 1) tidy();
  });
});
