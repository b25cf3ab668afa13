import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import test from 'node:test';
import { refusalOf } from '../real-clients.ts';
import { startWith } from './plain-mailbox.ts';

const me = { userId: 'me' };

const SOURCE = [
  'From: Digest <alice@example.com>',
  'To: alice@example.com',
  'Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe_vom?=',
  ' =?UTF-8?B?IERpZ2VzdA==?=',
  'Date: Fri, 02 Jan 2026 03:04:05 +0000',
  'Message-ID: <digest-1@gmail-jobs>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/alternative; boundary="cut"',
  '',
  '--cut',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Drei Gr=C3=BC=C3=9Fe',
  '--cut',
  'Content-Type: text/html; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from('<p>Drei Grüße</p>').toString('base64'),
  '--cut--',
  '',
].join('\r\n');

test('insert puts a message into the mailbox, where its Message-ID finds it', async () => {
  await using box = await startWith(1);
  const raw = Buffer.from(SOURCE).toString('base64url');
  const requestBody = { raw, labelIds: ['INBOX', 'UNREAD'] };
  const { data } = await box.users.messages.insert({ ...me, requestBody, internalDateSource: 'dateHeader' });
  assert.deepEqual(data.labelIds, ['INBOX', 'UNREAD']);
  assert.equal(box.mailbox.get(data.id ?? '')?.internalDateMs, Date.UTC(2026, 0, 2, 3, 4, 5));
  const found = await box.users.messages.list({ ...me, q: 'rfc822msgid:digest-1@gmail-jobs' });
  assert.deepEqual(found.data.messages, [{ id: data.id, threadId: data.threadId }]);
});

test('gives an inserted message back as it came, and its parts decoded', async () => {
  await using box = await startWith(1);
  const requestBody = { raw: Buffer.from(SOURCE).toString('base64url') };
  const id = (await box.users.messages.insert({ ...me, requestBody })).data.id ?? '';
  const source = await box.users.messages.get({ ...me, id, format: 'raw' });
  assert.equal(source.data.raw, requestBody.raw);
  const { payload } = (await box.users.messages.get({ ...me, id })).data;
  assert.equal(payload?.mimeType, 'multipart/alternative');
  assert.equal(payload?.headers?.find(({ name }) => name === 'Subject')?.value, 'Grüße vom Digest');
  assert.deepEqual(
    payload?.parts?.map((part) => [part.mimeType, Buffer.from(part.body?.data ?? '', 'base64url').toString()]),
    [
      ['text/plain', 'Drei Grüße'],
      ['text/html', '<p>Drei Grüße</p>'],
    ],
  );
});

test('insert also takes uploads, with and without a resource', async () => {
  await using box = await startWith(1);
  const rootUrl = `${box.sandbox.env.GMAIL_API_URL}/`;
  const media = () => ({ mimeType: 'message/rfc822', body: Readable.from([SOURCE]) });
  const plain = await box.users.messages.insert({ ...me, media: media() }, { rootUrl });
  const labelled = await box.users.messages.insert(
    { ...me, requestBody: { labelIds: ['INBOX'] }, media: media() },
    { rootUrl },
  );
  assert.equal(plain.data.labelIds, undefined);
  assert.deepEqual(labelled.data.labelIds, ['INBOX']);
  for (const { data } of [plain, labelled]) {
    const stored = box.mailbox.get(data.id ?? '');
    assert.deepEqual([stored?.subject, stored?.messageId], ['Grüße vom Digest', '<digest-1@gmail-jobs>']);
  }
  assert.deepEqual(
    box.sandbox.requests.slice(-2).map(({ verb, path }) => [verb, path]),
    [1, 2].map(() => ['messages.insert', '/upload/gmail/v1/users/me/messages']),
  );
});

test('insert refuses a message without a source, with a broken one and with an unknown label', async () => {
  await using box = await startWith(1);
  const insert = (requestBody: object) => box.users.messages.insert({ ...me, requestBody });
  const raw = Buffer.from(SOURCE).toString('base64url');
  for (const body of [{}, { raw: 'no base64!' }, { raw, labelIds: ['Label_99'] }, { raw, labelIds: ['DRAFT'] }]) {
    assert.equal((await refusalOf(insert(body))).code, 400);
  }
  assert.equal(box.mailbox.messages().length, 1);
});
