import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { AwsKeys } from '../../../lib/aws/keys.ts';
import { createSecretFetcher, type FetchedSecret } from '../../../lib/aws/secret.ts';
import { ConfigError, CredentialError, type JobError, UnavailableError } from '../../../lib/errors.ts';
import { Redactor } from '../../../lib/process/redact.ts';
import type { AwsErrorName } from '../../sandbox/aws-errors.ts';
import type { FaultKind } from '../../sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

const never = new AbortController().signal;
const DENIED =
  'User: arn:aws:iam::123456789012:user/jobs is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:123456789012:secret:gmail-jobs/alice-AbCdEf';
const GOOD = {
  type: 'authorized_user',
  client_id: '1234-abc.apps.googleusercontent.com',
  client_secret: 'GOCSPX-k3yOfTheClient',
  refresh_token: '1//0gRefreshTokenOfAlice-_x',
  email: 'alice@example.com',
};

describe('createSecretFetcher', () => {
  let sandbox: Sandbox;
  const hidden: string[] = [];
  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
    for (const [name, value] of Object.entries(sandbox.env)) if (name.startsWith('AWS_')) process.env[name] = value;
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.requests.length = 0;
    hidden.length = 0;
    sandbox.secrets.setSecret('gmail-jobs/alice', GOOD);
  });
  after(() => sandbox.close());

  const fetcher = (secretId = 'gmail-jobs/alice', region = 'us-east-1') =>
    createSecretFetcher({ secretId, region }, (secret) => hidden.push(secret));

  async function fetchValue(value: string | Uint8Array | object): Promise<FetchedSecret> {
    sandbox.secrets.setSecret('gmail-jobs/alice', value);
    return (await fetcher()('AWSCURRENT', never)) ?? assert.fail('there is no such version');
  }

  async function credentialsIn(value: string | Uint8Array | object) {
    const { credentials } = await fetchValue(value);
    assert.ok(!(credentials instanceof Error), credentials instanceof Error ? credentials.message : '');
    return credentials;
  }

  async function problemOf(value: string | Uint8Array | object): Promise<string> {
    const { credentials } = await fetchValue(value);
    assert.ok(credentials instanceof ConfigError);
    return credentials.message;
  }

  const PROVEN = {
    clientId: GOOD.client_id,
    clientSecret: GOOD.client_secret,
    refreshToken: GOOD.refresh_token,
    email: GOOD.email,
  };
  const text = JSON.stringify(GOOD);
  const { email, type, ...least } = GOOD;
  for (const [what, value] of Object.entries({
    'as it should be': GOOD,
    'with further keys': { ...GOOD, note: 'for the hourly job', nested: { a: [1, null, 'x'] } },
    'stored as bytes': Buffer.from(text),
    'with spaces and newlines around it': `\n\t ${text} \r\n`,
    'with a byte order mark': `\uFEFF${text}`,
    'in double quotes, as a JSON text in JSON': JSON.stringify(text),
    'in single quotes': `'${text}'`,
    'in curly quotes': `“${text}”`,
    'in backquotes': `\`${text}\``,
    indented: JSON.stringify(GOOD, null, 2),
    'with spaces, newlines and quotes around its strings': Object.fromEntries(
      Object.entries(GOOD).map(([key, string]) => [key, ` "${string}"\n`]),
    ),
    'with curly and single quotes around its strings': Object.fromEntries(
      Object.entries(GOOD).map(([key, string]) => [key, `‘'${string}'’`]),
    ),
  })) {
    it(`proves a secret ${what}`, async () => {
      assert.partialDeepStrictEqual(await credentialsIn(value), PROVEN);
      for (const secret of [GOOD.client_secret, GOOD.refresh_token]) assert.ok(hidden.includes(secret), secret);
    });
  }

  it('needs neither type nor email', async () => {
    assert.partialDeepStrictEqual(await credentialsIn(least), { refreshToken: GOOD.refresh_token, email: undefined });
  });

  for (const [what, value, problem] of [
    ['nothing', '  ', /is empty$/],
    ['text', '1//0gRefreshTokenOfAlice-_x', /and not JSON$/],
    ['broken JSON', `${text.slice(0, -1)},}`, /is not JSON: it has a comma after its last value$/],
    ['a quoted token', '"1//0gRefreshTokenOfAlice-_x"', /and not JSON$/],
    ['a list', [GOOD.refresh_token], /client_id is missing/],
    ['a number', '7', /must be a JSON object/],
    ['null', 'null', /must be a JSON object/],
    ['no refresh token', { ...GOOD, refresh_token: undefined }, /: refresh_token is missing$/],
    ['several keys too few', {}, /client_id is missing, client_secret is missing, refresh_token is missing$/],
    ['an empty refresh token', { ...GOOD, refresh_token: ' "" ' }, /: refresh_token is empty$/],
    ['a refresh token that is null', { ...GOOD, refresh_token: null }, /: refresh_token must be a string$/],
    ['a refresh token that is a number', { ...GOOD, refresh_token: 12345678 }, /: refresh_token must be a string$/],
    ['a short client secret', { ...GOOD, client_secret: 'GOCSPX-' }, /: client_secret is shorter than 8 characters$/],
    [
      'a refresh token with a line break',
      { ...GOOD, refresh_token: '1//0gRefresh\nTokenOfAlice' },
      /: refresh_token holds a line break/,
    ],
    [
      'a refresh token with an ellipsis',
      { ...GOOD, refresh_token: '1//0gRefresh…OfAlice' },
      /: refresh_token holds an ellipsis/,
    ],
    ['another type', { ...GOOD, type: 'external_account' }, /: type must be "authorized_user"/],
    ['an email that is none', { ...GOOD, email: 'alice' }, /: email is no mail address$/],
  ] as ReadonlyArray<readonly [string, string | object, RegExp]>) {
    it(`says what is wrong with a secret that holds ${what}, without its values`, async () => {
      const message = await problemOf(value);
      assert.match(message, problem);
      assert.match(message, /secret gmail-jobs\/alice/);
      for (const secret of ['RefreshToken', 'k3yOfThe', '12345678']) assert.ok(!message.includes(secret), message);
    });
  }

  it('keeps the remedy readable when the secret is broken JSON', async () => {
    const { credentials } = await fetchValue(`${text.slice(0, -1)},}`);
    assert.ok(credentials instanceof ConfigError);
    const redactor = new Redactor();
    for (const secret of hidden) redactor.add(secret);
    const line = JSON.stringify({ error: credentials.message, remedy: credentials.remedy });
    assert.equal(redactor.text(line), line);
    for (const secret of [GOOD.client_secret, GOOD.refresh_token]) {
      assert.equal(redactor.text(`x ${secret} y`), 'x [redacted] y');
    }
  });

  it('hides every string of the secret, however deep, but those that are no secrets', async () => {
    await fetchValue({ ...GOOD, more: [{ other_token: 'deeply-hidden-token' }], project_id: 'my-project-name' });
    assert.ok(hidden.includes('deeply-hidden-token'));
    for (const open of [GOOD.client_id, GOOD.email, 'my-project-name']) assert.ok(!hidden.includes(open), open);
  });

  it('tells the version and its age, and fetches anew every time', async () => {
    const fetchSecret = fetcher();
    const first = await fetchSecret('AWSCURRENT', never);
    const id = sandbox.secrets.put({ ...GOOD, refresh_token: '1//0another-refresh-token' });
    const second = await fetchSecret('AWSCURRENT', never);
    const previous = await fetchSecret('AWSPREVIOUS', never);
    assert.equal(second?.versionId, id);
    assert.notEqual(first?.versionId, id);
    assert.equal(previous?.versionId, first?.versionId);
    assert.ok(Math.abs((second?.createdAt?.getTime() ?? 0) - Date.now()) < 60_000);
    assert.equal(sandbox.requests.length, 3);
  });

  it('has nothing for a stage that the secret does not have', async () => {
    assert.equal(await fetcher()('AWSPREVIOUS', never), null);
  });

  async function failure(secretId?: string, region?: string): Promise<JobError> {
    return fetcher(secretId, region)('AWSCURRENT', never).then(
      () => assert.fail('it was fetched'),
      (error: JobError) => error,
    );
  }

  const errors: ReadonlyArray<readonly [AwsErrorName, new (...args: never[]) => Error, RegExp, RegExp]> = [
    ['ResourceNotFoundException', ConfigError, /there is no such secret/, /GMAIL_SECRET_ID/],
    ['InvalidRequestException', ConfigError, /scheduled for deletion/, /Cancel the deletion/],
    ['InvalidParameterException', ConfigError, /does not accept the secret's name/, /GMAIL_SECRET_ID/],
    ['ValidationException', ConfigError, /does not accept the secret's name/, /GMAIL_SECRET_ID/],
    [
      'AccessDeniedException',
      CredentialError,
      /access denied/,
      /secretsmanager:GetSecretValue on arn:aws:secretsmanager:us-east-1:123456789012:secret:gmail-jobs\/alice-\w{6} for/,
    ],
    ['DecryptionFailure', CredentialError, /cannot decrypt/, /kms:Decrypt/],
    ['UnrecognizedClientException', CredentialError, /does not know the access key/, /AWS_ACCESS_KEY_ID/],
    ['InvalidSignatureException', CredentialError, /signature does not fit/, /AWS_SECRET_ACCESS_KEY/],
    ['IncompleteSignature', CredentialError, /signature does not fit/, /AWS_SECRET_ACCESS_KEY/],
    ['ExpiredTokenException', CredentialError, /session has expired/, /AWS_SESSION_TOKEN/],
    ['ThrottlingException', UnavailableError, /throttling/, /next run/],
    ['InternalServiceError', UnavailableError, /could not be reached or failed \(InternalServiceError\)/, /next run/],
  ];
  for (const [name, kind, message, remedy] of errors) {
    it(`takes ${name} for ${kind.name}, and says what to do`, async () => {
      sandbox.secrets.fail(name, 4);
      try {
        const error = await failure();
        assert.ok(error instanceof kind, String(error));
        assert.match(error.message, message);
        assert.match(error.message, /us-east-1.*gmail-jobs\/alice/);
        assert.match(error.remedy, remedy);
      } finally {
        for (let n = 0; n < 4; n += 1) await fetcher()('AWSCURRENT', never).catch(() => undefined);
      }
    });
  }

  /** Errors of AWS by name and message, with the exit code and the text that each leads to. */
  const reasons: ReadonlyArray<readonly [name: string, message: string, code: number, told: RegExp]> = [
    [
      'AccessDeniedException',
      `${DENIED} with an explicit deny in a service control policy`,
      77,
      /access denied, by an explicit deny \(service control policy\); AWS says: User: … is not authorized to perform: secretsmanager:GetSecretValue on resource: … with an explicit deny in a service control policy → A policy that allows secretsmanager:GetSecretValue does not override it: have the deny removed from that service control policy.* arn:aws:iam::123456789012:user\/jobs\.$/,
    ],
    [
      'AccessDeniedException',
      `${DENIED} with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/x`,
      77,
      /access denied, by an explicit deny \(identity-based policy\);/,
    ],
    [
      'AccessDeniedException',
      `${DENIED} because no permissions boundary allows the secretsmanager:GetSecretValue action`,
      77,
      /because no permissions boundary allows the .* → Allow the IAM action .* for arn:aws:iam::123456789012:user\/jobs in the permissions boundary\.$/,
    ],
    [
      'AccessDeniedException',
      'User: 1//0gRefreshTokenOfAlice-_x is not authorized on resource: arn:1//0gRefreshTokenOfAlice-_x',
      77,
      /AWS says: User: … is not authorized on resource: … → Allow the IAM action secretsmanager:GetSecretValue on arn:aws:secretsmanager:\*:\*:secret:gmail-jobs\/alice-\?{6} for the user that the AWS keys belong to\.$/,
    ],
    [
      'InvalidSignatureException',
      'Signature not yet current: 20261127T010203Z is still later than 20261127T005203Z (20261127T004703Z + 5 min.)',
      77,
      /rejects the time of the request; this machine's clock says 20\S+; AWS says: Signature not yet current: 20261127T010203Z .* → Set the clock/,
    ],
    ['RequestExpired', 'Request has expired.', 77, /rejects the time of the request.*Set the clock/],
    [
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
      77,
      /AWS says: The security token included in the request is invalid\. →/,
    ],
    [
      'ExpiredTokenException',
      'The security token included in the request is expired',
      77,
      /has expired; AWS says: .* is expired →/,
    ],
    [
      'SomethingNewException',
      'Feature flag is off for this account',
      78,
      /refused the request \(SomethingNewException\); AWS says: Feature flag is off for this account →/,
    ],
    ['1//0gRefreshTokenOfAlice-_x', '1//0gRefreshTokenOfAlice-_x', 78, /refused the request \(an unknown code\) →/],
    ['OptInRequired', 'The AWS Access Key Id needs a subscription for the service', 78, /subscription for the service/],
  ];
  for (const [name, message, code, expected] of reasons) {
    it(`keeps the reason of AWS: ${name}, ${message.slice(0, 60)}`, async () => {
      sandbox.faults.add({ service: 'aws', times: 8, status: 400, body: { __type: name, Message: message } });
      const error = await failure();
      assert.equal(error.exitCode, code, error.message);
      assert.match(`${error.message} → ${error.remedy}`, expected);
      assert.doesNotMatch(`${error.message}${error.remedy}${error.stack}`, /RefreshToken/);
    });
  }

  it('names a session token that is left over beside a long-lived key as the cause', async () => {
    const keys = { accessKeyId: 'AKIA0000000000000000', secretAccessKey: 'x', sessionToken: 'stale' };
    const address = { secretId: 'gmail-jobs/alice', region: 'us-east-1' };
    for (const name of ['UnrecognizedClientException', 'ExpiredTokenException', 'InvalidSignatureException'] as const) {
      sandbox.secrets.fail(name, 1);
      const told = (keys: AwsKeys) =>
        createSecretFetcher({ ...address, keys }, () => undefined)('AWSCURRENT', never).catch(
          ({ message, remedy }) => `${message} → ${remedy}`,
        );
      assert.match(String(await told(keys)), /AWS_SESSION_TOKEN is set, but the key .* → Unset AWS_SESSION_TOKEN/);
      sandbox.secrets.fail(name, 1);
      assert.doesNotMatch(String(await told({ ...keys, accessKeyId: 'ASIA0000000000000000' })), /long-lived/);
    }
  });

  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  const odd: readonly [what: string, fault: FaultKind, code: number, told: RegExp][] = [
    [
      'a redirect',
      { status: 307, headers: { location: '/elsewhere' } },
      78,
      /refused the request \(status 307\).*firewall/,
    ],
    ['an HTML page with 403', { kind: 'html', status: 403 }, 78, /a page came instead of an answer.*firewall/],
    ['an HTML page with 502', { kind: 'html', status: 502 }, 75, /could not be reached or failed/],
    ['an HTML page with 200', { kind: 'html', status: 200 }, 78, /a page came instead of an answer/],
    ['an answer 50,000 levels deep', { status: 200, body: deep }, 75, /failed \(the answer cannot be read\)/],
    ['an error 50,000 levels deep', { status: 400, body: deep }, 78, /refused the request \(status 400\)/],
    ['an answer without a value', { status: 200, body: '{}' }, 75, /failed \(the answer cannot be read\)/],
    ['resets', { kind: 'reset-before' }, 75, /failed \(ECONNRESET\)/],
  ];
  for (const [what, fault, code, expected] of odd) {
    it(`exits ${code} after ${what}`, async () => {
      sandbox.faults.add({ service: 'aws', times: 16, ...fault });
      const error = await failure();
      assert.equal(error.exitCode, code, `${error.message} ${error.stack}`);
      assert.match(`${error.message} → ${error.remedy}`, expected);
    });
  }

  it('exits 78 for a key that no header can carry, and for an address that is not a URL', async () => {
    const address = { secretId: 'gmail-jobs/alice', region: 'us-east-1' };
    const keys = { accessKeyId: 'AKIA0', secretAccessKey: 'x', sessionToken: 'a\nb' };
    const error = await createSecretFetcher({ ...address, keys }, () => undefined)('AWSCURRENT', never).catch((e) => e);
    assert.match(error.message, /a key or token holds a character that no header may have/);
    assert.equal(error.exitCode, 78);
    const { AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint } = process.env;
    process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER = 'no address';
    try {
      const { exitCode, message } = await failure();
      assert.deepEqual([exitCode, /the address of .* is not a valid URL/.test(message)], [78, true], message);
    } finally {
      process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER = endpoint;
    }
  });

  it("names the secret by the partition of its region when AWS's answer has no ARN", async () => {
    for (const [region, partition] of [
      ['eu-central-1', 'aws'],
      ['cn-north-1', 'aws-cn'],
      ['us-gov-west-1', 'aws-us-gov'],
    ] as const) {
      sandbox.faults.add({ service: 'aws', status: 400, body: { __type: 'AccessDeniedException' } });
      const { remedy } = await failure('gmail-jobs/alice', region);
      assert.match(remedy, new RegExp(` on arn:${partition}:secretsmanager:\\*:\\*:secret:gmail-jobs/alice-`));
    }
  });

  it('says that the key of the secret may not be used when KMS denies it', async () => {
    sandbox.faults.add({
      service: 'aws',
      status: 400,
      headers: { 'content-type': 'application/x-amz-json-1.1' },
      body: { __type: 'AccessDeniedException', Message: 'Access to KMS is not allowed' },
    });
    assert.match((await failure()).remedy, /kms:Decrypt/);
  });

  it('finds no secret under a wrong name or in another region', async () => {
    assert.match((await failure('gmail-jobs/bob')).message, /gmail-jobs\/bob: there is no such secret/);
    assert.match((await failure('gmail-jobs/alice', 'eu-west-1')).message, /eu-west-1.*no such secret/);
  });

  it('reads the secret in spite of a stumble', async () => {
    for (const fault of [
      { status: 503 },
      { kind: 'reset-before' },
      { kind: 'truncate' },
      { kind: 'malformed' },
      { kind: 'html', status: 200 },
      { kind: 'html', status: 502 },
    ] as const) {
      sandbox.faults.add({ service: 'aws', ...fault });
      const secret = await fetcher()('AWSCURRENT', never).catch((error: JobError) => error.message);
      assert.ok(typeof secret === 'object' && secret !== null, `${JSON.stringify(fault)}: ${secret}`);
    }
  });

  it('repeats nothing that an error of AWS echoes', async () => {
    sandbox.faults.add({ service: 'aws', kind: 'echo', status: 400, times: 10 });
    const error = await failure();
    const key = process.env.AWS_ACCESS_KEY_ID ?? '';
    assert.ok(!`${error.message}${error.remedy}${error.stack}`.includes(key));
  });

  it('stops at once when it is told to', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    sandbox.faults.add({ service: 'aws', kind: 'hook', before: () => stop.abort(reason) });
    sandbox.faults.add({ service: 'aws', kind: 'hang' });
    await assert.rejects(fetcher()('AWSCURRENT', stop.signal), reason);
  });
});
