import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DateTime } from 'luxon';
import { spanOf } from '../../../lib/backfill/span.ts';
import { dateAt, firstSecondOf } from '../../../lib/base/calendar.ts';
import { readRange } from '../../../lib/base/date-range.ts';
import { lastPeriod, type Period } from '../../../lib/digest/period.ts';
import type { Window } from '../../../lib/gmail/windows.ts';

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;

const date = (text: string) => DateTime.fromISO(text, { zone: 'utc' });
const iso = (second: number) => new Date(second * 1_000).toISOString();

/** Zone, date, its first instant, and how many hours it has. */
const CASES: [string, string, string, number][] = [
  ['UTC', '2026-11-22', '2026-11-22T00:00:00.000Z', 24],
  ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00:00.000Z', 23],
  ['Europe/Berlin', '2026-10-25', '2026-10-24T22:00:00.000Z', 25],
  // There are two midnights: the first one counts.
  ['Atlantic/Azores', '2026-10-25', '2026-10-25T00:00:00.000Z', 25],
  ['America/Havana', '2026-11-01', '2026-11-01T04:00:00.000Z', 25],
  ['America/Scoresbysund', '2023-10-29', '2023-10-29T00:00:00.000Z', 25],
  // Clocks were put back from one minute past midnight to 23:01 of the day before.
  ['America/St_Johns', '2009-11-01', '2009-11-01T02:30:00.000Z', 25],
  // There is no midnight.
  ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00.000Z', 23],
  ['Asia/Beirut', '2026-03-29', '2026-03-28T22:00:00.000Z', 23],
  ['Africa/Cairo', '2026-04-24', '2026-04-23T22:00:00.000Z', 23],
  ['Australia/Lord_Howe', '2026-04-05', '2026-04-04T13:00:00.000Z', 24.5],
  // The zone skipped these days; the next day begins at the same moment.
  ['Pacific/Apia', '2011-12-29', '2011-12-29T10:00:00.000Z', 24],
  ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00:00.000Z', 0],
  ['Pacific/Apia', '2011-12-31', '2011-12-30T10:00:00.000Z', 24],
  ['Pacific/Fakaofo', '2011-12-30', '2011-12-30T11:00:00.000Z', 0],
  ['Pacific/Kwajalein', '1993-08-21', '1993-08-21T12:00:00.000Z', 0],
  ['Africa/Monrovia', '1972-01-07', '1972-01-07T00:44:30.000Z', 23.25833],
];

describe('the first second of a date', () => {
  for (const [zone, text, first, hours] of CASES) {
    it(`is ${first} for ${text} in ${zone}`, () => {
      const begin = firstSecondOf(date(text), zone);
      assert.equal(iso(begin), first);
      const end = firstSecondOf(date(text).plus({ days: 1 }), zone);
      assert.ok(Math.abs((end - begin) / HOUR_S - hours) < 0.001, `${(end - begin) / HOUR_S} hours`);
    });
  }

  it('is the first second with the date or a later one, at every clock change in every time zone', () => {
    const changes = [1994, 2009, 2011, 2018, 2026].flatMap((year) => changesOfClocks(year));
    assert.ok(changes.length > 100);
    for (const { zone, second } of changes) {
      const clock = new Intl.DateTimeFormat('sv', { timeZone: zone, dateStyle: 'short' });
      const shows = (at: number) => clock.format(at * 1_000);
      let day = dateAt(second, zone).minus({ days: 2 });
      let begin = firstSecondOf(day, zone);
      for (let days = 0; days < 4; days += 1) {
        const next = day.plus({ days: 1 });
        const end = firstSecondOf(next, zone);
        const name = `${zone} ${next.toISODate()}`;
        assert.ok(shows(end) >= `${next.toISODate()}`, name);
        for (let at = end - 1; at > begin; at -= HOUR_S / 2) assert.ok(shows(at) < `${next.toISODate()}`, name);
        assert.equal(dateAt(end, zone).toISODate(), shows(end), name);
        // Every day has an end; one that clocks never show has no length.
        assert.equal(end > begin, shows(begin) === day.toISODate(), name);
        [day, begin] = [next, end];
      }
    }
  });
});

/** Zones where a day begins in an unusual way, and around which second. */
const MIDNIGHTS: [string, string][] = [
  ['Atlantic/Azores', '2026-10-25'],
  ['Atlantic/Azores', '2026-03-29'],
  ['America/Havana', '2026-11-01'],
  ['America/Havana', '2026-03-08'],
  ['America/Sao_Paulo', '2018-11-04'],
  ['America/Sao_Paulo', '2018-02-18'],
  ['America/St_Johns', '2009-11-01'],
  ['Asia/Beirut', '2026-10-25'],
  ['Pacific/Apia', '2011-12-30'],
  ['Pacific/Kiritimati', '1994-12-31'],
];

describe('consecutive days', () => {
  for (const [zone, text] of MIDNIGHTS) {
    it(`have no gap and no overlap: ${zone} around ${text}`, () => {
      const middle = Date.parse(text) / 1_000;
      for (const [kind, days, step] of [
        ['day', 3, HOUR_S],
        ['week', 16, 6 * HOUR_S],
      ] as const) {
        const periods = new Map<string, Period>();
        for (let at = middle - days * DAY_S; at < middle + days * DAY_S; at += step) {
          const period = lastPeriod(kind, zone, new Date(at * 1_000));
          assert.ok(period.endS <= at, `${period.id} is over`);
          assert.deepEqual(periods.get(period.id) ?? period, period);
          periods.set(period.id, period);
        }
        assertTiled([...periods.values()].map(({ id, startS, endS }) => ({ name: id, fromS: startS, toS: endS })));
      }
      const day = date(text);
      for (const window of ['day', 'week', 'month', 'year'] as const) {
        const moment = (days: number) => {
          const { year, month, day: number } = day.plus({ days });
          return { kind: 'date', year, month, day: number } as const;
        };
        const values = { from: moment(-3), to: moment(4), window, oldestFirst: false, timeZone: zone, yes: false };
        const { whole, windows } = spanOf(readRange(values, new Date()), window, false);
        assertTiled(windows);
        assert.deepEqual([windows[0]?.fromS, windows.at(-1)?.toS], [whole.fromS, whole.toS]);
        assert.equal(whole.fromS, firstSecondOf(day.minus({ days: 3 }), zone));
      }
    });
  }
});

function assertTiled(windows: readonly Window[]): void {
  for (const [index, { name, fromS, toS }] of windows.entries()) {
    assert.ok(Number(fromS) < Number(toS), `${name} is not empty`);
    if (index > 0) assert.equal(fromS, windows[index - 1]?.toS, `${name} begins where the one before ends`);
  }
}

/** When clocks are changed in a year, once for all zones that have the same time throughout it. */
function changesOfClocks(year: number): { zone: string; second: number }[] {
  const changes = new Map<string, { zone: string; second: number }>();
  const start = Date.UTC(year, 0, 1) / 1_000;
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    const clock = DateTime.fromSeconds(start, { zone }).zone;
    const offsetAt = (second: number) => clock.offset(second * 1_000);
    const samples = Array.from({ length: 38 }, (_, index) => start + index * 10 * DAY_S);
    const offsets = samples.map(offsetAt);
    for (const [index, offset] of offsets.entries()) {
      const before = offsets[index - 1];
      if (before === undefined || offset === before) continue;
      let [early = 0, late = 0] = samples.slice(index - 1);
      while (late - early > HOUR_S / 4) {
        const middle = (early + late) / 2;
        if (offsetAt(middle) === before) early = middle;
        else late = middle;
      }
      const second = Math.floor(late);
      changes.set(`${Math.round(second / HOUR_S)} ${before} ${offset}`, { zone, second });
    }
  }
  return [...changes.values()];
}
