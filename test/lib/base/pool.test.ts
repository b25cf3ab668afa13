import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { mapAtOnce } from '../../../lib/base/pool.ts';

describe('mapAtOnce', () => {
  it('keeps the order, and limits the work under way', async () => {
    let running = 0;
    let most = 0;
    const results = await mapAtOnce([3, 1, 2, 5, 4], 2, async (turns) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < turns; turn += 1) await setImmediate();
      running -= 1;
      return turns * 10;
    });
    assert.deepEqual(results, [30, 10, 20, 50, 40]);
    assert.equal(most, 2);
    assert.deepEqual(await mapAtOnce([], 2, async () => assert.fail()), []);
  });

  it('starts no more work after an error, and rejects with it', async () => {
    const begun: number[] = [];
    const work = async (item: number) => {
      begun.push(item);
      await setImmediate();
      if (item === 1) throw new Error('no');
      for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    };
    await assert.rejects(mapAtOnce([1, 2, 3, 4], 2, work), /no/);
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
    assert.deepEqual(begun, [1, 2]);
  });
});
