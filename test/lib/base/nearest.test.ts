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
    it(`takes "${typed}" for ${meant ?? 'nothing it knows'}`, () => assert.equal(nearest(typed, names), meant));
  }

  it('knows nothing where there are no candidates', () => assert.equal(nearest('x', []), undefined));
});

describe('didYouMean', () => {
  it('asks for the nearest word, or says nothing', () => {
    assert.equal(didYouMean('digst', ['digest']), ' (did you mean "digest"?)');
    assert.equal(didYouMean('export', ['digest']), '');
  });
});
