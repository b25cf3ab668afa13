import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatLine, LineError, parseLine } from '../../../lib/export/line.ts';

const MESSAGE = {
  id: '18f0a1b2c3d4e5f6',
  threadId: '18f0a1b2c3d4e5f6',
  date: '2026-11-27T01:02:03.000Z',
  size: 4711,
  sha256: 'ab'.repeat(32),
  labels: ['INBOX', 'Work/A'],
  historyId: '123',
};
const LABELS = { id: 'a1', labels: [], historyId: '130' };
const DELETED = { id: 'a1', deleted: true, historyId: '140' };
const RENAME = { label: 'Work/B', was: 'Work/A', historyId: '150' };

/** The message with other values, as JSON writes them; undefined leaves a key out. */
const altered = (values: object) => JSON.stringify({ ...MESSAGE, ...values });

describe('a line of the index', () => {
  it('is read as it was written, in each of its four forms', () => {
    for (const line of [MESSAGE, LABELS, DELETED, RENAME]) {
      const text = formatLine(line as typeof MESSAGE);
      assert.equal(text, `${JSON.stringify(line)}\n`);
      assert.deepEqual(parseLine(text.trimEnd()), line);
    }
  });

  it('may have unknown keys, and spaces; of a key that is written twice the last counts', () => {
    assert.deepEqual(parseLine(` ${altered({ further: { a: 1 } })}\r`), MESSAGE);
    assert.deepEqual(parseLine('{"id":"b1","id":"a1","labels":[],"historyId":"130"}'), LABELS);
    assert.deepEqual(parseLine('{"__proto__":{"deleted":true},"id":"a1","labels":[],"historyId":"130"}'), LABELS);
  });

  it('may have dates and numbers up to their limits', () => {
    const limits = [
      { date: '1970-01-01T00:00:00.000Z' },
      { date: '9999-12-31T23:59:59.999Z' },
      { date: '2024-02-29T00:00:00.000Z' },
      { size: 0 },
      { size: 2 ** 32 - 1 },
      { historyId: '18446744073709551615' },
      { historyId: '0' },
    ];
    for (const values of limits) assert.deepEqual(parseLine(altered(values)), { ...MESSAGE, ...values });
  });

  const invalid: Record<string, readonly string[]> = {
    'no JSON object': [
      '',
      'null',
      '[]',
      '"text"',
      '12',
      '{',
      altered({}).slice(0, -1),
      `${altered({})}}`,
      '{"a":1}{"b":2}',
    ],
    historyId: [
      undefined,
      123,
      '',
      '-1',
      '1.5',
      '0x1f',
      '1e3',
      ' 1',
      '18446744073709551616',
      '9'.repeat(400),
      null,
    ].map((historyId) => altered({ historyId })),
    'id is no id': [undefined, '', '__proto__', '../../etc/passwd', 'a/b', 'A1', '18f0 ', '1'.repeat(17), 12, {}].map(
      (id) => altered({ id }),
    ),
    threadId: [undefined, '', 'a/b', '__proto__', 12].map((threadId) => altered({ threadId })),
    'is no date': [
      undefined,
      12,
      '2026-11-27',
      '2026-11-27T01:02:03Z',
      '2026-02-30T00:00:00.000Z',
      '2026-13-01T00:00:00.000Z',
      '2026-00-01T00:00:00.000Z',
      '2026-11-27T24:00:00.000Z',
      '2026-11-27T01:60:03.000Z',
      '1969-12-31T23:59:59.999Z',
      '+010000-01-01T00:00:00.000Z',
      '-000001-01-01T00:00:00.000Z',
    ].map((date) => altered({ date })),
    size: [undefined, -1, 1.5, '4711', 2 ** 32, null].map((size) => altered({ size })),
    sha256: [undefined, '', 'AB'.repeat(32), 'ab'.repeat(31), 'ab'.repeat(33), 12].map((sha256) => altered({ sha256 })),
    'labels is no list': [undefined, 'INBOX', {}, [1], [''], [null], [['INBOX']]].map((labels) => altered({ labels })),
    deleted: [false, 'true', 1, null].map((deleted) => altered({ deleted })),
    'label or was': [
      { label: 1, was: 'A', historyId: '1' },
      { was: 'A', historyId: '1' },
      { label: '', was: 'A', historyId: '1' },
      { label: 'A', was: null, historyId: '1' },
    ].map((line) => JSON.stringify(line)),
  };
  for (const [problem, texts] of Object.entries(invalid)) {
    it(`is refused, and the reason says: ${problem}`, () => {
      for (const text of texts) {
        assert.throws(
          () => parseLine(text),
          (error: unknown) => error instanceof LineError && error.message.includes(problem),
          text,
        );
      }
    });
  }

  it('has a reason without the content of the line', () => {
    assert.throws(
      () => parseLine('{"id":"secret"}'),
      (error: Error) => !error.message.includes('secret'),
    );
  });
});
