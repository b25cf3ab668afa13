import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { StoppedError } from '../../../lib/errors.ts';
import { LINGER_MS, startBudget, WIND_DOWN_MS } from '../../../lib/run/budget.ts';
import { MONITOR_TIMEOUT_MS } from '../../../lib/run/monitor.ts';

/** A process that nobody stops. */
const running = () => new AbortController().signal;

it('leaves a stopped process less time to end than the 30 seconds before Heroku sends SIGKILL', () => {
  assert.ok(WIND_DOWN_MS + MONITOR_TIMEOUT_MS + LINGER_MS < 30_000);
});

describe('startBudget', () => {
  it('aborts wrapUp when the budget is spent, and giveUp 20 seconds later', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    using budget = startBudget(60_000, running());
    t.mock.timers.tick(59_999);
    assert.deepEqual([budget.wrapUp.aborted, budget.stopped], [false, null]);
    t.mock.timers.tick(1);
    assert.deepEqual([budget.wrapUp.aborted, budget.giveUp.aborted, budget.stopped], [true, false, 'budget']);
    assert.ok(budget.wrapUp.reason instanceof StoppedError);
    t.mock.timers.tick(WIND_DOWN_MS - 1);
    assert.equal(budget.giveUp.aborted, false);
    t.mock.timers.tick(1);
    assert.equal(budget.giveUp.aborted, true);
    assert.equal(budget.giveUp.reason, budget.wrapUp.reason);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops when the process gets ${signal}`, (t) => {
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const process = new AbortController();
      using budget = startBudget(60_000, process.signal);
      process.abort(new StoppedError(signal));
      assert.equal(budget.stopped, signal);
      t.mock.timers.tick(WIND_DOWN_MS);
      assert.equal(budget.giveUp.aborted, true);
    });

    it(`is stopped from its start when the process got ${signal} before`, () => {
      using budget = startBudget(60_000, AbortSignal.abort(new StoppedError(signal)));
      assert.equal(budget.stopped, signal);
    });
  }

  it('leaves a run that lost its mailbox two seconds', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    using budget = startBudget(60_000, AbortSignal.abort(new StoppedError('lost')));
    t.mock.timers.tick(1_999);
    assert.equal(budget.giveUp.aborted, false);
    t.mock.timers.tick(1);
    assert.equal(budget.giveUp.aborted, true);
  });

  it('keeps the first reason', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const process = new AbortController();
    using budget = startBudget(1_000, process.signal);
    t.mock.timers.tick(1_000);
    process.abort(new StoppedError('SIGTERM'));
    budget.stop('fault');
    assert.equal(budget.stopped, 'budget');
  });

  it('accepts a budget longer than the longest timer, and does not end at once', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    using budget = startBudget(9_999 * 3_600_000, running());
    t.mock.timers.tick(24 * 3_600_000);
    assert.equal(budget.wrapUp.aborted, false);
  });

  it('aborts both signals when it is disposed of, and does not count that as a stop', () => {
    const budget = startBudget(60_000, running());
    budget[Symbol.dispose]();
    assert.deepEqual([budget.wrapUp.aborted, budget.giveUp.aborted, budget.stopped], [true, true, null]);
  });

  it('knows how long the event loop was blocked when it was stopped, and then gives up after 2 seconds', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    let now = 0;
    t.mock.method(performance, 'now', () => now);
    using budget = startBudget(60_000, running());
    for (; now < 50_000; now += 500) t.mock.timers.tick(500);
    assert.equal(budget.blockedMs, 0);
    now = 65_000;
    t.mock.timers.tick(10_000);
    // The last beat was at 49,500.
    assert.deepEqual([budget.stopped, budget.blockedMs], ['budget', 15_500]);
    t.mock.timers.tick(2_000);
    assert.deepEqual([budget.giveUp.aborted, budget.isAbandoned], [true, true]);
  });

  it('counts a block before a signal, and none that was over before', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    for (const [laterMs, blockedMs] of [
      [0, 4_000],
      [1_000, 0],
    ] as const) {
      let now = 0;
      const clock = t.mock.method(performance, 'now', () => now);
      const process = new AbortController();
      using budget = startBudget(60_000, process.signal);
      now = 4_000;
      t.mock.timers.tick(500);
      now += laterMs;
      process.abort(new StoppedError('SIGTERM'));
      assert.deepEqual([budget.stopped, budget.blockedMs], ['SIGTERM', blockedMs]);
      clock.mock.restore();
    }
  });

  it('counts a block past the budget of a job that then returns at once', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    let now = 0;
    t.mock.method(performance, 'now', () => now);
    const budget = startBudget(1_000, running());
    now = 3_000;
    budget[Symbol.dispose]();
    assert.deepEqual([budget.stopped, budget.blockedMs], [null, 3_000]);
  });

  it('leaves no listener at the process when it is disposed of', () => {
    const process = running();
    for (let run = 0; run < 100; run += 1) startBudget(60_000, process)[Symbol.dispose]();
    assert.deepEqual(getEventListeners(process, 'abort'), []);
  });
});
