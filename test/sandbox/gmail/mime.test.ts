import assert from 'node:assert/strict';
import test from 'node:test';
import { parameter, parseSource, splitParts } from './mime.ts';

test('reads nested parts, also where one boundary begins like another', () => {
  const source = [
    'Content-Type: multipart/mixed; boundary="part"',
    '',
    '--part',
    'Content-Type: multipart/alternative; boundary="part-2"',
    '',
    '--part-2',
    'Content-Type: text/plain',
    '',
    'one',
    '--part-2--',
    '--part',
    'Content-Type: text/csv; name="list.csv"',
    'Content-Disposition: attachment; filename="list.csv"',
    '',
    'a,b',
    '--part--',
  ].join('\r\n');
  const { parts } = parseSource(source);
  assert.deepEqual(
    parts?.map(({ partId, mimeType, filename }) => [partId, mimeType, filename]),
    [
      ['0', 'multipart/alternative', ''],
      ['1', 'text/csv', 'list.csv'],
    ],
  );
  const [inner] = parts?.[0]?.parts ?? [];
  assert.deepEqual([inner?.partId, inner?.mimeType, inner?.body.size], ['0.0', 'text/plain', 3]);
});

test('a body with boundaries that have signs of their own is cut in the right places', () => {
  assert.deepEqual(splitParts('--a.b?(c)\n\nx\n--a.b?(c)\n\ny\n--a.b?(c)--\n', 'a.b?(c)'), ['\nx', '\ny']);
});

test('reads a parameter with and without quotes', () => {
  assert.equal(parameter('text/plain; charset=utf-8; name="a b.txt"', 'name'), 'a b.txt');
  assert.equal(parameter('multipart/mixed; boundary=cut', 'boundary'), 'cut');
  assert.equal(parameter('text/plain', 'boundary'), undefined);
});
