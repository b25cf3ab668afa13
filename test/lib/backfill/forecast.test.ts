import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type Forecast, forecastEvent } from '../../../lib/backfill/forecast.ts';
import { renderForecast } from '../../../lib/backfill/forecast-screen.ts';
import { isYes } from '../../../lib/screen/terminal.ts';

const RULES = [
  { name: 'old-newsletters', matched: 1_204_332, skipped: 1_200, toChange: 1_203_132, atMost: null },
  { name: 'spent-codes', matched: 88_410, skipped: 0, toChange: 88_410, atMost: 50_000 },
  { name: 'receipts-of-the-online-shops-2015-to-2019', matched: 12, skipped: 0, toChange: 12, atMost: 100 },
];

const FORECAST: Forecast = {
  rules: RULES,
  range: '2015-01-01 to now (UTC)',
  windows: 12,
  windowUnit: 'year',
  messages: 1_292_754,
  changes: 1_291_554,
  unitsSpent: 12_935,
  units: 77_535,
  requests: 1_293,
  durationMs: 663_000,
  runs: 1,
  unitsPerMinute: 6_000,
  budgetMs: 3_000_000,
  guards: { maxChanges: 2_000_000, maxShare: 0.5, mailbox: 3_400_000 },
};

function show(forecast: Partial<Forecast>, columns: number): string {
  return stripVTControlCharacters(renderForecast({ ...FORECAST, ...forecast }, columns));
}

describe('the forecast on a terminal', () => {
  it('has a table of the rules, the cost, and the guards', () => {
    assert.equal(
      show({}, 80),
      [
        '  Forecast  2015-01-01 to now (UTC), in 12 windows of one year',
        '',
        '                                       found   left alone   to change   at most',
        '    old-newsletters                1,204,332        1,200   1,203,132',
        '  ✖ spent-codes                       88,410            0      88,410    50,000',
        '    receipts-of-the-online-shop…          12            0          12       100',
        '    in all                         1,292,754        1,200   1,291,554',
        '',
        '    work    1,291,554 changes (1,293 requests)',
        '    quota   77,535 units (12,935 spent so far)',
        '    time    about 12m (at 6,000 units a minute)',
        '    runs    this one is enough (its budget is 50m)',
        '    guards  ✔ at most 2,000,000 changes (rules.yaml: maxChanges)',
        '            ✔ at most 50% by one rule (35.4% of 3,400,000 messages)',
        '            ✖ 1 rule over its own limit (marked above)',
      ].join('\n'),
    );
  });

  it('fits a terminal of 44 columns and more', () => {
    for (let columns = 44; columns <= 130; columns += 1) {
      for (const line of show({}, columns).split('\n')) assert.ok(line.length < columns, `${columns}: ${line}`);
    }
  });

  it('marks the guards that stop it', () => {
    const guards = { maxChanges: 5_000, maxShare: 0.25, mailbox: 3_400_000, maxChangesFrom: '--max-changes' };
    const text = show({ guards }, 100);
    assert.match(text, /✖ at most 5,000 changes \(--max-changes\)/);
    assert.match(text, /✖ at most 25% by one rule \(35.4% of/);
    const each = RULES.slice(0, 2).map((rule) => ({
      ...rule,
      matched: 600_000,
      skipped: 0,
      toChange: 600_000,
      atMost: null,
    }));
    assert.match(show({ rules: each }, 100), /✔ at most 50% by one rule \(17.6% of/, 'each for itself');
    assert.match(show({ guards: { ...guards, maxChanges: null } }, 100), /✔ any number of changes/);
  });

  it('has no guards for a job that reads', () => {
    const rules = [{ name: 'export', matched: 250_000, skipped: 0, toChange: 0, atMost: null }];
    const text = show({ rules, messages: 250_000, changes: 0, requests: 250_000, runs: 17 }, 80);
    assert.match(text, /found {3}to read\n {4}export/);
    assert.match(text, /work {4}250,000 messages to read/);
    assert.match(text, /runs {4}17 of 50m each, this one included/);
    assert.doesNotMatch(text, /guards|change/);
  });

  it('is short when there is nothing to do', () => {
    const rules = [{ name: 'a', matched: 0, skipped: 0, toChange: 0, atMost: null }];
    assert.match(show({ rules, messages: 0, changes: 0 }, 80), /\n\n {2}Nothing was found: there is nothing to do\.$/);
  });
});

describe('the event of the forecast', () => {
  it('has the numbers and the guards', () => {
    const event = forecastEvent(FORECAST);
    assert.equal(event.units, 77_535);
    assert.equal(event.maxShare, 0.5);
    assert.deepEqual(event.rules, RULES);
  });

  it('leaves out the rules when they are too many for a log line', () => {
    const rules = Array.from({ length: 100 }, (_, index) => ({ ...RULES[0], name: `rule-${index}` }) as never);
    const event = forecastEvent({ ...FORECAST, rules });
    assert.equal(event.ruleCount, 100);
    assert.ok(JSON.stringify(event).length < 1_000);
  });
});

describe('the answer to the question', () => {
  it('is yes only for y and yes', () => {
    for (const answer of ['y', 'Y', ' yes ', 'YES']) assert.ok(isYes(answer), answer);
    for (const answer of ['', 'n', 'yo', 'no', null]) assert.ok(!isYes(answer), `${answer}`);
  });
});
