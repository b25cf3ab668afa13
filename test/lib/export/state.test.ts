import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CopyState, readState, writeState } from '../../../lib/export/state.ts';
import { createFolderPlace } from '../../fixtures/folder-place.ts';

const { signal } = new AbortController();

const STATE: CopyState = {
  format: 1,
  email: 'alice@example.com',
  historyId: '123',
  complete: true,
  spamTrash: false,
  labels: { Label_1: 'Work/A' },
  listed: true,
  failed: ['18f0'],
};

describe('the state of a copy', () => {
  it('is read as it was written, and replaced only in the version that was read', async (t) => {
    const { store } = createFolderPlace(t);
    assert.equal(await readState(store, signal), null);
    const version = await writeState(store, STATE, null, signal);
    assert.equal(await writeState(store, STATE, null, signal), null);
    const stored = await readState(store, signal, 'Alice@Example.com');
    assert.equal(stored?.version, version);
    assert.deepEqual({ ...stored?.state, labels: { ...stored?.state.labels } }, { ...STATE, further: {} });
    assert.notEqual(await writeState(store, { ...STATE, historyId: '124' }, version, signal), null);
    assert.equal(await writeState(store, { ...STATE, historyId: '125' }, version, signal), null);
    assert.equal((await readState(store, signal))?.state.historyId, '124');
  });

  it('keeps the keys of other versions', async (t) => {
    const { store, write, read } = createFolderPlace(t);
    write('state.json', JSON.stringify({ ...STATE, later: { a: 1 } }));
    const stored = await readState(store, signal);
    assert.ok(stored);
    await writeState(store, stored.state, stored.version, signal);
    const { sum: _, ...written } = JSON.parse(read('state.json').toString());
    assert.deepEqual(written, { ...STATE, later: { a: 1 } });
  });

  it('may lack listed and failed, and begin with a byte order mark', async (t) => {
    const { store, write } = createFolderPlace(t);
    const { listed: _, failed: __, ...least } = STATE;
    write('state.json', `\uFEFF${JSON.stringify(least)}`);
    const stored = await readState(store, signal);
    assert.equal(stored?.state.listed, true);
    assert.deepEqual(stored?.state.failed, []);
  });

  it('finds no label by a name that every object has', async (t) => {
    const { store, write } = createFolderPlace(t);
    write('state.json', JSON.stringify(STATE).replace('"Label_1"', '"__proto__"'));
    const { labels } = (await readState(store, signal))?.state ?? STATE;
    assert.equal(labels.constructor, undefined);
    assert.deepEqual(Object.values(labels), ['Work/A']);
  });

  const refused: readonly [text: string, exitCode: number, message: RegExp][] = [
    ['', 78, /is damaged: it is no JSON object/],
    ['{"format":1', 78, /is damaged/],
    ['[]', 78, /is damaged/],
    [JSON.stringify({ ...STATE, format: undefined }), 78, /has no format/],
    [JSON.stringify({ ...STATE, format: 2 }), 78, /has the format 2/],
    [JSON.stringify({ ...STATE, email: '' }), 78, /has no email/],
    [JSON.stringify({ ...STATE, historyId: 123 }), 78, /historyId/],
    [JSON.stringify({ ...STATE, complete: 'yes' }), 78, /complete/],
    [JSON.stringify({ ...STATE, spamTrash: undefined }), 78, /spamTrash/],
    [JSON.stringify({ ...STATE, labels: [] }), 78, /labels/],
    [JSON.stringify({ ...STATE, labels: { Label_1: 1 } }), 78, /labels/],
    [JSON.stringify({ ...STATE, failed: ['../x'] }), 78, /failed/],
    [JSON.stringify({ ...STATE, email: 'bob@example.com' }), 77, /a copy of the mailbox bob@example.com/],
  ];
  it('is refused when it is damaged, has another format or belongs to another mailbox', async (t) => {
    const { store, write } = createFolderPlace(t);
    for (const [text, exitCode, message] of refused) {
      write('state.json', text);
      await assert.rejects(readState(store, signal, 'alice@example.com'), { exitCode, message });
    }
  });
});
