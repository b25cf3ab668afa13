/** A run opens its connections to Gmail while it waits for Google's token endpoint. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { ARCHIVE, apply, IMPORTANT, STAR, sandboxOf } from '../fixtures/starring.ts';
import { assertEnded } from '../run.ts';

it('opens its connections to Gmail before Google answers with the token', async () => {
  await using sandbox = await sandboxOf(0);
  const gmail = Number(new URL(sandbox.env.GMAIL_API_URL ?? '').port);
  let connections = 0;
  const front = createServer((incoming) => {
    connections += 1;
    const onwards = connect(gmail, '127.0.0.1');
    incoming.on('error', () => onwards.destroy()).pipe(onwards);
    onwards.on('error', () => incoming.destroy()).pipe(incoming);
  });
  await once(front.listen(0, '127.0.0.1'), 'listening');
  let ahead = 0;
  const before = async () => {
    for (let waits = 0; connections < 4 && waits < 100; waits += 1) await setTimeout(20);
    ahead = connections;
  };
  sandbox.faults.add({ kind: 'hook', service: 'oauth', before });
  try {
    const env = { GMAIL_API_URL: `http://127.0.0.1:${(front.address() as AddressInfo).port}` };
    const run = await apply(sandbox, { env, rules: { rules: [STAR, ARCHIVE, IMPORTANT] } });
    assertEnded(run, 0, { outcome: 'nothing-to-do' });
    assert.equal(ahead, 4);
  } finally {
    front.close();
  }
});
