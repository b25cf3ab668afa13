import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type MadeCopy, makeCopy, type UpdateOptions } from '../../fixtures/copy-of-mailbox.ts';
import { readCopyIn } from '../../fixtures/copy-reader.ts';
import { type FinishedInside, runHere, SentSignals } from '../../fixtures/front-door.ts';
import { mailboxOf, many } from '../../fixtures/mailbox.ts';
import type { LogEvent } from '../../run.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

const MESSAGES = [
  ...many(4, { labels: ['INBOX', 'Work/A'] }),
  ...many(3, { labels: ['SENT'] }),
  {
    labels: ['INBOX', 'UNREAD'],
    attachments: [{ filename: 'a.bin', mimeType: 'application/octet-stream', sizeBytes: 200_000 }],
  },
];

interface Work extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly copy: MadeCopy;
  /** Newest first. */
  readonly ids: readonly string[];
  verify(...options: string[]): Promise<FinishedInside>;
  /** Replaces the content of a file. */
  edit(path: string, change: (content: Buffer) => Buffer | string): void;
  pathOf(id: string | undefined): string;
  readonly index: string;
}

async function start(options?: UpdateOptions): Promise<Work> {
  const sandbox = await startSandbox({ mailbox: mailboxOf(MESSAGES) });
  const copy = await makeCopy(sandbox.mailbox, options);
  const { messages } = await readCopyIn(copy.folder);
  const [index = ''] = readdirSync(join(copy.folder, 'index')).map((name) => `index/${name}`);
  return {
    sandbox,
    copy,
    ids: sandbox.mailbox.messages().map(({ id }) => id),
    index,
    verify: (...args) => runHere(sandbox, ['export', '--verify', ...args], { env: { EXPORT_URL: copy.folder } }),
    edit(path, change) {
      const file = join(copy.folder, path);
      const content = readFileSync(file);
      rmSync(file);
      writeFileSync(file, change(content));
    },
    pathOf: (id = '') => messages.get(id)?.path ?? '',
    async [Symbol.asyncDispose]() {
      await copy[Symbol.asyncDispose]();
      await sandbox.close();
    },
  };
}

function countsOf({ events }: FinishedInside): Record<string, unknown> {
  const { messages, files, sound, damaged, missing, problems, unclaimed, aged } =
    events.find(({ event }) => event === 'export.verified') ?? ({} as Partial<LogEvent>);
  return { messages, files, sound, damaged, missing, problems, unclaimed, aged };
}

const SOUND = { messages: 8, files: 8, sound: 8, damaged: 0, missing: 0, problems: 0, unclaimed: 0, aged: 0 };

/** The problems that the run named, by message or path. */
function problemsIn({ events }: FinishedInside): Record<string, string> {
  const named = events.filter(({ event }) => event === 'export.damaged');
  return Object.fromEntries(named.map(({ id, path, problem }) => [String(id ?? path), String(problem)]));
}

function assertDamaged(run: FinishedInside, problems: Record<string, RegExp>): void {
  assert.equal(run.code, 65, run.stdout);
  const named = problemsIn(run);
  assert.deepEqual(Object.keys(named).sort(), Object.keys(problems).sort());
  for (const [id, pattern] of Object.entries(problems)) assert.match(named[id] ?? '', pattern);
}

/** Where a byte is flipped: in the header, in the body and in the trailer. */
const FLIPS: readonly ((bytes: Buffer) => number)[] = [
  () => 1,
  () => 3,
  () => 5,
  () => 8,
  () => 10,
  ({ length }) => length >> 1,
  ({ length }) => length - 6,
  ({ length }) => length - 1,
];

describe('the verification of a copy', () => {
  it('exits 0 for a sound copy, with the counts, and changes nothing', async () => {
    await using work = await start();
    const before = await readCopyIn(work.copy.folder);
    assert.deepEqual(before.problems, []);
    const run = await work.verify();
    assert.equal(run.code, 0, run.stdout);
    assert.deepEqual(countsOf(run), SOUND);
    const { matched, changed, skipped, failed } = run.final ?? ({} as Partial<LogEvent>);
    assert.deepEqual({ matched, changed, skipped, failed }, { matched: 8, changed: 0, skipped: 8, failed: 0 });
    assert.deepEqual(await readCopyIn(work.copy.folder), before);
  });

  it('finds a flipped byte in each region of a file', async () => {
    await using work = await start();
    const sound = work.ids.map((id) => readFileSync(join(work.copy.folder, work.pathOf(id))));
    for (const mask of [0x01, 0xff]) {
      for (const [message, at] of FLIPS.entries()) {
        work.edit(work.pathOf(work.ids[message]), () => {
          const bytes = Buffer.from(sound[message] ?? []);
          bytes[at(bytes)] = (bytes[at(bytes)] ?? 0) ^ mask;
          return bytes;
        });
      }
      const run = await work.verify();
      assert.equal(run.code, 65, run.stdout);
      assert.deepEqual(Object.keys(problemsIn(run)).sort(), work.ids.toSorted());
      assert.deepEqual(countsOf(run), { ...SOUND, sound: 0, damaged: 8 });
    }
  });

  it('names messages whose files are truncated, empty, longer, swapped or missing', async () => {
    await using work = await start();
    const [cut = '', empty = '', longer = '', one = '', two = '', missing = ''] = work.ids;
    work.edit(work.pathOf(cut), (bytes) => bytes.subarray(0, -20));
    work.edit(work.pathOf(empty), () => '');
    work.edit(work.pathOf(longer), (bytes) => Buffer.concat([bytes, Buffer.from('more')]));
    const first = readFileSync(join(work.copy.folder, work.pathOf(one)));
    const second = readFileSync(join(work.copy.folder, work.pathOf(two)));
    work.edit(work.pathOf(one), () => second);
    work.edit(work.pathOf(two), () => first);
    rmSync(join(work.copy.folder, work.pathOf(missing)));
    const run = await work.verify();
    assertDamaged(run, {
      [cut]: /no sound gzip file/,
      [empty]: /gzip|unpacks to 0 bytes/,
      [longer]: /gzip|further bytes/,
      [one]: /SHA-256|unpacks/,
      [two]: /SHA-256|unpacks/,
      [missing]: /missing/,
    });
    assert.deepEqual(countsOf(run), { ...SOUND, files: 7, sound: 2, damaged: 5, missing: 1 });
    assert.match(String(run.final?.error), /is not sound: of 8 messages 5 damaged and 1 missing \(/);
    const remedy = String(run.final?.remedy);
    assert.ok(
      remedy.endsWith(`"failed" in state.json, and run \`bin/job export --into ${work.copy.folder}\`.`),
      remedy,
    );
    assert.equal(run.final?.failed, 6);
  });

  it('looks at names and sizes alone with --quick', async () => {
    await using work = await start();
    const [flipped = '', cut = '', missing = ''] = work.ids;
    work.edit(work.pathOf(flipped), (bytes) => {
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      return bytes;
    });
    work.edit(work.pathOf(cut), (bytes) => bytes.subarray(0, -20));
    rmSync(join(work.copy.folder, work.pathOf(missing)));
    const run = await work.verify('--quick');
    assertDamaged(run, { [cut]: /is cut off, or has other bytes at its end/, [missing]: /missing/ });
  });

  it('is stopped without a command to continue, because the next one begins from the start', async () => {
    await using work = await start();
    const signals = new SentSignals();
    work.sandbox.faults.add({ verb: 'messages.list', kind: 'hook', before: () => signals.send('SIGINT') });
    const { final } = await runHere(work.sandbox, ['export', '--verify'], {
      env: { EXPORT_URL: work.copy.folder },
      signals,
    });
    assert.deepEqual([final?.exitCode, final?.resume], [130, undefined]);
  });

  it('names files without a line and files that are no messages, and does not call them damaged', async () => {
    await using work = await start();
    const [id = ''] = work.ids;
    const path = work.pathOf(id);
    writeFileSync(join(work.copy.folder, path.replace(id, '18f0000000000001')), 'left by a killed run');
    writeFileSync(join(work.copy.folder, path.replace(id, 'notes')), 'no message');
    const run = await work.verify();
    assert.equal(run.code, 0, run.stdout);
    assert.deepEqual(countsOf(run), { ...SOUND, unclaimed: 2 });
    assert.equal(run.events.filter(({ event }) => event === 'export.unclaimed').length, 2);
  });

  it('finds a file that lies in another month', async () => {
    await using work = await start();
    const [id = ''] = work.ids;
    renameSync(join(work.copy.folder, work.pathOf(id)), join(work.copy.folder, 'messages', `${id}.eml.gz`));
    assertDamaged(await work.verify(), { [id]: /missing/ });
  });

  it('finds edited lines: broken ones, other sums, sizes, dates and labels', async () => {
    await using work = await start();
    const [broken = '', sum = '', size = '', month = '', labels = ''] = work.ids;
    work.edit(work.index, (content) => {
      const lines = content
        .toString('utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      const edited = lines.map((line) => {
        if (line.id === broken) return JSON.stringify(line).slice(0, -5);
        if (line.id === sum) return JSON.stringify({ ...line, sha256: 'ab'.repeat(32) });
        if (line.id === size) return JSON.stringify({ ...line, size: line.size + 1 });
        if (line.id === month) return JSON.stringify({ ...line, date: line.date.replace('2026-01', '2025-12') });
        if (line.id === labels) return JSON.stringify({ ...line, labels: ['INBOX', 'Elsewhere'] });
        return JSON.stringify(line);
      });
      return `${edited.join('\n')}\n`;
    });
    const run = await work.verify();
    const problems = problemsIn(run);
    assertDamaged(run, {
      [`${work.index}:1`]: /JSON/,
      [broken]: /in the mailbox, but not in the copy/,
      [sum]: /SHA-256/,
      [size]: /unpacks to/,
      [month]: /missing/,
      [labels]: /other labels/,
    });
    assert.equal(Object.keys(problems).length, 6);
    const { damaged, missing, problems: ofIndex } = countsOf(run);
    assert.deepEqual(
      { damaged, missing, ofIndex, failed: run.final?.failed },
      { damaged: 3, missing: 2, ofIndex: 1, failed: 5 },
    );
    assert.match(
      String(run.final?.error),
      /of 8 messages 3 damaged and 2 missing; 1 problem of the index or state.json/,
    );
    assert.match(String(run.final?.remedy), /Then correct or delete the damaged lines of the index by hand\.$/);
    const relabelled = run.events.find(({ event, id }) => event === 'export.damaged' && id === labels);
    assert.equal(relabelled?.path, undefined, 'the file is sound');
  });

  it('finds a missing part, a gap between parts, and files of the index that are no parts', async () => {
    await using work = await start();
    const second = work.index.replace('-0001', '-0003');
    renameSync(join(work.copy.folder, work.index), join(work.copy.folder, second));
    writeFileSync(join(work.copy.folder, 'index/notes.jsonl'), '{}\n');
    assertDamaged(await work.verify(), { [second]: /parts before it are missing/, 'index/notes.jsonl': /no part/ });
    // jobs/README.md repairs a lost part so: the messages' ids in "failed", and an empty file.
    for (const part of ['0001', '0002']) writeFileSync(join(work.copy.folder, work.index.replace('0001', part)), '');
    assertDamaged(await work.verify(), { 'index/notes.jsonl': /no part/ });
    for (const part of ['0001', '0002']) rmSync(join(work.copy.folder, work.index.replace('0001', part)));
    rmSync(join(work.copy.folder, second));
    rmSync(join(work.copy.folder, 'index/notes.jsonl'));
    const run = await work.verify();
    assert.equal(run.code, 65);
    assert.deepEqual(countsOf(run), { ...SOUND, messages: 0, files: 0, sound: 0, missing: 8, unclaimed: 8 });
  });

  it('calls a message damaged that is live in the copy and not in the mailbox, or deleted in the copy and there', async () => {
    await using work = await start();
    const [deleted = '', relabelled = ''] = work.ids;
    const made = { threadId: '1a', date: '2026-01-01T00:00:00.000Z', size: 0, labels: [], historyId: '5' };
    const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    const lines = [
      { id: deleted, deleted: true, historyId: '99999999' },
      { id: relabelled, labels: ['STARRED'], historyId: '99999999' },
      { id: '1a', ...made, sha256 },
    ];
    const path = work.index.replace('.jsonl', '').replace('-0001', '-0002.jsonl');
    writeFileSync(join(work.copy.folder, path), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    writeFileSync(
      join(work.copy.folder, 'messages/2026/01/1a.eml.gz'),
      Buffer.from('1f8b080000000000001303000000000000000000', 'hex'),
    );
    const run = await work.verify();
    assertDamaged(run, {
      [deleted]: /deleted in the copy/,
      [relabelled]: /other labels/,
      '1a': /no longer in the mailbox/,
    });
    assert.equal(run.final?.matched, 9);
  });

  it('tolerates what happened in the mailbox after the copy, deleted labels too', async () => {
    await using work = await start();
    const { mailbox } = work.sandbox;
    const label = mailbox.labels().find(({ name }) => name === 'Work/A');
    mailbox.modify([work.ids[0] ?? ''], ['STARRED'], ['INBOX']);
    mailbox.delete([work.ids[1] ?? '']);
    await mailbox.insert('Subject: new\r\n\r\nnew', ['INBOX'], Date.now());
    mailbox.deleteLabel(label?.id ?? '');
    const run = await work.verify();
    assert.equal(run.code, 0, run.stdout);
    assert.deepEqual(countsOf(run), { ...SOUND, aged: 3 });
  });

  it('counts differences as aged when Gmail no longer knows the history id, and says so', async () => {
    await using work = await start();
    const { mailbox } = work.sandbox;
    mailbox.modify([work.ids[0] ?? ''], ['STARRED'], ['INBOX']);
    mailbox.history.forget();
    const run = await work.verify();
    assert.equal(run.code, 0, run.stdout);
    assert.deepEqual(countsOf(run), { ...SOUND, aged: 1 });
    assert.equal(run.events.filter(({ event }) => event === 'export.history_expired').length, 1);
  });

  it('names messages that Gmail did not give as missing', async () => {
    await using work = await start();
    const id = await work.sandbox.mailbox.insert('Subject: bad\r\n\r\nbad', ['INBOX'], Date.now());
    work.edit('state.json', (content) => {
      const { sum: _, ...state } = JSON.parse(content.toString('utf8'));
      return JSON.stringify({ ...state, failed: [id.id], complete: false });
    });
    const run = await work.verify();
    assertDamaged(run, { [id.id]: /Gmail did not give it/ });
  });

  it('compares a copy of a search with its own lines and files, and asks the mailbox only whether its messages are there', async () => {
    await using work = await start({ state: { listed: false, complete: false } });
    const { mailbox } = work.sandbox;
    await mailbox.insert('Subject: new\r\n\r\nnew', ['INBOX'], Date.now());
    const run = await work.verify();
    assert.equal(run.code, 0, run.stdout);
    assert.deepEqual(countsOf(run), SOUND);
    assert.equal(work.sandbox.requests.filter(({ verb }) => verb === 'messages.list').length, 1);
  });

  it('exits 78 where there is no copy or a broken state, 77 for the copy of another mailbox, 65 without its state', async () => {
    await using work = await start();
    const empty = await runHere(work.sandbox, ['export', '--verify'], {
      env: { EXPORT_URL: join(work.copy.folder, 'elsewhere') },
    });
    assert.equal(empty.code, 78, empty.stdout);
    assert.match(String(empty.final?.error), /no copy|elsewhere/);
    const state = readFileSync(join(work.copy.folder, 'state.json'), 'utf8');
    const cases: [string, number, RegExp][] = [
      [state.replace('"format":1', '"format":2'), 78, /format 2/],
      [state.slice(0, -9), 78, /state.json .* is damaged: it is no JSON object/],
      [state.replace('alice@', 'bob@'), 77, /bob@example.com/],
      [state.replace(/"historyId":"\d+"/, '"historyId":12'), 78, /historyId/],
    ];
    for (const [text, code, error] of cases) {
      work.edit('state.json', () => text);
      const run = await work.verify();
      assert.equal(run.code, code, run.stdout);
      assert.match(String(run.final?.error), error);
    }
    rmSync(join(work.copy.folder, 'state.json'));
    const lost = await work.verify();
    assert.equal(lost.code, 65);
    assert.match(String(lost.final?.error), /state.json is missing/);
    assert.match(String(lost.final?.remedy), /job export --into .*writes state.json again/);
  });
});
