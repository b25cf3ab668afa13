import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Copy, describeDamage, openCopy } from '../../../lib/export/copy.ts';
import { createFolderPlace, type FolderPlace } from '../../fixtures/folder-place.ts';

const signal = new AbortController().signal;
const SHA = 'ab'.repeat(32);

const line = (id: string, historyId: string | number, more: object = {}) => ({
  id,
  threadId: id,
  date: '2026-11-27T01:02:03.000Z',
  size: 4711,
  sha256: SHA,
  labels: ['INBOX', 'Work/A'],
  historyId: String(historyId),
  ...more,
});

const labels = (id: string, names: readonly string[], historyId: string) => ({ id, labels: names, historyId });

function part(lines: readonly (object | string)[]): string {
  return lines.map((one) => `${typeof one === 'string' ? one : JSON.stringify(one)}\n`).join('');
}

const FIRST = 'index/20261127-010203-abcd-0001.jsonl';
const SECOND = 'index/20261127-020203-abcd-0001.jsonl';

async function openWith(place: FolderPlace, files: Record<string, readonly (object | string)[]>): Promise<Copy> {
  for (const [path, lines] of Object.entries(files)) place.write(path, part(lines));
  return openCopy(place.store, signal);
}

describe('a copy', () => {
  it('has each message as its line says', async (t) => {
    const copy = await openWith(createFolderPlace(t), { [FIRST]: [line('18f0a1b2c3d4e5f6', 123)] });
    assert.deepEqual(copy.get('18f0a1b2c3d4e5f6'), {
      id: '18f0a1b2c3d4e5f6',
      threadId: '18f0a1b2c3d4e5f6',
      date: new Date('2026-11-27T01:02:03.000Z'),
      size: 4711,
      sha256: SHA,
      labels: ['INBOX', 'Work/A'],
      historyId: '123',
      deleted: false,
      path: 'messages/2026/11/18f0a1b2c3d4e5f6.eml.gz',
    });
    assert.equal(copy.size, 1);
    assert.deepEqual(copy.ids().list(), ['18f0a1b2c3d4e5f6']);
    assert.deepEqual(copy.damage, []);
  });

  it('counts the line with the higher history id as a number, and of equal ones the later file', async (t) => {
    const copy = await openWith(createFolderPlace(t), {
      [FIRST]: [labels('a1', ['NINE'], '9'), labels('b1', ['EARLY'], '50'), line('c1', '18446744073709551615')],
      [SECOND]: [line('a1', 10), line('b1', 50, { labels: ['LATE'] }), labels('c1', ['X'], '18446744073709551614')],
    });
    assert.deepEqual(copy.get('a1')?.labels, ['INBOX', 'Work/A']);
    assert.deepEqual(copy.get('b1')?.labels, ['LATE']);
    assert.deepEqual(copy.get('c1')?.labels, ['INBOX', 'Work/A']);
    assert.equal(copy.get('c1')?.historyId, '18446744073709551615');
  });

  it('takes labels of a higher history id from a file before the one with the message', async (t) => {
    const copy = await openWith(createFolderPlace(t), {
      [FIRST]: [labels('a1', ['SPAM'], '9'), { id: 'b1', deleted: true, historyId: '200' }],
      [SECOND]: [line('a1', 8), line('b1', 150)],
    });
    assert.deepEqual(copy.get('a1')?.labels, ['SPAM']);
    assert.equal(copy.get('b1')?.deleted, true);
    assert.deepEqual(
      [...copy].map(({ id }) => id),
      ['a1'],
    );
    assert.deepEqual(
      [...copy.all()].map(({ id }) => id),
      ['a1', 'b1'],
    );
    assert.deepEqual(copy.damage, []);
  });

  it('brings a deleted message back when a later line describes it', async (t) => {
    const copy = await openWith(createFolderPlace(t), {
      [FIRST]: [line('a1', 8), { id: 'a1', deleted: true, historyId: '9' }],
      [SECOND]: [line('a1', 10)],
    });
    assert.equal(copy.size, 1);
  });

  it('renames labels on lines with lower history ids, in the order of the history ids', async (t) => {
    const copy = await openWith(createFolderPlace(t), {
      [FIRST]: [
        { label: 'C', was: 'B', historyId: '30' },
        line('a1', 10, { labels: ['A', 'INBOX'] }),
        line('b1', 25, { labels: ['A'] }),
        line('c1', 40, { labels: ['B'] }),
        { label: 'B', was: 'A', historyId: '20' },
      ],
    });
    assert.deepEqual(copy.get('a1')?.labels, ['C', 'INBOX']);
    assert.deepEqual(copy.get('b1')?.labels, ['A']);
    assert.deepEqual(copy.get('c1')?.labels, ['B']);
  });

  it('renames labels on earlier lines with the same history id, since a rename leaves no history', async (t) => {
    const copy = await openWith(createFolderPlace(t), {
      [FIRST]: [line('a1', 20, { labels: ['A'] })],
      [SECOND]: [{ label: 'B', was: 'A', historyId: '20' }, line('b1', 20, { labels: ['A'] })],
    });
    assert.deepEqual(copy.get('a1')?.labels, ['B']);
    assert.deepEqual(copy.get('b1')?.labels, ['A']);
  });

  it('counts only runs that began before a date', async (t) => {
    const place = createFolderPlace(t);
    await openWith(place, { [FIRST]: [line('a1', 8)], [SECOND]: [line('b1', 9), labels('a1', ['X'], '9')] });
    const copy = await openCopy(place.store, signal, { until: new Date('2026-11-27T02:00:00Z') });
    assert.deepEqual(copy.ids().list(), ['a1']);
    assert.deepEqual(copy.get('a1')?.labels, ['INBOX', 'Work/A']);
  });

  it('lists damaged lines with file and number, and reads the rest', async (t) => {
    const place = createFolderPlace(t);
    const sound = (id: string) => JSON.stringify(line(id, 8));
    place.write(
      FIRST,
      Buffer.concat([
        Buffer.from(`\uFEFF${sound('a1')}\r\n\r\n{"id":"__proto__"}\n${sound('b1').slice(0, -9)}\n`),
        Buffer.from([0x22, 0xff, 0xfe, 0x0a, 0x00, 0x0a]),
        Buffer.from(`${sound('c1')}\n${sound('d1').replace('d1', '../d1')}\n${sound('e1')}`),
      ]),
    );
    const copy = await openCopy(place.store, signal);
    assert.deepEqual(
      [...copy].map(({ id }) => id),
      ['a1', 'c1', 'e1'],
    );
    assert.deepEqual(copy.damage.map(describeDamage), [
      `${FIRST}:3: historyId is no whole number in quotes`,
      `${FIRST}:4: is no JSON object`,
      `${FIRST}:5: is no UTF-8`,
      `${FIRST}:6: is no JSON object`,
      `${FIRST}:8: id is no id of a message`,
    ]);
  });

  it('skips a line of 20 MB without keeping it, and one that a file of 3 MB does not end', async (t) => {
    const place = createFolderPlace(t);
    place.write(
      FIRST,
      `${JSON.stringify(line('a1', 8))}\n"${'x'.repeat(20_000_000)}"\n${JSON.stringify(line('b1', 8))}\n`,
    );
    place.write(SECOND, `${JSON.stringify(line('c1', 8))}\n"${'x'.repeat(3_000_000)}`);
    const copy = await openCopy(place.store, signal);
    assert.deepEqual(
      [...copy].map(({ id }) => id),
      ['a1', 'b1', 'c1'],
    );
    assert.deepEqual(copy.damage.map(describeDamage), [
      `${FIRST}:2: is longer than 8 MB`,
      `${SECOND}:2: is no JSON object`,
    ]);
  });

  it('reads a large part as a stream, with lines across its pieces', async (t) => {
    const place = createFolderPlace(t);
    const many = Array.from({ length: 12_000 }, (_, n) =>
      line((0x18f0_0000 + n).toString(16), n, { labels: ['Ä€😀'] }),
    );
    place.write(FIRST, part(many));
    const copy = await openCopy(place.store, signal);
    assert.deepEqual(copy.damage, []);
    assert.equal(copy.size, 12_000);
    assert.deepEqual(new Set([...copy].flatMap(({ labels }) => labels)), new Set(['Ä€😀']));
  });

  it('lists files of the index that are no parts, gaps between parts, and labels of unknown messages', async (t) => {
    const place = createFolderPlace(t);
    place.write('index/20261127-010203-abcd-0001.jsonl.tmp', 'unfinished');
    place.write('index/.tmp-1', 'unfinished');
    place.write('index/notes.jsonl', '{}');
    place.write('index/a/20261127-010203-abcd-0001.jsonl', '{}');
    place.write(FIRST, part([line('a1', 8)]));
    place.write(
      FIRST.replace('-0001', '-0003'),
      part([labels('b1', ['X'], '9'), { id: 'c1', deleted: true, historyId: '9' }]),
    );
    const copy = await openCopy(place.store, signal);
    assert.equal(copy.size, 1);
    assert.deepEqual(copy.damage.map(describeDamage), [
      'index/a/20261127-010203-abcd-0001.jsonl: is no part of the index',
      'index/notes.jsonl: is no part of the index',
      `${FIRST.replace('-0001', '-0003')}: part 2 of its run is missing`,
      'index/: no line describes the file of message b1',
    ]);
  });

  it('lists at most 300 problems, and counts the others', async (t) => {
    const copy = await openWith(createFolderPlace(t), { [FIRST]: [...Array(1_000).fill('broken'), line('a1', 8)] });
    assert.equal(copy.damage.length, 300);
    assert.equal(copy.damageCount, 1_000);
    assert.equal(copy.size, 1);
  });

  it('keeps apart ids that are the same number with other zeros', async (t) => {
    const copy = await openWith(createFolderPlace(t), { [FIRST]: [line('0a1', 8, { labels: ['X'] }), line('a1', 9)] });
    assert.deepEqual(
      [...copy].map(({ id, labels }) => [id, labels[0]]),
      [
        ['0a1', 'X'],
        ['a1', 'INBOX'],
      ],
    );
  });

  it('is empty where no index is', async (t) => {
    const copy = await openCopy(createFolderPlace(t).store, signal);
    assert.equal(copy.size, 0);
    assert.equal(copy.get('a1'), undefined);
  });
});
