import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dateIn, headerIn, headIn, messageIdOf } from '../../../lib/export/source-headers.ts';

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
    assert.equal(messageIdOf(headerIn(head('Message-Id:\r\n <a@b>\r\n\r\n'), 'Message-ID')), 'a@b');
    for (const unsure of ['(<c@d>) <a@b>', '<a@b> (comment)']) assert.equal(messageIdOf(unsure), '');
    assert.equal(messageIdOf(headerIn(head('Message-ID: a@b\r\n\r\n'), 'Message-ID')), 'a@b');
    assert.equal(dateIn(head('Date: Fri, 2 Jan 2026 03:04:05 +0100 (CET)\r\n\r\n')), Date.UTC(2026, 0, 2, 2, 4, 5));
    assert.equal(dateIn(head('Date: soon\r\n\r\n')), undefined);
    assert.equal(dateIn(head('X: 1\r\n\r\n')), undefined);
  });
});
