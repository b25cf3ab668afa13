/** A cause has one remedy and one exit code, whether a run, `job check` or `job authorize` meets it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authorize } from '../commands/person.ts';
import { commandHere, runHere } from '../fixtures/front-door.ts';
import { applyHere, forever, sandboxOf } from '../fixtures/starring.ts';
import { assertEnded } from '../run.ts';
import { GMAIL_SCOPES, googleErrors, type Sandbox, type SandboxOptions } from '../sandbox/index.ts';

interface Case {
  readonly arrange: (sandbox: Sandbox) => unknown;
  readonly options?: SandboxOptions;
  /** The line of `job check` that reports the cause. */
  readonly line: string;
  readonly advice: RegExp;
}

const cases: Readonly<Record<string, Case>> = {
  'a scope that was not granted': {
    options: { scopes: [GMAIL_SCOPES.readonly] },
    arrange: () => undefined,
    line: 'scopes',
    advice: /`bin\/job rotate --jobs apply-rules,export,undo`/,
  },
  'a refresh token that is dead': {
    arrange: ({ oauth, secretValue }) => oauth.revoke(secretValue.refresh_token),
    line: 'token',
    advice: /job rotate/,
  },
  'a token of another mailbox': {
    arrange: ({ secrets, secretValue }) => secrets.put({ ...secretValue, email: 'bob@example.com' }),
    line: 'mailbox',
    advice: /job rotate/,
  },
  'a token that Gmail does not accept': {
    arrange: ({ faults }) => faults.add({ service: 'gmail', ...forever, ...googleErrors.invalidCredentials() }),
    line: 'mailbox',
    advice: /job rotate/,
  },
  'an account that may not use Gmail': {
    arrange: ({ faults }) => faults.add({ service: 'gmail', ...forever, ...googleErrors.delegationDenied('alice') }),
    line: 'mailbox',
    advice: /job rotate/,
  },
  'a secret that does not exist': {
    arrange: ({ secrets }) => secrets.remove(),
    line: 'secret',
    advice: /job authorize/,
  },
  'a value that is broken': {
    arrange: ({ secrets, secretValue }) => secrets.setSecret('gmail-jobs/alice', { ...secretValue, client_id: '' }),
    line: 'secret',
    advice: /AWS console/,
  },
  'a service account without its scopes': {
    arrange({ oauth, secrets }) {
      const key = oauth.serviceAccount({ subjects: ['alice@example.com'], scopes: [] });
      secrets.put({ ...key, subject: 'alice@example.com' });
      oauth.grants.clear();
    },
    line: 'token',
    advice: /Domain-wide delegation/,
  },
};

describe('a run and job check give the same remedy for', { concurrency: 4 }, () => {
  for (const [cause, { options = {}, arrange, line, advice }] of Object.entries(cases)) {
    it(cause, async () => {
      await using sandbox = await sandboxOf(3, options);
      arrange(sandbox);
      const [run, check] = await Promise.all([
        applyHere(sandbox),
        commandHere(sandbox, ['check', '--json', '--jobs', 'apply-rules']),
      ]);
      const { lines } = JSON.parse(check.stdout) as { lines: { id: string; remedy?: string }[] };
      const { remedy } = lines.find(({ id }) => id === line) ?? {};
      assert.match(`${remedy}`, advice);
      assert.equal(assertEnded(run, check.code).remedy, remedy);
    });
  }
});

it('a run, job check and job authorize give the same remedy for a disabled client', async () => {
  await using sandbox = await sandboxOf();
  sandbox.oauth.refuse('disabled_client', 20);
  const [run, check, authorized] = await Promise.all([
    applyHere(sandbox),
    commandHere(sandbox, ['check', '--jobs', 'apply-rules']),
    authorize(sandbox),
  ]);
  const { error, remedy } = assertEnded(run, 77);
  assert.match(`${error}`, /OAuth client is disabled/);
  assert.match(`${remedy}`, /^Enable it .* `bin\/job rotate --client`/);
  assert.equal(authorized.code, 77);
  for (const { output } of [{ output: check.stdout }, { output: authorized.stderr }]) {
    assert.ok(output.replace(/\s+/g, ' ').includes(`${remedy}`), output);
  }
});

describe('a run and job check give the same remedy for files in S3 and', { concurrency: 4 }, () => {
  const places: Readonly<
    Record<string, readonly [place: string, arrange: (sandbox: Sandbox) => unknown, advice: RegExp]>
  > = {
    'a bucket that does not exist': ['s3://no-such-bucket/mail', () => undefined, /aws s3 mb s3:\/\/no-such-bucket/],
    'a bucket in another region': [
      's3://elsewhere/mail',
      ({ s3 }) => s3.createBucket('elsewhere', { region: 'eu-central-1' }),
      /AWS_REGION=eu-central-1/,
    ],
    'a user who may not use the bucket': [
      's3://gmail-jobs-copy/mail',
      ({ iam }) => iam.deny(['s3:GetObject', 's3:ListBucket']),
      /s3:(?:GetObject|ListBucket) on arn:aws:s3:::gmail-jobs-copy/,
    ],
  };
  for (const [cause, [place, arrange, advice]] of Object.entries(places)) {
    it(cause, async () => {
      await using sandbox = await sandboxOf(3);
      arrange(sandbox);
      const env = { EXPORT_URL: place };
      const [run, check] = await Promise.all([
        runHere(sandbox, ['restore', '--dry-run'], { env }),
        commandHere(sandbox, ['check', '--json', '--jobs', 'restore'], { env }),
      ]);
      const { lines } = JSON.parse(check.stdout) as { lines: { id: string; exitCode?: number; remedy?: string }[] };
      const { remedy, exitCode } = lines.find(({ id }) => id === 'files') ?? {};
      assert.match(`${remedy}`, advice);
      assert.match(`${assertEnded(run, exitCode ?? 0).remedy}`, advice);
    });
  }
});
