/** Mistakes in pasted secrets: the error names the mistake, shows no value, and the program's own words stay readable. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSecretId } from '../../../lib/aws/names.ts';
import { readCredentials } from '../../../lib/aws/shape.ts';
import { ConfigError } from '../../../lib/errors.ts';
import { Redactor } from '../../../lib/process/redact.ts';
import { findSecrets } from '../../fixtures/searcher.ts';

const GOOD = {
  type: 'authorized_user',
  client_id: '1234-abc.apps.googleusercontent.com',
  client_secret: 'GOCSPX-k3yOfTheClient5b2cKd9',
  refresh_token: '1//0gRefreshTokenOfAlice-Zq7Wx3',
};
const JSON_TEXT = JSON.stringify(GOOD);
const INDENTED = JSON.stringify(GOOD, null, 2);
const MARKS = { clientSecret: GOOD.client_secret, refreshToken: GOOD.refresh_token };
const BOB = { ...GOOD, refresh_token: '1//0gRefreshTokenOfBob-Ty6Uo1' };
const CLIENT = { client_id: GOOD.client_id, client_secret: GOOD.client_secret, redirect_uris: ['http://localhost'] };
const ACCESS_TOKEN = 'ya29.a0AccessTokenOfAlice-Hj4Tn8';
const JS_OBJECT = INDENTED.replaceAll(/"(\w+)":/g, '$1:')
  .replaceAll('"', "'")
  .replace(/\n\}$/, ',\n}');
const base64 = (text: string) => Buffer.from(text).toString('base64');

function read(value: unknown) {
  const redactor = new Redactor();
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const credentials = readCredentials(text, 'gmail-jobs/alice', (secret) => redactor.add(secret));
  return { credentials, redactor };
}

describe('a secret that was pasted in an unusual way', () => {
  const sound: Record<string, unknown> = {
    'with a zero-width space before it': `\u200b${JSON_TEXT}`,
    'with invisible characters in it': INDENTED.replaceAll('\n', '\u2060\n'),
    'as the value of one key': { refresh_token: JSON_TEXT },
    'as the value of one key, indented and in quotes': { secret: ` '${INDENTED}'\n` },
    'as the value of a key, twice encoded': { value: JSON.stringify(JSON_TEXT) },
    'as the value of a key inside of another': { value: JSON.stringify({ secret: JSON_TEXT }) },
    'as an object below a key': { gmail: GOOD },
    'as the only object of a list': [GOOD],
    'in the form of the console, as a key': { [JSON_TEXT]: '' },
    'in the form of the console, twice': { one: JSON_TEXT, two: JSON_TEXT },
    'with the name before a value': { ...GOOD, refresh_token: `refresh_token=${GOOD.refresh_token}` },
    'with name and colon before a value': { ...GOOD, client_secret: `client_secret: ${GOOD.client_secret}` },
    'with a pair of JSON as a value': { ...GOOD, refresh_token: `"refresh_token": "${GOOD.refresh_token}",` },
    'with a value in URL encoding': { ...GOOD, refresh_token: encodeURIComponent(GOOD.refresh_token) },
    'with a pair in URL encoding': {
      ...GOOD,
      refresh_token: encodeURIComponent(`refresh_token=${GOOD.refresh_token}`),
    },
    'beside a further key with another one': { ...GOOD, old: JSON.stringify(BOB) },
  };
  for (const [what, value] of Object.entries(sound)) {
    it(`is read ${what}`, () => {
      const { credentials, redactor } = read(value);
      assert.ok(!(credentials instanceof ConfigError), credentials instanceof ConfigError ? credentials.message : '');
      assert.partialDeepStrictEqual(credentials, {
        clientId: GOOD.client_id,
        clientSecret: GOOD.client_secret,
        refreshToken: GOOD.refresh_token,
      });
      for (const secret of Object.values(MARKS)) assert.equal(redactor.text(`x ${secret} y`), 'x [redacted] y');
    });
  }

  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const refused: [what: string, value: unknown, told: RegExp][] = [
    ['nothing but quotes', ' "" ', /: is empty$/],
    ['a trailing comma', INDENTED.replace(/\n\}$/, ',\n}'), /: it has a comma after its last value$/],
    ['single quotes', JSON_TEXT.replaceAll('"', "'"), /: it has single quotes where JSON has double ones$/],
    [
      'an object of JavaScript',
      JS_OBJECT,
      /: it has single quotes .*, and has keys without quotes, and has a comma after its last value$/,
    ],
    ['keys without quotes', JSON_TEXT.replaceAll(/"(\w+)":/g, '$1:'), /: it has keys without quotes$/],
    ['typographic quotes', JSON_TEXT.replaceAll(/"([^"]*)"/g, '“$1”'), /: it has typographic quotes/],
    ['no-break spaces', INDENTED.replaceAll('  ', '\u00a0\u00a0'), /: it has no-break spaces/],
    ['escaped quotes', JSON_TEXT.replaceAll('"', '\\"'), /: it has backslashes before its quotes$/],
    ['no closing brace', JSON_TEXT.slice(0, -1), /: it lacks the brace at its end$/],
    ['no braces', JSON_TEXT.slice(1, -1), /: it lacks the brace at its beginning, and lacks the brace at its end$/],
    ['an end in the middle', JSON_TEXT.slice(0, -4), /: it lacks .* and ends in the middle of a value$/],
    ['a missing comma', INDENTED.replace(',\n', '\n'), /: it lacks a comma between two of its lines$/],
    ['a line break in a value', JSON_TEXT.replace('Alice', 'Al\nice'), /: it has a line break inside a value$/],
    ['a semicolon behind it', `${JSON_TEXT};`, /: it has something behind its closing brace$/],
    ['two objects', `${JSON_TEXT}\n${JSON.stringify(BOB)}`, /: holds 2 JSON objects, one behind the other$/],
    ['lines of an env file', env(GOOD, '\n'), /: is lines of the form name=value, and not JSON$/],
    ['lines of a shell', `export ${env(GOOD, '\nexport ')}`, /: is lines of the form name=value, and not JSON$/],
    ['form data', env(GOOD, '&'), /: is form data/],
    ['YAML', env(GOOD, '\n').replaceAll('=', ': '), /: is YAML/],
    ['the refresh token alone', GOOD.refresh_token, /: is a refresh token alone, and not JSON$/],
    ['the refresh token in quotes', `"${GOOD.refresh_token}"`, /: is a refresh token alone, and not JSON$/],
    ['an access token', ACCESS_TOKEN, /: is an access token alone, and not JSON$/],
    ['the client secret alone', GOOD.client_secret, /: is a client secret alone, and not JSON$/],
    ['an authorization code', '4/0AbCdEfGhIjKlMnOpQrStUv', /: is an authorization code alone/],
    ['base64', base64(JSON_TEXT), /: is JSON in base64/],
    ['base64 in lines', base64(INDENTED).replace(/.{64}/g, '$&\n'), /: is JSON in base64/],
    [
      'a private key',
      '-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBg\n-----END PRIVATE KEY-----',
      /: is a private key alone/,
    ],
    ['an ARN', 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-AbCdEf', /: is an ARN/],
    ['plain words', 'see the other secret', /: is not JSON$/],
    ['a number', '7', /: must be a JSON object$/],
    ['a list of values', Object.values(GOOD), /: must be a JSON object$|is missing/],
    ['the file of a client', { installed: CLIENT }, /: is the file of Google's OAuth client \(Desktop app\)/],
    ['the file of a web client', { web: CLIENT }, /: is the file of Google's OAuth client \(Web application\)/],
    [
      'the file of a client in a key',
      { a: JSON.stringify({ installed: CLIENT }) },
      /: a holds the file of Google's OAuth/,
    ],
    ['two credentials', { alice: JSON_TEXT, bob: BOB }, /: holds 2 different credentials \(in alice and bob\)$/],
    ['two credentials in a list', [GOOD, BOB], /: holds 2 different credentials/],
    [
      'the whole beside parts of it',
      { ...GOOD, refresh_token: JSON_TEXT },
      /: refresh_token holds the whole JSON of the credentials, beside client_id, client_secret$/,
    ],
    ['the whole beside an address', { email: 'a@example.com', refresh_token: JSON_TEXT }, /, beside email$/],
    [
      'half of the whole in a key',
      { refresh_token: JSON_TEXT.slice(0, -1) },
      /client_id is missing.*refresh_token holds JSON$/,
    ],
    [
      'a part of it in a key',
      { secret: JSON.stringify({ refresh_token: GOOD.refresh_token }) },
      /: client_id is missing/,
    ],
    [
      'an access token in place of the refresh token',
      { ...GOOD, refresh_token: ACCESS_TOKEN },
      /: refresh_token holds an access token$/,
    ],
    [
      'an answer with an access token',
      { ...GOOD, refresh_token: '', access_token: ACCESS_TOKEN },
      /: refresh_token is empty$/,
    ],
    [
      'an answer with an access token alone',
      { access_token: ACCESS_TOKEN, expires_in: 3599 },
      /refresh_token is missing \(the secret has an access token/,
    ],
    ['a page', `<html>${JSON_TEXT}</html>`, /: is HTML or XML/],
    [
      'two values in each other’s place',
      { ...GOOD, client_secret: GOOD.refresh_token, refresh_token: GOOD.client_secret },
      /: client_secret holds a refresh token, refresh_token holds a client secret$/,
    ],
    [
      'keys in camel case',
      { ...GOOD, refresh_token: undefined, refreshToken: 'x' },
      /refresh_token is missing \(found "refreshToken" instead/,
    ],
    [
      'a key with a space',
      { ...GOOD, refresh_token: undefined, ' refresh_token': 'x' },
      /refresh_token is missing \(found a similar key instead/,
    ],
    [
      'the pair of another key',
      { ...GOOD, refresh_token: `client_secret=${GOOD.client_secret}` },
      /: refresh_token holds "client_secret=…", which is of another key$/,
    ],
    [
      "a key's name",
      { ...GOOD, client_secret: 'client_secret' },
      /: client_secret holds the name client_secret in place/,
    ],
    ["a variable's name", { ...GOOD, refresh_token: 'AWS_SECRET_ACCESS_KEY' }, /holds the name AWS_SECRET_ACCESS_KEY/],
    ['a space in a value', { ...GOOD, refresh_token: '1//0gRefresh TokenOfAlice' }, /: refresh_token holds a space/],
    ['a line break in a JSON value', { ...GOOD, refresh_token: '1//0gRefresh\nTokenOfAlice' }, /holds a line break/],
    [
      'an invisible character in a value',
      { ...GOOD, client_secret: 'GOCSPX-k3y\u200bOfThe' },
      /holds an invisible char/,
    ],
    ['an ellipsis in a value', { ...GOOD, refresh_token: '1//0gRefresh…OfAlice' }, /: refresh_token holds an ellipsis/],
    ['quotes 50,000 deep', '"'.repeat(100_000), /: is (empty|not JSON)/],
    ['a list 50,000 deep', deep(50_000), /: is JSON that is nested more than 100 levels deep$/],
    ['a value 50,000 deep', `{"refresh_token":${deep(50_000)}}`, /nested more than 100 levels deep$/],
    ['objects 50,000 deep', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, /nested more than 100 levels deep$/],
    ['a list 50,000 deep that never ends', '['.repeat(50_000), /: is not JSON/],
  ];
  for (const [what, value, told] of refused) {
    it(`is refused when it is ${what}, with an error that the redactor leaves readable`, () => {
      const { credentials, redactor } = read(value);
      assert.ok(credentials instanceof ConfigError, 'it was accepted');
      const line = JSON.stringify({ error: credentials.message, remedy: credentials.remedy });
      assert.match(credentials.message, told);
      assert.match(credentials.remedy, /"refresh_token"|"subject"|job authorize --client/);
      assert.equal(redactor.text(line), line);
      assert.deepEqual(findSecrets(line, MARKS), []);
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      for (const secret of [...Object.values(MARKS), BOB.refresh_token, ACCESS_TOKEN]) {
        if (
          text.includes(secret) ||
          (/: is JSON in|control char/.test(credentials.message) && Object.values(MARKS).includes(secret))
        ) {
          assert.equal(redactor.text(`x ${secret} y`), 'x [redacted] y');
        }
      }
    });
  }

  it("hides a service account's key in broken JSON, and no name of its fields", () => {
    const lines = ['MIIEvAIBADANBgkqhkiG9w0BAQEFAASC', 'Zq7Wx3KYwggSiAgEAAoIBAQDHj4Tn85b2'];
    const private_key = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
    const text = JSON.stringify({ type: 'service_account', client_email: 'x@example.com', private_key }, null, 2);
    for (const broken of [text.replace(/\n\}$/, ',\n}'), text.slice(0, -8), text.replaceAll('"', "'")]) {
      const { credentials, redactor } = read(broken);
      assert.ok(credentials instanceof ConfigError);
      const names = `service_account client_email private_key x@example.com ${credentials.message} ${credentials.remedy}`;
      assert.equal(redactor.text(names), names);
      for (const line of lines) assert.equal(redactor.text(`x ${line} y`), 'x [redacted] y');
    }
  });

  it('leaves the names of its keys, addresses and plain words readable', () => {
    const { redactor } = read(
      `client_secret=${GOOD.client_secret}\nconfiguration=alice@example.com\nmeantime: somewhere`,
    );
    const line = 'client_secret refresh_token configuration alice@example.com somewhere credentials';
    assert.equal(redactor.text(line), line);
  });
});

describe('isSecretId', () => {
  const ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:gmail-jobs/alice-AbCdEf';
  it('accepts names and ARNs of secrets', () => {
    for (const id of [
      'x',
      'gmail-jobs/alice',
      'a+b=c.d@e-f_g',
      'A'.repeat(512),
      ARN,
      ARN.replace('aws', 'aws-us-gov'),
    ]) {
      assert.ok(isSecretId(id), id);
    }
  });

  it('refuses everything else, credentials too', () => {
    const wrong = [
      ...['', 'my secret', 'a"b', 'a\nb', 'é', 'a:b', 'a\u200bb', 'A'.repeat(513)],
      ...[
        ARN.replace('secretsmanager', 'ssm'),
        ARN.replace(':secret:', ':parameter:'),
        ARN.replace('0', 'x'),
        'arn:aws',
      ],
      ...['1//0gAbCdEf', 'ya29.a0AbCd', 'GOCSPX-abcdef', 'AKIAIOSFODNN7EXAMPLE', 'ASIAIOSFODNN7EXAMPLE'],
      ...[JSON_TEXT, '-----BEGIN PRIVATE KEY-----', base64(JSON_TEXT)],
    ];
    for (const id of wrong) assert.ok(!isSecretId(id), id);
  });
});

function env(values: Readonly<Record<string, string>>, between: string): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(between);
}
