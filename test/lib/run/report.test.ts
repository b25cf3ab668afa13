import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ConfigError,
  CredentialError,
  GuardError,
  RefusedError,
  StoppedError,
  UnavailableError,
  UsageError,
} from '../../../lib/errors.ts';
import { concludeRun, noteOf, type RunFacts } from '../../../lib/run/report.ts';

type Numbers = readonly [changed: number, skipped: number, failed: number, remaining: number];

function ended([changed, skipped, failed, remaining]: Numbers, rest: Partial<RunFacts> = {}): RunFacts {
  const counts = { matched: changed + skipped + failed + remaining, changed, skipped, failed, remaining };
  return { job: 'tidy', counts, dryRun: false, error: undefined, stopped: null, ...rest };
}

const stop = (stopped: 'budget' | 'SIGTERM' | 'SIGINT' | 'fault') => ({ error: new StoppedError(stopped), stopped });
const NOTHING: Numbers = [0, 0, 0, 0];

describe('concludeRun', () => {
  const cases: ReadonlyArray<readonly [string, RunFacts, string, number]> = [
    ['nothing was found', ended(NOTHING), 'nothing-to-do', 0],
    ['all that was found was skipped', ended([0, 5, 0, 0]), 'nothing-to-do', 0],
    ['something was changed', ended([5, 0, 0, 0]), 'ok', 0],
    ['a dry run found something', ended([0, 0, 0, 5], { dryRun: true }), 'ok', 0],
    ['a dry run found nothing', ended(NOTHING, { dryRun: true }), 'nothing-to-do', 0],
    ['some items failed', ended([5, 0, 1, 0]), 'failed', 65],
    ['all items failed', ended([0, 0, 9, 0]), 'failed', 65],
    ['a guard stopped it', ended([0, 0, 0, 9], { error: new GuardError('g', 'r') }), 'failed', 65],
    ['Gmail refused a request for good', ended(NOTHING, { error: new RefusedError('g', 'r') }), 'failed', 65],
    ['a service stayed away', ended([3, 0, 0, 9], { error: new UnavailableError('g', 'r') }), 'failed', 75],
    [
      'items failed and then a service stayed away',
      ended([3, 0, 2, 9], { error: new UnavailableError('g', 'r') }),
      'failed',
      65,
    ],
    ['the token was refused', ended(NOTHING, { error: new CredentialError('g', 'r') }), 'failed', 77],
    [
      'items failed and then the token was refused',
      ended([0, 0, 2, 9], { error: new CredentialError('g', 'r') }),
      'failed',
      77,
    ],
    ['the configuration is wrong', ended(NOTHING, { error: new ConfigError('g', 'r') }), 'failed', 78],
    ['the usage is wrong', ended(NOTHING, { error: new UsageError('g', 'r') }), 'failed', 2],
    ['there is a bug', ended([3, 0, 0, 9], { error: new TypeError('x is undefined') }), 'failed', 1],
    ['there is a bug, and items failed', ended([3, 0, 2, 9], { error: new TypeError('x') }), 'failed', 1],
    ['something that is no error was thrown', ended([3, 0, 0, 9], { error: 'text' }), 'failed', 1],
    ['null was thrown', ended([3, 0, 0, 9], { error: null }), 'failed', 1],
    ['the budget ended in the middle', ended([3, 0, 0, 9], stop('budget')), 'partial', 0],
    ['the budget ended before the first change', ended([0, 0, 0, 9], stop('budget')), 'partial', 0],
    ['the budget ended before anything was planned', ended(NOTHING, stop('budget')), 'failed', 75],
    ['the budget ended, and items failed', ended([3, 0, 1, 9], stop('budget')), 'failed', 65],
    ['the budget ended after all was done', ended([3, 0, 0, 0], { stopped: 'budget' }), 'ok', 0],
    ['SIGTERM came in the middle', ended([3, 0, 0, 9], stop('SIGTERM')), 'interrupted', 143],
    ['SIGTERM came before anything was planned', ended(NOTHING, stop('SIGTERM')), 'interrupted', 143],
    ['SIGTERM came after all was done', ended([3, 0, 0, 0], { stopped: 'SIGTERM' }), 'ok', 0],
    ['SIGTERM came, and items failed', ended([3, 0, 1, 9], stop('SIGTERM')), 'failed', 65],
    ['SIGINT came', ended([3, 0, 0, 9], stop('SIGINT')), 'interrupted', 130],
    [
      'SIGTERM came, and then a service stayed away',
      ended([3, 0, 0, 9], { stopped: 'SIGTERM', error: new UnavailableError('g', 'r') }),
      'failed',
      75,
    ],
    ['undefined was thrown somewhere and not caught', ended([3, 0, 0, 9], stop('fault')), 'failed', 1],
  ];
  for (const [what, given, outcome, exitCode] of cases) {
    it(`says "${outcome}" and ${exitCode} when ${what}`, () => {
      const ending = concludeRun(given);
      assert.deepEqual([ending.outcome, ending.exitCode], [outcome, exitCode]);
      assert.equal(ending.error !== undefined && ending.remedy !== undefined, outcome === 'failed');
    });
  }

  it('shows an error on one line, that of a bug with its class', () => {
    assert.deepEqual(concludeRun(ended(NOTHING, { error: new ConfigError('a\nb', 'c\n d') })), {
      outcome: 'failed',
      exitCode: 78,
      error: 'a b',
      remedy: 'c d',
    });
    assert.equal(concludeRun(ended(NOTHING, { error: new TypeError('a\nb') })).error, 'TypeError: a b');
  });

  it('says what the job did when the budget ended before anything was planned', () => {
    const told = (facts: Partial<RunFacts>) => concludeRun(ended(NOTHING, { ...stop('budget'), ...facts }));
    const nothing = 'The time budget ended before the job tidy had found anything to do';
    assert.equal(told({}).error, nothing);
    assert.match(String(told({}).remedy), /a loop in the job that never ends/);
    const blocked = told({ blockedMs: 12_400 });
    assert.equal(blocked.error, `${nothing}: the job tidy blocked the event loop for 12 seconds`);
    assert.match(String(blocked.remedy), /await something between the parts/);
    const abandoned = told({ isAbandoned: true });
    assert.match(String(abandoned.error), /the job tidy did not end when it was told to stop, and was abandoned$/);
    assert.match(String(abandoned.remedy), /check `signal`/);
  });

  it('notes a block of the event loop for every outcome', () => {
    assert.equal(noteOf(ended([3, 0, 0, 9], stop('SIGTERM'))), undefined);
    assert.equal(
      noteOf(ended([3, 0, 0, 9], { ...stop('SIGTERM'), blockedMs: 3_000, isAbandoned: true })),
      'the job tidy blocked the event loop for 3 seconds, did not end when it was told to stop, and was abandoned',
    );
  });

  it('names the place in a job first, and says to correct the job', () => {
    const { error, remedy } = concludeRun(ended(NOTHING, { error: new TypeError('a'), place: 'jobs/x.ts:3' }));
    assert.equal(error, 'jobs/x.ts:3: TypeError: a');
    assert.match(String(remedy), /^Correct the job there/);
  });

  it('cuts the message of a bug to 500 characters', () => {
    assert.ok((concludeRun(ended(NOTHING, { error: new Error('x'.repeat(9_000)) })).error ?? '').length <= 500);
  });
});
