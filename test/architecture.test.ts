import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Import {
  /** A path below the root, such as `lib/errors.ts`, or a package's name. */
  readonly target: string;
  /** Only types come from it: nothing is left of it when the program runs. */
  readonly typesOnly: boolean;
  /** It is loaded on the way, by `import()`. */
  readonly later: boolean;
}

const FILES = sourcesIn('lib');

function sourcesIn(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true });
  return files.map((file) => join(folder, String(file))).filter((file) => file.endsWith('.ts'));
}

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

/** File → the files and packages that it loads when it runs. */
const NEEDS = new Map(FILES.map((file) => [file, importsOf(file).filter(({ typesOnly }) => !typesOnly)]));

/** Files that break a rule, as `file → what`. */
function offenders(files: readonly string[], isForbidden: (target: string, file: string) => boolean): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter(({ target }) => isForbidden(target, file))
      .map(({ target }) => `${file} → ${target}`),
  );
}

const within = (...places: string[]) => FILES.filter((file) => places.some((place) => file.startsWith(place)));

/** The room of a file: a folder of lib, `gmail`, or a file in lib's root, `job.ts`. */
const roomOf = (file: string) => file.split('/')[1] ?? '';

/** The layers in lib/README.md, the highest first: each a list of rooms. */
const LAYERS = readLayers(readFileSync(join(ROOT, 'lib/README.md'), 'utf8'));

function readLayers(page: string): string[][] {
  const [, block = ''] = /^```layers\n([\s\S]*?)^```/m.exec(page) ?? [];
  const rows = block.trimEnd().split('\n');
  return rows.map(
    (row) =>
      row
        .split(/\s{3,}/, 1)[0]
        ?.split(/\s+/)
        .map((room) => room.replace(/\/$/, '')) ?? [],
  );
}

const layerOf = (file: string) => LAYERS.findIndex((rooms) => rooms.includes(roomOf(file)));

describe('the arrows between modules, those of types too,', () => {
  it('are read from every file', () => {
    assert.ok(FILES.length > 40);
    for (const file of FILES) {
      const written = codeOf(file).match(/\bfrom '/g)?.length ?? 0;
      assert.ok(importsOf(file).length >= written, file);
    }
    assert.ok(importsOf('lib/main.ts').some(({ target }) => target === 'lib/run/run.ts'));
  });

  it('lead to files that exist', () => {
    const targets = FILES.flatMap((file) => importsOf(file)).filter(({ target }) => target.endsWith('.ts'));
    for (const { target } of targets) assert.ok(existsSync(join(ROOT, target)), target);
  });

  it('start and end in rooms that lib/README.md names, each of which exists', () => {
    const rooms = new Set(FILES.map(roomOf));
    rooms.delete('build');
    assert.deepEqual([...rooms].sort(), LAYERS.flat().sort());
  });

  it('point down the layers of lib/README.md, or stay in their room', () => {
    const isUp = (target: string, file: string) => {
      if (!target.startsWith('lib/') || roomOf(target) === roomOf(file) || roomOf(file) === 'build') return false;
      const isRootFile = roomOf(target).endsWith('.ts') || roomOf(file).endsWith('.ts');
      const [from, to] = [layerOf(file), layerOf(target)];
      return isRootFile ? to < from : to <= from;
    };
    assert.deepEqual(offenders(FILES, isUp), []);
  });

  it('never lead into a circle', () => {
    const finished = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      assert.ok(!path.includes(file), `a circle: ${[...path, file].join(' → ')}`);
      if (finished.has(file)) return;
      for (const { target } of importsOf(file)) if (NEEDS.has(target)) visit(target, [...path, file]);
      finished.add(file);
    };
    for (const file of FILES) visit(file, []);
  });

  it('never lead to a job, and never to main', () => {
    const isJob = (target: string, file: string) =>
      target.startsWith('jobs/') || (roomOf(target) === 'standard' && roomOf(file) !== 'standard');
    assert.deepEqual(offenders(FILES, isJob), []);
    assert.deepEqual(
      offenders(FILES, (target) => target === 'lib/main.ts'),
      [],
    );
  });

  it('lead from a job, also one of the owner, to job.ts, standard/ and what lies below, and to no client', () => {
    const isAbove = (target: string) => {
      if (!target.startsWith('lib/')) return /googleapis|google-auth|aws-sdk/.test(target);
      if (roomOf(target) === 'standard') return false;
      const isWayIn = ['lib/registry.ts', 'lib/command.ts', 'lib/config.ts', 'lib/gmail/client.ts'].includes(target);
      return (
        isWayIn || ['directory', 'google', 'aws'].includes(roomOf(target)) || layerOf(target) < layerOf('lib/job.ts')
      );
    };
    assert.deepEqual(offenders([...within('lib/standard/'), ...sourcesIn('jobs')], isAbove), []);
  });

  it('lead to build/ from nowhere, and from build/ to the registry, the names of commands and the loader alone', () => {
    const uses = ['lib/registry.ts', 'lib/commands/index.ts', 'lib/process/loader.ts'];
    const isStray = (target: string, file: string) =>
      target.startsWith('lib/') &&
      (roomOf(file) === 'build') !== (roomOf(target) === 'build') &&
      !(roomOf(file) === 'build' && uses.includes(target));
    assert.deepEqual(offenders(FILES, isStray), []);
  });

  it('lead to no package that could connect before connections are guarded', () => {
    const reached = new Set<string>();
    const reach = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { target, later } of NEEDS.get(file) ?? []) if (!later) reach(target);
    };
    reach('lib/main.ts');
    assert.ok(reached.has('lib/process/egress.ts'));
    const packages = [...reached].filter((target) => !target.startsWith('lib/') && !target.startsWith('node:'));
    assert.deepEqual(packages, ['leven']);
  });

  it('lead from errors to nothing of ours', () => {
    assert.deepEqual(
      offenders(['lib/errors.ts'], (target) => target.startsWith('lib/')),
      [],
    );
  });

  it("lead to Google's libraries from gmail/ and directory/ alone, to AWS's from aws/ alone", () => {
    const isStray = (target: string, file: string) =>
      (/^(googleapis|google-auth-library)/.test(target) && !['gmail', 'directory'].includes(roomOf(file))) ||
      (/^@aws-sdk\//.test(target) && roomOf(file) !== 'aws') ||
      // All of googleapis takes most of a second to load.
      target === 'googleapis';
    assert.deepEqual(offenders(FILES, isStray), []);
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

  it('calls process.exit in main alone, and never writes to the console', () => {
    assert.deepEqual(files(/\bprocess\.exit\b/), ['lib/main.ts']);
    assert.deepEqual(files(/\bconsole\.\w+\(/), []);
  });

  it('uses no undocumented part of Node, but process._rawDebug, which output.ts guards', () => {
    const internals = /process\.binding|reallyExit|_normalizeArgs|_createServerHandle|_createSocketHandle|\b_handle\b/;
    assert.deepEqual(files(internals), []);
    assert.deepEqual(files(/_rawDebug/), ['lib/process/output.ts']);
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
    for (const file of ['lib/run/run.ts', ...within('lib/standard/')]) reach(file);
    assert.ok(reached.has('lib/gmail/client.ts'));
    assert.ok(!reached.has('node:child_process'));
  });

  it('exports no two types, interfaces or classes of the same name', () => {
    const exported = FILES.flatMap((file) =>
      [...codeOf(file).matchAll(/^export (?:abstract )?(?:type|interface|class) (\w+)/gm)].map(([, name = '']) => ({
        name,
        file,
      })),
    );
    assert.ok(exported.length > 100);
    const twice = Object.values(Object.groupBy(exported, ({ name }) => name)).filter((one = []) => one.length > 1);
    assert.deepEqual(twice, []);
  });

  it('says in its first line what each file is about', () => {
    for (const file of FILES) {
      const source = readFileSync(join(ROOT, file), 'utf8');
      assert.ok(source.startsWith('/**'), `${file} begins with no comment`);
    }
  });
});
