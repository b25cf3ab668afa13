import assert from 'node:assert/strict';
import { createHash, createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import test from 'node:test';
import { KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { thumbprintOf } from './dpop.ts';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from './index.ts';

interface Pair {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

interface ProofChanges {
  header?: object;
  claims?: object;
  /** By default ES256 with the pair's private key, as r‖s. */
  signer?: (data: Buffer) => Buffer;
}

const REDIRECT = 'http://127.0.0.1:9/back';

const pairOf = (): Pair => generateKeyPairSync('ec', { namedCurve: 'P-256' });

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

const hash = (text: string) => createHash('sha256').update(text).digest('base64url');

/** A valid proof for the token address; `changes` replaces parts of it. */
function proofOf({ env }: Sandbox, { privateKey, publicKey }: Pair, changes: ProofChanges = {}): string {
  const { signer = (data) => sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }) } = changes;
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }), ...changes.header };
  const iat = Math.floor(Date.now() / 1000);
  const claims = { htm: 'POST', htu: env.GOOGLE_TOKEN_URL, iat, jti: randomUUID(), ...changes.claims };
  const data = `${part(header)}.${part(claims)}`;
  return `${data}.${signer(Buffer.from(data)).toString('base64url')}`;
}

/** Asks the token endpoint, by default for a refresh. */
async function ask(sandbox: Sandbox, proof: string | undefined, form: Record<string, string> = {}) {
  const { client_id, client_secret, refresh_token } = sandbox.secretValue;
  const response = await fetch(sandbox.env.GOOGLE_TOKEN_URL ?? '', {
    method: 'POST',
    headers: proof === undefined ? {} : { DPoP: proof },
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id, client_secret, refresh_token, ...form }),
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, body, nonce: response.headers.get('dpop-nonce'), headers: response.headers };
}

function codeForm(sandbox: Sandbox): Record<string, string> {
  const { client_id: clientId } = sandbox.secretValue;
  const consent = { clientId, redirectUri: REDIRECT, scopes: [GMAIL_SCOPES.modify], email: 'alice@example.com' };
  const { code } = sandbox.oauth.codes.issue({ ...consent, offline: true });
  return { grant_type: 'authorization_code', code, redirect_uri: REDIRECT };
}

/** Binds the refresh token of the sandbox to a key of this process. */
async function boundSandbox(): Promise<{ sandbox: Sandbox; pair: Pair }> {
  const sandbox = await startSandbox({ messages: 1 });
  const pair = pairOf();
  const grant = sandbox.oauth.grants.get(sandbox.secretValue.refresh_token);
  if (grant) grant.boundTo = thumbprintOf(pair.publicKey.export({ format: 'jwk' }));
  return { sandbox, pair };
}

test('the thumbprint is that of RFC 9449', () => {
  const jwk = {
    kty: 'EC',
    x: 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs',
    y: '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA',
    crv: 'P-256',
  };
  assert.equal(thumbprintOf(jwk), '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I');
});

test('a code exchange with a proof binds the refresh token; its answer looks like any other', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const pair = pairOf();
  const form = codeForm(sandbox);
  const { status, body } = await ask(sandbox, proofOf(sandbox, pair, { claims: { jti: hash(form.code ?? '') } }), form);
  assert.equal(status, 200);
  const { access_token: _, refresh_token, ...rest } = body;
  assert.deepEqual(rest, { expires_in: 3599, scope: GMAIL_SCOPES.modify, token_type: 'Bearer' });
  const refresh = { refresh_token: String(refresh_token) };
  const refused = async (proof?: string) => {
    const answer = await ask(sandbox, proof, refresh);
    return [answer.status, answer.body.error, answer.body.error_description];
  };
  assert.deepEqual(await refused(), [
    400,
    'invalid_grant',
    'The refresh token is bound to a key, and the request has no DPoP proof.',
  ]);
  assert.deepEqual(await refused(proofOf(sandbox, pairOf())), [
    400,
    'invalid_grant',
    'The refresh token is bound to another key than that of the DPoP proof.',
  ]);
  assert.equal((await ask(sandbox, proofOf(sandbox, pair), refresh)).status, 200);
  assert.equal((await ask(sandbox, undefined)).status, 200, 'the older refresh token is not bound');
});

test('the proof of a code exchange has the hash of the code as jti; a bad proof leaves the code usable', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const pair = pairOf();
  const form = codeForm(sandbox);
  const bad = await ask(sandbox, proofOf(sandbox, pair), form);
  assert.deepEqual(bad.body, {
    error: 'invalid_dpop_proof',
    error_description: 'The jti of the DPoP proof is not the hash of the authorization code.',
  });
  const good = await ask(sandbox, proofOf(sandbox, pair, { claims: { jti: hash(form.code ?? '') } }), form);
  assert.equal(good.status, 200);
});

test('refuses each wrong proof with a description that says why', async () => {
  const { sandbox: started, pair } = await boundSandbox();
  await using sandbox = started;
  const now = Math.floor(Date.now() / 1000);
  const url = sandbox.env.GOOGLE_TOKEN_URL ?? '';
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = pair.publicKey.export({ format: 'jwk' });
  const wrong: [RegExp, ProofChanges][] = [
    [
      /signature/,
      {
        signer: (data) =>
          sign('sha256', Buffer.concat([data, data]), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }),
      },
    ],
    [/signature/, { signer: (data) => sign('sha256', data, pair.privateKey) }],
    [/signature/, { header: { jwk: pairOf().publicKey.export({ format: 'jwk' }) } }],
    [/alg/, { header: { alg: 'none' }, signer: () => Buffer.alloc(0) }],
    [/alg/, { header: { alg: 'HS256' }, signer: (data) => createHmac('sha256', String(jwk.x)).update(data).digest() }],
    [/alg/, { header: { alg: 'RS256' }, signer: (data) => sign('sha256', data, privateKey) }],
    [/typ/, { header: { typ: 'JWT' } }],
    [/no jwk/, { header: { jwk: undefined } }],
    [/private key/, { header: { jwk: pair.privateKey.export({ format: 'jwk' }) } }],
    [/P-256/, { header: { jwk: { ...jwk, crv: 'P-384' } } }],
    [/P-256/, { header: { jwk: { ...jwk, y: jwk.x } } }],
    [/htm/, { claims: { htm: 'GET' } }],
    [/htu/, { claims: { htu: 'https://oauth2.googleapis.com/token' } }],
    [/htu/, { claims: { htu: `${url}?a=b` } }],
    [/too old/, { claims: { iat: now - 70 } }],
    [/in the future/, { claims: { iat: now + 70 } }],
    [/no iat/, { claims: { iat: String(now) } }],
    [/no jti/, { claims: { jti: '' } }],
  ];
  for (const [why, changes] of wrong) {
    const { status, body } = await ask(sandbox, proofOf(sandbox, pair, changes));
    assert.deepEqual([status, body.error], [400, 'invalid_dpop_proof'], String(why));
    assert.match(String(body.error_description), why);
  }
  for (const malformed of ['x', 'a.b.c', `${proofOf(sandbox, pair)}, ${proofOf(sandbox, pair)}`]) {
    assert.match(String((await ask(sandbox, malformed)).body.error_description), /not one JWT/);
  }
  for (const iat of [now - 50, now + 50]) {
    assert.equal((await ask(sandbox, proofOf(sandbox, pair, { claims: { iat } }))).status, 200);
  }
});

test('a proof with a refresh token that is not bound changes nothing, but must be valid', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  assert.equal((await ask(sandbox, proofOf(sandbox, pairOf()))).status, 200);
  assert.equal((await ask(sandbox, 'no proof')).body.error, 'invalid_dpop_proof');
  assert.equal((await ask(sandbox, undefined)).status, 200);
});

test('refuses a proof that it has seen before', async () => {
  const { sandbox: started, pair } = await boundSandbox();
  await using sandbox = started;
  const proof = proofOf(sandbox, pair);
  assert.equal((await ask(sandbox, proof)).status, 200);
  const { body } = await ask(sandbox, proof);
  assert.deepEqual(
    [body.error, body.error_description],
    ['invalid_dpop_proof', 'The jti of the DPoP proof was used before.'],
  );
});

test('demands a nonce, announces the next one, and keeps those of code exchanges apart', async () => {
  const { sandbox: started, pair } = await boundSandbox();
  await using sandbox = started;
  const refresh = (nonce?: unknown) => ask(sandbox, proofOf(sandbox, pair, { claims: { nonce } }));
  sandbox.oauth.demandNonce(2);
  const asked = await refresh();
  const claims = { jti: 'once' };
  await ask(sandbox, proofOf(sandbox, pair, { claims }));
  const repeated = await ask(sandbox, proofOf(sandbox, pair, { claims: { ...claims, nonce: asked.nonce } }));
  assert.match(String(repeated.body.error_description), /jti .* used before/);
  assert.deepEqual([asked.status, asked.body.error], [400, 'use_dpop_nonce']);
  assert.match(asked.nonce ?? '', /^[\w-]{22}$/);
  assert.deepEqual((await refresh('stale')).nonce, asked.nonce);
  const first = await refresh(asked.nonce);
  assert.deepEqual([first.status, first.nonce], [200, null]);
  const second = await refresh(asked.nonce);
  assert.equal(second.status, 200);
  assert.notEqual(second.nonce, asked.nonce);
  assert.equal((await refresh(asked.nonce)).body.error, 'use_dpop_nonce');
  assert.equal((await refresh(second.nonce)).status, 200);

  const form = codeForm(sandbox);
  const jti = hash(form.code ?? '');
  const redeem = (claims: object) => ask(sandbox, proofOf(sandbox, pair, { claims }), form);
  const challenged = await redeem({ jti, nonce: second.nonce });
  assert.equal(challenged.body.error, 'use_dpop_nonce');
  const { nonce } = challenged;
  assert.equal((await redeem({ jti, nonce: 'stale' })).body.error, 'use_dpop_nonce');
  assert.equal((await redeem({ nonce })).status, 200);
});

test('judges iat by its own clock, which its Date header shows', async () => {
  const { sandbox: started, pair } = await boundSandbox();
  await using sandbox = started;
  sandbox.oauth.clockAheadMs = 300_000;
  const { body, headers } = await ask(sandbox, proofOf(sandbox, pair));
  assert.match(String(body.error_description), /too old/);
  const aheadMs = Date.parse(headers.get('date') ?? '') - Date.now();
  assert.ok(Math.abs(aheadMs - 300_000) < 5_000, `${aheadMs}`);
});

test('can be an endpoint that does not know DPoP: nothing is bound, and no proof is checked', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.oauth.knowsDpop = false;
  const { status, body } = await ask(sandbox, 'no proof', codeForm(sandbox));
  assert.equal(status, 200);
  assert.equal((await ask(sandbox, undefined, { refresh_token: String(body.refresh_token) })).status, 200);
});

test('a new refresh token in the place of a bound one is bound to the same key', async () => {
  const { sandbox: started, pair } = await boundSandbox();
  await using sandbox = started;
  sandbox.oauth.rotatesRefreshTokens = true;
  const { body } = await ask(sandbox, proofOf(sandbox, pair));
  const next = { refresh_token: String(body.refresh_token) };
  assert.equal((await ask(sandbox, undefined, next)).body.error, 'invalid_grant');
  assert.equal((await ask(sandbox, proofOf(sandbox, pair), next)).status, 200);
});

test('bindSecret binds the secret to a key of KMS, whose signature opens the mailbox until the key is disabled', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const key = sandbox.bindSecret();
  const stored = JSON.parse(String(sandbox.secrets.secret().versions.at(-1)?.value)) as typeof sandbox.secretValue;
  assert.deepEqual(stored.dpop, { kms_key_id: key.arn, jwk: key.jwk });
  assert.equal((await ask(sandbox, undefined)).body.error, 'invalid_grant');
  const client = new KMSClient({
    region: 'us-east-1',
    endpoint: sandbox.env.AWS_ENDPOINT_URL_KMS ?? '',
    maxAttempts: 1,
    credentials: {
      accessKeyId: sandbox.env.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: sandbox.env.AWS_SECRET_ACCESS_KEY ?? '',
    },
  });
  const claims = { htm: 'POST', htu: sandbox.env.GOOGLE_TOKEN_URL, iat: Math.floor(Date.now() / 1000), jti: 'once' };
  const data = `${part({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk })}.${part(claims)}`;
  const command = new SignCommand({ KeyId: key.arn, Message: Buffer.from(data), SigningAlgorithm: 'ECDSA_SHA_256' });
  const { Signature } = await client.send(command);
  assert.equal((await ask(sandbox, `${data}.${rawSignature(Signature ?? new Uint8Array())}`)).status, 200);
  sandbox.kms.disable(key.arn);
  await assert.rejects(client.send(command), { name: 'DisabledException' });
});

/** DER to r‖s, 32 bytes each, in base64url. */
function rawSignature(der: Uint8Array): string {
  const rLength = der[3] ?? 0;
  const numbers = [der.subarray(4, 4 + rLength), der.subarray(6 + rLength)];
  const hex = numbers.map((bytes) => Buffer.from(bytes).toString('hex').padStart(64, '0').slice(-64));
  return Buffer.from(hex.join(''), 'hex').toString('base64url');
}
