import assert from 'node:assert/strict';
import test from 'node:test';
import { refusalOf } from '../real-clients.ts';
import { startWith } from './plain-mailbox.ts';

const me = { userId: 'me' };

test('lists threads once each, and gives one with its messages oldest first', async () => {
  await using box = await startWith(5);
  const { data } = await box.users.threads.list({ ...me, q: 'in:inbox', maxResults: 2 });
  assert.deepEqual(
    data.threads?.map(({ id }) => id),
    [box.ids[4], box.ids[2]],
  );
  assert.ok(data.nextPageToken);
  const thread = await box.users.threads.get({
    ...me,
    id: box.ids[2] ?? '',
    format: 'metadata',
    metadataHeaders: ['To'],
  });
  assert.deepEqual(
    thread.data.messages?.map(({ id }) => id),
    [box.ids[2], box.ids[3]],
  );
  assert.deepEqual(thread.data.messages?.[0]?.payload?.headers, [{ name: 'To', value: 'alice@example.com' }]);
  assert.equal((await refusalOf(box.users.threads.get({ ...me, id: 'ffff' }))).code, 404);
});
