/** Holds README.md and the README.md of jobs/, lib/ and test/ against the code: links, paths, commands, tables, examples. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { parseAttachmentRules } from '../lib/attachments/schema.ts';
import { parseCommandLine } from '../lib/cli.ts';
import { COMMANDS, RESERVED_NAMES } from '../lib/commands/index.ts';
import { EXIT_CODES, ExitCode } from '../lib/errors.ts';
import type { RunContext } from '../lib/job.ts';
import type { OptionSpecs } from '../lib/options.ts';
import { Registry } from '../lib/registry.ts';
import { SWITCHES } from '../lib/rules/actions.ts';
import { parseRules } from '../lib/rules/schema.ts';
import { parseMailboxes } from '../lib/run/fleet/mailboxes-file.ts';
import { AS_NAMED } from './fixtures/as-named.ts';
import { registryOf } from './fixtures/program.ts';
import { openMailbox } from './in-process.ts';
import { ROOT } from './run.ts';
import { startSandbox } from './sandbox/index.ts';

const NAMES = ['README.md', 'jobs/README.md', 'lib/README.md', 'test/README.md'] as const;

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const TEXTS = new Map<string, string>(NAMES.map((name) => [name, read(name)]));
const REFERENCE = read('jobs/README.md');

const registry = registryOf('installed');
/** Among the tests' jobs, `attachments` does not lie with the other standard jobs. */
const parse = (argv: readonly string[]) =>
  parseCommandLine(argv, argv.includes('attachments') ? registryOf('fixtures') : registry, AS_NAMED);

/** The fenced blocks of a language. */
function fenced(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, code = '']) => code);
}

const withoutFences = (text: string) => text.replace(/^```[\s\S]*?^```$/gm, '');

/** The texts in backticks outside of fenced blocks. */
function inline(text: string): string[] {
  return [...withoutFences(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** The anchors that GitHub makes of a document's headings. */
function anchors(text: string): string[] {
  const headings = [...withoutFences(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The first column of the table under a heading, or of all tables of `text`. */
function firstColumn(text: string): string[] {
  return [...text.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell = '']) => cell);
}

function section(text: string, heading: string): string {
  const [, body] = text.split(new RegExp(`^#+ ${heading}$`, 'm'));
  assert.ok(body !== undefined, `no heading "${heading}"`);
  return body.split(/^#{1,2} /m)[0] ?? '';
}

const sources = (folder: string) =>
  readdirSync(join(ROOT, folder), { recursive: true })
    .map((file) => join(folder, String(file)))
    .filter((file) => file.endsWith('.ts'));

describe('the documents', () => {
  it('have a README.md of at most 18 KB', () => {
    assert.ok(Buffer.byteLength(read('README.md')) <= 18 * 1024);
  });

  for (const [name, text] of TEXTS) {
    it(`have only links that lead somewhere: ${name}`, () => {
      const links = [...withoutFences(text).matchAll(/(?:\]\(|src=")([^)\s"]+)/g)].map(([, target = '']) => target);
      for (const link of links.filter((target) => !/^https?:/.test(target))) {
        const [path = '', anchor] = link.split('#');
        const file = path === '' ? name : join(dirname(name), path);
        assert.ok(existsSync(join(ROOT, file)), link);
        if (anchor !== undefined) assert.ok(anchors(read(file)).includes(anchor), link);
      }
      assert.equal(new Set(anchors(text)).size, anchors(text).length, 'two headings have the same anchor');
    });

    it(`name only files that exist: ${name}`, () => {
      const isPath = (text: string) =>
        /^(\.ci|bin|jobs|lib|test)\/[\w./-]*$|^[\w/-]+\.(test\.)?(ts|mjs|yaml|json|md)$/.test(text);
      const isThere = (path: string) =>
        ['', dirname(name), 'lib', 'jobs'].some((folder) => existsSync(join(ROOT, folder, path)));
      // dist/ is made by the build, restore.json and state.json by jobs; the reader makes new.json and mailboxes.yaml; archive-quiet is the
      // example of a job.
      const isMade = (path: string) =>
        /^(dist\/|new\.json|restore\.json|state\.json|mailboxes\.yaml)|archive-quiet/.test(path);
      const paths = inline(text).filter((path) => isPath(path) && !isMade(path));
      assert.deepEqual(
        paths.filter((path) => !isThere(path)),
        [],
      );
    });

    it(`name only functions, types and constants that their files have: ${name}`, () => {
      for (const [mention, named = '', path = ''] of text.matchAll(/`(\w+)(?:\.\w+)?` \(`([\w/.-]+\.ts)`\)/g)) {
        const file = ['', 'lib/'].map((folder) => folder + path).find((file) => existsSync(join(ROOT, file)));
        assert.ok(file !== undefined && new RegExp(`\\b${named}\\b`).test(read(file)), mention);
      }
    });

    it(`name only constants and variables that lib/ or package.json has: ${name}`, () => {
      const code = [...sources('lib'), 'package.json'].map(read).join('\n');
      const named = inline(text).filter((word) => /^[A-Z][A-Z\d_]{3,}$/.test(word));
      assert.deepEqual(
        named.filter((word) => !new RegExp(`\\b${word}\\b`).test(code)),
        [],
      );
    });

    it(`have no command line that the program would refuse: ${name}`, async () => {
      const lines = [...fenced(text, 'sh').flatMap((code) => code.split('\n')), ...inline(text)];
      for (const line of lines.map((line) => line.replace(/\s*(#|>).*$/, '').trim())) {
        const [, rest] = /^(?:bin\/job|job|heroku run(?::detached)?(?: --exit-code)? job) (.*)$/.exec(line) ?? [];
        // An ellipsis or a placeholder is not typed; the job of the example is not installed.
        if (rest === undefined || /[…<$]|archive-quiet/.test(rest)) continue;
        const argv = rest.split(/\s+/);
        // A name alone stands for the job or command itself.
        await assert.doesNotReject(parse(argv.length === 1 ? ['help', ...argv] : argv), line);
      }
    });

    it(`name only npm scripts that exist, and give npm no options of theirs: ${name}`, () => {
      const { scripts } = JSON.parse(read('package.json'));
      for (const [line, script = '', rest = ''] of text.matchAll(/npm run (?:--silent )?([\w:]+)([^`\n]*)/g)) {
        assert.ok(script in scripts, line);
        assert.doesNotMatch(rest.split(/ -- | && /)[0] ?? '', /(^|\s)-/, line);
      }
    });

    it(`have examples of settings files that the program accepts: ${name}`, () => {
      for (const example of fenced(text, 'yaml')) {
        if (/^mailboxes:/m.test(example)) parseMailboxes(example, name, 'eu-central-1');
        else if (/^ {4}files:/m.test(example)) parseAttachmentRules(example, name);
        else parseRules(example, name);
      }
    });
  }

  it('have no sentence twice, and none of the help', async () => {
    // The help's own repeats are meant: a job's summary stands in the list of jobs, an option's in each job's help. The
    // meanings of exit codes stand in README.md too, in the same words.
    const seen = new Map<string, string>();
    for (const words of [[], ...[...registry.names, ...Object.keys(COMMANDS)].map((name) => [name])]) {
      const invocation = await parse(['help', ...words]);
      assert.ok(invocation.kind === 'print');
      for (const sentence of sentences(invocation.text)) seen.set(sentence, `job help ${words}`);
    }
    for (const [, meaning] of EXIT_CODES) seen.delete(meaning);
    for (const [name, text] of TEXTS) {
      for (const sentence of sentences(withoutFences(text))) {
        assert.ok(!seen.has(sentence), `in ${seen.get(sentence)} and ${name}: ${sentence}`);
        seen.set(sentence, name);
      }
    }
  });
});

/** The sentences of at least eight words, without marks of Markdown. */
function sentences(text: string): string[] {
  const parts = text.split(/(?<=[.:;!?])\s+|\n\n+|\||\n(?=- |\d+\. |#)/);
  const plain = parts.map((part) => part.replace(/[`*\s]+/g, ' ').trim());
  return plain.filter((sentence) => sentence.split(' ').length >= 8);
}

describe('the reference', () => {
  it('has every exit code of lib/errors.ts; README.md has their meanings in the words of the help', () => {
    const rows = [...section(read('README.md'), 'Exit codes').matchAll(/^\| ([\d, ]+) \| ([^|]+) \|/gm)];
    assert.deepEqual(
      rows.map(([, codes, meaning]) => [codes, meaning]),
      EXIT_CODES,
    );
    const codes: number[] = Object.values(ExitCode);
    const told = firstColumn(section(REFERENCE, 'Troubleshooting')).flatMap((cell) => cell.match(/\d+/g) ?? []);
    for (const code of told) assert.ok(codes.includes(Number(code)), code);
  });

  it('has every variable of the configuration, and no other', () => {
    const written = firstColumn(section(REFERENCE, 'Configuration')).flatMap((cell) => cell.match(/[A-Z_]{4,}/g) ?? []);
    const code = read('lib/config.ts');
    // AWS's own variables for addresses and Heroku's name of the dyno are read, and are no settings.
    const isSetting = (name: string) => !/^AWS_ENDPOINT_URL|^AWS_DEFAULT_REGION$|^DYNO$/.test(name);
    const own = [...code.matchAll(/'([A-Z]+(?:_[A-Z]+)+)'|\benv\.([A-Z_]+)/g)].map(([, one, other]) => one ?? other);
    for (const name of own.filter((name) => name !== undefined && isSetting(name)))
      assert.ok(written.includes(`${name}`), name);
    const all = sources('lib').map(read).join('\n');
    for (const name of written) assert.ok(all.includes(name), name);
    for (const name of Object.keys(JSON.parse(read('app.json')).env)) assert.ok(written.includes(name), name);
  });

  it('has every job and every command under a heading', () => {
    for (const name of [...registry.names, ...Object.keys(COMMANDS)])
      assert.ok(anchors(REFERENCE).includes(name), name);
  });

  it('has every action of rules.yaml, and no other', () => {
    const written = firstColumn(section(REFERENCE, 'Actions')).flatMap((cell) => cell.match(/(?<=`)\w+/g) ?? []);
    assert.deepEqual(written.sort(), [...Object.keys(SWITCHES), 'addLabels', 'removeLabels'].sort());
  });

  it('has every event of the log, and no other', () => {
    const written = firstColumn(section(REFERENCE, 'The log')).flatMap((cell) => cell.match(/[a-z]+\.[a-z_]+/g) ?? []);
    const families = new Set(written.map((event) => event.split('.')[0]));
    const code = sources('lib').map(read).join('\n');
    // Some names are chosen before they are logged; `gmail.com` is a host, `restore.json` a file.
    const named = [...code.matchAll(/'([a-z]+)\.([a-z_]+)'/g)].filter(([, family]) => families.has(`${family}`));
    const logged = [...code.matchAll(/\blog\.(?:info|warn|error|last)\(\s*'([^']+)'/g)].map(([, event]) => event);
    const events = new Set([...named.map(([text]) => text.slice(1, -1)), ...logged]);
    for (const name of ['gmail.com', 'restore.json', 'state.json']) events.delete(name);
    assert.deepEqual([...events].sort(), written.sort());
  });

  it('has an example of a job that loads and runs', async () => {
    const [example] = fenced(REFERENCE, 'ts').filter((code) => code.startsWith('// jobs/'));
    const [, name = ''] = /^\/\/ jobs\/(.*)\.ts\n/.exec(example ?? '') ?? [];
    const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-example-'));
    try {
      const lib = pathToFileURL(join(ROOT, 'lib/')).href;
      await writeFile(join(folder, `${name}.ts`), `${example}`.replaceAll("'../lib/", `'${lib}`));
      const job = await new Registry(pathToFileURL(`${folder}/`), RESERVED_NAMES).load(name);
      await using sandbox = await startSandbox({ messages: 500 });
      const { mailbox, tally } = openMailbox(sandbox);
      await job.run({ mailbox, options: { days: 7 } } as unknown as RunContext<OptionSpecs, unknown>);
      assert.ok(tally.counts.changed > 0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
