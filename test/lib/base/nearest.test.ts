import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { didYouMean, nearest } from '../../../lib/base/nearest.ts';

describe('nearest', () => {
  const names = ['apply-rules', 'digest', 'follow-up', 'from', 'to', 'archive'];
  for (const [typed, meant] of [
    ['aply-rules', 'apply-rules'],
    ['apply_rules', 'apply-rules'],
    ['Digest', 'digest'],
    ['digset', 'digest'],
    ['form', 'from'],
    ['rom', 'from'],
    ['ot', 'to'],
    ['archve', 'archive'],
    ['archived', 'archive'],
    ['export', undefined],
    ['x', undefined],
    ['', undefined],
    ['restore-mailbox', undefined],
  ] as const) {
    it(`takes "${typed}" for ${meant ?? 'no candidate'}`, () => assert.equal(nearest(typed, names), meant));
  }

  it('returns undefined without candidates', () => assert.equal(nearest('x', []), undefined));
});

describe('didYouMean', () => {
  it('suggests the nearest word, or returns an empty text', () => {
    assert.equal(didYouMean('digst', ['digest']), ' (did you mean "digest"?)');
    assert.equal(didYouMean('export', ['digest']), '');
  });
});
