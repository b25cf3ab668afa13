/** A run that hands messages to a host may be killed at any instant: with the next run, every message has arrived. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded, ChildHandle, type Finished, runJob } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

const AT_ONCE = 2;

/** Four messages, of which one is large. */
function start(): Promise<Sandbox> {
  return startSandbox({ mailbox: mailboxOf([...many(3, {}), { sizeBytes: 3_000_000 }, { subject: 'miss' }]) });
}

const hits = ({ mailbox }: Sandbox) => mailbox.search('subject:hit').map(({ id }) => id);

/** A host that notes what arrives. `onArrival` is called before each answer. */
class Host implements AsyncDisposable {
  readonly arrived: string[] = [];
  onArrival: (() => void) | undefined;
  readonly #server = createServer((request, response) => {
    this.arrived.push(String(request.url).slice(1));
    this.onArrival?.();
    response.end();
  });

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const words = (address: string) => ['exporting', '--host', address, '--at-once', String(AT_ONCE)];

async function undisturbed(): Promise<string[]> {
  await using sandbox = await start();
  await using host = new Host();
  assertEnded(await runHere(sandbox, words(await host.open()), { jobs: 'fixtures' }), 0, { outcome: 'ok', changed: 4 });
  assert.deepEqual(host.arrived.toSorted(), hits(sandbox).toSorted());
  return sandbox.requests.map(({ verb }) => verb);
}

const requests = await undisturbed();

describe('after a kill of a run that hands messages to a host, the next run delivers all messages,', {
  concurrency: 3,
}, () => {
  async function assertComplete(prepare: (parts: { sandbox: Sandbox; host: Host; kill: () => 'drop' }) => void) {
    await using sandbox = await start();
    await using host = new Host();
    const address = await host.open();
    const child = new ChildHandle();
    const kill = () => {
      child.kill('SIGKILL');
      return 'drop' as const;
    };
    prepare({ sandbox, host, kill });
    const killed: Finished = await runJob(sandbox, words(address), { jobs: 'fixtures', onStart: child.onStart });
    assert.equal(killed.code, 137);
    host.onArrival = undefined;
    assertEnded(await runHere(sandbox, words(address), { jobs: 'fixtures' }), 0, { failed: 0, remaining: 0 });
    const all = hits(sandbox);
    assert.deepEqual([...new Set(host.arrived)].sort(), all.toSorted(), 'every message arrived');
    const twice = host.arrived.length - all.length;
    assert.ok(twice <= AT_ONCE, `${twice} messages arrived twice`);
    const label = sandbox.mailbox.findLabel('Exported')?.id ?? '';
    assert.ok(all.every((id) => sandbox.mailbox.get(id)?.labelIds.has(label)));
    const before = host.arrived.length;
    assertEnded(await runHere(sandbox, words(address), { jobs: 'fixtures' }), 0, { outcome: 'nothing-to-do' });
    assert.equal(host.arrived.length, before);
  }

  for (const when of ['before', 'after'] as const) {
    for (const [skip, verb] of requests.entries()) {
      // A kill before a read is like a kill after the request before it.
      const isWrite = /^(labels\.create|messages\.modify)$/.test(verb);
      if (!isWrite && when === 'before') continue;
      it(`at most ${AT_ONCE} of them twice: killed ${when} request ${skip + 1}, ${verb}`, async () => {
        await assertComplete(({ sandbox, kill }) => sandbox.faults.add({ kind: 'hook', skip, [when]: kill }));
      });
    }
  }

  for (const arrivals of [1, 2, 3, 4]) {
    it(`at most ${AT_ONCE} of them twice: killed before the host answers message ${arrivals}`, async () => {
      await assertComplete(({ host, kill }) => {
        host.onArrival = () => {
          if (host.arrived.length === arrivals) kill();
        };
      });
    });
  }
});
