import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { neededHosts } from '../../../lib/run/hosts.ts';

const KEYS = {
  GMAIL_SECRET_ID: 'x',
  AWS_ACCESS_KEY_ID: 'AKIA0',
  AWS_SECRET_ACCESS_KEY: 'x',
  AWS_REGION: 'eu-central-1',
};
const ALWAYS = ['gmail.googleapis.com:443', 'oauth2.googleapis.com:443'];
const VAULT = ['', '-fips'].flatMap((suffix) =>
  ['amazonaws.com', 'api.aws'].map((domain) => `secretsmanager${suffix}.eu-central-1.${domain}:443`),
);

function needed(env: Record<string, string>): string[] {
  return [...new Set(neededHosts(env).map(({ name, port }) => `${name}:${port}`))].sort();
}

describe('neededHosts', () => {
  it('returns the hosts of Google and of Secrets Manager in the region, and no others', () => {
    assert.deepEqual(needed(KEYS), [...ALWAYS, ...VAULT].sort());
  });

  it('adds the monitor and loopback stand-ins', () => {
    const extra = { HEARTBEAT_URL: 'https://hc-ping.com/token', GMAIL_API_URL: 'http://127.0.0.1:4000' };
    const found = needed({ ...KEYS, ...extra, AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://localhost:5000' });
    for (const host of ['hc-ping.com:443', '127.0.0.1:4000', 'localhost:5000']) assert.ok(found.includes(host), host);
    assert.ok(!found.includes('gmail.googleapis.com:443'));
  });

  it('refuses stand-ins and AWS endpoints on other hosts', () => {
    const extra = { AWS_ENDPOINT_URL: 'https://evil.example', AWS_ENDPOINT_URL_STS: 'https://evil.example' };
    assert.deepEqual(
      needed({ ...KEYS, ...extra, GMAIL_API_URL: 'https://evil.example' }),
      [...ALWAYS, ...VAULT].sort(),
    );
    const vpc = 'vpce-1.secretsmanager.eu-central-1.vpce.amazonaws.com';
    assert.ok(needed({ ...KEYS, AWS_ENDPOINT_URL: `https://${vpc}` }).includes(`${vpc}:443`));
    for (const host of [
      'amazonaws.com.evil.example',
      'evil.s3.amazonaws.com',
      'ec2-192-0-2-1.evil.compute.amazonaws.com',
      'secretsmanager.s3.amazonaws.com',
      'sts.eu-central-1.amazonaws.com',
    ]) {
      const found = needed({ ...KEYS, AWS_ENDPOINT_URL_SECRETS_MANAGER: `https://${host}` });
      assert.deepEqual(found, needed(KEYS), host);
    }
  });

  it('returns no host of KMS, whose region only the secret knows, but a stand-in and an endpoint of AWS for KMS', () => {
    const vpc = 'vpce-1.kms.eu-central-1.vpce.amazonaws.com';
    for (const [address, host] of [
      ['http://127.0.0.1:4100', '127.0.0.1:4100'],
      [`https://${vpc}`, `${vpc}:443`],
    ] as const) {
      const found = needed({ ...KEYS, AWS_ENDPOINT_URL_KMS: address });
      assert.deepEqual(found, [...ALWAYS, ...VAULT, host].sort());
    }
    assert.deepEqual(needed({ ...KEYS, AWS_ENDPOINT_URL_KMS: 'https://kms.evil.example' }), needed(KEYS));
  });

  it('returns no host of S3, which aws/s3.ts allows, but a stand-in and an endpoint of AWS for S3', () => {
    const vpc = 'bucket.vpce-1a2b3c4d-5e6f.s3.eu-central-1.vpce.amazonaws.com';
    for (const [address, host] of [
      ['http://127.0.0.1:4100', '127.0.0.1:4100'],
      [`https://${vpc}`, `${vpc}:443`],
      ['https://s3.dualstack.eu-central-1.amazonaws.com', 's3.dualstack.eu-central-1.amazonaws.com:443'],
    ] as const) {
      const found = needed({ ...KEYS, AWS_ENDPOINT_URL_S3: address });
      assert.deepEqual(found, [...ALWAYS, ...VAULT, host].sort());
    }
    for (const host of ['evil.s3.eu-central-1.amazonaws.com', 'bucket.s3.amazonaws.com', 's3.evil.example']) {
      assert.deepEqual(needed({ ...KEYS, AWS_ENDPOINT_URL_S3: `https://${host}` }), needed(KEYS), host);
    }
  });

  it('adds the hosts of an AWS credential source that the environment names', () => {
    const web = needed({ ...KEYS, AWS_WEB_IDENTITY_TOKEN_FILE: '/token' });
    assert.ok(web.includes('sts.eu-central-1.amazonaws.com:443'));
    const task = needed({ ...KEYS, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/creds' });
    assert.ok(task.includes('169.254.170.2:80'));
    const pod = needed({ ...KEYS, AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials' });
    assert.ok(pod.includes('169.254.170.23:80'));
    const profile = needed({ ...KEYS, AWS_PROFILE: 'me' });
    for (const host of ['sts.*.amazonaws.com:443', 'portal.sso.*.amazonaws.com:443', '169.254.169.254:80']) {
      assert.ok(profile.includes(host), host);
    }
  });

  it('uses the domain of the region: China and the EU sovereign cloud have their own', () => {
    assert.ok(needed({ ...KEYS, AWS_REGION: 'cn-north-1' }).includes('secretsmanager.cn-north-1.amazonaws.com.cn:443'));
    assert.ok(
      needed({ ...KEYS, AWS_REGION: 'eusc-de-east-1' }).includes('secretsmanager.eusc-de-east-1.amazonaws.eu:443'),
    );
    assert.deepEqual(needed({ ...KEYS, AWS_REGION: 'evil.example/' }), ALWAYS);
  });
});
