import assert from 'node:assert/strict';
import test from 'node:test';
import { startSandbox } from './index.ts';

test('keeps every ping with method, path, query and body', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const { pathname } = new URL(sandbox.monitorUrl);
  await fetch(`${sandbox.monitorUrl}/start`);
  await fetch(`${sandbox.monitorUrl}?s=0&m=done`, { method: 'POST', body: 'matched 3' });
  assert.deepEqual(sandbox.monitor.pings, [
    { method: 'GET', path: `${pathname}/start`, body: '' },
    { method: 'POST', path: `${pathname}?s=0&m=done`, body: 'matched 3' },
  ]);
});

test('a ping that fails is among the requests only', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.faults.add({ service: 'monitor', status: 503 });
  assert.equal((await fetch(sandbox.monitorUrl)).status, 503);
  assert.deepEqual(sandbox.monitor.pings, []);
  assert.equal(sandbox.requests.length, 1);
});
