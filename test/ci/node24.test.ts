/** .ci/node/node24.sh, which chooses the Node for the scripts and the sources. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ROOT } from '../run.ts';

const SCRIPT = readFileSync(join(ROOT, '.ci/node/node24.sh'), 'utf8');
const SECURE = /^secure=(24\.\d+\.\d+)$/m.exec(SCRIPT)?.[1] ?? '';

/** A stand-in for Node: prints its version, or else its name and its arguments. */
const fake = (version: string, name: string) => `#!/bin/sh
if [ "$1" = --version ]; then [ -z "$NODE_OPTIONS" ] || exit 9; echo ${version}; exit 0; fi
printf '%s\\n' "${name} ${version}" "$@"
`;
const BROKEN = '#!/no/such/interpreter\n';

const folder = mkdtempSync(join(tmpdir(), 'gmail jobs node '));
after(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;

/** An app with a packaged Node of version `packaged`, on a machine with the versions `own` on PATH. */
function app(packaged: string | undefined, own: readonly string[]) {
  count += 1;
  const root = join(folder, `app ${count}`);
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
  cpSync(join(ROOT, '.ci'), join(root, '.ci'), { recursive: true });
  symlinkSync('../.ci/node', join(root, 'node_modules/node24'));
  symlinkSync('../node24/node24.sh', join(root, 'node_modules/.bin/node24'));
  const write = (path: string, text: string) => {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  };
  const source = (version: string, name: string) => (version === 'broken' ? BROKEN : fake(version, name));
  if (packaged !== undefined)
    write(join(root, 'node_modules/node-some-platform/bin/node'), source(packaged, 'packaged'));
  // npm 11 links the packaged Node, which must not count as the machine's own.
  if (packaged !== undefined) symlinkSync('../node-some-platform/bin/node', join(root, 'node_modules/.bin/node'));
  for (const [index, version] of own.entries()) write(join(root, `own ${index}`, 'node'), source(version, 'own'));
  const path = [
    join(root, 'node_modules/.bin'),
    ...own.map((_, index) => join(root, `own ${index}`)),
    '/usr/bin-not-there',
  ];
  return { root, PATH: path.join(':') };
}

function run({ root, PATH }: { root: string; PATH: string }, way: string, args: readonly string[], env = {}) {
  const [command, ...before] = way === 'sh' ? ['/bin/sh', '.ci/node/node24.sh'] : [join(root, way)];
  // This PATH has no other commands, not even `dirname`: the script must need none.
  return spawnSync(command, [...before, ...args], { cwd: root, env: { PATH, ...env }, encoding: 'utf8' });
}

describe('node24', () => {
  const cases: [packaged: string | undefined, own: string[], used: string][] = [
    ['v24.21.0', [`v${SECURE}`], `own v${SECURE}`],
    ['v24.21.0', ['v24.20.0'], 'own v24.20.0'],
    ['v24.21.0', ['v24.99.3'], 'own v24.99.3'],
    ['v24.21.0', [], 'packaged v24.21.0'],
    ['v24.21.0', ['v20.20.2'], 'packaged v24.21.0'],
    ['v24.21.0', ['v22.23.3', 'v24.22.0'], 'own v24.22.0'],
    ['v24.21.0', ['v26.10.0'], 'packaged v24.21.0'],
    ['v24.21.0', ['v24.18.0'], 'packaged v24.21.0'],
    ['v24.21.0', ['v24.2.9'], 'packaged v24.21.0'],
    ['v24.21.0', ['v240.1.0'], 'packaged v24.21.0'],
    ['v24.21.0', ['broken'], 'packaged v24.21.0'],
    ['broken', ['v20.20.2', 'v24.22.0'], 'own v24.22.0'],
    ['broken', ['v24.3.0'], 'own v24.3.0'],
    [undefined, ['v24.3.0', 'v24.22.0'], 'own v24.22.0'],
    [undefined, ['v24.3.0'], 'own v24.3.0'],
  ];
  for (const [packaged, own, used] of cases) {
    it(`runs ${used} of a packaged ${packaged ?? 'none'} and the machine's ${own.join(', ') || 'none'}`, () => {
      const place = app(packaged, own);
      for (const way of ['node_modules/.bin/node24', '.ci/node/node24.sh', 'sh']) {
        const { stdout, stderr, status } = run(place, way, ['a b', '', '*']);
        assert.deepEqual([stdout, stderr, status], [`${used}\na b\n\n*\n`, '', 0], way);
      }
    });
  }

  for (const [packaged, own] of [
    [undefined, []],
    [undefined, ['v20.20.2', 'v26.1.0']],
    ['broken', ['broken']],
    ['v22.0.0', []],
  ] as const) {
    it(`exits 78 and names the Node to install when none runs: packaged ${packaged}, the machine's ${own.join(', ') || 'none'}`, () => {
      const { stdout, stderr, status } = run(app(packaged, own), 'node_modules/.bin/node24', ['x.ts']);
      assert.deepEqual([stdout, status], ['', 78]);
      assert.match(stderr, new RegExp(`^node24: [^\\n]*install Node 24 \\(${SECURE}[^\\n]*\\n$`));
    });
  }

  it('leaves NODE_OPTIONS to the program', () => {
    const env = { NODE_OPTIONS: '--no-such-option' };
    assert.equal(run(app(undefined, ['v24.22.0']), '.ci/node/node24.sh', ['x'], env).stdout, 'own v24.22.0\nx\n');
  });

  it('installs no Node older than the last security release', () => {
    const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, '.ci/node/package.json'), 'utf8'));
    const compare = new Intl.Collator('en', { numeric: true }).compare;
    for (const [name, version] of Object.entries<string>(optionalDependencies))
      assert.ok(compare(version, SECURE) >= 0, `${name}@${version} is older than ${SECURE}`);
    assert.ok(compare('24.9.0', '24.18.1') < 0);
  });
});
