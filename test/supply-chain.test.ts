/** The packages that are installed and bundled: number, licences, hashes, install scripts, signatures. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { statedLicence } from '../lib/build/licences.ts';
import { ROOT } from './run.ts';
import { judge } from './signatures.ts';

interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly hasInstallScript?: boolean;
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const PACKAGES = (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }).packages;
const LOCKED = Object.entries(PACKAGES);
const INSTALLED = LOCKED.filter(([folder, { link }]) => folder.startsWith('node_modules/') && !link);

/** The names of the packages that a folder's manifest asks for. */
function namesNeeded(folder: string): string[] {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = PACKAGES[folder] ?? {};
  const peers = Object.keys(peerDependencies ?? {}).filter((name) => !peerDependenciesMeta?.[name]?.optional);
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers];
}

/** The folders of the packages that `folder` needs, `names` unless all, and of those that they need. */
function foldersNeeded(folder = '', names = namesNeeded(folder), found = new Set<string>()): Set<string> {
  for (const name of names) {
    // Node's order: the folder's own node_modules, then those above it.
    const parts = folder.split('/node_modules/');
    const places = parts.map((_, index) => parts.slice(0, parts.length - index).join('/node_modules/'));
    const candidates = [...places.filter(Boolean).map((place) => `${place}/`), ''].map(
      (at) => `${at}node_modules/${name}`,
    );
    const needed = candidates.find((candidate) => candidate in PACKAGES);
    assert.ok(needed, `${name}, which ${folder} needs, is not in the lock file`);
    if (found.has(needed)) continue;
    found.add(needed);
    foldersNeeded(needed, namesNeeded(needed), found);
  }
  return found;
}
const RUN_TIME = [...foldersNeeded()].map((folder) => [folder, PACKAGES[folder] ?? {}] as const);

/** The dependencies that lib/ imports. The owner may have added others for jobs. */
const IMPORTED = namesNeeded('').filter((name) =>
  readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' }).some(
    (file) => file.endsWith('.ts') && new RegExp(`(from |import\\()'${name}['/]`).test(read(`lib/${file}`)),
  ),
);

/** Licences that require no more than their text in LICENSES.txt. */
const ALLOWED = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT-0'];

/** Read by a person, because package.json states no SPDX expression (its LICENSE is the 3-clause BSD), or a choice. */
const READ: Readonly<Record<string, string>> = {
  'url-template@2.0.8 BSD': 'BSD-3-Clause',
  'type-fest@5.10.0 (MIT OR CC0-1.0)': 'MIT',
};

/** The name in a path such as `node_modules/a/node_modules/@b/c`. */
const nameOf = (folder: string) => folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);

describe('the packages of a run', () => {
  it('are as many as the README says, without those that jobs alone import', () => {
    const [, written] = /\*\*(\d+) packages at run time\*\*/.exec(read('README.md')) ?? [];
    assert.equal(
      foldersNeeded('', IMPORTED).size,
      Number(written),
      'a package of lib/ came or went: is it worth it? Then write it in the README',
    );
  });

  it('are the only packages in the bundle, each with its licence in LICENSES.txt', () => {
    const listed = new Set([...read('dist/LICENSES.txt').matchAll(/^(\S+ \S+)\nLicence: /gm)].map(([, one]) => one));
    const contents = Object.values(JSON.parse(read('dist/contents.json')) as Record<string, Record<string, number>>);
    const names = contents.flatMap((packages) => Object.keys(packages)).filter((name) => name !== 'gmail-jobs');
    const bundled = new Set(names.map((name) => `${name} ${PACKAGES[`node_modules/${name}`]?.version}`));
    assert.ok(bundled.size > 50);
    assert.deepEqual([...listed].sort(), [...bundled].sort());
    const known = RUN_TIME.map(([folder, { version }]) => `${nameOf(folder)} ${version}`);
    assert.deepEqual(
      [...bundled].filter((one) => !known.includes(one)),
      [],
    );
  });

  it('have licences that allow redistribution', () => {
    const stated = RUN_TIME.map(([folder, { version, license }]) => {
      const manifest = `${folder}/package.json`;
      const licence = existsSync(join(ROOT, manifest)) ? statedLicence(JSON.parse(read(manifest))) : license;
      return `${nameOf(folder)}@${version} ${licence}`;
    });
    const allowed = (one: string) => ALLOWED.includes(READ[one] ?? one.slice(one.indexOf(' ') + 1));
    assert.deepEqual(
      stated.filter((one) => !allowed(one)),
      [],
    );
    assert.ok(allowed('a@1 MIT') && !allowed('a@1 GPL-3.0-only') && !allowed('a@1 unknown') && !allowed('b@1 BSD'));
    assert.match(
      read('node_modules/url-template/LICENSE'),
      /Redistribution and use[\s\S]*The name of the author may not/,
    );
  });
});

describe('every package', () => {
  it('is locked by its hash, and comes from the registry', () => {
    for (const [folder, { integrity, resolved }] of INSTALLED) {
      assert.match(integrity ?? '', /^sha512-/, folder);
      assert.match(resolved ?? 'https://registry.npmjs.org/', /^https:\/\/registry\.npmjs\.org\//, folder);
    }
    const links = LOCKED.filter(([, { link }]) => link).map(([folder, { resolved }]) => `${folder} ${resolved}`);
    assert.deepEqual(links, ['node_modules/node24 .ci/node']);
  });

  it('with an install script is known to work without it', () => {
    const scripted = INSTALLED.filter(([, { hasInstallScript }]) => hasInstallScript).map(([folder]) => nameOf(folder));
    // esbuild's script only replaces its launcher by the binary, which is a package of its own.
    assert.deepEqual(scripted, ['esbuild']);
  });
});

describe('npm', { concurrency: 4 }, () => {
  // `npm test` passes its own configuration in variables, which npm would read here.
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  const npm = (folder: string, ...args: string[]) => promisify(execFile)('npm', args, { cwd: folder, env });
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-npm-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('installs what the build needs, even when devDependencies or optional ones are omitted by configuration', async () => {
    const project = join(folder, 'lean');
    await mkdir(project);
    for (const file of ['package.json', 'package-lock.json', '.npmrc', '.ci'])
      await cp(join(ROOT, file), join(project, file), { recursive: true });
    const added = async (more: Readonly<Record<string, string>>, ...args: string[]) => {
      const how = ['ci', '--dry-run', '--offline', '--no-audit', ...args];
      const { stdout } = await promisify(execFile)('npm', how, { cwd: project, env: { ...env, ...more } });
      return Number(/added (\d+) packages/.exec(stdout)?.[1]);
    };
    const all = await added({});
    assert.ok(all > 90, String(all));
    const ways = [
      added({ NODE_ENV: 'production' }),
      // As Heroku's buildpack calls it.
      added({ NODE_ENV: 'production', NPM_CONFIG_PRODUCTION: 'true' }, '--production=true', '--userconfig', '.npmrc'),
      added({}, '--omit=dev', '--omit=optional'),
      added({ NPM_CONFIG_OPTIONAL: 'false' }),
    ];
    assert.deepEqual(await Promise.all(ways), [all, all, all, all]);
  });

  it('runs no install script under .npmrc, and runs them without .npmrc', async () => {
    const scripted = join(folder, 'scripted');
    await mkdir(scripted);
    const postinstall = `touch ${join(folder, '$npm_config_mark')}`;
    const manifest = { name: 'scripted', version: '1.0.0', scripts: { postinstall } };
    await writeFile(join(scripted, 'package.json'), JSON.stringify(manifest));
    await npm(folder, 'pack', '--silent', './scripted');
    for (const [mark, denied] of Object.entries({ with: true, without: false })) {
      const project = join(folder, `project-${mark}`);
      await mkdir(project);
      await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'project', version: '1.0.0' }));
      if (denied) await copyFile(join(ROOT, '.npmrc'), join(project, '.npmrc'));
      await npm(project, 'install', '--offline', '--no-audit', `--mark=${mark}`, '../scripted-1.0.0.tgz');
      assert.ok(existsSync(join(project, 'node_modules/scripted/package.json')));
      assert.equal(existsSync(join(folder, mark)), !denied, mark);
    }
  });
});

describe('npm audit signatures', () => {
  const none = { invalid: [], missing: [] };
  const one = [{ name: 'left-pad', version: '1.3.0' }];

  it('fails and names the package when a signature is wrong or missing', () => {
    for (const report of [
      { ...none, invalid: one },
      { ...none, missing: one },
    ]) {
      const { outcome, text } = judge(1, JSON.stringify(report));
      assert.equal(outcome, 'failed');
      assert.match(text, /left-pad@1\.3\.0 has (a wrong|no) signature/);
    }
  });

  it('is skipped, with a warning, only when the registry gives no signatures', () => {
    for (const code of ['ENOTFOUND', 'ETIMEDOUT', 'ECONNREFUSED', 'E404', 'E503']) {
      const { outcome, text } = judge(1, JSON.stringify({ error: { code, summary: 'request failed' } }));
      assert.equal(outcome, 'skipped', code);
      assert.match(text, /^SIGNATURES NOT CHECKED/);
    }
    const unknown = ['', 'not json', '{"error":{"code":"EINTEGRITY","summary":"x"}}', '{"error":{"summary":"a bug"}}'];
    for (const stdout of unknown) assert.equal(judge(1, stdout).outcome, 'failed', stdout);
    assert.equal(judge(1, JSON.stringify(none)).outcome, 'failed');
    assert.equal(judge(0, JSON.stringify(none)).outcome, 'sound');
  });
});
