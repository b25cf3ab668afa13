/** A run allows connections to the hosts that a job computes from its options before it calls the job's `prepare`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { sandboxOf, told } from '../fixtures/starring.ts';
import { assertEnded, runJob } from '../run.ts';
import type { Sandbox } from '../sandbox/index.ts';

describe('the hosts of a job', () => {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    calls.push(String(request.url));
    response.end();
  });
  let host = '';
  let sandbox: Sandbox;
  before(async () => {
    server.listen(0, '127.0.0.1');
    [sandbox] = await Promise.all([sandboxOf(0), once(server, 'listening')]);
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server.close();
    await sandbox.close();
  });
  const call = (...options: string[]) => runJob(sandbox, ['calling', ...options], { jobs: 'fixtures' });

  it('may come from its options', async () => {
    assertEnded(await call('--to', host), 0);
    assert.deepEqual(calls, ['/prepare', '/run']);
  });

  it('do not include hosts that the job has not declared', async () => {
    const final = assertEnded(await call('--to', host, '--instead', `localhost:${host.split(':')[1]}`), 78);
    assert.match(told(final), /localhost:\d+ was not declared/);
  });

  it('end the run with 78 when one is malformed; the message leaves out user, path and query', async () => {
    const run = await call('--to', 'https://alice:pass-word@hooks.example.com/services/T0/token-of-the-hook?key=1');
    const final = assertEnded(run, 78, { requests: 0 });
    assert.match(
      told(final),
      /the job calling: "https:\/\/hooks\.example\.com\/…" is no host name.*api\.example\.com:8443/,
    );
    assert.doesNotMatch(run.stdout + run.stderr, /pass-word|token-of-the-hook|\bat \w/);
  });
});
