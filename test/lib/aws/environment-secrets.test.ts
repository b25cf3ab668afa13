import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { disarm, secretsIn, secretsInWords } from '../../../lib/aws/environment-secrets.ts';
import type { Environment } from '../../../lib/base/environment.ts';
import { Redactor } from '../../../lib/process/redact.ts';

const GOOD: Environment = {
  GMAIL_SECRET_ID: 'gmail-jobs/alice',
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

describe('secretsIn', () => {
  it("finds AWS's keys and the secret parts of the monitor's address", () => {
    const secrets = secretsIn({
      ...GOOD,
      AWS_SESSION_TOKEN: 'session-token-value',
      HEARTBEAT_URL: 'https://user:pass-word-1@hc-ping.com/0f5a3f5e-6f57-4ee3-9b2a-0d1c2b3a4f5e/my-job?key=abcdefgh',
    });
    for (const secret of [
      'AKIAIOSFODNN7EXAMPLE',
      'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      'session-token-value',
      'pass-word-1',
      '0f5a3f5e-6f57-4ee3-9b2a-0d1c2b3a4f5e',
      '?key=abcdefgh',
    ]) {
      assert.ok(secrets.includes(secret), secret);
    }
    assert.ok(!secrets.includes('my-job'));
  });

  it('finds a credential in any other variable, and the password of a proxy', () => {
    const secrets = secretsIn({
      ...GOOD,
      RULES_FILE: 'ya29.a0AccessToken',
      GMAIL_SECRET_ID: ' {"type":"authorized_user","refresh_token":"1//0gRefreshToken"}',
      AWS_PROFILE: 'my-profile-1234567890',
      HTTPS_PROXY: 'http://alice-1:pass%2Fword@proxy.example',
    });
    for (const secret of ['ya29.a0AccessToken', '1//0gRefreshToken', 'pass%2Fword', 'pass/word']) {
      assert.ok(secrets.includes(secret), secret);
    }
    for (const open of ['authorized_user', 'my-profile-1234567890']) assert.ok(!secrets.includes(open), open);
    assert.ok(secretsIn({ GMAIL_SECRET_ID: 'my token Zq7Wx3Zq7Wx3' }).includes('Zq7Wx3Zq7Wx3'));
  });

  it("leaves out a variable's name inside an AWS key, and hides the rest of the key", () => {
    const pasted = {
      AWS_ACCESS_KEY_ID: '$AWS_ACCESS_KEY_ID',
      AWS_SECRET_ACCESS_KEY: 'AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI7K7',
    };
    const redactor = new Redactor();
    for (const secret of secretsIn(pasted)) redactor.add(secret);
    assert.equal(redactor.text('AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY'), 'AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY');
    assert.equal(redactor.text('x wJalrXUtnFEMI7K7 y'), 'x [redacted] y');
  });

  it('finds a credential among the words of the command line', () => {
    const words = [
      'apply-rules',
      '--rule=ya29.a0AccessToken',
      '1//0gRefreshToken',
      'a,GOCSPX-ClientSecret',
      '--dry-run',
    ];
    assert.deepEqual(
      [...new Set(secretsInWords(words))],
      ['ya29.a0AccessToken', '1//0gRefreshToken', 'GOCSPX-ClientSecret'],
    );
  });

  const RT = '1//0gRefreshToken-Zq7Wx3';
  const CS = 'GOCSPX-ClientSecret5b2c';
  const KEY = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
  const OLD_CS = 'k3yOfTheClient5b2cKd9Hj4';
  const misplaced: [word: string, secret: string][] = [
    [`client_secret:${CS}`, CS],
    [`client_secret:${OLD_CS}`, OLD_CS],
    [`refresh_token: ${RT}`, RT],
    ['Bearer ya29.a0AccessToken-Hj4', 'ya29.a0AccessToken-Hj4'],
    [`<${RT}>`, RT],
    [`(${RT})`, RT],
    [encodeURIComponent(RT), RT],
    [`https://example.com/?refresh_token=${RT}&x=1`, RT],
    ['http://127.0.0.1:1/?state=x&code=4/0AbCdEfGhIjKlMn&scope=x', '4/0AbCdEfGhIjKlMn'],
    [`token:${RT}`, RT],
    [`--${RT}`, RT],
    [`--${JSON.stringify({ client_secret: OLD_CS })}`, OLD_CS],
    [`--x={"client_secret":"${OLD_CS}"`, OLD_CS],
    [`AWS_SECRET_ACCESS_KEY=${KEY}`, KEY],
    [`export AWS_SECRET_ACCESS_KEY="${KEY}"`, KEY],
    [`/nonexistent/${CS}`, CS],
    [`${RT}//`, RT],
    [`aws_access_key_id = AKIAIOSFODNN7EXAMPLE`, 'AKIAIOSFODNN7EXAMPLE'],
    [`x -----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0BAQEFAASC\n`, 'MIIEvAIBADANBgkqhkiG9w0BAQEFAASC'],
    [`see ${Buffer.from(JSON.stringify({ refresh_token: RT })).toString('base64')}`, RT],
    [`password=correct-horse`, 'correct-horse'],
  ];
  for (const [word, secret] of misplaced) {
    it(`finds the secret in the word or value ${word}`, () => {
      for (const found of [secretsInWords(['apply-rules', word]), secretsIn({ RULES_FILE: word })]) {
        const redactor = new Redactor();
        for (const text of found) redactor.add(text);
        const left = redactor.text(`x ${secret} y`).replaceAll('[redacted]', '');
        assert.doesNotMatch(left, /[a-zA-Z0-9]{6}/, found.join(' '));
      }
    });
  }

  it('finds a value that is a word of its own after its name', () => {
    assert.ok(secretsInWords(['--client-secret=', OLD_CS, 'client_secret:', OLD_CS]).includes(OLD_CS));
  });

  it('leaves ordinary words and values alone', () => {
    const words = [
      ...[
        'apply-rules',
        '--rule=old-newsletters',
        '--budget=50m',
        '2026-01-31',
        'rules/alice.yaml',
        'gmail-jobs/alice',
      ],
      ...['{from:alice@example.com from:bob1@example.com}', 'subject:(token expired)', '/usr/lib/v1//lib/x.so', '24/0'],
      ...['arn:aws:secretsmanager:eu-central-1:123456789012:secret:gmail-jobs/alice-AbCdEf', 'https://hc-ping.com/x'],
      ...['--kms-key=arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd', 'http://127.0.0.1//path/to/x'],
      ...['label:secret-santa', 'key:newsletter', '--client-id=123456789012-abc.apps.googleusercontent.com'],
    ];
    assert.deepEqual(secretsInWords(words), []);
    for (const word of words) assert.deepEqual(secretsIn({ RULES_FILE: word }).filter(Boolean), [], word);
  });

  it('finds the passwords of databases, as written and decoded, also in an address that is wrong', () => {
    for (const address of [
      'postgres://ann:s3cret%2Fword@db.example.com:5432/fleet',
      ' postgresql://ann:s3cret%2Fword@db.example.com:99999/fleet',
      'postgres://:s3cret%2Fword@/fleet',
      'mysql://ann:s3cret%2Fword@db.example.com',
      'ann:s3cret%2Fword@db.example.com/fleet',
      'postgres://ann@db.example.com/fleet?sslmode=require&password=s3cret%2Fword',
      'host=db.example.com user=ann password=s3cret%2Fword dbname=fleet',
    ]) {
      const found = secretsIn({ DATABASE_URL: address });
      assert.ok(found.includes('s3cret%2Fword') && found.includes('s3cret/word'), address);
    }
    assert.ok(secretsIn({ DATABASE_URL: 'postgres://ann:p@ss-word@db.example.com/fleet' }).includes('p@ss-word'));
    const pooled = 'postgres://ann:s3cret-word@db.example.com/fleet';
    assert.ok(secretsIn({ HEROKU_POSTGRESQL_TEAL_URL: pooled }).includes('s3cret-word'));
    assert.ok(secretsIn({ PGPASSWORD: 's3cret-word' }).includes('s3cret-word'));
    assert.deepEqual(secretsIn({ DATABASE_URL: 'postgres://ann@127.0.0.1:5432/fleet' }).filter(Boolean), []);
  });

  it('reads a long word in a time that grows with its length', () => {
    const startedMs = performance.now();
    assert.deepEqual(secretsIn({ CONFIGURATION: 'x'.repeat(200_000) }).filter(Boolean), []);
    assert.ok(performance.now() - startedMs < 2_000, 'two minutes when the time is quadratic');
    assert.deepEqual(secretsIn({ A: '1client_secret=abcdefgh12' }).filter(Boolean), ['abcdefgh12']);
  });

  it('finds nothing in an empty environment', () => {
    assert.deepEqual(secretsIn({}).filter(Boolean), []);
    assert.deepEqual(secretsIn({ HEARTBEAT_URL: 'nonsense' }).filter(Boolean), []);
  });
});

describe('disarm', () => {
  it('removes credentials and the variables that make libraries print or redirect requests, and nothing else', () => {
    const env: NodeJS.ProcessEnv = {
      ...GOOD,
      AWS_SESSION_TOKEN: 'session-token-value',
      HEARTBEAT_URL: 'https://hc-ping.com/0f5a3f5e-6f57-4ee3-9b2a-0d1c2b3a4f5e',
      GOOGLE_SDK_NODE_LOGGING: '*',
      NODE_DEBUG: 'http',
      HTTP2_DEBUG: '1',
      GOOGLE_CLOUD_UNIVERSE_DOMAIN: 'evil.example',
      HTTPS_PROXY: 'http://proxy.example',
      no_proxy: '*',
      DATABASE_URL: 'mistyped',
      PGPASSWORD: 's3cret-word',
      PGOPTIONS: '-c default_transaction_read_only=on',
      PGREPLICATION: 'database',
      PGSSLNEGOTIATION: 'direct',
      NODE_PG_FORCE_NATIVE: '1',
      HEROKU_POSTGRESQL_TEAL_URL: 'postgres://ann:s3cret-word@db.example.com/fleet',
    };
    disarm(env);
    assert.deepEqual(env, { GMAIL_SECRET_ID: GOOD.GMAIL_SECRET_ID, AWS_REGION: GOOD.AWS_REGION });
  });
});
