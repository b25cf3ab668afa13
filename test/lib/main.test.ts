import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { describe, it } from 'node:test';
import { apply, sandboxOf } from '../fixtures/starring.ts';
import { assertEnded, runJob } from '../run.ts';

/** Sends SIGTERM without a pause, from the first output that `pattern` matches until the process has ended. */
function floodAfter(pattern: RegExp): (child: ChildProcess) => void {
  return (child) => {
    let seen = '';
    const flood = (): void => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      for (let sent = 0; sent < 50; sent += 1) child.kill('SIGTERM');
      setImmediate(flood);
    };
    const read = (text: string) => {
      if (pattern.test(seen)) return;
      seen += text;
      if (pattern.test(seen)) flood();
    };
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', read);
  };
}

// Without the exit in main's handler of `exit`, 39 of 40 such runs of `job list` died of the signal (seen with 24.21).
describe('the exit code under a flood of SIGTERM during exit', () => {
  it('stays 0 after the help and 2 after an unknown job', async () => {
    for (const [args, code] of [
      [['list'], 0],
      [['unknown-job'], 2],
    ] as const) {
      const run = await runJob(null, args, { onStart: floodAfter(/./) });
      assert.equal(run.code, code, run.stderr);
    }
  });

  it('stays that of the final line', async () => {
    await using sandbox = await sandboxOf(1);
    assertEnded(await apply(sandbox, { onStart: floodAfter(/"event":"run\.finished"/) }), 0, { changed: 1 });
  });
});
