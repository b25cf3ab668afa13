import assert from 'node:assert/strict';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { openConnection } from '../../../lib/gmail/warm.ts';

it('opens a connection over which nothing is sent, and which the next request takes', async () => {
  let connections = 0;
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  server.on('connection', () => {
    connections += 1;
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const connected = new Promise((resolve) => subscribe('undici:client:connected', resolve));
    openConnection(`${address}/token`);
    await connected;
    await setImmediate();
    await fetch(`${address}/first`);
    assert.deepEqual({ connections, requests }, { connections: 1, requests: ['GET /first'] });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('makes no difference when nobody listens there', async () => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.close();
  openConnection(address);
  await assert.rejects(fetch(address), { name: 'TypeError' });
});
