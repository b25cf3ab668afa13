import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAtOrBelow, isFrom } from '../../../lib/export/selection.ts';
import { headIn } from '../../../lib/export/source-headers.ts';

const head = (text: string) => headIn(Buffer.from(text));

describe('a selection', () => {
  const senders: readonly (readonly [string, string, boolean])[] = [
    ['Bob <bob@example.com>', 'bob@example.com', true],
    ['Bob <BOB@Example.com>', 'bob@example.com', true],
    ['bob@example.com', 'example.com', true],
    ['bob@mail.example.com', 'example.com', true],
    ['bob@notexample.com', 'example.com', false],
    ['"bob@example.com" <eve@evil.example>', 'bob@example.com', false],
    ['=?UTF-8?Q?bob=40example=2Ecom_=3Cbob=40example=2Ecom=3E?= <eve@evil.example>', 'bob@example.com', false],
    ['Team: ann@example.com, bob@example.com;', 'bob@example.com', true],
    ['=?ISO-8859-1?Q?J=F6rg?= <joerg@example.org>', 'joerg@example.org', true],
    ['', 'example.com', false],
  ];
  for (const [from, wanted, fits] of senders) {
    it(`by ${wanted} ${fits ? 'has' : 'lacks'} a message from ${from === '' ? 'nobody' : from}`, () => {
      assert.equal(isFrom(head(`From: ${from}\r\n\r\n`), [wanted]), fits);
    });
  }

  it('by a label has the labels below it', () => {
    assert.ok(isAtOrBelow('Work', 'work'));
    assert.ok(isAtOrBelow('Work/A', 'Work'));
    assert.ok(!isAtOrBelow('Workshop', 'Work'));
    assert.ok(!isAtOrBelow('Work-A', 'Work'));
    assert.ok(!isAtOrBelow('Work', 'Work/A'));
  });
});
