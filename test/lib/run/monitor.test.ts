import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it, type TestContext } from 'node:test';
import { createMonitor } from '../../../lib/run/monitor.ts';
import { recordLog } from '../../in-process.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

const REPORT = { outcome: 'ok', matched: 3 };

/** The addresses of the pings of one run, without a network. */
async function addressesOf(t: TestContext, address: string, exitCode = 0): Promise<string[]> {
  const pinged: string[] = [];
  t.mock.method(globalThis, 'fetch', async (url: URL) => {
    pinged.push(String(url));
    return new Response('OK');
  });
  const monitor = createMonitor(address, recordLog().log);
  monitor.start();
  await monitor.end(exitCode, REPORT);
  return pinged;
}

describe('createMonitor', () => {
  for (const [address, exitCode, expected] of [
    ['https://hc-ping.com/uuid', 0, ['https://hc-ping.com/uuid/start', 'https://hc-ping.com/uuid/0']],
    ['https://hc-ping.com/uuid/', 75, ['https://hc-ping.com/uuid/start', 'https://hc-ping.com/uuid/75']],
    [
      'https://hc.example/ping/a?create=1',
      0,
      ['https://hc.example/ping/a/start?create=1', 'https://hc.example/ping/a/0?create=1'],
    ],
    ['https://nosnch.in/token', 65, ['https://nosnch.in/token?s=65&m=ok']],
    [
      'https://nosnch.in.evil.example/t',
      0,
      ['https://nosnch.in.evil.example/t/start', 'https://nosnch.in.evil.example/t/0'],
    ],
    [
      'https://o1.ingest.sentry.io/api/2/cron/slug/key/',
      0,
      [
        'https://o1.ingest.sentry.io/api/2/cron/slug/key/?status=in_progress',
        'https://o1.ingest.sentry.io/api/2/cron/slug/key/?status=ok',
      ],
    ],
    [
      'https://sentry.io/api/2/cron/slug/key/?environment=prod',
      1,
      [
        'https://sentry.io/api/2/cron/slug/key/?environment=prod&status=in_progress',
        'https://sentry.io/api/2/cron/slug/key/?environment=prod&status=error',
      ],
    ],
    ['https://notsentry.io/x', 0, ['https://notsentry.io/x/start', 'https://notsentry.io/x/0']],
  ] as const) {
    it(`pings ${expected.join(' and ')} for ${address} and exit code ${exitCode}`, async (t) => {
      assert.deepEqual(await addressesOf(t, address, exitCode), expected);
    });
  }

  it('pings nothing without an address', async (t) => {
    const { mock } = t.mock.method(globalThis, 'fetch', async () => new Response());
    const monitor = createMonitor(undefined, recordLog().log);
    monitor.start();
    await monitor.end(0, REPORT);
    assert.equal(mock.callCount(), 0);
  });

  describe('on the wire', () => {
    let sandbox: Sandbox;
    before(async () => {
      sandbox = await startSandbox({ messages: 0 });
    });
    afterEach(() => sandbox.faults.clear());
    after(() => sandbox.close());

    it('sends the report with the ping of the end', async () => {
      await createMonitor(sandbox.monitorUrl, recordLog().log).end(0, REPORT);
      assert.deepEqual(sandbox.monitor.pings.at(-1)?.body, REPORT);
    });

    for (const [what, fault, reason] of [
      ['answers with an error', { status: 500 }, 'status 500'],
      ['resets the connection', { kind: 'reset-before' }, 'the connection failed'],
      ['redirects', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 'the connection failed'],
    ] as const) {
      it(`only warns when the monitor ${what}`, async () => {
        const { log, named } = recordLog();
        sandbox.faults.add({ service: 'monitor', ...fault });
        await createMonitor(sandbox.monitorUrl, log).end(0, REPORT);
        assert.deepEqual(
          named('heartbeat.failed').map((event) => event.reason),
          [reason],
        );
      });
    }

    it('waits at most five seconds for a monitor that hangs', async () => {
      const { log, named } = recordLog();
      sandbox.faults.add({ service: 'monitor', kind: 'hang', times: 2 });
      const monitor = createMonitor(sandbox.monitorUrl, log);
      const startedAt = performance.now();
      monitor.start();
      await monitor.end(0, REPORT);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs > 4_900 && tookMs < 5_500, `took ${tookMs} ms`);
      assert.ok(named('heartbeat.failed').every(({ reason }) => reason === 'no answer within 5s'));
    });
  });
});
