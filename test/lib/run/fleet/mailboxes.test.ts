import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { SharedSecrets } from '../../../../lib/aws/shared-secrets.ts';
import { systemClock } from '../../../../lib/base/clock.ts';
import { readConfig } from '../../../../lib/config.ts';
import type { JobError } from '../../../../lib/errors.ts';
import { Scope } from '../../../../lib/job.ts';
import { Redactor } from '../../../../lib/process/redact.ts';
import { DIRECTORY_SCOPE, findMailboxes } from '../../../../lib/run/fleet/mailboxes.ts';
import { recordLog } from '../../../in-process.ts';
import { directoryErrors } from '../../../sandbox/directory.ts';
import { googleErrors, type Sandbox, startSandbox } from '../../../sandbox/index.ts';

const WORKSPACE = 'gmail-jobs/workspace';
const DIRECTORY = `serviceAccount: ${WORKSPACE}, directory: { admin: admin@example.com`;

describe('findMailboxes', () => {
  let sandbox: Sandbox;
  let folder: string;
  let key: object;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-mailboxes-'));
    sandbox = await startSandbox({ messages: 0 });
    for (const [name, value] of Object.entries(sandbox.env)) if (name.startsWith('AWS_')) process.env[name] = value;
    for (const name of ['team/ann', 'team/bob', 'team/carl', 'Team/dora', 'teamwork']) {
      sandbox.secrets.setSecret(`gmail-jobs/${name}`, sandbox.secretValue);
    }
    key = sandbox.oauth.serviceAccount({ subjects: ['admin@example.com'], scopes: [DIRECTORY_SCOPE, Scope.modify] });
    sandbox.directory.add('admin@example.com', { isAdmin: true, orgUnitPath: '/IT' });
    for (const name of ['eve', 'fred', 'gina']) sandbox.directory.add(`${name}@example.com`, { orgUnitPath: '/Sales' });
    sandbox.directory.add('gone@example.com', { orgUnitPath: '/Sales', suspended: true });
    sandbox.directory.add('old@example.com', { orgUnitPath: '/Sales', archived: true });
    sandbox.directory.add('new@example.com', { orgUnitPath: '/Sales/East', isMailboxSetup: false });
    sandbox.secrets.setSecret(WORKSPACE, key);
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.requests.length = 0;
    sandbox.secrets.largestPage = 100;
    sandbox.directory.largestPage = 500;
    sandbox.secrets.setSecret(WORKSPACE, key);
  });
  after(async () => {
    await sandbox.close();
    await rm(folder, { recursive: true });
  });

  async function find(entries: string, env: Readonly<Record<string, string>> = {}) {
    const file = join(folder, 'mailboxes.yaml');
    await writeFile(file, `mailboxes:\n${entries}\n`);
    const config = readConfig({ ...sandbox.env, MAILBOXES_FILE: file, ...env });
    const { signal } = new AbortController();
    const redactor = new Redactor();
    const hide = (secret: string) => redactor.add(secret);
    const { awsRegion: region, awsKeys: keys } = config;
    const secrets = new SharedSecrets({ region, keys, hide, jobSecrets: [], clock: systemClock, signal });
    const { log, events } = recordLog();
    const hosts: string[] = [];
    const allowHosts = (more: readonly { name: string; port: number }[]) =>
      hosts.push(...more.map(({ name, port }) => `http://${name}:${port}`));
    const found = await findMailboxes(config, { redactor, allowHosts, log }, { secrets, signal });
    const unplaced = (label: string) => label.replace(`${file}:`, '');
    return {
      names: found.mailboxes.map(({ name }) => name),
      mailboxes: found.mailboxes.map((mailbox) => ({ ...mailbox, source: unplaced(mailbox.source) })),
      repeated: found.repeated.map(({ name, source, firstSource }) => [name, unplaced(source), unplaced(firstSource)]),
      failures: found.failures.map(({ source, error }) => ({ source: unplaced(source), error })),
      events,
      redactor,
      hosts,
    };
  }

  async function failureOf(entry: string): Promise<JobError> {
    const { failures, names } = await find(`  - { secret: gmail-jobs/alice }\n  - { ${entry} }`);
    assert.deepEqual(names, ['gmail-jobs/alice'], 'the other entries count all the same');
    assert.equal(failures.length, 1);
    assert.match(failures[0]?.source ?? '', /^3:5 /);
    return failures[0]?.error as JobError;
  }

  const listed = (address: string) => ({ address, expectedBy: 'the entry in mailboxes.yaml' });
  const sent = (verb: string) => sandbox.requests.filter((request) => request.verb === verb);

  it('takes secrets and subjects from the file, without a request', async () => {
    const arn = `arn:aws:secretsmanager:us-east-1:123456789012:secret:gmail-jobs/by-arn-AbCdEf`;
    const { mailboxes, failures } = await find(
      [
        '  - { secret: gmail-jobs/alice, email: Alice@example.com, rules: rules/alice.yaml }',
        `  - secret: ${arn}`,
        `  - { serviceAccount: ${WORKSPACE}, subjects: [ann@example.com, bob@example.com] }`,
      ].join('\n'),
    );
    const subjects = { source: `4:5 (serviceAccount ${WORKSPACE}, subjects)`, secretId: WORKSPACE };
    assert.deepEqual(mailboxes, [
      {
        name: 'gmail-jobs/alice',
        secretId: 'gmail-jobs/alice',
        mailbox: listed('Alice@example.com'),
        rulesFile: 'rules/alice.yaml',
        source: '2:5 (secret gmail-jobs/alice)',
      },
      { name: 'gmail-jobs/by-arn', secretId: arn, mailbox: undefined, source: `3:5 (secret ${arn})` },
      { ...subjects, name: 'ann@example.com', mailbox: listed('ann@example.com'), subject: 'ann@example.com' },
      { ...subjects, name: 'bob@example.com', mailbox: listed('bob@example.com'), subject: 'bob@example.com' },
    ]);
    assert.deepEqual(failures, []);
    assert.equal(sandbox.requests.length, 0);
  });

  describe('with secretPrefix', () => {
    it('takes every secret whose name begins so, page after page, in the order of their names', async () => {
      sandbox.secrets.largestPage = 1;
      sandbox.secrets.setSecret('gmail-jobs/team/zoe', sandbox.secretValue);
      sandbox.secrets.scheduleDeletion('gmail-jobs/team/bob');
      const { mailboxes } = await find('  - { secretPrefix: gmail-jobs/team/, rules: team.yaml }');
      sandbox.secrets.restore('gmail-jobs/team/bob');
      sandbox.secrets.remove('gmail-jobs/team/zoe');
      assert.deepEqual(
        mailboxes,
        ['ann', 'carl', 'zoe'].map((name) => ({
          name: `gmail-jobs/team/${name}`,
          secretId: `gmail-jobs/team/${name}`,
          mailbox: undefined,
          rulesFile: 'team.yaml',
          source: '2:5 (secretPrefix gmail-jobs/team/)',
        })),
      );
      assert.equal(sent('ListSecrets').length, 3);
    });

    it("leaves out the service accounts of other entries, and the secret with the jobs' keys", async () => {
      sandbox.secrets.setSecret('gmail-jobs/keys', { WEBHOOK_TOKEN: 'made up' });
      const { names } = await find(
        ['  - { secretPrefix: gmail-jobs/ }', `  - { serviceAccount: ${WORKSPACE}, subjects: [zoe@example.com] }`].join(
          '\n',
        ),
        { JOB_SECRET_ID: 'gmail-jobs/keys' },
      );
      sandbox.secrets.remove('gmail-jobs/keys');
      const secrets = ['Team/dora', 'alice', 'team/ann', 'team/bob', 'team/carl', 'teamwork'];
      assert.deepEqual(names, [...secrets.map((name) => `gmail-jobs/${name}`), 'zoe@example.com']);
    });

    it('takes no other secret when AWS lists one', async () => {
      const other = { Name: 'gmail-jobs/Team/dora' };
      const deleted = { Name: 'gmail-jobs/team/bob', DeletedDate: 1_700_000_000 };
      const body = { SecretList: [other, {}, deleted, { Name: 'gmail-jobs/team/ann' }] };
      sandbox.faults.add({ verb: 'ListSecrets', status: 200, body });
      assert.deepEqual((await find('  - secretPrefix: gmail-jobs/team/')).names, ['gmail-jobs/team/ann']);
    });

    it('fails with 78 when no secret has that beginning', async () => {
      const { exitCode, message, remedy } = await failureOf('secretPrefix: gmail-jobs/nobody/');
      assert.equal(exitCode, 78);
      assert.equal(
        message,
        "AWS Secrets Manager (us-east-1) has no mailbox's secret with a name that begins with gmail-jobs/nobody/",
      );
      assert.match(remedy, /Correct secretPrefix/);
    });

    it('fails with 77 and names the right that is missing', async () => {
      sandbox.secrets.deny(['ListSecrets']);
      const { exitCode, message, remedy } = await failureOf('secretPrefix: gmail-jobs/team/');
      sandbox.iam.allowEverything();
      assert.equal(exitCode, 77);
      assert.match(message, /^AWS Secrets Manager \(us-east-1\), secrets gmail-jobs\/team\/\*: access denied/);
      assert.match(remedy, /^Allow the IAM action secretsmanager:ListSecrets on \* for arn:aws:iam::/);
    });

    it('fails with 75 when AWS stays away, and when it lists one page again and again', async () => {
      sandbox.faults.add({ verb: 'ListSecrets', times: 8, status: 503 });
      assert.equal((await failureOf('secretPrefix: gmail-jobs/team/')).exitCode, 75);
      sandbox.faults.clear();
      const body = { SecretList: [{ Name: 'gmail-jobs/team/ann' }], NextToken: 'again' };
      sandbox.faults.add({ verb: 'ListSecrets', times: 3, status: 200, body });
      const { exitCode, message } = await failureOf('secretPrefix: gmail-jobs/team/');
      assert.equal(exitCode, 75);
      assert.match(message, /the same page again and again$/);
    });

    it('repeats a request whose answer has no list', async () => {
      sandbox.faults.add({ verb: 'ListSecrets', status: 200, body: {} });
      assert.equal((await find('  - secretPrefix: gmail-jobs/team/')).names.length, 3);
    });
  });

  describe('with a directory', () => {
    it('takes the active users that the query finds, page after page, with a token for this scope alone', async () => {
      sandbox.directory.largestPage = 2;
      const query = `query: "orgUnitPath='/Sales'"`;
      const { mailboxes, redactor, hosts } = await find(`  - { ${DIRECTORY}, ${query} }, rules: sales.yaml }`);
      assert.deepEqual(
        mailboxes,
        ['eve', 'fred', 'gina'].map((name) => ({
          name: `${name}@example.com`,
          secretId: WORKSPACE,
          mailbox: listed(`${name}@example.com`),
          subject: `${name}@example.com`,
          rulesFile: 'sales.yaml',
          source: `2:5 (serviceAccount ${WORKSPACE}, directory)`,
        })),
      );
      assert.equal(sent('users.list').length, 3);
      const token = sandbox.oauth.issued.at(-1);
      assert.deepEqual([token?.email, token?.scopes], ['admin@example.com', [DIRECTORY_SCOPE]]);
      const line = `token ${token?.accessToken}`;
      assert.ok(!redactor.text(line).includes(`${token?.accessToken}`), 'the token is cut out of the output');
      assert.deepEqual(hosts, [sandbox.env.GOOGLE_ADMIN_URL]);
    });

    it('takes all active users without a query', async () => {
      const { names } = await find(`  - { ${DIRECTORY} } }`);
      assert.deepEqual(
        names,
        ['admin', 'eve', 'fred', 'gina'].map((name) => `${name}@example.com`),
      );
    });

    it('fails with 78 when the query finds no active user', async () => {
      const { exitCode, message } = await failureOf(`${DIRECTORY}, query: "isSuspended=true" }`);
      assert.equal(exitCode, 78);
      assert.equal(message, 'The directory has no active user with a mailbox for the query isSuspended=true');
    });

    it('fails with 78 when Google does not understand the query', async () => {
      const { exitCode, message, remedy } = await failureOf(`${DIRECTORY}, query: "department is sales" }`);
      assert.equal(exitCode, 78);
      assert.equal(
        message,
        'Google refused the search of the directory (department is sales); Google says: Invalid Input: query',
      );
      assert.match(remedy, /^Correct query in mailboxes\.yaml/);
    });

    it('fails with 77 when admin is no administrator', async () => {
      sandbox.faults.add({ verb: 'users.list', ...directoryErrors.forbidden() });
      const { exitCode, message, remedy } = await failureOf(`${DIRECTORY} }`);
      assert.equal(exitCode, 77);
      assert.match(message, /^admin@example\.com may not list the users of the Workspace; Google says: Not Authorized/);
      assert.match(remedy, /^Correct admin in mailboxes\.yaml/);
    });

    it('fails with 77 when the delegation lacks the scope, or Google knows no such user', async () => {
      const account = [...sandbox.oauth.serviceAccounts.values()][0];
      assert.ok(account);
      account.scopes = [Scope.modify];
      const unknown = await failureOf(`${DIRECTORY} }`);
      account.scopes = [DIRECTORY_SCOPE];
      assert.equal(unknown.exitCode, 77);
      assert.match(
        unknown.remedy,
        /OAuth scopes https:\/\/www\.googleapis\.com\/auth\/admin\.directory\.user\.readonly /,
      );
      const nobody = await failureOf(`serviceAccount: ${WORKSPACE}, directory: { admin: nobody@example.com }`);
      assert.equal(nobody.exitCode, 77);
      assert.match(nobody.remedy, /subjects or admin in mailboxes\.yaml/);
    });

    it('fails with 78 when the API is not enabled', async () => {
      sandbox.faults.add({ verb: 'users.list', ...googleErrors.accessNotConfigured() });
      const { exitCode, message } = await failureOf(`${DIRECTORY} }`);
      assert.equal(exitCode, 78);
      assert.equal(message, 'The Admin SDK API is not enabled in the Cloud project of the service account');
    });

    it("fails with 78 when the secret holds a user's credentials, is broken, or is missing", async () => {
      for (const value of [sandbox.secretValue, 'not JSON']) {
        sandbox.secrets.setSecret(WORKSPACE, value);
        assert.equal((await failureOf(`${DIRECTORY} }`)).exitCode, 78);
      }
      const missing = await failureOf('serviceAccount: gmail-jobs/nothing, directory: { admin: admin@example.com }');
      assert.equal(missing.exitCode, 78);
      assert.match(missing.message, /secret gmail-jobs\/nothing: there is no such secret/);
    });

    it('goes on with AWSPREVIOUS when the current version is broken, and says so', async () => {
      sandbox.secrets.put('a bad paste', 'AWSCURRENT', WORKSPACE);
      const { names, events } = await find(`  - { ${DIRECTORY} } }`);
      assert.equal(names.length, 4);
      const [fallback] = events;
      assert.equal(fallback?.event, 'secret.fallback');
      assert.equal(fallback?.level, 'error');
      assert.match(
        String(fallback?.remedy),
        /^The directory was read with AWSPREVIOUS; correct the current version soon/,
      );
    });

    it('asks again after failures that pass', async () => {
      const reset = { verb: 'users.list', kind: 'reset-before' } as const;
      for (const fault of [
        { verb: 'users.list', ...googleErrors.backendError() },
        reset,
        { verb: 'users.list', kind: 'malformed' } as const,
      ]) {
        sandbox.faults.add(fault);
      }
      assert.equal((await find(`  - { ${DIRECTORY} } }`)).names.length, 4);
      assert.equal(sent('users.list').length, 4);
    });
  });

  it('keeps only the first entry of a mailbox that two entries name: by its secret, or by its address in any spelling', async () => {
    const { names, repeated, mailboxes } = await find(
      [
        '  - { secret: gmail-jobs/team/bob, rules: bob.yaml }',
        '  - { secret: gmail-jobs/alice, email: a.nn@Gmail.com }',
        '  - { secretPrefix: gmail-jobs/team/ }',
        '  - secret: arn:aws:secretsmanager:us-east-1:123456789012:secret:gmail-jobs/team/carl-AbCdEf',
        `  - { serviceAccount: ${WORKSPACE}, subjects: [Ann@googlemail.com, eve@example.com, Eve@Example.com] }`,
        `  - { ${DIRECTORY} } }`,
      ].join('\n'),
    );
    assert.deepEqual(names, [
      'gmail-jobs/team/bob',
      'gmail-jobs/alice',
      'gmail-jobs/team/ann',
      'gmail-jobs/team/carl',
      'eve@example.com',
      'admin@example.com',
      'fred@example.com',
      'gina@example.com',
    ]);
    assert.equal(mailboxes[0]?.rulesFile, 'bob.yaml');
    const subjects = `6:5 (serviceAccount ${WORKSPACE}, subjects)`;
    const carl = 'secret arn:aws:secretsmanager:us-east-1:123456789012:secret:gmail-jobs/team/carl-AbCdEf';
    assert.deepEqual(repeated, [
      ['gmail-jobs/team/bob', '4:5 (secretPrefix gmail-jobs/team/)', '2:5 (secret gmail-jobs/team/bob)'],
      ['gmail-jobs/team/carl', `5:5 (${carl})`, '4:5 (secretPrefix gmail-jobs/team/)'],
      ['Ann@googlemail.com', subjects, '3:5 (secret gmail-jobs/alice)'],
      ['Eve@Example.com', subjects, subjects],
      ['eve@example.com', `7:5 (serviceAccount ${WORKSPACE}, directory)`, subjects],
    ]);
  });

  it('lists every source that fails, and the mailboxes of the others', async () => {
    const { names, failures } = await find(
      [
        '  - { secretPrefix: gmail-jobs/none/ }',
        '  - { secret: gmail-jobs/alice }',
        '  - { serviceAccount: gmail-jobs/nothing, directory: { admin: admin@example.com } }',
      ].join('\n'),
    );
    assert.deepEqual(names, ['gmail-jobs/alice']);
    assert.deepEqual(
      failures.map(({ source }) => source),
      ['2:5 (secretPrefix gmail-jobs/none/)', '4:5 (serviceAccount gmail-jobs/nothing, directory)'],
    );
  });
});
