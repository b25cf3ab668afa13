import assert from 'node:assert/strict';
import test from 'node:test';
import { refusalOf } from '../real-clients.ts';
import { startWith } from './plain-mailbox.ts';

const me = { userId: 'me' };

test('lists newest first, in pages, with an estimate that saturates', async () => {
  await using box = await startWith(450);
  const seen: (string | null | undefined)[] = [];
  const sizes: number[] = [];
  let pageToken: string | undefined;
  do {
    const { data } = await box.users.messages.list({ ...me, maxResults: 200, ...(pageToken ? { pageToken } : {}) });
    seen.push(...(data.messages ?? []).map(({ id }) => id));
    sizes.push(data.messages?.length ?? 0);
    assert.equal(data.resultSizeEstimate, 201);
    pageToken = data.nextPageToken ?? undefined;
  } while (pageToken);
  assert.deepEqual(sizes, [200, 200, 50]);
  assert.deepEqual(seen, box.ids.toReversed());
});

test('gives 100 ids by default and never more than 500', async () => {
  await using box = await startWith(600);
  assert.equal((await box.users.messages.list(me)).data.messages?.length, 100);
  assert.equal((await box.users.messages.list({ ...me, maxResults: 9_999 })).data.messages?.length, 500);
});

test('leaves `messages` out when there are none', async () => {
  await using box = await startWith(2);
  const { data } = await box.users.messages.list({ ...me, q: 'subject:nothing' });
  assert.deepEqual(data, { resultSizeEstimate: 0 });
});

test('later pages shift when the matches of a query change meanwhile', async () => {
  await using box = await startWith(20);
  const first = await box.users.messages.list({ ...me, q: 'in:inbox', maxResults: 10 });
  const ids = (first.data.messages ?? []).map(({ id }) => id ?? '');
  await box.users.messages.batchModify({ ...me, requestBody: { ids, removeLabelIds: ['INBOX'] } });
  const pageToken = first.data.nextPageToken ?? '';
  const second = await box.users.messages.list({ ...me, q: 'in:inbox', maxResults: 10, pageToken });
  assert.equal(second.data.messages, undefined);
});

test('a page token is valid for its own query only', async () => {
  await using box = await startWith(20);
  const { data } = await box.users.messages.list({ ...me, q: 'in:inbox', maxResults: 5 });
  const other = { ...me, q: 'is:unread', maxResults: 5, pageToken: data.nextPageToken ?? '' };
  assert.equal((await refusalOf(box.users.messages.list(other))).message, 'Invalid pageToken');
  assert.equal((await refusalOf(box.users.messages.list({ ...other, pageToken: 'abc' }))).code, 400);
});

test('finds by labels, and spam and trash only when they are asked for', async () => {
  await using box = await startWith(6);
  box.mailbox.modify(box.ids.slice(0, 2), ['TRASH'], ['INBOX']);
  const found = async (parameters: object) =>
    (await box.users.messages.list({ ...me, ...parameters })).data.messages?.length ?? 0;
  assert.equal(await found({}), 4);
  assert.equal(await found({ includeSpamTrash: true }), 6);
  assert.equal(await found({ labelIds: ['TRASH'] }), 2);
  assert.equal(await found({ labelIds: ['INBOX', 'UNREAD'] }), 2);
});

test('refuses an operator that it does not know, a broken query, an unknown label and a wrong number', async () => {
  await using box = await startWith(1);
  for (const parameters of [
    { q: 'colour:red' },
    { q: '(in:inbox' },
    { labelIds: ['Label_99'] },
    { maxResults: -1 },
    { includeSpamTrash: 'yes' as unknown as boolean },
  ]) {
    const refusal = await refusalOf(box.users.messages.list({ ...me, ...parameters }));
    assert.deepEqual([refusal.code, refusal.reason], [400, 'invalidArgument'], JSON.stringify(parameters));
    assert.notEqual(refusal.message, '');
  }
});

test('gives a message in full, with headers, text, attachments and an escaped snippet', async () => {
  await using box = await startWith(1);
  const { data } = await box.users.messages.get({ ...me, id: box.ids[0] ?? '' });
  const header = (name: string) => data.payload?.headers?.find((candidate) => candidate.name === name)?.value;
  assert.equal(header('Subject'), 'Grüße 0');
  assert.equal(header('From'), 'Jörg Weiß <joerg@example.org>');
  assert.equal(header('Message-ID'), '<m0@example.org>');
  assert.equal(data.internalDate, String(Date.UTC(2026, 0, 1)));
  assert.equal(data.sizeEstimate, 2_000);
  assert.deepEqual(data.labelIds, ['INBOX', 'UNREAD']);
  assert.match(data.snippet ?? '', /^Hello &lt;b&gt;&amp; welcome&lt;\/b&gt;, long text/);
  const [text, file] = data.payload?.parts ?? [];
  assert.match(Buffer.from(text?.body?.data ?? '', 'base64url').toString(), /^Hello <b>& welcome/);
  assert.deepEqual([file?.filename, file?.body?.size], ['plan.pdf', 5_000_000]);
});

test('gives only the headers that the metadata format asks for, and none in the minimal one', async () => {
  await using box = await startWith(1);
  const id = box.ids[0] ?? '';
  const metadataHeaders = ['subject', 'Message-Id'];
  const metadata = await box.users.messages.get({ ...me, id, format: 'metadata', metadataHeaders });
  assert.deepEqual(metadata.data.payload?.headers, [
    { name: 'Subject', value: 'Grüße 0' },
    { name: 'Message-ID', value: '<m0@example.org>' },
  ]);
  assert.equal(metadata.data.payload?.parts, undefined);
  const minimal = await box.users.messages.get({ ...me, id, format: 'minimal' });
  assert.equal(minimal.data.payload, undefined);
  assert.equal((await refusalOf(box.users.messages.get({ ...me, id, format: 'tiny' }))).code, 400);
});

test('gives the source of a made-up message in the raw format', async () => {
  await using box = await startWith(2);
  for (const id of box.ids) {
    const { data } = await box.users.messages.get({ ...me, id, format: 'raw' });
    const copy = await box.mailbox.insert(Buffer.from(data.raw ?? '', 'base64url'), []);
    const original = box.mailbox.get(id);
    assert.deepEqual(
      [copy.subject, copy.from, copy.messageId],
      [original?.subject, original?.from, original?.messageId],
    );
    assert.equal(copy.body.trim(), original?.body.trim());
    assert.equal(copy.attachments[0]?.filename, original?.attachments[0]?.filename);
  }
});

test('gives an attachment by its id, as it is in the source', async () => {
  await using box = await startWith(1);
  const source = [
    'Subject: files',
    'Content-Type: multipart/mixed; boundary=cut',
    '',
    '--cut',
    'Content-Type: text/plain',
    '',
    'two files',
    '--cut',
    'Content-Type: application/pdf; name=a.pdf',
    'Content-Transfer-Encoding: base64',
    '',
    'cGRm',
    '--cut',
    'Content-Type: image/png',
    '',
    '\u00ff',
    '--cut--',
  ].join('\r\n');
  const inserted = await box.mailbox.insert(Buffer.from(source, 'latin1'), ['INBOX']);
  const contentsOf = async (id: string) => {
    const { data } = await box.users.messages.get({ ...me, id });
    const files = (data.payload?.parts ?? []).flatMap(({ body }) => body?.attachmentId ?? []);
    const answers = files.map((file) => box.users.messages.attachments.get({ ...me, messageId: id, id: file }));
    return (await Promise.all(answers)).map(({ data: { data, size } }) => [
      Buffer.from(data ?? '', 'base64url')
        .toString('latin1')
        .trim(),
      size,
    ]);
  };
  const [pdf, image] = await contentsOf(inserted.id);
  assert.deepEqual(pdf, ['pdf', 3]);
  assert.equal(image?.[0], '\u00ff');
  const { data } = await box.users.messages.get({ ...me, id: inserted.id, format: 'raw' });
  assert.equal(Buffer.from(data.raw ?? '', 'base64url').toString('latin1'), source);
  const madeUp = await contentsOf(box.ids[0] ?? '');
  assert.equal(madeUp[0]?.[1], 5_000_000);
  const missing = box.users.messages.attachments.get({ ...me, messageId: inserted.id, id: 'ANGj' });
  assert.equal((await refusalOf(missing)).message, 'Invalid attachment token');
});

test('answers 400 to a malformed id, and 404 to an unknown id', async () => {
  await using box = await startWith(1);
  assert.equal((await refusalOf(box.users.messages.get({ ...me, id: 'xyz' }))).message, 'Invalid id value');
  const refusal = await refusalOf(box.users.messages.get({ ...me, id: 'abcdef0123456789' }));
  assert.deepEqual([refusal.code, refusal.reason, refusal.status], [404, 'notFound', 'NOT_FOUND']);
});

test('modify answers with the new labels, and trash takes a message out of the inbox', async () => {
  await using box = await startWith(1);
  const id = box.ids[0] ?? '';
  const requestBody = { addLabelIds: ['STARRED'], removeLabelIds: ['UNREAD'] };
  const { data } = await box.users.messages.modify({ ...me, id, requestBody });
  assert.deepEqual(data, { id, threadId: id, labelIds: ['INBOX', 'STARRED'] });
  const trashed = await box.users.messages.trash({ ...me, id });
  assert.deepEqual(trashed.data.labelIds, ['STARRED', 'TRASH']);
});

test('batchModify changes up to 1,000 messages, ignores unknown ids and answers 204 without a body', async () => {
  await using box = await startWith(1_000);
  const ids = [...box.ids.slice(1), 'ffffffffffffffff'];
  const response = await box.users.messages.batchModify({ ...me, requestBody: { ids, removeLabelIds: ['INBOX'] } });
  assert.equal(response.status, 204);
  assert.deepEqual(
    box.mailbox.search('in:inbox').map(({ id }) => id),
    [box.ids[0]],
  );
});

for (const [what, body, message] of [
  ['more than 1,000 ids', { ids: Array(1001).fill('1'), addLabelIds: ['STARRED'] }, 'Number of ids cannot exceed 1000'],
  ['an unknown label', { addLabelIds: ['Label_99'] }, 'Invalid label: Label_99'],
  ['a label by its name', { removeLabelIds: ['keep'] }, 'Invalid label: keep'],
  ['SENT', { addLabelIds: ['SENT'] }, 'Invalid label: SENT'],
  ['DRAFT', { removeLabelIds: ['DRAFT'] }, 'Invalid label: DRAFT'],
  ['INBOX and TRASH', { addLabelIds: ['INBOX', 'TRASH'] }, 'Cannot add more than one of INBOX, SPAM and TRASH'],
  [
    'the same label twice',
    { addLabelIds: ['STARRED'], removeLabelIds: ['STARRED'] },
    'Cannot both add and remove the same label',
  ],
  ['no labels', {}, 'No label add or removes specified'],
  ['no ids', { ids: [], addLabelIds: ['STARRED'] }, 'No message ids specified.'],
] as const) {
  test(`batchModify refuses ${what} and changes nothing`, async () => {
    await using box = await startWith(2);
    const before = box.mailbox.snapshot();
    const requestBody = { ids: box.ids, ...body } as { ids: string[] };
    const refusal = await refusalOf(box.users.messages.batchModify({ ...me, requestBody }));
    assert.deepEqual(refusal, { code: 400, message, reason: 'invalidArgument', status: 'INVALID_ARGUMENT' });
    assert.deepEqual(box.mailbox.snapshot(), before);
  });
}
