/** Secrets with a service account's key, and notes beside credentials: accepted forms, hidden parts, refusals. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { readCredentials, readServiceAccountKey, type ServiceAccount } from '../../../lib/aws/shape.ts';
import { ConfigError } from '../../../lib/errors.ts';
import { makeServiceAccount } from '../../sandbox/service-accounts.ts';

const SUBJECT = 'alice@example.com';

describe('the secret of a service account', () => {
  const { key } = makeServiceAccount({ subjects: [SUBJECT], scopes: [] });

  function read(change: Readonly<Record<string, unknown>> = {}, hide: (secret: string) => void = () => undefined) {
    return readCredentials(JSON.stringify({ ...key, subject: SUBJECT, ...change }), 'the-secret', hide);
  }

  function proven(change: Readonly<Record<string, unknown>> = {}): ServiceAccount {
    const account = read(change);
    assert.ok(!(account instanceof ConfigError), account instanceof ConfigError ? account.message : '');
    assert.equal(account.type, 'service_account');
    return account as ServiceAccount;
  }

  /** Whether the account signs with the key whose public half is `publicKey`. */
  async function signsWith(publicKey: KeyObject, { sign }: ServiceAccount): Promise<boolean> {
    const data = new TextEncoder().encode('signed');
    return verify('RSA-SHA256', data, publicKey, await sign(data));
  }

  const pem = () => key.private_key.trim();
  const pastes: Record<string, () => string> = {
    'as the console wrote it': () => key.private_key,
    'with \\n written out': () => key.private_key.replaceAll('\n', '\\n'),
    'with \\\\n written out': () => key.private_key.replaceAll('\n', '\\\\n'),
    'with \\r\\n written out': () => key.private_key.replaceAll('\n', '\\r\\n'),
    'with Windows line ends': () => key.private_key.replaceAll('\n', '\r\n'),
    'with spaces for line breaks': () => key.private_key.replaceAll('\n', ' '),
    'without line breaks': () => key.private_key.replaceAll('\n', ''),
    'in quotes and with spaces around': () => ` "${pem()}"\n`,
    'with text before and after it': () => `Bag Attributes\n${pem()}\nend`,
  };
  for (const [what, paste] of Object.entries(pastes)) {
    it(`holds a key ${what}`, async () => {
      assert.ok(await signsWith(createPublicKey(key.private_key), proven({ private_key: paste() })));
    });
  }

  it('holds a key in PKCS #1 form', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pkcs1 = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    assert.ok(await signsWith(publicKey, proven({ private_key: pkcs1 })));
  });

  it('gives out the key in no property of the account', () => {
    const shown = inspect(proven(), { showHidden: true, depth: 9 });
    assert.doesNotMatch(shown, /CryptoKey|KeyObject|PRIVATE KEY/);
  });

  it('is a key without the subject in the secret for a fleet, whose mailboxes name subjects', () => {
    for (const own of [undefined, '', 'no address', SUBJECT]) {
      const text = JSON.stringify({ ...key, subject: own });
      const account = readServiceAccountKey(text, 'the-secret', () => undefined);
      assert.ok(!(account instanceof ConfigError) && !('subject' in account), String(account));
      assert.equal(account.clientEmail, key.client_email);
    }
  });

  it('is recognized without its type, by its key', () => {
    proven({ type: undefined });
    proven({ type: ' "service_account" ' });
  });

  it('hides every piece of the key, and no word that messages need', () => {
    for (const paste of Object.values(pastes)) {
      const hidden: string[] = [];
      read({ private_key: paste() }, (secret) => hidden.push(secret));
      const lines = pem().split('\n').slice(1, -1);
      assert.ok(hidden.includes(lines.join('')) || hidden.some((one) => one.includes(lines.join(''))));
      for (const line of lines) assert.ok(hidden.some((one) => one.includes(line)));
      for (const open of [SUBJECT, key.client_email, key.client_id, key.token_uri, 'service_account', 'PRIVATE KEY'])
        assert.ok(!hidden.some((one) => open.includes(one) || one.includes(open)), open);
    }
  });

  it('hides a key that lies under a wrong name, or where a mail address should be', () => {
    for (const change of [{ privateKey: key.private_key }, { subject: key.private_key }]) {
      const hidden: string[] = [];
      read({ private_key: 'x', ...change }, (secret) => hidden.push(secret));
      assert.ok(hidden.includes(pem().split('\n').slice(1, -1).join('')));
    }
  });

  const pair = (type: 'rsa', bits: number) => generateKeyPairSync(type, { modulusLength: bits });
  const wrong: [what: string, change: () => Record<string, unknown>, told: RegExp][] = [
    ['no subject', () => ({ subject: undefined }), /: subject is missing/],
    ['an empty subject', () => ({ subject: ' ' }), /: subject is empty/],
    ['a subject that is no address', () => ({ subject: 'alice' }), /: subject is no mail address/],
    [
      'the account as its own subject',
      () => ({ subject: key.client_email.toUpperCase() }),
      /subject is the service ac/,
    ],
    ['no account', () => ({ client_email: undefined }), /: client_email is missing/],
    ['an account that is no address', () => ({ client_email: '1234' }), /: client_email is no mail address/],
    ['no key', () => ({ private_key: undefined }), /: private_key is missing/],
    ['a key that is no text', () => ({ private_key: 1 }), /: private_key must be a string/],
    ['a key id in place of the key', () => ({ private_key: key.private_key_id }), /: private_key is no PEM text/],
    ['half a key', () => ({ private_key: pem().slice(0, 900) }), /: private_key is PEM, but no whole private key/],
    [
      'a key that lost lines',
      () => ({ private_key: pem().split('\n').toSpliced(3, 2).join('\n') }),
      /: private_key is PEM, but its contents are damaged/,
    ],
    [
      'a public key',
      () => ({ private_key: createPublicKey(key.private_key).export({ type: 'spki', format: 'pem' }) }),
      /: private_key is PEM, but no whole private key/,
    ],
    [
      'a key with a passphrase',
      () => ({
        private_key: pair('rsa', 2048).privateKey.export({
          type: 'pkcs8',
          format: 'pem',
          cipher: 'aes-256-cbc',
          passphrase: 'x',
        }),
      }),
      /: private_key is encrypted/,
    ],
    [
      'an older key with a passphrase',
      () => ({
        private_key: pair('rsa', 2048).privateKey.export({
          type: 'pkcs1',
          format: 'pem',
          cipher: 'aes-256-cbc',
          passphrase: 'x',
        }),
      }),
      /: private_key is encrypted/,
    ],
    [
      'an elliptic key',
      () => ({
        private_key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
          type: 'pkcs8',
          format: 'pem',
        }),
      }),
      /: private_key is no RSA key/,
    ],
    [
      'a short key',
      () => ({ private_key: pair('rsa', 1024).privateKey.export({ type: 'pkcs8', format: 'pem' }) }),
      /: private_key is shorter than 2048 bits/,
    ],
    ['several faults', () => ({ private_key: 'x', subject: undefined }), /private_key is no PEM.*, subject is missing/],
  ];
  for (const [what, change, told] of wrong) {
    it(`is refused with ${what}`, () => {
      const error = read(change());
      assert.ok(error instanceof ConfigError);
      assert.equal(error.exitCode, 78);
      assert.match(error.message, told);
      assert.match(error.remedy, /JSON key file.*"subject"/);
    });
  }

  it('gets the remedy for service accounts when it is no JSON', () => {
    const { private_key, subject } = { private_key: key.private_key, subject: SUBJECT };
    for (const text of [
      private_key,
      `{"type":"service_account","private_key":"${private_key}","subject":"${subject}"}`,
    ]) {
      const hidden: string[] = [];
      const error = readCredentials(text, 'the-secret', (secret) => hidden.push(secret));
      assert.ok(error instanceof ConfigError);
      assert.match(`${error.message} ${error.remedy}`, /(is not JSON|is a private key alone).*JSON key file/);
      for (const line of pem().split('\n').slice(1, -1)) assert.ok(hidden.some((one) => one.includes(line)));
    }
  });

  it('names both kinds of credentials when its type is neither', () => {
    const error = read({ type: 'external_account' });
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /type must be "authorized_user" or "service_account"/);
  });

  it('shows nothing of its key when it is printed or serialized', () => {
    const shown = inspect(proven(), { depth: 9, showHidden: true }) + JSON.stringify(proven());
    for (const line of pem().split('\n').slice(1, -1)) assert.ok(!shown.includes(line));
  });
});

describe('a value beside the credentials of a user', () => {
  const USER = { client_id: 'c', client_secret: 'GOCSPX-abcdefghij', refresh_token: '1//0abcdefghijkl' };

  function hidden(more: Readonly<Record<string, unknown>>): string[] {
    const secrets: string[] = [];
    readCredentials(JSON.stringify({ ...USER, ...more }), 'the-secret', (secret) => secrets.push(secret));
    return [...new Set(secrets)].filter((secret) => !Object.values(USER).includes(secret));
  }

  it('stays readable when it is a note, a date, an address or a link', () => {
    const notes = { used_by: 'apply-rules', created: '2026-11-23T05:00:00.000Z', owner: 'bob@example.com' };
    assert.deepEqual(hidden({ ...notes, docs: 'https://example.com/1234567890', scopes: ['gmail.modify'] }), []);
  });

  it('is hidden when its key or its form suggests a credential', () => {
    const token = 'ya29a0AfB4byC8kLmN3opQ';
    assert.deepEqual(hidden({ access_token: 'short-one', noted: token }), ['short-one', token]);
  });

  it('may be an empty email, which counts as none', () => {
    const user = readCredentials(JSON.stringify({ ...USER, email: ' ' }), 'the-secret', () => undefined);
    assert.ok(!(user instanceof ConfigError) && user.type === 'authorized_user');
    assert.equal(user.email, undefined);
  });
});

describe('the key to which a refresh token is bound', () => {
  const ARN = 'arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-4000-8000-1234567890ab';
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' });
  const user = {
    client_id: '1234-abc.apps.googleusercontent.com',
    client_secret: 'GOCSPX-k3yOfTheClient',
    refresh_token: '1//0gRefreshTokenOfAlice-_x',
  };
  const read = (dpop: unknown, hide: (secret: string) => void = () => undefined) =>
    readCredentials(JSON.stringify({ ...user, dpop }), 'the-secret', hide);

  it('is read with its ARN and its public key, and left out for a token that is bound to none', () => {
    const bound = read({ kms_key_id: ARN, jwk });
    assert.ok(!(bound instanceof ConfigError) && bound.type === 'authorized_user');
    assert.deepEqual(bound.binding, { kmsKeyId: ARN, jwk });
    const free = read(undefined);
    assert.ok(!(free instanceof ConfigError) && !('binding' in free));
    const multiRegion = read({ kms_key_id: ARN.replace(/key\/.*/, `key/mrk-${'a'.repeat(32)}`), jwk });
    assert.ok(!(multiRegion instanceof ConfigError));
  });

  it('stays readable for messages', () => {
    const hidden: string[] = [];
    read({ kms_key_id: ARN, jwk }, (secret) => hidden.push(secret));
    for (const piece of [ARN, ARN.slice(-36), 'EC', 'P-256']) assert.ok(!hidden.includes(piece), piece);
    assert.ok(hidden.includes(user.refresh_token));
  });

  const other = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
  const wrong: readonly [what: string, dpop: unknown, told: RegExp][] = [
    ['null', null, /dpop must be an object/],
    ['a text', ARN, /dpop must be an object/],
    ['an empty text', '', /dpop must be an object/],
    ['a list', [], /dpop\.kms_key_id is missing/],
    ['no ARN', { jwk }, /dpop\.kms_key_id is missing/],
    [
      'an alias',
      { kms_key_id: ARN.replace(/key\/.*/, 'alias/x'), jwk },
      /dpop\.kms_key_id must be the ARN of a KMS key/,
    ],
    [
      'a host in place of the region',
      { kms_key_id: ARN.replace('eu-central-1', 'evil.example'), jwk },
      /must be the ARN/,
    ],
    [
      'a region of another partition',
      { kms_key_id: ARN.replace('eu-central-1', 'cn-north-1'), jwk },
      /must be the ARN/,
    ],
    ['text behind the ARN', { kms_key_id: `${ARN}\n`, jwk }, /must be the ARN/],
    ['the ARN in a list', { kms_key_id: [ARN], jwk }, /dpop\.kms_key_id must be a string/],
    ['no public key', { kms_key_id: ARN }, /dpop\.jwk is missing/],
    [
      'the private key',
      { kms_key_id: ARN, jwk: privateKey.export({ format: 'jwk' }) },
      /dpop\.jwk\.d is the private half/,
    ],
    ['a key on another curve', { kms_key_id: ARN, jwk: other }, /dpop\.jwk\.crv must be "P-256"/],
    ['a point beside the curve', { kms_key_id: ARN, jwk: { ...jwk, y: jwk.x } }, /dpop\.jwk is no point of the curve/],
    ['a coordinate that is too short', { kms_key_id: ARN, jwk: { ...jwk, x: 'AAAA' } }, /dpop\.jwk\.x must have 43/],
    ['an RSA key', { kms_key_id: ARN, jwk: { kty: 'RSA', n: 'x', e: 'AQAB' } }, /dpop\.jwk\.kty must be "EC"/],
  ];
  for (const [what, dpop, told] of wrong) {
    it(`is refused with ${what}, and never ignored`, () => {
      const refused = read(dpop);
      assert.ok(refused instanceof ConfigError);
      assert.match(refused.message, told);
      assert.match(refused.remedy, /^Do not remove dpop: /);
      assert.ok(!refused.message.includes(String(jwk.x)) && !refused.message.includes(user.refresh_token));
    });
  }

  it('is no part of the remedy when another key is wrong too', () => {
    const refused = readCredentials(
      JSON.stringify({ ...user, client_id: 7, dpop: null }),
      'the-secret',
      () => undefined,
    );
    assert.ok(refused instanceof ConfigError);
    assert.match(refused.remedy, /^Its value must be /);
  });

  it('hides the private half that somebody stored by mistake', () => {
    const hidden: string[] = [];
    const { d } = privateKey.export({ format: 'jwk' });
    read({ kms_key_id: ARN, jwk: { ...jwk, d } }, (secret) => hidden.push(secret));
    assert.ok(hidden.includes(String(d)));
  });
});
