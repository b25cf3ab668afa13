import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ChangePlan, planOf } from '../../../lib/gmail/change-plan.ts';
import {
  createGuards,
  type GuardSettings,
  guardOfJob,
  parseShare,
  shareOption,
  trippedGuard,
} from '../../../lib/gmail/guards.ts';
import { parseRules } from '../../../lib/rules/schema.ts';

const NONE: GuardSettings = { maxChanges: undefined, maxShare: undefined, mailboxSize: undefined };

/** The error for changes of two rules with these numbers of messages. */
function stops(
  sizes: readonly [number, number],
  file: { readonly maxChanges?: number; readonly maxShare?: string; readonly ofTwo?: number },
  settings: Partial<GuardSettings> = {},
) {
  const { ofTwo, ...rest } = file;
  const rules = [
    { name: 'one', query: 'x', actions: { star: true } },
    { name: 'two', query: 'y', actions: { star: true }, ...(ofTwo !== undefined && { maxChanges: ofTwo }) },
  ];
  const ruleSet = parseRules(JSON.stringify({ ...rest, rules }), 'my.yaml');
  return trippedGuard([planWith(sizes)], createGuards({ ...ruleSet, sets: ruleSet.rules }, { ...NONE, ...settings }));
}

function planWith(sizes: readonly number[]): ChangePlan {
  const ids = (size: number) => Array.from({ length: size }, (_, index) => (index + 1).toString(16));
  return planOf(
    sizes.map((size, index) => ({ name: ['one', 'two'][index] ?? '', ids: ids(size), add: [], remove: [] })),
  );
}

describe('guards', () => {
  it('allow 5,000 changes of a run where nothing else is written, and say where to write it', () => {
    assert.equal(stops([2_500, 2_500], {}), undefined);
    const tripped = stops([2_500, 2_501], {});
    assert.match(
      tripped?.message ?? '',
      /^5,001 messages would be changed, but the limit is 5,000: nothing was changed$/,
    );
    assert.match(
      tripped?.remedy ?? '',
      /set maxChanges in my\.yaml \(without it the limit is 5,000\), or run once with --max/,
    );
    assert.equal(stops([2_500, 2_501], { maxChanges: 5_001 }), undefined);
    assert.equal(stops([2_500, 2_501], {}, { maxChanges: 5_001 }), undefined);
  });

  it('limit a job by its maxChanges, or to 5,000, and count the changes that it made before', () => {
    const stopsJob = (size: number, maxChanges: number | undefined, earlier = 0) =>
      trippedGuard([planWith([size, 0])], [guardOfJob('tidy', maxChanges)], { earlier, changed: earlier });
    assert.equal(stopsJob(5_000, undefined), undefined);
    assert.match(
      stopsJob(5_001, undefined)?.remedy ?? '',
      /^If the count is right .* set maxChanges in jobs\/tidy\.ts/,
    );
    assert.match(stopsJob(11, 10)?.remedy ?? '', /raise maxChanges in jobs\/tidy\.ts \(it is 10\)/);
    assert.match(
      stopsJob(3, 10, 8)?.message ?? '',
      /^3 more messages .* With them 11 .* limit is 10\. 8 messages were/,
    );
    assert.equal(stopsJob(0, 10, 20), undefined);
  });

  it('limit the whole run by the maxChanges of the file, or of the command line', () => {
    assert.equal(stops([5, 5], { maxChanges: 10 }), undefined);
    const tripped = stops([5, 6], { maxChanges: 10 });
    assert.match(tripped?.message ?? '', /^11 messages would be changed, but the limit is 10: nothing was changed$/);
    assert.match(tripped?.remedy ?? '', /raise maxChanges in my\.yaml \(it is 10\), or run once with --max-changes/);
    assert.equal(stops([5, 6], { maxChanges: 10 }, { maxChanges: 11 }), undefined);
    assert.match(stops([5, 6], {}, { maxChanges: 3 })?.message ?? '', /the limit is 3:/);
  });

  it('limit a rule by its own maxChanges, which is reported before the limit of the run', () => {
    assert.equal(stops([50, 5], { ofTwo: 5 }), undefined);
    const tripped = stops([50, 6], { ofTwo: 5, maxChanges: 10 });
    assert.match(tripped?.message ?? '', /^the rule two would change 6 messages, but the limit is 5/);
    assert.match(tripped?.remedy ?? '', /raise maxChanges of the rule two in my\.yaml/);
    assert.match(stops([0, 6], { ofTwo: 5 }, { maxChanges: 100 })?.message ?? '', /the rule two/);
  });

  it('limit a rule to half of the mailbox in a backfill by default', () => {
    const mailbox = { mailboxSize: 2_001 };
    assert.equal(stops([1_000, 1_000], {}, mailbox), undefined);
    const tripped = stops([0, 1_001], {}, mailbox);
    assert.match(
      tripped?.message ?? '',
      /^the rule two would change 1,001 messages, but the limit is 1,000 \(50% of the 2,001 in the mailbox\)/,
    );
    assert.match(tripped?.remedy ?? '', /raise maxShare in my\.yaml \(it is 50%\), or run once with --max-share/);
    assert.match(stops([201, 0], { maxShare: '10%' }, mailbox)?.message ?? '', /the limit is 200 \(10%/);
    assert.equal(stops([201, 0], { maxShare: '10%' }, { ...mailbox, maxShare: 0.2 }), undefined);
    assert.equal(stops([2_001, 2_001], {}, { ...mailbox, maxShare: 1 }), undefined);
    assert.equal(stops([1_001, 0], {}), undefined, 'only in a backfill');
  });

  it('limit all plans of a run together, and say how many messages were changed before', () => {
    const [first, second, third] = [planWith([6, 0]), planWith([3, 1]), planWith([0, 1])];
    const guards = [
      { set: 'one', atMost: 9, remedy: 'Raise it.' },
      { atMost: 10, remedy: 'Raise them all.' },
    ];
    assert.equal(trippedGuard([first, second], guards, { changed: 6 }), undefined);
    const tripped = trippedGuard([first, second, third], guards, { changed: 9 });
    assert.equal(
      tripped?.message,
      '1 more message was found during the run. With it 11 messages would be changed, but the limit is 10. 9 messages were changed; the new ones were not',
    );
    assert.equal(tripped?.remedy, 'The next run continues with the rest. Raise them all.');
    assert.match(
      trippedGuard([first, planWith([4, 0])], guards, { changed: 6 })?.message ?? '',
      /the rule one would change 10 messages/,
    );
    // A rule that finds no more messages exceeds no limit.
    assert.equal(
      trippedGuard([first, planWith([0, 1])], [{ set: 'one', atMost: 5, remedy: '' }], { changed: 6 }),
      undefined,
    );
  });

  it('limit no share of a mailbox of up to 1,000 messages without --max-share', () => {
    assert.equal(stops([1_000, 0], { maxShare: '1%' }, { mailboxSize: 1_000 }), undefined);
    assert.notEqual(stops([1_000, 0], { maxShare: '1%' }, { mailboxSize: 1_001 }), undefined);
    assert.equal(stops([9, 0], {}, { mailboxSize: 900, maxShare: 0.01 }), undefined);
    assert.match(
      stops([10, 0], { maxShare: '100%' }, { mailboxSize: 900, maxShare: 0.01 })?.message ?? '',
      /the limit is 9 \(1% of the 900 in the mailbox\)/,
    );
    assert.equal(stops([800, 0], {}, { mailboxSize: 900 }), undefined);
  });
});

describe('a share of the mailbox', () => {
  for (const [text, share] of [
    ['50%', 0.5],
    [' 2.5 % ', 0.025],
    ['100%', 1],
    ['0.5', 0.5],
    ['0.05', 0.05],
    ['0.001%', 0.00001],
  ] as const) {
    it(`is parsed: ${text}`, () => assert.equal(parseShare(text), share));
  }

  for (const text of [
    '',
    '%',
    '0%',
    '0',
    '0.0',
    '1',
    '50',
    '101%',
    '-5%',
    '1.5',
    '5e1%',
    '50%%',
    'half',
    '0,5',
    'NaN%',
  ]) {
    it(`is refused: "${text}"`, () => {
      assert.equal(parseShare(text), null);
      assert.throws(() => shareOption('x').parse(text), /is not a percentage/);
    });
  }
});
