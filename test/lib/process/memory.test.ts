import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTidier } from '../../../lib/process/memory.ts';

describe('a tidier', () => {
  it('collects garbage once in sixteen requests, and looks for a collector only then', () => {
    const calls: string[] = [];
    const tidy = createTidier(() => {
      calls.push('found');
      return () => calls.push('collected');
    });
    for (let request = 1; request <= 15; request += 1) tidy();
    assert.deepEqual(calls, []);
    for (let request = 16; request <= 40; request += 1) tidy();
    assert.deepEqual(calls, ['found', 'collected', 'collected']);
  });

  it('collects garbage before that when there are many more bytes of buffers than after the last time', () => {
    let buffers = 5_000_000;
    let collections = 0;
    const collect = () => {
      collections += 1;
      buffers -= 1_500_000;
    };
    const tidy = createTidier(
      () => collect,
      () => buffers,
    );
    const counts = [1_900_000, 200_000, 1_900_000, 200_000].map((more) => {
      buffers += more;
      tidy();
      return collections;
    });
    assert.deepEqual(counts, [0, 1, 1, 2]);
  });

  it('does nothing where there is no collector', () => {
    const tidy = createTidier(() => undefined);
    for (let request = 1; request <= 40; request += 1) tidy();
  });
});
