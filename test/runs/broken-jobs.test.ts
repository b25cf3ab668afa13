/** Broken job files in a copy of the project: each concerns its own job alone, and the build names all of them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { type App, copyApp } from '../fixtures/app.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

const jobWith = (properties: string) =>
  `import { defineJob, Scope, textOption } from '../lib/job.ts';\nexport default defineJob({\n${properties}\n} as never);\n`;
const SOUND = "summary: 'Do nothing',\nscopes: [Scope.modify],\noptions: {},\nasync run() {},";
const withOption = (name: string) => jobWith(SOUND.replace('{}', `{ ${name}: textOption('<x>', 'an option') }`));

/** File → content, and the fault that is named. */
const BROKEN: Readonly<Record<string, readonly [content: string, fault: RegExp]>> = {
  'syntax.ts': [jobWith('summary: ],'), /^jobs\/syntax\.ts:\d+: cannot be loaded: SyntaxError: Expression expected/],
  'throws.ts': ["\nthrow new TypeError('no luck');\n", /^jobs\/throws\.ts:2: cannot be loaded: TypeError: no luck/],
  'missing.ts': ["import './nowhere.ts';\n", /^jobs\/missing\.ts: cannot be loaded: Error: Cannot find module/],
  'empty.ts': ['export const job = 1;\n', /^jobs\/empty\.ts: it has no default export/],
  'plain.ts': ['export default { run() {} };\n', /^jobs\/plain\.ts: its default export was not made by defineJob/],
  'untold.ts': [jobWith(SOUND.replace(/summary.*/, '')), /^jobs\/untold\.ts: summary is missing/],
  'optionless.ts': [jobWith(SOUND.replace('options: {},', '')), /^jobs\/optionless\.ts: options is missing/],
  'idle.ts': [jobWith(SOUND.replace('async run() {},', '')), /^jobs\/idle\.ts: run is missing/],
  'scopeless.ts': [jobWith(SOUND.replace(/scopes.*/, '')), /^jobs\/scopeless\.ts: scopes is no list/],
  'snake.ts': [withOption('max_age'), /^jobs\/snake\.ts: the option "max_age" is not in camelCase/],
  'common.ts': [withOption('dryRun'), /^jobs\/common\.ts: every job has the option "dryRun" already/],
  'helping.ts': [withOption('help'), /^jobs\/helping\.ts: every job has the option "help" already/],
  'ranging.ts': [
    jobWith(`${SOUND.replace('{}', "{ to: textOption('<x>', 'y') }")}\nbackfill: true,`),
    /^jobs\/ranging\.ts: a backfill has the option "to" already/,
  ],
  'raw-option.ts': [
    jobWith(SOUND.replace('{}', '{ days: 5 }')),
    /^jobs\/raw-option\.ts: the option "days" was not made/,
  ],
  'address.ts': [jobWith(SOUND.replace('modify', 'labels')), /^jobs\/address\.ts: its scopes .* users\.getProfile/],
  'url.ts': [jobWith(`${SOUND}\nhosts: ['https://x.y/'],`), /^jobs\/url\.ts:2: cannot be loaded: TypeError: hosts:/],
  'misspelt.ts': [
    jobWith(`${SOUND}\nmaxChange: 5,`),
    /^jobs\/misspelt\.ts: a job has no property "maxChange" \(did you mean "maxChanges"\?\)/,
  ],
  'two-lines.ts': [jobWith(`${SOUND}\nsummary: 'a\\nb',`), /^jobs\/two-lines\.ts: summary is not one line of text/],
  'one-host.ts': [
    jobWith(`${SOUND}\nhosts: 'x.y',`),
    /^jobs\/one-host\.ts: hosts must be a list of hosts or a function/,
  ],
  'one-secret.ts': [jobWith(`${SOUND}\nsecrets: 'TOKEN',`), /^jobs\/one-secret\.ts: secrets must be a list of names/],
  'limit.ts': [jobWith(`${SOUND}\nmaxChanges: '5',`), /^jobs\/limit\.ts: maxChanges must be a number or a function/],
  'argument.ts': [jobWith(`${SOUND}\nargument: 'file',`), /^jobs\/argument\.ts: argument must be an object with name,/],
  'own-option.ts': [
    jobWith(SOUND.replace('{}', '{ days: { parse() {} } }')),
    /^jobs\/own-option\.ts: the option "days" was not made/,
  ],
  'check.ts': [jobWith(SOUND), /^jobs\/check\.ts: "check" is the name of a command/],
};

const MISNAMED = ['T-Upper.ts', 't.dot.ts', 't_under.ts'];

describe('a broken file in jobs/', { concurrency: 3 }, () => {
  let app: App;
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
    app = await copyApp(['lib', 'package.json']);
    const { folder } = app;
    for (const [file, [content]] of Object.entries(BROKEN)) await writeFile(join(folder, 'jobs', file), content);
    for (const file of MISNAMED) await writeFile(join(folder, 'jobs', file), jobWith(SOUND));
    await writeFile(join(folder, 'jobs/sound.ts'), jobWith(`${SOUND}\nprepare: undefined, backfill: false,`));
  });
  after(async () => {
    await app[Symbol.asyncDispose]();
    await sandbox[Symbol.asyncDispose]();
  });

  async function node(...args: string[]) {
    const env = { PATH: process.env.PATH, ...sandbox.env };
    const child = spawn(process.execPath, args, { cwd: app.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { stdout, stderr, code };
  }
  const job = (...args: string[]) => node('lib/main.ts', ...args);

  /** Asserts that the text has a line for each broken job. */
  function assertNamesAll(told: string): void {
    const lines = told.split('\n').map((line) => line.slice(Math.max(0, line.indexOf('jobs/'))));
    for (const [file, [, fault]] of Object.entries(BROKEN)) {
      assert.ok(
        lines.some((line) => fault.test(line)),
        `${file} is not named in:\n${told}`,
      );
    }
  }

  it('is named with its fault by `job list`, beside the sound jobs and the files that are no jobs', async () => {
    const { code, stdout } = await job('list');
    assert.equal(code, 0);
    assert.match(stdout, /^ {2}apply-rules +Apply the rules/m);
    assert.match(stdout, /^ {2}sound +Do nothing$/m);
    assertNamesAll(stdout);
    for (const file of MISNAMED) assert.ok(stdout.includes(`\n  jobs/${file}\n`), stdout);
    assert.match(stdout, /lower-case letters, digits and hyphens/);
  });

  it('leaves the help as it is, and shows in it too', async () => {
    const { code, stdout } = await job('--help');
    assert.equal(code, 0);
    assert.match(stdout, /^Exit codes:$/m);
    assert.match(stdout, /jobs\/empty\.ts: it has no/);
  });

  it('does not change what other jobs do', async () => {
    const { code, stdout } = await job('sound');
    assert.equal(code, 0, stdout);
    assert.doesNotMatch((await job('sound', '--help')).stdout, /--from/);
  });

  it('cannot be run: its job exits 78 and names file and fault', async () => {
    for (const [file, args] of [
      ['syntax.ts', ['syntax']],
      ['optionless.ts', ['optionless', '--help']],
      ['address.ts', ['help', 'address']],
    ] as const) {
      const { code, stdout, stderr } = await job(...args);
      assert.deepEqual([code, stdout], [78, ''], stderr);
      assert.match(stderr.replace(/^job: /, '').replace(/\n */g, ' '), BROKEN[file]?.[1] ?? /x/);
    }
  });

  it('does not hide a command of the same name', async () => {
    const { stdout } = await job('check', '--help');
    assert.match(stdout, /Usage: bin\/job check/);
  });

  it('is a failed line of `job check`, which goes on with the other jobs', async () => {
    const { code, stdout } = await job('check', '--json');
    const { verdict, lines } = JSON.parse(stdout);
    assert.equal(code, 78, stdout);
    assert.match(
      verdict,
      /^In part: apply-rules, digest, export, restore, sound, undo would run, address, argument, check, .* would not/,
    );
    assertNamesAll(lines.map(({ detail }: { detail: string }) => detail).join('\n'));
    assert.ok(lines.some(({ id, status }: { id: string; status: string }) => id === 'apply-rules' && status === 'ok'));
  });

  it('makes the build fail, which names every such file and leaves the last build alone', async () => {
    const { code, stdout, stderr } = await node('lib/build/index.ts');
    assert.equal(code, 1, stderr);
    assertNamesAll(stderr);
    for (const file of MISNAMED) assert.match(stdout, new RegExp(`^jobs/${RegExp.escape(file)} is no job`, 'm'));
    await assert.rejects(stat(join(app.folder, 'dist')), { code: 'ENOENT' });
  });
});
