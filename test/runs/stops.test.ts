/** Runs that the budget or a signal ends early. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasTerminal, runAtTerminal } from '../fixtures/at-terminal.ts';
import { ARCHIVE, apply, carrying, forever, IMPORTANT, STAR, sandboxOf, told, UNREAD } from '../fixtures/starring.ts';
import { assertEnded, ChildHandle } from '../run.ts';
import { googleErrors } from '../sandbox/index.ts';

describe('a run that is stopped', { concurrency: 4 }, () => {
  it('gives up unanswered requests 20 seconds after SIGTERM', async () => {
    await using sandbox = await sandboxOf(3);
    const child = new ChildHandle();
    let toldAt = 0;
    sandbox.faults.add({
      kind: 'hook',
      verb: 'messages.batchModify',
      before: () => {
        toldAt = performance.now();
        child.kill('SIGTERM');
      },
    });
    sandbox.faults.add({ kind: 'hang', verb: 'messages.batchModify', ...forever });
    const env = { REQUEST_TIMEOUT: '5m' };
    const run = await apply(sandbox, { rules: { rules: [STAR] }, env, onStart: child.onStart });
    const tookMs = performance.now() - toldAt;
    assertEnded(run, 143, { outcome: 'interrupted', matched: 3, changed: 0, remaining: 3 });
    assert.ok(tookMs > 15_000 && tookMs < 24_000, `took ${tookMs} ms`);
    // Before that, the journal has recorded the changes that Gmail may have made.
    assert.deepEqual(
      run.events.filter(({ event }) => event === 'journal.closed').map(({ messages }) => messages),
      [3],
    );
  });

  const rules = { rules: [STAR, ARCHIVE, IMPORTANT, UNREAD] };

  it('by its budget is partial, exits 0, and has a `resume` that a shell understands', async () => {
    await using sandbox = await sandboxOf(5);
    sandbox.faults.add({ kind: 'slow', verb: 'messages.batchModify', delayMs: 4_500 });
    const run = await apply(sandbox, { rules }, ['--budget', ' 4s ', '--max-changes', '50']);
    assertEnded(run, 0, {
      outcome: 'partial',
      matched: 20,
      changed: 5,
      remaining: 15,
      resume: "bin/job apply-rules --budget ' 4s ' --max-changes 50",
    });
    assert.equal(carrying(sandbox, 'STARRED'), 5);
    assertEnded(await apply(sandbox, { rules }), 0, { outcome: 'ok', matched: 15, changed: 15 });
  });

  it('on a dyno has a `resume` with `heroku run`, quoted for it', async () => {
    await using sandbox = await sandboxOf(5);
    const child = new ChildHandle();
    sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', before: () => child.kill('SIGTERM') });
    const env = { DYNO: 'scheduler.1234' };
    const run = await apply(sandbox, { rules, env, onStart: child.onStart }, ['--budget', ' 9m']);
    assertEnded(run, 143, {
      outcome: 'interrupted',
      resume: "heroku run 'job apply-rules --budget '\\'' 9m'\\'''",
    });
  });

  it('by RUN_BUDGET before anything could be planned exits 75', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ kind: 'hang', service: 'aws' });
    const run = await apply(sandbox, { env: { RUN_BUDGET: '1s' } });
    const final = assertEnded(run, 75, { outcome: 'failed', matched: 0 });
    assert.match(told(final), /budget.*--budget/);
    assert.ok(Number(final.durationMs) < 4_000);
  });

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 143],
  ] as const) {
    it(`by ${signal}, several times, finishes its requests, exits ${code}, and has a \`resume\``, async () => {
      await using sandbox = await sandboxOf(5, { latencyMs: 60 });
      const child = new ChildHandle();
      const kill = () => child.kill(signal);
      sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', before: () => [kill(), kill()], after: kill });
      // At the monitor's last ping the run has ended, and its final line is not yet written.
      sandbox.faults.add({ kind: 'hook', service: 'monitor', skip: 1, after: kill });
      const env = { HEARTBEAT_URL: sandbox.monitorUrl };
      const run = await apply(sandbox, { rules, env, onStart: child.onStart }, ['--budget=9m']);
      assertEnded(run, code, {
        outcome: 'interrupted',
        matched: 20,
        changed: 5,
        remaining: 15,
        resume: 'bin/job apply-rules --budget=9m',
      });
      assert.equal(carrying(sandbox, 'STARRED'), 5);
      assert.match(String(sandbox.monitor.pings.at(-1)?.path), new RegExp(`/${code}$`));
      assertEnded(await apply(sandbox, { rules }), 0, { outcome: 'ok', changed: 15 });
    });
  }

  // While a question waits, the end of the input may come before the signal, and is a no.
  for (const [awaited, codes] of [
    ['5 to change', [143]],
    ['Go on? [y/N]', [143, 0]],
  ] as const) {
    it(`because its terminal was closed pings the monitor with its exit code, after "${awaited}"`, {
      skip: !hasTerminal && 'there is no python3',
    }, async () => {
      await using sandbox = await sandboxOf(5);
      sandbox.faults.add({ kind: 'slow', verb: 'messages.list', skip: 1, delayMs: 1_000, ...forever });
      const args = ['apply-rules', '--from', '20y'];
      const env = { HEARTBEAT_URL: sandbox.monitorUrl };
      const { code } = await runAtTerminal(sandbox, args, { rules: { rules: [STAR] }, env, keys: [[awaited, null]] });
      assert.ok(
        codes.some((one) => one === code),
        String(code),
      );
      assert.match(String(sandbox.monitor.pings.at(-1)?.path), new RegExp(`/${code}$`));
      assert.equal(carrying(sandbox, 'STARRED'), 0);
    });
  }

  it('ends at once while it waits for AWS, for Google or for a retry', async () => {
    const waits = [
      { kind: 'hang', service: 'aws' },
      { kind: 'hang', service: 'oauth' },
      { verb: 'messages.list', ...googleErrors.backendError(), headers: { 'retry-after': '60' } },
      { verb: 'messages.list', ...googleErrors.quota429(), headers: { 'retry-after': '60' } },
    ] as const;
    const runs = waits.map(async (fault) => {
      await using sandbox = await sandboxOf(3, { latencyMs: 60 });
      const child = new ChildHandle();
      const { service, verb } = { service: undefined, verb: undefined, ...fault };
      const target = { ...(service && { service }), ...(verb && { verb }) };
      sandbox.faults.add({ ...target, kind: 'hook', before: () => child.kill('SIGTERM') });
      sandbox.faults.add(fault);
      const final = assertEnded(await apply(sandbox, { onStart: child.onStart }), 143, {
        outcome: 'interrupted',
        matched: 0,
        resume: 'bin/job apply-rules',
      });
      assert.ok(Number(final.durationMs) < 8_000, `${JSON.stringify(fault)}: ${final.durationMs} ms`);
    });
    await Promise.all(runs);
  });
});
