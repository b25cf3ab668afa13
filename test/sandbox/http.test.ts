import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Faults } from './faults.ts';
import { type Answer, listen, type RecordedRequest, type Service, type Wire } from './http.ts';

/** A stand-in that counts its effects. */
class Counter implements Service {
  readonly name = 'monitor';
  effects = 0;
  settled: () => void = () => {};

  verb(_method: string, path: string): string {
    return path.slice(1);
  }

  handle({ verb }: RecordedRequest): Answer {
    if (verb === 'bug') throw new Error('a bug of the stand-in');
    this.effects += 1;
    return verb === 'empty'
      ? { status: 204 }
      : { status: 200, body: { effects: this.effects, padding: 'x'.repeat(100) } };
  }
}

async function startCounter() {
  const counter = new Counter();
  const wire: Wire = { requests: [], faults: new Faults() };
  const listener = await listen(counter, wire);
  return {
    counter,
    ...wire,
    ...listener,
    get: (path = '/count', options: RequestInit = {}) => fetch(listener.url + path, options),
    [Symbol.asyncDispose]: listener.close,
  };
}

test('records method, path, query, headers and the parsed body', async () => {
  await using server = await startCounter();
  const json = { 'content-type': 'application/json' };
  await server.get('/a?x=1&x=2', { method: 'POST', headers: json, body: '{"n":[1]}' });
  await server.get('/b', { method: 'POST', body: new URLSearchParams({ scope: 'a b' }) });
  await server.get('/c', { method: 'POST', headers: json, body: '{' });

  const [a, b, c] = server.requests;
  assert.deepEqual([a?.method, a?.path, a?.verb, a?.query.getAll('x')], ['POST', '/a', 'a', ['1', '2']]);
  assert.deepEqual([a?.body, b?.body, c?.body], [{ n: [1] }, { scope: 'a b' }, '{']);
  assert.equal(a?.headers['content-type'], 'application/json');
});

test('keeps connections alive between requests', async () => {
  await using server = await startCounter();
  const response = await server.get();
  assert.equal(response.headers.get('connection'), 'keep-alive');
});

test('a fault meets the requests that match it, after those to skip and as often as planted', async () => {
  await using server = await startCounter();
  const fault = server.faults.add({
    service: 'monitor',
    verb: 'count',
    match: ({ query }) => query.has('x'),
    skip: 1,
    times: 2,
    status: 503,
    body: { why: 'planted' },
    headers: { 'retry-after': '7' },
  });
  server.faults.add({ service: 'gmail', status: 500 });
  const statuses = [];
  for (const path of ['/count', '/count?x', '/other?x', '/count?x', '/count?x', '/count?x']) {
    statuses.push((await server.get(path)).status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 503, 503, 200]);
  assert.equal(fault.hits, 2);
  assert.equal(server.counter.effects, 4);

  server.faults.add({ status: 500, times: Number.POSITIVE_INFINITY });
  assert.equal((await server.get()).status, 500);
  server.faults.clear();
  assert.equal((await server.get()).status, 200);
});

test('a planted status comes with its body and headers, and without the effect', async () => {
  await using server = await startCounter();
  server.faults.add({ status: 429, body: { why: 'planted' }, headers: { 'retry-after': '7' } });
  const response = await server.get();
  assert.deepEqual([response.status, response.headers.get('retry-after')], [429, '7']);
  assert.deepEqual(await response.json(), { why: 'planted' });
  assert.equal(server.counter.effects, 0);
});

for (const [kind, effects] of [
  ['reset-before', 0],
  ['reset-after', 1],
] as const) {
  test(`${kind} resets the connection with ${effects} effects`, async () => {
    await using server = await startCounter();
    server.faults.add({ kind });
    await assert.rejects(server.get(), ({ cause }: { cause: { code: string } }) => {
      assert.equal(cause.code, 'ECONNRESET');
      return true;
    });
    assert.equal(server.counter.effects, effects);
    assert.equal(server.requests[0]?.status, undefined);
    assert.equal((await server.get()).status, 200);
  });
}

for (const [kind, effects] of [
  ['hang', 0],
  ['hang-after', 1],
] as const) {
  test(`${kind} never answers, with ${effects} effects, and is over when the client gives up`, async () => {
    await using server = await startCounter();
    server.faults.add({ kind });
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    server.counter.settled = resolve;
    const client = new AbortController();
    const gaveUp = assert.rejects(server.get('/count', { signal: client.signal }), { name: 'AbortError' });
    while (server.requests.length === 0 || server.counter.effects < effects) await new Promise(setImmediate);
    client.abort();
    await Promise.all([gaveUp, settled]);
    assert.equal(server.counter.effects, effects);
    assert.equal(server.requests[0]?.status, undefined);
    assert.notEqual(server.requests[0]?.finishedAt, undefined);
  });
}

test('truncate ends the body before its stated length', async () => {
  await using server = await startCounter();
  server.faults.add({ kind: 'truncate' });
  const response = await server.get();
  assert.equal(response.status, 200);
  assert.ok(Number(response.headers.get('content-length')) > 100);
  await assert.rejects(response.text());
  assert.equal(server.counter.effects, 1);
});

test('stall stops in the middle of the body, and keeps the connection', async () => {
  await using server = await startCounter();
  server.faults.add({ kind: 'stall' });
  const client = new AbortController();
  const response = await server.get('/count', { signal: client.signal });
  const reader = response.body?.getReader();
  const { value, done } = (await reader?.read()) ?? {};
  assert.equal(done, false);
  assert.ok(value !== undefined && value.length < Number(response.headers.get('content-length')));
  const rest = assert.rejects(async () => await reader?.read(), { name: 'AbortError' });
  client.abort();
  await rest;
  assert.equal(server.counter.effects, 1);
});

test('truncate ends an answer that has no body in its headers', async () => {
  await using server = await startCounter();
  server.faults.add({ kind: 'truncate' });
  await assert.rejects(server.get('/empty'));
  assert.equal(server.counter.effects, 1);
});

test('malformed is a complete 200 with broken JSON, also in place of an empty answer', async () => {
  await using server = await startCounter();
  server.faults.add({ kind: 'malformed', times: 2 });
  for (const path of ['/count', '/empty']) {
    const response = await server.get(path);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /json/);
    await assert.rejects(response.json(), SyntaxError);
  }
  assert.equal(server.counter.effects, 2);
});

test('html is an error page without the effect', async () => {
  await using server = await startCounter();
  server.faults.add({ kind: 'html', status: 502 });
  const response = await server.get();
  assert.equal(response.status, 502);
  assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(await response.text(), /<title>Error 502/);
  assert.equal(server.counter.effects, 0);
});

test('echo repeats headers and body of the request without the effect', async () => {
  await using server = await startCounter();
  server.faults.add({ kind: 'echo', status: 500 });
  const response = await server.get('/count', {
    method: 'POST',
    headers: { authorization: 'Bearer marked-1' },
    body: new URLSearchParams({ refresh_token: 'marked-2' }),
  });
  assert.equal(response.status, 500);
  const text = JSON.stringify(await response.json());
  assert.match(text, /marked-1/);
  assert.match(text, /refresh_token=marked-2/);
  assert.equal(server.counter.effects, 0);
});

test('slow answers late, with the effect', async () => {
  await using server = await startCounter();
  server.faults.add({ kind: 'slow', delayMs: 40 });
  await server.get();
  const [request] = server.requests;
  assert.ok(request?.finishedAt !== undefined && request.finishedAt - request.startedAt >= 38);
  assert.equal(server.counter.effects, 1);
});

test('hooks run before the effect, and between the effect and its answer', async () => {
  await using server = await startCounter();
  const seen: string[] = [];
  server.faults.add({
    kind: 'hook',
    before: async () => {
      await delay(1);
      seen.push(`before ${server.counter.effects}`);
    },
    after: ({ status }) => seen.push(`after ${server.counter.effects} ${status}`),
  });
  await server.get();
  assert.deepEqual(seen, ['before 0', 'after 1 undefined']);
});

test('a hook can drop the request before its effect', async () => {
  await using server = await startCounter();
  server.faults.add({ kind: 'hook', before: () => 'drop' });
  await assert.rejects(server.get());
  assert.equal(server.counter.effects, 0);
});

test('hooks and delays go together with the first fault of another kind', async () => {
  await using server = await startCounter();
  let hooked = 0;
  server.faults.add({ kind: 'hook', before: () => (hooked += 1) });
  server.faults.add({ status: 500 });
  const later = server.faults.add({ status: 501 });
  assert.equal((await server.get()).status, 500);
  assert.deepEqual([hooked, later.hits], [1, 0]);
});

test('close throws the errors of the stand-in and of hooks', async () => {
  const server = await startCounter();
  await assert.rejects(server.get('/bug'));
  server.faults.add({ kind: 'hook', after: () => assert.fail('a hook') });
  await assert.rejects(server.get());
  await assert.rejects(server.close(), ({ errors }: AggregateError) => {
    assert.deepEqual(
      errors.map(({ message }: Error) => message),
      ['a bug of the stand-in', 'a hook'],
    );
    return true;
  });
});

test('survives a client that goes away while it is sending', async () => {
  await using server = await startCounter();
  const { promise: settled, resolve } = Promise.withResolvers<void>();
  server.counter.settled = resolve;
  const client = httpRequest(`${server.url}/count`, { method: 'POST', headers: { 'content-length': 100 } });
  client.on('error', () => {});
  client.write('half');
  while (server.requests.length === 0) await new Promise(setImmediate);
  client.destroy();
  await settled;
  assert.equal(server.counter.effects, 0);
});
