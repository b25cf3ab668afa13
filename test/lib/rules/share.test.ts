import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseShare, shareOption } from '../../../lib/rules/share.ts';

describe('a share of the mailbox', () => {
  for (const [text, share] of [
    ['50%', 0.5],
    [' 2.5 % ', 0.025],
    ['100%', 1],
    ['0.5', 0.5],
    ['0.05', 0.05],
    ['0.001%', 0.00001],
  ] as const) {
    it(`is read: ${text}`, () => assert.equal(parseShare(text), share));
  }

  for (const text of [
    '',
    '%',
    '0%',
    '0',
    '0.0',
    '1',
    '50',
    '101%',
    '-5%',
    '1.5',
    '5e1%',
    '50%%',
    'half',
    '0,5',
    'NaN%',
  ]) {
    it(`is refused: "${text}"`, () => {
      assert.equal(parseShare(text), null);
      assert.throws(() => shareOption('x').parse(text), /is no share/);
    });
  }
});
