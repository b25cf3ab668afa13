import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import PostalMime, { type Email } from 'postal-mime';
import { composeMail } from '../../../lib/digest/compose.ts';
import type { DigestContents, DigestLine } from '../../../lib/digest/contents.ts';
import { lastPeriod } from '../../../lib/digest/period.ts';
import { parseSender, subjectLine } from '../../../lib/gmail/mail-text.ts';
import { NASTY } from '../../sandbox/corpus.ts';
import { EMAIL } from './support.ts';

const NOW = new Date('2026-11-23T06:00:00Z');

function line(from: string, subject: string): DigestLine {
  const receivedAt = new Date('2026-11-22T14:05:00Z');
  return {
    threadId: '18f0',
    sender: parseSender(from),
    subject: subjectLine(subject),
    receivedAt,
    sizeBytes: 3_500_000,
  };
}

function contentsWith(lines: readonly DigestLine[], more: Partial<DigestContents> = {}): DigestContents {
  return {
    period: lastPeriod('day', 'UTC', NOW),
    now: NOW,
    address: EMAIL,
    total: lines.length,
    categories: lines.length === 0 ? [] : [{ name: 'Primary', count: lines.length }],
    unread: lines.length,
    important: 0,
    starred: 0,
    withAttachments: 0,
    spam: 0,
    trash: 0,
    read: lines.length,
    senders: lines.map(({ sender }) => ({ ...sender, count: 1 })),
    largest: lines,
    unreadMessages: lines,
    waiting: lines,
    ...more,
  };
}

async function composed(contents: DigestContents): Promise<Email & { html: string; text: string }> {
  const email = await PostalMime.parse(await composeMail(contents, 'digest.test@gmail-jobs.invalid'));
  return { ...email, html: email.html ?? '', text: email.text ?? '' };
}

const EVIL = [
  ...NASTY,
  { from: '</a><a href="https://mischief.example">x</a> <x@mischief.example>', subject: "' onmouseover='alert(1)" },
  { from: 'x\r\nBcc: all@mischief.example <x@mischief.example>', subject: 'x\r\nBcc: all@mischief.example' },
  { from: 'x <"javascript:alert(1)"@mischief.example>', subject: '</style><style>*{display:none}</style><!--' },
];

describe('composeMail', () => {
  it('makes a mail from and to the own address, in HTML and text', async () => {
    const email = await composed(contentsWith([line('Tom <tom@okafor.example>', 'Lunch & <more>')]));
    assert.equal(email.subject, 'Your day in mail: Sunday, 22 November');
    assert.equal(email.from?.address, EMAIL);
    assert.deepEqual(
      email.to?.map(({ address }) => address),
      [EMAIL],
    );
    assert.equal(email.messageId, '<digest.test@gmail-jobs.invalid>');
    assert.equal(new Date(email.date ?? '').getTime(), NOW.getTime());
    assert.match(email.text, /14:05 {2}Tom: Lunch & <more>/);
    assert.match(email.html, /Lunch &amp; &lt;more&gt;/);
    assert.match(email.html, />3\.3 MB</);
  });

  it('lets no sender add markup, links or header lines', async () => {
    const lines = EVIL.map(({ from, subject }) => line(from, subject));
    const email = await composed(contentsWith(lines));
    const plain = await composed(contentsWith(EVIL.map(() => line('a <a@b.example>', 'c'))));
    const tagsOf = (html: string) => (html.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/ href="[^"]*"/, ''));
    assert.deepEqual(tagsOf(email.html), tagsOf(plain.html));
    for (const [, href = ''] of email.html.matchAll(/href="([^"]*)"/g)) {
      assert.match(
        href,
        /^https:\/\/mail\.google\.com\/mail\/\?authuser=alice%40example\.com#(all|search)\/[\w%.()!'*-]*$/,
      );
    }
    assert.deepEqual(
      email.headers.map(({ key }) => key),
      plain.headers.map(({ key }) => key),
    );
    assert.doesNotMatch(email.text, /https?:\/\//);
  });

  it('shows no control characters and no text that changes direction', async () => {
    const email = await composed(contentsWith(EVIL.map(({ from, subject }) => line(from, subject))));
    for (const part of [email.html, email.text]) {
      assert.doesNotMatch(part.replaceAll('\n', ''), /\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
    }
  });

  it('loads nothing from anywhere, and stays below the size at which Gmail clips a mail', async () => {
    const lines = Array.from({ length: 8 }, () => line('😀'.repeat(90), '👨‍👩‍👧‍👦'.repeat(200)));
    const { html } = await composed(contentsWith(lines));
    assert.doesNotMatch(html, /<img|<link|<script|@import|@font-face|url\(|\ssrc=/i);
    assert.ok(Buffer.byteLength(html) < 102_000, `${Buffer.byteLength(html)} bytes`);
  });

  it('is one friendly line when no mail arrived', async () => {
    const { html, text } = await composed(contentsWith([]));
    for (const part of [html, text]) assert.match(part, /Nothing came in\. Enjoy the quiet\./);
    assert.doesNotMatch(text, /UNREAD|LARGEST|WAITING|NaN|Infinity/);
    assert.ok(text.length < 300);
  });

  it('says when more messages arrived than were read, and which are not counted', async () => {
    const more = { total: 1_812, unread: 900, read: 200, spam: 3, trash: 1 };
    const { text } = await composed(contentsWith([line('Tom <tom@okafor.example>', 'Hi')], more));
    assert.match(text, /come from the newest 200 of 1,812 messages/);
    assert.match(text, /Not counted: 3 in Spam and 1 in Trash/);
    assert.match(text, /and 899 more/);
  });
});
