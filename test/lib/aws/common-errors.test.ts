import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { AwsKeys } from '../../../lib/aws/keys.ts';
import { createSecretFetcher } from '../../../lib/aws/secret.ts';
import { ConfigError, CredentialError, type JobError, UnavailableError } from '../../../lib/errors.ts';
import type { AwsErrorName } from '../../sandbox/aws-errors.ts';
import type { FaultKind } from '../../sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';

const never = new AbortController().signal;
const DENIED =
  'User: arn:aws:iam::123456789012:user/jobs is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:123456789012:secret:gmail-jobs/alice-AbCdEf';

describe("AWS's errors", () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
    for (const [name, value] of Object.entries(sandbox.env)) if (name.startsWith('AWS_')) process.env[name] = value;
  });
  afterEach(() => sandbox.faults.clear());
  after(() => sandbox.close());

  const fetcher = (secretId = 'gmail-jobs/alice', region = 'us-east-1') =>
    createSecretFetcher({ secretId, region }, () => undefined);

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
    it(`turns ${name} into a ${kind.name} with a remedy`, async () => {
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
    it(`shows AWS's own reason: ${name}, ${message.slice(0, 60)}`, async () => {
      sandbox.faults.add({ service: 'aws', times: 8, status: 400, body: { __type: name, Message: message } });
      const error = await failure();
      assert.equal(error.exitCode, code, error.message);
      assert.match(`${error.message} → ${error.remedy}`, expected);
      assert.doesNotMatch(`${error.message}${error.remedy}${error.stack}`, /RefreshToken/);
    });
  }

  it('blames a session token that is left over beside a long-lived key', async () => {
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

  it("names kms:Decrypt when KMS denies the secret's key", async () => {
    sandbox.faults.add({
      service: 'aws',
      status: 400,
      headers: { 'content-type': 'application/x-amz-json-1.1' },
      body: { __type: 'AccessDeniedException', Message: 'Access to KMS is not allowed' },
    });
    assert.match((await failure()).remedy, /kms:Decrypt/);
  });

  it('shows no AWS key that an error of AWS echoes', async () => {
    sandbox.faults.add({ service: 'aws', kind: 'echo', status: 400, times: 10 });
    const error = await failure();
    const key = process.env.AWS_ACCESS_KEY_ID ?? '';
    assert.ok(!`${error.message}${error.remedy}${error.stack}`.includes(key));
  });
});
