/** `job policy`: its documents are valid for AWS and allow only what the program does; every wrong input is refused. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { commandHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded, ROOT, runJob, withRules } from '../run.ts';
import type { PolicyDocument } from '../sandbox/iam.ts';
import { startSandbox } from '../sandbox/index.ts';
import { assertPolicy, assertTemplate } from './aws-grammar.ts';
import { runCommand, writeClientFile } from './person.ts';

const ACCOUNT = '123456789012';
const NAMED = ['--secret', 'gmail-jobs/alice', '--account', ACCOUNT, '--region', 'eu-central-1'];
const ARN = `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:gmail-jobs/alice-a1B2c3`;
const KEY_ID = '1234abcd-12ab-34cd-56ef-1234567890ab';
const KEY = `arn:aws:kms:eu-central-1:${ACCOUNT}:key/${KEY_ID}`;

type Variables = Readonly<Record<string, string>>;

/** The document that `job policy` prints. Asserts that stdout holds nothing else, and stderr nothing. */
async function print(args: readonly string[], env: Variables = {}, run = commandHere): Promise<unknown> {
  const { code, stdout, stderr } = await run(null, ['policy', ...args], { env });
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

async function refusal(args: readonly string[], env: Variables = {}, run = commandHere): Promise<string> {
  const { code, stdout, stderr } = await run(null, ['policy', ...args], { env });
  assert.equal(code, 2, `${stdout}${stderr}`);
  assert.equal(stdout, '', 'half a document would be piped into a file');
  assert.match(stderr, /^job: \S.*\n {5}\S.*\n$/);
  return stderr;
}

const only = (statements: Record<string, unknown>[]) => {
  assert.equal(statements.length, 1);
  return statements[0] ?? {};
};

describe('the policy of the running app', { concurrency: 8 }, () => {
  it('allows to read the secret of an ARN, and nothing else', async () => {
    for (const document of [
      await print(['--secret', ARN], {}, runJob),
      await print([], { GMAIL_SECRET_ID: ` ${ARN}\n` }),
    ]) {
      const { Action, Resource } = only(assertPolicy(document));
      assert.deepEqual({ Action, Resource }, { Action: 'secretsmanager:GetSecretValue', Resource: ARN });
    }
  });

  it('leaves open the six characters that AWS appends to a name', async () => {
    const pattern = `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:gmail-jobs/alice-??????`;
    const { GMAIL_SECRET_ID, ...AWS } = { GMAIL_SECRET_ID: 'gmail-jobs/alice', AWS_REGION: 'eu-central-1' };
    for (const document of [
      await print(NAMED),
      await print(['--account', ACCOUNT], { GMAIL_SECRET_ID, ...AWS }),
      await print(['--secret', pattern]),
      await print(['--secret', pattern.replace('-??????', '')]),
    ]) {
      assert.equal(only(assertPolicy(document)).Resource, pattern);
    }
  });

  it('uses the region of an ARN, whatever AWS_REGION is', async () => {
    const document = await print(['--secret', ARN], { AWS_REGION: 'us-east-1' });
    assert.equal(only(assertPolicy(document)).Resource, ARN);
  });

  it('allows to decrypt with an own KMS key, through Secrets Manager only', async () => {
    const [read, decrypt, ...more] = assertPolicy(await print(['--secret', ARN, '--kms-key', KEY]));
    assert.deepEqual(more, []);
    assert.equal(read?.Action, 'secretsmanager:GetSecretValue');
    assert.deepEqual(decrypt, {
      Sid: 'DecryptTheSecret',
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: KEY,
      Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.eu-central-1.amazonaws.com' } },
    });
    const replica = `arn:aws:kms:eu-central-1:210987654321:key/mrk-${'0123456789abcdef'.repeat(2)}`;
    assert.equal(assertPolicy(await print(['--secret', ARN, '--kms-key', replica]))[1]?.Resource, replica);
  });

  const partitions = [
    ['cn-north-1', 'aws-cn', 'amazonaws.com.cn'],
    ['us-gov-west-1', 'aws-us-gov', 'amazonaws.com'],
    ['ap-southeast-7', 'aws', 'amazonaws.com'],
  ] as const;
  const SIGN = {
    Sid: 'SignWithTheKey',
    Effect: 'Allow',
    Action: 'kms:Sign',
    Resource: KEY,
    Condition: { StringEquals: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256' } },
  };

  it('allows to sign with the key to which the token is bound, in any region, in one way only', async () => {
    const [, ...more] = assertPolicy(await print(['--secret', ARN, '--kms-sign', KEY]));
    assert.deepEqual(more, [SIGN]);
    const elsewhere = KEY.replace('eu-central-1', 'us-west-2');
    const args = ['--secret', ARN, '--kms-key', KEY, '--kms-sign', KEY, '--kms-sign', elsewhere];
    const [, decrypt, sign] = assertPolicy(await print(args));
    assert.equal(decrypt?.Action, 'kms:Decrypt');
    assert.deepEqual(sign, { ...SIGN, Resource: [KEY, elsewhere] });
  });

  it('takes the account from the key when the secret is given by name', async () => {
    const NAME = ['--secret', 'gmail-jobs/alice', '--region', 'eu-central-1'];
    const [read] = assertPolicy(await print([...NAME, '--kms-sign', KEY]));
    assert.equal(read?.Resource, ARN.replace('a1B2c3', '??????'));
    const other = KEY.replace(ACCOUNT, '999999999999');
    assert.match(await refusal([...NAME, '--kms-sign', KEY, '--kms-sign', other]), /--account/);
  });

  it('lets the person who authorizes read the public key too', async () => {
    const [, sign, read, ...more] = assertPolicy(await print(['--for', 'authorize', ...NAMED, '--kms-sign', KEY]));
    assert.deepEqual(sign, SIGN);
    assert.deepEqual([read?.Action, read?.Resource], ['kms:GetPublicKey', KEY]);
    assert.deepEqual(more, []);
  });

  for (const [region, partition, domain] of partitions) {
    it(`knows that ${region} belongs to ${partition}`, async () => {
      const key = `arn:${partition}:kms:${region}:${ACCOUNT}:key/${KEY_ID}`;
      const args = ['--secret', 'alice', '--account', ACCOUNT, '--region', region, '--kms-key', key];
      const [read, decrypt] = assertPolicy(await print(args));
      assert.equal(read?.Resource, `arn:${partition}:secretsmanager:${region}:${ACCOUNT}:secret:alice-??????`);
      const condition = { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.${domain}` } };
      assert.deepEqual(decrypt?.Condition, condition);
    });
  }

  it('covers the secret in JOB_SECRET_ID, by name or ARN, and not twice the same secret', async () => {
    const first = `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:gmail-jobs/alice-??????`;
    const second = first.replace('alice', 'keys');
    const resourceOf = async (id: string, args = NAMED) =>
      only(assertPolicy(await print(args, { JOB_SECRET_ID: id }))).Resource;
    assert.deepEqual(await resourceOf(' gmail-jobs/keys '), [first, second]);
    const elsewhere = ARN.replace(ACCOUNT, '210987654321').replace('alice', 'keys');
    assert.deepEqual(await resourceOf(elsewhere), [first, elsewhere]);
    assert.equal(await resourceOf('gmail-jobs/alice'), first);
    assert.equal(await resourceOf('gmail-jobs/alice', ['--secret', ARN]), ARN);
    assert.equal(await resourceOf(''), first);
    const person = assertPolicy(await print(['--for', 'authorize', ...NAMED], { JOB_SECRET_ID: 'gmail-jobs/keys' }));
    assert.ok(!JSON.stringify(person).includes('keys'));
  });

  it('is enough for a run, which can read no other secret', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(2, {})) });
    const { arn } = sandbox.secrets.secret();
    sandbox.iam.user().policy = (await print(['--secret', arn])) as PolicyDocument;
    const rules = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };
    assertEnded(await runJob(sandbox, ['apply-rules'], { rules }), 0, { outcome: 'ok', changed: 2 });
    sandbox.secrets.setSecret('gmail-jobs/alice-2', sandbox.secretValue);
    const other = await runJob(sandbox, ['apply-rules'], { rules, env: { GMAIL_SECRET_ID: 'gmail-jobs/alice-2' } });
    assertEnded(other, 77, { outcome: 'failed' });
  });
});

describe('the policy of a fleet', () => {
  const PLACE = ['--account', ACCOUNT, '--region', 'eu-central-1'];
  const secretOf = (name: string) => `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:${name}`;
  const SINGLE = [
    { secret: 'gmail-jobs/alice' },
    { secret: ARN },
    { serviceAccount: 'gmail-jobs/workspace', subjects: ['ann@example.com'] },
    { serviceAccount: 'gmail-jobs/workspace', directory: { admin: 'admin@example.com' } },
  ];

  async function printFor(entries: readonly object[], args: readonly string[], env: Variables = {}) {
    await using files = await withRules(undefined, { mailboxes: entries });
    return await print(['--fleet', ...args], { ...files.env, ...env });
  }

  it('allows to read the secrets in mailboxes.yaml and that of the jobs, each once', async () => {
    const document = await printFor(SINGLE, PLACE, { JOB_SECRET_ID: 'gmail-jobs/keys' });
    const { Action, Resource } = only(assertPolicy(document));
    assert.equal(Action, 'secretsmanager:GetSecretValue');
    assert.deepEqual(Resource, [
      secretOf('gmail-jobs/alice-??????'),
      ARN,
      secretOf('gmail-jobs/workspace-??????'),
      secretOf('gmail-jobs/keys-??????'),
    ]);
  });

  it('allows to list secrets when an entry names a prefix', async () => {
    const document = await printFor([{ secretPrefix: 'gmail-jobs/team/' }], [...PLACE, '--kms-key', KEY]);
    const [read, list, decrypt] = assertPolicy(document, { prefixes: true });
    assert.equal(read?.Resource, secretOf('gmail-jobs/team/*'));
    assert.deepEqual([list?.Action, list?.Resource], ['secretsmanager:ListSecrets', '*']);
    assert.equal(decrypt?.Action, 'kms:Decrypt');
  });

  it('needs no account and region when every secret has an ARN', async () => {
    assert.equal(only(assertPolicy(await printFor([{ secret: ARN }], []))).Resource, ARN);
  });

  it('refuses a missing account, options of another policy, and a broken list', async () => {
    await using files = await withRules(undefined, { mailboxes: SINGLE });
    const env = { ...files.env };
    assert.match(
      await refusal(['--fleet', '--region', 'eu-central-1'], env),
      /mailboxes\.yaml[\s\S]*--account is missing/,
    );
    assert.match(await refusal(['--fleet', ...NAMED], env), /--fleet and --secret exclude each other/);
    assert.match(await refusal(['--fleet', '--cloudformation'], env), /--fleet and --cloudformation exclude/);
    assert.match(await refusal(['--fleet', '--for', 'authorize'], env), /--fleet and --for authorize exclude/);
    await using broken = await withRules(undefined, 'mailboxes: []');
    const { code, stderr } = await commandHere(null, ['policy', '--fleet', ...PLACE], { env: broken.env });
    assert.equal(code, 78);
    assert.match(stderr, /mailboxes\.yaml:1:12: mailboxes is an empty list/);
  });

  it('lets a fleet work on a list with a prefix', async () => {
    const mailboxes = { mailboxes: [{ secretPrefix: 'gmail-jobs/al' }] };
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(2, {})) });
    await using files = await withRules(undefined, mailboxes);
    const args = ['--fleet', '--account', ACCOUNT, '--region', 'us-east-1'];
    sandbox.iam.user().policy = (await print(args, files.env)) as PolicyDocument;
    const run = await runJob(sandbox, ['fleet', 'greeting'], { jobs: 'fixtures', mailboxes });
    assert.equal(run.code, 0, run.stdout);
    assert.partialDeepStrictEqual(run.final, { changed: 2 });
  });
});

describe('the policy of the person who authorizes', { concurrency: 8 }, () => {
  it('allows exactly the actions that the program’s commands use', async () => {
    const { Action } = only(assertPolicy(await print(['--for', 'authorize', ...NAMED])));
    // ListSecrets belongs to fleets.
    const asked = [...commandsInSources()]
      .filter((name) => name !== 'ListSecrets')
      .map((name) => `secretsmanager:${name}`);
    // CreateSecret with tags also needs TagResource.
    assert.deepEqual(new Set(Action as string[]), new Set([...asked, 'secretsmanager:TagResource']));
  });

  it('covers the secret before it exists, and no other secret', async () => {
    const base = `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:gmail-jobs/alice`;
    for (const given of [NAMED, ['--secret', ARN]]) {
      const { Resource } = only(assertPolicy(await print(['--for', 'authorize', ...given])));
      assert.deepEqual(Resource, [`${base}-??????`, base]);
    }
  });

  it('is enough to create the secret, authorize and rotate, with an own KMS key', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(1, {})) });
    await using client = await writeClientFile(sandbox.secretValue);
    const key = KEY.replace('eu-central-1', 'us-east-1');
    const whole = ['--secret', 'gmail-jobs/alice', '--account', ACCOUNT, '--region', 'us-east-1', '--kms-key', key];
    const policy = (await print(['--for', 'authorize', ...whole])) as PolicyDocument;
    sandbox.iam.user().policy = policy;
    sandbox.secrets.remove();
    const made = await runCommand(sandbox, ['authorize', '--client', client.file]);
    assert.equal(made.code, 0, made.stdout + made.stderr);
    sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue }, { kmsKeyId: key });
    const rotated = await runCommand(sandbox, ['rotate']);
    assert.equal(rotated.code, 0, rotated.stdout + rotated.stderr);
    const versions = sandbox.secrets.secret().versions.filter(({ stages }) => stages.size > 0);
    assert.deepEqual(versions.map(({ stages }) => [...stages].sort()).sort(), [['AWSCURRENT'], ['AWSPREVIOUS']]);
  });

  it('is necessary: the policy of the app allows no writes', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(1, {})) });
    await using client = await writeClientFile(sandbox.secretValue);
    sandbox.iam.user().policy = (await print(['--secret', sandbox.secrets.secret().arn])) as PolicyDocument;
    const run = await runCommand(sandbox, ['authorize', '--client', client.file]);
    assert.equal(run.code, 77, run.stdout + run.stderr);
    assert.match(run.stderr, /secretsmanager:PutSecretValue/);
  });

  it('allows to encrypt and decrypt with an own KMS key', async () => {
    const [, key] = assertPolicy(await print(['--for', 'authorize', ...NAMED, '--kms-key', KEY]));
    assert.deepEqual(key?.Action, ['kms:GenerateDataKey', 'kms:Decrypt']);
    assert.equal(key?.Resource, KEY);
  });
});

describe('the CloudFormation template', { concurrency: 8 }, () => {
  it('creates the secret without a value, and keeps it when the stack is deleted', async () => {
    for (const given of [['--secret', 'gmail-jobs/alice'], ['--secret', ARN], NAMED]) {
      const { Resources } = assertTemplate(await print(['--cloudformation', ...given]));
      const secret = Resources.Secret;
      assert.equal(secret?.Type, 'AWS::SecretsManager::Secret');
      assert.equal(secret?.DeletionPolicy, 'Retain');
      assert.equal(secret?.Properties.Name, 'gmail-jobs/alice');
      assert.ok(!('SecretString' in (secret?.Properties ?? {})) && !('GenerateSecretString' in secret.Properties));
    }
  });

  it('creates a user without access key who may only read that secret', async () => {
    const template = assertTemplate(await print(['--cloudformation', '--secret', 'gmail-jobs/alice']));
    const { PolicyDocument, Users } = template.Resources.Policy?.Properties ?? {};
    const { Action, Resource } = only(assertPolicy(PolicyDocument, { intrinsic: true }));
    assert.deepEqual(
      { Action, Resource, Users },
      { Action: 'secretsmanager:GetSecretValue', Resource: { Ref: 'Secret' }, Users: [{ Ref: 'User' }] },
    );
    assert.ok(!JSON.stringify([template.Resources, template.Outputs]).includes('AccessKey'));
    assert.match(template.Description, /access key.*console/i);
    assert.deepEqual(Object.keys(template.Outputs), ['SecretArn', 'Region', 'UserName']);
  });

  it('lets the user read the secret in JOB_SECRET_ID too, which it does not create', async () => {
    const ref = (name: string) => ({ Ref: `AWS::${name}` });
    const arn = ['arn', ref('Partition'), 'secretsmanager', ref('Region'), ref('AccountId'), 'secret'];
    for (const [id, expected] of [
      ['gmail-jobs/keys', { 'Fn::Join': [':', [...arn, 'gmail-jobs/keys-??????']] }],
      [ARN.replace('alice', 'keys'), ARN.replace('alice', 'keys')],
    ] as const) {
      const document = await print(['--cloudformation', ...NAMED], { JOB_SECRET_ID: id });
      const { Resources } = assertTemplate(document);
      const policy = assertPolicy(Resources.Policy?.Properties.PolicyDocument, { intrinsic: true });
      assert.deepEqual(only(policy).Resource, [{ Ref: 'Secret' }, expected]);
      assert.deepEqual(Object.keys(Resources), ['Secret', 'User', 'Policy']);
    }
  });

  it('creates a secret that authorize fills and a run reads', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(2, {})) });
    await using client = await writeClientFile(sandbox.secretValue);
    const template = assertTemplate(await print(['--cloudformation', '--secret', 'gmail-jobs/alice']));
    const secret = sandbox.secrets.secret();
    secret.versions.length = 0;
    const filled = await runCommand(sandbox, ['authorize', '--client', client.file]);
    assert.equal(filled.code, 0, filled.stdout + filled.stderr);
    const document = JSON.stringify(template.Resources.Policy?.Properties.PolicyDocument);
    sandbox.iam.user().policy = JSON.parse(document.replaceAll('{"Ref":"Secret"}', JSON.stringify(secret.arn)));
    const env = { GMAIL_SECRET_ID: secret.arn };
    const rules = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };
    assertEnded(await runJob(sandbox, ['apply-rules'], { rules, env }), 0, { changed: 2 });
  });

  it('uses an own KMS key in the region of the stack', async () => {
    const template = assertTemplate(await print(['--cloudformation', '--secret', 'a', '--kms-key', KEY]));
    assert.equal(template.Resources.Secret?.Properties.KmsKeyId, KEY);
    const [, decrypt] = assertPolicy(template.Resources.Policy?.Properties.PolicyDocument, { intrinsic: true });
    assert.equal(decrypt?.Resource, KEY);
  });

  it('creates the key that signs, with its alias, and leaves no administrator out', async () => {
    const args = ['--cloudformation', '--secret', 'gmail-jobs/alice', '--kms-sign', 'alias/gmail-jobs'];
    const { Resources, Outputs } = assertTemplate(await print(args));
    const { Type, DeletionPolicy, Properties } = Resources.SigningKey ?? assert.fail();
    assert.deepEqual([Type, DeletionPolicy], ['AWS::KMS::Key', 'Retain']);
    assert.partialDeepStrictEqual(Properties, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    const root = ['arn', { Ref: 'AWS::Partition' }, 'iam', '', { Ref: 'AWS::AccountId' }, 'root'];
    assert.partialDeepStrictEqual(Properties.KeyPolicy, {
      Statement: [{ Effect: 'Allow', Principal: { AWS: { 'Fn::Join': [':', root] } }, Action: 'kms:*', Resource: '*' }],
    });
    assert.deepEqual(Resources.SigningKeyAlias?.Properties, {
      AliasName: 'alias/gmail-jobs',
      TargetKeyId: { Ref: 'SigningKey' },
    });
    const [, sign] = assertPolicy(Resources.Policy?.Properties.PolicyDocument, { intrinsic: true });
    assert.deepEqual([sign?.Action, sign?.Resource], ['kms:Sign', { 'Fn::GetAtt': ['SigningKey', 'Arn'] }]);
    assert.deepEqual(Outputs.SigningKeyArn?.Value, { 'Fn::GetAtt': ['SigningKey', 'Arn'] });
  });

  it('lets the user sign with a key that exists', async () => {
    const template = assertTemplate(await print(['--cloudformation', '--secret', 'a', '--kms-sign', KEY]));
    assert.deepEqual(Object.keys(template.Resources), ['Secret', 'User', 'Policy']);
    const [, sign] = assertPolicy(template.Resources.Policy?.Properties.PolicyDocument, { intrinsic: true });
    assert.equal(sign?.Resource, KEY);
  });

  it('is refused for a person', async () => {
    assert.match(await refusal(['--cloudformation', '--for', 'authorize', ...NAMED]), /--cloudformation/);
  });
});

describe('the policy for the files of jobs', { concurrency: 8 }, () => {
  const ALICE = 's3://my-bucket/mail/alice';
  const EACH = 's3://my-bucket/mail/{mailbox}';
  const statementsFor = async (EXPORT_URL: string, args: readonly string[] = NAMED) =>
    assertPolicy(await print([...args, '--export'], { EXPORT_URL })).slice(1);

  it('allows to read, write and list below the prefix, and nothing else', async () => {
    assert.deepEqual(await statementsFor(ALICE), [
      {
        Sid: 'ReadAndWriteTheFiles',
        Effect: 'Allow',
        Action: ['s3:GetObject', 's3:PutObject'],
        Resource: 'arn:aws:s3:::my-bucket/mail/alice/*',
      },
      {
        Sid: 'ListTheFiles',
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: 'arn:aws:s3:::my-bucket',
        Condition: { StringLike: { 's3:prefix': 'mail/alice/*' } },
      },
    ]);
    const [, whole] = await statementsFor('s3://my-bucket');
    assert.ok(whole && !('Condition' in whole));
    const china = await statementsFor(ALICE, NAMED.with(-1, 'cn-north-1'));
    assert.deepEqual(
      china.map(({ Resource }) => Resource),
      ['arn:aws-cn:s3:::my-bucket/mail/alice/*', 'arn:aws-cn:s3:::my-bucket'],
    );
  });

  it('takes {mailbox} for any address, and a star for itself', async () => {
    const [files, list] = await statementsFor(EACH);
    assert.equal(files?.Resource, 'arn:aws:s3:::my-bucket/mail/*/*');
    assert.deepEqual(list?.Condition, { StringLike: { 's3:prefix': 'mail/*/*' } });
    assert.equal((await statementsFor('s3://my-bucket/a*'))[0]?.Resource, `arn:aws:s3:::my-bucket/a\${*}/*`);
  });

  it('is part of the policy of a fleet and of the CloudFormation template', async () => {
    await using files = await withRules(undefined, { mailboxes: [{ secret: ARN }] });
    const fleet = assertPolicy(await print(['--fleet', '--export'], { ...files.env, EXPORT_URL: EACH }));
    assert.equal(fleet.at(-2)?.Resource, 'arn:aws:s3:::my-bucket/mail/*/*');
    assert.match(
      await refusal(['--fleet', '--export'], { ...files.env, EXPORT_URL: ALICE }),
      /same place[\s\S]*\{mailbox\}/,
    );
    const args = ['--cloudformation', '--secret', 'gmail-jobs/alice'];
    const template = assertTemplate(await print([...args, '--export'], { EXPORT_URL: ALICE }));
    assert.match(template.Description, /read and write files in s3:\/\/my-bucket\/mail\/alice/);
    const { PolicyDocument } = template.Resources.Policy?.Properties ?? {};
    const [, keep, list] = assertPolicy(PolicyDocument, { intrinsic: true });
    const arn = (resource: string) => ({ 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:s3:::${resource}`]] });
    assert.deepEqual([keep?.Resource, list?.Resource], [arn('my-bucket/mail/alice/*'), arn('my-bucket')]);
    assert.ok(!JSON.stringify(await print(args, { EXPORT_URL: ALICE })).includes('s3'));
  });

  it('is refused without a bucket, and for a person', async () => {
    const told = (EXPORT_URL: string, args: readonly string[] = []) =>
      refusal([...NAMED, '--export', ...args], { EXPORT_URL });
    assert.match(await told(' '), /EXPORT_URL is not set[\s\S]*EXPORT_URL=s3:\/\/bucket\/prefix/);
    assert.match(await told('/home/alice/mail'), /names a folder[\s\S]*Leave out --export/);
    assert.match(await told('s3://UPPER/x'), /EXPORT_URL names no bucket: such a name has 3 to 63 small letters/);
    assert.match(await told(ALICE, ['--for', 'authorize']), /--export and --for authorize exclude each other/);
  });
});

describe('wrong input of job policy', { concurrency: 8 }, () => {
  const arn = (part: string, by: string) => ['--secret', ARN.replace(part, by)];
  const key = (part: string, by: string) => ['--secret', ARN, '--kms-key', KEY.replace(part, by)];
  const wrong: [what: string, args: readonly string[], told: RegExp, env?: Variables][] = [
    ['no secret', [], /not named[\s\S]*--secret <arn>/],
    ['an empty secret', ['--secret', ' '], /--secret is empty/],
    ['a name without account', ['--secret', 'a', '--region', 'eu-west-1'], /--account is missing/],
    ['a name without region', ['--secret', 'a', '--account', ACCOUNT], /--region is missing/],
    ['a name without both', ['--secret', 'a'], /--account and --region are missing/],
    [
      'an account of 11 digits',
      ['--secret', 'a', '--account', '12345678901'],
      /--account: .* no AWS account[\s\S]*12 d/,
    ],
    ['an account with hyphens', ['--secret', 'a', '--account', '1234-5678-9012'], /without hyphens/],
    [
      'an availability zone',
      ['--secret', 'a', '--account', ACCOUNT, '--region', 'eu-west-1a'],
      /--region: .* no AWS reg/,
    ],
    [
      'an unknown region in the environment',
      ['--secret', 'a', '--account', ACCOUNT],
      /^job: AWS_REGION/,
      { AWS_REGION: 'Frankfurt' },
    ],
    [
      'a name with a star',
      ['--secret', 'gmail-*', '--account', ACCOUNT, '--region', 'eu-west-1'],
      /--secret is no name/,
    ],
    ['a name with a space', [], /GMAIL_SECRET_ID is no name/, { GMAIL_SECRET_ID: 'my secret' }],
    ['a second name with a star', NAMED, /JOB_SECRET_ID is no name/, { JOB_SECRET_ID: 'gmail-*' }],
    [
      'a second secret in another region',
      NAMED,
      /JOB_SECRET_ID lies in us-east-1, but --secret in eu-central-1/,
      { JOB_SECRET_ID: ARN.replace('eu-central-1', 'us-east-1') },
    ],
    ['a name of 513 characters', ['--secret', 'a'.repeat(513)], /--secret is no name/],
    ['half an ARN', ['--secret', 'arn:aws:secretsmanager'], /--secret is no ARN/],
    ['the ARN of a bucket', ['--secret', 'arn:aws:s3:::bucket'], /another service \(s3\)[\s\S]*Secrets Manager/],
    ['the ARN of a key', ['--secret', KEY], /another service \(kms\)/],
    ['an ARN without region', arn('eu-central-1', ''), /--secret names no AWS region/],
    ['an ARN with a short account', arn(ACCOUNT, '1234'), /--secret has an account that is not 12 digits/],
    [
      'an ARN with another partition',
      arn('arn:aws:', 'arn:aws-cn:'),
      /partition "aws-cn", but eu-central-1 belongs to "aws"/,
    ],
    ['an ARN of something else than a secret', arn(':secret:', ':rotation:'), /not the ARN of a single secret/],
    ['an ARN of many secrets', arn('alice-a1B2c3', '*'), /not the ARN of a single secret/],
    ['an ARN with a version behind it', arn('a1B2c3', 'a1B2c3:v1'), /not the ARN of a single secret/],
    [
      'an account that is not the ARN’s',
      ['--secret', ARN, '--account', '210987654321'],
      /--account is not the account/,
    ],
    ['a region that is not the ARN’s', ['--secret', ARN, '--region', 'us-east-1'], /--region is not the region/],
    ['a key that is an id', ['--secret', ARN, '--kms-key', KEY_ID], /--kms-key is no ARN/],
    ['a key that is an alias', key(`key/${KEY_ID}`, 'alias/mine'), /--kms-key is an alias/],
    ['a key with a broken id', key(KEY_ID, 'abc'), /--kms-key is no ARN of a key/],
    [
      'a key of another region',
      key('eu-central-1', 'us-east-1'),
      /--kms-key lies in us-east-1, but the secret in eu-cen/,
    ],
    ['a key of another service', ['--secret', ARN, '--kms-key', ARN], /--kms-key is the ARN of another service/],
    [
      'a key of another region than the stack',
      ['--cloudformation', '--secret', 'a', '--region', 'us-east-1', '--kms-key', KEY],
      /--kms-key lies in eu-central-1/,
    ],
    [
      'an alias that AWS reserves for the signing key',
      ['--cloudformation', '--secret', ARN, '--kms-sign', 'alias/aws/gmail-jobs'],
      /--kms-sign names an alias of AWS/,
    ],
    ['a signing key that is an alias', ['--secret', ARN, '--kms-sign', 'alias/mine'], /--kms-sign is an alias/],
    ['a signing key that is an id', ['--secret', ARN, '--kms-sign', KEY_ID], /--kms-sign is no ARN/],
    [
      'a signing key of another service',
      ['--secret', ARN, '--kms-sign', ARN],
      /--kms-sign is the ARN of another service/,
    ],
    ['an unknown purpose', ['--for', 'everything'], /--for: "everything" is not one of app, authorize/],
    ['an unknown option', ['--frobnicate'], /unknown option '--frobnicate'/],
  ];
  for (const [what, args, told, env] of wrong) {
    it(`refuses ${what}`, async () => assert.match(await refusal(args, env), told));
  }
});

/** The commands of Secrets Manager that the sources of the program use. */
function commandsInSources(): Set<string> {
  const names = readdirSync(`${ROOT}/lib`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !['aws/kms.ts', 'aws/s3.ts'].includes(file))
    .flatMap((file) => [...readFileSync(`${ROOT}/lib/${file}`, 'utf8').matchAll(/new (\w+)Command\(/g)])
    .map(([, name = '']) => name);
  return new Set(names.filter((name) => name !== 'GetCallerIdentity'));
}
