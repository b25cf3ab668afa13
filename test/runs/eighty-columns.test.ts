/** Screens on a terminal of 80 columns: no line is longer, except for a single longer word, and NO_COLOR works. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasTerminal, runAtTerminal } from '../fixtures/at-terminal.ts';
import { mailboxOf } from '../fixtures/mailbox.ts';
import { playRun } from '../fixtures/played-run.ts';
import { type RunOptions, runJob } from '../run.ts';
import { startSandbox } from '../sandbox/index.ts';

const RULES = {
  maxChanges: 1,
  rules: [
    { name: 'star-everything-there-is', query: 'subject:hit', actions: { star: true, addLabels: ['A/Long Label'] } },
  ],
};

/** Command lines, and variables that make them fail. */
const SCREENS: readonly (readonly [string, readonly string[], RunOptions['env']?, RunOptions['rules']?])[] = [
  ['the help', ['--help']],
  ['the help of a job', ['apply-rules', '--help']],
  ['the help of a command', ['authorize', '--help']],
  ['the jobs', ['list']],
  ['the runs', ['runs']],
  ['a check', ['check'], {}, RULES],
  ['a guard that stops a run', ['apply-rules'], {}, RULES],
  ['a variable that is missing', ['apply-rules'], { GMAIL_SECRET_ID: '', AWS_REGION: '' }],
  ['a command without its variable', ['runs'], { GMAIL_SECRET_ID: '' }],
  ['an option that there is not', ['apply-rules', '--dry-rn']],
  ['rules that are wrong', ['apply-rules'], {}, { rules: [{ name: 'a', query: 'x', action: { archive: true } }] }],
];

describe('on a terminal of 80 columns', { concurrency: 3, skip: !hasTerminal && 'there is no python3' }, () => {
  for (const [what, args, env = {}, rules] of SCREENS) {
    it(`no line is too long: ${what}`, async () => {
      await using sandbox = await startSandbox({ mailbox: mailboxOf([{}, {}]) });
      await playRun(sandbox, [{ rule: 'r', add: ['X'], ids: Object.keys(sandbox.mailbox.snapshot()) }]);
      const variables = { NO_COLOR: '1', ...(env as Record<string, string>) };
      const shown = await runAtTerminal(sandbox, args, { env: variables, ...(rules && { rules }) });
      const lines = shown.raw.split('\n');
      assert.ok(lines.length > 2, shown.raw);
      for (const line of lines) assert.ok(line.length <= 80 || !/\S\s+\S/.test(line.trim()), `${line.length}: ${line}`);
      assert.equal(shown.raw, shown.screen, 'NO_COLOR');
    });
  }
});

describe('without a terminal', { concurrency: 2 }, () => {
  it('an error is two lines, however long, and nothing has a colour', async () => {
    const run = await runJob(null, ['runs'], { env: { GMAIL_SECRET_ID: '' } });
    assert.equal(run.code, 78);
    assert.match(run.stderr, /^job: [^\n]{80,}\n {5}[^\n]+\n$/);
    const usage = await runJob(null, ['apply-rules', '--dry-rn']);
    assert.match(usage.stderr, /^job: [^\n]+\n {5}[^\n]+\n$/);
  });
});
