import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Faults } from '../../../lib/base/faults.ts';
import { takeUncaught } from '../../fixtures/uncaught.ts';

/** Starts a run that ends when `end` is called. `errors` are its faults. */
function startRun(faults: Faults, work: () => void = () => undefined) {
  const errors: unknown[] = [];
  const { promise, resolve: end } = Promise.withResolvers<void>();
  const ended = faults.during(
    (error) => errors.push(error),
    () => {
      work();
      return promise;
    },
  );
  return { errors, ended, end };
}

describe('Faults', () => {
  const faults = new Faults();
  const unowned: unknown[] = [];
  let taken: Disposable;
  before(() => {
    taken = takeUncaught((error) => {
      if (!faults.handle(error)) unowned.push(error);
    });
  });
  after(() => taken[Symbol.dispose]());

  const ways: Readonly<Record<string, (error: Error) => void>> = {
    'in a timer': (error) =>
      setTimeout(() => {
        throw error;
      }),
    'in a callback of process.nextTick': (error) =>
      process.nextTick(() => {
        throw error;
      }),
    'in a promise that nothing awaits': (error) => void Promise.reject(error),
    'after an await': async (error) => {
      await turn();
      throw error;
    },
  };
  for (const [where, way] of Object.entries(ways)) {
    it(`gives an error thrown ${where} to the run that threw it, and to no other`, async () => {
      const error = new Error(where);
      const one = startRun(faults);
      const two = startRun(faults, () => way(error));
      while (one.errors.length + two.errors.length === 0) await turn();
      assert.deepEqual([one.errors, two.errors], [[], [error]]);
      for (const run of [one, two]) run.end();
      await Promise.all([one.ended, two.ended]);
    });
  }

  it('gives an error thrown outside of all runs to all runs', async () => {
    const runs = [startRun(faults), startRun(faults)];
    const error = new Error('thrown in no run');
    assert.equal(faults.handle(error), true);
    for (const run of runs) {
      assert.deepEqual(run.errors, [error]);
      run.end();
    }
    await Promise.all(runs.map(({ ended }) => ended));
    assert.equal(faults.handle(error), false);
  });

  it('gives an error to the inner work that threw it, and after the end of that work to its parent', async () => {
    const [inChild, later] = [new Error('in the child'), new Error('after the child')];
    const { promise, resolve } = Promise.withResolvers<void>();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const ofChild: unknown[] = [];
    let child: Promise<void> | undefined;
    const parent = startRun(faults, () => {
      child = faults.during(
        (error) => {
          ofChild.push(error);
          end();
        },
        () => {
          void Promise.reject(inChild);
          void promise.then(() => Promise.reject(later));
          return ended;
        },
      );
    });
    await child;
    resolve();
    while (parent.errors.length === 0) await turn();
    assert.deepEqual([ofChild, parent.errors], [[inChild], [later]]);
    parent.end();
    await parent.ended;
  });

  it('gives an error that a run throws after its end to no run', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const error = new Error('too late');
    const ended = startRun(faults, () => void promise.then(() => Promise.reject(error)));
    ended.end();
    await ended.ended;
    const other = startRun(faults);
    resolve();
    while (unowned.length === 0) await turn();
    assert.deepEqual([unowned, ended.errors, other.errors], [[error], [], []]);
    other.end();
    await other.ended;
  });

  it('lets go of a run that has ended, although one of its timers is left', async () => {
    let timer: NodeJS.Timeout | undefined;
    const start = () => {
      const run = { end: () => undefined };
      void faults.during(run.end, async () => {
        timer = setTimeout(() => undefined, 60_000).unref();
      });
      return new WeakRef(run.end);
    };
    const ended = start();
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    for (let tries = 0; tries < 10 && ended.deref() !== undefined; tries += 1) {
      await turn();
      collect();
    }
    assert.equal(ended.deref(), undefined);
    clearTimeout(timer);
  });
});
