import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { FileStore } from '../../../lib/base/file-store.ts';
import { UnavailableError } from '../../../lib/errors.ts';
import { IndexWriter } from '../../../lib/export/index-writer.ts';
import { createFolderPlace, type FolderPlace } from '../../fixtures/folder-place.ts';

const { signal } = new AbortController();
const RUN = '20261127-010203-abcd';
const PARTS = [1, 2, 3].map((part) => `index/${RUN}-000${part}.jsonl`);

const lineOf = (n: number) => ({ id: n.toString(16), labels: ['INBOX'], historyId: '1' });

function partsIn({ folder, read }: FolderPlace): number[] {
  return readdirSync(join(folder, 'index')).map((name) => read(`index/${name}`).toString().split('\n').length - 1);
}

describe('the writer of the index', () => {
  it('writes a part after 1,000 lines, and the rest at the end', async (t) => {
    const place = createFolderPlace(t);
    const writer = new IndexWriter(place.store, RUN, signal);
    for (let n = 0; n < 2_001; n += 1) await writer.add(lineOf(n));
    assert.equal(writer.written, 2_000);
    await writer.flush();
    await writer.flush();
    assert.equal(writer.written, 2_001);
    assert.deepEqual(partsIn(place), [1_000, 1_000, 1]);
    assert.equal(place.read(PARTS[2] ?? '').toString(), `${JSON.stringify(lineOf(2_000))}\n`);
  });

  it('writes a part when 1 MB has gathered, and when its first line is 3 minutes old', async (t) => {
    const place = createFolderPlace(t);
    let nowMs = 0;
    const writer = new IndexWriter(place.store, RUN, signal, () => nowMs);
    await writer.add({ ...lineOf(1), labels: ['x'.repeat(1_100_000)] });
    assert.equal(writer.written, 1);
    await writer.add(lineOf(2));
    nowMs += 179_999;
    await writer.add(lineOf(3));
    assert.equal(writer.written, 1);
    nowMs += 1;
    await writer.add(lineOf(4));
    assert.deepEqual(partsIn(place), [1, 3]);
  });

  it('keeps the order and loses no line when several lanes add at once', async (t) => {
    const place = createFolderPlace(t);
    const writer = new IndexWriter(place.store, RUN, signal);
    await Promise.all(Array.from({ length: 2_500 }, (_, n) => writer.add(lineOf(n))));
    await writer.flush();
    const lines = readdirSync(join(place.folder, 'index')).flatMap((name) =>
      place.read(`index/${name}`).toString().trimEnd().split('\n'),
    );
    assert.deepEqual(
      lines,
      Array.from({ length: 2_500 }, (_, n) => JSON.stringify(lineOf(n))),
    );
  });

  it('keeps its lines when the store fails, and writes them with the next flush', async (t) => {
    const place = createFolderPlace(t);
    let failures = 1;
    const store: Pick<FileStore, 'create' | 'read'> = {
      create(path, content, stop) {
        failures -= 1;
        if (failures >= 0) throw new UnavailableError('away', 'Wait.');
        return place.store.create(path, content, stop);
      },
      read: (path, stop) => place.store.read(path, stop),
    };
    const writer = new IndexWriter(store as FileStore, RUN, signal);
    await writer.add(lineOf(1));
    await assert.rejects(writer.flush(), UnavailableError);
    await writer.add(lineOf(2));
    await writer.flush();
    assert.deepEqual(partsIn(place), [2]);
    assert.equal(writer.written, 2);
  });

  it('counts a part as written when only the answer was lost, and takes the next number when another run has the same id', async (t) => {
    const place = createFolderPlace(t);
    place.write(PARTS[0] ?? '', 'of another run\n');
    place.write(PARTS[1] ?? '', `${JSON.stringify(lineOf(1))}\n`);
    const writer = new IndexWriter(place.store, RUN, signal);
    await writer.add(lineOf(1));
    await writer.flush();
    await writer.add(lineOf(2));
    await writer.flush();
    assert.equal(place.read(PARTS[2] ?? '').toString(), `${JSON.stringify(lineOf(2))}\n`);
    assert.deepEqual(partsIn(place), [1, 1, 1]);
  });
});
