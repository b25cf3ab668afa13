import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { StoppedError } from '../../../lib/errors.ts';
import { startBudget, WIND_DOWN_MS } from '../../../lib/run/budget.ts';

/** A process that can be sent signals. */
function signals() {
  const emitter = new EventEmitter();
  return { send: (name: string) => emitter.emit(name), on: emitter.on.bind(emitter) as NodeJS.Process['on'] };
}

describe('startBudget', () => {
  it('tells to wrap up when the time is spent, and to give up 20 seconds later', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    using budget = startBudget(60_000, signals());
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

  for (const signal of ['SIGTERM', 'SIGINT']) {
    it(`stops on ${signal}, and stays so however often it comes`, (t) => {
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const process = signals();
      using budget = startBudget(60_000, process);
      assert.equal(process.send(signal), true);
      assert.equal(budget.stopped, signal);
      t.mock.timers.tick(WIND_DOWN_MS / 2);
      process.send(signal);
      t.mock.timers.tick(WIND_DOWN_MS / 2);
      assert.equal(budget.giveUp.aborted, true);
    });
  }

  it('keeps the first reason', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const process = signals();
    using budget = startBudget(1_000, process);
    t.mock.timers.tick(1_000);
    process.send('SIGTERM');
    budget.stop('fault');
    assert.equal(budget.stopped, 'budget');
  });

  it('goes on for weeks when it is told so, and does not end at once', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    using budget = startBudget(9_999 * 3_600_000, signals());
    t.mock.timers.tick(24 * 3_600_000);
    assert.equal(budget.wrapUp.aborted, false);
  });

  it('ends what is still under way when the run is over, and does not call that a stop', () => {
    const budget = startBudget(60_000, signals());
    budget[Symbol.dispose]();
    assert.deepEqual([budget.wrapUp.aborted, budget.giveUp.aborted, budget.stopped], [true, true, null]);
  });

  it('still hears signals when the run is over, so that they cannot kill its last line', () => {
    const process = signals();
    const budget = startBudget(60_000, process);
    budget[Symbol.dispose]();
    assert.equal(process.send('SIGTERM'), true);
  });
});
