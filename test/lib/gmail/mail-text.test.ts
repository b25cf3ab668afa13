import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSender, subjectLine } from '../../../lib/gmail/mail-text.ts';

describe('subjectLine', () => {
  const cases: [string, string, string][] = [
    ['takes terminal escapes out', '\u001b[31mred\u001b[0m and \u001b]0;title\u0007blue', 'red and blue'],
    ['keeps the direction of the text around it', 'Contract \u202efdp.exe\u202c \u2067x\u2069', 'Contract fdp.exe x'],
    ['makes one line of several', 'a\r\nBcc: b\u2028c\u0085d\te', 'a Bcc: b c d e'],
    ['drops what nobody sees', 'pass\u200bword\ufeff\u00ad\u2060', 'password'],
    ['keeps emoji and scripts that need joiners', '👨‍👩‍👧‍👦 نامه‌ای', '👨‍👩‍👧‍👦 نامه‌ای'],
    ['thins out towers of accents', `a${'\u0301'.repeat(50)}b`, `a${'\u0301'.repeat(4)}b`],
    ['survives half an emoji', 'a\ud83d', 'a\ufffd'],
    ['leaves markup to those who escape it', '<b>&amp;</b>', '<b>&amp;</b>'],
    ['says so when there is none', ' \u200b ', '(no subject)'],
  ];
  for (const [title, subject, shown] of cases) it(title, () => assert.equal(subjectLine(subject), shown));

  it('cuts a long subject between grapheme clusters', () => {
    const line = subjectLine('👨‍👩‍👧‍👦'.repeat(500));
    assert.equal(line, `${'👨‍👩‍👧‍👦'.repeat(89)}…`);
  });
});

describe('parseSender', () => {
  const cases: [string, string, string][] = [
    ['Tom Okafor <Tom@Okafor.example>', 'Tom Okafor', 'tom@okafor.example'],
    ['"Weiß, Jörg" <joerg@example.org>', 'Weiß, Jörg', 'joerg@example.org'],
    ['no-name@example.org', 'no-name@example.org', 'no-name@example.org'],
    ['', '(unknown sender)', ''],
    ['\u202eliame <x@example.org>', 'liame', 'x@example.org'],
  ];
  for (const [from, name, address] of cases) {
    it(`reads ${JSON.stringify(from)}`, () => assert.deepEqual(parseSender(from), { name, address }));
  }
});
