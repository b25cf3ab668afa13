import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnavailableError } from '../../../lib/errors.ts';
import { IdCollector, IdSet } from '../../../lib/gmail/ids.ts';
import { seededRandom } from '../../virtual-clock.ts';

const A = '1994a5f1c0000001';
const B = '1994a5f1c0000002';
const C = '1994a5f1ffffffff';
const D = 'fedcba9876543210';

describe('a set of message ids', () => {
  it('holds each id once, in ascending order, and lists the newest first', () => {
    const set = IdSet.of([C, A, D, A, B]);
    assert.equal(set.size, 4);
    assert.deepEqual(set.list(), [D, C, B, A]);
    assert.deepEqual(set.list(1, 3), [C, B]);
    assert.equal(set.at(0), A);
  });

  it('writes ids as Gmail wrote them, with leading zeros or without', () => {
    assert.deepEqual(IdSet.of(['00000000000000ff', A]).list(), [A, '00000000000000ff']);
    assert.deepEqual(IdSet.of(['ff', '1ffffffff', A]).list(), [A, '1ffffffff', 'ff']);
  });

  it('refuses a malformed id', () => {
    for (const id of ['', 'xyz', '../1', 'ABCDEF0123456789', '12345678901234567', '12 3']) {
      assert.throws(() => IdSet.of([id]), UnavailableError, id);
      assert.throws(() => IdSet.of([A]).has(id), UnavailableError, id);
    }
  });

  it('is the same after pack and unpack, at 8 bytes for each id', () => {
    const set = IdSet.of([D, A, C]);
    assert.equal(set.pack().length, 24);
    assert.deepEqual(IdSet.unpack(set.pack(), set.padded).list(), [D, C, A]);
    const padded = IdSet.of(['000000000000000a', '0f']);
    assert.deepEqual(IdSet.unpack(padded.pack(), padded.padded).list(), padded.list());
  });

  it('agrees with plain sets of strings in all its operations', () => {
    const random = seededRandom(7);
    const some = (count: number, range: number) =>
      Array.from({ length: count }, () => (0x19_0000_0000 + Math.floor(random() * range)).toString(16).padEnd(16, '7'));
    for (const [size, otherSize, range] of [
      [0, 5, 10],
      [300, 0, 50],
      [500, 500, 900],
      [3, 5_000, 6_000],
      [5_000, 3, 6_000],
      [700, 700, 1e9],
    ] as const) {
      const [ids, others] = [some(size, range), some(otherSize, range)];
      const [plain, otherPlain] = [new Set(ids), new Set(others)];
      const [set, other] = [IdSet.of(ids), IdSet.of(others)];
      const newestFirst = (all: Iterable<string>) => [...all].sort().reverse();
      assert.deepEqual(set.list(), newestFirst(plain));
      assert.deepEqual(
        [...set.marks(other)].map((mark, index) => [set.at(index), mark === 1]),
        [...plain].sort().map((id) => [id, otherPlain.has(id)]),
      );
      assert.deepEqual(
        [...others, ...ids].map((id) => other.has(id)),
        [...others, ...ids].map((id) => otherPlain.has(id)),
      );
      const met: string[] = [];
      set.forEachShared(other, (index, otherIndex) => met.push(`${set.at(index)} ${other.at(otherIndex)}`));
      assert.deepEqual(
        met,
        newestFirst(plain.intersection(otherPlain))
          .reverse()
          .map((id) => `${id} ${id}`),
      );
      assert.deepEqual(set.without(other).list(), newestFirst(plain.difference(otherPlain)));
      assert.deepEqual(set.without(other, set.slice(0, 9)).list(), set.slice(9, set.size).without(other).list());
      assert.deepEqual(IdSet.union([set, other, set]).list(), newestFirst(plain.union(otherPlain)));
      for (let index = 0; index < other.size; index += 97) {
        assert.equal(set.countBelow(other, index), [...plain].filter((id) => id < other.at(index)).length);
      }
    }
  });

  it('is collected from ids in any order', () => {
    const collector = new IdCollector();
    for (let n = 0; n < 2_000; n += 1) collector.add((0x1000 + ((n * 7_919) % 2_000)).toString(16));
    assert.equal(collector.size, 2_000);
    assert.ok(collector.has('1000') && !collector.has('999'));
    assert.equal(collector.finish().size, 2_000);
  });
});
