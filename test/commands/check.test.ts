/** `job check`: every line fails once; the tests hold what it checks after that, and that it changes nothing. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { commandHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { findSecrets } from '../fixtures/searcher.ts';
import { ChildHandle, type RunOptions, runJob } from '../run.ts';
import { GMAIL_SCOPES, googleErrors, type Sandbox, type SandboxOptions, startSandbox } from '../sandbox/index.ts';

const JOBS = ['apply-rules', 'digest', 'export', 'restore', 'undo'];
const IDS = [
  'configuration',
  'aws',
  'secret',
  'key',
  'token',
  'consent',
  'scopes',
  'mailbox',
  'files',
  'apply-rules',
  'quota',
  'monitor',
  'clock',
];
const STAR = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };
const DAY_S = 86_400;
const forever = { times: Number.POSITIVE_INFINITY };

interface Line {
  readonly id: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly detail: string;
  readonly remedy?: string;
  readonly exitCode?: number;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Report {
  readonly ok: boolean;
  readonly exitCode: number;
  readonly verdict: string;
  readonly stage: string;
  readonly lines: readonly Line[];
}

function sandboxOf(options: SandboxOptions = {}): Promise<Sandbox> {
  return startSandbox({ mailbox: mailboxOf(many(3, {})), ...options });
}

interface CheckOptions extends Pick<RunOptions, 'env' | 'rules'> {
  /** Starts the built program in place of running the command inside the test's process. */
  readonly built?: boolean;
}

/** Runs `job check --json`. Asserts that stdout is one line of JSON with the exit code. */
async function check(sandbox: Sandbox, args: readonly string[] = [], options: CheckOptions = {}) {
  const { rules = STAR, built = false } = options;
  const env = { HEARTBEAT_URL: sandbox.monitorUrl, ...options.env };
  const run = await (built ? runJob : commandHere)(sandbox, ['check', '--json', ...args], { rules, env });
  assert.equal(run.stderr, '');
  assert.match(run.stdout, /^\{.*\}\n$/);
  const report = JSON.parse(run.stdout) as Report;
  assert.equal(run.code, report.exitCode);
  assert.equal(report.ok, report.exitCode === 0);
  for (const one of report.lines) {
    const actionable = one.status === 'failed' || one.status === 'warning';
    if (one.id !== 'apply-rules') assert.equal(one.remedy !== undefined, actionable, JSON.stringify(one));
    assert.equal(one.exitCode !== undefined, one.status === 'failed', JSON.stringify(one));
  }
  const line = (id: string) => report.lines.find((one) => one.id === id) ?? assert.fail(`no line ${id}`);
  const statuses = Object.fromEntries(report.lines.map(({ id, status }) => [id, status]));
  return { ...report, line, statuses };
}

/** The expected statuses: `ok` in every line except these. */
function allBut(others: Readonly<Record<string, Line['status']>>): Record<string, string> {
  return {
    ...Object.fromEntries(IDS.map((id) => [id, 'ok'])),
    key: 'skipped',
    consent: 'skipped',
    files: 'skipped',
    ...others,
  };
}

/** The lines after `id` that depend on it. */
function skippedAfter(id: string): Record<string, Line['status']> {
  const chain = ['configuration', 'aws', 'secret', 'key', 'token', 'consent', 'scopes', 'mailbox', 'apply-rules'];
  return Object.fromEntries(chain.slice(chain.indexOf(id) + 1).map((later) => [later, 'skipped']));
}

/** The table of the line `scopes`: job, whether it runs, what it lacks. */
function tableOf({ data = {} }: Line): (readonly [string, boolean, readonly string[]])[] {
  const jobs = data.jobs as { job: string; runs: boolean; missing: string[] }[];
  return jobs.map(({ job, runs, missing }) => [job, runs, missing]);
}

/** Moves the creation of all versions of the secret into the past. */
function age(sandbox: Sandbox, days: number): void {
  for (const version of sandbox.secrets.secret().versions) version.createdAtS -= days * DAY_S;
}

describe('job check', { concurrency: 8 }, () => {
  it('finds nothing wrong, and names what it checked', async () => {
    await using sandbox = await sandboxOf();
    age(sandbox, 12);
    const { exitCode, verdict, statuses, line } = await check(sandbox, [], { built: true });
    assert.equal(exitCode, 0);
    assert.match(verdict, /^Yes, the next run would work\.$/);
    assert.deepEqual(statuses, allBut({ consent: 'ok' }));
    const [version] = sandbox.secrets.secret().versions;
    assert.deepEqual(line('secret').data, {
      stage: 'AWSCURRENT',
      version: version?.id,
      createdAt: new Date(Number(version?.createdAtS) * 1_000).toISOString(),
      type: 'authorized_user',
    });
    assert.match(line('secret').detail, /12 days old/);
    assert.equal(line('aws').data?.account, '123456789012');
    assert.match(line('consent').detail, /not in Testing: .* 12 days old/);
    assert.match(line('mailbox').detail, /alice@example\.com, as the secret says/);
    assert.match(line('quota').detail, /profile 2026, 6,000 units/);
    assert.deepEqual(line('apply-rules').data?.rules, [
      {
        name: 'star-it',
        search: '(subject:hit) {-is:starred} -in:drafts -in:chats',
        matched: 3,
        skipped: 0,
        toChange: 3,
        spared: 0,
        actions: ['star'],
      },
    ]);
  });

  it('changes nothing, requests the smallest scope that can search, and does not ping the monitor', async () => {
    await using sandbox = await sandboxOf();
    const versions = () => sandbox.secrets.secret().versions.map(({ id, value, stages }) => [id, value, [...stages]]);
    const before = versions();
    await check(sandbox);
    assert.deepEqual(versions(), before);
    assert.deepEqual(sandbox.oauth.issued.at(-1)?.scopes, [GMAIL_SCOPES.readonly]);
    for (const { service, verb, method, path } of sandbox.requests) {
      if (service === 'gmail') assert.equal(method, 'GET', verb);
      if (service === 'aws') assert.equal(verb, 'GetSecretValue');
      if (service === 'oauth') assert.ok(path === '/token' || (path === '/' && method === 'HEAD'), `${method} ${path}`);
      if (service === 'monitor') assert.deepEqual([method, path], ['HEAD', '/']);
    }
    const asked = sandbox.requests
      .filter(({ service }) => service === 'gmail')
      .map(({ headers }) => headers.authorization);
    assert.deepEqual([...new Set(asked)], [`Bearer ${sandbox.oauth.issued.at(-1)?.accessToken}`]);
  });

  it('shows the same lines to a person, without colours when stdout is no terminal', async () => {
    await using sandbox = await sandboxOf();
    const { code, stdout, stderr } = await runJob(sandbox, ['check'], { rules: STAR });
    assert.equal(code, 0);
    assert.equal(stderr, '');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    assert.doesNotMatch(stdout, /\u001b/);
    const lines = stdout.split('\n');
    assert.equal(lines[0], 'Would the next run work?');
    assert.match(stdout, /^ {2}✔ mailbox {8}alice@example\.com, as the secret says$/m);
    assert.match(stdout, /^ +✔ digest {7}gmail\.readonly, gmail\.insert, gmail\.labels$/m);
    assert.match(stdout, /^ +· star-it {2}3 found, 3 to change {2}subject:hit$/m);
    assert.match(stdout, /^ {2}! monitor .*nobody is told.*\n +→ Set HEARTBEAT_URL/m);
    assert.equal(lines.at(-2), 'Yes, the next run would work. 1 warning.');
  });

  it('warns of what the log of a run would warn of, and exits 0', async () => {
    await using sandbox = await sandboxOf();
    const rules = { rules: [{ name: 'a', query: 'label:Nowhere', actions: { trash: true } }] };
    const { exitCode, verdict, line } = await check(sandbox, [], { rules });
    assert.equal(exitCode, 0);
    assert.equal(line('apply-rules').status, 'warning');
    const warnings = line('apply-rules').data?.warnings as string[];
    assert.match(warnings.join(), /sent mail.*Nowhere/);
    assert.match(verdict, /^Yes.* 1 warning\.$/);
  });

  it('checks the jobs in --jobs, and refuses unknown names', async () => {
    await using sandbox = await sandboxOf();
    const { lines, line } = await check(sandbox, ['--jobs', 'digest']);
    assert.deepEqual(
      lines.map(({ id }) => id),
      IDS.filter((id) => id !== 'apply-rules'),
    );
    assert.deepEqual(tableOf(line('scopes')), [['digest', true, []]]);
    const { code, stderr } = await runJob(sandbox, ['check', '--jobs', 'digets']);
    assert.equal(code, 2);
    assert.match(stderr, /did you mean "digest"/);
  });

  it('ends at once when it is interrupted', async () => {
    await using sandbox = await sandboxOf();
    const child = new ChildHandle();
    sandbox.faults.add({ service: 'gmail', kind: 'hook', before: () => child.kill('SIGINT') });
    sandbox.faults.add({ service: 'gmail', kind: 'hang', ...forever });
    const { code } = await runJob(sandbox, ['check'], { onStart: child.onStart });
    assert.equal(code, 130);
  });
});

describe('job check, line by line', { concurrency: 8 }, () => {
  it('configuration: 78 for missing variables, and checks the lines that do not need them', async () => {
    await using sandbox = await sandboxOf();
    const env = { AWS_ACCESS_KEY_ID: undefined, RUN_BUDGET: 'long' };
    const { exitCode, line, statuses } = await check(sandbox, [], { env, built: true });
    assert.equal(exitCode, 78);
    assert.match(line('configuration').detail, /^AWS_ACCESS_KEY_ID is not set; RUN_BUDGET is no duration/);
    assert.deepEqual(line('configuration').data, { faulty: ['AWS_ACCESS_KEY_ID', 'RUN_BUDGET'] });
    assert.deepEqual(statuses, allBut({ configuration: 'failed', ...skippedAfter('configuration') }));
  });

  it('configuration: checks every line when no line needs the wrong variable', async () => {
    await using sandbox = await sandboxOf();
    const { exitCode, statuses } = await check(sandbox, [], { env: { LOG_LEVEL: 'loud', HEARTBEAT_URL: 'ftp://x' } });
    assert.equal(exitCode, 78);
    assert.deepEqual(statuses, allBut({ configuration: 'failed', monitor: 'skipped' }));
  });

  it("configuration: sends nothing to Google when a stand-in's address is refused", async () => {
    await using sandbox = await sandboxOf();
    const { exitCode, statuses } = await check(sandbox, [], { env: { GOOGLE_TOKEN_URL: 'https://example.com/token' } });
    assert.equal(exitCode, 78);
    const skipped = { ...skippedAfter('secret'), clock: 'skipped' } as const;
    assert.deepEqual(statuses, allBut({ configuration: 'failed', ...skipped }));
  });

  it("scheduler: 78 when Heroku loads its Node plugin on Scheduler's dynos, but not on this dyno of heroku run", async () => {
    await using sandbox = await sandboxOf();
    const onDyno = { DYNO: 'run.4711', HEROKU_METRICS_URL: 'https://app.metrics.heroku.com/x' };
    const refused = await check(sandbox, [], { env: onDyno });
    assert.equal(refused.exitCode, 78);
    assert.match(refused.line('scheduler').detail, /refuse every run.*language metrics.*NODE_OPTIONS holds --require/);
    assert.match(`${refused.line('scheduler').remedy}`, /heroku config:set HEROKU_SKIP_NODE_PLUGIN=1/);
    assert.match(refused.verdict, /^No: scheduler failed/);
    const fine = await check(sandbox, [], { env: { ...onDyno, HEROKU_SKIP_NODE_PLUGIN: '1' } });
    assert.deepEqual(fine.statuses, allBut({ scheduler: 'ok' }));
    assert.deepEqual(fine.line('scheduler').data, { budgetMs: 3_000_000 });
    // A run there confirms the prediction of check.
    const env = { ...onDyno, DYNO: 'scheduler.1', NODE_OPTIONS: '--require node:os' };
    const { code, stderr } = await runJob(sandbox, ['apply-rules'], { rules: STAR, env });
    assert.equal(code, 78);
    assert.match(stderr, /NODE_OPTIONS holds --require.*\n.*HEROKU_SKIP_NODE_PLUGIN=1/);
  });

  it('aws: 77 and names action, secret and user when access is denied', async () => {
    await using sandbox = await sandboxOf();
    sandbox.iam.deny(['GetSecretValue']);
    const { exitCode, line, statuses } = await check(sandbox);
    assert.equal(exitCode, 77);
    assert.match(
      `${line('aws').remedy}`,
      /secretsmanager:GetSecretValue on arn:aws:\S+alice-\S+ for arn:aws:iam::\d+:user/,
    );
    assert.deepEqual(statuses, allBut({ aws: 'failed', ...skippedAfter('aws') }));
  });

  it('aws: 77 for unknown keys, 75 when AWS is away', async () => {
    await using sandbox = await sandboxOf();
    const unknown = await check(sandbox, [], { env: { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' } });
    assert.equal(unknown.line('aws').exitCode, 77);
    sandbox.faults.add({ service: 'aws', status: 503, ...forever });
    const away = await check(sandbox);
    assert.equal(away.exitCode, 75);
    assert.match(away.verdict, /^Not now: AWS/);
  });

  it('secret: 78 when it does not exist or is scheduled for deletion; the line aws is ok', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.scheduleDeletion();
    const deleted = await check(sandbox);
    assert.match(`${deleted.line('secret').remedy}`, /Cancel the deletion/);
    const missing = await check(sandbox, [], { env: { GMAIL_SECRET_ID: 'another' } });
    for (const { exitCode, statuses } of [deleted, missing]) {
      assert.equal(exitCode, 78);
      assert.deepEqual(statuses, allBut({ secret: 'failed', ...skippedAfter('secret') }));
    }
  });

  it('secret: 78 for an invalid value', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.setSecret('gmail-jobs/alice', { client_id: 'x' });
    const { exitCode, line } = await check(sandbox);
    assert.equal(exitCode, 78);
    assert.match(line('secret').detail, /client_secret is missing, refresh_token is missing \(AWSCURRENT, version /);
  });

  it('secret: 78 for a bad paste, and checks the other lines with AWSPREVIOUS, as runs do', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.put('{"email": "alice@example.com", "client_id": oops');
    const { exitCode, line, statuses, verdict } = await check(sandbox);
    assert.equal(exitCode, 78);
    assert.deepEqual(statuses, allBut({ secret: 'failed' }));
    assert.match(line('secret').detail, /not JSON.*meanwhile runs use AWSPREVIOUS/);
    assert.match(verdict, /^Yes, but only with AWSPREVIOUS/);
    // A run does not use a dead AWSPREVIOUS, and names the problem of AWSCURRENT.
    sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
    const dead = await check(sandbox);
    assert.equal(dead.exitCode, 78);
    assert.deepEqual(dead.statuses, allBut({ secret: 'failed', ...skippedAfter('secret') }));
    assert.doesNotMatch(dead.line('secret').detail, /AWSPREVIOUS/);
    assert.match(dead.verdict, /^No: secret failed/);
  });

  it('token: 77 for a revoked token or a deleted client, 75 when Google is away', async () => {
    await using sandbox = await sandboxOf();
    sandbox.oauth.refuse('deleted_client');
    const gone = await check(sandbox);
    assert.match(`${gone.line('token').remedy}`, /client_id and client_secret/);
    sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
    const revoked = await check(sandbox);
    for (const { exitCode, statuses } of [gone, revoked]) {
      assert.equal(exitCode, 77);
      assert.deepEqual(statuses, allBut({ token: 'failed', ...skippedAfter('token') }));
    }
    sandbox.faults.add({ service: 'oauth', verb: 'token', status: 503, ...forever });
    const away = await check(sandbox);
    assert.equal(away.exitCode, 75);
  });

  it('token: 77 for a dead token, and checks the other lines with AWSPREVIOUS when its token works', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: '1//0another-token-that-is-dead' });
    const { exitCode, statuses, verdict } = await check(sandbox);
    assert.equal(exitCode, 77);
    assert.deepEqual(statuses, allBut({ token: 'failed' }));
    assert.match(verdict, /^Yes, but only with AWSPREVIOUS.*77/);
  });

  it('token: 77 and says so when Google replaces the refresh token', async () => {
    await using sandbox = await sandboxOf();
    sandbox.oauth.rotatesRefreshTokens = true;
    const { exitCode, line } = await check(sandbox);
    assert.equal(exitCode, 77);
    assert.match(line('token').detail, /replaced the refresh token/);
  });

  it('mailbox: 77 when it is another than the secret names, and searches nothing', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.put({ ...sandbox.secretValue, email: 'bob@example.com' });
    const { exitCode, line, statuses } = await check(sandbox);
    assert.equal(exitCode, 77);
    assert.match(line('mailbox').detail, /mailbox alice@example\.com, but the secret's email is bob@example\.com/);
    assert.deepEqual(statuses, allBut({ mailbox: 'failed', ...skippedAfter('mailbox') }));
    assert.ok(!sandbox.requests.some(({ verb }) => verb === 'messages.list'));
  });

  it('mailbox: a warning when the secret names no mailbox', async () => {
    await using sandbox = await sandboxOf();
    const { email: _email, ...anonymous } = sandbox.secretValue;
    sandbox.secrets.put(anonymous);
    const { exitCode, line } = await check(sandbox);
    assert.equal(exitCode, 0);
    assert.match(`${line('mailbox').remedy}`, /GMAIL_MAILBOX=alice@example\.com, or add "email":"alice@example\.com"/);
    const wrong = await check(sandbox, [], { env: { GMAIL_MAILBOX: 'no address' } });
    assert.deepEqual(wrong.line('configuration').data, { faulty: ['GMAIL_MAILBOX'] });
    assert.deepEqual(wrong.statuses, allBut({ configuration: 'failed', ...skippedAfter('scopes') }));
  });

  it('mailbox: 78 when the Gmail API is not enabled', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ service: 'gmail', ...googleErrors.accessNotConfigured(), ...forever });
    const { exitCode, line } = await check(sandbox);
    assert.equal(exitCode, 78);
    assert.match(`${line('mailbox').remedy}`, /Enable it/);
  });

  it('rules: 78 with file, line and column, even when nothing else can be checked', async () => {
    const rules = 'rules:\n  - name: x\n    query: in:inbox\n    actions: { archiv: true }\n';
    await using sandbox = await sandboxOf();
    const env = { GMAIL_SECRET_ID: undefined, AWS_REGION: undefined };
    const { exitCode, line } = await check(sandbox, [], { rules, env });
    assert.equal(exitCode, 78);
    assert.equal(line('apply-rules').exitCode, 78);
    assert.match(line('apply-rules').detail, /rules\.yaml:4:16: rule x: unknown key "archiv".*archive/);
  });

  it('rules: 78 for a label in protect that does not exist', async () => {
    await using sandbox = await sandboxOf();
    const { exitCode, line, verdict } = await check(sandbox, [], { rules: { protect: 'label:keep', ...STAR } });
    assert.equal(exitCode, 78);
    assert.match(line('apply-rules').detail, /protect names the label "keep"/);
    assert.match(verdict, /^In part: digest, export, restore, undo would run, apply-rules would not/);
  });

  it('rules: 65 when the guard would stop the run', async () => {
    await using sandbox = await sandboxOf();
    const { exitCode, line } = await check(sandbox, [], { rules: { maxChanges: 2, ...STAR } });
    assert.equal(exitCode, 65);
    assert.match(line('apply-rules').detail, /3 messages would be changed, but the limit is 2:/);
    assert.match(`${line('apply-rules').remedy}`, /maxChanges/);
    assert.equal(line('apply-rules').data?.toChange, 3);
  });

  it('quota: shows the profile and the limit that are set', async () => {
    await using sandbox = await sandboxOf();
    const env = { GMAIL_QUOTA_PROFILE: 'legacy', GMAIL_QUOTA_PER_MINUTE: '9000' };
    const { line } = await check(sandbox, [], { env });
    assert.match(line('quota').detail, /profile legacy, 9,000 units a minute \(GMAIL_QUOTA_PER_MINUTE\)/);
    const wrong = await check(sandbox, [], { env: { GMAIL_QUOTA_PROFILE: '2027' } });
    assert.equal(wrong.line('quota').status, 'skipped');
  });

  it('monitor: a warning at worst, whatever is wrong', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ service: 'monitor', status: 502 });
    const broken = await check(sandbox);
    assert.match(broken.line('monitor').detail, /127\.0\.0\.1 answers with status 502/);
    const nobody = await check(sandbox, [], { env: { HEARTBEAT_URL: 'http://127.0.0.1:9/0123456789abcdef' } });
    assert.match(nobody.line('monitor').detail, /cannot be reached/);
    const none = await check(sandbox, [], { env: { HEARTBEAT_URL: undefined } });
    assert.match(`${none.line('monitor').remedy}`, /HEARTBEAT_URL/);
    for (const { exitCode, line } of [broken, nobody, none]) {
      assert.equal(exitCode, 0);
      assert.equal(line('monitor').status, 'warning');
    }
  });

  const clocks = { 600: ['failed', 78], 90: ['warning', 0], [-600]: ['failed', 78], 10: ['ok', 0] } as const;
  for (const [seconds, [status, code]] of Object.entries(clocks)) {
    it(`clock: ${status} when Google's is ${seconds} seconds from ours`, async () => {
      await using sandbox = await sandboxOf();
      const date = new Date(Date.now() + Number(seconds) * 1_000).toUTCString();
      sandbox.faults.add({ service: 'oauth', verb: '', status: 404, headers: { date } });
      const { exitCode, line } = await check(sandbox);
      assert.equal(exitCode, code);
      assert.equal(line('clock').status, status);
      assert.match(line('clock').detail, Number(seconds) > 0 ? /behind Google's/ : /ahead of Google's/);
      if (status !== 'ok') assert.match(`${line('clock').remedy}`, /NTP/);
    });
  }

  it("clock: skipped when Google's answer has no Date header", async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ service: 'oauth', verb: '', kind: 'reset-before' });
    const { exitCode, line } = await check(sandbox);
    assert.equal(exitCode, 0);
    assert.equal(line('clock').status, 'skipped');
  });

  it('exits with the code of the worst line: failures that need a person come first', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ service: 'oauth', verb: 'token', status: 503, ...forever });
    const { exitCode, line } = await check(sandbox, [], { rules: 'rules: nothing' });
    assert.equal(line('token').exitCode, 75);
    assert.equal(line('apply-rules').exitCode, 78);
    assert.equal(exitCode, 78);
  });
});

/** Jobs with the scopes of another one. */
const SAME_SCOPES: Readonly<Record<string, string>> = { undo: 'apply-rules', restore: 'digest' };

describe('job check, scopes', { concurrency: 8 }, () => {
  const { full, modify, readonly, insert, labels, metadata } = GMAIL_SCOPES;
  const all = [modify, readonly, insert, labels];
  const table: readonly (readonly [string, readonly string[], Readonly<Record<string, readonly string[]>>])[] = [
    ['all of them', all, {}],
    ['the whole of Gmail', [full], {}],
    ['gmail.modify alone', [modify], {}],
    ['all but gmail.modify', [readonly, insert, labels], { 'apply-rules': [modify] }],
    ['gmail.readonly alone', [readonly], { 'apply-rules': [modify], digest: [insert, labels] }],
    [
      'gmail.metadata alone',
      [metadata],
      { 'apply-rules': [modify], digest: [readonly, insert, labels], export: [readonly] },
    ],
  ];
  for (const [granted, scopes, missing] of table) {
    it(`names the missing scopes of each job when the grant has ${granted}`, async () => {
      await using sandbox = await sandboxOf({ scopes });
      const { exitCode, line } = await check(sandbox);
      assert.deepEqual(
        tableOf(line('scopes')),
        JOBS.map((job) => [job, missing[SAME_SCOPES[job] ?? job] ?? []]).map(([job, lacks = []]) => [
          job,
          lacks.length === 0,
          lacks,
        ]),
      );
      assert.equal(exitCode, Object.keys(missing).length === 0 ? 0 : 77);
      if (exitCode === 77)
        assert.match(
          `${line('scopes').remedy}`,
          /`bin\/job rotate --jobs apply-rules,(digest,restore,|digest,export,restore,)?undo`.*box/,
        );
      else assert.equal(line('scopes').status, scopes.length === 1 ? 'warning' : 'ok');
    });
  }

  it('shows the table to a person, and says how to leave out unused jobs', async () => {
    await using sandbox = await sandboxOf({ scopes: [readonly, insert, labels] });
    const { code, stdout } = await runJob(sandbox, ['check'], { rules: STAR });
    assert.equal(code, 77);
    assert.match(stdout, /^ +✖ apply-rules {2}lacks gmail\.modify$/m);
    assert.match(stdout, /^ +✔ digest {7}gmail\.readonly, gmail\.insert, gmail\.labels$/m);
    assert.match(stdout, /`bin\/job check --jobs digest,export,restore`/);
    assert.match(
      stdout,
      /\nIn part: digest, export, restore would run, apply-rules, undo would not \(exit code 77\)\. 1 warning\.\n$/,
    );
  });

  it("finds the scopes of a service account by requesting each job's", async () => {
    await using sandbox = await sandboxOf();
    const key = sandbox.oauth.serviceAccount({ subjects: ['alice@example.com'], scopes: [readonly, insert, labels] });
    sandbox.secrets.put({ ...key, subject: 'alice@example.com' });
    const { exitCode, line, statuses } = await check(sandbox);
    assert.equal(exitCode, 77);
    assert.deepEqual(statuses, allBut({ scopes: 'failed' }));
    assert.match(line('secret').detail, /a service account's key for alice@example\.com/);
    assert.match(`${line('scopes').remedy}`, /Domain-wide delegation.*gmail\.modify/);
    assert.match(line('consent').detail, /needs no consent/);
    assert.equal((await check(sandbox, ['--jobs', 'digest'])).exitCode, 0);
  });

  it('fails in the line token when a service account has no scope at all', async () => {
    await using sandbox = await sandboxOf();
    const key = sandbox.oauth.serviceAccount({ subjects: ['alice@example.com'], scopes: [] });
    sandbox.secrets.setSecret('gmail-jobs/alice', { ...key, subject: 'alice@example.com' });
    const { exitCode, line } = await check(sandbox);
    assert.equal(exitCode, 77);
    assert.match(`${line('token').remedy}`, /Domain-wide delegation/);
  });
});

describe('job check, consent screen', { concurrency: 8 }, () => {
  it("warns of Testing when Google limits the token's lifetime", async () => {
    await using sandbox = await sandboxOf();
    const [grant] = sandbox.oauth.grants.values();
    if (grant !== undefined) grant.endsAt = Date.now() + 6.5 * DAY_S * 1_000;
    const { exitCode, line } = await check(sandbox);
    assert.equal(exitCode, 0);
    assert.match(line('consent').detail, /looks like Testing.*ends the refresh token in 6 days/);
    assert.match(`${line('consent').remedy}`, /Publish app/);
  });

  it('suspects Testing when a token that was stored 8 days ago is dead', async () => {
    await using sandbox = await sandboxOf();
    sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
    age(sandbox, 8);
    const { exitCode, line } = await check(sandbox);
    assert.equal(exitCode, 77);
    assert.equal(line('consent').status, 'warning');
    assert.match(line('token').detail, /Testing/);
  });

  it('suspects Testing when AWSPREVIOUS was replaced after 7 days', async () => {
    await using sandbox = await sandboxOf();
    age(sandbox, 7);
    const [grant] = sandbox.oauth.grants.values();
    assert.ok(grant);
    const { refreshToken } = sandbox.oauth.grant({ ...grant, refreshToken: '1//0the-next-token-of-the-mailbox' });
    sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: refreshToken });
    const { exitCode, line } = await check(sandbox);
    assert.equal(exitCode, 0);
    assert.match(line('consent').detail, /may be in Testing: the previous version/);
  });

  it('counts the age of a token from the version in which it was first seen', async () => {
    await using sandbox = await sandboxOf();
    age(sandbox, 30);
    sandbox.secrets.put(sandbox.secretValue);
    const { line } = await check(sandbox);
    assert.match(line('consent').detail, /not in Testing: .* 30 days old/);
  });
});

describe('job check --stage', { concurrency: 8 }, () => {
  it('checks the version in AWSPENDING, and no other', async () => {
    await using sandbox = await sandboxOf();
    const version = sandbox.secrets.put(sandbox.secretValue, 'AWSPENDING');
    sandbox.secrets.put('not json');
    const { exitCode, stage, line } = await check(sandbox, ['--stage', 'AWSPENDING']);
    assert.equal(exitCode, 0);
    assert.equal(stage, 'AWSPENDING');
    assert.equal(line('secret').data?.version, version);
    const stages = sandbox.requests.filter(({ service }) => service === 'aws').map(({ body }) => body);
    assert.deepEqual(stages, [{ SecretId: 'gmail-jobs/alice', VersionStage: 'AWSPENDING' }]);
  });

  it('does not fall back when that version is dead and AWSCURRENT works', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: '1//0dead-on-arrival-token' }, 'AWSPENDING');
    const { exitCode, statuses } = await check(sandbox, ['--stage', 'AWSPENDING']);
    assert.equal(exitCode, 77);
    assert.deepEqual(statuses, allBut({ token: 'failed', ...skippedAfter('token') }));
  });

  it('exits 78 without a version in AWSPENDING, and 2 for an unknown stage', async () => {
    await using sandbox = await sandboxOf();
    const { exitCode, line } = await check(sandbox, ['--stage', 'AWSPENDING']);
    assert.equal(exitCode, 78);
    assert.match(`${line('secret').remedy}`, /job authorize --stage AWSPENDING/);
    assert.equal((await runJob(sandbox, ['check', '--stage', 'NEXT'])).code, 2);
  });
});

describe('what job check shows', { concurrency: 8 }, () => {
  const situations: Readonly<Record<string, (sandbox: Sandbox) => void>> = {
    'all is well': () => undefined,
    'the paste is bad': (sandbox) => sandbox.secrets.put(`"${JSON.stringify(sandbox.secretValue)},`),
    'Google refuses': ({ oauth }) => oauth.refuse('invalid_client_secret', 9),
    'Google echoes the request': ({ faults }) =>
      faults.add({ service: 'oauth', kind: 'echo', status: 400, ...forever }),
    'Gmail echoes the request': ({ faults }) => faults.add({ service: 'gmail', kind: 'echo', status: 400, ...forever }),
    'AWS echoes the request': ({ faults }) => faults.add({ service: 'aws', kind: 'echo', status: 400, ...forever }),
  };
  for (const [situation, arrange] of Object.entries(situations)) {
    it(`holds no secret and no subject when ${situation}`, async () => {
      const marks = {
        refreshToken: '1//0gMark-refresh/token+with=all&kinds-of-signs',
        clientSecret: 'GOCSPX-Mark/client+secret=with&some-signs',
        accessToken: 'ya29.a0Mark_access-token/with+other=signs',
        monitorToken: 'hc-Mark-ping-key-with-odd-signs-6yU1',
      };
      const mailbox = mailboxOf([{ subject: 'hit The-Subject-Of-A-Mail' }]);
      await using sandbox = await startSandbox({ mailbox, credentials: marks });
      sandbox.oauth.newAccessToken = () => marks.accessToken;
      arrange(sandbox);
      const env = {
        HEARTBEAT_URL: `${new URL(sandbox.monitorUrl).origin}/${marks.monitorToken}`,
        NODE_DEBUG: 'http,fetch',
        GOOGLE_SDK_NODE_LOGGING: 'all',
        LOG_LEVEL: 'debug',
      };
      const secrets = {
        ...marks,
        awsKey: `${sandbox.env.AWS_SECRET_ACCESS_KEY}`,
        keyId: `${sandbox.env.AWS_ACCESS_KEY_ID}`,
      };
      // Wrapped lines are the harder case for the redactor.
      for (const args of situation === 'all is well' ? [['check'], ['check', '--json']] : [['check']]) {
        const { stdout, stderr } = await runJob(sandbox, args, { rules: STAR, env });
        assert.match(stdout, /mailbox/);
        assert.deepEqual(findSecrets(`${stdout}${stderr}`, secrets), []);
        assert.doesNotMatch(stdout, /The-Subject|joerg/);
      }
    });
  }
});

describe('the line files of job check', { concurrency: 8 }, () => {
  const EACH = 's3://gmail-jobs-copy/{mailbox}';

  it('lists, reads and writes in S3 for the opened mailbox, and leaves nothing behind', async () => {
    await using sandbox = await sandboxOf();
    for (const objects of [0, 1]) {
      const { exitCode, line } = await check(sandbox, [], { env: { EXPORT_URL: EACH }, built: objects === 0 });
      assert.equal(exitCode, 0);
      assert.equal(line('files').detail, 's3://gmail-jobs-copy/alice@example.com can be listed, read and written');
      assert.equal(sandbox.s3.objects.size, objects);
      const seen = sandbox.requests.filter(({ service }) => service === 's3').map(({ verb }) => verb);
      assert.deepEqual(seen, ['ListObjectsV2', 'GetObject', 'PutObject']);
      sandbox.requests.length = 0;
      sandbox.s3.bucket.put('alice@example.com/state.json', '{}');
    }
  });

  it('works with the policy of job policy --export, and names what another one lacks', async () => {
    await using sandbox = await sandboxOf();
    const env = { EXPORT_URL: EACH };
    const { arn } = sandbox.secrets.secret();
    const { stdout } = await commandHere(null, ['policy', '--secret', arn, '--export'], { env });
    sandbox.iam.user().policy = JSON.parse(stdout);
    assert.equal((await check(sandbox, [], { env })).line('files').status, 'ok');
    for (const action of ['s3:GetObject', 's3:PutObject', 's3:ListBucket']) {
      sandbox.iam.deny([action]);
      const { exitCode, verdict, line, statuses } = await check(sandbox, [], { env });
      assert.equal(exitCode, 77);
      assert.match(verdict, /^In part: apply-rules, digest, undo would run, export, restore would not/);
      assert.match(
        `${line('files').remedy}`,
        new RegExp(`Allow the IAM action ${action} on arn:aws:s3:::gmail-jobs-copy`),
      );
      assert.deepEqual(statuses, allBut({ files: 'failed' }));
    }
  });

  it('shows no key of AWS that S3 repeats in its answer', async () => {
    await using sandbox = await sandboxOf();
    const { AWS_ACCESS_KEY_ID: id = '', AWS_SECRET_ACCESS_KEY: key = '' } = sandbox.env;
    sandbox.faults.add({ service: 's3', kind: 'echo', status: 403, ...forever });
    const env = { EXPORT_URL: 's3://gmail-jobs-copy/mail' };
    const { stdout, stderr } = await runJob(sandbox, ['check', '--json'], { rules: STAR, env });
    assert.match(stdout, /"id":"files","status":"failed"/);
    for (const secret of [id, key]) assert.ok(!`${stdout}${stderr}`.includes(secret));
  });

  it('looks at a folder, and makes none', async () => {
    await using sandbox = await sandboxOf();
    const parent = await mkdtemp(join(tmpdir(), 'gmail-jobs-check-'));
    const env = { EXPORT_URL: join(parent, 'mail/{mailbox}') };
    const { line } = await check(sandbox, [], { env });
    assert.equal(line('files').detail, `${parent}/mail/alice@example.com can be listed, read and written`);
    assert.deepEqual(await readdir(parent), []);
    const dyno = await check(sandbox, [], { env: { ...env, DYNO: 'run.1' } });
    assert.match(dyno.line('files').detail, /folder on the disk of this dyno/);
    await rm(parent, { recursive: true });
  });

  it('is skipped when the place cannot be known, or no job keeps files', async () => {
    await using sandbox = await sandboxOf();
    const none = await check(sandbox, ['--jobs', 'digest'], { env: { EXPORT_URL: EACH } });
    assert.match(none.line('files').detail, /none of these jobs keeps files/);
    const wrong = await check(sandbox, [], { env: { EXPORT_URL: 's3://' } });
    assert.deepEqual(wrong.statuses, allBut({ configuration: 'failed' }));
    sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
    const closed = await check(sandbox, [], { env: { EXPORT_URL: EACH } });
    assert.match(closed.line('files').detail, /not checked, because of the failure above/);
    const whole = await check(sandbox, [], { env: { EXPORT_URL: 's3://gmail-jobs-copy/mail' } });
    assert.equal(whole.line('files').status, 'ok');
  });
});
