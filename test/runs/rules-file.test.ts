/** The messages of a run about an invalid rules file. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apply, sandboxOf, told } from '../fixtures/starring.ts';
import { assertEnded, runJob } from '../run.ts';

describe('an invalid rules file', { concurrency: 4 }, () => {
  it('exits 78 with file, line, column and cause when it is not valid YAML', async () => {
    await using sandbox = await sandboxOf();
    const cases: [string, string, RegExp][] = [
      ['# nothing yet\n', '', /is empty/],
      ['just words\n', ':1:1', /must be a map/],
      ['rules:\n\t- name: one\n', ':2:1', /tab/],
      ['rules:\n  - query: "hit\n    name: x\n', ':', /YAML/],
      ['rules:\n  - query: a\n    query: b\n', ':3:5', /appears twice/],
    ];
    const runs = cases.map(async ([text, place, expected]) => {
      const final = assertEnded(await apply(sandbox, { rules: text }), 78, { outcome: 'failed', matched: 0 });
      assert.ok(String(final.error).includes(`rules.yaml${place}`), String(final.error));
      assert.match(String(final.error), expected);
    });
    await Promise.all(runs);
    assert.deepEqual(sandbox.requests, []);
  });

  /** A line of the file → its problems by column. */
  const wrongKeys: [string, (number | undefined)?, RegExp?][] = [
    ['protcet: is:starred', 1, /"protcet".*"protect"/],
    ['maxChanges: many', 13, /maxChanges must be a number/],
    ['rules:'],
    ['  - name: My Rule', 11, /kebab-case/],
    ['    query: ""', 12, /query is empty/],
    ['    actions: { star: true }'],
    ['    enabeld: false', 5, /"enabeld".*"enabled"/],
    ['  - name: two'],
    ['    query: hit'],
    ['    keepNewest: -1', 17, /keepNewest must be a whole number/],
    ['    actions:'],
    ['      archiv: true', 7, /"archiv".*"archive"/],
    ['      star: yes please', 13, /star must be true or false/],
    ['      addLabels: Auto', 18, /addLabels must be a list/],
  ];
  const contradictions: [string, (number | undefined)?, RegExp?][] = [
    ['protect: "{is:starred"', 10, /protect.*"\{" is not closed/],
    ['rules:'],
    ['  - name: one'],
    [`    query: 'subject:"hit'`, 12, /quote is not closed/],
    ['    actions: { star: true, unstar: true }', 14, /star and unstar contradict/],
    ['  - name: one', 11, /one is used twice/],
    ['    query: (hit', 12, /"\(" is not closed/],
    ['    actions: { archive: true, addLabels: [inbox] }', 14, /archive and addLabels "inbox" contradict/],
    ['  - name: three'],
    ['    query: hit)', 12, /"\)" closes nothing/],
    [
      '    actions: { addLabels: ["A/b"], removeLabels: ["a/B"] }',
      14,
      /addLabels "A\/b" and removeLabels "a\/B" contradict/,
    ],
    ['  - name: four'],
    ['    query: "{hit)"', 12, /closed by/],
    ['    actions: { addLabels: [inbox, spam] }', 14, /only one of INBOX and SPAM/],
    ['  - name: five'],
    ['    query: form:bob', 12, /"form:".*"from:"/],
    ['    actions: { addLabels: [sent] }', 14, /addLabels "sent" names a label that only Gmail/],
    ['  - name: six'],
    ['    query: hit'],
    ['    actions: { removeLabels: [DRAFT] }', 14, /DRAFT/],
    ['  - name: seven'],
    ['    query: hit'],
    ['    actions: {}', 14, /no action/],
  ];
  for (const [what, lines] of Object.entries({
    'keys and types': wrongKeys,
    'searches, names and actions': contradictions,
  })) {
    it(`exits 78 with every problem at once, by line and column, for invalid ${what}`, async () => {
      await using sandbox = await sandboxOf();
      const final = assertEnded(await apply(sandbox, { rules: lines.map(([line]) => line).join('\n') }), 78);
      const problems = String(final.error).split('; ');
      const wrong = lines.flatMap(([, column, expected], index) =>
        expected === undefined ? [] : [{ place: `rules.yaml:${index + 1}:${column}:`, expected }],
      );
      for (const { place, expected } of wrong) {
        const problem = problems.find((candidate) => candidate.includes(place));
        assert.match(String(problem), expected, `${place} in ${final.error}`);
      }
      assert.equal(problems.length, wrong.length, problems.join('\n'));
      assert.deepEqual(sandbox.requests, []);
    });
  }

  it('exits 78 with "put the query in quotes" when YAML reads a query differently', async () => {
    await using sandbox = await sandboxOf();
    const runs = [
      [
        'subject:ticket #42 older_than:1y',
        /rule one: query ends before.*in quotes: 'subject:ticket #42 older_than:1y'/,
      ],
      ['"login code" older_than:1d', /query cannot be read.*: '"login code" older_than:1d'/],
    ] as const;
    for (const [query, expected] of runs) {
      const rules = `rules:\n  - name: one\n    query: ${query}\n    actions: { trash: true }\n`;
      const final = assertEnded(await apply(sandbox, { rules }), 78);
      assert.match(String(final.error), /rules\.yaml:3:12: .*put the query in/);
      assert.match(String(final.error), expected);
    }
    assert.deepEqual(sandbox.requests, []);
  });

  it('exits 78 in one line when it is nested too deeply', async () => {
    await using sandbox = await sandboxOf();
    const final = assertEnded(await apply(sandbox, { rules: `rules: ${'['.repeat(50_000)}` }), 78);
    assert.match(String(final.error), /rules\.yaml: is nested too deeply$/);
  });

  it('exits 78 when it is missing, or a folder', async () => {
    await using sandbox = await sandboxOf();
    for (const [path, expected] of [
      ['no/such/rules.yaml', /no\/such\/rules\.yaml.*does not exist/],
      ['test', /test.*folder/],
    ] as const) {
      const run = await runJob(sandbox, ['apply-rules'], { env: { RULES_FILE: path } });
      assert.match(told(assertEnded(run, 78, { outcome: 'failed' })), expected);
    }
    assert.deepEqual(sandbox.requests, []);
  });

  it('is called jobs/rules.yaml when it is the copy in the build', async () => {
    await using sandbox = await sandboxOf();
    const { stdout } = await runJob(sandbox, ['check', '--json', '--jobs', 'apply-rules']);
    const { lines } = JSON.parse(stdout) as { lines: { id: string; detail: string }[] };
    assert.match(lines.find(({ id }) => id === 'apply-rules')?.detail ?? '', /^jobs\/rules\.yaml: 3 rules/);
  });
});

it('exits 78 when the working folder of the rules file was deleted', async () => {
  await using sandbox = await sandboxOf();
  const shell = 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$0" "$@"';
  const options = { unlocked: true, shell, env: { RULES_FILE: 'rules.yaml' } };
  const final = assertEnded(await runJob(sandbox, ['apply-rules'], options), 78);
  assert.match(String(final.error), /the rules file rules\.yaml does not exist/);
});
