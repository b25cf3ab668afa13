import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Registry } from '../lib/registry.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Import {
  /** A path below the root, such as `lib/errors.ts`, or a package's name. */
  readonly target: string;
  /** Only types come from it: nothing is left of it when the program runs. */
  readonly typesOnly: boolean;
  /** It is loaded on the way, by `import()`. */
  readonly later: boolean;
}

const FILES = ['lib', 'jobs']
  .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true }).map((file) => join(folder, String(file))))
  .filter((file) => file.endsWith('.ts'));

/** The file's text without its comments, in which words mean nothing. */
function codeOf(file: string): string {
  const source = readFileSync(join(ROOT, file), 'utf8');
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

function importsOf(file: string): Import[] {
  const code = codeOf(file);
  const statements = code.matchAll(/^(?:import|export)\s+(?:([^'";]*?)\s+from\s+)?'([^']+)';/gm);
  const dynamic = code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g);
  const found = [
    ...[...statements].map(([, names = '', target = '']) => ({ names, target, later: false })),
    ...[...dynamic].map(([, target = '']) => ({ names: '', target, later: true })),
  ];
  return found.map(({ names, target, later }) => {
    const members = /^\{([\s\S]*)\}$/.exec(names.trim())?.[1]?.split(',') ?? [];
    const typed = members.map((member) => member.trim()).filter(Boolean);
    const typesOnly =
      names.startsWith('type ') || (typed.length > 0 && typed.every((name) => name.startsWith('type ')));
    const path = target.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), target)) : target;
    return { target: path, typesOnly, later };
  });
}

/** What each file needs when it runs. */
const NEEDS = new Map(FILES.map((file) => [file, importsOf(file).filter(({ typesOnly }) => !typesOnly)]));

/** Files that break a rule, as `file → what`. */
function offenders(files: readonly string[], isForbidden: (target: string, file: string) => boolean): string[] {
  return files.flatMap((file) =>
    (NEEDS.get(file) ?? [])
      .filter(({ target }) => isForbidden(target, file))
      .map(({ target }) => `${file} → ${target}`),
  );
}

const within = (...places: string[]) => FILES.filter((file) => places.some((place) => file.startsWith(place)));
const isIn = (target: string, ...places: string[]) => places.some((place) => target.startsWith(place));

describe('the arrows between modules', () => {
  it('are read from every file', () => {
    assert.ok(FILES.length > 40);
    for (const file of FILES) {
      const written = codeOf(file).match(/\bfrom '/g)?.length ?? 0;
      assert.ok(importsOf(file).length >= written, file);
    }
    assert.ok(NEEDS.get('lib/main.ts')?.some(({ target }) => target === 'lib/run/runner.ts'));
  });

  it('lead to files that exist', () => {
    const targets = [...NEEDS.values()].flat().filter(({ target }) => target.endsWith('.ts'));
    for (const { target } of targets) assert.ok(existsSync(join(ROOT, target)), target);
  });

  it('never lead from lib to a job', () => {
    const all = within('lib/').flatMap((file) => importsOf(file).map(({ target }) => `${file} → ${target}`));
    assert.deepEqual(
      all.filter((arrow) => /→ jobs\//.test(arrow)),
      [],
    );
  });

  it('never lead into a circle', () => {
    const finished = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      assert.ok(!path.includes(file), `a circle: ${[...path, file].join(' → ')}`);
      if (finished.has(file)) return;
      for (const { target } of NEEDS.get(file) ?? []) if (NEEDS.has(target)) visit(target, [...path, file]);
      finished.add(file);
    };
    for (const file of FILES) visit(file, []);
  });

  it('lead to no package that could connect before connections are guarded', () => {
    const reached = new Set<string>();
    const reach = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { target, later } of NEEDS.get(file) ?? []) if (!later) reach(target);
    };
    reach('lib/main.ts');
    assert.ok(reached.has('lib/process/egress/network.ts'));
    const packages = [...reached].filter((target) => !target.startsWith('lib/') && !target.startsWith('node:'));
    assert.deepEqual(packages, ['leven']);
  });

  it('lead from a job to what jobs are made of, and to nothing that runs one', () => {
    const runs = ['main', 'runner', 'registry', 'config', 'cli', 'output', 'redact', 'heartbeat', 'report', 'budget'];
    const forbidden = [...runs.map((name) => `lib/${name}.ts`), 'lib/aws/', 'lib/google/', 'lib/gmail/client', 'jobs/'];
    assert.deepEqual(
      offenders(within('jobs/'), (target) => isIn(target, ...forbidden)),
      [],
    );
    assert.deepEqual(
      offenders(within('jobs/'), (target) => /googleapis|google-auth|aws-sdk/.test(target)),
      [],
    );
  });

  it('lead to the runner from main alone, and to main from nowhere', () => {
    assert.deepEqual(
      offenders(FILES, (target) => target === 'lib/main.ts'),
      [],
    );
    assert.deepEqual(
      offenders(FILES, (target) => target === 'lib/run/runner.ts'),
      ['lib/main.ts → lib/run/runner.ts'],
    );
  });

  it('lead from errors and from the forms of credentials to nothing of ours, and from the redactor to these forms alone', () => {
    assert.deepEqual(
      offenders(
        within('lib/errors.ts', 'lib/base/credential-like.ts', 'lib/process/redact.ts'),
        (target, file) =>
          isIn(target, 'lib/') && !(file === 'lib/process/redact.ts' && target === 'lib/base/credential-like.ts'),
      ),
      [],
    );
  });

  it('lead from the mailbox and the rules to nothing that knows of runs', () => {
    const above = ['main', 'runner', 'registry', 'config', 'cli', 'heartbeat', 'report', 'budget', 'output'];
    const below = within('lib/gmail/', 'lib/rules/', 'lib/digest/', 'lib/aws/', 'lib/google/');
    assert.deepEqual(
      offenders(below, (target) => isIn(target, ...above.map((name) => `lib/${name}.ts`))),
      [],
    );
    assert.deepEqual(
      offenders(within('lib/gmail/'), (target) => isIn(target, 'lib/rules/', 'lib/digest/')),
      [],
    );
    assert.deepEqual(
      offenders(within('lib/aws/', 'lib/google/'), (target) => isIn(target, 'lib/gmail/', 'lib/rules/')),
      [],
    );
  });

  it("lead to Google's and AWS's libraries from lib/gmail and lib/credentials alone", () => {
    const clients = (target: string) => /^(googleapis|google-auth-library|@aws-sdk\/)/.test(target);
    const elsewhere = FILES.filter((file) => !isIn(file, 'lib/gmail/', 'lib/aws/', 'lib/google/', 'lib/commands/'));
    assert.deepEqual(offenders(elsewhere, clients), []);
    // All of googleapis takes most of a second to load.
    assert.deepEqual(
      offenders(FILES, (target) => target === 'googleapis'),
      [],
    );
  });
});

describe('the code', () => {
  /** Files in which the pattern occurs outside comments. */
  const files = (pattern: RegExp) => FILES.filter((file) => pattern.test(codeOf(file)));

  it('touches the process in main alone; elsewhere it comes in as a parameter, or as the default of one', () => {
    const asDefault = /\w+ = process\.\w+(?=[,)])/g;
    const touching = FILES.filter((file) => {
      const code = codeOf(file).replace(asDefault, '');
      return !/\bprocess: /.test(code) && /(?<![.'"\w])process\.(?!warning)/.test(code);
    });
    assert.deepEqual(touching, ['lib/main.ts']);
    assert.deepEqual(files(/from 'node:process'/), []);
  });

  it('never calls process.exit, and never writes to the console', () => {
    assert.deepEqual(files(/\bprocess\.exit\(/), []);
    assert.deepEqual(files(/\bconsole\.\w+\(/), []);
  });

  it('has one form of numbers for people: that of lib/base/count.ts', () => {
    assert.deepEqual(files(/NumberFormat|toLocaleString/), []);
  });

  it('starts no child process in a run', () => {
    const reached = new Set<string>();
    const reach = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { target } of NEEDS.get(file) ?? []) reach(target);
    };
    for (const file of ['lib/run/runner.ts', ...within('jobs/')]) reach(file);
    assert.ok(reached.has('lib/gmail/client.ts'));
    assert.ok(!reached.has('node:child_process'));
  });

  it('says in its first line what each file is about', () => {
    for (const file of FILES) {
      const source = readFileSync(join(ROOT, file), 'utf8');
      assert.ok(source.startsWith('/**'), `${file} begins with no comment`);
    }
  });
});

describe('every job', () => {
  const registry = new Registry(new URL('../jobs/', import.meta.url));

  it('is found by the name of its file', () => {
    assert.deepEqual(
      registry.names.map((name) => `jobs/${name}.ts`),
      within('jobs/').sort(),
    );
  });

  for (const name of registry.names) {
    it(`loads, says what it does, and has a test: ${name}`, async () => {
      const job = await registry.load(name);
      assert.ok(job.summary.length > 10 && !job.summary.includes('\n'));
      assert.ok(job.scopes.length > 0);
      for (const scope of job.scopes)
        assert.match(scope, /^https:\/\/(www\.googleapis\.com\/auth\/|mail\.google\.com)/);
      for (const [option, { summary, placeholder }] of Object.entries(job.options)) {
        assert.match(option, /^[a-z][A-Za-z]*$/);
        assert.ok(summary.length > 5, option);
        assert.ok(placeholder === undefined || /^<.+>$/.test(placeholder), option);
      }
      assert.ok(existsSync(join(ROOT, `test/jobs/${name}.test.ts`)), `test/jobs/${name}.test.ts is missing`);
    });
  }
});
