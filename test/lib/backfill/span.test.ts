import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DateTime } from 'luxon';
import { BACKFILL_OPTIONS, type BackfillValues, type WindowUnit } from '../../../lib/backfill/options.ts';
import { spanOf } from '../../../lib/backfill/span.ts';
import { datesOf, readRange } from '../../../lib/base/date-range.ts';
import { UsageError } from '../../../lib/errors.ts';
import type { Span } from '../../../lib/gmail/windows.ts';

const NOW = new Date('2026-03-15T10:30:00Z');

/** Zones whose clocks change at midnight, at other hours, by half an hour, or across the date line. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'America/Havana',
  'America/St_Johns',
  'Atlantic/Azores',
  'Asia/Amman',
  'Australia/Lord_Howe',
  'Pacific/Apia',
];

function values(from: string | undefined, to?: string, more: Partial<BackfillValues> = {}): BackfillValues {
  const parse = (text: string | undefined) => (text === undefined ? undefined : BACKFILL_OPTIONS.from.parse(text));
  const options = { window: undefined, oldestFirst: false, timeZone: 'UTC', yes: false };
  return { ...options, from: parse(from), to: parse(to), ...more };
}

function range(from: string | undefined, to?: string, timeZone = 'UTC', now = NOW) {
  return readRange(values(from, to, { timeZone }), now);
}

function span(from: string | undefined, to: string | undefined, unit?: WindowUnit, timeZone = 'UTC'): Span {
  return spanOf(range(from, to, timeZone), unit, false);
}

const names = ({ windows }: Span) => windows.map(({ name }) => name);
const iso = (seconds: number | null | undefined) => (seconds == null ? null : new Date(seconds * 1_000).toISOString());

function assertTiled({ whole, windows }: Span): void {
  assert.equal(windows[0]?.fromS, whole.fromS);
  assert.equal(windows.at(-1)?.toS, whole.toS);
  for (const [index, { name, fromS, toS }] of windows.entries()) {
    if (index > 0) assert.equal(fromS, windows[index - 1]?.toS, `${name} begins where the one before ends`);
    if (fromS !== null && toS !== null) assert.ok(fromS < toS, `${name} is not empty`);
  }
}

describe('the range', () => {
  it('begins and ends with midnights of the time zone', () => {
    const { whole } = span('2024-03-31', '2024-04-01', 'day', 'Europe/Berlin');
    assert.deepEqual([iso(whole.fromS), iso(whole.toS)], ['2024-03-30T23:00:00.000Z', '2024-03-31T22:00:00.000Z']);
    assert.equal(whole.name, '2024-03-31 to 2024-04-01');
  });

  it('is open where no date is given', () => {
    assert.deepEqual(span('2015-01-01', undefined).whole, {
      name: '2015-01-01 to now',
      fromS: Date.UTC(2015, 0, 1) / 1_000,
      toS: null,
    });
    const { whole } = span(undefined, '2015-01-01');
    assert.deepEqual([whole.name, whole.fromS], ['the beginning to 2015-01-01', null]);
  });

  for (const [age, zone, expected] of [
    ['90d', 'UTC', '2025-12-15T00:00:00.000Z'],
    ['2w', 'Europe/Berlin', '2026-02-28T23:00:00.000Z'],
    ['1m', 'America/New_York', '2026-02-15T05:00:00.000Z'],
    ['3y', 'Asia/Kathmandu', '2023-03-14T18:15:00.000Z'],
  ] as const) {
    it(`begins the age ${age} in ${zone} at the midnight before`, () => {
      assert.equal(iso(span(age, undefined, undefined, zone).whole.fromS), expected);
      assert.equal(iso(span(undefined, age, undefined, zone).whole.toS), expected);
    });
  }

  for (const [date, zone, expected] of [
    ['2011-12-31', 'Pacific/Apia', '2011-12-30T10:00:00.000Z'],
    ['2011-12-30', 'Pacific/Apia', '2011-12-30T10:00:00.000Z'],
    ['2011-12-29', 'Pacific/Apia', '2011-12-29T10:00:00.000Z'],
    ['2025-10-26', 'Atlantic/Azores', '2025-10-26T00:00:00.000Z'],
    ['2025-11-02', 'America/Havana', '2025-11-02T04:00:00.000Z'],
    ['2018-11-04', 'America/Sao_Paulo', '2018-11-04T03:00:00.000Z'],
  ] as const) {
    it(`begins ${date} in ${zone} with its first second`, () => {
      assert.equal(iso(span(date, undefined, undefined, zone).whole.fromS), expected);
      assert.equal(iso(span(undefined, date, undefined, zone).whole.toS), expected);
    });
  }

  it('counts months back to a day that exists', () => {
    const { from } = range('1m', undefined, 'UTC', new Date('2026-03-31T12:00:00Z'));
    assert.equal(from?.date.toISODate(), '2026-02-28');
  });

  for (const [from, to, message, zone] of [
    ['2026-03-16', undefined, /--from is 2026-03-16, which is in the future/],
    ['2015-01-01', '2015-01-01', /nothing lies between --from 2015-01-01 and --to 2015-01-01/],
    ['2016-01-01', '2015-01-01', /nothing lies between/],
    ['1y', '2y', /nothing lies between --from 2025-03-15 and --to 2024-03-15/],
    // Samoa skipped this day.
    ['2011-12-30', '2011-12-31', /nothing lies between/, 'Pacific/Apia'],
  ] as const) {
    it(`is refused: from ${from} to ${to ?? 'now'}`, () => {
      assert.throws(
        () => range(from, to, zone),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }

  it('may end in the future, and begin today', () => {
    assertTiled(span('2026-03-15', '2026-12-01', 'month'));
    assert.equal(range('2026-03-15').from?.date.toISODate(), '2026-03-15');
  });
});

describe('the windows', () => {
  for (const timeZone of ZONES) {
    it(`have no gaps or overlaps, and their names fit: ${timeZone}`, () => {
      for (const [unit, from, to] of [
        ['day', '2011-12-20', '2012-02-10'],
        ['day', '2018-02-10', '2018-04-10'],
        ['day', '2018-10-01', '2018-11-10'],
        ['week', '2019-11-01', '2021-01-12'],
        ['month', '2005-02-11', '2025-12-31'],
        ['year', '2005-02-11', undefined],
      ] as const) {
        const all = span(from, to, unit, timeZone);
        assertTiled(all);
        assert.equal(new Set(names(all)).size, all.windows.length, 'each has a name of its own');
        for (const { name, fromS, toS } of all.windows) {
          const format = { day: 'yyyy-MM-dd', week: "kkkk-'W'WW", month: 'yyyy-MM', year: 'yyyy' }[unit];
          const nameAt = (second: number) => DateTime.fromSeconds(second, { zone: timeZone }).toFormat(format);
          if (fromS !== null) assert.equal(nameAt(fromS), name);
          if (toS !== null) assert.equal(nameAt(toS - 1), name);
        }
      }
    });
  }

  it('follow the calendar; the first and the last are cut', () => {
    const { windows } = span('2023-05-20', '2025-02-10', 'year');
    assert.deepEqual(
      windows.map(({ name, fromS, toS }) => [name, iso(fromS)?.slice(0, 10), iso(toS)?.slice(0, 10)]),
      [
        ['2023', '2023-05-20', '2024-01-01'],
        ['2024', '2024-01-01', '2025-01-01'],
        ['2025', '2025-01-01', '2025-02-10'],
      ],
    );
    assert.deepEqual(names(span('2024-12-29', '2025-01-07', 'week')), ['2024-W52', '2025-W01', '2025-W02']);
    assert.deepEqual(names(span('2024-12-29', '2025-03-01', 'month')), ['2024-12', '2025-01', '2025-02']);
    assert.deepEqual(names(span('2024-02-28', '2024-03-02', 'day')), ['2024-02-28', '2024-02-29', '2024-03-01']);
  });

  it('have an hour less or more where the clocks change', () => {
    const hours = ({ windows }: Span) => windows.map(({ fromS, toS }) => (Number(toS) - Number(fromS)) / 3_600);
    assert.deepEqual(hours(span('2024-03-30', '2024-04-02', 'day', 'Europe/Berlin')), [24, 23, 24]);
    assert.deepEqual(hours(span('2024-10-26', '2024-10-29', 'day', 'Europe/Berlin')), [24, 25, 24]);
    // Clocks went from midnight to one o'clock.
    assert.deepEqual(hours(span('2018-11-03', '2018-11-06', 'day', 'America/Sao_Paulo')), [24, 23, 24]);
    // Clocks went from one o'clock back to midnight.
    assert.deepEqual(hours(span('2025-10-25', '2025-10-28', 'day', 'Atlantic/Azores')), [24, 25, 24]);
    assert.deepEqual(hours(span('2025-11-01', '2025-11-04', 'day', 'America/Havana')), [24, 25, 24]);
  });

  it('have none for a day that the time zone skipped', () => {
    assert.deepEqual(names(span('2011-12-29', '2012-01-01', 'day', 'Pacific/Apia')), ['2011-12-29', '2011-12-31']);
    assert.deepEqual(names(span('2011-12-30', '2012-01-01', 'day', 'Pacific/Apia')), ['2011-12-31']);
  });

  it('begin with one for all older mail, when the range has no beginning', () => {
    const all = span(undefined, '2007-03-01', 'year');
    assert.deepEqual(names(all), ['until 2004', '2005', '2006', '2007']);
    assert.equal(all.windows[0]?.fromS, null);
    assertTiled(all);
    const old = span(undefined, '1999-03-01', 'month');
    assert.deepEqual(names(old), ['until 1999-03']);
    assertTiled(old);
  });

  it('are one when the range is shorter than a window', () => {
    assert.deepEqual(names(span('2026-03-15', undefined, 'year')), ['2026']);
    assertTiled(span('2026-03-15', undefined, 'year'));
  });

  for (const [from, to, unit] of [
    ['2015-01-01', undefined, 'year'],
    ['2023-01-01', '2026-01-01', 'month'],
    ['2025-01-01', '2025-05-01', 'month'],
    ['2025-01-01', '2025-02-05', 'week'],
    ['2025-01-01', '2025-01-03', 'day'],
  ] as const) {
    it(`are of one ${unit} from ${from} to ${to ?? 'now'} by default`, () => {
      const all = span(from, to);
      assert.deepEqual([all.unit, all.asked], [unit, false]);
      assertTiled(all);
    });
  }
});

describe('the dates of a range', () => {
  it('are days in its time zone', () => {
    const zone = 'America/New_York';
    assert.deepEqual(datesOf(range('2y', undefined, zone)), { from: '2024-03-15', to: undefined });
    assert.deepEqual(datesOf(range('2024-01-01', '1d', zone)), { from: '2024-01-01', to: '2026-03-14' });
    assert.deepEqual(datesOf(range(undefined, '1d', zone)), { from: undefined, to: '2026-03-14' });
  });

  it('mean the same seconds when they are parsed again, in every time zone', () => {
    for (const zone of ZONES) {
      const first = range('2w', '3d', zone);
      const { from, to } = datesOf(first);
      const again = range(from, to, zone);
      assert.deepEqual([again.from?.beginS, again.to?.beginS], [first.from?.beginS, first.to?.beginS], zone);
    }
  });
});
