import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type FileValues,
  numbered,
  numberingOf,
  parseTemplate,
  pathFor,
  safeName,
} from '../../../lib/attachments/path.ts';

const VALUES: FileValues = {
  receivedAt: new Date('2026-11-27T23:59:59.999Z'),
  from: 'Billing@Acme.example',
  subject: 'Your invoice',
  filename: 'Invoice 7.PDF',
  type: 'application/pdf',
  id: '18f0aa',
};

function path(template: string, values: Partial<FileValues> = {}): string {
  const parsed = parseTemplate(template);
  if ('problem' in parsed) return assert.fail(`${template} ${parsed.problem}`);
  return pathFor(parsed, { ...VALUES, ...values });
}

describe('a template', () => {
  it('fills every placeholder', () => {
    const whole = '{year}-{month}-{day}/{from}/{domain}/{subject}/{id}.{ext}/{filename}';
    assert.equal(path(whole), '2026-11-27/billing@acme.example/acme.example/Your invoice/18f0aa.pdf/Invoice 7.PDF');
  });

  const empty: ReadonlyArray<readonly [template: string, values: Partial<FileValues>, path: string]> = [
    ['{filename}', { filename: '' }, 'attachment.pdf'],
    ['{filename}', { filename: '', type: 'message/rfc822' }, 'attachment.eml'],
    ['{filename}', { filename: '', type: 'x/y' }, 'attachment.bin'],
    ['{filename}', { filename: '../..' }, '_'],
    ['{subject}.{ext}', { subject: ' \t', filename: 'x' }, 'no subject.pdf'],
    ['{from}/{domain}/{filename}', { from: '' }, 'unknown/unknown/Invoice 7.PDF'],
    ['{domain}.{ext}', { from: '@' }, 'unknown.pdf'],
    ['{id}.{ext}', { filename: 'archive.tar.GZ' }, '18f0aa.gz'],
    ['{id}.{ext}', { filename: 'invoice.p/../../d', type: 'x/y' }, '18f0aa.bin'],
  ];
  for (const [template, values, expected] of empty) {
    it(`gives ${template} for ${JSON.stringify(values)} as ${expected}`, () => {
      assert.equal(path(template, values), expected);
    });
  }

  const reserved: ReadonlyArray<readonly [template: string, values: Partial<FileValues>, path: string]> = [
    ['{subject}/{filename}', { subject: 'messages' }, '_messages/Invoice 7.PDF'],
    ['{subject}/{filename}', { subject: 'Index' }, '_Index/Invoice 7.PDF'],
    ['{subject}/{filename}', { subject: 'mess\u200bages.' }, '_messages/Invoice 7.PDF'],
    ['{filename}', { filename: 'state.json' }, '_state.json'],
    ['{filename}', { filename: '.Restore.json' }, '_Restore.json'],
    ['mess{ext}/{filename}', { filename: 'x.ages' }, '_messages/x.ages'],
    ['a/{filename}', { filename: 'state.json' }, 'a/state.json'],
    ['{subject}/{filename}', { subject: 'messages/2026' }, 'messages_2026/Invoice 7.PDF'],
  ];
  for (const [template, values, expected] of reserved) {
    it(`keeps out of the copy of job export: ${template} for ${JSON.stringify(values)}`, () => {
      assert.equal(path(template, values), expected);
    });
  }

  it('stays within 700 bytes and keeps the extension, however long the values are', () => {
    const long = 'ä'.repeat(5_000);
    const values = { subject: long, from: `${long}@${long}`, filename: `${long}.pdf`, id: long };
    const template = `${'{subject}-{from}/'.repeat(5)}${'static'.repeat(20)}/{filename}`;
    const made = path(template, values);
    assert.ok(Buffer.byteLength(made) <= 700, made);
    assert.match(made, /ä\.pdf$/);
    for (const part of made.split('/')) assert.ok(Buffer.byteLength(part) <= 200, part);
  });

  const refused: ReadonlyArray<readonly [template: string, why: RegExp]> = [
    ['/etc/{filename}', /begins at a root/],
    ['C:/{filename}', /begins at a root/],
    ['invoices/', /ends with a slash/],
    ['invoices/{year}', /no ending/],
    ['invoices/{id}', /no ending/],
    ['a//{filename}', /empty part/],
    ['../{filename}', /begins with a dot/],
    ['a/../{filename}', /begins with a dot/],
    ['.hidden/{filename}', /begins with a dot/],
    ['a\\{filename}', /not a safe name/],
    ['a:b/{filename}', /not a safe name/],
    ['con/{filename}', /not a safe name/],
    ['a /{filename}', /not a safe name/],
    ['a\u202e/{filename}', /not a safe name/],
    ['{filname}', /unknown placeholder \{filname\} \(did you mean "filename"\?\)/],
    ['{sender_of_the_mail}.pdf', /unknown placeholder .*\{year\} \{month\}/],
    ['{constructor}.pdf', /unknown placeholder/],
    ['{year/{filename}', /brace/],
    ['a}/{filename}', /brace/],
    ['messages/{filename}', /lies in messages/],
    ['Index/a/{filename}', /lies in Index/],
    ['state.json', /lies in state\.json/],
    ['restore.json', /lies in restore\.json/],
    [`${'{year}'.repeat(13)}/{filename}`, /more than 12 placeholders/],
    [`${'a'.repeat(301)}/{filename}`, /longer than 300 bytes/],
  ];
  for (const [template, why] of refused) {
    it(`cannot be ${template.slice(0, 30)}`, () => {
      const parsed = parseTemplate(template);
      assert.match('problem' in parsed ? parsed.problem : 'no problem', why);
    });
  }

  for (const template of ['latest.pdf', '{year}-{month}.{ext}', 'a/{id} {filename}', 'inbox/messages/{filename}']) {
    it(`may be ${template}`, () => assert.equal('problem' in parseTemplate(template), false));
  }
});

describe('a safe name', () => {
  const cases: ReadonlyArray<readonly [title: string, text: string, name: string]> = [
    ['a plain name', 'Rechnung März.pdf', 'Rechnung März.pdf'],
    ['separators', '../../etc/passwd', '_.._etc_passwd'],
    ['separators of Windows', 'C:\\Users\\a.txt', 'C__Users_a.txt'],
    ['two dots', '..', ''],
    ['a hidden file', '.htaccess', 'htaccess'],
    ['dots and spaces at the end', 'a.pdf. . ', 'a.pdf'],
    ['characters that Windows forbids', 'a<b>c:"d"|e?f*', 'a_b_c__d__e_f_'],
    ['control characters', 'a\0b\x07c\x7f\u0085d', 'abcd'],
    ['line breaks', 'a\r\nb\u2028c\td', 'a b c d'],
    ['a right-to-left override', 'invoice\u202Efdp.exe', 'invoicefdp.exe'],
    ['isolates and marks', '\u2066a\u2069\u200f\u200eb\u061c', 'ab'],
    ['zero-width characters', 'a\u200b\u2060\ufeff\u00adb', 'ab'],
    ['invisible characters of other blocks', 'a\u3164\u115f\u{e0041}b', 'ab'],
    ['half of a surrogate pair', 'a\ud800b', 'a\ufffdb'],
    ['characters that XML forbids', 'a\uffff\ufffeb', 'ab'],
    ['decomposed letters', 'u\u0308.pdf', 'ü.pdf'],
    ['a letter that only decomposes with an invisible one', 'u\u200b\u0308', 'ü'],
    ['a device', 'CON', '_CON'],
    ['a device with an extension', 'nul.tar.gz', '_nul.tar.gz'],
    ['a device with a space', 'aux .txt', '_aux .txt'],
    ['a device with a number', 'COM¹.txt', '_COM¹.txt'],
    ['no device', 'console.log', 'console.log'],
    ['a device behind a dot', '.con', '_con'],
    ['nothing', '\u202e \0.', ''],
    ['an emoji', '👩‍👩‍👧 family.jpg', '👩👩👧 family.jpg'],
    ['a tilde and a hyphen', '~a -rf', '~a -rf'],
  ];
  for (const [title, text, name] of cases) {
    it(`is made from ${title}`, () => assert.equal(safeName(text, 200), name));
  }

  it('is cut to its bytes between visible characters, and keeps the extension', () => {
    assert.equal(safeName(`${'ü'.repeat(100)}.pdf`, 24), `${'ü'.repeat(10)}.pdf`);
    assert.equal(safeName(`${'e\u0301\u0302'.repeat(50)}`, 24), 'é\u0302'.repeat(6));
    assert.equal(safeName(`${'x'.repeat(100)}.notanextension`, 24), 'x'.repeat(24));
    assert.equal(safeName(`aaaaaaaaaaaaaaaaaaa ${'b'.repeat(10)}.pdf`, 24), 'aaaaaaaaaaaaaaaaaaa.pdf');
  });

  it('is cut within a character of a thousand accents', () => {
    const name = safeName(`z${'\u0301'.repeat(1_000)}.pdf`, 60);
    assert.match(name, /^ź\u0301+\.pdf$/);
    assert.ok(Buffer.byteLength(name) <= 60);
  });

  it('takes a moment for megabytes of text', () => {
    const startedMs = performance.now();
    safeName('. '.repeat(2_000_000), 200);
    assert.ok(performance.now() - startedMs < 1_000);
  });

  it('is the same when it is made twice', () => {
    const alphabet = ['.', ' ', '/', 'a', 'con', '\u202e', 'u', '\u0308', ':', '\ud83d', 'PDF', '\n', '(', '_'];
    let seed = 7;
    const next = (most: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * most);
    };
    for (let round = 0; round < 3_000; round += 1) {
      const text = Array.from({ length: next(40) }, () => alphabet[next(alphabet.length)]).join('');
      const most = 24 + next(60);
      const once = safeName(text, most);
      assert.equal(safeName(once, most), once, JSON.stringify(text));
      assert.doesNotMatch(once, /[/\\\p{Cc}]|^[. ]|[. ]$/u, JSON.stringify(text));
      assert.ok(Buffer.byteLength(once) <= most);
    }
  });
});

describe('a numbered path', () => {
  it('has the number before the extension', () => {
    assert.equal(numbered('a/invoice.pdf', 2), 'a/invoice (2).pdf');
    assert.equal(numbered('a.b/README', 3), 'a.b/README (3)');
    assert.equal(numbered('invoice (2).pdf', 2), 'invoice (2) (2).pdf');
  });

  it('is recognized', () => {
    const { stem, numberIn } = numberingOf('a/invoice.pdf');
    assert.equal(stem, 'a/invoice');
    assert.equal(numberIn('a/invoice.pdf'), 1);
    assert.equal(numberIn('a/invoice (17).pdf'), 17);
    for (const other of ['a/invoice (x).pdf', 'a/invoice (2).txt', 'a/invoice-2.pdf', 'a/invoice (2) (2).pdf'])
      assert.equal(numberIn(other), null, other);
  });
});
