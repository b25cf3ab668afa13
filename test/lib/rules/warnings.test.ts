import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LabelDirectory } from '../../../lib/gmail/labels.ts';
import { findLabelWarnings, requireLabels } from '../../../lib/rules/labels.ts';
import { parseRules, type RuleSet } from '../../../lib/rules/schema.ts';
import { findWarnings } from '../../../lib/rules/warnings.ts';

type RuleText = readonly [query: string, actions: object];

function ruleSet(rules: readonly RuleText[], protect?: string): RuleSet {
  const named = rules.map(([query, actions], index) => ({ name: `rule-${index + 1}`, query, actions }));
  return parseRules(JSON.stringify({ ...(protect === undefined ? {} : { protect }), rules: named }), 'rules.yaml');
}

function warningsOf(rules: readonly RuleText[], protect?: string): string[] {
  return findWarnings(ruleSet(rules, protect), 'alice@example.com').map(({ rule, warning }) => `${rule}: ${warning}`);
}

describe('findWarnings', () => {
  it('is empty for independent rules', () => {
    const rules: RuleText[] = [
      ['category:promotions older_than:14d', { archive: true }],
      ['larger:10M', { addLabels: ['Large'] }],
      ['from:bob', { star: true }],
    ];
    assert.deepEqual(warningsOf(rules, 'label:keep'), []);
  });

  for (const query of [
    'older_than:1y',
    'subject:code',
    'from:me',
    'is:read',
    '-in:inbox',
    'in:archive',
    '{in:archive in:inbox}',
    '{in:inbox larger:5M}',
    'a OR from:bob',
    '-(in:sent older_than:1d)',
    '{from:carol subject:news}',
    'from:(alice OR me)',
    'category:primary',
    'x -from:me',
    '-from:alice@example.com',
    'from:alice',
    'from:alice@example.com',
    'from:alice+news@example.com',
    'from:@example.com',
    '-(in:sent x)',
  ]) {
    it(`warns that ${query} would trash sent mail`, () => {
      assert.match(warningsOf([[query, { trash: true }]]).join('\n'), /rule-1: it would trash sent mail/);
    });
  }

  for (const query of [
    'x -in:sent',
    'from:(carol OR bob) older_than:1y',
    'older_than:1y {from:carol from:bob}',
    'from:bob',
    'in:inbox x',
    'category:social',
    'x -from:me -in:sent',
    'from:(b c)',
    'from:ali',
    '-is:sent x',
    '-label:sent x',
    '-{in:sent in:chats}',
    '-(in:sent OR in:chats)',
    'in:spam',
    '(category:promotions older_than:1y)',
  ]) {
    it(`does not warn that ${query} would trash sent mail`, () => {
      assert.doesNotMatch(warningsOf([[query, { trash: true }]]).join('\n'), /sent mail/);
    });
  }

  it('says that -from:me does not exclude mail sent from an alias', () => {
    assert.match(warningsOf([['x -from:me', { trash: true }]]).join(), /-from:me does not leave out.*add -in:sent/);
  });

  it('warns of rules that trash sent mail by labels, but not when protect finds sent mail', () => {
    assert.match(warningsOf([['x', { addLabels: ['TRASH'] }]]).join(), /would trash sent mail/);
    assert.match(warningsOf([['x', { addLabels: ['spam'] }]]).join(), /would mark sent mail as spam/);
    assert.deepEqual(warningsOf([['x', { trash: true }]], 'is:starred OR in:sent'), []);
    assert.match(warningsOf([['x', { trash: true }]], 'is:starred in:sent').join(), /would trash sent mail/);
  });

  it('does not warn about sent mail that is only archived', () => {
    assert.deepEqual(warningsOf([['older_than:1y', { archive: true }]]), []);
  });

  for (const [protect, actions, label] of [
    ['is:starred', { star: true }, 'STARRED'],
    ['is:starred', { unstar: true }, 'STARRED'],
    ['label:keep', { addLabels: ['Keep'] }, 'Keep'],
    ['x OR (is:important y)', { markUnimportant: true }, 'IMPORTANT'],
    ['-is:unread', { markRead: true }, 'UNREAD'],
  ] as const) {
    it(`warns that ${JSON.stringify(actions)} changes what protect (${protect}) names`, () => {
      const [warning, ...more] = warningsOf([['from:bob', actions]], protect);
      assert.match(warning ?? '', new RegExp(`^rule-1: it changes ${label}, which protect names`));
      assert.deepEqual(more, []);
    });
  }

  for (const [one, other, label] of [
    [{ star: true }, { unstar: true }, 'STARRED'],
    [{ archive: true }, { addLabels: ['INBOX'] }, 'INBOX'],
    [{ addLabels: ['Done'] }, { removeLabels: ['done'] }, 'Done'],
  ] as const) {
    it(`warns that ${JSON.stringify(one)} and ${JSON.stringify(other)} undo each other`, () => {
      const warnings = warningsOf([
        ['from:a', one],
        ['from:b', other],
      ]);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? '', new RegExp(`^rule-1: it and rule-2 undo each other .*adds ${label}`));
    });
  }

  it('gives one warning for each rule and kind, with all other rules in it', () => {
    const rules: RuleText[] = [
      ['in:inbox is:unread from:a', { star: true }],
      ['from:b', { archive: true }],
      ['from:c', { archive: true, unstar: true }],
      ['from:d', { archive: true, unstar: true, markRead: true }],
    ];
    assert.deepEqual(warningsOf(rules, '{is:starred in:inbox}').sort(), [
      'rule-1: it and rule-3 and rule-4 undo each other where both match: one adds STARRED, the other removes it',
      'rule-1: it changes STARRED, which protect names: it may protect messages by accident, or skip messages that it is meant to change',
      'rule-1: its query names INBOX, which rule-2, rule-3 and rule-4 change, and UNREAD, which rule-4 changes: the rule sees these changes in the next run',
      'rule-2: it changes INBOX, which protect names: it may protect messages by accident, or skip messages that it is meant to change',
      'rule-3: it changes INBOX and STARRED, which protect names: it may protect messages by accident, or skip messages that it is meant to change',
      'rule-4: it changes INBOX and STARRED, which protect names: it may protect messages by accident, or skip messages that it is meant to change',
    ]);
  });

  it('warns that a rule sees the change of another rule one run later, whichever comes first', () => {
    const waits =
      /^rule-(\d): its query names (\S+), which rule-(\d) changes: the rule sees these changes in the next run$/;
    for (const [rules, expected] of [
      [
        [
          ['from:a', { addLabels: ['Old'] }],
          ['label:old', { archive: true }],
        ],
        ['2', 'Old', '1'],
      ],
      [
        [
          ['label:old', { archive: true }],
          ['from:a', { addLabels: ['Old'] }],
        ],
        ['1', 'Old', '2'],
      ],
      [
        [
          ['from:a', { archive: true }],
          ['from:b -in:inbox', { star: true }],
        ],
        ['2', 'INBOX', '1'],
      ],
    ] as const) {
      const warnings = warningsOf(rules);
      assert.equal(warnings.length, 1, warnings.join('\n'));
      assert.deepEqual(waits.exec(warnings[0] ?? '')?.slice(1), expected);
    }
  });

  it('does not warn when a rule names what it changes itself', () => {
    assert.deepEqual(warningsOf([['in:inbox is:unread from:a', { archive: true, markRead: true }]]), []);
  });

  it('does not warn of disabled rules', () => {
    const source = JSON.stringify({
      rules: [
        { name: 'one', query: 'from:a', actions: { star: true } },
        { name: 'two', query: 'from:b', actions: { unstar: true }, enabled: false },
      ],
    });
    assert.deepEqual(findWarnings(parseRules(source, 'rules.yaml')), []);
  });
});

describe('findLabelWarnings', () => {
  const labels = new LabelDirectory([{ id: 'Label_1', name: 'Auto/Archived' }]);

  it('warns of a missing label in a query', () => {
    assert.deepEqual(findLabelWarnings(ruleSet([['label:"No such"', { star: true }]]), labels), [
      { rule: 'rule-1', warning: 'its query names the label "No such", which does not exist' },
    ]);
  });

  it('suggests the most similar label, or the place of the same name', () => {
    const rules = ruleSet([['{label:Auto/Archve in:inbx}', { star: true }]]);
    assert.match(JSON.stringify(findLabelWarnings(rules, labels)), /Auto\/Archived.*inbox/);
  });

  it('says that a name with spaces needs quotes', () => {
    const spaced = new LabelDirectory([{ id: 'Label_1', name: 'Clean up now' }]);
    const told = /write label:\\"Clean up now\\"/;
    const warnings = findLabelWarnings(ruleSet([['in:inbox label:clean up now please', { star: true }]]), spaced);
    assert.match(JSON.stringify(warnings), told);
    const other = findLabelWarnings(ruleSet([['label:clean older_than:1d up now', { star: true }]]), spaced);
    assert.doesNotMatch(JSON.stringify(other), /quotes/);
    for (const refused of [
      ruleSet([['-label:Clean up now', { star: true }]]),
      ruleSet([['x', { star: true }]], 'label:Clean up now'),
    ]) {
      assert.throws(
        () => requireLabels(refused, spaced),
        /a name with a space needs quotes: write label:"Clean up now"/,
      );
    }
  });

  it('does not warn of existing labels, system labels and labels of actions', () => {
    const rules = ruleSet([['label:auto-archived in:inbox is:starred', { addLabels: ['New'] }]]);
    assert.deepEqual(findLabelWarnings(rules, labels), []);
  });
});
