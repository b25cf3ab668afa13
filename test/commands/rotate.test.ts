/** `job rotate`: whatever goes wrong, AWSCURRENT works afterwards. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mailboxOf } from '../fixtures/mailbox.ts';
import type { RecordedRequest } from '../sandbox/http.ts';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from '../sandbox/index.ts';
import {
  asked,
  assertCurrentWorks,
  assertRefused,
  assertRotated,
  authorize,
  type CommandRun,
  type Person,
  runCommand,
  stagesOf,
  writeClientFile,
} from './person.ts';

function open(): Promise<Sandbox> {
  return startSandbox({ mailbox: mailboxOf([{}]) });
}

function rotate(sandbox: Sandbox, args: readonly string[] = [], person: Person = {}): Promise<CommandRun> {
  return runCommand(sandbox, ['rotate', ...args], person);
}

/** Refuses every exchange of a refresh token but the sandbox's first one, once `when` holds. */
function breakNewTokens(sandbox: Sandbox, when: () => boolean = () => true): void {
  const match = ({ body }: RecordedRequest) => {
    const { grant_type, refresh_token } = (body ?? {}) as Record<string, string>;
    return grant_type === 'refresh_token' && refresh_token !== sandbox.secretValue.refresh_token && when();
  };
  const body = { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' };
  sandbox.faults.add({ service: 'oauth', match, status: 400, body, times: Number.POSITIVE_INFINITY });
}

describe('job rotate', { concurrency: 8 }, () => {
  it('stores a new consent as AWSCURRENT, and the version before as AWSPREVIOUS', async () => {
    await using sandbox = await open();
    const run = await rotate(sandbox, [], { built: true });
    assertRotated(run);
    assert.match(run.visit?.body ?? '', /The new credentials are live/);
    const { AWSCURRENT: current, ...others } = stagesOf(sandbox);
    assert.notEqual(current?.refresh_token, sandbox.secretValue.refresh_token);
    assert.equal(current?.client_secret, sandbox.secretValue.client_secret);
    assert.deepEqual(others, { AWSPREVIOUS: sandbox.secretValue }, 'AWSPENDING is gone');
    assert.ok(!asked(sandbox).includes('oauth revoke'));
    await assertCurrentWorks(sandbox);
  });

  it('asks for the scopes of the current version, and no more', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf([{}]), scopes: [GMAIL_SCOPES.modify] });
    assertRotated(await rotate(sandbox));
    assert.deepEqual(sandbox.consent.asked[0]?.scopes, [GMAIL_SCOPES.modify]);
    assert.equal(sandbox.consent.asked[0]?.loginHint, 'alice@example.com');
  });

  it('changes nothing when the consent is for another mailbox or for fewer scopes', async () => {
    await using sandbox = await open();
    sandbox.consent.behave({ email: 'bob@example.com' });
    const other = await rotate(sandbox);
    assert.equal(other.code, 77);
    assert.match(other.stderr, /bob@example\.com.*alice@example\.com/);
    sandbox.consent.behave({ untick: [GMAIL_SCOPES.modify] });
    const less = await rotate(sandbox);
    assert.equal(less.code, 77);
    assert.match(less.stderr, /gmail\.modify/);
    assert.match(less.visit?.body ?? '', /were not rotated/);
    assert.deepEqual(stagesOf(sandbox), { AWSCURRENT: sandbox.secretValue });
  });

  it('names before the consent and at the end the jobs that will not run, with the command for all jobs', async () => {
    await using sandbox = await open();
    const all = '`bin/job rotate --jobs apply-rules,digest,export,restore,undo`';
    for (const args of [['--jobs', 'digest'], []]) {
      const { stdout, ...run } = await rotate(sandbox, args);
      assertRotated({ stdout, ...run });
      const told = `apply-rules, undo will not run. To authorize for every installed job: ${all}.`;
      assert.ok(stdout.startsWith(`With these scopes, ${told}\nAgree on this page`), stdout);
      assert.match(stdout, /^ {2}Will run +digest, export, restore\n {2}Will not run +apply-rules, undo$/m);
      assert.ok(stdout.includes(`Next: With these scopes, ${told}\n`), stdout);
      assert.match(run.visit?.body ?? '', /Will not run/);
    }
    const refused = await runCommand(sandbox, ['runs']);
    assert.equal(refused.code, 77);
    assert.ok(refused.stderr.includes(all), refused.stderr);
    const run = await rotate(sandbox, ['--jobs', 'apply-rules,digest,export,restore,undo']);
    assertRotated(run);
    assert.doesNotMatch(run.stdout, /will not run/i);
    await assertCurrentWorks(sandbox);
  });

  it('refuses a grant with any box left empty, as authorize does', async () => {
    const { readonly, insert, labels, modify } = GMAIL_SCOPES;
    const table: readonly (readonly [string, readonly string[], RegExp])[] = [
      [
        readonly,
        [],
        /the box for gmail\.readonly .* so digest, export, restore would run with more access than needed/,
      ],
      [labels, ['--jobs', 'digest'], /the box for gmail\.labels .* so digest would not run/],
      [insert, ['--jobs', 'digest,undo'], /the box for gmail\.insert .* so digest would run with more/],
      [modify, ['--jobs', 'undo,digest'], /the box for gmail\.modify .* so undo would not run\n.*`--jobs digest`/],
    ];
    await using sandbox = await open();
    for (const [box, args, told] of table) {
      sandbox.consent.behave({ untick: [box] });
      assertRefused(await rotate(sandbox, args), sandbox, 77, told);
      assertRefused(await authorize(sandbox, args), sandbox, 77, told);
    }
  });

  it('says after Ctrl-C that nothing was stored', async () => {
    await using sandbox = await open();
    let stop = () => undefined as unknown;
    const run = await rotate(sandbox, [], {
      onStart: (child) => {
        stop = () => child.kill('SIGINT');
      },
      open: async () => void stop(),
    });
    assert.equal(run.code, 130, run.stderr);
    assert.match(run.stdout, /\nStopped: nothing was stored\.\n$/);
    assert.deepEqual(stagesOf(sandbox), { AWSCURRENT: sandbox.secretValue });
  });

  it('does not make a version current that does not work', async () => {
    await using sandbox = await open();
    breakNewTokens(sandbox);
    const run = await rotate(sandbox);
    assert.equal(run.code, 77);
    assert.match(run.stderr, /invalid_grant/);
    assert.deepEqual(stagesOf(sandbox).AWSCURRENT, sandbox.secretValue);
    sandbox.faults.clear();
  });

  it('puts the version before back when the new version fails once it is current', async () => {
    await using sandbox = await open();
    breakNewTokens(sandbox, () => stagesOf(sandbox).AWSCURRENT?.refresh_token !== sandbox.secretValue.refresh_token);
    const run = await rotate(sandbox, [], { built: true });
    assert.equal(run.code, 77, run.stdout);
    assert.match(run.stderr, /was put back.*invalid_grant/);
    assert.deepEqual(stagesOf(sandbox).AWSCURRENT, sandbox.secretValue);
    await assertCurrentWorks(sandbox);
    sandbox.faults.clear();
    assertRotated(await rotate(sandbox));
  });

  it('exits 75 after putting the version before back when Google is away after the change, and continues later', async () => {
    await using sandbox = await open();
    const match = () => stagesOf(sandbox).AWSCURRENT?.refresh_token !== sandbox.secretValue.refresh_token;
    sandbox.faults.add({ service: 'oauth', match, status: 503, times: Number.POSITIVE_INFINITY });
    const run = await rotate(sandbox);
    assert.equal(run.code, 75, run.stdout);
    assert.match(run.stderr, /was put back/);
    sandbox.faults.clear();
    const again = await rotate(sandbox);
    assertRotated(again);
    assert.equal(again.link, undefined, 'nobody is asked again');
  });

  it('rotates dead credentials when the secret names their mailbox', async () => {
    await using sandbox = await open();
    sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
    const run = await rotate(sandbox);
    assertRotated(run);
    assert.match(run.stdout, /does not work: .*invalid_grant/);
    await assertCurrentWorks(sandbox);
  });

  it('rotates only for the mailbox in GMAIL_MAILBOX, whatever the token opens', async () => {
    await using sandbox = await open();
    const { email: _, ...nameless } = sandbox.secretValue;
    const env = { GMAIL_MAILBOX: 'alice@example.com' };
    sandbox.secrets.setSecret('gmail-jobs/alice', { ...nameless, refresh_token: '1//0a-token-that-is-dead' });
    const unknown = await rotate(sandbox);
    assert.equal(unknown.code, 77);
    assert.match(unknown.stderr, /neither GMAIL_MAILBOX nor the secret names its mailbox.*\n.*Set GMAIL_MAILBOX/);
    sandbox.consent.behave({ email: 'bob@example.com' });
    assert.match((await rotate(sandbox, [], { env })).stderr, /bob@example\.com.*alice@example\.com/);
    sandbox.consent.behave({ email: 'alice@example.com' });
    assertRotated(await rotate(sandbox, [], { env }));
    assert.equal(stagesOf(sandbox).AWSCURRENT?.email, 'alice@example.com');
    const contrary = await rotate(sandbox, [], { env: { GMAIL_MAILBOX: 'bob@example.com' } });
    assert.equal(contrary.code, 78);
    assert.match(contrary.stderr, /GMAIL_MAILBOX is bob@example\.com, but the secret's email is alice@example\.com/);
    assert.equal(contrary.link, undefined);
  });

  it('uses the version that authorize stored as AWSPENDING, without consent', async () => {
    await using sandbox = await open();
    await using client = await writeClientFile(sandbox.secretValue);
    await runCommand(sandbox, ['authorize', '--client', client.file, '--stage', 'AWSPENDING']);
    const pending = stagesOf(sandbox).AWSPENDING;
    const run = await rotate(sandbox);
    assertRotated(run);
    assert.equal(run.link, undefined);
    assert.deepEqual(stagesOf(sandbox).AWSCURRENT, pending);
  });

  it('keeps keys that the program does not know, and those that the current version got after AWSPENDING', async () => {
    await using sandbox = await open();
    const keys = { WEBHOOK_TOKEN: 'made-up-token', limits: { posts: 3 } };
    sandbox.secrets.put({ ...sandbox.secretValue, ...keys });
    const first = await rotate(sandbox);
    assertRotated(first);
    assert.match(first.stdout, /^ {2}Kept keys +WEBHOOK_TOKEN, limits$/m);
    const { WEBHOOK_TOKEN, limits } = stagesOf(sandbox).AWSCURRENT ?? {};
    assert.deepEqual({ WEBHOOK_TOKEN, limits }, keys);

    await authorize(sandbox, ['--stage', 'AWSPENDING']);
    const { AWSCURRENT: current, AWSPENDING: pending } = stagesOf(sandbox);
    const edited = { ...current, WEBHOOK_TOKEN: 'made-up-token-2', ADDED_KEY: 'made-up-as-well' };
    sandbox.secrets.put(edited);
    const second = await rotate(sandbox);
    assertRotated(second);
    assert.equal(second.link, undefined);
    const { client_secret, refresh_token } = pending ?? {};
    assert.deepEqual(stagesOf(sandbox), {
      AWSCURRENT: { ...edited, client_secret, refresh_token },
      AWSPREVIOUS: edited,
    });
    await assertCurrentWorks(sandbox);
  });

  it('does not use an AWSPENDING that is broken, for another mailbox or has fewer scopes', async () => {
    await using sandbox = await open();
    const { client_id: clientId } = sandbox.secretValue;
    const scopes = Object.values(GMAIL_SCOPES);
    const bob = sandbox.oauth.grant({ clientId, scopes, email: 'bob@example.com' }).refreshToken;
    const less = sandbox.oauth.grant({ clientId, scopes: [GMAIL_SCOPES.readonly], email: 'alice@example.com' });
    const { email: _, ...value } = sandbox.secretValue;
    for (const [pending, why] of [
      ['{', /not JSON/],
      [{ ...value, refresh_token: '1//0dead-and-gone' }, /invalid_grant/],
      [{ ...value, refresh_token: bob }, /bob@example\.com/],
      [{ ...value, refresh_token: less.refreshToken }, /not granted gmail\.modify/],
    ] as const) {
      sandbox.secrets.put(pending, 'AWSPENDING');
      const run = await rotate(sandbox);
      assertRotated(run);
      assert.match(run.stdout, why);
      assert.notEqual(run.link, undefined);
    }
    await assertCurrentWorks(sandbox);
  });

  it('stores the refresh tokens that Google replaces during the rotation', async () => {
    await using sandbox = await open();
    sandbox.oauth.rotatesRefreshTokens = true;
    assertRotated(await rotate(sandbox));
    sandbox.oauth.rotatesRefreshTokens = false;
    await assertCurrentWorks(sandbox);
  });

  it('copes with reads that lag behind writes', async () => {
    await using sandbox = await open();
    sandbox.secrets.readLagMs = 700;
    assertRotated(await rotate(sandbox));
    sandbox.secrets.readLagMs = 0;
    await assertCurrentWorks(sandbox);
  });

  it('names the missing IAM action, and keeps the current version', async () => {
    for (const action of ['PutSecretValue', 'UpdateSecretVersionStage', 'GetSecretValue']) {
      await using sandbox = await open();
      sandbox.iam.deny([action]);
      const run = await rotate(sandbox);
      assert.equal(run.code, 77, run.stdout);
      assert.match(run.stderr, new RegExp(`secretsmanager:${action} on `));
      assert.deepEqual(stagesOf(sandbox).AWSCURRENT, sandbox.secretValue);
    }
  });

  it('refuses the key of a service account, a broken value and a missing version', async () => {
    await using sandbox = await open();
    const key = sandbox.oauth.serviceAccount({ subjects: ['alice@example.com'], scopes: [] });
    sandbox.secrets.put({ ...key, subject: 'alice@example.com' });
    const account = await rotate(sandbox);
    assert.equal(account.code, 78);
    assert.match(account.stderr, /service account/);
    sandbox.secrets.put('{}');
    const broken = await rotate(sandbox);
    assert.equal(broken.code, 78);
    assert.match(broken.stderr, /client_id is missing.*nothing to rotate\n.*authorize/);
    sandbox.secrets.remove();
    const missing = await rotate(sandbox);
    assert.equal(missing.code, 78);
    assert.match(missing.stderr, /no such secret\n.*authorize/);
  });
});

describe('job rotate --client', { concurrency: 8 }, () => {
  /** Gives the sandbox's client another secret, as the Cloud console does. */
  function resetClientSecret(sandbox: Sandbox) {
    const client = { client_id: sandbox.secretValue.client_id, client_secret: 'GOCSPX-the-new-client-secret' };
    sandbox.oauth.clients.set(client.client_id, client.client_secret);
    return client;
  }

  it('changes only the client secret when the client is the same, without consent', async () => {
    await using sandbox = await open();
    await using client = await writeClientFile(resetClientSecret(sandbox));
    sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, WEBHOOK_TOKEN: 'made-up-token' });
    const run = await rotate(sandbox, ['--client', client.file]);
    assertRotated(run);
    assert.equal(run.link, undefined);
    const before = { ...sandbox.secretValue, WEBHOOK_TOKEN: 'made-up-token' };
    const expected = { ...before, client_secret: 'GOCSPX-the-new-client-secret' };
    assert.deepEqual(stagesOf(sandbox), { AWSCURRENT: expected, AWSPREVIOUS: before });
    await assertCurrentWorks(sandbox);
    const again = await rotate(sandbox, ['--client', client.file]);
    assert.equal(again.code, 0);
    assert.match(again.stdout, /Nothing had to be rotated/);
  });

  it('changes nothing when Google does not accept the client secret', async () => {
    await using sandbox = await open();
    const wrong = { client_id: sandbox.secretValue.client_id, client_secret: 'GOCSPX-mistyped' };
    await using client = await writeClientFile(wrong);
    const run = await rotate(sandbox, ['--client', client.file]);
    assert.equal(run.code, 77);
    assert.match(run.stderr, /new client secret \(invalid_client\): nothing was changed/);
    assert.deepEqual(stagesOf(sandbox), { AWSCURRENT: sandbox.secretValue });
  });

  it('gives the remedy of a run when the client of the new client secret is disabled', async () => {
    await using sandbox = await open();
    sandbox.oauth.refuse('disabled_client', 9);
    const { client_id } = sandbox.secretValue;
    await using client = await writeClientFile({ client_id, client_secret: 'GOCSPX-new' });
    const run = await rotate(sandbox, ['--client', client.file]);
    assert.equal(run.code, 77);
    assert.match(
      run.stderr,
      /new client secret \(disabled_client\): nothing was changed\s+Enable it in the Cloud console/,
    );
    assert.deepEqual(stagesOf(sandbox), { AWSCURRENT: sandbox.secretValue });
  });

  it('asks for consent with another client', async () => {
    await using sandbox = await open();
    const other = { client_id: 'other.apps.googleusercontent.com', client_secret: 'GOCSPX-of-the-other-client' };
    sandbox.oauth.clients.set(other.client_id, other.client_secret);
    await using client = await writeClientFile(other);
    assertRotated(await rotate(sandbox, ['--client', client.file]));
    assert.equal(sandbox.consent.asked[0]?.clientId, other.client_id);
    const { client_id, client_secret } = stagesOf(sandbox).AWSCURRENT ?? {};
    assert.deepEqual({ client_id, client_secret }, other);
    await assertCurrentWorks(sandbox);
  });
});

describe('job rotate --revoke', { concurrency: 8 }, () => {
  it('asks, revokes the old grant, and then asks for consent', async () => {
    await using sandbox = await open();
    const run = await rotate(sandbox, ['--revoke'], { stdin: 'y\n', built: true });
    assertRotated(run);
    assert.match(run.stdout, /Then every run of every job fails until.*\n.*\[y\/N\]/);
    assert.equal(sandbox.oauth.grants.get(sandbox.secretValue.refresh_token)?.alive, false);
    const verbs = asked(sandbox);
    assert.ok(verbs.indexOf('oauth revoke') < verbs.indexOf('consent auth'), verbs.join());
    await assertCurrentWorks(sandbox);
  });

  it('changes nothing when the answer is no, and requires --yes without a terminal', async () => {
    await using sandbox = await open();
    const bobs = { ...sandbox.secretValue, refresh_token: '1//0a-token-of-another', email: 'bob@example.com' };
    sandbox.secrets.setSecret('gmail-jobs/alice', bobs);
    sandbox.secrets.put(sandbox.secretValue);
    for (const [stdin, code, told] of [
      ['n\n', 65, /nothing was revoked/],
      ['\n', 65, /nothing was revoked/],
      ['', 2, /--yes/],
    ] as const) {
      const run = await rotate(sandbox, ['--revoke'], { stdin });
      assert.equal(run.code, code);
      assert.match(run.stderr, told);
      assert.match(
        run.stdout,
        /in the secret gmail-jobs\/alice at Google, for alice@example\.com and bob@example\.com/,
      );
    }
    assert.ok(!asked(sandbox).includes('oauth revoke'));
    assert.deepEqual(stagesOf(sandbox), { AWSCURRENT: sandbox.secretValue, AWSPREVIOUS: bobs });
  });

  it('continues with the next job rotate when nobody consented after the revocation', async () => {
    await using sandbox = await open();
    sandbox.consent.behave({ decision: 'deny' });
    const run = await rotate(sandbox, ['--revoke', '--yes']);
    assert.equal(run.code, 77);
    assert.match(run.stdout, /Revoked: 1 refresh token\. No job can run/);
    sandbox.consent.behave({});
    assertRotated(await rotate(sandbox));
    await assertCurrentWorks(sandbox);
  });
});
