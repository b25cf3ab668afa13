/** Runs with a service account's key in the secret: the same jobs, by domain-wide delegation. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded, type Finished, runJob } from '../run.ts';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from '../sandbox/index.ts';
import type { ServiceAccountKey } from '../sandbox/service-accounts.ts';

const SUBJECT = 'alice@example.com';
const SECRET = 'gmail-jobs/alice';
const RULES = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };
const DELEGATED = [GMAIL_SCOPES.modify, GMAIL_SCOPES.readonly, GMAIL_SCOPES.insert, GMAIL_SCOPES.labels];

interface Workspace extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly key: ServiceAccountKey;
  /** Puts the key file into AWS as the current version, with `change` made to it. */
  store(change?: Readonly<Record<string, unknown>>): string;
  /** Runs apply-rules, as the built program or inside the test's process; nothing of a key or a token may be seen. */
  apply(options?: { env?: Readonly<Record<string, string | undefined>>; built?: boolean }): Promise<Finished>;
}

/** A sandbox whose secret is a service account's key, in place of a user's credentials. */
async function workspace(scopes: readonly string[] = DELEGATED): Promise<Workspace> {
  const sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
  const key = sandbox.oauth.serviceAccount({ subjects: [SUBJECT], scopes });
  const stored = new Set<string>();
  const remember = (value: unknown) => stored.add(String((value as ServiceAccountKey).private_key));
  sandbox.secrets.setSecret(SECRET, { ...key, subject: SUBJECT });
  remember(key);
  return {
    sandbox,
    key,
    store(change = {}) {
      const value = { ...key, subject: SUBJECT, ...change };
      remember(value);
      return sandbox.secrets.put(value);
    },
    async apply({ env, built = false } = {}) {
      const run = await (built ? runJob : runHere)(sandbox, ['apply-rules'], { rules: RULES, env: env ?? {} });
      assertNothingLeaked(run, sandbox, [...stored]);
      return run;
    },
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}

/** No piece of a key, of an assertion's signature or of a token is in the output, as it is or in another alphabet. */
function assertNothingLeaked({ stdout, stderr }: Finished, sandbox: Sandbox, keys: readonly string[]): void {
  const output = stdout + stderr;
  const assertions = sandbox.requests.flatMap(({ body }) => (body as Record<string, string>)?.assertion ?? []);
  const secrets = [
    ...keys.flatMap((pem) => pem.split(/\\n|\s+/)).filter((line) => !line.includes('-----')),
    ...assertions.flatMap((assertion) => assertion.split('.').slice(2)),
    ...sandbox.oauth.issued.map(({ accessToken }) => accessToken),
  ];
  for (const secret of secrets.filter(({ length }) => length >= 16)) {
    for (let at = 0; at + 16 <= secret.length; at += 8) {
      const piece = secret.slice(at, at + 16);
      assert.ok(!output.includes(piece), `the output holds "${piece}"`);
    }
    for (const encoding of ['hex', 'base64url'] as const) {
      const piece = Buffer.from(secret).toString(encoding).slice(0, 24);
      assert.ok(!output.includes(piece), `the output holds a secret in ${encoding}`);
    }
  }
}

const tokenRequests = ({ requests }: Sandbox) => requests.filter(({ service }) => service === 'oauth');
const told = ({ final }: Finished) => `${final?.error} → ${final?.remedy}`;

describe('a run with a service account', { concurrency: 8 }, () => {
  it("works in the subject's mailbox, with no more scopes than the job needs", async () => {
    await using work = await workspace();
    const run = await work.apply({ built: true });
    assertEnded(run, 0, { outcome: 'ok', changed: 3, secretVersion: work.sandbox.secrets.secret().versions[0]?.id });
    assert.deepEqual(
      work.sandbox.oauth.issued.map(({ email, scopes }) => ({ email, scopes })),
      [{ email: SUBJECT, scopes: [GMAIL_SCOPES.modify] }],
    );
    assert.doesNotMatch(run.stdout, /scope_wide/);
    assertEnded(await work.apply(), 0, { outcome: 'nothing-to-do' });
  });

  it('signs the assertion for the address that receives it', async () => {
    await using work = await workspace();
    assertEnded(await work.apply(), 0);
    const [form] = tokenRequests(work.sandbox).map(({ body }) => body as Record<string, string>);
    const [header = '', claims = '', signature = ''] = form?.assertion?.split('.') ?? [];
    const { aud, sub, scope } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    assert.deepEqual(
      { aud, sub, scope },
      { aud: work.sandbox.env.GOOGLE_TOKEN_URL, sub: SUBJECT, scope: GMAIL_SCOPES.modify },
    );
    const signed = Buffer.from(`${header}.${claims}`);
    assert.ok(verify('sha256', signed, createPublicKey(work.key.private_key), Buffer.from(signature, 'base64url')));
  });

  it('runs every other job as well', async () => {
    await using work = await workspace();
    const run = await runJob(work.sandbox, ['digest']);
    assertEnded(run, 0, { changed: 1 });
    const scopes = [GMAIL_SCOPES.readonly, GMAIL_SCOPES.insert, GMAIL_SCOPES.labels];
    assert.deepEqual(new Set(work.sandbox.oauth.issued.flatMap((token) => token.scopes)), new Set(scopes));
  });

  it('posts the assertion to Google alone, whatever token_uri the secret has', async () => {
    await using work = await workspace();
    await using elsewhere = await startSandbox({ messages: 0 });
    work.store({ token_uri: elsewhere.env.GOOGLE_TOKEN_URL, auth_uri: elsewhere.env.GOOGLE_TOKEN_URL });
    assertEnded(await work.apply(), 0, { changed: 3 });
    assert.deepEqual(elsewhere.requests, []);
  });

  it('accepts a key that was pasted with \\n written out, without line breaks, or in quotes', async () => {
    await using work = await workspace();
    const { private_key: pem } = work.key;
    for (const paste of [pem.replaceAll('\n', '\\n'), pem.replaceAll('\n', ''), ` "${pem}" `]) {
      work.store({ private_key: paste });
      assertEnded(await work.apply(), 0);
    }
  });

  it('gets a new token when one expires during the run', async () => {
    await using work = await workspace();
    work.sandbox.faults.add({
      kind: 'hook',
      verb: 'messages.list',
      before: () => work.sandbox.oauth.expireAccessTokens(),
    });
    assertEnded(await work.apply(), 0, { changed: 3 });
    assert.equal(tokenRequests(work.sandbox).length, 2);
  });
});

describe('a service account that is refused', { concurrency: 8 }, () => {
  it('exits 77 with the page of the Admin console, the client id and the scopes without delegation', async () => {
    await using work = await workspace([GMAIL_SCOPES.readonly]);
    const run = await work.apply();
    assertEnded(run, 77, { outcome: 'failed', matched: 0 });
    assert.match(told(run), /unauthorized_client.*Security.*API controls.*Domain-wide delegation/);
    assert.ok(told(run).includes(`client ID ${work.key.client_id} and OAuth scopes ${GMAIL_SCOPES.modify}`), told(run));
  });

  it('exits 77 and names the subject when there is no such user', async () => {
    await using work = await workspace();
    work.sandbox.secrets.setSecret(SECRET, { ...work.key, subject: 'alicia@example.com' });
    const run = await work.apply();
    assertEnded(run, 77);
    assert.match(told(run), /no user alicia@example\.com.*Correct the address/);
  });

  it('exits 77 and names the key when it was deleted', async () => {
    await using work = await workspace();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const value = { ...work.key, private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }), subject: SUBJECT };
    work.sandbox.secrets.setSecret(SECRET, value);
    const run = await work.apply();
    assertEnded(run, 77);
    assert.match(told(run), /key was deleted.*new key/);
  });

  const refusals = [
    ['invalid_jwt_times', /this machine's clock says .*Set the clock/],
    ['disabled_client', /disabled or deleted.*Enable/],
  ] as const;
  for (const [refusal, says] of refusals) {
    it(`exits 77 and says what to do about ${refusal}`, async () => {
      await using work = await workspace();
      work.sandbox.oauth.refuse(refusal, 9);
      const run = await work.apply();
      assertEnded(run, 77);
      assert.match(told(run), says);
    });
  }

  it('exits 77 before it touches a mailbox that is not the subject’s', async () => {
    await using work = await workspace();
    work.sandbox.faults.add({
      verb: 'users.getProfile',
      status: 200,
      body: { emailAddress: 'bob@example.com', messagesTotal: 1, threadsTotal: 1, historyId: '1' },
    });
    const run = await work.apply();
    assertEnded(run, 77, { matched: 0 });
    assert.match(told(run), /bob@example\.com.*alice@example\.com.*Set subject in the secret/);
    assert.doesNotMatch(told(run), /job rotate/);
  });

  it('exits 75 when Google stays away', async () => {
    await using work = await workspace();
    work.sandbox.faults.add({ service: 'oauth', status: 503, times: Number.POSITIVE_INFINITY });
    assertEnded(await work.apply(), 75);
  });
});

describe('a secret with a broken service account', { concurrency: 8 }, () => {
  const pem = (key: ServiceAccountKey) => key.private_key;
  const wrong: [what: string, change: (key: ServiceAccountKey) => object, says: RegExp][] = [
    ['without subject', () => ({ subject: undefined }), /subject is missing/],
    ['whose subject is no mail address', () => ({ subject: 'alice' }), /subject is no mail address/],
    ['without key', () => ({ private_key: undefined }), /private_key is missing/],
    ['whose key is cut off', (key) => ({ private_key: pem(key).slice(0, 700) }), /private_key is PEM, but no whole/],
    [
      'whose key is damaged',
      (key) => ({ private_key: pem(key).replace(/\n.{30}/, '\n') }),
      /private_key is PEM, but its c/,
    ],
    ['whose key is another text', () => ({ private_key: 'c3VwZXJzZWNyZXR0ZXh0' }), /private_key is no PEM text/],
  ];
  for (const [what, change, says] of wrong) {
    it(`exits 78 with one ${what}, and asks Google nothing`, async () => {
      await using work = await workspace();
      work.sandbox.secrets.setSecret(SECRET, { ...work.key, subject: SUBJECT, ...change(work.key) });
      const run = await work.apply();
      assertEnded(run, 78, { matched: 0 });
      assert.match(told(run), says);
      assert.match(told(run), /secret gmail-jobs\/alice: .*JSON key file.*"subject"/);
      assert.deepEqual(tokenRequests(work.sandbox), []);
    });
  }
});

describe('rotation of a service account', { concurrency: 8 }, () => {
  it('does not stop the run when the new version is broken and the version before works', async () => {
    for (const [change, GMAIL_MAILBOX] of [
      [{ subject: undefined }, SUBJECT],
      [{ private_key: 'oops' }, undefined],
    ] as const) {
      await using work = await workspace();
      const before = work.sandbox.secrets.secret().versions[0]?.id;
      const broken = work.store(change);
      const run = await work.apply({ env: { GMAIL_MAILBOX } });
      assertEnded(run, 0, { changed: 3, secretVersion: before });
      const [fallback] = run.events.filter(({ event }) => event === 'secret.fallback');
      assert.equal(fallback?.level, 'error');
      assert.deepEqual([fallback?.secretVersion, fallback?.brokenVersion], [before, broken]);
    }
  });

  it('ends the run when the new version names another mailbox, or none', async () => {
    await using work = await workspace();
    work.store({ subject: undefined });
    assert.match(
      told(await work.apply()),
      /subject is missing.*neither GMAIL_MAILBOX nor the secret names the mailbox.*set GMAIL_MAILBOX/,
    );
    work.store({ subject: 'nobody@example.com' });
    work.sandbox.secrets.put({ ...work.key, subject: 'nobody@example.com' });
    const contrary = await work.apply({ env: { GMAIL_MAILBOX: SUBJECT } });
    assertEnded(contrary, 78, { matched: 0 });
    assert.match(told(contrary), /GMAIL_MAILBOX is alice@.*secret's subject is nobody@/);
    assertEnded(await work.apply(), 77, { matched: 0 });
  });

  it('goes from a user’s credentials to a service account, and back', async () => {
    await using work = await workspace();
    const { sandbox } = work;
    sandbox.secrets.put(sandbox.secretValue);
    assertEnded(await work.apply(), 0, { changed: 3 });
    sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
    const withKey = sandbox.secrets.secret().versions.find(({ stages }) => stages.has('AWSPREVIOUS'))?.id;
    assertEnded(await work.apply(), 0, { outcome: 'nothing-to-do', secretVersion: withKey });
  });

  it('uses a version that was stored while Google refused the one before', async () => {
    await using work = await workspace();
    work.sandbox.secrets.setSecret(SECRET, { ...work.key, subject: 'gone@example.com' });
    let renewed = '';
    work.sandbox.faults.add({
      kind: 'hook',
      verb: 'token',
      before: () => {
        renewed = work.store();
      },
    });
    const run = await work.apply();
    assertEnded(run, 0, { changed: 3, secretVersion: renewed });
    assert.doesNotMatch(run.stdout, /secret\.fallback/);
  });
});
