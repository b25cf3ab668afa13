import assert from 'node:assert/strict';
import test from 'node:test';
import { refusalOf } from '../real-clients.ts';
import { startWith } from './plain-mailbox.ts';

const me = { userId: 'me' };

test('lists the changes since a history id, page by page, also those that searches do not show yet', async () => {
  await using box = await startWith(5);
  const { mailbox } = box.sandbox;
  mailbox.searchLagMs = 60_000;
  const [first = '', second = '', third = ''] = box.ids;
  mailbox.modify([first], ['STARRED'], []);
  const { data: start } = await box.users.messages.get({ ...me, id: first, format: 'minimal' });
  mailbox.modify([second], ['STARRED'], ['INBOX', 'SPAM']);
  mailbox.delete([third]);
  const { data: inserted } = await box.users.messages.insert({ ...me, requestBody: { raw: 'U3ViamVjdDogeA0KDQp5' } });

  const ask = { ...me, startHistoryId: start.historyId ?? '', historyTypes: ['labelAdded', 'labelRemoved'] };
  const { data } = await box.users.history.list(ask);
  const shown = data.history?.map(({ labelsAdded, labelsRemoved }) => [labelsAdded, labelsRemoved]);
  const message = { id: second, threadId: mailbox.get(second)?.threadId };
  assert.deepEqual(shown, [[[{ message, labelIds: ['STARRED'] }], [{ message, labelIds: ['INBOX'] }]]]);
  assert.equal((await box.users.getProfile(me)).data.historyId, data.historyId);

  const pages = { ...ask, historyTypes: [], maxResults: 2 };
  const { data: one } = await box.users.history.list(pages);
  const { data: two } = await box.users.history.list({ ...pages, pageToken: one.nextPageToken ?? '' });
  assert.equal(one.history?.at(1)?.messagesDeleted?.[0]?.message?.id, third);
  assert.equal(two.history?.[0]?.messagesAdded?.[0]?.message?.id, inserted.id);
  assert.equal(two.nextPageToken, undefined);
});

test('answers 404 to an id that is too old or not its own', async () => {
  await using box = await startWith(1);
  const { mailbox } = box.sandbox;
  mailbox.history.forget();
  for (const startHistoryId of ['1000', '99999']) {
    assert.equal((await refusalOf(box.users.history.list({ ...me, startHistoryId }))).code, 404);
  }
  const { last } = mailbox.history;
  const { data } = await box.users.history.list({ ...me, startHistoryId: String(last) });
  assert.deepEqual(data, { historyId: String(last) });
});
