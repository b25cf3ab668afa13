import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { bundledPackages, licencesOf, statedLicence } from '../../../lib/build/licences.ts';

/** Writes the files into a folder of their own. */
async function folderOf(files: Readonly<Record<string, string | object>>) {
  const root = await mkdtemp(join(tmpdir(), 'gmail-jobs-licences-'));
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

/** A metafile of two outputs, with the bytes of each input. */
function contentsOf(inputs: Readonly<Record<string, number>>) {
  const entries = Object.entries(inputs).map(([path, bytesInOutput]) => ({ [path]: { bytesInOutput } }));
  const [first, ...others] = entries;
  return { outputs: { 'main.js': { inputs: { ...first } }, 'lib/b.js': { inputs: Object.assign({}, ...others) } } };
}

const FILES = {
  LICENSE: 'Our own licence',
  'node_modules/pad/package.json': { name: 'pad', version: '1.0.0', license: 'MIT' },
  'node_modules/pad/LICENSE.md': 'May be used for padding',
  'node_modules/pad/NOTICE': 'Pads',
  'node_modules/pad/licensing.js': 'no licence',
  'node_modules/@a/bare/package.json': { name: '@a/bare', version: '2.0.0', license: 'Apache-2.0' },
  'node_modules/@a/bare/node_modules/pad/package.json': { name: 'pad', version: '0.9.0' },
  'node_modules/dropped/package.json': { name: 'dropped', version: '1.0.0', license: 'ISC' },
};
const CONTENTS = contentsOf({
  'lib/main.ts': 10,
  'node_modules/pad/dist/a.js': 1,
  'node_modules/pad/dist/b.js': 1,
  'node_modules/@a/bare/index.js': 1,
  'node_modules/@a/bare/node_modules/pad/index.js': 1,
  'node_modules/dropped/index.js': 0,
});

describe('bundledPackages', () => {
  it('lists each package with code in the bundle once, and no other', async () => {
    await using folder = await folderOf(FILES);
    const found = await bundledPackages(CONTENTS, folder.root);
    assert.deepEqual(
      found.map(({ name, version, licence, texts }) => [name, version, licence, texts]),
      [
        ['@a/bare', '2.0.0', 'Apache-2.0', []],
        ['pad', '0.9.0', 'unknown', []],
        ['pad', '1.0.0', 'MIT', ['May be used for padding', 'Pads']],
      ],
    );
  });
});

describe('licencesOf', () => {
  it('holds the licence of gmail-jobs and those of all packages, or the name of the licence where there is no text', async () => {
    await using folder = await folderOf(FILES);
    const sections = (await licencesOf(CONTENTS, folder.root)).split(/\n+─+\n+/);
    assert.deepEqual(sections, [
      'gmail-jobs\n\nOur own licence\n\nIt contains code of these 3 packages.',
      '@a/bare 2.0.0\nLicence: Apache-2.0',
      'pad 0.9.0\nLicence: unknown',
      'pad 1.0.0\nLicence: MIT\n\nMay be used for padding\n\nPads\n',
    ]);
  });
});

describe('statedLicence', () => {
  it('reads the older forms too', () => {
    assert.equal(statedLicence({ license: { type: 'MIT' } }), 'MIT');
    assert.equal(statedLicence({ licenses: [{ type: 'MIT' }, { type: 'ISC' }] }), 'MIT OR ISC');
    for (const none of [{}, { license: '' }, { license: null }, { license: 5 }])
      assert.equal(statedLicence(none), 'unknown');
  });
});
