import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Copy, openCopy } from '../../../lib/export/copy.ts';
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

  it('is empty where no index is', async (t) => {
    const copy = await openCopy(createFolderPlace(t).store, signal);
    assert.equal(copy.size, 0);
    assert.equal(copy.get('a1'), undefined);
  });
});
