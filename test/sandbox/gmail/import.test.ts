import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import test from 'node:test';
import { refusalOf } from '../real-clients.ts';
import { startWith } from './plain-mailbox.ts';

const me = { userId: 'me' };

function sourceOf(headers: readonly string[]): string {
  return ['From: bob@example.com', 'Date: Fri, 02 Jan 2026 03:04:05 +0000', ...headers, '', 'Hello', ''].join('\r\n');
}

const SOURCE = sourceOf(['Subject: Plans', 'Message-ID: <one@example.com>']);

test('import puts a message into the mailbox at the date of its header, and history shows it', async () => {
  await using box = await startWith(1);
  const before = String(box.mailbox.history.last);
  const requestBody = { raw: Buffer.from(SOURCE).toString('base64url'), labelIds: ['SENT', 'STARRED'] };
  const { data } = await box.users.messages.import({ ...me, requestBody, neverMarkSpam: true });
  const stored = box.mailbox.get(data.id ?? '');
  assert.deepEqual([...(stored?.labelIds ?? [])], ['SENT', 'STARRED']);
  assert.equal(stored?.internalDateMs, Date.UTC(2026, 0, 2, 3, 4, 5));
  const { history } = (await box.users.history.list({ ...me, startHistoryId: before })).data;
  assert.deepEqual(
    history?.flatMap(({ messagesAdded = [] }) => messagesAdded.map(({ message }) => message?.id)),
    [data.id],
  );
  assert.equal(box.sandbox.requests.at(-2)?.units, 25);
});

test('import also takes an upload, to which it adds headers in front', async () => {
  await using box = await startWith(1);
  box.mailbox.imports.addedHeaders = 'Received: by 2002:a05:0:0:0:0:0:0\r\n';
  const media = { mimeType: 'message/rfc822', body: Readable.from([SOURCE]) };
  const rootUrl = `${box.sandbox.env.GMAIL_API_URL}/`;
  const { data } = await box.users.messages.import({ ...me, requestBody: { labelIds: ['INBOX'] }, media }, { rootUrl });
  assert.equal(box.mailbox.get(data.id ?? '')?.raw, `Received: by 2002:a05:0:0:0:0:0:0\r\n${SOURCE}`);
  assert.equal(box.sandbox.requests.at(-1)?.path, '/upload/gmail/v1/users/me/messages/import');
});

test('import puts an answer into the thread of the message that it answers when both have the same subject', async () => {
  await using box = await startWith(1);
  const importSource = async (source: string) => {
    const requestBody = { raw: Buffer.from(source).toString('base64url') };
    return (await box.users.messages.import({ ...me, requestBody })).data;
  };
  const first = await importSource(SOURCE);
  const answer = (subject: string, id: string) =>
    importSource(sourceOf([`Subject: ${subject}`, `Message-ID: <${id}>`, 'References: <one@example.com>']));
  assert.equal((await answer('Re: Plans', 'two@example.com')).threadId, first.threadId);
  assert.notEqual((await answer('Other', 'three@example.com')).threadId, first.threadId);
});

test('import moves to Spam what the classifier takes for spam, unless neverMarkSpam is set', async () => {
  await using box = await startWith(1);
  box.mailbox.imports.isSpam = () => true;
  const requestBody = { raw: Buffer.from(SOURCE).toString('base64url'), labelIds: ['INBOX', 'UNREAD'] };
  assert.deepEqual((await box.users.messages.import({ ...me, requestBody })).data.labelIds, ['SPAM', 'UNREAD']);
  const spared = await box.users.messages.import({ ...me, requestBody, neverMarkSpam: true });
  assert.deepEqual(spared.data.labelIds, ['INBOX', 'UNREAD']);
});

test('import refuses unknown labels, DRAFT, two places and, when told to, SENT', async () => {
  await using box = await startWith(1);
  box.mailbox.imports.refusesSent = true;
  const raw = Buffer.from(SOURCE).toString('base64url');
  for (const labelIds of [['Label_99'], ['DRAFT'], ['INBOX', 'TRASH'], ['SENT']]) {
    const importing = box.users.messages.import({ ...me, requestBody: { raw, labelIds } });
    assert.equal((await refusalOf(importing)).code, 400);
  }
  assert.equal(box.mailbox.messages().length, 1);
});
