/** The pings of a run to its monitor; a monitor's failure does not fail the run. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apply, forever, sandboxOf, verbs } from '../fixtures/starring.ts';
import { assertEnded, type LogEvent } from '../run.ts';

describe('the monitor', { concurrency: 4 }, () => {
  it('does not fail the run and delays it at most five seconds when it hangs', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ service: 'monitor', kind: 'hang', ...forever });
    let endedAt = 0;
    sandbox.faults.add({
      kind: 'hook',
      verb: 'messages.batchModify',
      after: () => {
        endedAt = performance.now();
      },
    });
    const run = await apply(sandbox, { env: { HEARTBEAT_URL: sandbox.monitorUrl } });
    assertEnded(run, 0, { outcome: 'ok', changed: 3 });
    assert.ok(performance.now() - endedAt < 7_500, 'the monitor delayed the end');
    assert.match(run.stdout, /"event":"heartbeat.failed"/);
  });

  it('gets a ping at the start, and one at the end with only outcome and counts', async () => {
    await using sandbox = await sandboxOf();
    const run = await apply(sandbox, { env: { HEARTBEAT_URL: sandbox.monitorUrl } });
    const final = assertEnded(run, 0, { changed: 3 });
    const path = new URL(sandbox.monitorUrl).pathname;
    assert.deepEqual(
      sandbox.monitor.pings.map((ping) => ping.path),
      [`${path}/start`, `${path}/0`],
    );
    const [start, end] = sandbox.monitor.pings;
    assert.equal(start?.body, '');
    for (const [name, value] of Object.entries(end?.body as object)) {
      if (name !== 'durationMs') assert.equal(value, final[name], name);
    }
    assert.equal((end as { body: LogEvent }).body.matched, 3);
    const order = sandbox.requests.map(({ service }) => service);
    assert.deepEqual([order[0], order.at(-1)], ['monitor', 'monitor']);
  });

  it('gets the exit code of a failed run', async () => {
    await using sandbox = await sandboxOf();
    sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
    assertEnded(await apply(sandbox, { env: { HEARTBEAT_URL: sandbox.monitorUrl } }), 77);
    assert.match(String(sandbox.monitor.pings.at(-1)?.path), /\/77$/);
  });

  it('does not fail the run, however it fails', async () => {
    const faults = [
      { status: 500 },
      { kind: 'reset-before' },
      { status: 302, headers: { location: '/elsewhere' } },
    ] as const;
    for (const fault of faults) {
      await using sandbox = await sandboxOf();
      sandbox.faults.add({ service: 'monitor', ...forever, ...fault });
      const run = await apply(sandbox, { env: { HEARTBEAT_URL: sandbox.monitorUrl } });
      assertEnded(run, 0, { outcome: 'ok', changed: 3 });
      assert.match(run.stdout, /"level":"warn",[^\n]*"event":"heartbeat.failed"/);
      assert.equal(verbs(sandbox, 'monitor').length, 2);
    }
  });
});
