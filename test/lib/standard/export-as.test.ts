/** `job export --as`: a copy as an mbox or a Maildir, by the built program. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type CopiedMessage, writeCopy } from '../../fixtures/copy-of-messages.ts';
import { createFolderPlace } from '../../fixtures/folder-place.ts';
import { assertEnded, ChildHandle, type RunOptions, runOwnJob } from '../../run.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

const MESSAGES: readonly CopiedMessage[] = ['2024', '2025', '2026'].map((year, index) => ({
  id: `a${index}`,
  source: `From: bob@example.com\r\nMessage-ID: <${year}@example.com>\r\nSubject: ${year}\r\n\r\nFrom ${year}\r\n`,
  date: `${year}-06-01T12:00:00.000Z`,
  labels: ['INBOX', ...(index === 0 ? ['UNREAD'] : [])],
}));

const MBOX = 'alice@example.com.mbox';

const WHOLE_MBOX = ['2024 Sat Jun  1', '2025 Sun Jun  1', '2026 Mon Jun  1']
  .map((text) => text.split(/ (.*)/))
  .map(
    ([year, day]) =>
      `From bob@example.com ${day} 12:00:00 ${year}\nFrom: bob@example.com\nMessage-ID: <${year}@example.com>\nSubject: ${year}\n\n>From ${year}\n\n`,
  )
  .join('');

function places(t: TestContext) {
  const copy = createFolderPlace(t);
  writeCopy(copy, MESSAGES);
  return { copy, folder: join(createFolderPlace(t).folder, 'mail') };
}

/** Nothing of Google or AWS is set. */
const exportAs = (args: readonly string[], options: Omit<RunOptions, 'jobs'> = {}) =>
  runOwnJob(null, ['export', '--as', ...args], { unlocked: true, ...options });

describe('job export --as, of a copy in a folder', () => {
  it('writes an mbox without any credentials', async (t) => {
    const { copy, folder } = places(t);
    const run = await exportAs(['mbox', folder], { env: { EXPORT_URL: copy.folder } });
    assertEnded(run, 0, { outcome: 'ok', matched: 3, changed: 3, requests: 0 });
    assert.equal(readFileSync(join(folder, MBOX), 'utf8'), WHOLE_MBOX);
    const event = run.events.find(({ event }) => event === 'export.converted');
    assert.deepEqual([event?.as, event?.path, event?.messages, event?.damaged], ['mbox', join(folder, MBOX), 3, 0]);
    assertEnded(await exportAs(['mbox', folder, '--into', copy.folder]), 78, { outcome: 'failed' });
  });

  it('writes a Maildir, and in the next run nothing', async (t) => {
    const { copy, folder } = places(t);
    assertEnded(await exportAs(['maildir', folder, '--into', copy.folder]), 0, { changed: 3 });
    assert.deepEqual(readdirSync(join(folder, 'cur')).sort(), [
      '1717243200.a0.alice@example.com:2,',
      '1748779200.a1.alice@example.com:2,S',
      '1780315200.a2.alice@example.com:2,S',
    ]);
    assertEnded(await exportAs(['maildir', folder, '--into', copy.folder]), 0, {
      outcome: 'nothing-to-do',
      matched: 0,
    });
  });

  it('takes --from and --to', async (t) => {
    const { copy, folder } = places(t);
    const range = ['--from', '2025-01-01', '--to', '2026-01-01'];
    assertEnded(await exportAs(['mbox', folder, '--into', copy.folder, ...range]), 0, { matched: 1, changed: 1 });
    assert.match(readFileSync(join(folder, MBOX), 'utf8'), /^From bob@example.com Sun Jun {2}1 [^<]*<2025@[^<]*$/);
  });

  it('writes nothing in a dry run', async (t) => {
    const { copy, folder } = places(t);
    const run = await exportAs(['mbox', folder, '--into', copy.folder, '--dry-run']);
    assertEnded(run, 0, { outcome: 'ok', matched: 3, changed: 0, remaining: 3, dryRun: true });
    assert.equal(existsSync(folder), false);
  });

  it('ends with 65 and the names of damaged files, which are left out', async (t) => {
    const { copy, folder } = places(t);
    copy.write('messages/2025/06/a1.eml.gz', 'no gzip');
    const run = await exportAs(['maildir', folder, '--into', copy.folder]);
    assertEnded(run, 65, { matched: 3, changed: 2, failed: 1 });
    const damaged = run.events.filter(({ event }) => event === 'export.damaged');
    assert.deepEqual(
      damaged.map(({ id, path, problem }) => [id, path, problem]),
      [['a1', 'messages/2025/06/a1.eml.gz', 'is no sound gzip file']],
    );
  });

  it('names --allow-fs-write when the process may not write there', async (t) => {
    const { copy, folder } = places(t);
    mkdirSync(folder);
    const shell = 'exec "$0" --permission --allow-fs-read=* "$@"';
    for (const as of ['mbox', 'maildir']) {
      const run = await exportAs([as, folder, '--into', copy.folder], { shell });
      assert.match(String(assertEnded(run, 78).remedy), /--allow-fs-write=/);
      assert.deepEqual(readdirSync(folder), []);
    }
  });

  it('refuses a dyno, whose disk is deleted', async (t) => {
    const { copy, folder } = places(t);
    const run = await exportAs(['mbox', folder, '--into', copy.folder], { env: { DYNO: 'run.1' } });
    assert.match(String(assertEnded(run, 78).error), /of this dyno/);
    assert.equal(existsSync(folder), false);
  });

  it('refuses a ~ that the shell did not replace', async (t) => {
    const { copy } = places(t);
    const run = await exportAs(['mbox', '~/mail', '--into', copy.folder]);
    assert.match(String(assertEnded(run, 78).error), /did not replace the ~/);
  });

  it('refuses a folder without --as, --as without a folder, and options for the mailbox', async (t) => {
    const { copy, folder } = places(t);
    const refused = async (args: readonly string[]) => {
      const { code, stderr } = await runOwnJob(null, ['export', '--into', copy.folder, ...args], { unlocked: true });
      assert.equal(code, 2, stderr);
      return stderr;
    };
    assert.match(await refused([folder]), /only with --as[\s\S]*write --into <place>/);
    assert.match(await refused(['--as', 'mbox', folder, '--quick']), /--quick belongs to --verify/);
    assert.match(await refused(['--as', 'mbox']), /needs a <folder>/);
    assert.match(await refused(['--as', 'pst', folder]), /"pst" is not one of mbox, maildir/);
    assert.match(await refused(['--as', 'mbox', 's3://bucket/mail']), /is no path of a folder/);
    assert.match(
      await refused(['--as', 'mbox', folder, '--spam-trash']),
      /--as reads a copy that exists, and --spam-trash is for an export/,
    );
    assert.equal(existsSync(folder), false);
  });
});

describe('job export --as, of a copy in S3', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox();
    const write = (path: string, content: string | Uint8Array) =>
      void sandbox.s3.bucket.put(`copy/${path}`, Buffer.from(content as Buffer));
    writeCopy({ write }, MESSAGES);
  });
  after(() => sandbox.close());

  it("writes an mbox with AWS's credentials alone", async (t) => {
    const { folder } = places(t);
    const env = { ...sandbox.env, GMAIL_SECRET_ID: undefined, EXPORT_URL: sandbox.s3.url('copy') };
    assertEnded(await exportAs(['mbox', folder], { env }), 0, { changed: 3 });
    assert.equal(readFileSync(join(folder, MBOX), 'utf8'), WHOLE_MBOX);
  });

  it('leaves nothing behind when S3 is away, and the next run writes the mbox', async (t) => {
    const { folder } = places(t);
    const env = { ...sandbox.env, EXPORT_URL: sandbox.s3.url('copy') };
    sandbox.s3.bucket.get('copy/messages/2025/06/a1.eml.gz').storageClass = 'GLACIER';
    const run = await exportAs(['mbox', folder], { env });
    assert.notEqual(run.code, 0);
    assert.deepEqual(readdirSync(folder), []);
    sandbox.s3.bucket.get('copy/messages/2025/06/a1.eml.gz').storageClass = 'STANDARD';
    assertEnded(await exportAs(['mbox', folder], { env }), 0, { changed: 3 });
  });

  for (const as of ['mbox', 'maildir'] as const) {
    it(`may be killed at each message, and the next run does the rest (${as})`, async (t) => {
      const parent = createFolderPlace(t).folder;
      const env = { ...sandbox.env, EXPORT_URL: sandbox.s3.url('copy') };
      for (let skip = 0; skip < MESSAGES.length; skip += 1) {
        const folder = join(parent, String(skip));
        const child = new ChildHandle();
        const kill = () => {
          child.kill('SIGKILL');
          return 'drop';
        };
        const match = ({ path }: { readonly path: string }) => path.includes('/messages/');
        const met = sandbox.faults.add({ kind: 'hook', service: 's3', match, skip, before: kill });
        const run = await exportAs([as, folder], { env, onStart: child.onStart });
        assert.deepEqual([run.code, met.hits, existsSync(join(folder, MBOX))], [137, 1, false]);
        assert.equal(assertEnded(await exportAs([as, folder], { env }), 0).failed, 0);
        if (as === 'mbox') assert.equal(readFileSync(join(folder, MBOX), 'utf8'), WHOLE_MBOX);
        else assert.equal(readdirSync(join(folder, 'cur')).length, MESSAGES.length);
      }
    });
  }
});
