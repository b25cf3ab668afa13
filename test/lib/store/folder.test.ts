import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Clock } from '../../../lib/base/clock.ts';
import type { StoredFile } from '../../../lib/base/file-store.ts';
import { StoppedError } from '../../../lib/errors.ts';
import { FolderStore } from '../../../lib/store/folder.ts';
import { openStore } from '../../../lib/store/open.ts';
import { ROOT } from '../../run.ts';

const { signal } = new AbortController();
const STORE = new URL('../../../lib/store/folder.ts', import.meta.url).href;

describe('the files in a folder', () => {
  let parent = '';
  let folder = '';
  let store: FolderStore;

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'gmail-jobs-folder-'));
    folder = join(parent, 'copy');
    store = new FolderStore(folder);
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  async function measured(prefix: string): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
    for await (const file of store.list(prefix, signal)) files.push(file);
    return files;
  }

  async function listed(prefix = ''): Promise<string[]> {
    return (await measured(prefix)).map(({ path }) => path);
  }

  it('creates a file with its folders, for its owner only, and changes no file that is there', async () => {
    assert.equal(await store.create('messages/2026/11/a.eml.gz', Buffer.from('one'), signal), true);
    assert.equal(await store.create('messages/2026/11/a.eml.gz', Buffer.from('two'), signal), false);
    assert.equal((await store.read('messages/2026/11/a.eml.gz', signal))?.content.toString(), 'one');
    assert.equal((await stat(join(folder, 'messages/2026/11/a.eml.gz'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder, 'messages'))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(folder), ['messages']);
  });

  it('creates one file when many try at once', async () => {
    const others = Array.from({ length: 20 }, () => new FolderStore(folder));
    const created = await Promise.all(others.map((one, n) => one.create('a/b', Buffer.from(`${n}`), signal)));
    assert.equal(created.filter(Boolean).length, 1);
    assert.equal((await store.read('a/b', signal))?.content.toString(), String(created.indexOf(true)));
    assert.deepEqual(await readdir(folder, { recursive: true }), ['a', 'a/b']);
  });

  it('has no file where there is none, and no place for one until it is created', async () => {
    assert.equal(await store.read('state.json', signal), null);
    assert.equal(await store.open('state.json', signal), null);
    assert.equal(await store.readEnd('state.json', 10, signal), null);
    assert.deepEqual(await listed(), []);
    assert.deepEqual(await readdir(parent), []);
  });

  it('reads a file whole, as a stream, and its end', async () => {
    const content = Buffer.alloc(300_000, 'abcdefg');
    await store.create('large', content, signal);
    assert.deepEqual((await store.read('large', signal))?.content, content);
    assert.deepEqual(Buffer.concat((await (await store.open('large', signal))?.toArray()) ?? []), content);
    assert.deepEqual(await store.readEnd('large', 5, signal), content.subarray(-5));
    assert.deepEqual(await store.readEnd('large', 1_000_000, signal), content);
  });

  it('ends a stream with the reason of the signal', async () => {
    await store.create('large', Buffer.alloc(1_000_000), signal);
    const stop = new AbortController();
    const stream = await store.open('large', stop.signal);
    stop.abort(new StoppedError('budget'));
    await assert.rejects(async () => await stream?.toArray(), { reason: 'budget' });
    await assert.rejects(store.read('large', stop.signal), { reason: 'budget' });
  });

  it('replaces the version that is named alone', async () => {
    const first = await store.replace('state.json', Buffer.from('1'), null, signal);
    assert.ok(first);
    assert.equal(await store.replace('state.json', Buffer.from('x'), null, signal), null);
    const second = await store.replace('state.json', Buffer.from('2'), first, signal);
    assert.ok(second && second !== first);
    assert.equal(await store.replace('state.json', Buffer.from('3'), first, signal), null);
    const { content, version } = (await store.read('state.json', signal)) ?? {};
    assert.deepEqual([content?.toString(), version], ['2', second]);
    assert.deepEqual(await readdir(folder), ['state.json']);
  });

  it('lets one of many replace a version', async () => {
    const version = await store.replace('state.json', Buffer.from('0'), null, signal);
    const others = Array.from({ length: 20 }, () => new FolderStore(folder));
    const made = await Promise.all(
      others.map((one, n) => one.replace('state.json', Buffer.from(`new ${n}`), version, signal)),
    );
    assert.equal(made.filter((one) => one !== null).length, 1);
    assert.equal(
      (await store.read('state.json', signal))?.version,
      made.find((one) => one !== null),
    );
    assert.deepEqual(await readdir(folder), ['state.json']);
  });

  it('takes over the lock of a process that was killed, after three seconds', async () => {
    let nowMs = 0;
    const clock: Clock = {
      now: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
    };
    const patient = new FolderStore(folder, clock);
    const version = await patient.replace('state.json', Buffer.from('1'), null, signal);
    const hash = createHash('sha256').update(join(folder, 'state.json')).digest('hex');
    await writeFile(join(folder, `.lock-${hash.slice(0, 16)}`), 'killed');
    assert.ok(await patient.replace('state.json', Buffer.from('2'), version, signal));
    assert.ok(nowMs >= 3_000 && nowMs < 4_000, `${nowMs} ms`);
    assert.deepEqual(await readdir(folder), ['state.json']);
  });

  it('lists files in the order of the bytes of their paths, with their sizes', async () => {
    const paths = ['a-b', 'a.txt', 'a/1', 'a/b/2', 'a/b-3', 'a0', 'z\u{1f600}', 'z\uffee'];
    for (const path of paths) await store.create(path, Buffer.from(path), signal);
    await writeFile(join(folder, '.tmp-killed'), 'part');
    await writeFile(join(folder, 'a/.lock-killed'), '');
    const sorted = paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(await listed(), sorted);
    assert.deepEqual(await listed('a/'), ['a/1', 'a/b-3', 'a/b/2']);
    assert.deepEqual(await listed('a/b'), ['a/b-3', 'a/b/2']);
    assert.deepEqual(await listed('b/c/'), []);
    assert.deepEqual(await measured('a0'), [{ path: 'a0', bytes: 2 }]);
  });

  it('refuses paths that leave the folder, and names of unfinished files', async () => {
    for (const path of ['', '/etc/passwd', '../x', 'a/../../x', 'a//b', './a', 'a/', 'a\0b', '.tmp-x', 'a/.lock-x']) {
      await assert.rejects(store.create(path, Buffer.from('x'), signal), { name: 'RefusedError' }, path);
      await assert.rejects(store.read(path, signal), { name: 'RefusedError' }, path);
    }
    await assert.rejects(listed('../'), { name: 'RefusedError' });
    assert.deepEqual(await readdir(parent), []);
  });

  it('refuses symbolic links that lead out of the folder, but may be one itself', async () => {
    await mkdir(folder);
    await mkdir(join(parent, 'elsewhere'));
    await writeFile(join(parent, 'secret'), 'x');
    await symlink(join(parent, 'secret'), join(folder, 'link'));
    await symlink(join(parent, 'elsewhere'), join(folder, 'messages'));
    await assert.rejects(store.read('link', signal), {
      exitCode: 78,
      message: /leads out of .*copy, by a symbolic link/,
    });
    await assert.rejects(store.create('messages/a', Buffer.from('x'), signal), { exitCode: 78 });
    await assert.rejects(store.read('messages/a', signal), { exitCode: 78 });
    await assert.rejects(listed(), { exitCode: 78 });
    await symlink(folder, join(parent, 'alias'));
    const alias = new FolderStore(join(parent, 'alias'));
    assert.equal(await alias.create('a', Buffer.from('1'), signal), true);
    assert.equal((await store.read('a', signal))?.content.toString(), '1');
  });

  it('tells whether it can write, and leaves nothing behind but removes old unfinished files', async () => {
    await new FolderStore(join(folder, 'deep/er')).requireWritable(signal);
    assert.deepEqual(await readdir(parent), []);
    await mkdir(folder);
    for (const name of ['.tmp-old', '.tmp-new', 'a']) await writeFile(join(folder, name), '');
    await utimes(join(folder, '.tmp-old'), 1_000, 1_000);
    await utimes(join(folder, 'a'), 1_000, 1_000);
    await store.requireWritable(signal);
    assert.deepEqual(await readdir(folder), ['.tmp-new', 'a']);
  });

  it('exits 78 when the operating system denies access', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'a'), 'x');
    await chmod(folder, 0o500);
    await chmod(join(folder, 'a'), 0);
    await chmod(parent, 0o755);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) {
      await chmod(folder, 0o555);
      process.seteuid?.(65_534);
    }
    try {
      const denied = { exitCode: 78, message: /the operating system denies it \(EACCES/, remedy: /read and write/ };
      await assert.rejects(store.requireWritable(signal), denied);
      await assert.rejects(store.create('b', Buffer.from('x'), signal), denied);
      await assert.rejects(store.read('a', signal), denied);
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(folder, 0o700);
    }
  });

  it('exits 78 when a file is where a folder is expected, or a folder where a file is', async () => {
    await writeFile(folder, '');
    for (const work of [
      () => store.requireWritable(signal),
      () => store.create('a', Buffer.from('x'), signal),
      listed,
    ]) {
      await assert.rejects(work(), { exitCode: 78, message: `${folder} is a file, but a folder is expected there` });
    }
    await assert.rejects(new FolderStore(join(folder, 'sub')).requireWritable(signal), {
      message: `${folder} is a file, but a folder is expected there`,
    });
    const above = new FolderStore(parent);
    await mkdir(join(parent, 'state.json'));
    await assert.rejects(above.read('state.json', signal), { exitCode: 78, message: /is a folder, but a file/ });
  });

  it('exits 78 when the folder is, or lies behind, a link whose target does not exist', async () => {
    const disk = join(parent, 'disk');
    await symlink(disk, folder);
    for (const broken of [store, new FolderStore(join(folder, 'alice'))]) {
      for (const work of [broken.requireWritable(signal), broken.create('a', Buffer.from('x'), signal)]) {
        await assert.rejects(work, {
          exitCode: 78,
          message: `${folder} is a link to ${disk}, which does not exist`,
          remedy: /^Mount the disk/,
        });
      }
    }
  });

  it('refuses names that the file system does not accept', async () => {
    await assert.rejects(store.create('n'.repeat(300), Buffer.from('x'), signal), {
      name: 'RefusedError',
      message: /ENAMETOOLONG/,
    });
  });

  /** Runs `code` in another process, where `store` is the folder's, and returns its output. */
  function inProcess(before: string, options: readonly string[], code: string): Promise<string> {
    const module = `import { FolderStore } from '${STORE}'; const store = new FolderStore('${folder}');
      const { signal } = new AbortController();
      const tell = (work) => work.then((done) => console.log('done', done), (e) => console.log(e.exitCode, e.message, '|', e.remedy));
      ${code}`;
    const args = ['-c', `${before} exec "$@"`, 'sh', process.execPath, ...options, '--input-type=module', '-e', module];
    return new Promise((resolve, reject) => {
      execFile('/bin/sh', args, { cwd: ROOT }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    });
  }

  it('exits 78 when the disk is full, and leaves no part of a file', async () => {
    await store.create('a', Buffer.from('x'), signal);
    const code = "await tell(store.create('b', Buffer.alloc(100_000), signal));";
    assert.match(await inProcess('ulimit -f 8;', [], code), /^78 there is no space for the files in .*\| Free space/);
    assert.deepEqual(await readdir(folder), ['a']);
  });

  it("names Node's options when --permission keeps the process from the folder", async () => {
    await mkdir(folder);
    const write = "await tell(store.create('a', Buffer.from('x'), signal)); await tell(store.requireWritable(signal));";
    const locked = ['--permission', `--allow-fs-read=${ROOT}`];
    const unreadable = await inProcess('', locked, write);
    const line = `78 the process may not read ${folder}, because it runs with --permission`;
    assert.ok(unreadable.startsWith(line), unreadable);
    assert.match(unreadable, /--allow-fs-read=\S+copy to the command in the Procfile.*--allow-fs-write=\S+copy too/);
    const readable = [...locked, `--allow-fs-read=${folder}`];
    const unwritable = await inProcess('', readable, write);
    assert.equal(unwritable.match(/78 the process may not write into/g)?.length, 2, unwritable);
    assert.ok(unwritable.includes(`add --allow-fs-write=${folder} to the command in the Procfile`), unwritable);
    assert.equal(
      await inProcess('', [...readable, `--allow-fs-write=${folder}`], write),
      'done true\ndone undefined\n',
    );
    assert.equal(await readFile(join(folder, 'a'), 'utf8'), 'x');
  });

  it('is refused on a dyno, with the reason', async () => {
    const settings = { region: '', keys: undefined, missingForAws: [], isDyno: true, allowHosts: () => undefined };
    await assert.rejects(openStore({ kind: 'folder', path: 'copy' }, settings), {
      exitCode: 78,
      message: /copy is a folder on the disk of this dyno, which Heroku deletes/,
      remedy: /EXPORT_URL=s3:/,
    });
    const laptop = { ...settings, isDyno: false };
    assert.equal((await openStore({ kind: 'folder', path: folder }, laptop)).name, folder);
    await assert.rejects(openStore({ kind: 'folder', path: '~/mail' }, laptop), { exitCode: 78, message: /~/ });
  });
});
