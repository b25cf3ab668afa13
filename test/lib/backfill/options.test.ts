import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BACKFILL_OPTIONS } from '../../../lib/backfill/options.ts';

describe('the size of windows', () => {
  it('is one of four words', () => {
    const { window } = BACKFILL_OPTIONS;
    for (const unit of ['day', 'week', 'month', 'year']) assert.equal(window.parse(unit), unit);
    for (const text of ['', 'days', 'Month', 'quarter', '1', 'toString']) {
      assert.throws(() => window.parse(text), /is not one of day, week, month, year/, text);
    }
  });
});
