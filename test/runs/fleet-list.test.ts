/** `job fleet --list`, and a fleet with every kind of entry in mailboxes.yaml. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Scope } from '../../lib/job.ts';
import { DIRECTORY_SCOPE } from '../../lib/run/fleet/mailboxes.ts';
import { hasTerminal, runAtTerminal } from '../fixtures/at-terminal.ts';
import { type FleetMember, startFleet } from '../fixtures/fleet.ts';
import { many } from '../fixtures/mailbox.ts';
import { ChildHandle, type Finished, runJob } from '../run.ts';
import type { Sandbox } from '../sandbox/index.ts';

const WORKSPACE = 'gmail-jobs/workspace';

describe('job fleet', () => {
  let sandbox: Sandbox;
  let members: readonly FleetMember[];
  before(async () => {
    const names = ['alice', 'ann', 'bob', 'eve', 'fred'];
    ({ sandbox, members } = await startFleet(Object.fromEntries(names.map((name) => [name, many(2, {})]))));
    const { secrets, oauth, directory } = sandbox;
    for (const name of ['ann', 'bob']) {
      const { value } = secrets.secret(`gmail-jobs/${name}`).versions[0] ?? { value: '' };
      secrets.setSecret(`gmail-jobs/team/${name}`, value);
    }
    const subjects = ['admin', 'eve', 'fred'].map((name) => `${name}@example.com`);
    secrets.setSecret(WORKSPACE, oauth.serviceAccount({ subjects, scopes: [DIRECTORY_SCOPE, Scope.modify] }));
    directory.add('admin@example.com', { isAdmin: true, orgUnitPath: '/IT' });
    for (const name of ['eve', 'fred']) directory.add(`${name}@example.com`, { orgUnitPath: '/Sales' });
  });
  afterEach(() => {
    sandbox.requests.length = 0;
    sandbox.faults.clear();
  });
  after(() => sandbox.close());

  const MAILBOXES = [
    'mailboxes:',
    '  - secret: gmail-jobs/alice',
    '    email: alice@example.com',
    '    rules: jobs/rules.yaml',
    '  - secretPrefix: gmail-jobs/team/',
    `  - serviceAccount: ${WORKSPACE}`,
    '    subjects: [Eve@example.com]',
    `  - serviceAccount: ${WORKSPACE}`,
    '    directory: { admin: admin@example.com, query: "orgUnitPath=/Sales" }',
    '',
  ].join('\n');
  const withoutRules = MAILBOXES.replace('    rules: jobs/rules.yaml\n', '');
  const BROKEN = `${MAILBOXES}  - secretPrefix: gmail-jobs/nobody/\n`;

  const linesOf = ({ stdout }: Finished) =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .map((line) =>
        Object.fromEntries(
          Object.entries(line).map(([key, value]) => [key, String(value).replaceAll(/\S*\/mailboxes\.yaml:/g, '')]),
        ),
      );

  it('prints a line of JSON for each mailbox, each repeated mailbox and each entry that failed', async () => {
    const run = await runJob(sandbox, ['fleet', '--list'], {
      mailboxes: BROKEN,
      env: { GMAIL_SECRET_ID: undefined, GMAIL_MAILBOX: 'nobody@example.com' },
    });
    assert.equal(run.stderr, '');
    assert.equal(run.code, 78);
    const subjects = `6:5 (serviceAccount ${WORKSPACE}, subjects)`;
    const directory = `8:5 (serviceAccount ${WORKSPACE}, directory)`;
    const prefix = '5:5 (secretPrefix gmail-jobs/team/)';
    assert.deepEqual(linesOf(run), [
      {
        name: 'gmail-jobs/alice',
        source: '2:5 (secret gmail-jobs/alice)',
        email: 'alice@example.com',
        rules: 'jobs/rules.yaml',
      },
      { name: 'gmail-jobs/team/ann', source: prefix },
      { name: 'gmail-jobs/team/bob', source: prefix },
      { name: 'Eve@example.com', source: subjects, email: 'Eve@example.com' },
      { name: 'fred@example.com', source: directory, email: 'fred@example.com' },
      { repeated: 'eve@example.com', source: directory, firstSource: subjects },
      {
        failed: '10:5 (secretPrefix gmail-jobs/nobody/)',
        exitCode: '78',
        error:
          "AWS Secrets Manager (us-east-1) has no mailbox's secret with a name that begins with gmail-jobs/nobody/",
        remedy:
          'Correct secretPrefix in mailboxes.yaml (upper and lower case count) or AWS_REGION. AWS lists a new secret up to five minutes late.',
      },
    ]);
    const asked = sandbox.requests.map(({ verb }) => verb).sort();
    assert.deepEqual(asked, ['GetSecretValue', 'ListSecrets', 'ListSecrets', 'token', 'users.list']);
  });

  it('prints only the mailboxes of --mailbox, and refuses a name that is not in the list', async () => {
    const words = ['fleet', '--list', '--mailbox', 'gmail-jobs/team/bob', '--mailbox'];
    const run = await runJob(sandbox, [...words, 'fred@example.com'], { mailboxes: MAILBOXES });
    assert.deepEqual(
      linesOf(run).map(({ name }) => name),
      ['gmail-jobs/team/bob', 'fred@example.com'],
    );
    const mistyped = await runJob(sandbox, [...words, 'fret@example.com'], { mailboxes: MAILBOXES });
    assert.deepEqual([mistyped.code, mistyped.stdout], [2, '']);
    assert.match(
      mistyped.stderr,
      /the fleet has no mailbox "fret@example\.com" \(did you mean "fred@example\.com"\?\)/,
    );
  });

  it('prints a table at a terminal', { skip: !hasTerminal && 'python3 is missing' }, async () => {
    const { code, screen } = await runAtTerminal(sandbox, ['fleet', '--list'], { mailboxes: BROKEN, columns: 120 });
    assert.equal(code, 78, screen);
    const lines = screen.split(/\r?\n/);
    assert.match(lines[0] ?? '', /^mailbox +email +rules +entry$/);
    assert.match(lines[1] ?? '', /^gmail-jobs\/alice +alice@example\.com +jobs\/rules\.yaml +\S*mailboxes\.yaml:2:5$/);
    assert.match(lines[2] ?? '', /^gmail-jobs\/team\/ann +– +– +\S*mailboxes\.yaml:5:5$/);
    assert.ok(lines.includes('5 mailboxes.'), screen);
    assert.match(screen, /Named twice; the first entry counts:\s+eve@example\.com: /);
    assert.match(
      screen,
      /Failed:\s+\S*mailboxes\.yaml:10:5 \(secretPrefix gmail-jobs\/nobody\/\): AWS [^.]*nobody\/\. Correct /,
    );
  });

  it('names each entry whose rules file is missing or wrong, beside its mailboxes, and sends nothing', async () => {
    const run = await runJob(sandbox, ['fleet', '--list'], {
      mailboxes: [
        'mailboxes:',
        '  - { secret: gmail-jobs/alice, rules: no/such.yaml }',
        '  - { secret: gmail-jobs/ann, rules: jobs/rules.yaml }',
        '  - { secret: gmail-jobs/bob, rules: package.json }',
        '',
      ].join('\n'),
    });
    assert.equal(run.code, 78, run.stderr);
    const lines = linesOf(run);
    assert.deepEqual(
      lines.flatMap(({ name = [] }) => name),
      ['alice', 'ann', 'bob'].map((name) => `gmail-jobs/${name}`),
    );
    const [missing, wrong, ...others] = lines.filter(({ failed }) => failed !== undefined);
    assert.deepEqual(others, []);
    assert.deepEqual(missing, {
      failed: '2:5 (secret gmail-jobs/alice)',
      exitCode: '78',
      error: 'the rules file no/such.yaml does not exist',
      remedy:
        'Set RULES_FILE (for an entry of a fleet: rules in mailboxes.yaml) to the path of a rules file, relative to the working folder.',
    });
    assert.equal(wrong?.failed, '4:5 (secret gmail-jobs/bob)');
    assert.match(String(wrong?.error), /; package\.json:2:3: unknown key "name" \(the keys here are protect, /);
    assert.equal(wrong?.remedy, 'Correct the rules file, and try it with `job apply-rules --dry-run`.');
    assert.equal(sandbox.requests.length, 0);
  });

  it('works on the mailboxes of every kind of entry, and fetches the key of the service account once', async () => {
    const run = await runJob(sandbox, ['fleet', 'greeting'], { jobs: 'fixtures', mailboxes: withoutRules });
    assert.equal(run.code, 0, `${run.stdout}${run.stderr}`);
    assert.partialDeepStrictEqual(run.final?.mailboxes, { all: 5, done: 5 });
    const [repeated] = run.events.filter(({ event }) => event === 'fleet.repeated');
    assert.equal(repeated?.mailbox, 'eve@example.com');
    for (const { mailbox, name } of members) {
      const label = mailbox.findLabel('Greeted')?.id ?? '';
      assert.equal(mailbox.messages().filter(({ labelIds }) => labelIds.has(label)).length, 2, name);
    }
    const reads = sandbox.requests.filter(({ verb }) => verb === 'GetSecretValue');
    const ids = reads.map(({ body }) => (body as { SecretId: string }).SecretId).sort();
    assert.deepEqual(ids, ['gmail-jobs/alice', 'gmail-jobs/team/ann', 'gmail-jobs/team/bob', WORKSPACE]);
    const scopes = sandbox.oauth.issued.filter(({ scopes }) => scopes.includes(DIRECTORY_SCOPE));
    assert.ok(scopes.every((token) => token.scopes.length === 1 && token.email === 'admin@example.com'));
  });

  it('works on the mailboxes of the other entries, then fails with the code of the entry that failed', async () => {
    const run = await runJob(sandbox, ['fleet', 'greeting'], {
      jobs: 'fixtures',
      mailboxes: 'mailboxes:\n  - secretPrefix: gmail-jobs/nobody/\n  - secret: gmail-jobs/alice\n',
    });
    assert.equal(run.code, 78, `${run.stdout}${run.stderr}`);
    assert.partialDeepStrictEqual(run.final?.mailboxes, { all: 1, nothingToDo: 1, failed: 0 });
    const [failed] = run.events.filter(({ event }) => event === 'fleet.source_failed');
    assert.equal(failed?.level, 'error');
    assert.match(String(failed?.source), /mailboxes\.yaml:2:5 \(secretPrefix gmail-jobs\/nobody\/\)$/);
    assert.equal(run.events.filter(({ event }) => event === 'run.finished').length, 1);
  });

  it('fails with the code of a failed entry, which may hold a missing name of --mailbox, and works on the other names', async () => {
    sandbox.secrets.deny(['ListSecrets']);
    const names = ['alice', 'team/ann'].flatMap((name) => ['--mailbox', `gmail-jobs/${name}`]);
    const run = await runJob(sandbox, ['fleet', ...names, 'greeting'], { jobs: 'fixtures', mailboxes: withoutRules });
    assert.equal(run.code, 77, run.stdout);
    assert.partialDeepStrictEqual(run.final?.mailboxes, { all: 1, failed: 0, remaining: 0 });
    const forecast = ['fleet', '--forecast', ...names.slice(2), 'greeting'];
    const none = await runJob(sandbox, forecast, { jobs: 'fixtures', mailboxes: withoutRules });
    sandbox.iam.allowEverything();
    assert.equal(none.code, 77, none.stdout);
    assert.match(`${none.stdout}${none.stderr}`, /secrets gmail-jobs\/team\/\*: access denied/);
  });

  it('names the entry when a token opens another mailbox than the address in the entry', async () => {
    const { value } = sandbox.secrets.secret('gmail-jobs/ann').versions[0] ?? { value: '{}' };
    sandbox.secrets.setSecret('gmail-jobs/nameless', { ...JSON.parse(String(value)), email: undefined });
    const run = await runJob(sandbox, ['fleet', 'greeting'], {
      jobs: 'fixtures',
      mailboxes: 'mailboxes: [{ secret: gmail-jobs/nameless, email: bob@example.com }]',
    });
    assert.equal(run.code, 77, run.stdout);
    const finished = run.events.find(({ event }) => event === 'run.finished');
    assert.match(
      String(finished?.error),
      /mailbox ann@example\.com, but the entry in mailboxes\.yaml says bob@example\.com$/,
    );
    assert.match(String(finished?.remedy), /job rotate`\), or correct the entry in mailboxes\.yaml\. If both/);
  });

  it('refuses a wrong key in the list with 78, its place and the nearest key, before any request', async () => {
    for (const args of [
      ['fleet', '--list'],
      ['fleet', 'greeting'],
    ]) {
      const run = await runJob(sandbox, args, { jobs: 'fixtures', mailboxes: 'mailboxes:\n  - secretprefix: a\n' });
      assert.equal(run.code, 78);
      assert.match(
        `${run.stdout}${run.stderr}`.replace(/\n\s+/g, ' '),
        /mailboxes\.yaml:2:5: the 1st entry: unknown key \\?"secretprefix\\?" \(did you mean \\?"secretPrefix\\?"\?\)/,
      );
    }
    assert.equal(sandbox.requests.filter(({ service }) => service !== 'monitor').length, 0);
  });

  it('ends with 143 when SIGTERM comes while AWS lists the secrets', async () => {
    const child = new ChildHandle();
    sandbox.faults.add({ kind: 'hook', verb: 'ListSecrets', before: () => child.kill('SIGTERM') });
    sandbox.faults.add({ kind: 'hang', verb: 'ListSecrets' });
    const options = { mailboxes: 'mailboxes: [{ secretPrefix: gmail-jobs/ }]', onStart: child.onStart };
    const run = await runJob(sandbox, ['fleet', '--list'], options);
    assert.deepEqual([run.code, run.stdout, run.stderr], [143, '', '']);
  });

  it('says what to set when there is no list', async () => {
    const run = await runJob(sandbox, ['fleet', '--list']);
    assert.equal(run.code, 78);
    assert.match(run.stderr, /MAILBOXES_FILE is not set, and mailboxes\.yaml in the working folder does not exist/);
  });

  it('reaches the Admin SDK only when the list has a directory', async () => {
    const run = await runJob(sandbox, ['fleet', 'greeting'], {
      jobs: 'fixtures',
      mailboxes: 'mailboxes: [{ secret: gmail-jobs/alice }]',
      env: { GOOGLE_ADMIN_URL: 'http://127.0.0.1:9' },
    });
    assert.equal(run.code, 0, run.stdout);
  });
});
