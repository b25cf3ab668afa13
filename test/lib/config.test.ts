import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Environment } from '../../lib/base/environment.ts';
import { examineConfig, readConfig, readLogConfig, readMonitorUrl } from '../../lib/config.ts';
import { ConfigError } from '../../lib/errors.ts';

const GOOD: Environment = {
  GMAIL_SECRET_ID: 'gmail-jobs/alice',
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

function problemOf(env: Environment): string {
  try {
    readConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.exitCode, 78);
    return error.message;
  }
  return assert.fail('the configuration was accepted');
}

describe('readConfig', () => {
  it('names what is wrong with EXPORT_URL, and the variable in the command that sets it', () => {
    assert.throws(() => readConfig({ ...GOOD, EXPORT_URL: 's3:/bucket/alice' }), {
      message: 'configuration: EXPORT_URL lacks the two slashes of s3://',
      remedy: 'Set it with `export EXPORT_URL=value`, then run again.',
    });
  });

  it('has defaults for everything but the secret and AWS', () => {
    assert.partialDeepStrictEqual(readConfig(GOOD), {
      secretId: 'gmail-jobs/alice',
      mailbox: undefined,
      awsRegion: 'eu-central-1',
      rulesFile: undefined,
      quotaProfile: '2026',
      quotaPerMinute: undefined,
      budgetMs: 3_000_000,
      requestTimeoutMs: 20_000,
      gmailApiUrl: 'https://gmail.googleapis.com',
      tokenUrl: 'https://oauth2.googleapis.com/token',
    });
  });

  it('names all missing variables in one message', () => {
    assert.match(problemOf({}), /GMAIL_SECRET_ID, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set/);
  });

  for (const name of Object.keys(GOOD)) {
    it(`says that ${name} is not set when it is missing, empty or blank`, () => {
      for (const value of [undefined, '', '  ']) {
        assert.match(problemOf({ ...GOOD, [name]: value }), new RegExp(`: ${name} is not set$`));
      }
    });
  }

  const accepted: ReadonlyArray<readonly [string, string, string, unknown]> = [
    ['GMAIL_SECRET_ID', ' padded\n', 'secretId', 'padded'],
    ['JOB_SECRET_ID', ' gmail-jobs/keys ', 'jobSecretId', 'gmail-jobs/keys'],
    ['AWS_REGION', 'us-gov-west-1', 'awsRegion', 'us-gov-west-1'],
    [
      'GMAIL_MAILBOX',
      ' Alice.O’Hara+x@mail.example.com\n',
      'mailbox',
      { address: 'Alice.O’Hara+x@mail.example.com', expectedBy: 'GMAIL_MAILBOX' },
    ],
    ['RULES_FILE', 'my/rules.yaml', 'rulesFile', 'my/rules.yaml'],
    ['MAILBOXES_FILE', ' fleet/all.yaml ', 'mailboxesFile', 'fleet/all.yaml'],
    ['GMAIL_QUOTA_PROFILE', 'legacy', 'quotaProfile', 'legacy'],
    ['GMAIL_QUOTA_PROFILE', '2026', 'quotaProfile', '2026'],
    ['GMAIL_QUOTA_PER_MINUTE', '100', 'quotaPerMinute', 100],
    ['GMAIL_QUOTA_PER_MINUTE', '1000000', 'quotaPerMinute', 1_000_000],
    ['GMAIL_PROJECT_QUOTA_PER_MINUTE', '400000', 'projectQuotaPerMinute', 400_000],
    ['RUN_BUDGET', '9m', 'budgetMs', 540_000],
    ['REQUEST_TIMEOUT', '90s', 'requestTimeoutMs', 90_000],
    ['GMAIL_API_URL', 'http://127.0.0.1:4000', 'gmailApiUrl', 'http://127.0.0.1:4000'],
    ['GMAIL_API_URL', 'http://localhost:4000/', 'gmailApiUrl', 'http://localhost:4000/'],
    ['GMAIL_API_URL', 'http://[::1]:4000', 'gmailApiUrl', 'http://[::1]:4000'],
    ['GOOGLE_TOKEN_URL', 'https://127.8.9.1/token', 'tokenUrl', 'https://127.8.9.1/token'],
  ];
  for (const [name, value, key, result] of accepted) {
    it(`reads ${name}=${JSON.stringify(value)}`, () => {
      assert.deepEqual(readConfig({ ...GOOD, [name]: value })[key as keyof ReturnType<typeof readConfig>], result);
    });
  }

  const refused: Readonly<Record<string, readonly string[]>> = {
    JOB_SECRET_ID: ['two words', 'arn:aws:s3:::bucket', '{"WEBHOOK_TOKEN":"x"}'],
    AWS_REGION: ['europe', 'us-east', 'EU-CENTRAL-1', 'eu-central-1.evil.example', 'eu-central-1/x'],
    GMAIL_MAILBOX: [
      'bob',
      'bob@nowhere',
      '@nowhere.org',
      'Alice <alice@example.com>',
      '"alice@example.com"',
      "'alice@example.com'",
      'alice@example.com,bob@example.com',
      'alice@exa\u200bmple.com',
      'mailto:alice@example.com',
    ],
    GMAIL_QUOTA_PROFILE: ['2025', 'Legacy', 'toString'],
    GMAIL_QUOTA_PER_MINUTE: ['0', '49', '1000001', '6e3', '6000.5', '-6000', '0x1770', '6,000', 'many'],
    GMAIL_PROJECT_QUOTA_PER_MINUTE: ['49', '100000001', '1e6', '1,200,000', '-1'],
    RUN_BUDGET: ['50', '1.5h', '0m', '-5m', '5 m', 'PT5M', 'soon'],
    REQUEST_TIMEOUT: ['20', '0s'],
    HEARTBEAT_URL: ['hc-ping.com/x', 'http://hc-ping.com/x', 'ftp://hc-ping.com', 'javascript:alert(1)'],
    LOG_LEVEL: ['verbose', 'INFO', 'constructor'],
    LOG_FORMAT: ['xml', 'JSON'],
  };
  for (const [name, values] of Object.entries(refused)) {
    for (const value of values) {
      it(`refuses ${name}=${value}, by its name and not its value`, () => {
        const problem = problemOf({ ...GOOD, [name]: value });
        assert.match(problem, new RegExp(`^configuration: ${name} `));
        if (value.length > 4) assert.ok(!problem.includes(value), problem);
      });
    }
  }

  for (const url of [
    'https://gmail.googleapis.com',
    'http://127.0.0.1.evil.example',
    'http://127.0.0.1@evil.example',
    'http://localhost:1@evil.example',
    'http://localhost.evil.example',
    'http://evil.example/127.0.0.1',
    'http://evil.example?localhost',
    'http://evil.example#@127.0.0.1',
    'http://[::ffff:10.0.0.1]',
    'http://0.0.0.0',
    'http://10.0.0.1',
    'http://169.254.169.254',
    'http://localhostx',
    'http://128.0.0.1',
    'http://1270.0.0.1',
    'file:///etc/passwd',
    'ftp://127.0.0.1',
    'ws://127.0.0.1',
    '127.0.0.1:4000',
    '//127.0.0.1',
    'not a url',
  ]) {
    for (const name of ['GMAIL_API_URL', 'GOOGLE_TOKEN_URL', 'GOOGLE_AUTH_URL', 'GOOGLE_ADMIN_URL']) {
      it(`refuses ${name}=${url}, which is not this machine`, () => {
        assert.match(problemOf({ ...GOOD, [name]: url }), new RegExp(`${name} must be the address of a stand-in`));
      });
    }
  }

  it('reports every problem at once', () => {
    const problem = problemOf({
      AWS_REGION: 'nowhere',
      GMAIL_QUOTA_PROFILE: 'x',
      GMAIL_QUOTA_PER_MINUTE: 'x',
      RUN_BUDGET: 'x',
      GMAIL_API_URL: 'x',
      GOOGLE_TOKEN_URL: 'x',
      GOOGLE_AUTH_URL: 'x',
      HEARTBEAT_URL: 'x',
      LOG_LEVEL: 'x',
      LOG_FORMAT: 'x',
    });
    for (const name of [
      ...['GMAIL_SECRET_ID', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'GMAIL_QUOTA_PROFILE', 'GMAIL_QUOTA_PER_MINUTE'],
      ...['RUN_BUDGET', 'GMAIL_API_URL', 'GOOGLE_TOKEN_URL', 'GOOGLE_AUTH_URL', 'HEARTBEAT_URL', 'LOG_LEVEL'],
      'LOG_FORMAT',
    ]) {
      assert.ok(problem.includes(name), `${name} is missing in: ${problem}`);
    }
  });

  it('needs no GMAIL_SECRET_ID for a fleet, and leaves GMAIL_MAILBOX out', () => {
    const env = { ...GOOD, GMAIL_SECRET_ID: undefined, GMAIL_MAILBOX: 'alice@example.com' };
    const { config, error } = examineConfig(env, 'fleet');
    assert.deepEqual([error, config.mailbox, config.projectQuotaPerMinute], [null, undefined, 1_200_000]);
    assert.match(String(examineConfig(env).error?.message), /GMAIL_SECRET_ID is not set/);
  });

  it('takes the region from the ARN of the secret when it is not set', () => {
    const arn = 'arn:aws:secretsmanager:us-west-2:123456789012:secret:gmail-AbCdEf';
    assert.equal(readConfig({ ...GOOD, AWS_REGION: undefined, GMAIL_SECRET_ID: arn }).awsRegion, 'us-west-2');
  });

  it('refuses an ARN whose region is not that of the environment', () => {
    const GMAIL_SECRET_ID = 'arn:aws:secretsmanager:us-west-2:123456789012:secret:gmail-AbCdEf';
    assert.match(problemOf({ ...GOOD, GMAIL_SECRET_ID }), /: AWS_REGION must be us-west-2, the region in the ARN/);
    const env = { ...GOOD, GMAIL_SECRET_ID, AWS_REGION: undefined, AWS_DEFAULT_REGION: 'eu-central-1' };
    assert.match(problemOf(env), /: AWS_DEFAULT_REGION must be us-west-2/);
    assert.equal(readConfig({ ...GOOD, GMAIL_SECRET_ID, AWS_REGION: 'us-west-2' }).awsRegion, 'us-west-2');
  });

  it('refuses a GMAIL_SECRET_ID that is neither a name nor an ARN, without its value', () => {
    const pasted = [
      ...[
        '1//0gRefreshToken',
        'ya29.a0AccessToken',
        'GOCSPX-ClientSecret',
        'AKIAIOSFODNN7EXAMPLE',
        'ASIAIOSFODNN7EXAMPLE',
      ],
      ...['{"refresh_token":"1//0gRefreshToken"}', '-----BEGIN PRIVATE KEY-----', '"1//0gRefreshToken"'],
    ];
    for (const GMAIL_SECRET_ID of pasted) {
      const problem = problemOf({ ...GOOD, GMAIL_SECRET_ID });
      assert.match(problem, /: GMAIL_SECRET_ID holds text that begins like a credential, but must be the name or ARN/);
      assert.ok(!problem.includes(GMAIL_SECRET_ID.slice(1, -1)));
    }
    for (const GMAIL_SECRET_ID of [
      'my secret',
      '"gmail-jobs/alice"',
      'gmail:alice',
      'gmail\u200bjobs',
      'arn:aws:s3:::x',
    ]) {
      const problem = problemOf({ ...GOOD, GMAIL_SECRET_ID });
      assert.match(problem, /: GMAIL_SECRET_ID must be the name of a secret in AWS Secrets Manager/);
      assert.ok(!problem.includes(GMAIL_SECRET_ID));
    }
  });

  const oddKeys: readonly [name: string, value: string, kind: string][] = [
    ['AWS_ACCESS_KEY_ID', '"AKIAIOSFODNN7EXAMPLE"', 'a quote'],
    ['AWS_ACCESS_KEY_ID', 'AKIAIOSF ODNN7EXAMPLE', 'a space'],
    ['AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE,', 'a bracket or another mark'],
    ['AWS_SECRET_ACCESS_KEY', 'wJalrXUtnFEMI\u200b/K7MDENG', 'an invisible character'],
    ['AWS_SECRET_ACCESS_KEY', '\u201cwJalrXUtnFEMI/K7MDENG\u201d', 'a quote'],
    ['AWS_SECRET_ACCESS_KEY', 'wJalrXUtnFEMI\u2013K7MDENG', 'a typographic dash'],
    ['AWS_SECRET_ACCESS_KEY', 'wJalrXUtnFEMI\\n', 'a bracket or another mark'],
    ['AWS_SECRET_ACCESS_KEY', '$AWS_SECRET_ACCESS_KEY_OF_ALICE', "a variable's name"],
    ['AWS_SECRET_ACCESS_KEY', 'AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI', "a variable's name"],
    ['AWS_SECRET_ACCESS_KEY', '<wJalrXUtnFEMI>', 'a bracket or another mark'],
    ['AWS_SECRET_ACCESS_KEY', 'wJalrXütnFEMI', 'a character beyond ASCII'],
    ['AWS_ACCESS_KEY_ID', 'AKIA/OSFODNN7+EXAMPLE=', 'a bracket or another mark'],
    ['AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE|x', 'a bracket or another mark'],
    ['AWS_SECRET_ACCESS_KEY', 'wJalrX%2FUtnFEMI', 'a bracket or another mark'],
    ['AWS_SECRET_ACCESS_KEY', 'wJalrX!@#^&*()', 'a bracket or another mark'],
    ['AWS_SESSION_TOKEN', 'IQoJb3JpZ2lu%2FX2VjEF', 'a bracket or another mark'],
    ['AWS_SESSION_TOKEN', 'IQoJb3JpZ2lu\nX2VjEFoaCWV1', 'a line break'],
    ['AWS_SESSION_TOKEN', "IQoJb3JpZ2lu'", 'a quote'],
    ['AWS_SESSION_TOKEN', 'IQoJb3JpZ2lu\u0000', 'a control character'],
    ['AWS_SESSION_TOKEN', 'IQoJb3JpZ2lu\u00a0X2VjEFoaCWV1', 'a no-break or other special space'],
  ];
  for (const [name, value, kind] of oddKeys) {
    it(`refuses ${name}=${JSON.stringify(value)} by the kind of its character, without its value`, () => {
      const problem = problemOf({ ...GOOD, [name]: value });
      assert.match(problem, new RegExp(`: ${name} holds ${kind}, which AWS keys never contain`));
      if (!value.includes('AWS_')) assert.ok(!problem.includes(value.slice(0, 12)));
      assert.ok(!problem.includes('wJalrX'));
    });
  }

  const misplaced: readonly [name: string, value: string, kind: string][] = [
    ['AWS_ACCESS_KEY_ID', '1//0gRefreshTokenOfAlice', 'a refresh token'],
    ['AWS_ACCESS_KEY_ID', '{"refresh_token":"x"}', 'JSON'],
    ['AWS_SECRET_ACCESS_KEY', '1//0gRefreshTokenOfAlice', 'a refresh token'],
    ['AWS_SECRET_ACCESS_KEY', 'GOCSPX-k3yOfTheClient', 'a client secret'],
    ['AWS_SECRET_ACCESS_KEY', 'ya29.a0AccessTokenOfAlice', 'an access token'],
    ['AWS_SECRET_ACCESS_KEY', 'AKIAIOSFODNN7EXAMPLE', 'the id of an AWS key'],
    ['AWS_SESSION_TOKEN', '-----BEGIN PRIVATE KEY-----', 'PEM text'],
    ['AWS_SESSION_TOKEN', 'ASIAIOSFODNN7EXAMPLE', 'the id of an AWS key'],
  ];
  for (const [name, value, kind] of misplaced) {
    it(`refuses ${name}=${value}, which is ${kind}`, () => {
      const problem = problemOf({ ...GOOD, [name]: value });
      assert.match(problem, new RegExp(`: ${name} holds ${kind}, which belongs elsewhere`));
      assert.ok(!problem.includes(value));
    });
  }

  it('accepts keys of any length, and does not check keys that are not used', () => {
    const short = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 't', AWS_SESSION_TOKEN: 'a+/==_-.' };
    assert.deepEqual(readConfig({ ...GOOD, ...short }).awsKeys, {
      accessKeyId: 'test',
      secretAccessKey: 't',
      sessionToken: 'a+/==_-.',
    });
    const profile = { ...GOOD, AWS_PROFILE: 'gmail', AWS_SECRET_ACCESS_KEY: 'a "b"' };
    assert.equal(readConfig(profile).awsKeys, undefined);
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...rest } = GOOD;
    const container = { ...rest, AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1/x' };
    const { awsKeys } = readConfig({ ...container, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'Basic dXNlcjpw' });
    assert.deepEqual(awsKeys, { containerToken: 'Basic dXNlcjpw' });
    assert.match(
      problemOf({ ...container, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'Basic\ndXNlcjpw' }),
      /AWS_CONTAINER_AUTHORIZATION_TOKEN holds a line break/,
    );
  });

  it('refuses temporary keys without their session token', () => {
    const env = { ...GOOD, AWS_ACCESS_KEY_ID: 'ASIAIOSFODNN7EXAMPLE' };
    assert.match(problemOf(env), /: AWS_SESSION_TOKEN is not set, but AWS_ACCESS_KEY_ID \(ASIA…\) is a temporary key/);
    assert.deepEqual(readConfig({ ...env, AWS_SESSION_TOKEN: 'IQoJb3JpZ2lu' }).awsKeys, {
      accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
      secretAccessKey: GOOD.AWS_SECRET_ACCESS_KEY,
      sessionToken: 'IQoJb3JpZ2lu',
    });
  });

  const PROXY = 'http://alice:pass-word-1@proxy.example:3128';
  it('refuses a proxy in any proxy variable, without its address', () => {
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) {
      const problem = problemOf({ ...GOOD, [name]: PROXY });
      assert.match(problem, new RegExp(`^configuration: ${name} is set, but the program does not support proxies`));
      assert.doesNotMatch(problem, /proxy\.example|alice|pass-word/);
    }
    const both = problemOf({ ...GOOD, HTTPS_PROXY: PROXY, http_proxy: PROXY, NODE_USE_ENV_PROXY: '1' });
    assert.match(both, /HTTPS_PROXY is set, but.*; http_proxy is set, but/);
  });

  const HOSTS = 'gmail.googleapis.com,oauth2.googleapis.com,secretsmanager.eu-central-1.amazonaws.com';
  it('ignores a proxy variable that is empty, or when NO_PROXY covers every host', () => {
    const assertIdle = (env: Environment) => assert.deepEqual(readConfig({ ...GOOD, ...env }), readConfig(GOOD));
    for (const HTTPS_PROXY of ['', '  ']) assertIdle({ HTTPS_PROXY });
    assertIdle({ NODE_USE_ENV_PROXY: '1' });
    const idle = ['*', 'localhost, *', HOSTS, HOSTS.toUpperCase(), HOSTS.replaceAll(',', ' '), `${HOSTS},x`];
    const domains = [
      '.googleapis.com,.amazonaws.com',
      '*.googleapis.com,*.amazonaws.com:443',
      'googleapis.com,amazonaws.com',
    ];
    for (const list of [...idle, ...domains]) {
      assertIdle({ HTTPS_PROXY: PROXY, NO_PROXY: list });
      assertIdle({ https_proxy: PROXY, no_proxy: list });
    }
    const standIns = { GMAIL_API_URL: 'http://127.0.0.1:1', GOOGLE_TOKEN_URL: 'http://[::1]:2/token' };
    const aws = { AWS_ENDPOINT_URL: 'http://localhost:3' };
    const local = readConfig({
      ...GOOD,
      ...standIns,
      ...aws,
      HTTP_PROXY: PROXY,
      NO_PROXY: '127.0.0.1,[::1]:2,localhost',
    });
    assert.deepEqual([local.gmailApiUrl, local.tokenUrl], [standIns.GMAIL_API_URL, standIns.GOOGLE_TOKEN_URL]);
  });

  it('refuses a proxy when NO_PROXY leaves out a host', () => {
    const some = [
      ...['', ',', 'localhost', 'gmail.googleapis.com', 'oogleapis.com,amazonaws.com', HOSTS.replace('eu-', 'us-')],
      ...[HOSTS.replaceAll('com', 'com:8443'), HOSTS.replace('gmail.', 'x.gmail.'), '**'],
    ];
    for (const NO_PROXY of some) {
      assert.match(problemOf({ ...GOOD, HTTPS_PROXY: PROXY, NO_PROXY }), /HTTPS_PROXY is set, but/, NO_PROXY);
    }
    const env = { ...GOOD, HTTPS_PROXY: PROXY, NO_PROXY: HOSTS, HEARTBEAT_URL: 'https://hc-ping.com/x' };
    assert.match(problemOf(env), /HTTPS_PROXY is set, but/);
    assert.deepEqual(readConfig({ ...env, NO_PROXY: `${HOSTS},hc-ping.com` }), readConfig(GOOD));
  });

  it('needs no keys when another source of AWS credentials is named', () => {
    const env = { ...GOOD, AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
    assert.equal(readConfig({ ...env, AWS_PROFILE: 'gmail' }).awsKeys, undefined);
    assert.equal(readConfig({ ...env, AWS_WEB_IDENTITY_TOKEN_FILE: '/run/token' }).awsKeys, undefined);
    assert.throws(() => readConfig({ ...env, AWS_PROFILE: ' ' }), ConfigError);
  });
});

describe('readLogConfig', () => {
  for (const [env, isTerminal, expected] of [
    [{}, false, { level: 'info', format: 'json' }],
    [{}, true, { level: 'info', format: 'pretty' }],
    [{ LOG_FORMAT: 'auto', LOG_LEVEL: 'debug' }, true, { level: 'debug', format: 'pretty' }],
    [{ LOG_FORMAT: 'json', LOG_LEVEL: 'error' }, true, { level: 'error', format: 'json' }],
    [{ LOG_FORMAT: 'pretty' }, false, { level: 'info', format: 'pretty' }],
    [{ LOG_LEVEL: 'nonsense', LOG_FORMAT: 'nonsense' }, false, { level: 'info', format: 'json' }],
  ] as const) {
    it(`logs ${expected.format} at ${expected.level} for ${JSON.stringify(env)}, terminal ${isTerminal}`, () => {
      assert.deepEqual(readLogConfig(env, isTerminal), expected);
    });
  }
});

describe('readMonitorUrl', () => {
  it('accepts https anywhere, and http on this machine', () => {
    for (const url of ['https://hc-ping.com/x', 'http://127.0.0.1:5000/x']) {
      assert.equal(readMonitorUrl({ HEARTBEAT_URL: ` ${url} ` }), url);
    }
  });

  it('returns undefined when the variable is missing or wrong', () => {
    for (const HEARTBEAT_URL of [undefined, '', 'http://hc-ping.com/x', 'nonsense']) {
      assert.equal(readMonitorUrl({ HEARTBEAT_URL }), undefined);
    }
  });
});
