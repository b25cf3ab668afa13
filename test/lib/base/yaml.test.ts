import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../lib/errors.ts';
import { parseRules } from '../../../lib/rules/schema.ts';
import { findWarnings } from '../../../lib/rules/warnings.ts';

function withQuery(query: string): string {
  return `rules:\n  - name: one\n    query: ${query}\n    actions: { star: true }\n`;
}

/** The error for the file. */
function refusalOf(source: string): string {
  try {
    parseRules(source, 'rules.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail(`the rules were accepted:\n${source}`);
}

describe('a query without quotes', () => {
  for (const [query, problem] of [
    ['subject:ticket #42 older_than:1y', /rule one: query ends before " #".*'subject:ticket #42 older_than:1y'$/],
    ["it's #1", /'it''s #1'$/],
    ['a b\n      c # note', /ends before " #".*'a b c # note'$/],
    ['a b\n      # note\n      c', /query is cut short by a comment: put the query in quotes/],
    ['&foo bar', /begins with a YAML anchor.*'&foo bar'/],
    ['!tag bar', /'!tag bar'/],
    ['!is:starred', /'!is:starred'/],
    ['*@example.com', /"\*@example.com".*put it in quotes/],
    ['{a b} c', /'\{a b\} c'/],
    ['{a b', /'\{a b'/],
    ['[a] b', /'\[a\] b'/],
    ['"login code" older_than:1d', /single quotes, as a whole: '"login code" older_than:1d'/],
    ["'it's'", /single quotes/],
    ['@example.com', /'@example.com'/],
    ['%50', /'%50'/],
    ['`x`', /'`x`'/],
    [', a', /', a'/],
    ['- foo', /'- foo'/],
    ['? a', /'\? a'/],
    ['subject:foo: bar', /'subject:foo: bar'/],
    ['from:', /'from:'/],
    ['"subject:\\d"', /'"subject:\\d"'/],
  ] as const) {
    it(`is refused when YAML reads it differently: ${JSON.stringify(query)}`, () => {
      const refusal = refusalOf(withQuery(query));
      assert.match(refusal, problem);
      assert.match(refusal, /^rules\.yaml:3:1\d: .*(put the query in|put it in)/);
    });
  }

  for (const query of ['{a b}', '[a, b]', '~', '12', '1e3', 'true', '{a: b}', '# a', '']) {
    it(`is refused when YAML reads no text: ${query}`, () => {
      assert.match(refusalOf(withQuery(query)), /query must be text \(put it in quotes\)/);
    });
  }

  for (const query of [
    'subject:#42',
    '-is:starred',
    'on',
    '2024-01-01',
    'a\n    # a comment on a line of its own',
    "it's",
  ]) {
    it(`is accepted when YAML reads it as written: ${JSON.stringify(query)}`, () => {
      assert.equal(parseRules(withQuery(query), 'rules.yaml').rules[0]?.search.query, query.split('\n')[0]);
    });
  }

  it('is refused in protect, too, which the message names', () => {
    assert.match(
      refusalOf(`protect: is:starred # keep\n${withQuery('a')}`),
      /^rules\.yaml:1:10: protect ends before " #"/,
    );
    assert.match(refusalOf(`protect: from:a: b\n${withQuery('a')}`), /^rules\.yaml:1:10: protect .*'from:a: b'/);
  });

  it('may be the target of an alias', () => {
    const { rules, protect } = parseRules(`protect: &kept is:starred\n${withQuery('*kept')}`, 'rules.yaml');
    assert.equal(protect?.query, rules[0]?.search.query);
  });
});

describe('a query in quotes', () => {
  it('may contain " #"', () => {
    for (const [text, query] of [
      ['"a #42"', 'a #42'],
      ["'a # b'", 'a # b'],
      ['"a #42" # a comment', 'a #42'],
    ] as const) {
      assert.equal(parseRules(withQuery(text), 'rules.yaml').rules[0]?.search.query, query);
    }
  });
});

describe('a query of several lines', () => {
  const noted = (query: string) =>
    findWarnings(parseRules(withQuery(query), 'rules.yaml')).filter(({ warning }) => /#/.test(warning));

  it('gets a warning when a line looks like a comment, because Gmail searches for its words', () => {
    for (const query of ['|\n      a\n      # note\n', '>\n      a # note\n      b', '"a\n      # note\n      b"']) {
      assert.equal(noted(query).length, 1, query);
    }
  });

  it('may have a comment after its first line, and numbers with #', () => {
    for (const query of ['> # comment\n      a\n      b', '|\n      a #42\n      b'])
      assert.deepEqual(noted(query), []);
  });

  it('is refused in protect, which would protect nothing', () => {
    assert.match(refusalOf(`protect: |\n  is:starred\n  # label:keep\n${withQuery('a')}`), /protect has a line with #/);
  });
});

describe('a label without quotes', () => {
  const withLabel = (label: string) =>
    `rules:\n  - name: one\n    query: a\n    actions:\n      addLabels:\n        - ${label}\n`;

  it('is refused when YAML cuts it at #', () => {
    assert.match(refusalOf(withLabel('Ticket #42')), /6:11: rule one: the 1st of actions.addLabels ends.*'Ticket #42'/);
  });

  it('may be followed by a comment', () => {
    assert.deepEqual(parseRules(withLabel('Old  # since 2020'), 'rules.yaml').labelsAddedByAnyRule, ['Old']);
  });
});

describe('a file that is nested too deeply', () => {
  for (const [what, source] of [
    ['lists', `rules: ${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ['maps', `rules: ${'{a: '.repeat(50_000)}`],
    ['lists of lists', `rules:\n  ${'- '.repeat(50_000)}x`],
  ] as const) {
    it(`is refused in one line: ${what}`, () => assert.equal(refusalOf(source), 'rules.yaml: is nested too deeply'));
  }
});

describe('an error in a rule', () => {
  const rules = `rules:
  - name: first
    query: is:stared
    actions: { markRead: true, markUnread: true }
  - name: second
    query: a
    actions: { trash: true, addLabels: ["Auto", ""], foo: 1 }
  - query: a
    actions: { star: 1 }
  - name: second
    query: is:stared
    actions: { star: true }
`;

  it('names the rule by its name, or by its position', () => {
    const problems = refusalOf(rules).split('; ');
    assert.equal(problems.length, 8, problems.join('\n'));
    for (const [index, said] of [
      /:3:12: rule first: query is not a valid search \(character 1\): .*is:starred/,
      /:4:14: rule first: actions are not valid: markRead and markUnread contradict one another/,
      /:7:49: the 2nd rule: the 2nd of actions.addLabels is empty/,
      /:7:5\d: the 2nd rule: unknown key "foo"/,
      /:8:5: the 3rd rule: the key "name" is missing/,
      /:9:22: the 3rd rule: actions.star must be true or false/,
      /:10:11: the name second is used twice, by the 2nd and the 4th rule/,
      /:11:12: the 4th rule: query is not a valid search/,
    ].entries()) {
      assert.match(problems[index] ?? '', said);
    }
  });
});

describe('a file that is not valid YAML', () => {
  const rule = '  - name: one\n    query: x\n';
  for (const [mistake, source, told] of [
    ['a key too far left', `rules:\n${rule}   actions: {}\n`, /^rules\.yaml:\d:\d+: not valid YAML: wrong indentation/],
    [
      'a key in the column of the dash',
      `rules:\n${rule}  actions: {}\n`,
      /: wrong indentation: the keys of each rule begin/,
    ],
    [
      'a rule without its dash',
      'rules:\n- name: one\n  query: x\n actions: {}\n',
      /: wrong indentation, or "- " is missing/,
    ],
    [
      'a key too far right',
      'rules:\n  - name: one\n     query: x\n',
      /^rules\.yaml:2:11: not valid YAML: wrong indentation[^;]*$/,
    ],
    ['no space behind the dash', 'rules:\n  -name: one\n   query: x\n', /the space behind "-", is missing$/],
    [
      'a quote that is not closed',
      `rules:\n  - name: "one\n    query: x\n`,
      /^rules\.yaml:2:11: .*the quote that opens here is not closed$/,
    ],
    ['a single quote that is not closed', `rules:\n  - name: 'one\n    query: x\n`, /^rules\.yaml:2:11: .*not closed$/],
    [
      'a brace that is not closed',
      `rules:\n${rule}    actions: { star: true\n  - name: two\n`,
      /^rules\.yaml:4:14: .*the \{ that opens here/,
    ],
    [
      'a list that is not closed',
      `rules:\n${rule}    actions: { addLabels: [A, B }\n`,
      /^rules\.yaml:4:27: .*the \[ that opens here/,
    ],
    [
      'a colon in a value',
      'rules:\n  - name: a: b\n',
      /a value with a colon and a space in it: put the value in quotes$/,
    ],
    ['a key twice', `rules:\n${rule}rules: []\n`, /^rules\.yaml:4:1: .*the key rules appears twice$/],
    ['text behind a quote', 'rules:\n  - name: "a" b\n', /text behind the end of the value/],
    ['a backslash', 'rules:\n  - name: "a\\d"\n', /a backslash in double quotes.*single quotes$/],
  ] as const) {
    it(`is refused in plain words: ${mistake}`, () => {
      assert.match(refusalOf(source), told);
    });
  }

  it('is refused with an example of the right form, and with the key that was meant', () => {
    assert.match(refusalOf(withQuery('x').replace('{ star: true }', 'archive')), /such as \{ archive: true \}/);
    assert.match(refusalOf('rules: x\n'), /each of which begins with "- name:"/);
    for (const [key, meant] of [
      ['delete', 'trash'],
      ['read', 'markRead'],
      ['label', 'addLabels'],
      ['constructor', undefined],
    ]) {
      const refusal = refusalOf(withQuery('x').replace('star', key as string));
      assert.equal(/did you mean "(\w+)"/.exec(refusal)?.[1], meant, refusal);
    }
    assert.match(refusalOf(withQuery('x').replace('query', 'search')), /did you mean "query"/);
  });
});
