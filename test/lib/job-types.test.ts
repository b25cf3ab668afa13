/** The compiler's messages about mistakes in a job: the first line points at the property and says what is wrong. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { compile } from '../fixtures/compile.ts';

/** Mistake → a job's code, the code at which the message points, and the message. */
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
  let told: readonly string[] = [];
  const lines = Object.values(MISTAKES).map(([job]) => `defineJob({ summary: 'x', ${job} });`);

  before(async () => {
    const imports = "import { countOption, defineJob, Scope } from 'ROOT/lib/job.ts';";
    told = await compile({ 'jobs.mts': [imports, ...lines].join('\n') });
  });

  for (const [index, [what, [, place, expected]]] of Object.entries(MISTAKES).entries()) {
    it(what, () => {
      const [message = '', ...others] = told.filter((text) => text.startsWith(`jobs.mts(${index + 2},`));
      const [first = ''] = message.split('\n');
      assert.match(first, expected);
      assert.deepEqual(others, []);
      const column = Number(/,(\d+)\)/.exec(first)?.[1]);
      assert.ok(lines[index]?.slice(column - 1).startsWith(place), first);
    });
  }

  it('and nothing else', () => {
    assert.equal(told.length, lines.length, told.join('\n'));
  });
});
