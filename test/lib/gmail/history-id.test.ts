import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareHistoryIds, isHistoryId, laterHistoryId } from '../../../lib/gmail/history-id.ts';

describe('a history id', () => {
  it('is a 64-bit number in digits', () => {
    for (const id of ['0', '4711', '18446744073709551615']) assert.ok(isHistoryId(id), id);
    for (const other of ['', '-1', '1e3', ' 1', '18446744073709551616', '1'.repeat(21), 4711, null]) {
      assert.ok(!isHistoryId(other), String(other));
    }
  });

  it('is compared as a number', () => {
    assert.ok(compareHistoryIds('9', '10') < 0);
    assert.ok(compareHistoryIds('18446744073709551615', '18446744073709551614') > 0);
    assert.equal(compareHistoryIds('010', '10'), 0);
    assert.equal(laterHistoryId('9', '10'), '10');
    assert.equal(laterHistoryId('10', '9'), '10');
  });
});
