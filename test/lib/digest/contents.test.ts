import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DigestContents, gatherContents, MOST_READ } from '../../../lib/digest/contents.ts';
import { lastPeriod } from '../../../lib/digest/period.ts';
import { DIGEST_LABEL } from '../../../lib/gmail/own-labels.ts';
import { startSandbox } from '../../sandbox/index.ts';
import { SandboxMailbox, type StoredMessage } from '../../sandbox/mailbox.ts';
import { EMAIL, message, openForDigest } from './support.ts';

/** The digests' label, the first label of the made-up mailbox. */
const MARK = { id: 'Label_1', name: DIGEST_LABEL };

const NOW = new Date('2026-11-23T06:00:00Z');

async function gather(messages: StoredMessage[]): Promise<{ contents: DigestContents; units: number }> {
  const mailbox = new SandboxMailbox({ email: EMAIL, messages, labels: [MARK.name], now: () => NOW.getTime() });
  await using sandbox = await startSandbox({ mailbox });
  const opened = openForDigest(sandbox);
  const contents = await gatherContents(opened.mailbox, {
    address: EMAIL,
    period: lastPeriod('day', 'UTC', NOW),
    mark: MARK,
    now: NOW,
  });
  return { contents, units: sandbox.requests.reduce((sum, { units = 0 }) => sum + units, 0) };
}

/** The same time on the digest's day. */
const at = (time: string) => `2026-11-22T${time}Z`;

describe('gatherContents', () => {
  it('counts the mail that arrived in the period by category and by state', async () => {
    const { contents } = await gather([
      message(at('00:00:00'), { labels: ['INBOX', 'UNREAD', 'IMPORTANT', 'CATEGORY_PERSONAL'] }),
      message(at('23:59:59'), { labels: ['UNREAD', 'STARRED', 'CATEGORY_PROMOTIONS'] }),
      message(at('12:00:00'), { labels: ['INBOX'], attachments: [{ filename: 'a', mimeType: 'a/b', sizeBytes: 1 }] }),
      message(at('12:00:00'), { labels: ['CATEGORY_FORUMS'] }),
      message(at('12:00:00'), { labels: ['SPAM', 'UNREAD'] }),
      message(at('12:00:00'), { labels: ['TRASH'] }),
      message(at('12:00:00'), { labels: ['SENT'], from: EMAIL }),
      message(at('12:00:00'), { labels: ['DRAFT'], from: EMAIL }),
      message(at('12:00:00'), { labels: ['INBOX', 'SENT', 'UNREAD'], from: EMAIL }),
      message(at('12:00:00'), { labels: ['INBOX', 'UNREAD', MARK.id], from: `Mail digest <${EMAIL}>` }),
      message('2026-11-21T23:59:59Z'),
      message('2026-11-23T00:00:00Z'),
    ]);
    const { total, categories, unread, important, starred, withAttachments, spam, trash } = contents;
    assert.deepEqual(
      { total, unread, important, starred, withAttachments, spam, trash },
      { total: 4, unread: 2, important: 1, starred: 1, withAttachments: 1, spam: 1, trash: 1 },
    );
    assert.deepEqual(
      categories.map(({ name, count }) => `${name} ${count}`),
      ['Primary 2', 'Promotions 1', 'Forums 1'],
    );
  });

  it('includes mail from outside under the own address, whatever its headers claim', async () => {
    const form = { from: `Contact form <${EMAIL}>`, subject: 'A question', labels: ['INBOX', 'UNREAD'] };
    const imitation = { from: `Mail digest <${EMAIL}>`, subject: 'Your day in mail: Sunday', labels: ['INBOX'] };
    const { contents } = await gather([
      message(at('12:00:00'), form),
      message(at('11:00:00'), { ...imitation, messageId: '<digest.day.2026-11-22.0@gmail-jobs.invalid>' }),
    ]);
    assert.deepEqual([contents.total, contents.unread], [2, 1]);
    assert.deepEqual(
      contents.senders.map(({ address, count }) => [address, count]),
      [[EMAIL, 2]],
    );
    assert.deepEqual(
      contents.waiting.map(({ subject }) => subject),
      ['Your day in mail: Sunday', 'A question'],
    );
  });

  it('lists senders by count, the largest messages, and unread ones with bulk mail last', async () => {
    const { contents } = await gather([
      message(at('10:00:00'), {
        from: 'Shop <s@shop.example>',
        labels: ['UNREAD', 'CATEGORY_PROMOTIONS'],
        sizeBytes: 10,
      }),
      message(at('09:00:00'), { from: 'The Shop <S@shop.example>', sizeBytes: 5_000 }),
      message(at('08:00:00'), { subject: 'From a person', labels: ['INBOX', 'UNREAD'], sizeBytes: 400 }),
    ]);
    assert.deepEqual(
      contents.senders.map(({ address, count }) => [address, count]),
      [
        ['s@shop.example', 2],
        ['tom@okafor.example', 1],
      ],
    );
    assert.deepEqual(
      contents.largest.map(({ sizeBytes }) => sizeBytes),
      [5_000, 400, 10],
    );
    assert.deepEqual(
      contents.unreadMessages.map(({ subject }) => subject),
      ['From a person', 'Lunch?'],
    );
  });

  it('finds the conversations that have waited longest, without answered, bulk and own mail', async () => {
    const first = message('2026-10-01T08:00:00Z', { subject: 'answered' });
    const again = message('2026-10-05T08:00:00Z', { subject: 'asked again' });
    const { contents } = await gather([
      first,
      message('2026-10-02T08:00:00Z', { labels: ['SENT'], from: EMAIL, threadId: first.threadId }),
      message('2026-10-04T08:00:00Z', { labels: ['SENT'], from: EMAIL, threadId: again.threadId }),
      again,
      message('2026-10-03T08:00:00Z', { subject: 'oldest' }),
      message('2026-10-03T09:00:00Z', { subject: 'archived', labels: [] }),
      message('2026-09-01T08:00:00Z', { subject: 'bulk', labels: ['INBOX', 'CATEGORY_PROMOTIONS'] }),
      message('2026-09-01T08:00:00Z', { subject: 'a digest', from: EMAIL, labels: ['INBOX', MARK.id] }),
      message('2026-09-01T08:00:00Z', { subject: 'a note to oneself', from: EMAIL, labels: ['INBOX', 'SENT'] }),
      message('2026-10-02T09:00:00Z', { subject: 'a contact form', from: EMAIL }),
      message('2024-01-01T08:00:00Z', { subject: 'given up' }),
      ...Array.from({ length: 9 }, (_, index) => message(`2026-11-1${index}T08:00:00Z`, { subject: 'newer' })),
    ]);
    assert.deepEqual(
      contents.waiting.map(({ subject }) => subject),
      ['a contact form', 'oldest', 'asked again', 'newer', 'newer'],
    );
  });

  it('reads no more than the newest 200 and counts the rest by searching', async () => {
    const times = Array.from(
      { length: MOST_READ + 40 },
      (_, index) => new Date(Date.parse(at('02:00:00')) + index * 60_000),
    );
    const { contents, units } = await gather(
      times.map((time, index) =>
        message(time.toISOString(), { labels: ['CATEGORY_UPDATES'], sizeBytes: 1_000 - index }),
      ),
    );
    assert.equal(contents.total, MOST_READ + 40);
    assert.equal(contents.read, MOST_READ);
    assert.deepEqual(contents.largest[0]?.sizeBytes, 1_000 - 40);
    assert.ok(units <= MOST_READ * 20 + 13 * 5 + 1, `${units} units`);
  });
});
