import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdSet } from '../../../lib/gmail/ids.ts';
import type { Span, Window } from '../../../lib/gmail/windows.ts';
import { alignWindows, type FoundIds } from '../../../lib/gmail/windows.ts';

const WINDOWS: readonly Window[] = [2021, 2022, 2023, 2024].map((year) => ({
  name: `${year}`,
  fromS: year,
  toS: year + 1,
}));
const WHOLE: Window = { name: 'all of it', fromS: 2021, toS: 2025 };
const SPAN: Span = { whole: WHOLE, unit: 'year', windows: WINDOWS, asked: false, oldestFirst: false };

/** The messages of a search: ids by window, and ids without a known window. */
function found(windows: Readonly<Record<string, readonly string[]>>, unplaced: readonly string[] = []): FoundIds {
  const listed = WINDOWS.filter(({ name }) => Object.hasOwn(windows, name));
  return {
    windows: new Map(listed.map((window) => [window, IdSet.of(windows[window.name] ?? [])])),
    unplaced: IdSet.of(unplaced),
  };
}

function aligned(all: readonly FoundIds[], span: Span | undefined = SPAN) {
  return alignWindows(all, span).map(({ window, ids }) => [window?.name ?? null, ...ids.map((set) => set.list())]);
}

describe('alignWindows', () => {
  it('returns one part: without a window when there is no span, with the whole span when no window is known', () => {
    const all = [found({}, ['a', 'b']), found({}, ['b'])];
    assert.deepEqual(
      alignWindows(all, undefined).map(({ window, ids }) => [window, ids.map(({ size }) => size)]),
      [[null, [2, 1]]],
    );
    assert.deepEqual(aligned(all), [['all of it', ['b', 'a'], ['b']]]);
    assert.deepEqual(aligned([]), [['all of it']]);
  });

  it('puts a message into the same window for all searches when one knows its window', () => {
    const all = [found({ 2021: ['1', '2'], 2022: ['3'] }, ['7']), found({}, ['2', '3', '5', '7'])];
    assert.deepEqual(aligned(all), [
      ['2021', ['2', '1'], ['2']],
      ['2022', ['3'], ['3']],
      ['2023 to 2024', ['7'], ['7', '5']],
    ]);
  });

  it('returns the windows of all searches, oldest first, and messages of no known window in the newest', () => {
    const all = [found({ 2021: ['1'] }, ['9']), found({ 2021: [], 2022: ['2'], 2023: ['3'] }, ['8'])];
    assert.deepEqual(aligned(all), [
      ['2021', ['1'], []],
      ['2022', [], ['2']],
      ['2023', [], ['3']],
      ['2024', ['9'], ['8']],
    ]);
  });

  it('returns no part for the rest when every window is known', () => {
    const each = Object.fromEntries(WINDOWS.map(({ name }, index) => [name, [`${index}`]]));
    assert.deepEqual(
      aligned([found(each), found({ ...each, 2024: [] })]).map(([name]) => name),
      ['2021', '2022', '2023', '2024'],
    );
  });

  it('returns every message exactly once', () => {
    const all = [
      found({ 2021: ['1', '2', '3'] }, ['a', 'b', 'c']),
      found({ 2021: ['2', '4'], 2022: ['5', '6'] }, ['b', 'd']),
      found({}, ['1', '4', '6', 'd', 'e']),
    ];
    const parts = alignWindows(all, SPAN);
    for (const [index, { windows, unplaced }] of all.entries()) {
      const before = IdSet.union([...windows.values(), unplaced]).list();
      const after = parts.flatMap(({ ids }) => ids[index]?.list() ?? []);
      assert.deepEqual(after.sort(), before.sort());
    }
    const places = parts.map(({ ids }) => IdSet.union(ids));
    for (const [at, one] of places.entries()) {
      for (const other of places.slice(at + 1)) assert.equal(one.without(other).size, one.size);
    }
  });
});
