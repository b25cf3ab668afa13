import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../../lib/errors.ts';
import { parseMailboxes, readMailboxesFile } from '../../../../lib/run/fleet/mailboxes-file.ts';

const REGION = 'eu-central-1';
const ARN = `arn:aws:secretsmanager:${REGION}:123456789012:secret:gmail-jobs/alice-AbCdEf`;

const parse = (source: string) => parseMailboxes(source, 'mailboxes.yaml', REGION);

function refusalOf(source: string): ConfigError {
  try {
    parse(source);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail(`the list was accepted:\n${source}`);
}

describe('mailboxes.yaml', () => {
  it('has four kinds of entries, each with rules of its own or without', () => {
    const source = [
      'mailboxes:',
      '  - secret: gmail-jobs/alice # one mailbox',
      '    email: alice@example.com',
      '    rules: rules/alice.yaml',
      `  - secret: ${ARN}`,
      '  - secretPrefix: gmail-jobs/team/',
      '  - serviceAccount: gmail-jobs/workspace',
      '    subjects: [ann@example.com, bob@example.com]',
      '  - serviceAccount: gmail-jobs/workspace',
      '    directory: { admin: admin@example.com, query: "orgUnitPath=\'/Sales\'" }',
      '    rules: rules/sales.yaml',
      '  - { serviceAccount: gmail-jobs/workspace, directory: { admin: admin@example.com } }',
    ].join('\n');
    const query = "orgUnitPath='/Sales'";
    const account = { secretId: 'gmail-jobs/workspace', rulesFile: undefined };
    const directory = { ...account, kind: 'directory', admin: 'admin@example.com' };
    const label = (place: string, what: string) => ({ label: `mailboxes.yaml:${place} (${what})` });
    assert.deepEqual(parse(source), [
      {
        kind: 'secret',
        secretId: 'gmail-jobs/alice',
        email: 'alice@example.com',
        rulesFile: 'rules/alice.yaml',
        ...label('2:5', 'secret gmail-jobs/alice'),
      },
      { kind: 'secret', secretId: ARN, email: undefined, rulesFile: undefined, ...label('5:5', `secret ${ARN}`) },
      {
        kind: 'prefix',
        prefix: 'gmail-jobs/team/',
        rulesFile: undefined,
        ...label('6:5', 'secretPrefix gmail-jobs/team/'),
      },
      {
        kind: 'subjects',
        subjects: ['ann@example.com', 'bob@example.com'],
        ...account,
        ...label('7:5', 'serviceAccount gmail-jobs/workspace, subjects'),
      },
      {
        ...directory,
        query,
        rulesFile: 'rules/sales.yaml',
        ...label('9:5', 'serviceAccount gmail-jobs/workspace, directory'),
      },
      { ...directory, query: undefined, ...label('12:5', 'serviceAccount gmail-jobs/workspace, directory') },
    ]);
  });

  const refused: readonly (readonly [source: string, problem: string | RegExp])[] = [
    ['', ': is empty: it must have the list mailboxes'],
    ['- secret: a', ':1:1: the file must be a map with the key mailboxes'],
    ['mailboxes:', ':1:11: mailboxes must be a list of entries, such as "- secret: gmail-jobs/alice"'],
    ['mailboxes: []', ':1:12: mailboxes is an empty list'],
    ['mailboxes: { secret: a }', /^:1:12: mailboxes must be a list of entries/],
    ['mailboxs: [{ secret: a }]', /:1:1: unknown key "mailboxs" \(did you mean "mailboxes"\?\)/],
    ['accounts: [{ secret: a }]', /:1:1: unknown key "accounts" \(did you mean "mailboxes"\?\)/],
    [
      'mailboxes: [gmail-jobs/alice]',
      ':1:13: the 1st entry must be a map with one of secret, secretPrefix and serviceAccount, such as { secret: gmail-jobs/alice }',
    ],
    ['mailboxes:\n  - ', /^:2:5: the 1st entry must be a map/],
    ['mailboxes:\n  - rules: a.yaml', ':2:5: the 1st entry needs one of secret, secretPrefix and serviceAccount'],
    [
      'mailboxes:\n  - secret: a\n  - secret: b\n    secretPrefix: c\n',
      ':3:5: the 2nd entry has secret and secretPrefix, but may have only one of secret, secretPrefix and serviceAccount',
    ],
    [
      'mailboxes: [{ secret: a, serviceAccount: b, subjects: [a@b.org] }]',
      /^:1:13: the 1st entry has secret and serviceAccount, but may have only one/,
    ],
    ['mailboxes: [{ secret: a, secret: b }]', ':1:26: not valid YAML: the key secret appears twice'],
    ['mailboxes:\n  - secret: a\n    secret: b', ':3:5: not valid YAML: the key secret appears twice'],
    ['mailboxes: [{ secret: a }]\nmailboxes: [{ secret: b }]', ':2:1: not valid YAML: the key mailboxes appears twice'],
    ['mailboxes: [{ secret: }]', ':1:23: the 1st entry: secret must be text (put it in quotes)'],
    ['mailboxes: [{ secret: 12 }]', ':1:23: the 1st entry: secret must be text (put it in quotes)'],
    ['mailboxes: [{ secret: "" }]', ':1:23: the 1st entry: secret is empty'],
    [
      'mailboxes: [{ secret: "two words" }]',
      ":1:23: the 1st entry: secret must be the name of a secret in AWS Secrets Manager (letters, digits and /_+=.@-) or such a secret's ARN",
    ],
    [
      `mailboxes:\n  - secret: ${ARN.replace(REGION, 'us-east-1')}`,
      `:2:13: the 1st entry: secret is in us-east-1, but AWS_REGION is ${REGION}, and all secrets of a fleet must be in one region`,
    ],
    ['mailboxes: [{ secretPrefix: "" }]', ':1:29: the 1st entry: secretPrefix is empty'],
    [
      'mailboxes: [{ secretPrefix: "gmail-jobs/*" }]',
      ':1:29: the 1st entry: secretPrefix must be the beginning of the names of secrets, such as gmail-jobs/team/ (letters, digits and /_+=.@-)',
    ],
    [`mailboxes: [{ secretPrefix: "${ARN}" }]`, /secretPrefix must be the beginning of the names of secrets/],
    [
      'mailboxes: [{ secretprefix: a }]',
      ':1:15: the 1st entry: unknown key "secretprefix" (did you mean "secretPrefix"?)',
    ],
    ['mailboxes: [{ prefix: a/ }]', ':1:15: the 1st entry: unknown key "prefix" (did you mean "secretPrefix"?)'],
    ['mailboxes: [{ subject: a@b.org }]', /unknown key "subject" \(did you mean "subjects"\?\)$/],
    ['mailboxes: [{ secret: a, adress: a@b.org }]', /unknown key "adress"/],
    ['mailboxes: [{ secret: a, address: a@b.org }]', /unknown key "address" \(did you mean "email"\?\)$/],
    [
      'mailboxes: [{ secret: a, email: alice }]',
      ':1:33: the 1st entry: email must be a mail address such as ann@example.com',
    ],
    [
      'mailboxes: [{ secretPrefix: a, email: a@b.org }]',
      ':1:13: the 1st entry has email, which belongs to an entry with secret',
    ],
    [
      'mailboxes: [{ secret: a, subjects: [a@b.org] }]',
      ':1:13: the 1st entry has subjects, which belong to an entry with serviceAccount',
    ],
    [
      'mailboxes: [{ secretPrefix: a, directory: { admin: a@b.org } }]',
      ':1:13: the 1st entry has directory, which belongs to an entry with serviceAccount',
    ],
    [
      'mailboxes: [{ serviceAccount: a }]',
      ':1:13: the 1st entry needs subjects (a list of addresses) or directory beside serviceAccount',
    ],
    [
      'mailboxes: [{ serviceAccount: a, subjects: [a@b.org], directory: { admin: a@b.org } }]',
      ':1:13: the 1st entry has subjects and directory, but may have only one',
    ],
    ['mailboxes: [{ serviceAccount: a, subjects: [] }]', ':1:44: the 1st entry: subjects is an empty list'],
    [
      'mailboxes: [{ serviceAccount: a, subjects: a@b.org }]',
      ':1:44: the 1st entry: subjects must be a list, such as [ann@example.com]',
    ],
    [
      'mailboxes:\n  - serviceAccount: a\n    subjects:\n      - a@b.org\n      - b@\n',
      ':5:9: the 1st entry: the 2nd of subjects must be a mail address such as ann@example.com',
    ],
    [
      'mailboxes: [{ serviceAccount: a, directory: all }]',
      /directory must be a map, such as \{ admin: admin@example.com \}$/,
    ],
    ['mailboxes: [{ serviceAccount: a, directory: {} }]', ':1:45: the 1st entry: the key "admin" is missing'],
    [
      'mailboxes: [{ serviceAccount: a, directory: { admin: root } }]',
      ':1:54: the 1st entry: directory.admin must be a mail address such as ann@example.com',
    ],
    [
      'mailboxes: [{ serviceAccount: a, directory: { admin: a@b.org, querry: x } }]',
      ':1:63: the 1st entry: unknown key "querry" (did you mean "query"?)',
    ],
    [
      'mailboxes:\n  - serviceAccount: a\n    directory:\n      admin: a@b.org\n      query: name:ann #2\n',
      /^:5:14: the 1st entry: directory\.query ends before " #", where YAML begins a comment: put the query in quotes/,
    ],
    ['mailboxes: [{ secret: a, rules: [a.yaml] }]', /rules must be text/],
    ['mailboxes:\n\t- secret: a', /:2:1: a tab is used for indentation: use spaces/],
    ['mailboxes:\n  - secret: a\n   rules: b', /keys of each entry begin in the column of its first key/],
  ];
  for (const [source, problem] of refused) {
    it(`is refused with its place: ${JSON.stringify(source)}`, () => {
      const { message, remedy } = refusalOf(source);
      if (typeof problem === 'string') assert.equal(message, `mailboxes.yaml${problem}`);
      else assert.match(message.replace(/^mailboxes\.yaml/, ''), problem);
      assert.match(remedy, /`job fleet --list`/);
    });
  }

  it('lists the problems of all entries in the order of the file', () => {
    const { message } = refusalOf('mailboxes:\n  - secret: ""\n  - secretPrefix: a b\n  - nothing: 1\n');
    assert.deepEqual(
      message.split('; ').map((problem) => problem.replace(/^mailboxes\.yaml(:\d+:\d+): .*$/, '$1')),
      [':2:13', ':3:19', ':4:5'],
    );
  });

  it('never repeats a credential that was pasted in the place of a name', () => {
    for (const key of ['secret', 'secretPrefix', 'serviceAccount']) {
      const token = `1//0${'x'.repeat(60)}`;
      const { message } = refusalOf(`mailboxes: [{ ${key}: "${token}" }]`);
      assert.match(message, /holds text that begins like a credential/);
      assert.ok(!message.includes('xxx'), message);
    }
  });
});

describe('readMailboxesFile', () => {
  const config = (mailboxesFile: string | undefined) => ({ mailboxesFile, awsRegion: REGION });

  it('reads the file in MAILBOXES_FILE', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-mailboxes-'));
    try {
      await writeFile(join(folder, 'all.yaml'), 'mailboxes: [{ secret: a }]');
      const [source] = await readMailboxesFile(config(join(folder, 'all.yaml')));
      assert.equal(source?.label, `${join(folder, 'all.yaml')}:1:13 (secret a)`);
      await assert.rejects(readMailboxesFile(config(folder)), /\(MAILBOXES_FILE\) is a folder$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says which file is missing, and what to set', async () => {
    await assert.rejects(readMailboxesFile(config('no/such.yaml')), {
      message: 'the list of mailboxes no/such.yaml (MAILBOXES_FILE) does not exist',
      exitCode: 78,
    });
    await assert.rejects(readMailboxesFile(config(undefined)), {
      message: 'MAILBOXES_FILE is not set, and mailboxes.yaml in the working folder does not exist',
      exitCode: 78,
      remedy:
        'Set MAILBOXES_FILE to the path of a list of mailboxes, relative to the working folder. "Many mailboxes" in jobs/README.md describes the file.',
    });
  });
});
