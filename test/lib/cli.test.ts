import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Invocation, parseCommandLine } from '../../lib/cli.ts';
import { COMMANDS } from '../../lib/commands/index.ts';
import { UsageError } from '../../lib/errors.ts';
import { AS_NAMED } from '../fixtures/as-named.ts';
import { registryOf } from '../fixtures/program.ts';

const registry = registryOf('installed');
const parse = (...argv: string[]) => parseCommandLine(argv, registry, AS_NAMED);

async function run(...argv: string[]): Promise<Extract<Invocation, { kind: 'run' }>> {
  const invocation = await parse(...argv);
  assert.ok(invocation.kind === 'run');
  return invocation;
}

async function print(...argv: string[]): Promise<string> {
  const invocation = await parse(...argv);
  assert.ok(invocation.kind === 'print');
  return invocation.text;
}

describe('parseCommandLine', () => {
  it('runs a job with the defaults of its options', async () => {
    const { name, options, common } = await run('apply-rules');
    assert.equal(name, 'apply-rules');
    assert.deepEqual(options, { rule: undefined, maxChanges: undefined, maxShare: undefined, samples: undefined });
    assert.deepEqual(common, { dryRun: false, budgetMs: undefined });
  });

  it('reads all options, in both ways of writing them', async () => {
    const expected = { rule: ['spent-codes'], maxChanges: 100, maxShare: undefined, samples: undefined };
    const one = await run(
      'apply-rules',
      '--rule',
      'spent-codes',
      '--max-changes',
      '100',
      '--dry-run',
      '--budget',
      '9m',
    );
    const two = await run('apply-rules', '--budget=9m', '--max-changes=100', '--dry-run', '--rule=spent-codes');
    for (const { options, common } of [one, two]) {
      assert.deepEqual(options, expected);
      assert.deepEqual(common, { dryRun: true, budgetMs: 540_000 });
    }
  });

  it('collects an option that may be repeated, each value once', async () => {
    const { options } = await run('apply-rules', '--rule', 'b', '--rule=a', '--rule', 'b');
    assert.deepEqual(options.rule, ['b', 'a']);
  });

  it("reads a job's argument before or behind its options", async () => {
    for (const argv of [
      ['20261123-031608-7f3a', '--yes'],
      ['--yes', '20261123-031608-7f3a'],
    ]) {
      const { argument, options } = await run('undo', ...argv);
      assert.deepEqual(
        { argument, options },
        { argument: '20261123-031608-7f3a', options: { last: false, yes: true } },
      );
    }
    assert.equal((await run('apply-rules')).argument, '');
    assert.match(
      await print('undo', '--help'),
      /^Usage: job undo <runId> \| --last \[options\][\s\S]*such as 20261123-031608-7f3a/,
    );
  });

  const refused: ReadonlyArray<readonly [string[], RegExp, RegExp?]> = [
    [['help', 'aply-rules'], /no job "aply-rules" \(did you mean "apply-rules"\?\)/],
    [['help', 'rotat'], /no job "rotat" \(did you mean "rotate"\?\)/],
    [['lst'], /no job "lst" \(did you mean "list"\?\)/],
    [['hlep'], /no job "hlep" \(did you mean "help"\?\)/],
    [['--', 'apply-rules', '--dry-run'], /the job's name comes first, but got "--"/],
    [['--versoin'], /the job's name comes first, but got "--versoin"/],
    [['aply-rules'], /no job "aply-rules" \(did you mean "apply-rules"\?\)/],
    [['nonsense'], /no job "nonsense"$/],
    [['../lib/main'], /no job/],
    [['constructor'], /no job/],
    [[''], /no job/],
    [['--dry-run', 'apply-rules'], /the job's name comes first, but got "--dry-run"/],
    [['apply-rules', '--dryrun'], /unknown option '--dryrun' \(did you mean --dry-run\?\)/],
    [['apply-rules', '--dry-runn'], /unknown option '--dry-runn' \(did you mean --dry-run\?\)/],
    [['apply-rules', '--dry_run'], /unknown option '--dry_run'/],
    [['apply-rules', '--dry'], /unknown option '--dry'/],
    [['apply-rules', '-n'], /unknown option '-n'/],
    [['apply-rules', '--dry-run=true'], /unknown option '--dry-run=true'/],
    [['apply-rules', '--no-dry-run'], /unknown option '--no-dry-run'/],
    [['apply-rules', 'dry-run'], /too many arguments/],
    [['apply-rules', '--', '--dry-run'], /too many arguments/],
    [['apply-rules', '--rule'], /'--rule <name>' argument missing/],
    [['apply-rules', '--only', 'spent-codes'], /unknown option '--only'$/],
    [['apply-rules', '--budget'], /'--budget <duration>' argument missing/],
    [['apply-rules', '--budget', 'soon'], /^--budget: "soon" is no duration$/, /^Write it like 50m, 90s or 1h30m\.$/],
    [['apply-rules', '--budget', ''], /^--budget: "" is no duration$/],
    [['apply-rules', '--budget', '0s'], /^--budget: "0s" is no duration$/],
    [['apply-rules', '--budget=-5m'], /^--budget: "-5m" is no duration$/],
    [
      ['apply-rules', '--max-changes', '5k'],
      /^--max-changes: "5k" is not a whole number of at least 1$/,
      /digits only/,
    ],
    [['apply-rules', '--max-changes', '0'], /^--max-changes: "0" is not a whole number of at least 1$/],
    [['apply-rules', '--max-changes', "it's 1. or 2."], /^--max-changes: "it's 1\. or 2\." is not a whole number/],
    [['apply-rules', '--max-changes', '5', '--max-changes=500000'], /^--max-changes was given twice/, /^Write it once/],
    [['apply-rules', '--budget=5m', '--budget', '6m'], /^--budget was given twice/, /^Write it once/],
    [['apply-rules', '--from', '3y', '--from', '2y'], /^--from was given twice/, /^Write it once/],
    [['apply-rules', '--rule', '--dry-run'], /^--rule has no value: the next word is --dry-run$/, /value of --rule/],
    [['undo'], /^`job undo` needs a <runId> or --last$/, /`job runs`/],
    [['undo', '--last', '20261123-031608-7f3a'], /^`job undo` takes a <runId> or --last, not both$/, /`job runs`/],
    [['undo', '--yes'], /^`job undo` needs a <runId> or --last$/, /`job runs`/],
    [['undo', ''], /^"" is no run id$/, /`job runs`/],
    [['undo', '20261123'], /is no run id/, /`job runs`/],
    [['undo', '20261323-031608-7f3a'], /is no run id/, /`job runs`/],
    [['undo', '20261123-031608-7f3a', 'more'], /too many arguments/],
    [['list', 'extra'], /takes no argument, but got "extra"/],
  ];
  for (const [argv, message, remedy] of refused) {
    it(`refuses \`job ${argv.join(' ')}\``, async () => {
      await assert.rejects(parse(...argv), (error: unknown) => {
        assert.ok(error instanceof UsageError, String(error));
        assert.equal(error.exitCode, 2);
        assert.match(error.message, message);
        assert.match(error.remedy, remedy ?? /See `job .*--help|^Write it like|^Write digits/);
        return true;
      });
    });
  }

  it('accepts the same value twice, and repeatable options', async () => {
    const argv = ['--max-changes', '5', '--max-changes=5', '--dry-run', '--dry-run', '--rule', 'one', '--rule=two'];
    const invocation = await parse('apply-rules', ...argv);
    assert.ok(invocation.kind === 'run');
    assert.partialDeepStrictEqual(invocation.options, { maxChanges: 5, rule: ['one', 'two'] });
  });

  it('lists the jobs with their summaries', async () => {
    const text = await print('list');
    for (const name of registry.names) assert.match(text, new RegExp(`^ {2}${name} +\\S`, 'm'));
  });

  for (const argv of [['--help'], ['-h'], ['help'], ['help', 'help'], ['help', '--help'], []]) {
    it(`shows jobs, common options and exit codes for \`job ${argv}\``, async () => {
      const text = await print(...argv);
      for (const part of ['Usage: job', 'apply-rules', '--dry-run', '--budget', ' 78  ']) {
        assert.ok(text.includes(part), part);
      }
    });
  }

  it('exits 2 only when the command line is empty', async () => {
    for (const [argv, exitCode] of [
      [[], 2],
      [['help'], 0],
      [['--help'], 0],
    ] as const) {
      const invocation = await parse(...argv);
      assert.equal(invocation.kind === 'print' && invocation.exitCode, exitCode);
    }
  });

  it('shows the help of a job or command also for `job help <name>`', async () => {
    for (const name of [...registry.names, ...Object.keys(COMMANDS), 'list']) {
      const text = await print(name, '--help');
      for (const argv of [
        ['help', name],
        ['--help', name],
        ['help', name, '--help'],
      ])
        assert.equal(await print(...argv), text, argv.join(' '));
    }
  });

  it('prints the version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    for (const flag of ['--version', '-V']) assert.equal(await print(flag), `gmail-jobs ${version}\n`);
  });

  it("shows a job's own options and the common options in its help", async () => {
    for (const flag of ['--help', '-h']) {
      const text = await print('apply-rules', flag);
      for (const part of ['Usage: job apply-rules', '--rule <name>', '--max-changes <n>', '--dry-run', '--budget']) {
        assert.ok(text.includes(part), part);
      }
    }
  });

  it('shows the help also behind other options', async () => {
    assert.match(await print('apply-rules', '--dry-run', '--help'), /^Usage: job apply-rules/);
  });

  it("names the default of rotate's --jobs", async () => {
    const help = await parse('rotate', '--help');
    assert.ok(help.kind === 'print');
    assert.match(
      help.text.replace(/\s+/g, ' '),
      /--jobs <a,b> only these jobs \(default the jobs whose scopes the current token has/,
    );
  });

  it('names --version for `job version`', async () => {
    await assert.rejects(parse('version'), /there is no job "version" \(did you mean "--version"\?\)/);
  });
});

describe('job fleet', () => {
  const fleet = async (...argv: string[]) => {
    const invocation = await parse('fleet', ...argv);
    assert.ok(invocation.kind === 'fleet');
    return invocation;
  };

  it("reads the fleet's options before the job's name, and the job's own behind it", async () => {
    const { options, run } = await fleet(
      ...['--at-once', '3', '--mailbox', 'a', '--mailbox=b', '--every', '10m', '--budget', '9m'],
      ...['apply-rules', '--dry-run', '--budget', '1m', '--rule', 'spent-codes'],
    );
    assert.deepEqual(
      [options.atOnce, options.mailbox, options.every, options.budget],
      [3, ['a', 'b'], 600_000, 540_000],
    );
    assert.deepEqual([run?.name, run?.common], ['apply-rules', { dryRun: true, budgetMs: 60_000 }]);
    assert.deepEqual(run?.words.slice(0, 2), ['job', 'apply-rules']);
  });

  it('works once an hour unless --every says otherwise', async () => {
    for (const [text, ms] of [
      [undefined, 3_600_000],
      ['hour', 3_600_000],
      ['day', 86_400_000],
      ['week', 604_800_000],
      ['6h', 21_600_000],
    ] as const) {
      const { options } = await fleet(...(text === undefined ? [] : ['--every', text]), 'digest');
      assert.equal(options.every, ms);
    }
    await assert.rejects(fleet('--every', '7m', 'digest'), /"7m" does not divide a day/);
    await assert.rejects(fleet('--every', '30s', 'digest'), /"30s" is shorter than a minute/);
    await assert.rejects(fleet('--every', 'month', 'digest'), /"month" is no period/);
  });

  it('needs no job to list the mailboxes', async () => {
    const { options, run } = await fleet('--list', '--json');
    assert.deepEqual([options.list, options.json, run], [true, true, undefined]);
  });

  it('needs for --status only the name of a job, or none', async () => {
    const { options, job, run } = await fleet('--status', 'undo');
    assert.deepEqual([options.status, job, run], [true, 'undo', undefined]);
    assert.equal((await fleet('--status')).job, undefined);
  });

  for (const [words, expected] of [
    ['', /needs the name of a job/],
    ['--retry', /`job fleet --retry` needs the name of a job/],
    ['--at-onec 3 digest', /unknown option '--at-onec' \(did you mean --at-once\?\)/],
    ['--at-once 0 digest', /--at-once: "0" is not a whole number of at least 1/],
    ['--dry-run digest', /--dry-run is an option of the job/],
    ['digest --at-once 3', /--at-once is an option of the fleet/],
    ['digest --at-once=3', /--at-once=3 is an option of the fleet/],
    ['apply-rulez', /did you mean "apply-rules"\?/],
    ['check', /runs a job, and check is a command/],
    ['fleet digest', /runs a job, and fleet is a command/],
    ['--list --status', /--list and --status exclude each other/],
    ['--status digest --time-zone UTC', /--status takes the name of a job, and none of its options/],
    ['--status apply-rulez', /did you mean "apply-rules"\?/],
    ['--status digest --json', /--json is an option of the fleet/],
    ['--json digest', /--json needs --list, --forecast or --status/],
    ['--retry digest --dry-run', /--retry and --dry-run exclude each other/],
    ['undo --last', /undo asks before it changes anything/],
    ['apply-rules --from 3y', /apply-rules asks before it changes anything/],
  ] as const) {
    it(`refuses "job fleet ${words}"`, async () => {
      await assert.rejects(fleet(...words.split(' ').filter(Boolean)), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, expected);
        return true;
      });
    });
  }

  it('shows its own help, and that of a job behind its name', async () => {
    assert.match(await print('fleet', '--help'), /--at-once <n>/);
    assert.match(await print('help', 'fleet'), /--at-once <n>/);
    assert.match(await print('fleet', 'digest', '--help'), /^Usage: .*job digest/);
  });
});
