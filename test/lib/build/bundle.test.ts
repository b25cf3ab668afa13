import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '../../../lib/build/bundle.ts';

describe('the bundle', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-bundle-'));
    const packages = { common: 'exports.Name = class {};', modern: 'export class Name {}' };
    for (const [name, code] of Object.entries(packages)) {
      await mkdir(join(folder, 'node_modules', name), { recursive: true });
      const type = name === 'modern' ? 'module' : 'commonjs';
      await writeFile(
        join(folder, 'node_modules', name, 'package.json'),
        JSON.stringify({ name, type, main: 'index.js' }),
      );
      await writeFile(join(folder, 'node_modules', name, 'index.js'), code);
    }
    await writeFile(join(folder, 'own.cjs'), 'exports.Name = class {};');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function build(code: string): Promise<unknown> {
    const file = join(folder, 'job.ts');
    await writeFile(file, code);
    return bundle({ 'jobs/job': file });
  }

  const refused = {
    'a named export of the awaited module': "export const a = async () => new (await import('common')).Name();",
    destructuring: "export const a = async () => {\n  const { Name } = await import('common');\n  return Name;\n};",
    'a promise': "export const a = import('common').then(({ Name }) => Name);",
    'a named export beside default':
      "export const a = async () => (await import('common')).default;\nexport const b = async () => await import('common');",
    'double quotes': 'export const a = async () => new (await import("common")).Name();',
  };
  for (const [what, code] of Object.entries(refused)) {
    it(`is refused when import() of a CommonJS package is used with ${what}`, async () => {
      await assert.rejects(build(code), /job\.ts uses named exports of common \(.*index\.js\)\. Import it statically/);
    });
  }

  it('is refused when import() of a CommonJS file of the project is used with a named export', async () => {
    await assert.rejects(
      build("export const a = async () => (await import('./own.cjs')).Name;"),
      /uses named exports of \.\/own\.cjs/,
    );
  });

  it('may use import() for default, ES modules and modules of Node, and static imports for all', async () => {
    await build("export const a = async () => (await import('common')).default.Name;");
    await build("import { Name } from 'common';\nexport const a = Name;");
    await build("export const a = async () => (await import('modern')).Name;");
    await build("export const a = async () => (await import('node:path')).join;");
  });
});
