/** A run never works on another mailbox than the meant one, whatever the secret holds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandHere, runHere } from '../fixtures/front-door.ts';
import { ARCHIVE, applyHere, carrying, STAR, sandboxOf, told, verbs } from '../fixtures/starring.ts';
import { assertEnded } from '../run.ts';
import { GMAIL_SCOPES, type Sandbox } from '../sandbox/index.ts';

const TRASH = { undo: false, rules: [{ name: 'trash-it', query: 'subject:hit -in:sent', actions: { trash: true } }] };
const BOB = 'bob@example.com';

/** A secret's value whose token opens Bob's mailbox. */
function bobsValue({ oauth, secretValue }: Sandbox, email: string | undefined = BOB) {
  const { client_id: clientId } = secretValue;
  const { refreshToken } = oauth.grant({ clientId, email: BOB, scopes: [GMAIL_SCOPES.modify, GMAIL_SCOPES.readonly] });
  return { ...secretValue, refresh_token: refreshToken, email };
}

/** The mailboxes that got any other request than users.getProfile. */
function touched({ requests, oauth }: Sandbox): string[] {
  const asked = requests.filter(({ service, verb }) => service === 'gmail' && verb !== 'users.getProfile');
  const tokens = asked.map(({ headers }) => headers.authorization?.replace('Bearer ', ''));
  return [
    ...new Set(tokens.map((token) => oauth.issued.find(({ accessToken }) => accessToken === token)?.email ?? '?')),
  ];
}

/** Real run, dry run and check: each must end with this code and message, and touch no mailbox. */
async function assertRefused(
  sandbox: Sandbox,
  code: number,
  says: RegExp,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const check = async () => {
    const run = await commandHere(sandbox, ['check', '--json', '--jobs', 'apply-rules'], { env, rules: TRASH });
    const { lines } = JSON.parse(run.stdout) as { lines: { status: string; detail: string; remedy: string }[] };
    const failed = lines.filter(({ status }) => status === 'failed');
    assert.match(failed.map(({ detail, remedy }) => `${detail} → ${remedy}`).join('\n'), says);
    assert.doesNotMatch(run.stdout, /meanwhile runs use/);
    return run;
  };
  const before = sandbox.mailbox.snapshot();
  const [real, dry, checked] = await Promise.all([
    applyHere(sandbox, { rules: TRASH, env }),
    applyHere(sandbox, { rules: TRASH, env }, ['--dry-run']),
    check(),
  ]);
  for (const run of [real, dry]) assert.match(told(assertEnded(run, code, { matched: 0 })), says);
  assert.equal(checked.code, code, checked.stdout);
  assert.deepEqual(sandbox.mailbox.snapshot(), before);
  assert.deepEqual(touched(sandbox), []);
}

describe('a run', { concurrency: 4 }, () => {
  it('never falls back to the mailbox that the secret held before authorize --replace', async () => {
    const states: readonly (readonly [number, (sandbox: Sandbox) => unknown])[] = [
      [77, (sandbox) => sandbox.secrets.put({ ...bobsValue(sandbox), refresh_token: '1//0a-token-that-is-dead' })],
      [78, ({ secrets }) => secrets.put(`{"email": "${BOB}", "refresh_token": 1//0 }`)],
      [78, ({ secrets }) => secrets.put({ email: BOB, client_id: 'x' })],
    ];
    for (const [code, arrange] of states) {
      await using sandbox = await sandboxOf();
      arrange(sandbox);
      await assertRefused(sandbox, code, /AWSPREVIOUS was not used, because it is for alice@example\.com.*bob@/);
    }
  });

  it('does not use AWSPREVIOUS when neither GMAIL_MAILBOX nor the secret names the mailbox, and says what to do', async () => {
    await using sandbox = await sandboxOf();
    sandbox.secrets.put('refresh_token: half a paste');
    const says = /not JSON; AWSPREVIOUS was not used, because neither GMAIL_MAILBOX nor.*set GMAIL_MAILBOX.*keep email/;
    await assertRefused(sandbox, 78, says);
    // An address does not count when it may belong to something else.
    const { email, ...nameless } = bobsValue(sandbox, 'alice@example.com');
    const own = JSON.stringify(nameless, null, 2);
    const put = (value: string | object) => {
      sandbox.secrets.setSecret('gmail-jobs/alice', sandbox.secretValue);
      sandbox.secrets.put(value);
    };
    put(own.replace('{', `{\n  // "email": "${email}",`));
    await assertRefused(sandbox, 78, says);
    for (const value of [
      { refresh_token: nameless.refresh_token, old: { email } },
      { refresh_token: nameless.refresh_token, backup: sandbox.secretValue },
      `${own} email: ${email}`,
    ]) {
      put(value);
      assert.match(
        told(assertEnded(await applyHere(sandbox, { rules: TRASH }), 78)),
        /because neither GMAIL_MAILBOX nor/,
      );
    }
    assert.deepEqual(touched(sandbox), []);
    put('refresh_token: half a paste');
    // With GMAIL_MAILBOX, runs fall back to AWSPREVIOUS.
    const env = { GMAIL_MAILBOX: 'alice@example.com' };
    assertEnded(await applyHere(sandbox, { env }), 0, { changed: 3 });
    const checked = await commandHere(sandbox, ['check'], { env, rules: TRASH });
    assert.match(checked.stdout, /meanwhile runs use AWSPREVIOUS/);
    assert.match(checked.stdout, /mailbox +alice@example\.com, as GMAIL_MAILBOX says/);
  });

  it('refuses a token, a secret and a fallback of another mailbox than GMAIL_MAILBOX', async () => {
    await using sandbox = await sandboxOf();
    const env = { GMAIL_MAILBOX: 'alice@example.com' };
    sandbox.secrets.put({ ...bobsValue(sandbox), email: undefined });
    await assertRefused(sandbox, 77, /belongs to the mailbox bob@example\.com, but GMAIL_MAILBOX is alice@/, env);
    const listed = await commandHere(sandbox, ['runs'], { env });
    assert.equal(listed.code, 77);
    assert.match(listed.stderr, /GMAIL_MAILBOX is alice@/);
    sandbox.secrets.put('half a paste');
    await assertRefused(sandbox, 78, /not JSON; AWSPREVIOUS was not used, because it is for bob@/, env);
    sandbox.requests.length = 0;
    sandbox.secrets.put(bobsValue(sandbox));
    await assertRefused(sandbox, 78, /GMAIL_MAILBOX is alice@example\.com, but the secret's email is bob@/, env);
    assert.ok(!verbs(sandbox, 'oauth').includes('token'));
    await assertRefused(sandbox, 78, /GMAIL_MAILBOX must be a mail address/, { GMAIL_MAILBOX: 'alice' });
  });

  for (const [what, email] of [
    ['without email', undefined],
    ['with the email of the one before', 'alice@example.com'],
    ['with its own email', BOB],
  ] as const) {
    it(`stops changing messages when its secret is replaced by another mailbox's ${what}`, async () => {
      await using sandbox = await sandboxOf(700);
      const { email: _, ...nameless } = sandbox.secretValue;
      sandbox.secrets.put(email === undefined ? nameless : sandbox.secretValue);
      sandbox.faults.add({
        kind: 'hook',
        verb: 'messages.batchModify',
        after: () => {
          sandbox.secrets.put({ ...bobsValue(sandbox), email });
          sandbox.oauth.expireAccessTokens();
        },
      });
      const run = await applyHere(sandbox, { rules: { undo: false, rules: [STAR, ARCHIVE] } });
      const final = assertEnded(run, 77, { outcome: 'failed', matched: 1_400, changed: 700, remaining: 700 });
      assert.match(told(final), /bob@example\.com/);
      assert.deepEqual(touched(sandbox), ['alice@example.com']);
      assert.deepEqual([carrying(sandbox, 'STARRED'), carrying(sandbox, 'INBOX')], [700, 700]);
    });
  }

  it('asks again when a token expires, and continues with the same mailbox', async () => {
    await using sandbox = await sandboxOf(700);
    const { email: _, ...nameless } = sandbox.secretValue;
    sandbox.secrets.put(nameless);
    sandbox.faults.add({
      kind: 'hook',
      verb: 'messages.batchModify',
      after: () => sandbox.oauth.expireAccessTokens(),
    });
    const run = await applyHere(sandbox, { rules: { undo: false, rules: [STAR, ARCHIVE] } });
    const { quotaUnits, requests } = assertEnded(run, 0, { changed: 1_400 });
    const asked = sandbox.requests.filter(({ service }) => service === 'gmail');
    assert.equal(asked.filter(({ verb }) => verb === 'users.getProfile').length, 2);
    assert.equal(requests, asked.length);
    assert.equal(
      quotaUnits,
      // The run counts its request with the expired token, which Gmail refused and did not charge.
      asked.reduce((sum, { units = 50 }) => sum + units, 0),
    );
  });

  it("exits 78 for a job whose scopes cannot read the mailbox's address", async () => {
    await using sandbox = await sandboxOf();
    const { code, stderr } = await runHere(sandbox, ['inserting'], { jobs: 'fixtures' });
    assert.equal(code, 78);
    assert.match(stderr, /jobs\/inserting\.ts: its scopes .*users\.getProfile[\s\S]*gmail\.metadata to its scopes/);
    assert.deepEqual(sandbox.requests, []);
  });

  it('does not store a refresh token that Google replaced over the secret of another mailbox', async () => {
    await using sandbox = await sandboxOf();
    sandbox.oauth.rotatesRefreshTokens = true;
    const bobs = bobsValue(sandbox);
    sandbox.faults.add({ kind: 'hook', service: 'oauth', before: () => void sandbox.secrets.put(bobs) });
    const run = await applyHere(sandbox);
    assertEnded(run, 0, { changed: 3 });
    assert.match(run.stdout, /token\.refresh_token_replaced.*moved by somebody else/);
    assert.deepEqual(touched(sandbox), ['alice@example.com']);
    const current = sandbox.secrets.secret().versions.find(({ stages }) => stages.has('AWSCURRENT'));
    assert.deepEqual(JSON.parse(String(current?.value)), bobs);
  });
});
