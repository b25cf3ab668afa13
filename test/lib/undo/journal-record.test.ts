import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import PostalMime from 'postal-mime';
import { IdSet } from '../../../lib/gmail/ids.ts';
import { decodeJournal, encodeJournal, readHead } from '../../../lib/undo/journal-message.ts';
import { JournalError, type JournalRecord, packRecord, unpackRecord } from '../../../lib/undo/journal-record.ts';
import { seededRandom } from '../../virtual-clock.ts';

const random = seededRandom(7);

function idsOf(count: number, padded = false): IdSet {
  const ids = Array.from({ length: count }, () => {
    const id = (0x18c0_0000_0000_0000n + BigInt(Math.floor(random() * 2 ** 50))).toString(16);
    return padded ? `0${id.slice(1)}` : id;
  });
  return IdSet.of(ids);
}

function recordOf(overrides: Partial<JournalRecord> = {}, count = 20): JournalRecord {
  const ids = idsOf(count);
  return {
    runId: '20261123-031608-7f3a',
    job: 'apply-rules',
    startedAt: new Date('2026-11-23T03:16:08.123Z'),
    part: 2,
    parts: 3,
    messages: 12_345,
    range: { fromS: 1_700_000_000, toS: null },
    entries: [
      {
        rule: 'old-newsletters',
        steps: [
          { id: 'INBOX', name: 'INBOX', add: false },
          { id: 'Label_7', name: 'Grüße/"Ärger" 📎', add: true },
        ],
        ids,
        changes: [null, Uint8Array.from({ length: ids.size }, () => Math.round(random()))],
      },
      { rule: 'empty', steps: [{ id: 'TRASH', name: 'TRASH', add: true }], ids: IdSet.empty, changes: [null] },
    ],
    ...overrides,
  };
}

function plain({ entries, ...rest }: JournalRecord): object {
  return { ...rest, entries: entries.map(({ ids, ...entry }) => ({ ...entry, ids: ids.list() })) };
}

/** The packed record with another line of JSON. */
function withHead(change: (head: Record<string, unknown>) => void, record = recordOf()): Buffer {
  const bytes = gunzipSync(packRecord(record));
  const end = bytes.indexOf('\n');
  const head = JSON.parse(bytes.subarray(0, end).toString());
  change(head);
  return gzipSync(Buffer.concat([Buffer.from(JSON.stringify(head)), bytes.subarray(end)]));
}

function refuses(decode: () => unknown, message: RegExp): void {
  assert.throws(decode, (error: unknown) => {
    assert.ok(error instanceof JournalError, String(error));
    assert.equal(error.exitCode, 65);
    assert.match(error.message, message);
    assert.ok(!error.message.includes('\n') && error.remedy.length > 10);
    return true;
  });
}

describe('a journal as a message', () => {
  it('is read back as it was written', () => {
    for (const record of [
      recordOf(),
      recordOf({ range: null, part: 1, parts: 1 }, 1),
      recordOf({ entries: [] }),
      recordOf({ revised: true }),
      recordOf({}, 1_000),
      recordOf({
        entries: [{ rule: 'r', steps: [{ id: 'X', name: 'X', add: true }], ids: idsOf(9, true), changes: [null] }],
      }),
    ]) {
      assert.deepEqual(plain(decodeJournal(encodeJournal(record))), plain(record));
    }
  });

  it('is read back when the mailbox stored it with other line ends and further headers', () => {
    const source = encodeJournal(recordOf()).toString();
    const record = recordOf();
    assert.deepEqual(decodeJournal(Buffer.from(source.replaceAll('\r\n', '\n'))).runId, record.runId);
    assert.deepEqual(decodeJournal(Buffer.from(`Received: by 10.0.0.1;\r\n Mon\r\n${source}`)).runId, record.runId);
  });

  it('is a valid mail whose text tells a person what it is for', async () => {
    const record = recordOf();
    const mail = await PostalMime.parse(encodeJournal(record));
    assert.equal(mail.subject, 'gmail-jobs journal: apply-rules 20261123-031608-7f3a (2 of 3)');
    assert.equal(mail.messageId, '<journal.20261123-031608-7f3a.2@gmail-jobs.invalid>');
    assert.equal(mail.from?.address, 'journal@gmail-jobs.invalid');
    assert.equal(mail.date, '2026-11-23T03:16:08.000Z');
    assert.match(mail.text ?? '', /job undo 20261123-031608-7f3a[\s\S]*30 days[\s\S]*delete it/);
    assert.deepEqual(
      mail.attachments.map(({ filename, mimeType }) => [filename, mimeType]),
      [['journal.gz', 'application/gzip']],
    );
    const header = (name: string) => mail.headers.find(({ key }) => key === name.toLowerCase())?.value ?? '';
    const { range, entries, ...head } = record;
    assert.deepEqual(readHead(header), head);
    assert.deepEqual(
      readHead((name) => (name.endsWith('Revised') ? 'true' : header(name))),
      { ...head, revised: true },
    );
    assert.equal(
      readHead(() => ''),
      null,
    );
    assert.equal(
      readHead((name) => (name.endsWith('Job') ? 'x\u001b[2J' : header(name))),
      null,
    );
  });

  it('needs less than 1.5 MB for 100,000 messages', () => {
    const record = recordOf({}, 100_000);
    const raw = encodeJournal(record);
    assert.ok(raw.length < 1_500_000, String(raw.length));
    assert.equal(decodeJournal(raw).entries[0]?.ids.size, record.entries[0]?.ids.size);
  });

  it('is refused as a whole when it is damaged or cut off at any place', () => {
    const raw = encodeJournal(recordOf());
    const expected = JSON.stringify(plain(decodeJournal(raw)));
    for (let length = 0; length < raw.length - 4; length += 29) {
      refuses(() => decodeJournal(raw.subarray(0, length)), /damaged/);
    }
    for (let at = 0; at < raw.length; at += 11) {
      const broken = Buffer.from(raw);
      broken[at] = (broken[at] as number) ^ 0x11;
      try {
        assert.equal(JSON.stringify(plain(decodeJournal(broken))), expected, `changed at ${at}`);
      } catch (error) {
        assert.ok(error instanceof JournalError, `at ${at}: ${error}`);
      }
    }
  });

  it('is refused when its data is contradictory', () => {
    type Head = { entries: Record<string, unknown>[] } & Record<string, unknown>;
    const changes: ((head: Head) => void)[] = [
      (head) => (head.runId = 'nonsense'),
      (head) => (head.part = 4),
      (head) => (head.part = 0),
      (head) => (head.messages = -1),
      (head) => (head.startedAt = 'soon'),
      (head) => (head.more = true),
      (head) => (head.entries = [{}]),
      (head) => Object.assign(head.entries[0] ?? {}, { count: 1e9 }),
      (head) => Object.assign(head.entries[0] ?? {}, { count: 19 }),
      (head) => Object.assign(head.entries[0] ?? {}, { count: 1.5 }),
      (head) => Object.assign(head.entries[0] ?? {}, { flagged: [false] }),
      (head) => Object.assign(head.entries[0] ?? {}, { flagged: [true, true] }),
      (head) => Object.assign(head.entries[0] ?? {}, { steps: [] }),
      (head) => head.entries.pop(),
    ];
    for (const change of changes.slice(0, -1)) {
      refuses(() => unpackRecord(withHead((head) => change(head as Head))), /damaged/);
    }
    refuses(() => unpackRecord(withHead((head) => ((head as Head).entries = []))), /damaged: it is too long/);
  });

  it('is refused when a later version wrote it', () => {
    refuses(() => unpackRecord(withHead((head) => (head.format = 2))), /newer version/);
    const raw = encodeJournal(recordOf()).toString().replace('X-Gmail-Jobs-Format: 1', 'X-Gmail-Jobs-Format: 2');
    refuses(() => decodeJournal(Buffer.from(raw)), /newer version/);
  });

  it('is refused when it unzips to more than 64 MB', () => {
    refuses(() => unpackRecord(gzipSync(Buffer.alloc(65 * 1024 * 1024))), /larger than any/);
    refuses(() => unpackRecord(Buffer.from('nothing')), /cannot be unzipped/);
    refuses(() => unpackRecord(gzipSync('no JSON\n')), /does not begin with JSON/);
    refuses(() => unpackRecord(gzipSync('null\n')), /unexpected form/);
  });
});
