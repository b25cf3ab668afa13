import assert from 'node:assert/strict';
import test from 'node:test';
import { GMAIL_SCOPES, googleErrors, startSandbox } from '../index.ts';
import { gmailOf, refusalOf } from '../real-clients.ts';

const me = { userId: 'me' };

test('the profile names the address of the grant and counts the mailbox', async () => {
  await using sandbox = await startSandbox({ messages: 30, email: 'bob@example.com' });
  const { data } = await (await gmailOf(sandbox)).users.getProfile(me);
  assert.equal(data.emailAddress, 'bob@example.com');
  assert.equal(data.messagesTotal, 30);
  assert.ok(data.threadsTotal && data.threadsTotal <= 30);
});

test('opens the mailbox to its own address, and to no other', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const gmail = await gmailOf(sandbox);
  assert.equal((await gmail.users.getProfile({ userId: 'alice@example.com' })).status, 200);
  assert.deepEqual(await refusalOf(gmail.users.getProfile({ userId: 'eve@example.com' })), {
    code: 403,
    message: 'Delegation denied for eve@example.com',
    reason: 'forbidden',
    status: 'PERMISSION_DENIED',
  });
});

test('refuses a request without a token and one with an expired or made-up token with 401', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const url = `${sandbox.env.GMAIL_API_URL}/gmail/v1/users/me/profile`;
  const refusal = async (headers: Record<string, string>) => {
    const response = await fetch(url, { headers });
    const { error } = (await response.json()) as { error: { errors: { reason: string }[]; status: string } };
    return [response.status, error.errors[0]?.reason, error.status, response.headers.has('www-authenticate')];
  };
  assert.deepEqual(await refusal({}), [401, 'required', 'UNAUTHENTICATED', true]);
  assert.deepEqual(await refusal({ authorization: 'Bearer ya29.nope' }), [401, 'authError', 'UNAUTHENTICATED', true]);
  const gmail = await gmailOf(sandbox);
  sandbox.oauth.expireAccessTokens();
  assert.equal((await refusalOf(gmail.users.labels.list(me))).reason, 'authError');
});

const { modify, readonly, labels, insert, metadata, full } = GMAIL_SCOPES;

for (const [scope, allowed] of Object.entries({
  [full]: ['list', 'get', 'modify', 'insert', 'listLabels', 'createLabel'],
  [modify]: ['list', 'get', 'modify', 'insert', 'listLabels', 'createLabel'],
  [readonly]: ['list', 'get', 'listLabels'],
  [metadata]: ['list', 'listLabels'],
  [labels]: ['listLabels', 'createLabel'],
  [insert]: ['insert'],
})) {
  test(`a token for ${scope} may ${allowed.join(', ')}`, async () => {
    await using sandbox = await startSandbox({ messages: 3, scopes: [scope] });
    const { users } = await gmailOf(sandbox);
    const [message] = sandbox.mailbox.messages();
    const id = message?.id ?? '';
    const raw = Buffer.from('Subject: hello\r\n\r\nworld').toString('base64url');
    const calls: Record<string, () => Promise<unknown>> = {
      list: () => users.messages.list(me),
      get: () => users.messages.get({ ...me, id }),
      modify: () => users.messages.modify({ ...me, id, requestBody: { addLabelIds: ['STARRED'] } }),
      insert: () => users.messages.insert({ ...me, requestBody: { raw } }),
      listLabels: () => users.labels.list(me),
      createLabel: () => users.labels.create({ ...me, requestBody: { name: 'New' } }),
    };
    for (const [name, call] of Object.entries(calls)) {
      if (allowed.includes(name)) await call();
      else assert.equal((await refusalOf(call())).code, 403, name);
    }
  });
}

test('answers a missing scope with ACCESS_TOKEN_SCOPE_INSUFFICIENT', async () => {
  await using sandbox = await startSandbox({ messages: 1, scopes: [labels] });
  const gmail = await gmailOf(sandbox);
  await assert.rejects(gmail.users.messages.list(me), (error: { response: { data: object; headers: Headers } }) => {
    assert.match(JSON.stringify(error.response.data), /insufficientPermissions.*ACCESS_TOKEN_SCOPE_INSUFFICIENT/);
    assert.match(error.response.headers.get('www-authenticate') ?? '', /insufficient_scope/);
    return true;
  });
});

test('gmail.metadata allows neither a search nor whole messages', async () => {
  await using sandbox = await startSandbox({ messages: 3, scopes: [metadata] });
  const { users } = await gmailOf(sandbox);
  const { id, threadId } = sandbox.mailbox.messages()[0] ?? { id: '', threadId: '' };
  const messages = [
    (await refusalOf(users.messages.list({ ...me, q: 'in:inbox' }))).message,
    (await refusalOf(users.messages.get({ ...me, id }))).message,
    (await refusalOf(users.messages.get({ ...me, id, format: 'raw' }))).message,
    (await refusalOf(users.threads.get({ ...me, id: threadId }))).message,
  ];
  assert.deepEqual(messages, [
    "Metadata scope does not support 'q' parameter",
    "Metadata scope doesn't allow format FULL",
    "Metadata scope doesn't allow format RAW",
    "Metadata scope doesn't allow format FULL",
  ]);
  assert.equal((await users.messages.get({ ...me, id, format: 'metadata' })).status, 200);
});

test('refuses requests over the quota with 429 or 403, and charges nothing for them', async () => {
  for (const [refuseWith, reason] of [
    [429, 'rateLimitExceeded'],
    [403, 'userRateLimitExceeded'],
  ] as const) {
    await using sandbox = await startSandbox({ messages: 1, quota: { unitsPerMinute: 6, refuseWith } });
    const gmail = await gmailOf(sandbox);
    await gmail.users.messages.list(me);
    const refusal = await refusalOf(gmail.users.messages.list(me));
    assert.deepEqual([refusal.code, refusal.reason], [refuseWith, reason]);
    await gmail.users.labels.list(me);
    const { refusals, totalUnits, maxUnitsInAnyMinute } = sandbox.gmail.quota;
    assert.deepEqual([refusals, totalUnits, maxUnitsInAnyMinute], [1, 6, 6]);
    assert.deepEqual(
      sandbox.requests.filter(({ service }) => service === 'gmail').map(({ units }) => units),
      [5, undefined, 1],
    );
  }
});

test('refuses more requests at once than the limit, and none once they are answered', async () => {
  await using sandbox = await startSandbox({ messages: 1, maxConcurrent: 2 });
  const gmail = await gmailOf(sandbox);
  const { promise: allThere, resolve } = Promise.withResolvers<void>();
  sandbox.faults.add({ service: 'gmail', skip: 2, kind: 'hook', after: () => resolve() });
  sandbox.faults.add({ service: 'gmail', times: 3, kind: 'hook', after: () => allThere });
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => gmail.users.labels.list(me)));
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'fulfilled', 'rejected']);
  const refused = sandbox.requests.find(({ status }) => status === 429);
  assert.equal(refused?.units, undefined);
  assert.equal((await gmail.users.labels.list(me)).status, 200);
  assert.deepEqual([sandbox.gmail.concurrency.peak, sandbox.gmail.concurrency.refusals], [2, 1]);
});

test('answers a request line that is too long with a page of the front end', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { users } = await gmailOf(sandbox);
  for (const [length, status] of [
    [8_000, 200],
    [8_200, 414],
    [100_000, 414],
  ] as const) {
    const answer = await users.messages.list({ ...me, q: 'x'.repeat(length) }, { validateStatus: () => true });
    assert.equal(answer.status, status);
  }
});

test('leaves in an answer only the fields that were asked for', async () => {
  await using sandbox = await startSandbox({ messages: 3 });
  const { users } = await gmailOf(sandbox);
  const list = await users.messages.list({ ...me, maxResults: 1, fields: 'messages/id,nextPageToken' });
  assert.deepEqual(Object.keys(list.data).sort(), ['messages', 'nextPageToken']);
  assert.deepEqual(Object.keys(list.data.messages?.[0] ?? {}), ['id']);
  const id = sandbox.mailbox.messages()[0]?.id ?? '';
  const message = await users.messages.get({ ...me, id, fields: 'id,payload(mimeType,headers(name))' });
  assert.deepEqual(Object.keys(message.data), ['id', 'payload']);
  assert.deepEqual(Object.keys(message.data.payload?.headers?.[0] ?? {}), ['name']);
  assert.equal((await refusalOf(users.labels.list({ ...me, fields: 'labels(id' }))).code, 400);
});

test('refuses a query parameter that the method does not have', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const gmail = await gmailOf(sandbox);
  const refusal = await refusalOf(gmail.users.labels.list({ ...me, maxresults: 5 } as typeof me));
  assert.equal(refusal.code, 400);
  assert.match(refusal.message, /Unknown name "maxresults"/);
});

test('answers 404 to methods that it does not have', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const gmail = await gmailOf(sandbox);
  assert.equal((await refusalOf(gmail.users.drafts.list(me))).code, 404);
  assert.equal(sandbox.requests.at(-1)?.verb, 'unknown');
});

test("Google's error bodies can be planted as faults", async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const gmail = await gmailOf(sandbox);
  for (const [error, code, reason] of [
    [googleErrors.accessNotConfigured(), 403, 'accessNotConfigured'],
    [googleErrors.dailyLimit(), 403, 'dailyLimitExceeded'],
    [googleErrors.quota403('rateLimitExceeded'), 403, 'rateLimitExceeded'],
    [googleErrors.quota429(), 429, 'rateLimitExceeded'],
    [googleErrors.tooManyConcurrent(), 429, 'rateLimitExceeded'],
    [googleErrors.backendError(), 503, 'backendError'],
    [googleErrors.failedPrecondition(), 400, 'failedPrecondition'],
  ] as const) {
    sandbox.faults.add({ service: 'gmail', ...error });
    const refusal = await refusalOf(gmail.users.labels.list(me));
    assert.deepEqual([refusal.code, refusal.reason], [code, reason]);
  }
});
