/** The announcement of a search in every month: its time and quota. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasTerminal, runAtTerminal } from '../fixtures/at-terminal.ts';
import { mailboxOfYears, RULES } from '../fixtures/years.ts';
import { runJob } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

const ARGS = ['apply-rules', '--from', '2020-01-01', '--to', '2021-01-01', '--window', 'month', '--dry-run'];

const REFUSAL = {
  error: { code: 403, errors: [{ reason: 'rateLimitExceeded', domain: 'usageLimits' }], message: 'Quota' },
};

function refuse({ faults }: Sandbox, times: number): void {
  faults.add({ verb: 'messages.list', status: 403, body: REFUSAL, times });
}

describe('a search in every month', { concurrency: 2 }, () => {
  it('announces its cost before its first request', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
    refuse(sandbox, 1);
    const run = await runJob(sandbox, ARGS, { rules: RULES });
    assert.equal(run.code, 0, run.stdout);
    const names = run.events.map(({ event }) => event);
    assert.ok(names.indexOf('backfill.look') < names.indexOf('gmail.retry'), names.join());
    const look = run.events.find(({ event }) => event === 'backfill.look');
    const told = [look?.windows, look?.windowUnit, look?.searches, look?.units, look?.unitsPerMinute];
    assert.deepEqual(told, [12, 'month', 2, 120, 6_000]);
    assert.ok(Number(look?.durationMs) >= 0);
  });

  it('is a sentence on a terminal, where a pause after a quota refusal is one line', {
    skip: !hasTerminal && 'there is no python3',
  }, async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
    refuse(sandbox, 12);
    const { code, screen } = await runAtTerminal(sandbox, ARGS, { rules: RULES });
    assert.equal(code, 0, screen);
    const words = screen.replaceAll(/\s+/g, ' ');
    assert.match(
      words,
      /looking in 12 windows of one month with 2 searches each: about 120 quota units, a few seconds \(at 6,000 units a minute\)/,
    );
    assert.match(words, /paused \ds, refused by Gmail/);
    assert.doesNotMatch(words, /retry in/);
  });
});
