import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { counted, formatCount, formatShare } from '../../../lib/base/count.ts';

describe('a number for people', () => {
  it('has commas between thousands', () => {
    const numbers = [0, 7, 999, 1_000, 1_947, 12_345, 123_456, 1_234_567, 1_000_000_000];
    assert.deepEqual(
      numbers.map(formatCount),
      numbers.map((number) => number.toLocaleString('en')),
    );
  });

  it('is followed by the singular or plural', () => {
    assert.deepEqual(
      [0, 1, 2, 1_000].map((count) => counted(count, 'message')),
      ['0 messages', '1 message', '2 messages', '1,000 messages'],
    );
    assert.deepEqual(
      [1, 2].map((count) => counted(count, 'reply', 'replies')),
      ['1 reply', '2 replies'],
    );
  });

  it('is a percentage for a share', () => {
    const shares = [0, 0.5, 0.025, 1, 0.333_333, 0.226_45, 0.009, 0.000_25];
    assert.deepEqual(shares.map(formatShare), ['0%', '50%', '2.5%', '100%', '33.3%', '22.6%', '0.9%', '0.025%']);
  });
});
