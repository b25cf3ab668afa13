import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stackOf } from '../../../lib/process/stack.ts';

describe('stackOf', () => {
  it('shows the stack of an error and of its causes', () => {
    const stack = stackOf(new Error('outer', { cause: new TypeError('inner', { cause: 'text' }) }));
    assert.match(stack, /^Error: outer\n {4}at [\s\S]*\nCaused by: TypeError: inner\n {4}at [\s\S]*\nCaused by: text$/);
  });

  it('ends for an error that is its own cause, and fits into a log line', () => {
    const error = new Error('x'.repeat(5_000));
    error.cause = error;
    assert.ok(stackOf(error).length <= 6_000);
  });

  it('shows a thrown value that is no Error', () => {
    assert.equal(stackOf('text'), 'text');
    assert.equal(stackOf(null), 'null');
  });
});
