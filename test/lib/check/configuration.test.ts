import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkScheduler } from '../../../lib/check/configuration.ts';

const METRICS = { HEROKU_METRICS_URL: 'https://app.metrics.heroku.com/x' };

describe('checkScheduler', () => {
  const cases: Readonly<Record<string, readonly [Record<string, string>, 'ok' | 'failed' | undefined]>> = {
    'a laptop': [{}, undefined],
    'a dyno without metrics': [{ DYNO: 'run.1' }, 'ok'],
    'a dyno with metrics': [{ DYNO: 'run.1', ...METRICS }, 'failed'],
    'metrics whose plugin is skipped': [{ DYNO: 'run.1', ...METRICS, HEROKU_SKIP_NODE_PLUGIN: '1' }, 'ok'],
    'metrics whose plugin is skipped by any text, as the buildpack has it': [
      { DYNO: 'run.1', ...METRICS, HEROKU_SKIP_NODE_PLUGIN: 'true' },
      'ok',
    ],
    'metrics and an empty HEROKU_SKIP_NODE_PLUGIN': [
      { DYNO: 'run.1', ...METRICS, HEROKU_SKIP_NODE_PLUGIN: '' },
      'failed',
    ],
    'metrics beside harmless options': [{ DYNO: 'run.1', ...METRICS, NODE_OPTIONS: '--no-warnings' }, 'failed'],
    'options that hold on all dynos': [{ DYNO: 'run.1', NODE_OPTIONS: '--import ./x.mjs' }, 'failed'],
  };
  for (const [what, [env, status]] of Object.entries(cases)) {
    it(`says ${status ?? 'nothing'} about ${what}`, () => assert.equal(checkScheduler(env)?.status, status));
  }

  it("names the budget of Scheduler's runs, not of heroku run", () => {
    assert.deepEqual(checkScheduler({ DYNO: 'run.1' })?.data, { budgetMs: 3_000_000 });
    assert.deepEqual(checkScheduler({ DYNO: 'run.1', RUN_BUDGET: '9m' })?.data, { budgetMs: 540_000 });
  });
});
