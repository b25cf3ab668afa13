import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../lib/errors.ts';
import { parseRules } from '../../../lib/rules/schema.ts';

/** The problems of the source, as they are reported. */
function problemsOf(source: string): string[] {
  try {
    parseRules(source, 'rules.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.ok(!error.message.includes('\n'));
    return error.message.split('; ');
  }
  return assert.fail('the rules were accepted');
}

const GOOD = `rules:
  - name: one
    query: in:inbox
    actions: { archive: true }
`;

describe('parseRules', () => {
  it('parses every key', () => {
    const ruleSet = parseRules(
      `protect: "is:starred OR label:keep"
maxChanges: 500
rules:
  - name: first-rule
    query: >
      category:promotions
      older_than:14d
    actions: { archive: true, addLabels: ["Auto/Archived"], removeLabels: [Old] }
    keepNewest: 10
    enabled: true
  - name: second
    query: 'subject:("verification code") older_than:1d'
    actions:
      trash: true
    enabled: false
  - { name: third, query: x, actions: { star: true } }
`,
      'rules.yaml',
    );
    assert.equal(ruleSet.protect?.query, 'is:starred OR label:keep');
    assert.equal(ruleSet.maxChanges, 500);
    assert.deepEqual(
      ruleSet.rules.map(({ name, keepNewest, search }) => ({ name, keepNewest, query: search.query })),
      [
        { name: 'first-rule', keepNewest: 10, query: 'category:promotions older_than:14d' },
        { name: 'third', keepNewest: 0, query: 'x' },
      ],
    );
    assert.deepEqual(ruleSet.rules[0]?.operations, [
      { add: false, label: 'INBOX' },
      { add: true, label: 'Auto/Archived' },
      { add: false, label: 'Old' },
    ]);
    assert.deepEqual(ruleSet.disabled, ['second']);
  });

  it('accepts the starter rules', () => {
    const source = readFileSync(new URL('../../fixtures/installed/rules.yaml', import.meta.url), 'utf8');
    assert.ok(parseRules(source, 'rules.yaml').rules.length >= 3);
  });

  const rule = (lines: string) => `rules:\n  - name: one\n${lines}`;
  const cases: ReadonlyArray<readonly [string, string, RegExp]> = [
    ['an empty file', '', /^rules\.yaml: is empty/],
    ['comments alone', '# nothing\n', /^rules\.yaml: is empty/],
    ['an empty list of rules', 'rules: []\n', /^rules\.yaml:1:8: .*is an empty list/],
    ['no list of rules', 'protect: x\n', /^rules\.yaml:1:1: the key "rules" is missing/],
    ['a list at the top', '- a\n', /^rules\.yaml:1:1: the file must be a map with the key rules/],
    ['text at the top', 'hello\n', /^rules\.yaml:1:1: the file must be a map/],
    ['rules that are a map', 'rules:\n  a: 1\n', /^rules\.yaml:2:3: rules must be a list of rules/],
    ['a tab', 'rules:\n\t- name: one\n', /^rules\.yaml:2:1: a tab is used for indentation/],
    ['broken YAML', 'rules: [\n', /^rules\.yaml:\d:\d+: not valid YAML/],
    ['an unclosed quote', 'protect: "is:starred\nrules: []\n', /^rules\.yaml:\d:\d+: not valid YAML/],
    ['a doubled key', `${GOOD}rules: []\n`, /^rules\.yaml:5:1: not valid YAML/],
    ['two documents', `${GOOD}---\n${GOOD}`, /^rules\.yaml:5:1: the file must hold one YAML document/],
    [
      'an unknown key at the top',
      `maxChange: 5\n${GOOD}`,
      /^rules\.yaml:1:1: unknown key "maxChange" \(did you mean "maxChanges"\?\)/,
    ],
    [
      'an unknown key of a rule',
      `${GOOD}    keepNewst: 3\n`,
      /^rules\.yaml:5:5: rule one: unknown key "keepNewst" \(did you mean "keepNewest"\?\)/,
    ],
    [
      'an unknown action',
      rule('    query: x\n    actions: { archve: true }\n'),
      /^rules\.yaml:4:16: rule one: unknown key "archve" \(did you mean "archive"\?\)/,
    ],
    [
      'an unknown key like none',
      `zzz: 5\n${GOOD}`,
      /^rules\.yaml:1:1: unknown key "zzz" \(the keys here are .*rules.*\)$/,
    ],
    ['a key of every object', `constructor: 5\n${GOOD}`, /^rules\.yaml:1:1: unknown key "constructor"/],
    [
      'no name',
      'rules:\n  - query: x\n    actions: { star: true }\n',
      /^rules\.yaml:2:5: the 1st rule: the key "name" is missing/,
    ],
    ['no query', rule('    actions: { star: true }\n'), /^rules\.yaml:2:5: rule one: the key "query" is missing/],
    ['no actions', rule('    query: x\n'), /^rules\.yaml:2:5: rule one: the key "actions" is missing/],
    ['no action', rule('    query: x\n    actions: {}\n'), /^rules\.yaml:4:14: .*has no action/],
    [
      'an empty query',
      rule('    query: " "\n    actions: { star: true }\n'),
      /^rules\.yaml:3:12: rule one: query is empty/,
    ],
    [
      'a query that is a number',
      rule('    query: 12\n    actions: { star: true }\n'),
      /^rules\.yaml:3:12: rule one: query must be text/,
    ],
    [
      'a query without a value',
      rule('    query:\n    actions: { star: true }\n'),
      /^rules\.yaml:3:\d+: rule one: query must be text/,
    ],
    [
      'a switch that is no boolean',
      rule('    query: x\n    actions: { star: yes }\n'),
      /^rules\.yaml:4:22: rule one: actions\.star must be true or false/,
    ],
    [
      'labels that are no list',
      rule('    query: x\n    actions: { addLabels: A }\n'),
      /^rules\.yaml:4:27: rule one: actions\.addLabels must be a list/,
    ],
    [
      'an empty list of labels',
      rule('    query: x\n    actions: { addLabels: [] }\n'),
      /^rules\.yaml:4:27: .*addLabels is an empty list/,
    ],
    [
      'an empty label',
      rule('    query: x\n    actions: { addLabels: [""] }\n'),
      /^rules\.yaml:4:28: rule one: the 1st of actions.addLabels is empty/,
    ],
    [
      'a label too long',
      rule(`    query: x\n    actions: { addLabels: ["${'x'.repeat(226)}"] }\n`),
      /the 1st of actions.addLabels is longer than the 225 characters/,
    ],
    [
      'a name not in kebab-case',
      GOOD.replace('one', 'One_Rule'),
      /^rules\.yaml:2:11: the 1st rule: name must be in kebab-case/,
    ],
    [
      'maxChanges of zero',
      `maxChanges: 0\n${GOOD}`,
      /^rules\.yaml:1:13: maxChanges must be a whole number of at least 1/,
    ],
    ['maxChanges with a fraction', `maxChanges: 1.5\n${GOOD}`, /^rules\.yaml:1:13: maxChanges must be a whole number/],
    ['maxChanges in words', `maxChanges: many\n${GOOD}`, /^rules\.yaml:1:13: maxChanges must be a number/],
    [
      'keepNewest below zero',
      `${GOOD}    keepNewest: -1\n`,
      /^rules\.yaml:5:17: .*keepNewest must be a whole number of at least 0/,
    ],
    [
      'contradictory actions',
      rule('    query: x\n    actions: { star: true, unstar: true }\n'),
      /^rules\.yaml:4:14: .*star and unstar contradict one another/,
    ],
    [
      'a label that Gmail alone sets',
      rule('    query: x\n    actions: { addLabels: [SENT] }\n'),
      /^rules\.yaml:4:14: .*addLabels "SENT" names a label that only Gmail sets/,
    ],
    [
      'a doubled name',
      `${GOOD}${GOOD.replace('rules:\n', '')}`,
      /^rules\.yaml:5:11: the name one is used twice, by the 1st and the 2nd rule/,
    ],
    [
      'an unbalanced quote in a query',
      rule(`    query: 'subject:"x'\n    actions: { star: true }\n`),
      /^rules\.yaml:3:12: .*quote is not closed/,
    ],
    [
      'an unbalanced bracket in a query',
      rule('    query: "(a b"\n    actions: { star: true }\n'),
      /^rules\.yaml:3:12: .*"\(" is not closed/,
    ],
    [
      'a misspelt operator',
      rule('    query: form:bob\n    actions: { star: true }\n'),
      /^rules\.yaml:3:12: .*did you mean "from:"/,
    ],
    ['a broken protect', `protect: "(is:starred"\n${GOOD}`, /^rules\.yaml:1:10: protect .*is not closed/],
    ['an empty protect', `protect: ""\n${GOOD}`, /^rules\.yaml:1:10: protect is empty/],
    [
      'a rule that is text',
      'rules:\n  - archive everything\n',
      /^rules\.yaml:2:5: the 1st rule must be a rule with name, query and actions/,
    ],
    ['a rule that is empty', 'rules:\n  -\n', /^rules\.yaml:2:\d: the 1st rule must be a rule/],
  ];
  for (const [what, source, problem] of cases) {
    it(`refuses ${what} with its place`, () => {
      const problems = problemsOf(source);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] ?? '', problem);
    });
  }

  it('checks disabled rules, too', () => {
    assert.match(problemsOf(`${GOOD}    enabled: false\n    keepNewest: x\n`)[0] ?? '', /keepNewest must be a number/);
  });

  it('reports all problems at once, in the order of the file', () => {
    const problems = problemsOf(`protect: "(x"
maxChanges: none
rules:
  - name: Bad Name
    query: 'form:x'
    actions: { star: true, unstar: true }
  - name: two
    query: "x"
    actions: { trash: true }
    keepNewst: 1
`);
    assert.deepEqual(
      problems.map((problem) => /^rules\.yaml:(\d+):/.exec(problem)?.[1]),
      ['1', '2', '4', '5', '6', '10'],
    );
  });

  it('counts columns in characters, after non-ASCII text and CRLF, too', () => {
    assert.match(problemsOf('# Grüße 🙂\r\nprotekt: x\r\nrules: []\r\n')[0] ?? '', /^rules\.yaml:2:1: unknown key/);
  });

  it('refuses anchors that expand without bounds', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x,x]',
      ...'bcdef'.split('').map((name, n) => `${name}: &${name} [${Array(10).fill(`*${'abcde'[n]}`)}]`),
    ];
    assert.equal(problemsOf(bomb.join('\n')).length > 0, true);
  });
});
