import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { guardedStream } from '../../../lib/base/guarded-stream.ts';

const { signal } = new AbortController();
const explain = (error: unknown) => new Error('explained', { cause: error });
const chunk = Buffer.alloc(40_000);

/** Lets the streams pass on what they have. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
}

describe('a guarded stream', () => {
  it('passes on the bytes, and explains the error of its source', async () => {
    const whole = guardedStream(Readable.from([chunk, chunk]), { signal, explain });
    assert.equal(Buffer.concat(await whole.toArray()).length, 80_000);
    const source = new Readable({ read: () => undefined });
    const broken = guardedStream(source, { signal, explain });
    source.destroy(new Error('cause'));
    await assert.rejects(broken.toArray(), { message: 'explained' });
    const early = new Readable({ read: () => undefined });
    const cut = guardedStream(early, { signal, explain });
    early.push(chunk);
    early.destroy();
    await assert.rejects(cut.toArray(), { message: 'explained' });
  });

  it('closes its source when the reader stops', async () => {
    const source = new Readable({ read: () => undefined });
    guardedStream(source, { signal, explain }).destroy();
    await settle();
    assert.ok(source.destroyed);
  });

  it('ends when the source gives nothing for too long while the reader waits, and not while the reader is busy', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const source = new Readable({ read: () => undefined });
    const guarded = guardedStream(source, { signal, explain, silenceMs: 1_000 });
    for (const _ of [1, 2, 3, 4, 5]) source.push(chunk);
    await settle();
    // The reader takes nothing, so the source is paused.
    t.mock.timers.tick(60_000);
    await settle();
    assert.ok(!source.destroyed);
    const reading = guarded.toArray();
    await settle();
    t.mock.timers.tick(999);
    source.push(chunk);
    await settle();
    t.mock.timers.tick(999);
    await settle();
    assert.ok(!source.destroyed);
    t.mock.timers.tick(1);
    await assert.rejects(reading, { message: 'explained' });
  });
});
