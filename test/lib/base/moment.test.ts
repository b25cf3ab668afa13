import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMoment } from '../../../lib/base/moment.ts';
import { UsageError } from '../../../lib/errors.ts';

describe('a date or an age', () => {
  for (const [text, expected] of [
    ['2015-01-31', { kind: 'date', year: 2015, month: 1, day: 31 }],
    [' 2024-02-29 ', { kind: 'date', year: 2024, month: 2, day: 29 }],
    ['1970-01-01', { kind: 'date', year: 1970, month: 1, day: 1 }],
    ['3y', { kind: 'age', count: 3, unit: 'years' }],
    ['18m', { kind: 'age', count: 18, unit: 'months' }],
    ['2w', { kind: 'age', count: 2, unit: 'weeks' }],
    ['9999d', { kind: 'age', count: 9_999, unit: 'days' }],
  ] as const) {
    it(`is read: ${text}`, () => assert.deepEqual(parseMoment(text), expected));
  }

  for (const text of [
    '',
    ' ',
    'now',
    '2015',
    '2015-1-1',
    '2015/01/01',
    '01.01.2015',
    '2015-02-29',
    '2015-13-01',
    '2015-00-10',
    '2015-01-00',
    '2015-01-01T00:00:00Z',
    '1969-12-31',
    '0000-01-01',
    '0d',
    '-3y',
    '3',
    '3h',
    '1.5y',
    '3Y',
    '12345d',
    '3y 2m',
  ]) {
    it(`is refused, and the remedy has an example: "${text}"`, () => {
      const isHelpful = (error: unknown) => error instanceof UsageError && /2015-01-31.*3y/.test(error.remedy);
      assert.throws(() => parseMoment(text), isHelpful);
    });
  }
});
