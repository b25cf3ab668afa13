import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { createSecretFetcher, type FetchedSecret } from '../../../lib/aws/secret.ts';
import { ConfigError, type JobError } from '../../../lib/errors.ts';
import { Redactor } from '../../../lib/process/redact.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

const never = new AbortController().signal;
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

  it('hides every secret string at any depth, and leaves the others readable', async () => {
    await fetchValue({ ...GOOD, more: [{ other_token: 'deeply-hidden-token' }], project_id: 'my-project-name' });
    assert.ok(hidden.includes('deeply-hidden-token'));
    for (const open of [GOOD.client_id, GOOD.email, 'my-project-name']) assert.ok(!hidden.includes(open), open);
  });

  it('returns the version and its age, and fetches again on each call', async () => {
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

  it('returns null for a stage that the secret does not have', async () => {
    assert.equal(await fetcher()('AWSPREVIOUS', never), null);
  });

  async function failure(secretId?: string, region?: string): Promise<JobError> {
    return fetcher(secretId, region)('AWSCURRENT', never).then(
      () => assert.fail('it was fetched'),
      (error: JobError) => error,
    );
  }

  it('finds no secret under a wrong name or in another region', async () => {
    assert.match((await failure('gmail-jobs/bob')).message, /gmail-jobs\/bob: there is no such secret/);
    assert.match((await failure('gmail-jobs/alice', 'eu-west-1')).message, /eu-west-1.*no such secret/);
  });

  it('reads the secret after one failed attempt', async () => {
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

  it('stops at once on abort', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    sandbox.faults.add({ service: 'aws', kind: 'hook', before: () => stop.abort(reason) });
    sandbox.faults.add({ service: 'aws', kind: 'hang' });
    await assert.rejects(fetcher()('AWSCURRENT', stop.signal), reason);
  });
});
