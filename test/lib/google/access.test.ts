import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createSecretFetcher, type FetchSecret } from '../../../lib/aws/secret.ts';
import { ConfigError, CredentialError, type JobError, UnavailableError } from '../../../lib/errors.ts';
import { createAccessTokens } from '../../../lib/google/access.ts';
import { Scope } from '../../../lib/job.ts';
import { recordLog } from '../../in-process.ts';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from '../../sandbox/index.ts';
import type { TokenRefusal } from '../../sandbox/oauth.ts';
import { VirtualClock } from '../../virtual-clock.ts';

const DAY_MS = 86_400_000;

describe('createAccessTokens', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
    for (const [name, value] of Object.entries(sandbox.env)) if (name.startsWith('AWS_')) process.env[name] = value;
  });
  beforeEach(() => {
    sandbox.secrets.setSecret('gmail-jobs/alice', sandbox.secretValue);
    sandbox.oauth.grants.clear();
    grant(sandbox.secretValue.refresh_token);
    sandbox.oauth.narrowing = 'honour';
    sandbox.oauth.rotatesRefreshTokens = false;
    sandbox.requests.length = 0;
  });
  afterEach(() => sandbox.faults.clear());
  after(() => sandbox.close());

  const grant = (refreshToken: string, scopes: readonly string[] = [Scope.modify, Scope.insert, Scope.labels]) =>
    sandbox.oauth.grant({ clientId: sandbox.secretValue.client_id, email: 'alice@example.com', refreshToken, scopes });
  const rotate = (refreshToken: string) => sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: refreshToken });
  const current = () => sandbox.secrets.secret().versions.find(({ stages }) => stages.has('AWSCURRENT'));
  const asked = (verb: string) => sandbox.requests.filter((request) => request.verb === verb);

  /** Tokens for a job that needs `scopes`. */
  function open(
    options: { scopes?: readonly string[]; mailbox?: string; wrap?: (fetch: FetchSecret) => FetchSecret } = {},
  ) {
    const { scopes = [Scope.modify], mailbox, wrap = (fetch) => fetch } = options;
    const clock = new VirtualClock();
    const { log, events, named } = recordLog();
    const stop = new AbortController();
    const hidden: string[] = [];
    const hide = (secret: string) => hidden.push(secret);
    const tokenUrl = sandbox.env.GOOGLE_TOKEN_URL ?? '';
    const tokens = createAccessTokens({
      jobName: 'apply-rules',
      scopes,
      fetchSecret: wrap(createSecretFetcher({ secretId: 'gmail-jobs/alice', region: 'us-east-1' }, hide)),
      exchange: { tokenUrl, timeoutMs: 300, clock, random: () => 0, hide },
      mailbox: mailbox === undefined ? undefined : { address: mailbox, expectedBy: 'GMAIL_MAILBOX' },
      // As Gmail answers for the token.
      askMailbox: async (token) => ({ address: sandbox.oauth.find(token)?.email ?? assert.fail(), messages: 0 }),
      clock,
      log,
      signal: stop.signal,
    });
    return { tokens, clock, events, named, stop, hidden };
  }

  async function failure(opened = open()): Promise<JobError> {
    return opened.tokens.get().then(
      () => assert.fail('a token was issued'),
      (error: JobError) => error,
    );
  }

  it('fetches the secret, exchanges it for the scopes of the job alone, and hides the token', async () => {
    const { tokens, named, hidden } = open({ scopes: [Scope.insert, Scope.labels] });
    const { value } = await tokens.get();
    assert.deepEqual(sandbox.oauth.issued.at(-1)?.scopes, [Scope.insert, Scope.labels]);
    assert.ok(hidden.includes(value));
    assert.equal(tokens.secretVersion, current()?.id);
    assert.equal(tokens.profile?.address, 'alice@example.com');
    assert.deepEqual(named('token.scope_wide'), []);
    assert.deepEqual(
      named('secret.fetched').map(({ secretVersion }) => secretVersion),
      [current()?.id],
    );
  });

  it('fetches and exchanges once for simultaneous requests', async () => {
    const { tokens } = open();
    const values = await Promise.all(Array.from({ length: 20 }, () => tokens.get()));
    assert.equal(new Set(values.map(({ value }) => value)).size, 1);
    assert.deepEqual([asked('GetSecretValue').length, asked('token').length], [1, 1]);
  });

  it('keeps a token until a minute before it expires, and then fetches the secret anew', async () => {
    const { tokens, clock, stop } = open();
    const first = await tokens.get();
    await clock.sleep(3_538_000, stop.signal);
    assert.equal(await tokens.get(), first);
    const id = rotate(grant('1//0the-next-refresh-token').refreshToken);
    await clock.sleep(2_000, stop.signal);
    assert.notEqual((await tokens.get()).value, first.value);
    assert.equal(tokens.secretVersion, id);
  });

  it('renews a refused token once for all requests that were refused with it', async () => {
    const { tokens } = open();
    const { value } = await tokens.get();
    const renewed = await Promise.all(Array.from({ length: 20 }, () => tokens.renew(value)));
    assert.equal(new Set(renewed.map((token) => token.value)).size, 1);
    assert.equal(await tokens.renew(value), renewed[0]);
    assert.deepEqual([asked('GetSecretValue').length, asked('token').length], [2, 2]);
  });

  it('tries again at the next request after a failure', async () => {
    const { tokens } = open();
    sandbox.faults.add({ service: 'oauth', status: 500, times: 5 });
    await assert.rejects(tokens.get(), UnavailableError);
    assert.ok((await tokens.get()).value.length > 0);
  });

  describe('narrowing', () => {
    it('continues with the full grant when Google ignores the scopes, and logs that once', async () => {
      sandbox.oauth.narrowing = 'ignore';
      const { tokens, named } = open();
      const { value } = await tokens.get();
      await tokens.renew(value);
      assert.equal(named('token.scope_wide').length, 1);
      assert.equal(named('token.scope_wide')[0]?.level, 'warn');
    });

    it('continues with the full grant when Google refuses to narrow, and logs that once', async () => {
      sandbox.oauth.narrowing = 'refuse';
      const { tokens, named } = open();
      const { value } = await tokens.get();
      await tokens.renew(value);
      assert.equal(named('token.scope_wide').length, 1);
    });

    it('logs nothing when the grant is no wider than the job needs, although Google ignores the scopes', async () => {
      sandbox.oauth.narrowing = 'ignore';
      sandbox.oauth.grants.clear();
      grant(sandbox.secretValue.refresh_token, [Scope.modify]);
      const { tokens, named } = open();
      await tokens.get();
      assert.deepEqual(named('token.scope_wide'), []);
    });

    for (const narrowing of ['honour', 'ignore', 'refuse'] as const) {
      it(`names every scope that the grant lacks before the mailbox is touched (${narrowing})`, async () => {
        sandbox.oauth.narrowing = narrowing;
        sandbox.oauth.grants.clear();
        grant(sandbox.secretValue.refresh_token, [Scope.readonly]);
        const error = await failure(open({ scopes: [Scope.readonly, Scope.insert, Scope.labels] }));
        assert.ok(error instanceof CredentialError);
        assert.match(error.message, /apply-rules needs the scopes gmail\.insert, gmail\.labels, which/);
        assert.equal(asked('GetSecretValue').length, 1);
      });
    }

    for (const [granted, needed] of [
      [[GMAIL_SCOPES.full], [Scope.modify]],
      [[Scope.modify], [Scope.readonly, Scope.insert, Scope.labels]],
    ] as const) {
      it(`accepts ${granted} where ${needed.length} of its parts are needed`, async () => {
        sandbox.oauth.grants.clear();
        grant(sandbox.secretValue.refresh_token, granted);
        const { tokens } = open({ scopes: needed });
        assert.ok((await tokens.get()).value.length > 0);
      });
    }
  });

  describe('when Google refuses', () => {
    const messages: Partial<Record<TokenRefusal, RegExp>> = {
      invalid_grant: /does not accept the refresh token \(invalid_grant\)/,
      invalid_grant_unknown: /does not accept the refresh token \(invalid_grant\)/,
      invalid_rapt: /wants a new login \(invalid_rapt\)/,
      invalid_client: /does not know the OAuth client \(invalid_client\)/,
      invalid_client_secret: /does not know the OAuth client \(invalid_client\)/,
      unauthorized_client: /issued to another client/,
      deleted_client: /does not know the OAuth client \(deleted_client\)/,
      invalid_scope: /refuses the scopes/,
      admin_policy_enforced: /refuses this app for the account \(admin_policy_enforced\)/,
      org_internal: /refuses this app for the account \(org_internal\)/,
      unsupported_grant_type: /refused the token exchange \(unsupported_grant_type\)/,
    };
    for (const [name, message] of Object.entries(messages) as [TokenRefusal, RegExp][]) {
      it(`explains ${name} with its own remedy`, async () => {
        // A refusal of the scopes is answered by a second exchange, without them.
        sandbox.oauth.refuse(name, name === 'invalid_scope' ? 2 : 1);
        const error = await failure();
        assert.ok(error instanceof CredentialError, String(error));
        assert.match(error.message, message);
        assert.ok(error.remedy.length > 20);
      });
    }

    it('names only those causes of a dead token that fit its age', async () => {
      for (const [days, testing, unused] of [
        [0.1, false, false],
        [1, false, false],
        [8, true, false],
        [200, true, true],
      ] as const) {
        sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, refresh_token: '1//0dead-token' });
        const version = current() ?? assert.fail();
        version.createdAtS = (Date.now() - days * DAY_MS) / 1_000;
        const { message } = await failure();
        assert.equal(/Testing/.test(message), testing, message);
        assert.equal(/6 months/.test(message), unused, message);
        assert.match(message, /password was changed/);
        assert.equal(/not pasted completely/.test(message), days < 1, message);
      }
    });

    it('throws no error with a token, although Google echoes the request', async () => {
      for (const status of [400, 401, 500]) {
        sandbox.faults.add({ service: 'oauth', kind: 'echo', status, times: 10 });
        const shown = inspect(await failure(), { depth: 9, showHidden: true });
        assert.ok(!shown.includes(sandbox.secretValue.refresh_token), shown);
        assert.ok(!shown.includes(sandbox.secretValue.client_secret), shown);
        sandbox.faults.clear();
      }
    });
  });

  describe("when Google's token endpoint fails for a moment", () => {
    for (const [what, fault] of [
      ['a 500', { status: 500, body: { error: 'internal_failure' } }],
      ['a 503', { status: 503 }],
      ['a 429', { status: 429, body: { error: 'rate_limit_exceeded' } }],
      ['a 408', { status: 408 }],
      ['an HTML page', { kind: 'html', status: 502 }],
      ['an HTML page with 200', { kind: 'html', status: 200 }],
      ['an HTML page with 400', { kind: 'html', status: 400 }],
      ['a reset', { kind: 'reset-before' }],
      ['a reset after the effect', { kind: 'reset-after' }],
      ['a truncated answer', { kind: 'truncate' }],
      ['a malformed answer', { kind: 'malformed' }],
      ['an answer without a token', { status: 200, body: { scope: 'x' } }],
      ['no answer', { kind: 'hang' }],
    ] as const) {
      it(`tries again after ${what}`, async () => {
        const planted = sandbox.faults.add({ service: 'oauth', ...fault, times: 2 });
        assert.ok((await open().tokens.get()).value.length > 0);
        assert.equal(planted.hits, 2);
      });
    }

    it('gives up after five attempts', async () => {
      sandbox.faults.add({ service: 'oauth', status: 503, times: 100 });
      const error = await failure();
      assert.ok(error instanceof UnavailableError);
      assert.match(error.message, /after 5 attempts: status 503/);
      assert.equal(asked('token').length, 5);
    });

    it('does not follow a redirect with the refresh token', async () => {
      sandbox.faults.add({ service: 'oauth', status: 307, headers: { location: sandbox.monitorUrl }, times: 100 });
      await failure();
      assert.deepEqual(sandbox.monitor.pings, []);
    });

    it('stops at once on abort', async () => {
      const opened = open();
      const reason = new Error('stopped');
      sandbox.faults.add({ service: 'oauth', kind: 'hook', before: () => opened.stop.abort(reason) });
      sandbox.faults.add({ service: 'oauth', kind: 'hang' });
      await assert.rejects(opened.tokens.get(), reason);
    });
  });

  describe('when the secret is being rotated', () => {
    it('reads the secret once more after a refusal, and continues with the new version', async () => {
      const opened = open();
      const next = grant('1//0the-next-refresh-token');
      let id = '';
      sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
      sandbox.faults.add({
        service: 'oauth',
        kind: 'hook',
        before: () => {
          id = rotate(next.refreshToken);
        },
      });
      await opened.tokens.get();
      assert.equal(opened.tokens.secretVersion, id);
      assert.deepEqual(opened.named('secret.fallback'), []);
    });

    it('reads the secret once more when its value has the wrong shape', async () => {
      sandbox.secrets.put('half a paste');
      let id = '';
      const opened = open({
        wrap: (fetch) => async (stage, signal) => {
          const secret = await fetch(stage, signal);
          id ||= rotate(sandbox.secretValue.refresh_token);
          return secret;
        },
      });
      await opened.tokens.get();
      assert.equal(opened.tokens.secretVersion, id);
    });

    for (const [what, value] of Object.entries({
      'a refresh token that Google does not know': { refresh_token: '1//0wrongly-pasted-token' },
      'a client secret that is wrong': { client_secret: 'GOCSPX-wrongly-pasted' },
      'a client that Google does not know': { client_id: 'nobody.apps.googleusercontent.com' },
      'no refresh token': { refresh_token: undefined },
    })) {
      it(`continues with AWSPREVIOUS after a rotation to ${what}, and logs that as an error with the remedy`, async () => {
        const good = current()?.id;
        const bad = sandbox.secrets.put({ ...sandbox.secretValue, ...value });
        const opened = open();
        await opened.tokens.get();
        assert.equal(opened.tokens.secretVersion, good);
        const [event, ...more] = opened.named('secret.fallback');
        assert.deepEqual(more, []);
        assert.partialDeepStrictEqual(event, { level: 'error', secretVersion: good, brokenVersion: bad });
        assert.match(String(event?.remedy), /AWSPREVIOUS.*(secret|job rotate)/);
      });
    }

    it('continues with AWSPREVIOUS after a paste that is no JSON, when the pasted email names the meant mailbox', async () => {
      sandbox.secrets.put('{"email": "alice@example.com", "refresh_token": "1//0x');
      const opened = open();
      await opened.tokens.get();
      assert.equal(opened.named('secret.fallback').length, 1);
    });

    it("throws the current version's error when both versions are broken", async () => {
      sandbox.secrets.put('not JSON');
      sandbox.oauth.revoke(sandbox.secretValue.refresh_token);
      const error = await failure();
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /is not JSON/);
    });

    it("throws the newest version's error after a rotation from one broken version to another", async () => {
      sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, refresh_token: '1//0dead-token' });
      sandbox.faults.add({ service: 'oauth', kind: 'hook', before: () => void sandbox.secrets.put('not JSON') });
      assert.match((await failure()).message, /is not JSON/);
    });

    it("throws the current version's error when AWSPREVIOUS cannot be read", async () => {
      sandbox.secrets.put('not JSON');
      const wrap =
        (fetch: FetchSecret): FetchSecret =>
        (stage, signal) =>
          stage === 'AWSPREVIOUS' ? Promise.reject(new CredentialError('denied', 'allow it')) : fetch(stage, signal);
      assert.match((await failure(open({ wrap }))).message, /is not JSON/);
    });

    it('logs one fetch at info level when it reads the same version twice', async () => {
      sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, refresh_token: '1//0dead-token' });
      const opened = open();
      await failure(opened);
      const levels = opened.named('secret.fetched').map(({ level }) => level);
      assert.deepEqual(levels, ['info', 'debug']);
    });

    it('does not try a version twice, and reads no more than it needs', async () => {
      sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, refresh_token: '1//0dead-token' });
      await failure();
      assert.deepEqual([asked('GetSecretValue').length, asked('token').length], [3, 1]);
    });

    it('does not fall back for refusals that another version cannot cure', async () => {
      sandbox.secrets.put(sandbox.secretValue);
      sandbox.oauth.refuse('admin_policy_enforced');
      const opened = open();
      await failure(opened);
      assert.equal(asked('GetSecretValue').length, 1);
      assert.deepEqual(opened.named('secret.fallback'), []);
    });
  });

  describe('whose mailbox', () => {
    const ALICE = 'alice@example.com';
    const BOB = 'bob@example.com';
    const bobs = () => {
      const { client_id: clientId } = sandbox.secretValue;
      const { refreshToken } = sandbox.oauth.grant({ clientId, email: BOB, scopes: [Scope.modify] });
      return { ...sandbox.secretValue, refresh_token: refreshToken, email: BOB };
    };
    const dead = (email: string | undefined) => ({
      ...sandbox.secretValue,
      refresh_token: '1//0a-token-that-is-dead',
      email,
    });
    const nameless = (value: object) => ({ ...value, email: undefined });
    const text = (email: string) => `{"email": "${email}", "refresh_token": 1//0half-a-paste`;

    interface Case {
      readonly before: () => object;
      readonly now: () => string | object;
      readonly mailbox?: string;
      /** The expected error; undefined when the run uses AWSPREVIOUS. */
      readonly refused?: RegExp;
      readonly code?: number;
      /** How many tokens Google is asked for. */
      readonly exchanges: number;
    }
    const cases: Readonly<Record<string, Case>> = {
      'the current version names it': { before: () => sandbox.secretValue, now: () => dead(ALICE), exchanges: 2 },
      'only the current version names it': {
        before: () => nameless(sandbox.secretValue),
        now: () => dead(ALICE),
        exchanges: 2,
      },
      'a broken paste names it': { before: () => sandbox.secretValue, now: () => text(ALICE), exchanges: 1 },
      'GMAIL_MAILBOX names it': {
        before: () => nameless(sandbox.secretValue),
        now: () => 'not JSON',
        mailbox: 'Alice@Example.com',
        exchanges: 1,
      },
      'GMAIL_MAILBOX names it, whatever a broken paste says': {
        before: () => sandbox.secretValue,
        now: () => text(BOB),
        mailbox: ALICE,
        exchanges: 1,
      },
      'the current version is for another': {
        before: () => sandbox.secretValue,
        now: () => dead(BOB),
        refused: /invalid_grant.*AWSPREVIOUS.*it is for alice@.*secret's email is bob@/,
        code: 77,
        exchanges: 1,
      },
      'a broken paste is for another': {
        before: () => sandbox.secretValue,
        now: () => text(BOB),
        refused: /not JSON.*AWSPREVIOUS.*it is for alice@.*bob@/,
        code: 78,
        exchanges: 0,
      },
      'GMAIL_MAILBOX is another': {
        before: () => sandbox.secretValue,
        now: () => dead(undefined),
        mailbox: BOB,
        refused: /invalid_grant.*it is for alice@.*GMAIL_MAILBOX is bob@/,
        code: 77,
        exchanges: 1,
      },
      'its token opens another than it says': {
        before: () => ({ ...bobs(), email: ALICE }),
        now: () => dead(ALICE),
        refused: /invalid_grant.*it is for bob@.*secret's email is alice@/,
        code: 77,
        exchanges: 2,
      },
      'it says nothing, and opens another': {
        before: () => nameless(bobs()),
        now: () => 'not JSON',
        mailbox: ALICE,
        refused: /is not JSON.*it is for bob@.*but GMAIL_MAILBOX is alice@/,
        code: 78,
        exchanges: 1,
      },
      'neither GMAIL_MAILBOX nor the secret names the mailbox': {
        before: () => sandbox.secretValue,
        now: () => dead(undefined),
        refused: /invalid_grant.*neither GMAIL_MAILBOX nor the secret names.*set GMAIL_MAILBOX.*email in the secret/,
        code: 77,
        exchanges: 1,
      },
      'a broken paste names two': {
        before: () => sandbox.secretValue,
        now: () => `${text(ALICE)}\n${text(BOB)}`,
        refused: /not JSON.*neither GMAIL_MAILBOX nor the secret names.*set GMAIL_MAILBOX/,
        code: 78,
        exchanges: 0,
      },
    };
    for (const [what, { before, now, mailbox, refused, code, exchanges }] of Object.entries(cases)) {
      it(`${refused ? 'does not fall' : 'falls'} back to AWSPREVIOUS when ${what}`, async () => {
        sandbox.secrets.setSecret('gmail-jobs/alice', before());
        sandbox.secrets.put(now());
        const opened = open(mailbox === undefined ? {} : { mailbox });
        if (refused === undefined) {
          await opened.tokens.get();
          assert.equal(opened.tokens.profile?.address, ALICE);
          assert.equal(opened.named('secret.fallback').length, 1);
        } else {
          const error = await failure(opened);
          assert.match(`${error.message} → ${error.remedy}`, refused);
          assert.equal(error.exitCode, code);
          assert.deepEqual(opened.named('secret.fallback'), []);
        }
        assert.equal(asked('token').length, exchanges);
      });
    }

    it('must be GMAIL_MAILBOX: 77 for a token of another, 78 before any exchange for a secret of another', async () => {
      sandbox.secrets.put(nameless(bobs()));
      const wrong = await failure(open({ mailbox: ALICE }));
      assert.equal(wrong.exitCode, 77);
      assert.match(
        `${wrong.message} → ${wrong.remedy}`,
        /belongs to the mailbox bob@.*GMAIL_MAILBOX is alice@.*job rotate/,
      );
      sandbox.requests.length = 0;
      sandbox.secrets.put(bobs());
      const contrary = await failure(open({ mailbox: ALICE }));
      assert.equal(contrary.exitCode, 78);
      assert.match(contrary.message, /GMAIL_MAILBOX is alice@.*secret's email is bob@/);
      const key = sandbox.oauth.serviceAccount({ subjects: [BOB], scopes: [Scope.modify] });
      sandbox.secrets.put({ ...key, subject: BOB });
      assert.match((await failure(open({ mailbox: ALICE }))).message, /secret's subject is bob@/);
      assert.equal(asked('token').length, 0);
    });

    for (const [what, value] of Object.entries({
      'names it': () => bobs(),
      'does not name it': () => nameless(bobs()),
      'names the one before': () => ({ ...bobs(), email: ALICE }),
    })) {
      for (const first of [(all: object) => all, nameless]) {
        it(`is checked at each renewal: 77 when a new version opens another and ${what}`, async () => {
          sandbox.secrets.put(first(sandbox.secretValue));
          const { tokens } = open();
          const { value: token } = await tokens.get();
          sandbox.secrets.put(value());
          const error = await tokens.renew(token).then(
            () => assert.fail(),
            (thrown: JobError) => thrown,
          );
          assert.equal(error.exitCode, 77);
          assert.match(error.message, /bob@example\.com/);
        });
      }
    }

    it('stays that of the first token in a fallback at a renewal, although no version names it', async () => {
      sandbox.secrets.setSecret('gmail-jobs/alice', nameless(sandbox.secretValue));
      const { tokens, named } = open();
      const { value } = await tokens.get();
      sandbox.secrets.put('not JSON');
      await tokens.renew(value);
      assert.equal(named('secret.fallback').length, 1);
      sandbox.secrets.setSecret('gmail-jobs/alice', nameless(bobs()));
      sandbox.secrets.put('not JSON');
      await assert.rejects(
        tokens.renew((await tokens.get()).value),
        /is not JSON.*it is for bob@.*run began on alice@/,
      );
    });

    it('is the same at gmail.com with other dots, and at googlemail.com', async () => {
      const { client_id: clientId } = sandbox.secretValue;
      const { refreshToken } = sandbox.oauth.grant({ clientId, email: 'first.last@gmail.com', scopes: [Scope.modify] });
      sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: refreshToken, email: 'FirstLast@googlemail.com' });
      const { value } = await open({ mailbox: 'firstlast@gmail.com' }).tokens.get();
      assert.equal(sandbox.oauth.find(value)?.email, 'first.last@gmail.com');
      await assert.rejects(open({ mailbox: 'firstlasts@gmail.com' }).tokens.get(), /first\.?last@/i);
    });
  });

  it('logs that Google replaced the refresh token, without the token', async () => {
    sandbox.oauth.rotatesRefreshTokens = true;
    const { tokens, named, events, hidden } = open();
    await tokens.get();
    const replacement = [...sandbox.oauth.grants.keys()].at(-1) ?? '';
    assert.equal(named('token.refresh_token_replaced')[0]?.level, 'error');
    assert.ok(hidden.includes(replacement));
    assert.ok(!inspect(events, { depth: 9 }).includes(replacement));
  });

  it('throws that the secret has no version when it has none', async () => {
    const error = await failure(open({ wrap: () => async () => null }));
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /no version AWSCURRENT/);
  });
});
