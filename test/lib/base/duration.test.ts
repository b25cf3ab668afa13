import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDuration, parseDuration } from '../../../lib/base/duration.ts';

describe('parseDuration', () => {
  for (const [text, ms] of [
    ['90s', 90_000],
    ['50m', 3_000_000],
    ['2h', 7_200_000],
    ['1h30m', 5_400_000],
    ['1h30m15s', 5_415_000],
    ['1h15s', 3_615_000],
    [' 5m ', 300_000],
    ['0h5m', 300_000],
    ['', null],
    ['0m', null],
    ['50', null],
    ['m', null],
    ['5 m', null],
    ['1.5h', null],
    ['-5m', null],
    ['+5m', null],
    ['5M', null],
    ['5min', null],
    ['30m1h', null],
    ['5m5m', null],
    ['1d', null],
    ['1e3s', null],
    ['Infinity', null],
    ['٥m', null],
  ] as const) {
    it(`reads "${text}" as ${ms === null ? 'no duration' : `${ms} ms`}`, () => assert.equal(parseDuration(text), ms));
  }
});

describe('formatDuration', () => {
  for (const [ms, text] of [
    [0, '0s'],
    [1_000, '1s'],
    [449, '0.4s'],
    [9_949, '9.9s'],
    [9_950, '10s'],
    [59_499, '59s'],
    [59_500, '1m'],
    [3_000_000, '50m'],
    [200_000, '3m 20s'],
    [3_599_400, '59m 59s'],
    [3_599_600, '1h'],
    [3_900_000, '1h 05m'],
    [90_000_000, '25h'],
  ] as const) {
    it(`shows ${ms} ms as ${text}`, () => assert.equal(formatDuration(ms), text));
  }
});
