import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  checkSource,
  copyDate,
  idOfPath,
  openSource,
  pathOf,
  SourceError,
  sizeInTrailer,
} from '../../../lib/export/source-file.ts';
import { createFolderPlace } from '../../fixtures/folder-place.ts';
import { pack } from '../../fixtures/pack.ts';

const { signal } = new AbortController();
const PATH = 'messages/2026/11/18f0.eml.gz';
const SOURCE = Buffer.from(`Subject: Grüße\r\n\r\n${'Ä line of a message.\r\n'.repeat(9_000)}`);

describe("a message's file", () => {
  it('lies in the month of its date in UTC', () => {
    assert.equal(pathOf('18f0', new Date('2026-11-30T23:59:59.999Z')), 'messages/2026/11/18f0.eml.gz');
    assert.equal(pathOf('18f0', new Date('2026-12-01T00:00:00.000Z')), 'messages/2026/12/18f0.eml.gz');
    assert.equal(idOfPath(PATH), '18f0');
    for (const path of ['messages/2026/13/18f0.eml.gz', 'messages/2026/11/x.eml.gz', `a/${PATH}`, `${PATH}~`]) {
      assert.equal(idOfPath(path), null);
    }
    assert.equal(copyDate(-1).toISOString(), '1970-01-01T00:00:00.000Z');
    assert.equal(copyDate(9e15).toISOString(), '9999-12-31T23:59:59.999Z');
  });

  it('gives back the source that was packed, and its size', async (t) => {
    const { store, write } = createFolderPlace(t);
    const { gz, ...sums } = await pack(SOURCE);
    assert.equal(sums.size, SOURCE.length);
    assert.equal(sizeInTrailer(gz), SOURCE.length);
    write(PATH, gz);
    const source = await openSource(store, PATH, sums, signal);
    assert.ok((await buffer(source)).equals(SOURCE));
    await assert.rejects(openSource(store, `${PATH}x`, sums, signal), new SourceError('is missing'));
    const empty = await pack(Buffer.alloc(0));
    write(`${PATH}2`, empty.gz);
    await checkSource(store, `${PATH}2`, empty, signal);
  });

  it('may be packed by another program', async (t) => {
    const { store, write } = createFolderPlace(t);
    const gz = gzipSync(SOURCE, { level: 1 });
    gz.writeUInt32LE(1_790_000_000, 4);
    gz[9] = 0xff;
    write(PATH, gz);
    await checkSource(store, PATH, await pack(SOURCE), signal);
  });

  it('fails as a stream when it is damaged, missing, or not the expected one', async (t) => {
    const { store, write } = createFolderPlace(t);
    const { gz, ...sums } = await pack(SOURCE);
    const files: Record<string, [Uint8Array, RegExp]> = {
      empty: [Buffer.alloc(0), /gzip|0 bytes/],
      text: [Buffer.from('no gzip'), /no sound gzip file/],
      'cut in the body': [gz.subarray(0, gz.length >> 1), /no sound gzip file/],
      'cut in the trailer': [gz.subarray(0, -3), /no sound gzip file/],
      'without a trailer': [gz.subarray(0, -8), /no sound gzip file/],
      'with zeros behind': [Buffer.concat([gz, Buffer.alloc(64)]), /further bytes/],
      'with text behind': [Buffer.concat([gz, Buffer.from('more text')]), /further bytes|gzip/],
      twice: [Buffer.concat([gz, gz]), /more than/],
      'another message': [gzipSync('another'), /unpacks to 7 bytes/],
      'another of this size': [gzipSync(Buffer.alloc(SOURCE.length)), /SHA-256/],
      'a bomb': [gzipSync(Buffer.alloc(50_000_000)), /more than/],
    };
    for (const [name, [content, message]] of Object.entries(files)) {
      write(PATH, content);
      await assert.rejects(
        checkSource(store, PATH, sums, signal),
        (error: unknown) => error instanceof SourceError && message.test(error.message),
        name,
      );
    }
    await assert.rejects(checkSource(store, 'messages/2026/11/1.eml.gz', sums, signal), /is missing/);
  });

  it('ends with the reason of an abort', async (t) => {
    const { store, write } = createFolderPlace(t);
    const { gz, ...sums } = await pack(SOURCE);
    write(PATH, gz);
    const stop = new AbortController();
    const source = await openSource(store, PATH, sums, stop.signal);
    stop.abort(new Error('stopped'));
    await assert.rejects(buffer(source), /stopped/);
  });
});
