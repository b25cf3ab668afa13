/** A copy whose state.json somebody deleted or changed: the next export compares the whole mailbox with the lines. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { assertCopied, ExportFolder } from '../fixtures/exported.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded } from '../run.ts';
import { startSandbox } from '../sandbox/index.ts';

it('finds labels, renames and deletions from before the new state, also after a run that was ended early', async () => {
  await using sandbox = await startSandbox({ mailbox: mailboxOf(many(6, { labels: ['INBOX', 'Work'] })) });
  await using folder = await ExportFolder.make();
  const { mailbox } = sandbox;
  assertEnded(await folder.export(sandbox), 0, { changed: 6 });
  const [first = '', second = '', third = ''] = mailbox.messages().map(({ id }) => id);
  mailbox.delete([first]);
  mailbox.modify([second], ['STARRED'], ['INBOX']);
  mailbox.modify([third], ['TRASH'], ['INBOX']);
  mailbox.renameLabel(mailbox.findLabel('Work')?.id ?? '', 'Office');
  await mailbox.insert('Subject: new\r\n\r\nHello\r\n', ['INBOX']);
  await rm(join(folder.path, 'state.json'));
  sandbox.faults.add({ verb: 'labels.list', kind: 'status', status: 403, body: {} });
  assert.notEqual((await folder.export(sandbox)).code, 0);
  assertEnded(await folder.export(sandbox), 0, { changed: 7 });
  assertCopied(await folder.read(), mailbox);
  assertEnded(await folder.export(sandbox), 0, { outcome: 'nothing-to-do' });
  assertEnded(await folder.export(sandbox, ['--verify']), 0);
});

it('is named when it is not as the program wrote it; the next export compares the mailbox, and writes it anew', async () => {
  await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, { labels: ['INBOX'] })) });
  await using folder = await ExportFolder.make();
  assertEnded(await folder.export(sandbox), 0);
  const path = join(folder.path, 'state.json');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace(/(?<="historyId":"\d+)\d"/, '9"'));
  sandbox.mailbox.modify([sandbox.mailbox.messages()[0]?.id ?? ''], ['STARRED'], []);
  assertEnded(await folder.export(sandbox, ['--verify']), 65);
  const compared = await folder.export(sandbox);
  assertEnded(compared, 0, { changed: 1 });
  assert.match(
    compared.stdout,
    /"event":"export\.history_gone",.*"reason":"state\.json was changed by hand or by the disk"/,
  );
  assertCopied(await folder.read(), sandbox.mailbox);
  assertEnded(await folder.export(sandbox, ['--verify']), 0);
});

it('is not written for an old state of another form', async () => {
  await using sandbox = await startSandbox({ mailbox: mailboxOf(many(1, { labels: ['INBOX'] })) });
  await using folder = await ExportFolder.make();
  await writeFile(join(folder.path, 'state.json'), '{"format":1,"email":"a@example.com","historyId":5}');
  const final = assertEnded(await folder.export(sandbox), 78);
  assert.match(`${final.error}`, /state\.json in .* is damaged: historyId is no whole number in quotes/);
});

it('does not hide a line whose history id lies in the future from --verify', async () => {
  await using sandbox = await startSandbox({ mailbox: mailboxOf(many(2, { labels: ['INBOX'] })) });
  await using folder = await ExportFolder.make();
  assertEnded(await folder.export(sandbox), 0);
  const [name = ''] = await readdir(join(folder.path, 'index'));
  const path = join(folder.path, 'index', name);
  await writeFile(path, (await readFile(path, 'utf8')).replace('"historyId":"1', '"historyId":"9'));
  assertEnded(await folder.export(sandbox, ['--verify']), 65, { failed: 1 });
});

it('is repaired by the steps in jobs/README.md, with its damaged file, damaged line and missing part', async () => {
  await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, { labels: ['INBOX'] })) });
  await using folder = await ExportFolder.make();
  assertEnded(await folder.export(sandbox), 0, { changed: 3 });
  const [part = ''] = await readdir(join(folder.path, 'index'));
  // The lines of the run lie in its second part; its first part is lost.
  const kept = join(folder.path, 'index', part.replace('-0001', '-0002'));
  const [first = '', ...others] = (await readFile(join(folder.path, 'index', part), 'utf8')).split('\n');
  await writeFile(kept, ['damaged', ...others].join('\n'));
  await rm(join(folder.path, 'index', part));
  const damaged = (JSON.parse(others[0] ?? '') as { id: string }).id;
  const file = (await folder.read()).messages.get(damaged)?.path ?? '';
  await writeFile(join(folder.path, file), 'damaged');
  const verified = await folder.export(sandbox, ['--verify']);
  assertEnded(verified, 65, { skipped: 1, failed: 2 });
  assert.match(String(verified.final?.error), /1 damaged and 1 missing; 2 problems of the index or state\.json/);

  await rm(join(folder.path, file));
  const state = join(folder.path, 'state.json');
  const ids = JSON.stringify([damaged, (JSON.parse(first) as { id: string }).id]);
  await writeFile(state, (await readFile(state, 'utf8')).replace('"failed":[]', `"failed":${ids}`));
  assertEnded(await folder.export(sandbox), 0, { changed: 2 });
  await writeFile(kept, others.join('\n'));
  await writeFile(join(folder.path, 'index', part), '');
  assertEnded(await folder.export(sandbox, ['--verify']), 0, { skipped: 3 });
  assertCopied(await folder.read(), sandbox.mailbox);
});
