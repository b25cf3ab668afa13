/** The signatures in jobs/README.md are those of the code, and its examples compile. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { compile } from './fixtures/compile.ts';
import { renderReference, writtenReference } from './reference.ts';
import { ROOT } from './run.ts';

/** The names that examples use without declaring them. */
const GIVEN = `import { choiceOption, countOption, searchOption, switchOption, textOption, textsOption, timeZoneOption, yesOption } from 'ROOT/lib/job.ts';
import type { RunContext } from 'ROOT/lib/job.ts';
import type { Label } from 'ROOT/lib/gmail/labels.ts';
import type { OptionSpecs } from 'ROOT/lib/options.ts';
type Context = RunContext<OptionSpecs, undefined>;
interface Given { ids: string[]; id: string; subject: string; label: Label | undefined; seen: Set<string> }
`;

const asFunction = (code: string) =>
  `export async function _({ mailbox, log, postJson }: Context, { ids, id, subject, label, seen }: Given) {\n${code}\n}`;

describe('the reference of jobs/README.md', () => {
  let reference = '';
  before(async () => {
    reference = await renderReference();
  });

  it('is the one that `npm run reference` writes', async () => {
    assert.equal(await writtenReference(), reference, 'run `npm run reference`');
  });

  it('has the quota units and an example of every verb', () => {
    const [, mailbox = ''] = /^class Mailbox \{\n([\s\S]*?)^\}/m.exec(reference) ?? [];
    const verbs = mailbox.split(/(?<=^ {2}(?:\w|\}).*;\n)/m).filter((verb) => verb.trim() !== '');
    assert.ok(verbs.length > 10);
    for (const verb of verbs) {
      assert.match(verb, /\bquota units?\b|Quota units|Sends no request/);
      assert.match(verb, /@example /);
    }
  });

  it('has examples that compile, as those around it do', async () => {
    const examples = [...reference.matchAll(/@example (.*)/g)].map(([, code = '']) => code);
    const isOption = (code: string) => /^\w+: /.test(code);
    const page = (await readFile(join(ROOT, 'jobs/README.md'), 'utf8')).replace(reference, '');
    const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
    const isFile = (code: string) => /^\/\/ (jobs|test)\//.test(code);
    const paths = (code: string) => code.replaceAll("'../lib/", "'ROOT/lib/").replaceAll("'../", "'ROOT/test/");
    const bodies = [...examples.filter((code) => !isOption(code)), ...blocks.filter((code) => !isFile(code))];
    const files = [
      ...bodies.map((code) => `${GIVEN}${asFunction(code)}`),
      `${GIVEN}export const options = {\n${examples.filter(isOption).join(',\n')}\n};`,
      ...blocks.filter(isFile).map(paths),
    ];
    assert.ok(files.length > 15);
    const named = Object.fromEntries(files.map((text, index) => [`example-${index}.mts`, text]));
    const told = await compile(named);
    assert.deepEqual(told, []);
  });
});
