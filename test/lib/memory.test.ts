import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTidier } from '../../lib/memory.ts';

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

  it('does nothing where there is no collector', () => {
    const tidy = createTidier(() => undefined);
    for (let request = 1; request <= 40; request += 1) tidy();
  });
});
