/** Messages that senders or their programs broke: each is read in some form, or left to Gmail, within a moment. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contentOfParts, parseSource } from '../../../lib/gmail/mime.ts';

const HEAD = 'From: a@example.org\r\nSubject: broken\r\n';

const repeat = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => line(index)).join('');

const mixed = (...parts: string[]) =>
  `${HEAD}Content-Type: multipart/mixed; boundary=cut\r\n\r\n${parts.map((part) => `--cut\r\n${part}\r\n`).join('')}--cut--\r\n`;

const nested = (levels: number, boundary: (index: number) => string) =>
  HEAD +
  repeat(
    levels,
    (index) => `Content-Type: multipart/mixed; boundary=${boundary(index)}\r\n\r\n--${boundary(index)}\r\n`,
  );

/** A source → what its text holds; null for a source that is left to Gmail. */
const BROKEN: Readonly<Record<string, readonly [source: string | Buffer, text: string | null]>> = {
  nothing: ['', ''],
  'NUL bytes alone': [Buffer.alloc(1_000_000), ''],
  'NUL bytes in headers and text': [`${HEAD}X-Nul: \0\0\r\n\r\nbefore\0after`, 'before\0after'],
  'no boundary where one is declared': [`${HEAD}Content-Type: multipart/mixed\r\n\r\n--cut\r\n\r\nhello`, ''],
  'a boundary that never comes': [`${HEAD}Content-Type: multipart/mixed; boundary=none\r\n\r\nhello`, ''],
  'parts that end too soon': [`${HEAD}Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\n\r\nhello`, 'hello'],
  'a charset that does not exist': [`${HEAD}Content-Type: text/plain; charset=klingon\r\n\r\nhello`, 'hello'],
  'a charset that its bytes contradict': [
    Buffer.from(`${HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\nGr\u00fc\u00dfe`, 'latin1'),
    'Gr',
  ],
  'an odd number of bytes in UTF-16': [`${HEAD}Content-Type: text/plain; charset=utf-16\r\n\r\nabc`, ''],
  'base64 that is cut off': [`${HEAD}Content-Transfer-Encoding: base64\r\n\r\naGVsbG8gd29ybG`, 'hello wor'],
  'base64 of other characters': [`${HEAD}Content-Transfer-Encoding: base64\r\n\r\n${'=*?'.repeat(600_000)}`, ''],
  'quoted-printable that is none': [
    `${HEAD}Content-Transfer-Encoding: quoted-printable\r\n\r\nhello =Z=\r\n=`,
    'hello',
  ],
  'a header line of 1 MB': [`${HEAD}X-Long: ${'a'.repeat(1_000_000)}\r\n\r\nhello`, 'hello'],
  'headers of 3 MB': [`${HEAD}${repeat(30_000, () => `X-A: ${'b'.repeat(100)}\r\n`)}\r\nhello`, null],
  '60,000 encoded words': [`Subject: ${'=?utf-8?q?=C3=A4?= '.repeat(60_000)}\r\n\r\nhello`, 'hello'],
  '140,000 senders': [`From: ${'a@example.org, '.repeat(70_000)}\r\n\r\nhello`, 'hello'],
  'a sender of brackets': [`From: ${'('.repeat(1_000_000)}\r\n\r\nhello`, 'hello'],
  '80,000 parameters': [
    `${HEAD}Content-Type: text/plain; ${repeat(80_000, (at) => `a*${at}*=x;`)}\r\n\r\nhello`,
    'hello',
  ],
  '10,000 parts': [mixed(...Array(10_000).fill('\r\nhello')), 'hello'],
  '250 levels': [`${nested(250, (at) => `b${at}`)}\r\nhello`, 'hello'],
  '2,000 levels': [`${nested(2_000, (at) => `b${at}`)}\r\nhello`, null],
  '20,000 levels with one boundary': [`${nested(20_000, () => 'b')}\r\nhello`, null],
  '1,000 forwarded messages in each other': [HEAD + 'Content-Type: message/rfc822\r\n\r\n'.repeat(1_000), ''],
  'a line of 2 MB': [`${HEAD}\r\n${'x'.repeat(2_000_000)}`, 'xxx'],
  '2,000,000 empty lines': [HEAD + '\n'.repeat(2_000_000), null],
  'HTML on which postal-mime takes many minutes': [
    mixed('\r\nhello', `Content-Type: text/html\r\n\r\n${'<a href="'.repeat(200_000)}`),
    'hello',
  ],
};

describe('a message with', () => {
  for (const [what, [source, text]] of Object.entries(BROKEN)) {
    it(`${what} is ${text === null ? 'left to Gmail' : 'read'}`, async () => {
      const began = performance.now();
      const content = await parseSource(Buffer.from(source));
      assert.ok(performance.now() - began < 20_000, 'took too long');
      if (text === null) assert.equal(content, null);
      else assert.ok(content?.text.includes(text), content?.text.slice(0, 100));
    });
  }
});

describe('a message of random pieces', () => {
  const PIECES = [
    ...[
      '\r\n',
      '\n',
      '\r',
      '\0',
      ' ',
      '\t',
      '--cut',
      '--cut--',
      '--in',
      '=?utf-8?q?',
      '?=',
      '"',
      '(',
      '<',
      '>',
      ';',
      '=',
    ],
    ...[
      'Content-Type: ',
      'multipart/mixed; boundary=cut',
      'multipart/alternative; boundary=in',
      'text/plain',
      'text/html',
    ],
    ...[
      'message/rfc822',
      'application/pdf; name="a.pdf"',
      '; charset=utf-7',
      '; charset=iso-2022-jp',
      '; format=flowed',
    ],
    ...[
      'Content-Transfer-Encoding: ',
      'base64',
      'quoted-printable',
      'Content-Disposition: attachment',
      'From: ',
      'a@b.c',
    ],
    ...[
      'Date: ',
      'Subject: ',
      'aGVsbG8',
      '\u00ff\u00fe',
      '<p>',
      '<a href="',
      '<!--',
      '=C3',
      '=\r\n',
      '\r\n\r\n',
      '\x1b$B',
    ],
  ];

  it('is read or left to Gmail, whatever the pieces are', async () => {
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let round = 0; round < 2_000; round += 1) {
      const source = repeat(random(120), () => PIECES[random(PIECES.length)] ?? '');
      const content = await parseSource(Buffer.from(source, 'latin1'));
      for (const attachment of content?.attachments ?? []) {
        assert.equal((await attachment.content()).length, attachment.sizeBytes);
      }
    }
  });
});

describe("a message in Gmail's parts", () => {
  const fetch = async (id: string) => Buffer.from(`content of ${id}`);
  const text = (bytes: Buffer, contentType: string) => ({
    mimeType: contentType.split(';')[0] ?? '',
    headers: [{ name: 'Content-Type', value: contentType }],
    body: { data: bytes.toString('base64url'), size: bytes.length },
  });

  it('has its texts in the charset that they have: mostly UTF-8, whatever the header says', () => {
    const japanese = Buffer.from('\x1b$B8+=Q\x1b(B', 'latin1');
    for (const [bytes, contentType, expected] of [
      [Buffer.from('Grüße'), 'text/plain; charset=iso-8859-1', 'Grüße'],
      [Buffer.from('Grüße', 'latin1'), 'text/plain; charset="ISO-8859-1"', 'Grüße'],
      [Buffer.from('Grüße', 'latin1'), 'text/plain', 'Grüße'],
      [Buffer.from('Grüße', 'latin1'), 'text/plain; charset=klingon', 'Grüße'],
      [Buffer.from('日本'), 'text/plain; charset=iso-2022-jp', '日本'],
      [japanese, 'text/plain; charset=iso-2022-jp', '見術'],
    ] as const) {
      assert.equal(contentOfParts(text(bytes, contentType), fetch).text, expected, contentType);
    }
  });

  it('has attachments with their names and contents, forwarded messages and attached texts among them', async () => {
    const parts = [
      text(Buffer.from('hello'), 'text/plain'),
      { mimeType: 'Application/PDF', filename: '=?utf-8?q?B=C3=BCro.pdf?=', body: { attachmentId: 'a1', size: 5 } },
      { mimeType: 'message/rfc822', filename: 'x.eml', body: { attachmentId: 'a2', size: 6 }, parts: [{}] },
      { mimeType: 'text/plain', filename: 'notes.txt', body: { attachmentId: 'a3', size: 7 } },
      { ...text(Buffer.from('b'), 'text/plain'), headers: [{ name: 'content-disposition', value: 'Attachment' }] },
    ];
    const content = contentOfParts({ mimeType: 'multipart/mixed', parts }, fetch);
    assert.equal(content.text, 'hello');
    const read = content.attachments.map(async ({ name, type, sizeBytes, content }) => [
      name,
      type,
      sizeBytes,
      String(await content()),
    ]);
    assert.deepEqual(await Promise.all(read), [
      ['Büro.pdf', 'application/pdf', 5, 'content of a1'],
      ['x.eml', 'message/rfc822', 6, 'content of a2'],
      ['notes.txt', 'text/plain', 7, 'content of a3'],
      ['', 'text/plain', 1, 'b'],
    ]);
  });

  it('may be nested 100,000 levels deep', () => {
    let payload: object = text(Buffer.from('hello'), 'text/plain');
    for (let level = 0; level < 100_000; level += 1) payload = { mimeType: 'multipart/mixed', parts: [payload] };
    assert.equal(contentOfParts(payload, fetch).text, 'hello');
  });
});
