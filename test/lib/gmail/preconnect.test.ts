import assert from 'node:assert/strict';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { preconnect } from '../../../lib/gmail/preconnect.ts';

it('opens connections without sending anything, and later requests use them', async () => {
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
    const connected = new Promise<void>((resolve) => {
      let count = 0;
      subscribe('undici:client:connected', () => {
        count += 1;
        if (count === 2) resolve();
      });
    });
    preconnect(`${address}/token`, 2);
    await connected;
    await setImmediate();
    await Promise.all([fetch(`${address}/one`), fetch(`${address}/two`)]);
    assert.deepEqual(
      { connections, requests: requests.sort() },
      { connections: 2, requests: ['GET /one', 'GET /two'] },
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('ignores that nothing listens at the address', async () => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.close();
  preconnect(address, 3);
  await assert.rejects(fetch(address), { name: 'TypeError' });
});
