/** Runs with errors of AWS, and with unusual or wrong values in the secret. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyHere, sandboxOf, told, verbs } from '../fixtures/starring.ts';
import { assertEnded, runJob } from '../run.ts';
import type { AwsErrorName } from '../sandbox/aws-errors.ts';

describe('AWS', { concurrency: 4 }, () => {
  const errors: [AwsErrorName, number, RegExp][] = [
    ['ResourceNotFoundException', 78, /gmail-jobs\/alice.*no such secret.*GMAIL_SECRET_ID/],
    ['InvalidParameterException', 78, /GMAIL_SECRET_ID/],
    ['AccessDeniedException', 77, /secretsmanager:GetSecretValue on arn:aws:secretsmanager:\S+:secret:gmail-jobs/],
    ['DecryptionFailure', 77, /decrypt.*kms:Decrypt/],
    ['UnrecognizedClientException', 77, /access key.*AWS_ACCESS_KEY_ID/],
    ['InvalidSignatureException', 77, /signature.*AWS_SECRET_ACCESS_KEY/],
    ['ExpiredTokenException', 77, /expired.*AWS_SESSION_TOKEN/],
    ['ThrottlingException', 75, /throttling.*next run/],
    ['InternalServiceError', 75, /next run/],
  ];
  it('errors exit with their own code and remedy', async () => {
    const runs = errors.map(async ([name, code, expected]) => {
      await using sandbox = await sandboxOf();
      sandbox.secrets.fail(name, 20);
      const final = assertEnded(await applyHere(sandbox), code, { outcome: 'failed', requests: 0 });
      assert.match(told(final), expected, name);
      if (code !== 75) assert.equal(verbs(sandbox, 'aws').length, 1, `${name} is not tried again`);
      assert.deepEqual([...verbs(sandbox, 'oauth'), ...verbs(sandbox, 'gmail')], []);
    });
    await Promise.all(runs);
  });

  it('errors that the SDK does not model, pages, and words about a region, an account or a KMS key have their own cause', async () => {
    const answers: [code: number, body: string | object, told: RegExp][] = [
      [75, { __type: 'ProvisionedThroughputExceededException' }, /throttling/],
      [75, { __type: 'BandwidthLimitExceeded' }, /throttling/],
      [75, { __type: 'InternalFailure' }, /InternalFailure/],
      [78, '<html>Sign in</html>', /page|not in the format of AWS/],
      [
        78,
        { __type: 'InvalidSignatureException', Message: 'Credential should be scoped to a valid region.' },
        /another region.*AWS_REGION/,
      ],
      [78, { __type: 'InvalidRequestException', Message: 'The KMS key is disabled.' }, /KMS key.*Enable/],
      [78, { __type: 'KMSInvalidStateException', Message: 'x' }, /KMS key.*Enable/],
      [77, { __type: 'AccessDeniedException', Message: 'Your account is suspended' }, /AWS account.*Support/],
    ];
    const runs = answers.map(async ([code, body, expected]) => {
      await using sandbox = await sandboxOf();
      sandbox.faults.add({ service: 'aws', status: 400, body, times: 20 });
      assert.match(told(assertEnded(await applyHere(sandbox), code, { outcome: 'failed' })), expected);
    });
    await Promise.all(runs);
    for (const body of ['<html>Sign in</html>', '  <!DOCTYPE html>']) {
      await using sandbox = await sandboxOf();
      sandbox.faults.add({ service: 'aws', status: 200, body, times: 20 });
      assert.match(told(assertEnded(await applyHere(sandbox), 78)), /page came instead of an answer/);
    }
  });

  it('exits 77 for a key that belongs to nobody, and for a wrong one', async () => {
    await using sandbox = await sandboxOf();
    const unknown = await applyHere(sandbox, { env: { AWS_ACCESS_KEY_ID: 'AKIA0000000000000000' } });
    assert.match(told(assertEnded(unknown, 77)), /AWS_ACCESS_KEY_ID/);
    const wrong = await applyHere(sandbox, {
      env: { AWS_SECRET_ACCESS_KEY: 'wrong/wrong/wrong/wrong/wrong/wrong/wron' },
    });
    assert.match(told(assertEnded(wrong, 77)), /AWS_SECRET_ACCESS_KEY/);
  });

  it("shows AWS's own reason, and blames a session token that is left over", async () => {
    await using sandbox = await sandboxOf();
    const user =
      'User: arn:aws:iam::123456789012:user/gmail-jobs is not authorized to perform: secretsmanager:GetSecretValue';
    const Message = `${user} with an explicit deny in a service control policy`;
    sandbox.faults.add({ service: 'aws', status: 400, body: { __type: 'AccessDeniedException', Message } });
    assert.match(
      told(assertEnded(await applyHere(sandbox), 77)),
      /by an explicit deny \(service control policy\); AWS says: User: … is not .* → .*removed from that service control policy/,
    );
    const env = { AWS_SESSION_TOKEN: 'IQoJb3JpZ2lu' };
    for (const args of [['apply-rules'], ['check']]) {
      sandbox.secrets.fail('UnrecognizedClientException', 1);
      const { code, stdout } = await runJob(sandbox, args, { env });
      assert.equal(code, 77);
      assert.match(stdout, /AWS_SESSION_TOKEN is set, but the key in AWS_ACCESS_KEY_ID is a long-lived one/);
      assert.match(stdout, /Unset AWS_SESSION_TOKEN/);
    }
  });

  it('exits 78 for a secret that is scheduled for deletion, and says how to get it back', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.scheduleDeletion();
    assert.match(told(assertEnded(await applyHere(sandbox), 78)), /scheduled for deletion.*Cancel/);
  });

  it('exits 78 for a secret in another region, and names the region', async () => {
    await using sandbox = await sandboxOf();
    assert.match(told(assertEnded(await applyHere(sandbox, { env: { AWS_REGION: 'eu-west-3' } }), 78)), /eu-west-3/);
  });

  it('is reached with the ARN as GMAIL_SECRET_ID, and needs no AWS_REGION then', async () => {
    await using sandbox = await sandboxOf();
    const env = { GMAIL_SECRET_ID: sandbox.secrets.secret().arn, AWS_REGION: undefined };
    assertEnded(await applyHere(sandbox, { env }), 0, { changed: 3 });
  });

  it('names the key of the secret that is wrong, exits 78, and never shows a value', async () => {
    const cases: [string | object, RegExp][] = [
      ['', /is empty/],
      ['{"client_secret": "SECRET-VALUE-0", "refresh_token": "SECRET-VALUE-1"', /is not JSON/],
      [{ client_id: '', client_secret: 12345678901 }, /client_id.*client_secret.*refresh_token is missing/],
      [
        { type: 'external_account', client_id: 'id', client_secret: 'short', refresh_token: 'SECRET-VALUE-0 and more' },
        /type.*client_secret is shorter.*refresh_token/,
      ],
      [{ refresh_token: '{"client_id":"x","refresh_token":"1//SECRET-VALUE-0"' }, /client_id is missing.*holds JSON/],
      [
        { email: 'a@example.com', refresh_token: '{"refresh_token":"1//SECRET-VALUE-0"}' },
        /holds the whole JSON.*email/,
      ],
      [`{'client_id':'x','client_secret':'SECRET-VALUE-0','refresh_token':'SECRET-VALUE-1',}`, /single quotes.*comma/],
      [`{"refresh_token":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, /nested more than 100 levels deep/],
    ];
    const runs = cases.map(async ([value, expected]) => {
      await using sandbox = await sandboxOf();
      sandbox.secrets.remove();
      sandbox.secrets.setSecret('gmail-jobs/alice', value);
      const run = await applyHere(sandbox);
      const final = assertEnded(run, 78, { outcome: 'failed' });
      assert.match(String(final.error), /gmail-jobs\/alice/);
      assert.match(String(final.error), expected);
      assert.match(String(final.remedy), /\{"type":"authorized_user","client_id":"…",.*"refresh_token":"…"\}/);
      assert.doesNotMatch(run.stdout + run.stderr, /SECRET-VALUE/);
      assert.deepEqual(verbs(sandbox, 'oauth'), []);
    });
    await Promise.all(runs);
  });

  it('may hold a secret with the spaces, newlines and quotes that pasting adds, and with further keys', async () => {
    await using sandbox = await sandboxOf();
    const { client_id, client_secret, refresh_token } = sandbox.secretValue;
    const pasted = {
      client_id: ` ${client_id}\n`,
      client_secret: `"${client_secret}"`,
      refresh_token: `\t${refresh_token} `,
    };
    sandbox.secrets.put(`\n${JSON.stringify({ ...pasted, note: 'made by Alice', quota: 5 })}\n`);
    assertEnded(await applyHere(sandbox), 0, { changed: 3 });
    sandbox.secrets.put({ refresh_token: JSON.stringify(sandbox.secretValue) });
    assertEnded(await applyHere(sandbox), 0, { outcome: 'nothing-to-do' });
  });

  it("says how to authorize when the secret holds the file of Google's OAuth client", async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.remove();
    sandbox.secrets.setSecret('gmail-jobs/alice', { installed: { client_id: 'x', client_secret: 'GOCSPX-SECRET-0' } });
    for (const args of [['apply-rules'], ['check']]) {
      const { code, stdout } = await runJob(sandbox, args);
      assert.equal(code, 78);
      assert.match(stdout, /is the file of Google's OAuth client.*job authorize --client/s);
      assert.doesNotMatch(stdout, /SECRET-0/);
    }
  });
});
