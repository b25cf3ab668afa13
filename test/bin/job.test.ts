/** bin/job: which program it starts where, and that it passes on every argument unchanged. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { COMMAND, ROOT } from '../run.ts';

/** Replaces the program, and prints how it was started. */
const PROBE = `
process.stdout.write(JSON.stringify({
  file: process.argv[1], args: process.argv.slice(2), flags: process.execArgv, cwd: process.cwd(), node: process.version,
}));
if (process.argv[2] === 'signal') setTimeout(() => process.kill(process.pid, 'SIGTERM'), 0);
process.exitCode = process.argv[2] === 'exit' ? Number(process.argv[3]) : 0;
`;

/** Arguments that a shell, an eval or npm would change. */
const AWKWARD = [
  ...['', ' ', 'two words', '*', '?', '[a-z]*', '$HOME', '$(id)', '`id`', "it's", '"quoted"', 'back\\slash', '\\', '#'],
  ...[
    'line one\nline two',
    'tab\there',
    '; exit 3',
    '&& exit 3',
    '--',
    '-',
    '--only',
    '--dry-run',
    '-e',
    '~',
    '!!',
    '%PATH%',
  ],
  ...['category:promotions older_than:14d -(is:starred OR label:"Keep this")', 'ünï', '=', 'a=b', '\n'],
];

interface Started {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly stdout: string;
  readonly told: { file: string; args: string[]; flags: string[]; cwd: string; node: string } | undefined;
}

/** Starts `file` as a shell would, with the variables of the test and `env`. */
async function start(
  file: string,
  args: readonly string[],
  { cwd = ROOT, env = {} }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<Started> {
  const variables = { PATH: process.env.PATH, HOME: process.env.HOME, ...env };
  const child = spawn(file, args, { cwd, env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...how) => resolve(how));
  });
  const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, signal, stdout, stderr, told: stdout.startsWith('{') ? JSON.parse(stdout) : undefined };
}

/** On a dyno, `node` is the Node of package.json's engines. */
const DYNO_PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
const ON_DYNO = { DYNO: 'scheduler.1234', PATH: DYNO_PATH };

describe('bin/job', { concurrency: 3 }, () => {
  let folder = '';
  /** A copy of the app with the probe as its program; the path has a space. */
  let app = '';
  let bin = '';

  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'gmail-jobs-bin-')));
    app = join(folder, 'my app');
    bin = join(app, 'bin/job');
    await mkdir(join(app, 'lib'), { recursive: true });
    await mkdir(join(app, 'dist'));
    for (const part of ['bin', 'Procfile', 'package.json', '.ci/node'])
      await cp(join(ROOT, part), join(app, part), { recursive: true });
    await writeFile(join(app, 'lib/main.ts'), PROBE);
    await writeFile(join(app, 'dist/main.js'), PROBE);
    await writeFile(join(app, 'dist/package.json'), '{ "type": "commonjs" }');
    await symlink(join(ROOT, 'node_modules'), join(app, 'node_modules'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('runs the sources on Node 24, unlocked, in the folder where it is called', async () => {
    const { told, code } = await start(bin, ['list'], { cwd: tmpdir() });
    assert.equal(code, 0);
    assert.deepEqual(
      { ...told, node: told?.node.split('.')[0] },
      { file: join(app, 'lib/main.ts'), args: ['list'], flags: [], cwd: await realpath(tmpdir()), node: 'v24' },
    );
  });

  it("runs exactly the Procfile's command on a dyno, in the app's folder", async () => {
    const { told } = await start(bin, ['apply-rules', '--dry-run'], { cwd: tmpdir(), env: ON_DYNO });
    assert.deepEqual(told?.args, ['apply-rules', '--dry-run']);
    assert.deepEqual(['node', ...(told?.flags ?? []), 'dist/main.js'], COMMAND);
    assert.equal(told?.cwd, app);
    assert.equal(told?.file, join(app, 'dist/main.js'));
  });

  for (const [where, env] of [
    ['on a laptop', {}],
    ['on a dyno', ON_DYNO],
  ] as const) {
    it(`passes on every argument unchanged, ${where}`, async () => {
      assert.deepEqual((await start(bin, AWKWARD, { env })).told?.args, AWKWARD);
      assert.deepEqual((await start(bin, [], { env })).told?.args, []);
    });

    it(`passes exit codes and signals on, ${where}`, async () => {
      assert.equal((await start(bin, ['exit', '65'], { env })).code, 65);
      assert.equal((await start(bin, ['signal'], { env })).signal, 'SIGTERM');
    });

    it(`finds the app through links, the PATH, and relative paths, ${where}`, async () => {
      const links = join(folder, `links ${where}`);
      await mkdir(join(links, 'deep'), { recursive: true });
      await symlink(bin, join(links, 'absolute'));
      await symlink('../../my app/bin/job', join(links, 'deep/relative'));
      await symlink('deep/relative', join(links, 'chain'));
      const file = join(app, 'DYNO' in env ? 'dist/main.js' : 'lib/main.ts');
      const ways: readonly (readonly [string, readonly string[], string])[] = [
        [join(links, 'absolute'), [], folder],
        [join(links, 'deep/relative'), [], folder],
        [join(links, 'chain'), [], folder],
        ['./bin/job', [], app],
        ['sh', ['bin/job'], app],
        ['sh', ['job'], join(app, 'bin')],
        ['job', [], folder],
      ];
      for (const [command, before, cwd] of ways) {
        const PATH = `${join(app, 'bin')}:${'PATH' in env ? env.PATH : process.env.PATH}`;
        const { told } = await start(command, [...before, 'list', '*'], { cwd, env: { ...env, PATH, CDPATH: '/:..' } });
        assert.deepEqual({ file: told?.file, args: told?.args }, { file, args: ['list', '*'] }, command);
      }
    });
  }

  it('says on a dyno in one line which Node is needed when another is installed', async () => {
    for (const version of ['v20.20.2', 'v22.23.3', 'v26.1.0']) {
      const old = join(folder, `node ${version}`);
      await mkdir(old);
      await writeFile(join(old, 'node'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
      const run = await start(bin, ['list'], { env: { ...ON_DYNO, PATH: `${old}:${DYNO_PATH}` } });
      assert.deepEqual([run.code, run.stdout], [78, ''], version);
      assert.match(run.stderr, new RegExp(`^job: this app needs Node 24, but [^\\n]*${version}[^\\n]*\\n$`));
    }
  });

  it('runs from a clone that was made with core.autocrlf', async () => {
    const origin = join(folder, 'origin');
    await cp(app, origin, { recursive: true, filter: (path) => !path.endsWith('node_modules') });
    await cp(join(ROOT, '.gitattributes'), join(origin, '.gitattributes'));
    const git = async (...args: string[]) => {
      const who = ['-c', 'user.name=x', '-c', 'user.email=x@example.com', '-c', 'commit.gpgsign=false'];
      const { code, stderr } = await start('git', [...who, ...args], { cwd: origin });
      assert.equal(code, 0, stderr);
    };
    await git('init', '--quiet');
    await git('add', '.');
    await git('commit', '--quiet', '--message=x');
    const clone = join(folder, 'clone');
    await git('-c', 'core.autocrlf=true', 'clone', '--quiet', origin, clone);
    await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
    for (const env of [{}, ON_DYNO])
      assert.deepEqual((await start(join(clone, 'bin/job'), ['list'], { env })).told?.args, ['list']);
  });

  it('says in one line what to do without `npm ci`, and without the process in the Procfile', async () => {
    const bare = join(folder, 'bare');
    await cp(join(ROOT, 'bin'), join(bare, 'bin'), { recursive: true });
    const { code, stderr, stdout } = await start(join(bare, 'bin/job'), ['apply-rules']);
    assert.deepEqual({ code, stdout }, { code: 78, stdout: '' });
    assert.match(stderr, /^job: [^\n]*`npm ci`[^\n]*\n$/);
    await writeFile(join(bare, 'Procfile'), 'job: node --no-warnings dist/main.js\n');
    const unbuilt = await start(join(bare, 'bin/job'), ['list'], { env: ON_DYNO });
    assert.deepEqual({ code: unbuilt.code, stdout: unbuilt.stdout }, { code: 78, stdout: '' });
    assert.match(unbuilt.stderr, /^job: \S*dist\/main\.js is missing: [^\n]*\n$/);
    await writeFile(join(bare, 'Procfile'), '\ufeffjob:\tnode\t--no-warnings dist/main.js\r\nweb: node server.js\r\n');
    const edited = await start(join(bare, 'bin/job'), ['list'], { env: ON_DYNO });
    assert.equal(edited.stderr, unbuilt.stderr, 'a byte order mark, tabs and carriage returns change nothing');
    await writeFile(join(bare, 'Procfile'), 'web: node server.js\n');
    const onDyno = await start(join(bare, 'bin/job'), ['echo', 'not me'], { env: ON_DYNO });
    assert.deepEqual({ code: onDyno.code, stdout: onDyno.stdout }, { code: 78, stdout: '' });
    assert.match(onDyno.stderr, /^job: the Procfile [^\n]*\n$/);
  });
});
