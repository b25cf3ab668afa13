import assert from 'node:assert/strict';
import { readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { type MadeCopy, makeCopy, messagesIn } from '../../fixtures/copy-of-mailbox.ts';
import { runHere, SentSignals } from '../../fixtures/front-door.ts';
import { mailboxOf, type PlainMessage } from '../../fixtures/mailbox.ts';
import { writesAmong } from '../../fixtures/starring.ts';
import { assertEnded, type LogEvent } from '../../run.ts';
import { googleErrors, type Sandbox, startSandbox } from '../../sandbox/index.ts';

const MESSAGES: readonly PlainMessage[] = [
  { subject: 'new', labels: ['INBOX', 'UNREAD', 'Work/A'], at: '2026-01-05T10:00:00Z' },
  {
    subject: 'starred',
    labels: ['STARRED', 'IMPORTANT', 'Work'],
    at: '2026-01-04T10:00:00Z',
    from: 'Ann <ann@example.net>',
  },
  { subject: 'sent', labels: ['SENT'], at: '2026-01-03T10:00:00Z' },
  { subject: 'spam', labels: ['SPAM', 'UNREAD'], at: '2026-01-02T10:00:00Z' },
  { subject: 'trash', labels: ['TRASH'], at: '2026-01-01T10:00:00Z' },
];

/** A sandbox, its copy, and the messages before anything was deleted. */
async function withCopy(messages: readonly PlainMessage[] = MESSAGES, searchLagMs = 0) {
  const sandbox = await startSandbox({ mailbox: mailboxOf(messages, { searchLagMs }) });
  const copy = await makeCopy(sandbox.mailbox);
  return {
    sandbox,
    copy,
    before: messagesIn(sandbox.mailbox),
    run: (args: readonly string[] = ['--yes'], options = {}) => restore(sandbox, copy, args, options),
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      await copy[Symbol.asyncDispose]();
    },
  };
}

function restore(sandbox: Sandbox, copy: MadeCopy, args: readonly string[], options = {}) {
  return runHere(sandbox, ['restore', ...args], { env: { EXPORT_URL: copy.folder }, ...options });
}

const everything = (sandbox: Sandbox) => sandbox.mailbox.messages().map(({ id }) => id);

describe('job restore', () => {
  it('puts deleted messages back with their labels, dates and read state, and a second run changes nothing', async () => {
    await using box = await withCopy();
    box.sandbox.mailbox.delete(everything(box.sandbox));
    const first = await box.run();
    assertEnded(first, 0, { outcome: 'ok', matched: 5, changed: 5, skipped: 0 });
    assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
    box.sandbox.requests.length = 0;
    assertEnded(await box.run(), 0, { outcome: 'nothing-to-do', matched: 5, changed: 0, skipped: 5 });
    assert.deepEqual(writesAmong(box.sandbox.requests), []);
    assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
  });

  it('finds what it imported although Gmail put headers in front', async () => {
    await using box = await withCopy();
    box.sandbox.mailbox.imports.addedHeaders = 'Received: by 2002:a05:0:0:0:0:0:0\r\nX-Gm: a\r\n';
    box.sandbox.mailbox.delete(everything(box.sandbox));
    assertEnded(await box.run(), 0, { changed: 5 });
    assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
    assertEnded(await box.run(), 0, { outcome: 'nothing-to-do', skipped: 5 });
    assertEnded(await box.run(['--dry-run']), 0, { outcome: 'nothing-to-do', skipped: 5 });
  });

  it('in a dry run shows the same, and changes nothing', async () => {
    await using box = await withCopy();
    box.sandbox.mailbox.delete(everything(box.sandbox));
    const dry = await box.run(['--dry-run']);
    assertEnded(dry, 0, { outcome: 'ok', matched: 5, changed: 0, remaining: 5 });
    assert.deepEqual(writesAmong(box.sandbox.requests), []);
    assert.equal(await box.copy.store.read('restore.json', new AbortController().signal), null);
    const live = await box.run();
    const forecastOf = ({ events }: typeof live) => {
      const forecast = events.find(({ event }) => event === 'restore.forecast') as LogEvent;
      const { messages, bytes, units, newLabels } = forecast;
      return { messages, bytes, units, newLabels };
    };
    assert.deepEqual(forecastOf(dry), forecastOf(live));
    assert.equal(forecastOf(dry).messages, 5);
  });

  it('restores a message that an export found deleted when --id names it, and all of them with --deleted, not to Trash', async () => {
    await using box = await withCopy();
    const [first = '', , , , thrown = ''] = everything(box.sandbox);
    box.sandbox.mailbox.delete([first, thrown]);
    const lines = [first, thrown].map((id) => `${JSON.stringify({ id, deleted: true, historyId: '9999' })}\n`);
    await writeFile(join(box.copy.folder, 'index/20990101-000000-ffff-0001.jsonl'), lines.join(''));
    assertEnded(await box.run(), 0, { outcome: 'nothing-to-do', matched: 3 });
    assertEnded(await box.run(['--yes', '--id', first]), 0, { matched: 1, changed: 1 });
    assertEnded(await box.run(['--yes', '--deleted']), 0, { matched: 5, changed: 1, skipped: 4 });
    const restored = box.sandbox.mailbox.messages().find(({ subject }) => subject === 'trash');
    assert.deepEqual([...(restored?.labelIds ?? ['none'])], []);
    assertEnded(await box.run(['--yes', '--deleted']), 0, { outcome: 'nothing-to-do' });
  });

  it('says how many messages of the copy lie in Trash, and leaves journals out', async () => {
    await using box = await withCopy([...MESSAGES, { subject: 'journal', labels: ['gmail-jobs/journal'] }]);
    const { mailbox } = box.sandbox;
    const called = (...names: readonly string[]) =>
      mailbox.messages().flatMap(({ id, subject }) => (names.includes(subject) ? [id] : []));
    mailbox.modify(called('new', 'starred'), ['TRASH'], ['INBOX']);
    mailbox.delete(called('journal'));
    const run = await box.run();
    assertEnded(run, 0, { outcome: 'nothing-to-do', matched: 6, skipped: 6 });
    assert.equal(run.events.find(({ event }) => event === 'restore.in_trash')?.messages, 2);
  });

  it('asks a person, and ends without a change after a no; 2 when nobody can be asked', async () => {
    await using box = await withCopy();
    box.sandbox.mailbox.delete(everything(box.sandbox));
    const alone = await box.run([]);
    assert.deepEqual([alone.code, alone.final], [2, undefined]);
    assert.match(alone.stderr, /nobody to ask.*\n.*--yes/);
    const declined = await box.run([], { answers: ['n'] });
    assert.deepEqual(declined.questions, ['  Import 5 messages into alice@example.com? [y/N] ']);
    assert.match(declined.stdout, /5 messages to import/);
    assert.deepEqual(writesAmong(box.sandbox.requests), []);
    assertEnded(await box.run([], { answers: ['y'] }), 0, { changed: 5 });
    assert.deepEqual((await box.run([], { answers: [] })).questions, []);
  });

  const subjects = (sandbox: Sandbox) => sandbox.mailbox.messages().map(({ subject }) => subject);

  const parts: readonly (readonly [readonly string[], readonly string[]])[] = [
    [
      ['--label', 'work'],
      ['new', 'starred'],
    ],
    [['--label', 'Work/A'], ['new']],
    [
      ['--label', 'inbox', '--label', 'trash'],
      ['new', 'trash'],
    ],
    [
      ['--from', '2026-01-03'],
      ['new', 'starred', 'sent'],
    ],
    [
      ['--from', '2026-01-03', '--to', '2026-01-05'],
      ['starred', 'sent'],
    ],
    [['--to', '2026-01-02', '--time-zone', 'Pacific/Kiritimati'], []],
    [
      ['--to', '2026-01-03', '--time-zone', 'America/Los_Angeles'],
      ['spam', 'trash'],
    ],
    [['--sender', 'ANN@example.net'], ['starred']],
    [
      ['--sender', '@example.net', '--sender', 'joerg@example.org', '--to', '2026-01-05'],
      ['starred', 'sent', 'spam', 'trash'],
    ],
    [['--sender', 'example.org', '--label', 'SENT'], ['sent']],
  ];
  for (const [args, wanted] of parts) {
    it(`restores a part: ${args.join(' ')}`, async () => {
      await using box = await withCopy();
      box.sandbox.mailbox.delete(everything(box.sandbox));
      assertEnded(await box.run(['--yes', ...args]), 0, { matched: wanted.length, changed: wanted.length });
      assert.deepEqual(subjects(box.sandbox), wanted);
    });
  }

  it('restores messages by --id', async () => {
    await using box = await withCopy();
    const [first = '', , third = ''] = everything(box.sandbox);
    box.sandbox.mailbox.delete(everything(box.sandbox));
    assertEnded(await box.run(['--yes', '--id', third, '--id', first]), 0, { matched: 2, changed: 2 });
    assert.deepEqual(subjects(box.sandbox), ['new', 'sent']);
  });

  it('refuses malformed parts with 2, and ids and labels that the copy lacks with 78', async () => {
    await using box = await withCopy();
    const malformed = [
      ['--id', '../x'],
      ['--sender', 'a b'],
      ['--label', ' '],
      ['--from', 'soon'],
      ['--as-of', '2999-01-01'],
      ['--copy', 'ftp://x'],
    ];
    for (const args of malformed) assert.equal((await box.run(['--yes', ...args])).code, 2, args.join(' '));
    assertEnded(await box.run(['--yes', '--id', 'ffff']), 78);
    const unknown = assertEnded(await box.run(['--yes', '--label', 'Wrok']), 78);
    assert.match(String(unknown.error), /no label "Wrok".*Work/);
    assert.deepEqual(writesAmong(box.sandbox.requests), []);
  });

  it('restores the mailbox as of a day', async () => {
    await using box = await withCopy([]);
    const { mailbox } = box.sandbox;
    const insert = (name: string) =>
      mailbox.insert(`Subject: ${name}\r\nMessage-ID: <${name}@x>\r\nDate: Thu, 01 Jan 2026 10:00:00 +0000\r\n\r\nHi`, [
        'INBOX',
      ]);
    const old = await insert('old');
    await box.copy.update(mailbox, { at: new Date('2026-02-01T12:00:00Z') });
    mailbox.delete([old.id]);
    await insert('young');
    await box.copy.update(mailbox, { at: new Date('2026-02-02T12:00:00Z') });
    assertEnded(await box.run(), 0, { outcome: 'nothing-to-do', matched: 1, skipped: 1 });
    const early = assertEnded(await box.run(['--yes', '--as-of', '2026-01-31']), 78);
    assert.match(String(early.error), /: its first export was on 2026-02-01 \(UTC\)$/);
    // 2026-02-01T12:00Z is on February 2 in Kiritimati.
    assertEnded(await box.run(['--yes', '--as-of', '2026-02-01', '--time-zone', 'Pacific/Kiritimati']), 78);
    assertEnded(await box.run(['--yes', '--as-of', '2026-02-01']), 0, { matched: 1, changed: 1 });
    assert.deepEqual(subjects(box.sandbox).sort(), ['old', 'young']);
  });

  it('puts the copy of another mailbox only into the mailbox that --into-mailbox names', async () => {
    await using box = await withCopy();
    await using other = await startSandbox({ mailbox: mailboxOf([], { email: 'bob@example.com' }) });
    const into = (args: readonly string[]) => restore(other, box.copy, ['--yes', ...args]);
    const refused = assertEnded(await into([]), 77);
    assert.match(String(refused.remedy), /--into-mailbox bob@example\.com/);
    assertEnded(await into(['--into-mailbox', 'alice@example.com']), 77);
    assert.equal((await into(['--into-mailbox', 'bob'])).code, 2);
    assertEnded(await box.run(['--yes', '--into-mailbox', 'bob@example.com']), 77);
    assert.deepEqual(writesAmong(other.requests), []);
    assertEnded(await into(['--into-mailbox', 'BOB@example.com']), 0, { changed: 5 });
    assert.deepEqual(messagesIn(other.mailbox), box.before);
    assertEnded(await into(['--into-mailbox', 'bob@example.com']), 0, { outcome: 'nothing-to-do' });
  });

  it('says that there is no copy (78), and warns of one that is incomplete', async () => {
    await using box = await withCopy();
    const nothing = assertEnded(await box.run(['--yes', '--copy', `${box.copy.folder}/none`]), 78);
    assert.match(String(nothing.error), /no copy/);
    const state = join(box.copy.folder, 'state.json');
    await rename(state, `${state}.lost`);
    const lost = assertEnded(await box.run(), 78);
    assert.match(String(lost.error), /has messages and an index, but its state\.json is missing/);
    await rename(`${state}.lost`, state);
    await box.copy.update(box.sandbox.mailbox, { state: { complete: false } });
    const { events } = await box.run();
    assert.ok(events.some(({ event, level }) => event === 'restore.copy_incomplete' && level === 'warn'));
  });

  it('leaves out drafts and chats, and keeps one place of several', async () => {
    await using box = await withCopy([
      { subject: 'draft', labels: ['DRAFT'] },
      { subject: 'chat', labels: ['CHAT'] },
      { subject: 'both', labels: ['INBOX', 'TRASH', 'STARRED'] },
    ]);
    box.sandbox.mailbox.delete(everything(box.sandbox));
    assertEnded(await box.run(), 0, { matched: 3, changed: 1, skipped: 2 });
    assert.deepEqual(
      messagesIn(box.sandbox.mailbox).map(({ labels }) => labels),
      [['STARRED', 'TRASH']],
    );
  });

  it('restores sent messages without SENT where Gmail refuses that label', async () => {
    await using box = await withCopy();
    box.sandbox.mailbox.imports.refusesSent = true;
    box.sandbox.mailbox.delete(everything(box.sandbox));
    const run = await box.run();
    assertEnded(run, 0, { changed: 5 });
    assert.equal(run.events.filter(({ event }) => event === 'restore.sent_refused').length, 1);
    assert.deepEqual(box.sandbox.mailbox.messages().find(({ subject }) => subject === 'sent')?.labelIds, new Set());
  });

  it('creates labels under another name where Gmail reserves or refuses theirs, and finds them the next time', async () => {
    const names = [
      'Snoozed',
      'Inbox',
      'drafts',
      'A//B',
      'Archive',
      'gmail-jobs/digest',
      'Old-Name',
      '😀'.repeat(120),
      'x'.repeat(225),
    ];
    await using box = await withCopy(
      names.map((name, index) => ({ subject: String(index), labels: ['STARRED', name] })),
    );
    const target = await startSandbox({ mailbox: mailboxOf([{ labels: ['Old/Name'] }], { email: 'bob@example.com' }) });
    await using _ = target;
    target.faults.add({
      verb: 'labels.create',
      ...googleErrors.invalidArgument('Invalid label name'),
      times: 9,
      match: ({ body }) =>
        (body as { name: string }).name.startsWith('xxx') && !(body as { name: string }).name.includes('restored'),
    });
    const args = ['--yes', '--into-mailbox', 'bob@example.com'];
    const run = await restore(target, box.copy, args);
    assertEnded(run, 0, { changed: names.length });
    const labelsOf = (index: number) =>
      messagesIn(target.mailbox).find(({ subject }) => subject === String(index))?.labels;
    const restored = names.map((_, index) => (labelsOf(index) as string[]).filter((label) => label !== 'STARRED'));
    assert.deepEqual(restored, [
      ['Snoozed (restored)'],
      ['Inbox (restored)'],
      ['drafts (restored)'],
      ['A/B (restored)'],
      ['Archive (restored)'],
      ['gmail-jobs/digest'],
      ['Old/Name'],
      [`${'😀'.repeat(106)} (restored)`],
      [`${'x'.repeat(212)} (restored)`],
    ]);
    const renamed = run.events.filter(({ event }) => event === 'restore.label_renamed').map(({ label }) => label);
    assert.equal(renamed.length, 8);
    const forecast = run.events.find(({ event }) => event === 'restore.forecast') as LogEvent;
    assert.equal((forecast.newLabels as string[]).length, 8);
    const labels = target.mailbox.labels().length;
    target.mailbox.delete(everything(target));
    assertEnded(await restore(target, box.copy, args), 0, { changed: names.length });
    assert.equal(target.mailbox.labels().length, labels);
  });

  it('creates a label again that somebody deletes while it runs', async () => {
    await using box = await withCopy();
    const { mailbox } = box.sandbox;
    mailbox.delete(everything(box.sandbox));
    const before = () => void mailbox.deleteLabel(mailbox.findLabel('Work')?.id ?? '');
    box.sandbox.faults.add({ verb: 'messages.import', kind: 'hook', before });
    assertEnded(await box.run(), 0, { changed: 5 });
    assert.deepEqual(messagesIn(mailbox), box.before);
  });

  it('restores messages without a label that Gmail does not let it create', async () => {
    await using box = await withCopy();
    await using target = await startSandbox({ mailbox: mailboxOf([], { email: 'bob@example.com' }) });
    target.faults.add({ verb: 'labels.create', ...googleErrors.invalidArgument('Label limit reached'), times: 99 });
    const run = await restore(target, box.copy, ['--yes', '--into-mailbox', 'bob@example.com']);
    assertEnded(run, 0, { changed: 5 });
    assert.equal(run.events.filter(({ event }) => event === 'restore.label_left_out').length, 2);
    assert.ok(run.events.some(({ level, event }) => event === 'restore.label_left_out' && level === 'warn'));
  });

  it('does not restore damaged and missing files: these fail, the rest goes on, 65', async () => {
    await using box = await withCopy();
    const [damaged = '', missing = '', cut = ''] = everything(box.sandbox);
    const fileOf = (id: string) => join(box.copy.folder, 'messages/2026/01', `${id}.eml.gz`);
    const bytes = await readFile(fileOf(damaged));
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    await writeFile(fileOf(damaged), bytes);
    await rm(fileOf(missing));
    await truncate(fileOf(cut), 40);
    box.sandbox.mailbox.delete(everything(box.sandbox));
    const run = await box.run();
    assertEnded(run, 65, { matched: 5, changed: 2, failed: 3 });
    const failed = run.events.filter(({ event }) => event === 'restore.message_failed').map(({ id }) => id);
    assert.deepEqual(failed.sort(), [damaged, missing, cut].sort());
    assert.deepEqual(subjects(box.sandbox), ['spam', 'trash']);
  });

  it('goes on after a message that Gmail refuses, and after one that it never takes: 65', async () => {
    for (const fault of [googleErrors.invalidArgument('Invalid message'), { status: 413, body: 'too large' }]) {
      await using box = await withCopy();
      box.sandbox.mailbox.delete(everything(box.sandbox));
      const isSpam = ({ body }: { body: unknown }) => sourceIn(body).includes('Subject: spam');
      box.sandbox.faults.add({ verb: 'messages.import', ...fault, times: 99, match: isSpam });
      const run = await box.run();
      assertEnded(run, 65, { matched: 5, changed: 4, failed: 1 });
      assert.equal(run.events.filter(({ event }) => event === 'restore.message_failed').length, 1);
    }
  });

  for (const fault of [
    { kind: 'reset-after' },
    { kind: 'reset-before' },
    { kind: 'truncate' },
    { status: 503 },
  ] as const) {
    it(`imports each message once although answers are lost: ${Object.values(fault)[0]}`, async () => {
      await using box = await withCopy(MESSAGES, 3_600_000);
      box.sandbox.mailbox.delete(everything(box.sandbox));
      box.sandbox.faults.add({ verb: 'messages.import', ...fault, times: 2, skip: 1 });
      assertEnded(await box.run(), 0, { changed: 5 });
      assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
      assertEnded(await box.run(), 0, { outcome: 'nothing-to-do', skipped: 5 });
    });
  }

  it('ends with 75 when Gmail stops taking messages; the next run goes on', async () => {
    await using box = await withCopy(MESSAGES, 3_600_000);
    box.sandbox.mailbox.delete(everything(box.sandbox));
    box.sandbox.faults.add({ verb: 'messages.import', skip: 2, ...{ kind: 'reset-after' as const }, times: 1 });
    box.sandbox.faults.add({ verb: 'history.list', status: 401, times: 99 });
    const { code, final } = await box.run();
    assert.equal(code, 77);
    assert.equal(Number(final?.changed) + Number(final?.remaining), 5);
    box.sandbox.faults.clear();
    assertEnded(await box.run(), 0);
    assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
  });

  it('tells messages with one Message-ID apart by their sources, and restores equal sources once', async () => {
    const source = (text: string) =>
      `From: a@example.com\r\nSubject: same\r\nMessage-ID: <same@example.com>\r\nDate: Thu, 01 Jan 2026 10:00:00 +0000\r\n\r\n${text}`;
    await using box = await withCopy([]);
    const { mailbox } = box.sandbox;
    for (const text of ['one', 'two', 'three', 'three']) await mailbox.insert(source(text), ['INBOX']);
    await box.copy.update(mailbox);
    mailbox.delete(everything(box.sandbox).slice(0, 3));
    const [left] = mailbox.messages();
    assert.ok(left);
    assertEnded(await box.run(), 0, { matched: 4, changed: 2, skipped: 2 });
    const bodies = () => mailbox.messages().map(({ raw = '' }) => raw.split('\r\n\r\n')[1]);
    assert.deepEqual(bodies().sort(), ['one', 'three', 'two']);
    assertEnded(await box.run(), 0, { outcome: 'nothing-to-do' });
  });

  it('restores messages without a Message-ID or a date once', async () => {
    const sources = [
      'From: a@example.com\r\nSubject: no id\r\nDate: Thu, 01 Jan 2026 10:00:00 +0000\r\n\r\none',
      'From: a@example.com\r\nSubject: no id\r\nDate: Thu, 01 Jan 2026 10:00:00 +0000\r\n\r\ntwo',
      'From: a@example.com\r\nSubject: no date\r\n\r\none',
      'From: a@example.com\r\nSubject: no date\r\nDate: yesterday\r\nMessage-ID: two words {x}\r\n\r\none',
      'From: a@example.com\r\nSubject: hyphen\r\nMessage-ID: <-hyphen@x>\r\nDate: Thu, 01 Jan 2026 10:00:00 +0000\r\n\r\none',
      'From: a@example.com\r\nMessage-ID: <early@x>\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n\r\none',
      'no headers at all',
      '\r\n',
    ];
    for (const searchLagMs of [0, 3_600_000]) {
      await using box = await withCopy([], searchLagMs);
      const { mailbox } = box.sandbox;
      for (const source of sources) await mailbox.insert(source, ['INBOX']);
      await box.copy.update(mailbox);
      mailbox.delete(everything(box.sandbox));
      assertEnded(await box.run(), 0, { changed: sources.length });
      assertEnded(await box.run(), 0, { outcome: 'nothing-to-do', skipped: sources.length });
      assert.deepEqual(
        mailbox
          .messages()
          .map(({ raw }) => raw)
          .sort(),
        [...sources].sort(),
      );
    }
  });

  it('keeps conversations together by their headers', async () => {
    await using box = await withCopy([]);
    const { mailbox } = box.sandbox;
    for (let index = 0; index < 30; index += 1) {
      const at = Date.UTC(2026, 0, 1 + index);
      const day = new Date(at).toUTCString();
      const references = index % 10 === 0 ? '' : `References: <m${index - 1}@x>\r\n`;
      await mailbox.insert(
        `Subject: Re: talk ${Math.floor(index / 10)}\r\nMessage-ID: <m${index}@x>\r\n${references}Date: ${day}\r\n\r\nHi`,
        ['INBOX'],
        at,
      );
    }
    await box.copy.update(mailbox);
    const before = messagesIn(mailbox);
    mailbox.delete(everything(box.sandbox));
    box.sandbox.faults.add({ verb: 'messages.import', kind: 'slow', delayMs: 30, times: 5 });
    assertEnded(await box.run(), 0, { changed: 30 });
    assert.deepEqual(messagesIn(mailbox), before);
    assert.equal(new Set(mailbox.messages().map(({ threadId }) => threadId)).size, 3);
  });

  it('ends partial with its budget, and goes on in the next run', async () => {
    await using box = await withCopy();
    box.sandbox.mailbox.delete(everything(box.sandbox));
    const signals = new SentSignals();
    box.sandbox.faults.add({ verb: 'messages.import', kind: 'hook', skip: 1, before: () => signals.send('SIGTERM') });
    const stopped = await box.run(['--yes'], { signals });
    assert.equal(stopped.code, 143);
    const { changed } = stopped.final as unknown as { changed: number };
    assert.equal(box.sandbox.mailbox.messages().length, changed);
    assertEnded(await box.run(), 0, { changed: 5 - changed, skipped: changed });
    assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
  });

  it('leaves alone a message of the last hour that searches do not show yet', async () => {
    await using box = await withCopy([], 3_600_000);
    await box.sandbox.mailbox.insert('Subject: fresh\r\nMessage-ID: <fresh@x>\r\n\r\nHi', ['INBOX']);
    await box.copy.update(box.sandbox.mailbox);
    assertEnded(await box.run(), 0, { outcome: 'nothing-to-do', matched: 1, skipped: 1 });
  });

  it('restores what job export copied', async () => {
    await using box = await withCopy();
    await rm(box.copy.folder, { recursive: true });
    const env = { EXPORT_URL: box.copy.folder };
    assertEnded(await runHere(box.sandbox, ['export', '--spam-trash'], { env }), 0, { changed: 5 });
    box.sandbox.mailbox.delete(everything(box.sandbox));
    assertEnded(await box.run(), 0, { matched: 5, changed: 5 });
    assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
  });

  it('replaces an old restore.json, and one of another mailbox or that nobody can read', async () => {
    const pins = [
      '{"broken',
      JSON.stringify({ email: 'bob@example.com', historyId: '1', startedAt: new Date().toISOString() }),
      JSON.stringify({ email: 'alice@example.com', historyId: '1000', startedAt: '2026-01-01T00:00:00.000Z' }),
      JSON.stringify({ email: 'alice@example.com', historyId: '3', startedAt: '2026-01-01T00:00:00.000Z' }),
      // Gmail no longer knows this id.
      JSON.stringify({ email: 'alice@example.com', historyId: '4', startedAt: new Date().toISOString() }),
    ];
    for (const pin of pins) {
      await using box = await withCopy();
      const path = join(box.copy.folder, 'restore.json');
      await writeFile(path, pin);
      box.sandbox.mailbox.delete(everything(box.sandbox));
      assertEnded(await box.run(), 0, { changed: 5 });
      const written = JSON.parse(await readFile(path, 'utf8'));
      assert.equal(written.email, 'alice@example.com');
      assert.ok(Number(written.historyId) >= 1_000);
      assert.ok(Date.now() - Date.parse(written.startedAt) < 60_000);
      assert.deepEqual(messagesIn(box.sandbox.mailbox), box.before);
    }
  });

  it('restores from S3; ends with 75 when S3 goes away, and goes on in the next run', async () => {
    await using box = await withCopy();
    const { s3, mailbox } = box.sandbox;
    for (const path of await readdir(box.copy.folder, { recursive: true, withFileTypes: true })) {
      if (!path.isFile()) continue;
      const file = join(path.parentPath, path.name);
      s3.bucket.put(`alice/${relative(box.copy.folder, file)}`, await readFile(file));
    }
    mailbox.delete(everything(box.sandbox));
    const env = { EXPORT_URL: undefined };
    const args = ['--yes', '--copy', s3.url('alice')];
    box.sandbox.faults.add({
      service: 's3',
      kind: 'reset-before',
      times: 99,
      match: ({ path }) => path.endsWith('.gz'),
    });
    const away = await box.run(args, { env });
    assertEnded(away, 75, { matched: 5, changed: 0, remaining: 5 });
    box.sandbox.faults.clear();
    assertEnded(await box.run(args, { env }), 0, { changed: 5 });
    assert.deepEqual(messagesIn(mailbox), box.before);
    box.sandbox.requests.length = 0;
    assertEnded(await box.run(args, { env }), 0, { outcome: 'nothing-to-do', quotaUnits: 17 });
  });

  it('goes by the files of the place when several mailboxes share a pattern', async () => {
    await using box = await withCopy();
    const env = { EXPORT_URL: box.copy.folder.replace(/[^/]*$/, '{mailbox}') };
    assertEnded(await box.run(['--yes'], { env }), 78);
  });
});

/** The source in an import's body. */
function sourceIn(body: unknown): string {
  return Buffer.from((body as { raw: string }).raw, 'base64url').toString();
}
