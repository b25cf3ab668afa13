/** The built program as on Heroku: moved after the build, without node_modules, in folders without write permission. */
import assert from 'node:assert/strict';
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cachedDataVersionTag } from 'node:v8';
import { gzipSync } from 'node:zlib';
import { bundleStart } from '../lib/build/bundle.ts';
import { buildProgram } from '../lib/build/index.ts';
import type { LoadReport, RunReport } from './fixtures/report-loads.ts';
import { assertEnded, type Finished, ROOT, runJob } from './run.ts';
import { startSandbox } from './sandbox/index.ts';

const MAX_SLUG_BYTES = 4_000_000;
const MAX_QUEUE_BYTES = 1_500_000;
const MAX_S3_BYTES = 1_000_000;

/** The packages of the queue of a fleet. */
const QUEUE = ['pg-boss', 'pg', 'pg-pool', 'pg-protocol'];

/** The packages that a run of apply-rules with nothing to do loads, by what needs them. */
const NEEDED = {
  'the command line': ['commander', 'leven'],
  'the log': [
    ...['pino', '@pinojs/redact', 'atomic-sleep', 'on-exit-leak-free', 'pino-std-serializers'],
    ...['quick-format-unescaped', 'safe-stable-stringify', 'sonic-boom', 'thread-stream'],
  ],
  'the rules file': ['yaml', 'valibot'],
  "AWS's client": [
    ...['@aws-sdk/client-secrets-manager', '@aws-sdk/core', '@aws-sdk/credential-provider-env'],
    ...['@aws-sdk/credential-provider-node', '@aws-sdk/xml-builder', '@aws/lambda-invoke-store', '@smithy/core'],
    ...['@smithy/node-http-handler', '@smithy/signature-v4', '@smithy/types'],
  ],
  "Google's client": [
    ...['googleapis', 'googleapis-common', 'google-auth-library', 'google-logging-utils', 'gaxios', 'extend'],
    ...['url-template', 'ecdsa-sig-formatter', 'safe-buffer', 'base64-js', 'qs'],
  ],
  qs: [
    ...['object-inspect', 'side-channel', 'side-channel-list', 'side-channel-map', 'side-channel-weakmap'],
    ...['async-function', 'async-generator-function', 'call-bind-apply-helpers', 'call-bound', 'dunder-proto'],
    ...['es-define-property', 'es-errors', 'es-object-atoms', 'function-bind', 'generator-function', 'get-intrinsic'],
    ...['get-proto', 'gopd', 'has-symbols', 'hasown', 'math-intrinsics'],
  ],
};

describe('the built program', { concurrency: 4 }, () => {
  let app = '';
  let run: Finished;
  let loaded: readonly LoadReport[];
  let v8Tag: number;

  before(async () => {
    app = await mkdtemp(join(tmpdir(), 'gmail-jobs-app-'));
    for (const file of ['package.json', 'Procfile']) await cp(join(ROOT, file), join(app, file));
    await buildProgram('test/fixtures/installed', join(app, 'dist'));
    await writeFile(join(app, 'dist/report.js'), await bundleStart(join(ROOT, 'test/fixtures/report-loads.ts')));
    for (const folder of ['', ...(await readdir(app, { recursive: true }))]) await chmod(join(app, folder), 0o555);
    await using sandbox = await startSandbox({ messages: 0 });
    run = await runJob(sandbox, ['apply-rules'], {
      cwd: app,
      program: ['--permission', `--allow-fs-read=${app}`, join(app, 'dist/report.js')],
    });
    const report: RunReport = JSON.parse(run.stderr.trim().split('\n').at(-1) ?? '');
    ({ loads: loaded, v8Tag } = report);
  });
  after(async () => {
    for (const folder of ['', ...(await readdir(app, { recursive: true }))]) await chmod(join(app, folder), 0o755);
    await rm(app, { recursive: true, force: true });
  });

  it('needs dist/ alone, and writes nothing', async () => {
    assertEnded(run, 0, { outcome: 'nothing-to-do' });
  });

  it('exits 78 under an older Node, and names the Node that it needs in one line', async () => {
    const code = "Object.defineProperties(process, {version:{value:'v22.23.3'}, versions:{value:{node:'22.23.3'}}})";
    const program = ['--import', `data:text/javascript,${code}`, join(app, 'dist/main.js')];
    const { code: exitCode, stdout, stderr } = await runJob(null, ['apply-rules'], { program });
    assert.deepEqual([exitCode, stdout], [78, '']);
    assert.match(stderr, /^job: this program needs Node 24, but this is v22\.23\.3[^\n]*\n$/);
  });

  it('uses the code cache of every file that it loads', () => {
    assert.ok(loaded.length > 10, run.stderr);
    const without = loaded.filter(({ cache }) => cache !== 'used').map(({ file, cache }) => `${file}: ${cache}`);
    assert.deepEqual(without, []);
  });

  it("loads everything before it sets V8's flags, so that Node's own code cache is used too", () => {
    const plain = cachedDataVersionTag();
    const late = loaded.filter((load) => load.v8Tag !== plain).map(({ file }) => file);
    assert.deepEqual(late, []);
    assert.notEqual(v8Tag, plain);
  });

  it('loads the requested job, and no other', () => {
    const jobs = loaded.map(({ file }) => file).filter((file) => file.startsWith('jobs/'));
    assert.deepEqual(jobs, ['jobs/apply-rules.js']);
  });

  it('loads no package that a run with nothing to do can do without', async () => {
    const contents = JSON.parse(await readFile(join(app, 'dist/contents.json'), 'utf8'));
    const packages = new Set(loaded.flatMap(({ file }) => Object.keys(contents[file] ?? {})));
    assert.deepEqual([...packages].filter((name) => name !== 'gmail-jobs').sort(), Object.values(NEEDED).flat().sort());
  });

  /** The files of `dist` with code of these packages, and how many bytes they add to the slug. */
  async function partOf(packages: readonly string[]): Promise<{ files: string[]; bytes: number }> {
    const contents: Record<string, object> = JSON.parse(await readFile(join(app, 'dist/contents.json'), 'utf8'));
    const files = Object.keys(contents).filter((file) => packages.some((name) => name in (contents[file] ?? {})));
    assert.ok(files.length > 0);
    const texts = await Promise.all(files.map((file) => readFile(join(app, 'dist', file))));
    return { files, bytes: gzipSync(Buffer.concat(texts)).length };
  }

  for (const [part, packages, most] of [
    ['the queue of a fleet', QUEUE, MAX_QUEUE_BYTES],
    ['S3', ['@aws-sdk/client-s3'], MAX_S3_BYTES],
  ] as const) {
    it(`loads nothing of ${part}, which adds less than ${most / 1_000_000} MB to the slug`, async () => {
      const { files, bytes } = await partOf(packages);
      const loadedOfPart = loaded.filter(({ file }) => files.includes(file));
      assert.deepEqual(loadedOfPart, []);
      assert.ok(bytes < most, `${bytes} bytes`);
    });
  }

  it('makes a slug under 4 MB together with the repository', async () => {
    const parts: Buffer[] = [];
    for (const entry of await readdir(ROOT, { withFileTypes: true })) {
      if (['node_modules', '.git'].includes(entry.name)) continue;
      const path = join(ROOT, entry.name);
      const inside = entry.isDirectory() ? await readdir(path, { recursive: true, withFileTypes: true }) : [];
      const all = [entry, ...inside].filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
      const files = all.filter((file) => !file.startsWith(join(ROOT, 'dist/tests')));
      // tar writes a header before each file.
      for (const file of files) parts.push(Buffer.alloc(512), await readFile(file));
    }
    const bytes = gzipSync(Buffer.concat(parts)).length;
    assert.ok(bytes < MAX_SLUG_BYTES, `${bytes} bytes`);
  });
});
