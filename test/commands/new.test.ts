/** `job new` in a copy of the project: the made jobs pass lint, types and tests as they are. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { type App, copyApp } from '../fixtures/app.ts';
import { ROOT, runJob } from '../run.ts';

const KINDS = ['labels', 'messages', 'host'];

describe('job new', () => {
  let app: App;
  before(async () => {
    const sources = ['lib', 'test/fixtures', 'test/sandbox', 'test/starting-points', 'test/run.ts', 'test/reporter.ts'];
    const settings = ['.ci', '.gitignore', 'LICENSE', 'Procfile', 'biome.json', 'package.json', 'tsconfig.json'];
    app = await copyApp(['bin', ...sources, ...settings]);
  });
  after(() => app[Symbol.asyncDispose]());

  /** Runs a command in the copy. */
  async function run(command: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const PATH = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`;
    const options = { cwd: app.folder, env: { PATH, ...more } };
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { stdout, stderr, code };
  }
  const job = (...args: string[]) => run('bin/job', args);
  const contents = async (folder: string) => (await readdir(join(app.folder, folder))).sort();

  it('makes jobs that pass lint, types and tests as they are, and says what to do next', async () => {
    for (const kind of KINDS) {
      const name = `my-${kind}`;
      const { code, stdout, stderr } = await job('new', name, '--from', kind);
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`^Made jobs/${name}\\.ts and test/jobs/${name}\\.test\\.ts\\. Next:\n\n1\\. `));
      assert.equal(stdout.match(/^\d\. /gm)?.length, 3);
    }
    await writeFile(
      join(app.folder, 'tsconfig.jobs.json'),
      '{"extends":"./tsconfig.json","include":["jobs","test/jobs"]}',
    );
    const checks = await Promise.all([
      run('biome', ['check', 'jobs', 'test/jobs']),
      run('tsc', ['--project', 'tsconfig.jobs.json']),
      run('npm', ['run', 'test:jobs']),
    ]);
    for (const { code, stdout, stderr } of checks) assert.equal(code, 0, stdout + stderr);
    assert.match(checks[2].stdout, /^# fail 0$/m);
    assert.ok(Number(/^# pass (\d+)$/m.exec(checks[2].stdout)?.[1]) >= 2 * KINDS.length, checks[2].stdout);
  });

  it('refuses names that cannot be, are taken, or are those of commands', async () => {
    await writeFile(join(app.folder, 'jobs/lonely.ts'), '');
    const before = [await contents('jobs'), await contents('.')];
    for (const [name, told] of [
      ['T-Upper', /^job: "T-Upper" cannot be a job's name\n {5}The name of a job's file has lower-case/],
      ['../x', /cannot be a job's name/],
      ['', /cannot be a job's name/],
      ['archive.ts', /cannot be a job's name/],
      ['check', /^job: "check" is the name of a command/],
      ['new', /is the name of a command/],
      ['list', /is the name of a command/],
      ['digest', /^job: there is a job "digest" already\n {5}.*edit jobs\/digest\.ts/],
      ['lonely', /there is a job "lonely" already/],
    ] as const) {
      const { code, stdout, stderr } = await job('new', name);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.match(stderr.replaceAll(/\n {5}(?=\S+ \S)/g, '\n     '), told);
    }
    const missing = await job('new');
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /needs a <name>/);
    assert.deepEqual([await contents('jobs'), await contents('.')], before);
  });

  it('overwrites no file', async () => {
    await run('mkdir', ['-p', 'test/jobs']);
    await writeFile(join(app.folder, 'test/jobs/kept.test.ts'), '// mine\n');
    const { code, stderr } = await job('new', 'kept');
    assert.equal(code, 2);
    assert.match(stderr, /there is a file test\/jobs\/kept\.test\.ts already/);
    assert.equal(await readFile(join(app.folder, 'test/jobs/kept.test.ts'), 'utf8'), '// mine\n');
    assert.ok(!(await contents('jobs')).includes('kept.ts'));
  });

  it('refuses on a dyno, where the disk forgets, and in the built program', async () => {
    const onDyno = await runJob(null, ['new', 'mine'], { env: { DYNO: 'run.1' } });
    assert.equal(onDyno.code, 2);
    assert.match(onDyno.stderr, /^job: a dyno forgets the files that it writes\n.*`bin\/job new` on your own computer/);
    const built = await runJob(null, ['new', 'mine'], { unlocked: true });
    assert.equal(built.code, 2);
    assert.match(built.stderr, /^job: the built program cannot make jobs\n/);
  });
});
