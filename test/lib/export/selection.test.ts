import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAtOrBelow, isFrom } from '../../../lib/export/selection.ts';
import { dateIn, headerIn, headIn, messageIdIn } from '../../../lib/export/source-headers.ts';

const head = (text: string) => headIn(Buffer.from(text));

describe('the headers of a source', () => {
  it('end at the first empty line, whatever its line ends', () => {
    assert.equal(headerIn(head('A: 1\r\nB: 2\r\n\r\nC: 3\n\nD: 4'), 'C'), '');
    assert.equal(headerIn(head('A: 1\nB: 2\n\nC: 3'), 'B'), '2');
    for (const empty of ['', '\r\n', '\n', 'no header']) assert.equal(headerIn(head(empty), 'A'), '');
  });

  it('are found in any case, unfolded, the first of several, and never by a part of their name', () => {
    const source = 'X-Subject: no\r\nsubject:\r\n long\r\n\tone \r\nSubject: other\r\n\r\n';
    assert.equal(headerIn(head(source), 'Subject'), 'long\tone');
    assert.equal(headerIn(head('Subject : spaced\r\n\r\n'), 'Subject'), 'spaced');
  });

  it('give the Message-ID without brackets, and the date', () => {
    assert.equal(messageIdIn(head('Message-Id:\r\n <a@b> (comment)\r\n\r\n')), 'a@b');
    assert.equal(messageIdIn(head('Message-ID: a@b\r\n\r\n')), 'a@b');
    assert.equal(dateIn(head('Date: Fri, 2 Jan 2026 03:04:05 +0100 (CET)\r\n\r\n')), Date.UTC(2026, 0, 2, 2, 4, 5));
    assert.equal(dateIn(head('Date: soon\r\n\r\n')), undefined);
    assert.equal(dateIn(head('X: 1\r\n\r\n')), undefined);
  });
});

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
