/** Every option of every job and command sets itself and nothing else. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BACKFILL_OPTIONS } from '../../lib/backfill/options.ts';
import { type Invocation, parseCommandLine } from '../../lib/cli.ts';
import { COMMANDS } from '../../lib/commands/index.ts';
import { UsageError } from '../../lib/errors.ts';
import type { OptionSpecs } from '../../lib/options.ts';
import { type App, copyApp } from '../fixtures/app.ts';
import { AS_NAMED } from '../fixtures/as-named.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { registryOf, testProgram } from '../fixtures/program.ts';
import { carrying } from '../fixtures/starring.ts';
import { ROOT, withRules } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

const registry = registryOf('installed');
const parse = (argv: readonly string[]) => parseCommandLine(argv, registry, AS_NAMED);

/** Each option accepts at least one of these values. */
const SAMPLES = [
  ...['7', '90%', '2015-01-31', '15m', 'month', 'week', 'Europe/Berlin', 'AWSPENDING', 'AWSPREVIOUS', 'authorize'],
  ...[
    'alice@example.com',
    'gmail-jobs/alice',
    '123456789012',
    'eu-central-1',
    'a,b',
    'a text',
    'messages',
    'mbox',
    'alias/gmail-jobs',
  ],
];

/** The command line as the program parses it. */
function understood(invocation: Invocation): Record<string, unknown> {
  if (invocation.kind === 'run') return { ...invocation.options, ...invocation.common, ...invocation.backfill };
  return invocation.kind === 'command' ? { ...invocation.options } : {};
}

const ARGUMENTS: Readonly<Record<string, string[]>> = { undo: ['20261123-031608-7f3a'], new: ['mine'] };

/** Options without which a job takes no argument → the argument. */
const WITH_ARGUMENT: Readonly<Record<string, string[]>> = { as: ['a-folder'] };

/** Options that replace the argument. */
const IN_PLACE_OF_ARGUMENT = ['last'];

/** For a value that the command line refuses; any other error is a bug. */
function refusal(error: unknown): undefined {
  if (!(error instanceof UsageError)) throw error;
}

/** The options of a job or command, and its options that count only in a backfill. */
async function specsOf(name: string): Promise<{ specs: OptionSpecs; ofBackfills: readonly string[] }> {
  if (Object.hasOwn(COMMANDS, name)) {
    return { specs: (await COMMANDS[name as keyof typeof COMMANDS]()).options, ofBackfills: [] };
  }
  const { options, backfill } = await registry.load(name);
  if (backfill === undefined) return { specs: options, ofBackfills: [] };
  const ofBackfills = Object.keys(BACKFILL_OPTIONS).filter((key) => !['from', 'to'].includes(key) && !(key in options));
  return { specs: { ...options, ...BACKFILL_OPTIONS }, ofBackfills };
}

describe('every option', () => {
  for (const name of [...registry.names, ...Object.keys(COMMANDS)]) {
    it(`of \`job ${name}\` sets itself and nothing else`, async () => {
      const line = [name, ...(ARGUMENTS[name] ?? [])];
      const { specs, ofBackfills } = await specsOf(name);
      for (const [option, { placeholder }] of Object.entries(specs)) {
        const flag = `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
        const asked = ofBackfills.includes(option) ? ['--from', '2015-01-01'] : [];
        const before = understood(await parse([...line, ...asked]));
        const words = IN_PLACE_OF_ARGUMENT.includes(option)
          ? [name]
          : [...line, ...asked, ...(WITH_ARGUMENT[option] ?? [])];
        const tries =
          placeholder === undefined ? [[flag]] : SAMPLES.flatMap((value) => [[flag, value], [`${flag}=${value}`]]);
        let taken = 0;
        for (const typed of tries) {
          const invocation = await parse([...words, ...typed]).catch(refusal);
          if (invocation === undefined) continue;
          const after = understood(invocation);
          const changed = Object.keys(after).filter(
            (key) => JSON.stringify(after[key]) !== JSON.stringify(before[key]),
          );
          // A range makes a backfill of a run, with the defaults of all its options.
          const besides =
            option === 'from' || option === 'to' ? ['backfill', ...Object.keys(BACKFILL_OPTIONS)] : ['backfill'];
          assert.deepEqual(
            changed.filter((key) => key !== option && !besides.includes(key)),
            [],
            typed.join(' '),
          );
          if (changed.includes(option)) taken += 1;
        }
        assert.ok(taken > 0, `no sample value fits ${flag}`);
      }
    });
  }
});

describe('no option', () => {
  // packages/cli/src/commands/run/index.ts in heroku/cli; the CLI takes them wherever they stand.
  const OF_HEROKU_RUN = ['app', 'remote', 'size', 'type', 'exitCode', 'env', 'noTty', 'listen', 'noNotify', 'help'];

  for (const name of [...registry.names, 'check', 'runs']) {
    it(`of \`job ${name}\` is an option of \`heroku run\` too`, async () => {
      const { specs } = await specsOf(name);
      const taken = Object.keys(specs).filter((option) => OF_HEROKU_RUN.includes(option));
      assert.deepEqual(taken, []);
    });
  }
});

/** Runs bin/job as it is typed, on a laptop or on a dyno. */
async function type(
  { folder }: App,
  sandbox: Sandbox,
  args: readonly string[],
  { dyno = false, rules }: { dyno?: boolean; rules: string },
) {
  const PATH = dyno ? `${dirname(process.execPath)}:${process.env.PATH}` : process.env.PATH;
  const env = { ...sandbox.env, PATH, RULES_FILE: rules, ...(dyno && { DYNO: 'run.1' }) };
  return await new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile(join(folder, 'bin/job'), args, { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr }),
    );
  });
}

describe('what is typed with bin/job', { concurrency: 2 }, () => {
  let app: App;
  before(async () => {
    app = await copyApp(['bin', 'lib', '.ci', 'Procfile', 'package.json']);
    await cp(join(ROOT, await testProgram('installed')), join(app.folder, 'dist'), { recursive: true });
  });
  after(() => app[Symbol.asyncDispose]());
  const rules = {
    rules: ['one', 'two'].map((name) => ({
      name,
      query: 'subject:hit',
      actions: name === 'one' ? { star: true } : { trash: true },
    })),
  };

  for (const dyno of [false, true]) {
    it(`changes nothing with --dry-run, and only the named rule without it, ${dyno ? 'on a dyno' : 'on a laptop'}`, async () => {
      await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, { sizeBytes: 11_000_000 })) });
      await using file = await withRules(JSON.stringify(rules));
      // On a dyno nothing outside the app's folder is read: there the rules are those of the repository.
      const where = { dyno, rules: dyno ? 'jobs/rules.yaml' : (file.env.RULES_FILE ?? '') };
      const before = JSON.stringify(sandbox.mailbox.snapshot());
      for (const args of [
        ['apply-rules', '--dry-run'],
        ['digest', '--dry-run'],
        ['apply-rules', '--dry-run', '--from', '2015-01-01', '--yes'],
        ['apply-rules', '--help'],
        ['help', 'apply-rules'],
      ]) {
        const { code, output } = await type(app, sandbox, args, where);
        assert.equal(code, 0, output);
        assert.equal(JSON.stringify(sandbox.mailbox.snapshot()), before, args.join(' '));
      }
      // As npm would hand on `--rule two` and `--only one`.
      for (const args of [
        ['apply-rules', 'two'],
        ['apply-rules', '--only', 'one'],
      ]) {
        assert.equal((await type(app, sandbox, args, where)).code, 2);
        assert.equal(JSON.stringify(sandbox.mailbox.snapshot()), before, args.join(' '));
      }
      assert.equal((await type(app, sandbox, ['apply-rules', '--rule', dyno ? 'large-mail' : 'one'], where)).code, 0);
      const large = sandbox.mailbox.findLabel('Auto/Large')?.id ?? 'none';
      const changed = ['STARRED', 'TRASH', large].map((label) => carrying(sandbox, label));
      assert.deepEqual(changed, dyno ? [0, 0, 3] : [3, 0, 0]);
    });
  }
});
