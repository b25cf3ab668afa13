/** `job export` into a folder: a first run, and what later runs add. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assertCopied, ExportFolder, sent } from '../../fixtures/exported.ts';
import { mailboxOf, many } from '../../fixtures/mailbox.ts';
import { assertEnded } from '../../run.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

async function start(count = 12): Promise<{ sandbox: Sandbox; folder: ExportFolder } & AsyncDisposable> {
  const messages = [
    { labels: ['INBOX', 'Work/A'] },
    { labels: ['Work/A', 'STARRED'] },
    { labels: ['Work/B'] },
    { labels: ['TRASH'] },
    { labels: ['SPAM'] },
    ...many(count - 5, { labels: ['INBOX', 'UNREAD'] }),
  ];
  const sandbox = await startSandbox({ mailbox: mailboxOf(messages) });
  const folder = await ExportFolder.make();
  const dispose = async () => {
    await folder[Symbol.asyncDispose]();
    await sandbox.close();
  };
  return { sandbox, folder, [Symbol.asyncDispose]: dispose };
}

const idsOf = ({ mailbox }: Sandbox) => mailbox.messages().map(({ id }) => id);
const insert = ({ mailbox }: Sandbox, labels: readonly string[] = ['INBOX']) =>
  mailbox.insert('Subject: new\r\nMessage-ID: <new@example.org>\r\n\r\nHello\r\n', labels);

describe('a first export', () => {
  it('copies every message outside Spam and Trash, once', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    assertEnded(await folder.export(sandbox), 0, { outcome: 'ok', matched: 10, changed: 10, skipped: 0 });
    const copy = await folder.read();
    assertCopied(copy, sandbox.mailbox);
    assert.equal(copy.lines.length, 10);
    assert.deepEqual(copy.unclaimed, []);
    assert.equal(sent(sandbox, 'messages.get'), 10);
  });

  it('copies a message that came a moment before and that no list shows yet, and does not call it gone', async () => {
    await using sandbox = await startSandbox({ messages: 20, searchLagMs: 3_600_000 });
    await using folder = await ExportFolder.make();
    const { id } = await insert(sandbox);
    assertEnded(await folder.export(sandbox), 0, { outcome: 'ok' });
    assertCopied(await folder.read(), sandbox.mailbox);
    const path = join(folder.path, 'state.json');
    const state = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...state, listed: false, complete: false }));
    assertEnded(await folder.export(sandbox), 0, { outcome: 'nothing-to-do' });
    const copy = await folder.read();
    assertCopied(copy, sandbox.mailbox);
    assert.ok(copy.messages.has(id));
  });

  it('of an empty mailbox makes an empty copy, which is complete', async () => {
    await using folder = await ExportFolder.make();
    await using sandbox = await startSandbox({ mailbox: mailboxOf([]) });
    assertEnded(await folder.export(sandbox), 0, { outcome: 'nothing-to-do' });
    assertCopied(await folder.read(), sandbox.mailbox);
    await insert(sandbox);
    assertEnded(await folder.export(sandbox), 0, { changed: 1 });
    assertCopied(await folder.read(), sandbox.mailbox);
  });

  it('copies Spam and Trash with --spam-trash, and from then on', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    assertEnded(await folder.export(sandbox, ['--spam-trash']), 0, { changed: 12 });
    await insert(sandbox, ['SPAM']);
    assertEnded(await folder.export(sandbox), 0, { changed: 1 });
    assertCopied(await folder.read(), sandbox.mailbox, { withHidden: true });
  });

  it('may get Spam and Trash later', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    assertEnded(await folder.export(sandbox), 0, { changed: 10 });
    assertEnded(await folder.export(sandbox, ['--spam-trash']), 0, { changed: 2 });
    assertCopied(await folder.read(), sandbox.mailbox, { withHidden: true });
    assert.equal((await folder.read()).state?.spamTrash, true);
  });

  it('in a dry run says what it would copy, and writes nothing', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    const run = await folder.export(sandbox, ['--dry-run']);
    assertEnded(run, 0, { outcome: 'ok', matched: 10, changed: 0, remaining: 10, dryRun: true });
    assert.equal(run.events.find(({ event }) => event === 'export.forecast')?.messages, 10);
    const copy = await folder.read();
    assert.deepEqual([copy.state, copy.lines, copy.unclaimed, copy.others], [null, [], [], []]);
    assert.equal(sent(sandbox, 'messages.get'), 0);
  });
});

describe('a later export', () => {
  it('with nothing new asks for labels and history alone, and writes nothing', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    const before = await folder.read();
    sandbox.requests.length = 0;
    const run = await folder.export(sandbox);
    assert.ok(Number(assertEnded(run, 0, { outcome: 'nothing-to-do' }).quotaUnits) <= 12);
    assert.deepEqual(await folder.read(), before);
  });

  it('copies what is new, relabelled and deleted, and reads no known message again', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    sandbox.requests.length = 0;
    const [first = '', second = '', third = '', fourth = '', fifth = '', sixth = '', seventh = ''] = idsOf(sandbox);
    sandbox.mailbox.modify([first, second], ['STARRED'], ['INBOX']);
    sandbox.mailbox.modify([third], ['TRASH'], []);
    // Left Trash.
    sandbox.mailbox.modify([fourth], ['INBOX'], ['TRASH']);
    // Still in Spam.
    sandbox.mailbox.modify([fifth], ['STARRED'], []);
    sandbox.mailbox.delete([sixth]);
    sandbox.mailbox.modify([seventh], ['STARRED'], []);
    sandbox.mailbox.modify([seventh], [], ['STARRED']);
    await insert(sandbox);
    const gone = await insert(sandbox);
    sandbox.mailbox.delete([gone.id]);
    const draft = await insert(sandbox, ['DRAFT']);
    const run = await folder.export(sandbox);
    assertEnded(run, 0, { matched: 6, changed: 6 });
    const finished = run.events.find(({ event }) => event === 'export.finished');
    assert.deepEqual([finished?.copied, finished?.relabelled, finished?.deleted], [3, 2, 1]);
    const copy = await folder.read();
    assertCopied(copy, sandbox.mailbox);
    assert.deepEqual(copy.messages.get(third)?.labels, ['TRASH', 'Work/B']);
    assert.equal(copy.messages.get(sixth)?.deleted, true);
    assert.equal(copy.messages.has(draft.id), true);
    assert.equal(sent(sandbox, 'messages.get'), 3);
  });

  it('ignores changes that a message had before it was read', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    const [first = ''] = idsOf(sandbox);
    sandbox.faults.add({
      kind: 'hook',
      verb: 'messages.list',
      before: () => {
        sandbox.mailbox.modify([first], ['STARRED'], []);
        sandbox.mailbox.modify([first], [], ['INBOX']);
      },
    });
    await folder.export(sandbox);
    assertEnded(await folder.export(sandbox), 0, { outcome: 'nothing-to-do' });
    assertCopied(await folder.read(), sandbox.mailbox);
  });

  it('copies a message that came while the mailbox was listed', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    sandbox.faults.add({ kind: 'hook', verb: 'messages.get', skip: 3, before: () => insert(sandbox) });
    assertEnded(await folder.export(sandbox), 0, { changed: 11 });
    assertCopied(await folder.read(), sandbox.mailbox);
  });

  it('skips a message that is deleted, or moved to Spam, before it is read', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    const [first = '', second = ''] = idsOf(sandbox);
    sandbox.faults.add({
      kind: 'hook',
      verb: 'messages.get',
      before: () => {
        sandbox.mailbox.delete([first]);
        sandbox.mailbox.modify([second], ['SPAM'], []);
      },
    });
    const { skipped } = assertEnded(await folder.export(sandbox), 0, { outcome: 'ok' });
    assert.ok(Number(skipped) >= 1);
    assertEnded(await folder.export(sandbox), 0);
    assertCopied(await folder.read(), sandbox.mailbox);
  });
});

describe('labels of a copy', () => {
  it('get new names: one line for a label that was renamed', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    // The mailbox has changed since all other messages were read.
    const [, , , , , sixth = ''] = idsOf(sandbox);
    sandbox.mailbox.modify([sixth], ['STARRED'], []);
    await folder.export(sandbox);
    sandbox.mailbox.renameLabel('Label_1', 'Work/New');
    assertEnded(await folder.export(sandbox), 0, { changed: 1 });
    const copy = await folder.read();
    assertCopied(copy, sandbox.mailbox);
    assert.deepEqual(
      copy.renames.map(({ label, was }) => [was, label]),
      [['Work/A', 'Work/New']],
    );
  });

  it("get a line of their own for messages whose history id is the mailbox's", async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    sandbox.mailbox.renameLabel('Label_1', 'Work/New');
    assertEnded(await folder.export(sandbox), 0, { changed: 3 });
    assertCopied(await folder.read(), sandbox.mailbox);
    assertEnded(await folder.export(sandbox), 0, { outcome: 'nothing-to-do' });
  });

  it('are swapped without a rename line', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    insert(sandbox);
    sandbox.mailbox.renameLabel('Label_1', 'Work/Between');
    sandbox.mailbox.renameLabel('Label_2', 'Work/A');
    sandbox.mailbox.renameLabel('Label_1', 'Work/B');
    assertEnded(await folder.export(sandbox), 0, { changed: 4 });
    const copy = await folder.read();
    assertCopied(copy, sandbox.mailbox);
    assert.deepEqual(copy.renames, []);
  });

  it('are right after a run that was killed before it moved the state', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    const state = join(folder.path, 'state.json');
    const before = await readFile(state);
    sandbox.mailbox.renameLabel('Label_1', 'Work/Between');
    sandbox.mailbox.renameLabel('Label_2', 'Work/A');
    sandbox.mailbox.renameLabel('Label_1', 'Work/B');
    assertEnded(await folder.export(sandbox), 0);
    await writeFile(state, before);
    assertEnded(await folder.export(sandbox), 0);
    assertCopied(await folder.read(), sandbox.mailbox);

    const swapped = await readFile(state);
    sandbox.mailbox.renameLabel('Label_1', 'Work/C');
    assertEnded(await folder.export(sandbox), 0);
    await writeFile(state, swapped);
    sandbox.mailbox.renameLabel('Label_1', 'Work/D');
    assertEnded(await folder.export(sandbox), 0);
    assertCopied(await folder.read(), sandbox.mailbox);
  });

  it('vanish with the label, also when another one gets its name', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    sandbox.mailbox.deleteLabel('Label_1');
    const again = sandbox.mailbox.createLabel('Work/A');
    const [, , third = ''] = idsOf(sandbox);
    sandbox.mailbox.modify([third], [again.id], []);
    assertEnded(await folder.export(sandbox), 0, { changed: 3 });
    assertCopied(await folder.read(), sandbox.mailbox);
  });

  it('are those of the mailbox for a message that is copied after another label got a former name', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    const [first = '', , third = ''] = idsOf(sandbox);
    await folder.export(sandbox, ['--query', 'is:starred']);
    sandbox.mailbox.modify([first], ['IMPORTANT'], []);
    sandbox.mailbox.renameLabel('Label_1', 'Work/New');
    await folder.export(sandbox, ['--query', 'is:starred']);
    sandbox.mailbox.renameLabel('Label_2', 'Work/A');
    await folder.export(sandbox);
    const copy = await folder.read();
    assertCopied(copy, sandbox.mailbox);
    assert.equal(copy.renames.length, 2);
    assert.deepEqual(copy.messages.get(third)?.labels, ['Work/A']);
  });

  it('have the name of a label that is created during the run', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    const [first = ''] = idsOf(sandbox);
    const create = () => {
      const { id } = sandbox.mailbox.createLabel('Made/Now');
      sandbox.mailbox.modify([first], [id], []);
    };
    sandbox.faults.add({ kind: 'hook', verb: 'history.list', before: create });
    assertEnded(await folder.export(sandbox), 0, { changed: 1 });
    const copy = await folder.read();
    assertCopied(copy, sandbox.mailbox);
    assert.ok(Object.values(copy.state?.labels as object).includes('Made/Now'));
  });
});

describe('a copy whose history Gmail no longer knows', () => {
  it('is repaired by lists, and no known message is read again', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    const [first = '', second = '', third = '', fourth = ''] = idsOf(sandbox);
    sandbox.mailbox.modify([first], ['STARRED'], ['INBOX']);
    sandbox.mailbox.delete([second]);
    sandbox.mailbox.modify([third], ['TRASH'], []);
    sandbox.mailbox.modify([fourth], ['INBOX'], ['TRASH']);
    sandbox.mailbox.renameLabel('Label_1', 'Work/New');
    await insert(sandbox);
    sandbox.mailbox.history.forget();
    sandbox.requests.length = 0;
    const run = await folder.export(sandbox);
    assertEnded(run, 0, { changed: 5 });
    assertCopied(await folder.read(), sandbox.mailbox);
    assert.equal(sent(sandbox, 'messages.get'), 2);
    assertEnded(await folder.export(sandbox), 0, { outcome: 'nothing-to-do' });
  });

  it('gets back a message that it calls deleted, and that the mailbox lists', async () => {
    await using work = await start();
    const { sandbox, folder } = work;
    await folder.export(sandbox);
    const [id] = idsOf(sandbox);
    const line = { id, deleted: true, historyId: '1000' };
    await writeFile(join(folder.path, 'index/20990101-000000-0000-0001.jsonl'), `${JSON.stringify(line)}\n`);
    const state = JSON.parse(await readFile(join(folder.path, 'state.json'), 'utf8'));
    await writeFile(join(folder.path, 'state.json'), JSON.stringify({ ...state, complete: false, listed: false }));
    sandbox.mailbox.history.forget();
    assertEnded(await folder.export(sandbox), 0, { failed: 0 });
    assertCopied(await folder.read(), sandbox.mailbox);
  });
});
