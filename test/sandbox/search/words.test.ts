import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordsOf } from './words.ts';

test('separates words at everything that is no letter or digit', () => {
  assert.equal(wordsOf('Re: [sailing] well-known_file.pdf, 12:30!'), ' re sailing well known file pdf 12 30 ');
});

test('folds case, diacritics and letters that only look like others', () => {
  assert.equal(wordsOf('ÉTÉ Größe Łódź Ærø'), ' ete grosse lodz aero ');
  assert.equal(wordsOf('e\u0301te\u0301'), wordsOf('été'));
});

test('keeps letters of other scripts as words', () => {
  assert.equal(wordsOf('שלום עולם'), ' שלום עולם ');
});

test('takes each character of a script without spaces for a word', () => {
  assert.equal(wordsOf('請求書 42'), ' 請 求 書 42 ');
});

test('finds no words in symbols', () => {
  assert.equal(wordsOf('🎉 – “…” $'), ' ');
  assert.equal(wordsOf(''), ' ');
});
