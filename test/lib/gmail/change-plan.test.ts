import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  BATCH_SIZE,
  batchCount,
  batchesOf,
  type ChangePlan,
  portionsOf,
  setSizes,
  sizeOf,
} from '../../../lib/gmail/change-plan.ts';
import { IdSet } from '../../../lib/gmail/ids.ts';
import { type Window, windowTerms } from '../../../lib/gmail/windows.ts';

/** Ids from `start` up; sets with the same start overlap. */
function idsFrom(start: number, count: number): IdSet {
  return IdSet.of(Array.from({ length: count }, (_, index) => (start + index).toString(16)));
}

/** A plan with these numbers of messages by window and set. Every third message has the effect 0. */
function planOf(counts: readonly (readonly number[])[]): ChangePlan {
  const windows = counts.map((sizes, at) => {
    const window: Window = { name: `w${at}`, fromS: at, toS: at + 1 };
    const changes = sizes.map((size) => {
      const ids = idsFrom((at + 1) * 1_000_000, size);
      const flags = Uint8Array.from({ length: size }, (_, index) => (Number.parseInt(ids.at(index), 16) % 3 ? 1 : 0));
      return { ids, effects: [null, flags] };
    });
    return { window, changes };
  });
  const sets = (counts[0] ?? []).map((_, set) => ({ name: `set-${set}`, operations: [], found: 0 }));
  return { sets, windows };
}

/** Asserts the properties that the portions of every plan have. Returns their sizes. */
function assertPortions(plan: ChangePlan): number[] {
  const portions = portionsOf(plan, true);
  for (const [set, size] of setSizes(plan).entries()) {
    const ids: string[] = [];
    for (const portion of portions) {
      const batches = [...batchesOf(portion, set)];
      assert.equal(batches.length, batchCount(portion, set));
      for (const [index, batch] of batches.entries()) {
        if (index < batches.length - 1) assert.equal(batch.ids.length, BATCH_SIZE, 'only the last is not full');
        assert.ok(batch.ids.length > 0 && batch.ids.length <= BATCH_SIZE);
        const shares = [...batch.shares];
        assert.equal(
          shares.reduce((sum, [, count]) => sum + count, 0),
          batch.ids.length,
        );
        // The shares of a batch agree with its ids.
        let at = 0;
        for (const [part, count] of shares) {
          const own = portion[part]?.changes[set]?.ids ?? IdSet.empty;
          assert.equal(IdSet.of(batch.ids.slice(at, at + count)).without(own).size, 0);
          at += count;
        }
        ids.push(...batch.ids);
      }
    }
    assert.equal(ids.length, size);
    assert.equal(new Set(ids).size, size, 'each id once');
  }
  for (const { changes } of portions.flat()) {
    for (const { ids, effects } of changes) {
      const flags = effects?.[1];
      const isRight = (index: number) => flags?.[index] === (Number.parseInt(ids.at(index), 16) % 3 ? 1 : 0);
      assert.equal(ids.filter(isRight).size, ids.size, 'effects stay with their messages');
    }
  }
  return portions.map((portion) => portion.reduce((sum, part) => sum + sizeOf(part), 0));
}

describe('the portions of a plan', () => {
  it('join small windows, so that batches are full', () => {
    assert.deepEqual(assertPortions(planOf([[700], [0], [700], [700]])), [2_100]);
    assert.deepEqual(assertPortions(planOf(Array.from({ length: 30 }, () => [40, 25])))?.length, 1);
    assert.deepEqual(assertPortions(planOf([])), []);
    assert.deepEqual(assertPortions(planOf([[0, 0]])), []);
  });

  it('are never too large for a journal', () => {
    assert.deepEqual(assertPortions(planOf([[20_000], [10_000], [30_000]])), [20_000, 25_000, 15_000]);
    assert.deepEqual(assertPortions(planOf([[60_500]])), [21_000, 21_000, 18_500], 'cut between batches');
  });

  it('cut a large window into parts, the newest first, with a message in the same part for all sets', () => {
    const plan = planOf([[150_000, 90_000]]);
    const sizes = assertPortions(plan);
    assert.ok(sizes.length >= 3 && sizes.every((size) => size <= 130_000), String(sizes));
    let seen = IdSet.empty;
    for (const { changes } of portionsOf(plan, true).flat()) {
      const part = IdSet.union(changes.map(({ ids }) => ids));
      if (seen.size > 0) assert.ok(part.at(part.size - 1) < seen.at(0), 'older than the part before');
      seen = IdSet.union([seen, part]);
    }
    assert.equal(seen.size, 150_000);
  });
});

describe('the search terms of a window', () => {
  it('give its exact beginning and end', () => {
    assert.deepEqual(windowTerms({ name: '', fromS: 100, toS: 200 }), ['after:99', '-before:100', 'before:200']);
    assert.deepEqual(windowTerms({ name: '', fromS: null, toS: 200 }), ['before:200']);
    assert.deepEqual(windowTerms({ name: '', fromS: 0, toS: null }), ['after:-1', '-before:0']);
    assert.deepEqual(windowTerms({ name: '', fromS: null, toS: null }), []);
  });
});
