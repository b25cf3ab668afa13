import assert from 'node:assert/strict';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Tally } from '../../../lib/base/tally.ts';
import { StoppedError } from '../../../lib/errors.ts';
import { type ConvertRequest, convertCopy } from '../../../lib/export/convert.ts';
import { mboxEntry } from '../../../lib/export/mbox.ts';
import { noProgress } from '../../../lib/screen/progress.ts';
import { type CopiedMessage, pathOfCopied, writeCopy } from '../../fixtures/copy-of-messages.ts';
import { createFolderPlace, type FolderPlace } from '../../fixtures/folder-place.ts';
import { describeWithReaders, openWithNotmuch, readWithPython } from '../../fixtures/mail-readers.ts';

const HEAD = 'Message-ID: <one@example.com>\r\nFrom: Bob <bob@example.com>\r\nSubject: Hello\r\n\r\n';

/** Sources that are hard to keep, by what is special about them. */
const SOURCES: Readonly<Record<string, string | Buffer>> = {
  'lines that begin with From': `${HEAD}From me\r\n>From me\r\n>>>From me\r\nFrom\r\n>>\r\n From me\r\nFromage\r\nfrom me\r\n`,
  'a line From at the very beginning': `From someone Thu Jan  1 00:00:00 1970\r\n${HEAD}Text\r\n`,
  'a line From after an empty line': `${HEAD}Text\r\n\r\nFrom bob@example.com Thu Jan  1 00:00:00 1970\r\nSubject: Forged\r\n\r\nText\r\n`,
  'no line end at the end': `${HEAD}Text`,
  'From at the end': `${HEAD}From`,
  'From and a space at the end': `${HEAD}From `,
  'a CR alone, and at the end': `${HEAD}one\rtwo\r\r\nthree\r`,
  'an LF alone': `${HEAD}one\ntwo\r\n`,
  'NUL and 0x1A': `${HEAD}a\0b\x1ac\r\n`,
  '8-bit text that is no UTF-8': Buffer.concat([Buffer.from(HEAD), Buffer.from([0xff, 0xfe, 0xe4, 0x0d, 0x0a])]),
  'a line of 10,000 characters': `${HEAD}${'x'.repeat(10_000)}\r\n`,
  'an empty body': HEAD,
  'headers without an empty line': 'Subject: Hello\r\n',
  'nothing at all': '',
  'empty lines at the end': `${HEAD}Text\r\n\r\n\r\n`,
  'an attachment': `${HEAD.replace('\r\n\r\n', '\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n')}--b\r\n\r\nText\r\n--b\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n${'QUJD'.repeat(20)}\r\n--b--\r\n`,
  'a large message': `${HEAD}${'From the start of a line\r\n>From, quoted\r\n'.repeat(20_000)}`,
};

const DAMAGE = 'messages/2026/11/b2.eml.gz';

/** As mail programs on Unix expect it. */
function unixLines(source: string | Buffer): Buffer {
  return Buffer.from(
    Buffer.from(source as string, 'utf8')
      .toString('latin1')
      .replaceAll('\r\n', '\n'),
    'latin1',
  );
}

interface Converted {
  readonly counts: Tally['counts'];
  readonly events: readonly { readonly event: string; readonly [field: string]: unknown }[];
  readonly error: unknown;
}

async function convert(
  place: FolderPlace,
  request: ConvertRequest,
  { signal = new AbortController().signal, dryRun = false, isDyno = false, onEvent = () => {} } = {} as {
    readonly signal?: AbortSignal;
    readonly dryRun?: boolean;
    readonly isDyno?: boolean;
    readonly onEvent?: () => void;
  },
): Promise<Converted> {
  const tally = new Tally();
  const events: { event: string }[] = [];
  const log = (event: string, fields: object = {}) => {
    events.push({ event, ...fields });
    onEvent();
  };
  const context = {
    tally,
    signal,
    dryRun,
    isDyno,
    store: place.store,
    progress: noProgress,
    log: { info: log, error: log },
  };
  const error = await convertCopy(request, context).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { counts: tally.counts, events, error };
}

/** A copy and the path of a folder for the converted mail, which does not exist yet. */
function places(t: TestContext) {
  return { copy: createFolderPlace(t), folder: join(createFolderPlace(t).folder, 'mail') };
}

const mbox = (folder: string): ConvertRequest => ({ as: 'mbox', folder });
const maildir = (folder: string): ConvertRequest => ({ as: 'maildir', folder });

const MBOX = 'alice@example.com.mbox';

const three: readonly CopiedMessage[] = [
  { id: 'a1', source: `${HEAD}One\r\n`, labels: ['INBOX', 'UNREAD'] },
  { id: 'b2', source: `${HEAD.replace('one@', 'two@')}Two\r\n`, labels: ['STARRED', 'Work/A'] },
  { id: 'c3', source: `${HEAD.replace('one@', 'three@')}Three\r\n`, labels: ['DRAFT'] },
];

function flip(place: FolderPlace, path: string): void {
  const content = place.read(path);
  content[content.length - 12] = (content[content.length - 12] ?? 0) ^ 1;
  place.write(path, content);
}

describeWithReaders('an mbox', () => {
  it('has every source as it was, with LF as line end, when another program reads it', async (t) => {
    const { copy, folder } = places(t);
    const entries = Object.entries(SOURCES);
    writeCopy(
      copy,
      entries.map(([, source], index) => ({
        id: `a${index}`,
        source,
        date: `2026-11-27T01:02:${String(index).padStart(2, '0')}.000Z`,
      })),
    );
    const { error, counts } = await convert(copy, mbox(folder));
    assert.equal(error, undefined);
    assert.equal(counts.changed, entries.length);
    const read = readWithPython('mbox', join(folder, MBOX));
    assert.equal(read.length, entries.length);
    for (const [index, [name, source]] of entries.entries()) {
      const text = read[index]?.source.toString('latin1').replace(/(^|\n)>(>*From )/g, '$1$2');
      const expected = unixLines(source).toString('latin1');
      // The form has a line end before the next message.
      const isWhole = expected === '' || expected.endsWith('\n');
      assert.equal(text, isWhole ? expected : `${expected}\n`, name);
    }
  });

  it('quotes From alike however the source is cut into chunks', async () => {
    for (const [name, source] of Object.entries(SOURCES)) {
      if (source.length > 20_000) continue;
      const whole = Buffer.from(source as string, 'utf8');
      const bytes = Array.from(whole, (byte) => Buffer.from([byte]));
      const read = async (chunks: readonly Buffer[]) => {
        const pieces: Buffer[] = [];
        for await (const piece of mboxEntry(new Date(0), chunks)) pieces.push(piece);
        return Buffer.concat(pieces).toString('latin1');
      };
      assert.equal(await read(bytes), await read([whole]), name);
    }
  });

  it('has the senders and the dates in UTC before the messages, oldest first', async (t) => {
    const { copy, folder } = places(t);
    const message = (id: string, date: string, head: string) => ({ id, date, source: `${head}\r\nSubject: x\r\n\r\n` });
    writeCopy(copy, [
      message('a5', '9999-12-31T23:59:59.999Z', 'From: "Bob, B. <x@y.example>" <bob@example.com>'),
      message('a4', '2040-02-29T12:00:00.000Z', 'From: =?utf-8?Q?J=C3=BCrgen?= <j@example.com>'),
      message(
        'a3',
        '2026-11-07T23:02:03.000Z',
        'Return-Path: <bounce+a=b@list.example>\r\nFrom: Bob <bob@example.com>',
      ),
      message('a2', '1999-01-01T00:00:00.000Z', 'From: Jürgen Groß'),
      message('a1', '1970-01-01T00:00:00.000Z', 'From:\r\n Bob\r\n\t<bob@example.com>'),
      message('a0', '1970-01-01T00:00:00.000Z', 'Return-Path: <>\r\nFrom: Bob <bob@example.com>'),
    ]);
    await convert(copy, mbox(folder));
    assert.deepEqual(
      readWithPython('mbox', join(folder, MBOX)).map(({ fromLine }) => fromLine),
      [
        'MAILER-DAEMON Thu Jan  1 00:00:00 1970',
        'bob@example.com Thu Jan  1 00:00:00 1970',
        'MAILER-DAEMON Fri Jan  1 00:00:00 1999',
        'bounce+a=b@list.example Sat Nov  7 23:02:03 2026',
        'j@example.com Wed Feb 29 12:00:00 2040',
        'bob@example.com Fri Dec 31 23:59:59 9999',
      ],
    );
  });

  it('leaves out a damaged message, small or large, and one whose file is missing', async (t) => {
    const { copy, folder } = places(t);
    const large = `${HEAD}${Array.from({ length: 90_000 }, (_, index) => `${index * 7_919}`).join('\r\n')}\r\n`;
    writeCopy(copy, [...three, { id: 'd4', source: large }, { id: 'e5', source: large }, { id: 'f6', source: HEAD }]);
    for (const id of ['b2', 'd4']) flip(copy, pathOfCopied(id));
    renameSync(join(copy.folder, pathOfCopied('f6')), join(copy.folder, 'elsewhere'));
    const { error, counts, events } = await convert(copy, mbox(folder));
    assert.match(String(error), /RefusedError: 3 of 6 messages could not be read/);
    assert.deepEqual([counts.changed, counts.failed, counts.remaining], [3, 3, 0]);
    assert.deepEqual(
      events.flatMap(({ event, id }) => (event === 'export.damaged' ? [id] : [])),
      ['b2', 'd4', 'f6'],
    );
    const missing = events.find(({ id }) => id === 'f6');
    assert.deepEqual([missing?.path, missing?.problem], [pathOfCopied('f6'), 'is missing']);
    const read = readWithPython('mbox', join(folder, MBOX));
    assert.deepEqual(
      read.map(({ source }) => source.toString()),
      [three[0], three[2], { source: large }].map((one) => unixLines(one?.source ?? '').toString()),
    );
  });
});

describeWithReaders('a Maildir', () => {
  it('has every source as it was, with LF as line end, when other programs read it', async (t) => {
    const { copy, folder } = places(t);
    const entries = Object.entries(SOURCES);
    writeCopy(
      copy,
      entries.map(([, source], index) => ({ id: `a${index}`, source })),
    );
    const { error, counts } = await convert(copy, maildir(folder));
    assert.equal(error, undefined);
    assert.equal(counts.changed, entries.length);
    const read = new Map(readWithPython('maildir', folder).map((message) => [message.key, message]));
    assert.equal(read.size, entries.length);
    for (const [index, [name, source]] of entries.entries()) {
      const { source: text, seconds } = read.get(`1795741323.a${index}.alice@example.com`) ?? {};
      assert.equal(text?.toString('latin1'), unixLines(source).toString('latin1'), name);
      assert.equal(seconds, 1_795_741_323);
    }
  });

  it('has the flags that the labels say', async (t) => {
    const { copy, folder } = places(t);
    writeCopy(copy, [...three, { id: 'd4', source: HEAD.replace('one@', 'four@'), labels: ['TRASH', 'STARRED'] }]);
    await convert(copy, maildir(folder));
    assert.deepEqual(readdirSync(join(folder, 'cur')).sort(), [
      '1795741323.a1.alice@example.com:2,',
      '1795741323.b2.alice@example.com:2,FS',
      '1795741323.c3.alice@example.com:2,DS',
      '1795741323.d4.alice@example.com:2,FST',
    ]);
    assert.deepEqual(readdirSync(join(folder, 'tmp')), []);
    const notmuch = openWithNotmuch(folder, join(createFolderPlace(t).folder, 'notmuch'));
    assert.equal(notmuch('count', '*'), '4\n');
    assert.equal(notmuch('search', '--output=messages', 'tag:unread'), 'id:one@example.com\n');
    assert.equal(notmuch('search', '--output=messages', 'tag:draft'), 'id:three@example.com\n');
    assert.equal(notmuch('count', 'tag:flagged'), '2\n');
    assert.match(notmuch('show', '--format=text', 'id:two@example.com'), /Subject: Hello[\s\S]*Two/);
  });

  it('gets what is new and the changed flags in the next run, and nothing in the one after', async (t) => {
    const { copy, folder } = places(t);
    writeCopy(copy, three);
    await convert(copy, maildir(folder));
    const kept = `${folder}/cur/1795741323.b2.alice@example.com:2,FS`;
    const { ino } = statSync(kept);
    // A mail program has marked one message as replied, and put it where the user sees it first.
    renameSync(`${folder}/cur/1795741323.a1.alice@example.com:2,`, `${folder}/new/1795741323.a1.alice@example.com:2,R`);
    writeFileSync(`${folder}/cur/1795741323.a1.bob@example.com:2,S`, 'of another mailbox');
    writeCopy(copy, [{ id: 'd4', source: `${HEAD}Four\r\n` }], {
      part: '20261128-010203-abcd-0001',
      further: [
        { id: 'a1', labels: ['INBOX', 'STARRED'], historyId: '110' },
        { id: 'c3', deleted: true, historyId: '120' },
      ],
    });
    const second = await convert(copy, maildir(folder));
    assert.equal(second.error, undefined);
    assert.equal(second.counts.changed, 3);
    assert.deepEqual(readdirSync(join(folder, 'cur')).sort(), [
      '1795741323.a1.alice@example.com:2,FRS',
      '1795741323.a1.bob@example.com:2,S',
      '1795741323.b2.alice@example.com:2,FS',
      '1795741323.c3.alice@example.com:2,DST',
      '1795741323.d4.alice@example.com:2,S',
    ]);
    assert.equal(statSync(kept).ino, ino);
    const third = await convert(copy, maildir(folder));
    assert.deepEqual([third.error, third.counts.matched], [undefined, 0]);
  });

  it('leaves out damaged messages, and adds them when their files are repaired', async (t) => {
    const { copy, folder } = places(t);
    writeCopy(copy, three);
    flip(copy, DAMAGE);
    const { error, counts } = await convert(copy, maildir(folder));
    assert.match(String(error), /1 of 3 messages could not be read/);
    assert.deepEqual([counts.changed, counts.failed], [2, 1]);
    assert.equal(readWithPython('maildir', folder).length, 2);
    assert.deepEqual(readdirSync(join(folder, 'tmp')), []);
    flip(copy, DAMAGE);
    assert.deepEqual((await convert(copy, maildir(folder))).counts.changed, 1);
    assert.equal(readWithPython('maildir', folder).length, 3);
  });
});

describe('the conversion of a copy', () => {
  it('leaves out deleted messages, and those that are not chosen', async (t) => {
    const { copy, folder } = places(t);
    writeCopy(copy, three, { further: [{ id: 'a1', deleted: true, historyId: '150' }] });
    const includes = ({ id }: { readonly id: string }) => id !== 'c3';
    await convert(copy, { ...mbox(folder), includes });
    assert.match(
      readFileSync(join(folder, MBOX), 'utf8'),
      /^From bob@example.com [^\n]*\nMessage-ID: <two@example.com>\n[^<]*<bob@[^<]*$/,
    );
    await convert(copy, { ...maildir(join(folder, 'more')), includes });
    assert.deepEqual(readdirSync(join(folder, 'more/cur')), ['1795741323.b2.alice@example.com:2,FS']);
  });

  it('never replaces an mbox', async (t) => {
    const { copy, folder } = places(t);
    writeCopy(copy, three);
    await convert(copy, mbox(folder));
    writeFileSync(join(folder, MBOX), 'changed by a mail program');
    const { error, counts } = await convert(copy, mbox(folder));
    assert.match(String(error), /ConfigError: .*alice@example.com.mbox exists, and an mbox is never replaced/);
    assert.equal(counts.matched, 0);
    assert.deepEqual(readdirSync(folder), [MBOX]);
    assert.equal(readFileSync(join(folder, MBOX), 'utf8'), 'changed by a mail program');
  });

  it('deletes the unfinished mbox of a run that was killed long ago, and no other', async (t) => {
    const { copy, folder } = places(t);
    writeCopy(copy, three);
    const place = createFolderPlace(t);
    for (const name of ['old', 'young']) place.write(`.${MBOX}.unfinished-${name}`, 'From ');
    utimesSync(join(place.folder, `.${MBOX}.unfinished-old`), 1, 1);
    const { error } = await convert(copy, mbox(place.folder));
    assert.equal(error, undefined);
    assert.deepEqual(readdirSync(place.folder).sort(), [`.${MBOX}.unfinished-young`, MBOX]);
    assert.equal(existsSync(folder), false);
  });

  for (const as of ['mbox', 'maildir'] as const) {
    it(`writes nothing in a dry run (${as})`, async (t) => {
      const { copy, folder } = places(t);
      writeCopy(copy, three);
      const { error, counts } = await convert(copy, { as, folder }, { dryRun: true });
      assert.deepEqual([error, counts.matched, counts.remaining], [undefined, 3, 3]);
      assert.equal(existsSync(folder), false);
    });

    it(`refuses a folder in the copy, also by a symbolic link (${as})`, async (t) => {
      const { copy, folder } = places(t);
      writeCopy(copy, three);
      symlinkSync(copy.folder, folder);
      for (const inside of [copy.folder, join(copy.folder, 'mail/more'), folder, join(folder, 'mail')]) {
        const { error } = await convert(copy, { as, folder: inside });
        assert.match(String(error), /ConfigError: .* is in the copy/, inside);
      }
      assert.deepEqual(readdirSync(copy.folder).sort(), ['index', 'messages', 'state.json']);
    });

    it(`refuses a dyno, and a place without a copy (${as})`, async (t) => {
      const { copy, folder } = places(t);
      assert.match(String((await convert(copy, { as, folder })).error), /ConfigError: .* holds no copy of a mailbox/);
      writeCopy(copy, three);
      const state = join(copy.folder, 'state.json');
      rmSync(state);
      const { error } = await convert(copy, { as, folder });
      assert.match(String(error), /ConfigError: .* has messages and an index, but its state\.json is missing/);
      // As jobs/README.md says for a mailbox that is gone.
      writeFileSync(
        state,
        '{"format":1,"email":"alice@example.com","historyId":"1","complete":false,"spamTrash":false,"labels":{}}',
      );
      assert.match(
        String((await convert(copy, { as, folder }, { isDyno: true })).error),
        /ConfigError: .* of this dyno/,
      );
      assert.equal(existsSync(folder), false);
    });

    it(`ends with an error when the index is damaged, and writes the rest (${as})`, async (t) => {
      const { copy, folder } = places(t);
      writeCopy(copy, three, { further: [{ id: 'xyz', historyId: '1' }] });
      const { error, counts, events } = await convert(copy, { as, folder });
      assert.match(String(error), /1 of 4 messages could not be read/);
      assert.deepEqual([counts.changed, counts.failed], [3, 1]);
      const damaged = events.find(({ event }) => event === 'export.damaged');
      assert.match(`${damaged?.path}: ${damaged?.problem}`, /^index\/.*:4: id is no id/);
    });
  }

  it('leaves no part of an mbox when it is stopped', async (t) => {
    const { copy, folder } = places(t);
    writeCopy(copy, three);
    flip(copy, DAMAGE);
    const stop = new AbortController();
    const reason = new Error('stopped');
    const { error } = await convert(copy, mbox(folder), { signal: stop.signal, onEvent: () => stop.abort(reason) });
    assert.equal(error, reason);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('ends with an error when the budget is too short for an mbox', async (t) => {
    const { copy, folder } = places(t);
    writeCopy(copy, three);
    flip(copy, DAMAGE);
    const stop = new AbortController();
    const onEvent = () => stop.abort(new StoppedError('budget'));
    const { error } = await convert(copy, mbox(folder), { signal: stop.signal, onEvent });
    assert.match(String(error), /ConfigError: The time budget ended before all messages were in/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('leaves whole messages in a Maildir when it is stopped, and the next run adds the others', async (t) => {
    const { copy, folder } = places(t);
    const many = Array.from({ length: 100 }, (_, index) => ({ id: `b${index}`, source: `${HEAD}${index}\r\n` }));
    writeCopy(copy, many);
    flip(copy, DAMAGE);
    const stop = new AbortController();
    const reason = new Error('stopped');
    const first = await convert(copy, maildir(folder), { signal: stop.signal, onEvent: () => stop.abort(reason) });
    assert.equal(first.error, reason);
    assert.ok(first.counts.remaining > 0);
    assert.equal(readdirSync(join(folder, 'cur')).length, first.counts.changed);
    assert.deepEqual(readdirSync(join(folder, 'tmp')), []);
    flip(copy, DAMAGE);
    await convert(copy, maildir(folder));
    const read = readdirSync(join(folder, 'cur'));
    assert.equal(read.length, 100);
    const text = readFileSync(join(folder, 'cur', read.find((name) => name.includes('.b42.')) ?? ''), 'utf8');
    assert.equal(text, unixLines(`${HEAD}42\r\n`).toString());
  });

  it('refuses a folder with other files as a Maildir', async (t) => {
    const { copy } = places(t);
    writeCopy(copy, three);
    const home = createFolderPlace(t);
    home.write('.bashrc', '');
    home.write('Documents/cv.txt', '');
    const { error } = await convert(copy, maildir(home.folder));
    assert.match(String(error), /ConfigError: .* is no Maildir: it has other files \(Documents\)/);
    assert.deepEqual(readdirSync(home.folder).sort(), ['.bashrc', 'Documents']);
  });
});
