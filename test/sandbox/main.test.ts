import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { type App, copyApp } from '../fixtures/app.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** The parts of the project that the sandbox and bin/job need. */
const PARTS = ['bin', 'lib', '.ci', 'package.json', 'test/sandbox'];

/** Variables of a terminal that is set up for a real mailbox. */
const REAL = {
  AWS_PROFILE: 'me',
  AWS_SESSION_TOKEN: 'stale',
  GMAIL_MAILBOX: 'bob@example.com',
  HTTPS_PROXY: 'http://proxy.example:3128',
  // A browser that cannot be started: the link is printed.
  BROWSER: 'false',
};

async function startMain(main = MAIN) {
  const child = spawn(process.execPath, [main, '--messages', '60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    output += chunk;
    if (output.includes('Ctrl-C')) break;
  }
  const find = (pattern: RegExp) => pattern.exec(output)?.[1] ?? assert.fail(output);
  return {
    read: find(/^ {2}(\. \S+)$/m),
    client: find(/authorize --client (\S+)$/m),
    pages: find(/in a browser: (\S+)$/m),
    commands: [...output.matchAll(/^ {2}(bin\/job .+)$/gm)].map(([, command = '']) => command),
    async end() {
      child.kill('SIGINT');
      const [exitCode] = await once(child, 'exit');
      return exitCode;
    },
    // Else a failed test would leave the sandbox behind, and the test file would never end.
    [Symbol.dispose]: () => child.kill('SIGKILL'),
  };
}

/** Types a line, in the copy of the project, into a shell that has read the sandbox's variables; `onOutput` sees what is printed. */
async function type({ folder: cwd }: App, read: string, line: string, onOutput = (_output: string) => {}) {
  const child = spawn('sh', ['-c', `${read}; ${line}`], { cwd, env: { PATH: process.env.PATH, ...REAL } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      onOutput(output);
    });
  }
  const [code] = await once(child, 'close');
  return { code, output };
}

/** Presses the consent page's button as a browser does: the form goes to the page's own address. */
async function agree(link: string): Promise<string> {
  const page = await (await fetch(link)).text();
  const boxes = [...page.matchAll(/type="checkbox" name="([^"]+)" checked/g)].map(([, name = '']): [string, string] => [
    name,
    'on',
  ]);
  const body = new URLSearchParams([...boxes, ['decision', 'allow']]);
  return await (await fetch(link, { method: 'POST', body })).text();
}

test('prints commands that work, also in a terminal with the variables of a real mailbox, and removes its files at Ctrl-C', async () => {
  await using app = await copyApp(PARTS);
  using main = await startMain(join(app.folder, 'test/sandbox/main.ts'));
  const { read, client, pages, commands, end } = main;
  const folder = dirname(client);
  assert.equal(statSync(client).mode & 0o077, 0);
  assert.equal(Object.keys(JSON.parse(readFileSync(client, 'utf8'))).join(), 'installed');

  const [list, dryRun, , digest = '', authorize = '', ...others] = commands;
  assert.deepEqual(
    [list, dryRun, digest, others],
    ['bin/job list', 'bin/job apply-rules --dry-run', 'bin/job digest', []],
  );
  let page: Promise<string> | undefined;
  const [digested, authorized] = await Promise.all([
    type(app, read, digest),
    type(app, read, authorize, (output) => {
      const link = /^ {2}(http:\S+)\n/m.exec(output)?.[1];
      if (link !== undefined) page ??= agree(link);
    }),
  ]);
  assert.equal(digested.code, 0, digested.output);
  assert.equal(authorized.code, 0, authorized.output);
  assert.match((await page) ?? '', /Everything is in place/);

  const inbox = await (await fetch(pages)).text();
  const [, path] = /href="(\/message\/[0-9a-f]+)"[^>]*>Your day in mail/.exec(inbox) ?? assert.fail(inbox);
  assert.match(await (await fetch(`${pages}${path}/body`)).text(), /messages? came in|Enjoy the quiet/);

  assert.equal(await end(), 0);
  assert.equal(existsSync(folder), false);
});

test('names no job that the owner renamed or removed', async () => {
  await using app = await copyApp(PARTS);
  await rename(join(app.folder, 'jobs/apply-rules.ts'), join(app.folder, 'jobs/sweep.ts'));
  await rm(join(app.folder, 'jobs/digest.ts'));
  using main = await startMain(join(app.folder, 'test/sandbox/main.ts'));
  const [list, authorize = '', ...others] = main.commands;
  assert.deepEqual([list, others], ['bin/job list', []]);
  assert.match(authorize, /^bin\/job authorize --client /);
  assert.equal(await main.end(), 0);
});

test('the variables can be read by every shell that is installed', async (t) => {
  using main = await startMain();
  const { read, end } = main;
  const tried: string[] = [];
  for (const shell of ['sh', 'bash', 'zsh', 'ksh']) {
    const { error, status, stdout, stderr } = spawnSync(shell, ['-eu', '-c', `${read} && env`], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, ...REAL },
    });
    if (error !== undefined) {
      t.diagnostic(`${shell} is not installed here`);
      continue;
    }
    tried.push(shell);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^GMAIL_API_URL=http:\/\/127\.0\.0\.1:\d+$/m, shell);
    assert.match(stdout, /^AWS_SECRET_ACCESS_KEY=[\w+/]{40}$/m, shell);
    assert.doesNotMatch(stdout, /^(AWS_PROFILE|AWS_SESSION_TOKEN|GMAIL_MAILBOX|HTTPS_PROXY)=/m, shell);
  }
  assert.ok(tried.includes('sh'));
  assert.equal(await end(), 0);
});

for (const options of [
  ['--mesages', '3'],
  ['--messages', '2k'],
  ['--messages', ''],
  ['--quota-profile', '2025'],
  ['--email', 'alice'],
  ['extra'],
]) {
  test(`exits 2 with one line when it is called with ${JSON.stringify(options)}`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...options], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^[^\n]+\n$/);
  });
}

test('says that npm has taken its options, in place of running without them', () => {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  const { status, stdout, stderr } = spawnSync(
    'npm',
    ['run', '--silent', 'sandbox', '--messages=3', '--latency-ms=1'],
    {
      cwd: new URL('../..', import.meta.url).pathname,
      env,
      encoding: 'utf8',
    },
  );
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(
    stderr,
    /^npm took --messages, --latency-ms for its own: write npm run sandbox -- --messages --latency-ms …$/m,
  );
});
