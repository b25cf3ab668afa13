/** KMS: the hosts that a key lets the process reach, aliases, answers without a signature. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { KmsKeys } from '../../../lib/aws/kms.ts';
import { ConfigError, type JobError, UnavailableError } from '../../../lib/errors.ts';

const never = new AbortController().signal;
const keyIn = (region: string) => `arn:aws:kms:${region}:123456789012:key/0a1b2c3d-0000-4000-8000-1234567890ab`;

describe('KmsKeys', () => {
  let answer: object = {};
  const asked: { readonly region: string | undefined; readonly body: Record<string, unknown> }[] = [];
  const server = createServer(async (request, response) => {
    const [, region] = /\/(\w+-\w+-\d)\/kms\//.exec(request.headers.authorization ?? '') ?? [];
    asked.push({ region, body: JSON.parse((await request.toArray()).join('')) });
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify(answer));
  });
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    process.env.AWS_ENDPOINT_URL_KMS = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    delete process.env.AWS_ENDPOINT_URL_KMS;
    server.closeAllConnections();
    server.close();
  });

  function open() {
    const hosts: string[] = [];
    const keys = { accessKeyId: 'AKIAMADEUP', secretAccessKey: 'made-up' };
    const kms = new KmsKeys({ keys, allowHosts: (more) => hosts.push(...more.map(({ name }) => name)) });
    return { kms, hosts };
  }

  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => assert.fail('it worked'),
      (error: JobError) => error,
    );

  it('lets the process reach KMS in the regions of the used keys, and nothing before', async () => {
    const { kms, hosts } = open();
    assert.deepEqual(hosts, []);
    answer = { Signature: Buffer.from('made-up').toString('base64') };
    const data = new TextEncoder().encode('header.claims');
    for (const region of ['eu-west-1', 'eu-west-1', 'us-west-2']) await kms.sign(keyIn(region), data, never);
    assert.deepEqual(
      hosts,
      ['eu-west-1', 'us-west-2'].flatMap((region) => [
        ...[`kms.${region}.amazonaws.com`, `kms.${region}.api.aws`],
        ...[`kms-fips.${region}.amazonaws.com`, `kms-fips.${region}.api.aws`],
      ]),
    );
    assert.deepEqual(asked.at(-1), {
      region: 'us-west-2',
      body: {
        KeyId: keyIn('us-west-2'),
        Message: Buffer.from(data).toString('base64'),
        MessageType: 'RAW',
        SigningAlgorithm: 'ECDSA_SHA_256',
      },
    });
  });

  it('sends the name of an alias to the given region, and the ARN of an alias to the region in the ARN', async () => {
    answer = { KeyId: keyIn('eu-west-1'), PublicKey: '', KeySpec: 'ECC_NIST_P384', KeyUsage: 'SIGN_VERIFY' };
    for (const [key, region] of [
      ['alias/mine', 'us-east-1'],
      ['arn:aws:kms:eu-north-1:123456789012:alias/mine', 'eu-north-1'],
    ] as const) {
      await failure(open().kms.readBinding(key, 'us-east-1', never));
      assert.deepEqual(asked.at(-1), { region, body: { KeyId: key } });
    }
  });

  it('refuses a key that is not both ECC_NIST_P256 and SIGN_VERIFY', async () => {
    for (const [KeySpec, KeyUsage] of [
      ['ECC_NIST_P384', 'SIGN_VERIFY'],
      ['ECC_SECG_P256K1', 'SIGN_VERIFY'],
      ['RSA_2048', 'SIGN_VERIFY'],
      ['ECC_NIST_P256', 'KEY_AGREEMENT'],
    ]) {
      answer = { KeyId: keyIn('eu-west-1'), PublicKey: 'AAAA', KeySpec, KeyUsage };
      const error = await failure(open().kms.readBinding('alias/mine', 'eu-west-1', never));
      assert.ok(error instanceof ConfigError);
      assert.ok(error.message.includes(keyIn('eu-west-1')));
    }
  });

  it('repeats a request that KMS answers without a signature or a key, then throws UnavailableError', async () => {
    answer = {};
    for (const ask of [
      ({ kms }: ReturnType<typeof open>) => kms.sign(keyIn('eu-west-1'), new Uint8Array(1), never),
      ({ kms }: ReturnType<typeof open>) => kms.readBinding('alias/mine', 'eu-west-1', never),
    ]) {
      const before = asked.length;
      const error = await failure(ask(open()));
      assert.ok(error instanceof UnavailableError, error.message);
      assert.equal(asked.length - before, 4);
    }
  });
});
