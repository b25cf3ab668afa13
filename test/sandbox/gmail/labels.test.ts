import assert from 'node:assert/strict';
import test from 'node:test';
import { startSandbox } from '../index.ts';
import { gmailOf, refusalOf } from '../real-clients.ts';

const me = { userId: 'me' };

test("lists Gmail's labels and the user's", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { data } = await (await gmailOf(sandbox)).users.labels.list(me);
  const types = new Map(data.labels?.map(({ name, type }) => [name, type]));
  assert.equal(types.get('INBOX'), 'system');
  assert.equal(types.get('keep'), 'user');
});

test('makes a label with its visibility, which then can be given to messages', async () => {
  await using sandbox = await startSandbox({ messages: 2 });
  const { users } = await gmailOf(sandbox);
  const requestBody = { name: 'Auto/Archived', labelListVisibility: 'labelHide', messageListVisibility: 'hide' };
  const { data: label } = await users.labels.create({ ...me, requestBody });
  assert.deepEqual({ ...label, id: '' }, { ...requestBody, id: '', type: 'user' });
  const ids = sandbox.mailbox.messages().map(({ id }) => id);
  await users.messages.batchModify({ ...me, requestBody: { ids, addLabelIds: [label.id ?? ''] } });
  const { data: counted } = await users.labels.get({ ...me, id: label.id ?? '' });
  assert.equal(counted.messagesTotal, 2);
});

test('a name that exists, in any spelling that Gmail takes for the same, is a conflict', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { users } = await gmailOf(sandbox);
  await users.labels.create({ ...me, requestBody: { name: 'Auto/Archived' } });
  for (const name of ['Auto/Archived', 'auto-archived', 'AUTO / Archived']) {
    assert.deepEqual(await refusalOf(users.labels.create({ ...me, requestBody: { name } })), {
      code: 409,
      message: 'Label name exists or conflicts',
      reason: 'aborted',
      status: 'ABORTED',
    });
  }
});

test('refuses a name that is absent, too long or no text, and an unknown visibility', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { users } = await gmailOf(sandbox);
  const create = (requestBody: object) => users.labels.create({ ...me, requestBody });
  for (const body of [
    {},
    { name: ' ' },
    { name: 'x'.repeat(226) },
    { name: 7 },
    { name: 'a', labelListVisibility: 'x' },
    ...['inbox', 'Muted', 'SCHEDULED', 'foo/', '/foo', 'a//b', 'a/ /b', 'a  b', '^k'].map((name) => ({ name })),
  ]) {
    assert.equal((await refusalOf(create(body))).code, 400, JSON.stringify(body).slice(0, 40));
  }
  assert.equal((await create({ name: 'x'.repeat(225) })).status, 200);
});

test("changes the visibility of a user's label, and deletes it", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { users } = await gmailOf(sandbox);
  const id = sandbox.mailbox.findLabel('keep')?.id ?? '';
  const { data } = await users.labels.patch({ ...me, id, requestBody: { labelListVisibility: 'labelHide' } });
  assert.equal(data.labelListVisibility, 'labelHide');
  assert.equal((await users.labels.update({ ...me, id, requestBody: { name: 'keep' } })).data.name, 'keep');
  await users.labels.delete({ ...me, id });
  assert.equal(sandbox.mailbox.findLabel('keep'), undefined);
  assert.equal((await refusalOf(users.labels.get({ ...me, id }))).code, 404);
});

test("Gmail's own labels can be neither changed nor deleted", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { users } = await gmailOf(sandbox);
  assert.equal((await refusalOf(users.labels.delete({ ...me, id: 'INBOX' }))).code, 400);
  assert.equal((await refusalOf(users.labels.patch({ ...me, id: 'INBOX', requestBody: {} }))).code, 400);
});
