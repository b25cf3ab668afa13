/** A proxy in the environment: refused by commands that connect, in the built program and from the sources. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { copyApp } from '../fixtures/app.ts';
import { apply, sandboxOf, told } from '../fixtures/starring.ts';
import { assertEnded, runJob } from '../run.ts';

/** The address of a proxy, with a password, that counts connections. */
async function startProxy() {
  const server = createServer((socket) => {
    proxy.met += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = {
    url: `http://alice:pass-word-1@127.0.0.1:${port}`,
    met: 0,
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
  return proxy;
}

describe('a proxy in the environment', { concurrency: 3 }, () => {
  it('is refused by a run and by the check, by its name and without its address', async () => {
    await using sandbox = await sandboxOf();
    await using proxy = await startProxy();
    await using app = await copyApp(['lib', 'package.json']);
    for (const [name, program] of [
      ['HTTPS_PROXY', undefined],
      ['http_proxy', undefined],
      ['HTTPS_PROXY', [`${app.folder}/lib/main.ts`]],
    ] as const) {
      const env = { [name]: proxy.url, NODE_USE_ENV_PROXY: '1', NO_PROXY: 'localhost' };
      const run = await apply(sandbox, { env, ...(program && { program }) });
      const final = assertEnded(run, 78, { outcome: 'failed', requests: 0 });
      assert.match(
        told(final),
        new RegExp(`${name} is set, but the program does not support.*Unset ${name} .*NO_PROXY`),
      );
      assert.doesNotMatch(run.stdout + run.stderr, /pass-word|alice:|proxy\.example/);
    }
    const check = await runJob(sandbox, ['check', '--json'], { env: { ALL_PROXY: proxy.url } });
    assert.equal(check.code, 78);
    const { lines } = JSON.parse(check.stdout) as { lines: { id: string; status: string; detail: string }[] };
    assert.match(lines.find(({ status }) => status === 'failed')?.detail ?? '', /^ALL_PROXY is set, but/);
    for (const id of ['aws', 'token', 'mailbox', 'monitor', 'clock']) {
      assert.equal(lines.find((line) => line.id === id)?.status, 'skipped', id);
    }
    for (const args of [['runs'], ['rotate'], ['authorize', '--client-id', 'x']]) {
      const run = await runJob(sandbox, args, { env: { HTTPS_PROXY: proxy.url } });
      assert.equal(run.code, 78, String(args));
      assert.match(run.stderr, /HTTPS_PROXY is set, but/);
    }
    assert.deepEqual([sandbox.requests.length, proxy.met], [0, 0]);
  });

  it('is ignored when it is empty, or when NO_PROXY covers every host', async () => {
    await using proxy = await startProxy();
    const environments = [
      { HTTPS_PROXY: '', https_proxy: ' ' },
      { HTTPS_PROXY: proxy.url, http_proxy: proxy.url, NO_PROXY: '*' },
      { HTTPS_PROXY: proxy.url, no_proxy: 'example.com, 127.0.0.1' },
    ];
    for (const env of environments) {
      await using sandbox = await sandboxOf();
      assertEnded(await apply(sandbox, { env }), 0, { outcome: 'ok', changed: 3 });
    }
    assert.equal(proxy.met, 0);
  });

  it('is ignored by commands that do not connect', async () => {
    const env = { HTTPS_PROXY: 'http://proxy.example:3128', AWS_REGION: 'eu-central-1' };
    const policy = ['policy', '--secret', 'gmail-jobs/alice', '--account', '123456789012'];
    for (const args of [['--help'], ['list'], ['apply-rules', '--help'], policy]) {
      const run = await runJob(null, args, { env });
      assert.deepEqual([run.code, run.stderr], [0, ''], String(args));
    }
  });
});
