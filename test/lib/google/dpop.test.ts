/** DPoP proofs: header, claims, the form of the signature. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import type { PublicJwk } from '../../../lib/aws/shape.ts';
import { createProof, derToJose } from '../../../lib/google/dpop.ts';

const URL_OF_TOKENS = 'https://oauth2.googleapis.com/token';

function makeKey(): { privateKey: KeyObject; jwk: PublicJwk } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return { privateKey, jwk: { kty: 'EC', crv: 'P-256', x, y } };
}

/** Signs as KMS does. */
const signer = (key: KeyObject) => async (data: Uint8Array) => new Uint8Array(sign('sha256', data, key));

const part = (text = '') => JSON.parse(Buffer.from(text, 'base64url').toString());

describe('a DPoP proof', () => {
  const { privateKey, jwk } = makeKey();
  const make = (more: { url?: string; nonce?: string } = {}) =>
    createProof({ jwk, url: URL_OF_TOKENS, jti: randomUUID(), nonce: undefined, sign: signer(privateKey), ...more });

  it('has the header and the claims of RFC 9449, and the nonce only after the server gave one', async () => {
    const before = Math.floor(Date.now() / 1_000);
    const [header, claims] = ((await make()) ?? assert.fail()).split('.');
    assert.deepEqual(part(header), { typ: 'dpop+jwt', alg: 'ES256', jwk });
    const { jti, iat, ...rest } = part(claims);
    assert.deepEqual(rest, { htm: 'POST', htu: URL_OF_TOKENS });
    assert.match(jti, /^[\da-f-]{36}$/);
    assert.ok(iat >= before && iat <= Date.now() / 1_000);
    assert.equal(part((await make({ nonce: 'a-nonce' }))?.split('.')[1]).nonce, 'a-nonce');
  });

  it('names the address without query and fragment', async () => {
    const proof = await make({ url: 'http://127.0.0.1:4000/token?x=1#y' });
    assert.equal(part(proof?.split('.')[1]).htu, 'http://127.0.0.1:4000/token');
  });

  it('verifies with the public key in its header, for signatures of every length', async () => {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    // Among 600 signatures, some have a number with a leading zero byte.
    for (let round = 0; round < 600; round += 1) {
      const [header, claims, signature = ''] = ((await make()) ?? assert.fail()).split('.');
      const bytes = Buffer.from(signature, 'base64url');
      assert.equal(bytes.length, 64);
      const data = Buffer.from(`${header}.${claims}`);
      assert.ok(verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, bytes));
    }
  });

  it('is null when another key signed', async () => {
    const proof = await createProof({
      jwk,
      url: URL_OF_TOKENS,
      jti: 'x',
      nonce: undefined,
      sign: signer(makeKey().privateKey),
    });
    assert.equal(proof, null);
  });
});

describe('derToJose', () => {
  const der = (...numbers: readonly number[][]) => {
    const body = numbers.flatMap((number) => [0x02, number.length, ...number]);
    return new Uint8Array([0x30, body.length, ...body]);
  };
  const one = [...Array(31).fill(0), 1];

  it('pads short numbers, and removes the zero byte before a high bit', () => {
    assert.deepEqual([...(derToJose(der([1], [1])) ?? [])], [...one, ...one]);
    const high = Array(32).fill(0xff);
    assert.deepEqual([...(derToJose(der([0, ...high], [1])) ?? [])], [...high, ...one]);
  });

  const wrong: Record<string, Uint8Array> = {
    'no bytes': new Uint8Array(),
    'another tag': new Uint8Array([0x31, 6, 2, 1, 1, 2, 1, 1]),
    'one number': der([1]),
    'three numbers': der([1], [1], [1]),
    'bytes behind the sequence': new Uint8Array([...der([1], [1]), 0]),
    'a number that ends too early': new Uint8Array([0x30, 6, 2, 1, 1, 2, 9, 1]),
    'an empty number': der([], [1]),
    'a negative number': der([0x80], [1]),
    'a number of 33 significant bytes': der(Array(33).fill(1), [1]),
    'a signature in the form of JOSE': new Uint8Array(64).fill(7),
  };
  for (const [what, bytes] of Object.entries(wrong)) {
    it(`refuses ${what}`, () => assert.equal(derToJose(bytes), null));
  }
});
