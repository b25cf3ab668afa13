import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lastPeriod, PERIOD_ID, type PeriodKind } from '../../../lib/digest/period.ts';
import { UsageError } from '../../../lib/errors.ts';
import { timeZoneOption } from '../../../lib/options.ts';

/** Now, kind and zone → id, hours from start to end, title. */
const CASES: [string, PeriodKind, string, string, number, string][] = [
  ['2026-11-23T06:00:00Z', 'day', 'UTC', '2026-11-22', 24, 'Sunday, 22 November'],
  ['2026-11-23T00:00:00Z', 'day', 'UTC', '2026-11-22', 24, 'Sunday, 22 November'],
  ['2026-11-22T23:59:59Z', 'day', 'UTC', '2026-11-21', 24, 'Saturday, 21 November'],
  ['2026-11-22T23:30:00Z', 'day', 'Europe/Berlin', '2026-11-22', 24, 'Sunday, 22 November'],
  ['2026-11-23T06:00:00Z', 'day', 'America/Los_Angeles', '2026-11-21', 24, 'Saturday, 21 November'],
  ['2026-03-30T05:00:00Z', 'day', 'Europe/Berlin', '2026-03-29', 23, 'Sunday, 29 March'],
  ['2026-10-26T05:00:00Z', 'day', 'Europe/Berlin', '2026-10-25', 25, 'Sunday, 25 October'],
  ['2018-11-05T12:00:00Z', 'day', 'America/Sao_Paulo', '2018-11-04', 23, 'Sunday, 4 November'],
  // Midnight comes twice, or the time zone skipped the day before.
  ['2026-10-26T12:00:00Z', 'day', 'Atlantic/Azores', '2026-10-25', 25, 'Sunday, 25 October'],
  ['2026-10-25T12:00:00Z', 'day', 'Atlantic/Azores', '2026-10-24', 24, 'Saturday, 24 October'],
  ['2026-11-02T12:00:00Z', 'day', 'America/Havana', '2026-11-01', 25, 'Sunday, 1 November'],
  ['2026-11-01T12:00:00Z', 'day', 'America/Havana', '2026-10-31', 24, 'Saturday, 31 October'],
  ['2026-11-01T04:30:00Z', 'day', 'America/Havana', '2026-10-31', 24, 'Saturday, 31 October'],
  ['2026-11-02T12:00:00Z', 'week', 'America/Havana', '2026-W44', 169, '26 October – 1 November'],
  ['2011-12-31T00:00:00Z', 'day', 'Pacific/Apia', '2011-12-29', 24, 'Thursday, 29 December'],
  ['2012-01-02T12:00:00Z', 'week', 'Pacific/Apia', '2011-W52', 144, '26 December 2011 – 1 January 2012'],
  ['2026-11-23T06:00:00Z', 'week', 'UTC', '2026-W47', 168, '16–22 November'],
  ['2026-11-22T23:59:59Z', 'week', 'UTC', '2026-W46', 168, '9–15 November'],
  ['2026-04-01T05:00:00Z', 'week', 'Europe/Berlin', '2026-W13', 167, '23–29 March'],
  ['2026-12-07T06:00:00Z', 'week', 'UTC', '2026-W49', 168, '30 November – 6 December'],
  ['2027-01-05T06:00:00Z', 'week', 'UTC', '2026-W53', 168, '28 December 2026 – 3 January 2027'],
];

describe('lastPeriod', () => {
  for (const [now, kind, zone, id, hours, title] of CASES) {
    it(`returns ${id} as the last ${kind} in ${zone} at ${now}`, () => {
      const period = lastPeriod(kind, zone, new Date(now));
      assert.equal(period.id, id);
      assert.match(period.id, PERIOD_ID);
      assert.equal((period.endS - period.startS) / 3_600, hours);
      assert.equal(period.title, title);
      assert.ok(period.endS * 1_000 <= Date.parse(now));
    });
  }

  it('gives every spelling and alias of a zone the same id', () => {
    const ids = ['Europe/Kyiv', 'Europe/Kiev', 'europe/kyiv'].map((zone) => lastPeriod('day', zone, new Date()).zoneId);
    assert.equal(new Set(ids).size, 1);
  });
});

const parseTimeZone = timeZoneOption('').parse;

describe('timeZoneOption', () => {
  it('accepts IANA names', () => {
    for (const zone of ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'Etc/GMT+3']) assert.equal(parseTimeZone(zone), zone);
  });

  for (const text of ['', 'Mars/Base', '+01:00', 'UTC+1', 'local', ' UTC', '../etc/passwd', 'constructor']) {
    it(`refuses "${text}" and names it`, () => {
      assert.throws(
        () => parseTimeZone(text),
        (error) => error instanceof UsageError && error.message.startsWith(`"${text}"`),
      );
    });
  }
});
