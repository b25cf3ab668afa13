/** The compiler's messages about mistakes in a job: the first line points at the property and says what is wrong. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../run.ts';

/** What is wrong → a job's code, the code at which the message points, and the message. */
const MISTAKES: Readonly<Record<string, readonly [job: string, place: string, message: RegExp]>> = {
  'a typo in a key': [
    'scope: [Scope.modify], options: {}, async run() {}',
    'scope:',
    /'scope' does not exist in type 'JobDefinition<.*'\. Did you mean to write 'scopes'\?$/,
  ],
  'an unknown key': [
    "scopes: [Scope.modify], options: {}, schedule: 'hourly', async run() {}",
    'schedule:',
    /'schedule' does not exist in type 'JobDefinition</,
  ],
  'an option made without a helper': [
    'scopes: [Scope.modify], options: { days: 30 }, async run() {}',
    'days:',
    /Type 'number' is not assignable to type 'OptionSpec<any>'\.$/,
  ],
  'scopes that are no list': [
    'scopes: Scope.modify, options: {}, async run() {}',
    'scopes:',
    /Type 'string' is not assignable to type 'readonly string\[\]'\.$/,
  ],
  'hosts that are no list': [
    "scopes: [Scope.modify], options: {}, hosts: 'api.example.com', async run() {}",
    'hosts:',
    /Type 'string' is not assignable to type 'JobHosts<\{\}>'\.$/,
  ],
  'a limit that is no number': [
    "scopes: [Scope.modify], options: {}, maxChanges: '5', async run() {}",
    'maxChanges:',
    /Type 'string' is not assignable to type 'MaxChanges<\{\}>/,
  ],
  'a run that returns a value': [
    "scopes: [Scope.modify], options: {}, async run({ mailbox }) { return (await mailbox.search('in:inbox')).length; }",
    'run(',
    /=> Promise<number>' is not assignable to type '.*=> Promise<void>'\.$/,
  ],
  'a run that is not async': [
    "scopes: [Scope.modify], options: {}, run({ mailbox }) { mailbox.search('in:inbox'); }",
    'run(',
    /=> void' is not assignable to type '.*=> Promise<void>'\.$/,
  ],
  'a typo in the name of an option': [
    "scopes: [Scope.modify], options: { days: countOption('<n>', 'days') }, async run({ options }) { options.day; }",
    'day;',
    /Property 'day' does not exist on type .*Did you mean 'days'\?$/,
  ],
  'a secret that is not declared': [
    "scopes: [Scope.modify], options: {}, secrets: ['A_TOKEN'], async run({ secrets }) { secrets.B_TOKEN; }",
    'B_TOKEN;',
    /Property 'B_TOKEN' does not exist on type .*Did you mean 'A_TOKEN'\?$/,
  ],
  'a typo in the context': [
    'scopes: [Scope.modify], options: {}, async run({ mailbx }) {}',
    'mailbx',
    /Property 'mailbx' does not exist on type 'RunContext<\{\}, undefined, never>'/,
  ],
  'a typo in a change': [
    "scopes: [Scope.modify], options: {}, async run({ mailbox }) { await mailbox.change([{ name: 'x', ids: [], adds: ['X'] }]); }",
    'adds:',
    /'adds' does not exist in type 'ChangeSet'\. Did you mean to write 'add'\?$/,
  ],
  'what prepare does not return': [
    'scopes: [Scope.modify], options: {}, prepare: () => ({ days: 1 }), async run({ prepared }) { prepared.day; }',
    'day;',
    /Property 'day' does not exist on type .*Did you mean 'days'\?$/,
  ],
};

describe('tsc points at the property, and its first line says what is wrong:', () => {
  let folder = '';
  let told: readonly string[] = [];
  const lines = Object.values(MISTAKES).map(([job]) => `defineJob({ summary: 'x', ${job} });`);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-types-'));
    const imports = `import { countOption, defineJob, Scope } from '${relative(folder, ROOT)}/lib/job.ts';`;
    await writeFile(join(folder, 'jobs.mts'), [imports, ...lines].join('\n'));
    const compilerOptions = { typeRoots: [join(ROOT, 'node_modules/@types')] };
    const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['jobs.mts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const output = await new Promise<string>((resolve) => {
      execFile(tsc, ['--project', folder, '--pretty', 'false'], { cwd: folder }, (_error, stdout) => resolve(stdout));
    });
    // Further lines of a message are indented.
    told = output.split('\n').filter((line) => /^\S/.test(line));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [index, [what, [, place, message]]] of Object.entries(MISTAKES).entries()) {
    it(what, () => {
      const [first = '', ...others] = told.filter((line) => line.startsWith(`jobs.mts(${index + 2},`));
      assert.match(first, message);
      assert.deepEqual(others, []);
      const column = Number(/,(\d+)\)/.exec(first)?.[1]);
      assert.ok(lines[index]?.slice(column - 1).startsWith(place), first);
    });
  }

  it('and nothing else', () => {
    assert.equal(told.length, lines.length, told.join('\n'));
  });
});
