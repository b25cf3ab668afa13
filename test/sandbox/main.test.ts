import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { type App, copyApp } from '../fixtures/app.ts';
import { createDatabase, describeWithPostgres } from '../fixtures/postgres.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** The parts of the project that the sandbox and bin/job need. */
const PARTS = ['bin', 'lib', '.ci', 'package.json', 'test/sandbox', 'test/fixtures'];

/** Variables of a terminal that is set up for a real mailbox. */
const REAL = {
  AWS_PROFILE: 'me',
  AWS_SESSION_TOKEN: 'stale',
  GMAIL_MAILBOX: 'bob@example.com',
  DATABASE_URL: 'postgres://real.example/heroku',
  HTTPS_PROXY: 'http://proxy.example:3128',
  // A browser that cannot be started: the link is printed.
  BROWSER: 'false',
};

const FLEETS = ['bin/job fleet --list', 'bin/job fleet apply-rules --dry-run', 'bin/job fleet apply-rules'];

/** Without `server`, the sandbox has no database, also when the tests have a PostgreSQL. */
async function startMain(main = MAIN, server?: string) {
  const { POSTGRES_TEST_URL: _, ...others } = process.env;
  const env = { ...others, ...(server !== undefined && { POSTGRES_TEST_URL: server }) };
  const child = spawn(process.execPath, [main, '--messages', '60'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
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

  const [list, dryRun, , digest = '', exported, restored, authorize = '', ...fleets] = commands;
  assert.deepEqual([list, dryRun, digest], ['bin/job list', 'bin/job apply-rules --dry-run', 'bin/job digest']);
  assert.deepEqual([exported, restored], ['bin/job export --query newer_than:7d', 'bin/job restore --dry-run']);
  assert.deepEqual(fleets, FLEETS);
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

/** The line of JSON with this event, in the output of a fleet that is not at a terminal. */
function eventOf(output: string, event: string) {
  const line = output.split('\n').find((text) => text.includes(`"event":"${event}"`)) ?? assert.fail(output);
  return JSON.parse(line);
}

test('serves a fleet of ten mailboxes, one of which has a revoked refresh token', async () => {
  await using app = await copyApp(PARTS);
  using main = await startMain(join(app.folder, 'test/sandbox/main.ts'));
  const [list = '', dryRun = '', run = ''] = main.commands.slice(-FLEETS.length);
  const listed = await type(app, main.read, list);
  assert.equal(listed.code, 0, listed.output);
  assert.equal(listed.output.match(/^\{"name":/gm)?.length, 10, listed.output);

  const planned = await type(app, main.read, dryRun);
  const applied = await type(app, main.read, run);
  for (const { code, output } of [planned, applied]) {
    assert.equal(code, 65, output);
    const { mailboxes } = eventOf(output, 'fleet.finished');
    assert.deepEqual([mailboxes.all, mailboxes.failed, mailboxes.remaining], [10, 1, 0], output);
    assert.match(output, /"mailbox":"gmail-jobs\/team\/chloe","event":"run.finished".*"exitCode":77/);
  }
  assert.ok(eventOf(applied.output, 'fleet.finished').changed > 0);
  assert.equal(await main.end(), 0);
});

describeWithPostgres('with PostgreSQL', () => {
  test('gives the fleet a database, whose status it names, and drops it at Ctrl-C', async () => {
    await using app = await copyApp(PARTS);
    await using server = await createDatabase();
    using main = await startMain(join(app.folder, 'test/sandbox/main.ts'), server.url);
    assert.deepEqual(main.commands.slice(-4), [...FLEETS, 'bin/job fleet --status']);
    const [run = '', status = ''] = main.commands.slice(-2);
    const applied = await type(app, main.read, run);
    assert.equal(applied.code, 65, applied.output);
    const { code, output } = await type(app, main.read, status);
    assert.equal(code, 0, output);
    assert.equal(output.match(/"mailbox":/g)?.length, 10, output);
    assert.match(output, /"mailbox":"gmail-jobs\/team\/chloe".*"exitCode":77/);

    const { output: address } = await type(app, main.read, 'echo $DATABASE_URL');
    const name = new URL(address.trim()).pathname.slice(1);
    const isThere = `SELECT FROM pg_database WHERE datname = '${name}'`;
    assert.equal((await server.query(isThere)).length, 1);
    assert.equal(await main.end(), 0);
    assert.equal((await server.query(isThere)).length, 0);
  });
});

test('names no job that the owner renamed or removed', async () => {
  await using app = await copyApp(PARTS);
  await rename(join(app.folder, 'jobs/apply-rules.ts'), join(app.folder, 'jobs/sweep.ts'));
  for (const job of ['digest', 'export', 'restore']) await rm(join(app.folder, `jobs/${job}.ts`));
  using main = await startMain(join(app.folder, 'test/sandbox/main.ts'));
  const [list, authorize = '', ...others] = main.commands;
  assert.deepEqual([list, others], ['bin/job list', ['bin/job fleet --list']]);
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
    assert.match(stdout, /^EXPORT_URL=s3:\/\/gmail-jobs-copy\/\{mailbox\}$/m, shell);
    assert.doesNotMatch(stdout, /^(AWS_PROFILE|AWS_SESSION_TOKEN|GMAIL_MAILBOX|DATABASE_URL|HTTPS_PROXY)=/m, shell);
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
