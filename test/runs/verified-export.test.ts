import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { readCopyIn } from '../fixtures/copy-reader.ts';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import type { LogEvent } from '../run.ts';
import { startSandbox } from '../sandbox/index.ts';
import type { S3Checksum } from '../sandbox/s3-bucket.ts';

const MAIL = [...many(30, { labels: ['INBOX', 'Work/A'] }), ...many(5, { labels: ['TRASH'] })];

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gmail-jobs-verified-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('an export and its verification', () => {
  it('agree about a copy in a folder, after the first run and after changes in the mailbox', async (t) => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(MAIL) });
    const folder = folderFor(t);
    const env = { EXPORT_URL: folder };
    const { mailbox } = sandbox;
    const [first = '', second = '', third = ''] = mailbox.messages().map(({ id }) => id);
    assert.equal((await runHere(sandbox, ['export'], { env })).code, 0);
    mailbox.modify([first], ['STARRED'], ['INBOX']);
    mailbox.modify([third], ['TRASH'], ['INBOX']);
    mailbox.delete([second]);
    const early = await runHere(sandbox, ['export', '--verify'], { env });
    assert.equal(early.code, 0, early.stdout);
    assert.equal(early.events.find(({ event }) => event === 'export.verified')?.aged, 3);
    assert.equal((await runHere(sandbox, ['export'], { env })).code, 0);
    for (const options of [[], ['--quick']]) {
      const run = await runHere(sandbox, ['export', '--verify', ...options], { env });
      assert.equal(run.code, 0, run.stdout);
      const { messages, sound, aged, unclaimed } =
        run.events.find(({ event }) => event === 'export.verified') ?? ({} as Partial<LogEvent>);
      assert.deepEqual({ messages, sound, aged, unclaimed }, { messages: 30, sound: 30, aged: 0, unclaimed: 0 });
    }
    const copy = await readCopyIn(folder);
    assert.deepEqual(copy.problems, []);
    assert.equal(copy.live.length, 29);
    assert.equal(copy.messages.get(second)?.deleted, true);
  });

  it('agree about a copy in S3, and find an object that was changed or deleted there', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(MAIL) });
    const env = { EXPORT_URL: sandbox.s3.url('mail/alice') };
    assert.equal((await runHere(sandbox, ['export'], { env })).code, 0);
    const sound = await runHere(sandbox, ['export', '--verify'], { env });
    assert.equal(sound.code, 0, sound.stdout + sound.stderr);
    const { bucket } = sandbox.s3;
    const [changed = '', rotten = '', deleted = ''] = [...bucket.objects.keys()].filter((key) =>
      key.includes('/messages/'),
    );
    const flipped = (key: string) => {
      const bytes = Buffer.from(bucket.objects.get(key)?.body ?? []);
      bytes[30] = (bytes[30] ?? 0) ^ 0x10;
      return bytes;
    };
    bucket.put(changed, flipped(changed));
    // S3's checksum stays the one of the sound object.
    bucket.put(rotten, flipped(rotten), { checksum: bucket.objects.get(rotten)?.checksum as S3Checksum });
    bucket.objects.delete(deleted);
    const run = await runHere(sandbox, ['export', '--verify'], { env });
    assert.equal(run.code, 65, run.stdout + run.stderr);
    const named = run.events.filter(({ event }) => event === 'export.damaged').map(({ path }) => `mail/alice/${path}`);
    assert.deepEqual(named.sort(), [changed, deleted, rotten].sort());
  });

  it('goes through with messages to fetch once more when the file is deleted and the id is put into failed', async (t) => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(MAIL) });
    const folder = folderFor(t);
    const env = { EXPORT_URL: folder };
    const [id = ''] = sandbox.mailbox.messages().map((message) => message.id);
    await runHere(sandbox, ['export'], { env });
    const { messages } = await readCopyIn(folder);
    rmSync(join(folder, messages.get(id)?.path ?? ''));
    assert.equal((await runHere(sandbox, ['export', '--verify'], { env })).code, 65);
    const state = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'));
    writeFileSync(join(folder, 'state.json'), JSON.stringify({ ...state, failed: [id], complete: false }));
    const repair = await runHere(sandbox, ['export'], { env });
    assert.equal(repair.code, 0, repair.stdout);
    const run = await runHere(sandbox, ['export', '--verify'], { env });
    assert.equal(run.code, 0, run.stdout);
    assert.deepEqual((await readCopyIn(folder)).problems, []);
  });
});
