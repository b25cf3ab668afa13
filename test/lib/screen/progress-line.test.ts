import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { lookingLine, type WorkState, workLine } from '../../../lib/screen/progress-line.ts';

const STATE: WorkState = {
  done: 1_260_000,
  total: 3_000_000,
  window: '2019',
  perSecond: 2_013.4,
  unitsPerMinute: 5_980,
  pause: null,
  leftMs: 18 * 60_000 - 500,
};

function show(state: Partial<WorkState>, columns: number): string {
  return stripVTControlCharacters(workLine({ ...STATE, ...state }, columns));
}

describe('the line of progress', () => {
  it('has all parts on a wide terminal', () => {
    assert.equal(
      show({}, 120),
      `  ${'█'.repeat(15)}${'░'.repeat(23)}   42%  2019  1,260,000 of 3,000,000  2,010/s  5,980 units/min      18m left`,
    );
  });

  it('drops parts on a narrow terminal, the time left last', () => {
    assert.match(show({}, 80), /^ {2}█+░+ {3}42% {2}2019 {2}2,010\/s {2}5,980 units\/min +18m left$/);
    assert.match(show({}, 60), /^ {2}█+░+ {3}42% {2}2019 {2}2,010\/s +18m left$/);
    assert.match(show({}, 34), /^ {2}█+░+ {3}42% {2}18m left$/);
    assert.equal(show({}, 20), '  42%  18m left');
  });

  it('is always shorter than the terminal is wide', () => {
    const states: Partial<WorkState>[] = [
      {},
      { leftMs: null },
      { window: null, unitsPerMinute: null },
      { window: '2019-03-12', pause: { ms: 599_000, why: 'refused' }, leftMs: 30 * 3_600_000 },
      { done: 0, total: 1, perSecond: 0 },
      { done: 12_345_678, total: 12_345_678, perSecond: 123_456, unitsPerMinute: 15_000, leftMs: 0 },
    ];
    for (let columns = 10; columns <= 160; columns += 1) {
      for (const state of states) {
        assert.ok(show(state, columns).length < columns, `${columns}: ${show(state, columns)}`);
        assert.doesNotMatch(show(state, columns), /NaN|Infinity/);
      }
    }
  });

  it('shows a pause in place of the rate, with the same width', () => {
    for (const columns of [60, 80, 120]) {
      const paused = show({ pause: { ms: 13_200, why: 'window' } }, columns);
      assert.match(paused, /paused 14s/);
      assert.equal(paused.indexOf('18m left'), show({}, columns).indexOf('18m left'));
    }
    assert.match(show({ pause: { ms: 13_200, why: 'window' } }, 120), /paused 14s for Gmail's quota/);
    assert.match(show({ pause: { ms: 3_200, why: 'refused' } }, 120), /paused 4s, refused by Gmail/);
  });

  it('rounds the time left more coarsely the longer it is', () => {
    const left = (ms: number) => show({ leftMs: ms }, 80).match(/(\d[\dhms ]*) left$/)?.[1];
    assert.deepEqual([0, 12_000, 61_000, 599_999, 601_000, 3_900_000].map(left), [
      '5s',
      '15s',
      '1m 10s',
      '10m',
      '11m',
      '1h 05m',
    ]);
  });
});

describe('the line of a search', () => {
  const looking = { found: 34_500, window: null, pause: null };

  it('has the number of messages found so far', () => {
    assert.equal(lookingLine(looking, 80), '  looking: 34,500 messages found');
    assert.equal(lookingLine({ ...looking, window: '2019' }, 80), '  looking in 2019: 34,500 messages found');
    assert.equal(lookingLine(looking, 20), '  looking: 34,500 m');
  });

  it('shows a pause on a wide terminal', () => {
    const paused = { ...looking, pause: { ms: 14_000, why: 'window' } } as const;
    const line = (columns: number) => stripVTControlCharacters(lookingLine(paused, columns));
    assert.equal(line(80), "  looking: 34,500 messages found, paused 14s for Gmail's quota");
    assert.equal(line(50), '  looking: 34,500 messages found');
  });
});
