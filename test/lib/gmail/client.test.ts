import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { ConfigError, CredentialError, UnavailableError } from '../../../lib/errors.ts';
import type { GmailClient } from '../../../lib/gmail/client.ts';
import { GmailRefusal } from '../../../lib/gmail/responses.ts';
import { createLiveWriter, fixedIds } from '../../../lib/gmail/writer.ts';
import { Scope } from '../../../lib/job.ts';
import { openMailbox } from '../../in-process.ts';
import type { Fault, FaultKind } from '../../sandbox/faults.ts';
import { googleErrors, type Sandbox, startSandbox } from '../../sandbox/index.ts';

const never = new AbortController().signal;

/** The request of most tests: one read. */
const profile = (client: GmailClient, signal: AbortSignal = never) =>
  client.request<{ emailAddress?: string }>(
    'users.getProfile',
    (api, options) => api.users.getProfile({ userId: 'me' }, options),
    signal,
  );

describe('GmailClient', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ messages: 20 });
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.requests.length = 0;
    sandbox.gmail.concurrency.limit = Number.POSITIVE_INFINITY;
    sandbox.oauth.accessTokenLifetimeS = 3_599;
  });
  after(() => sandbox.close());

  const sent = (verb: string) => sandbox.requests.filter((request) => request.verb === verb).length;
  const plant = (kind: FaultKind, times = 1, verb?: string) =>
    sandbox.faults.add({ service: 'gmail', ...(verb === undefined ? {} : { verb }), ...kind, times } as Fault);

  const stumbles: Readonly<Record<string, FaultKind>> = {
    'a 500': { ...googleErrors.backendError(500) },
    'a 502': { ...googleErrors.backendError(502) },
    'a 503': { ...googleErrors.backendError(503) },
    'a 504': { ...googleErrors.backendError(504) },
    'a 408': { status: 408, body: '{}' },
    'a 429 for the quota': { ...googleErrors.quota429() },
    'a 403 userRateLimitExceeded': { ...googleErrors.quota403() },
    'a 403 rateLimitExceeded': { ...googleErrors.quota403('rateLimitExceeded') },
    'a 429 for too many at once': { ...googleErrors.tooManyConcurrent() },
    'a connection reset before the effect': { kind: 'reset-before' },
    'a connection reset after the effect': { kind: 'reset-after' },
    'a truncated answer': { kind: 'truncate' },
    'a malformed answer': { kind: 'malformed' },
    'an HTML page with 503': { kind: 'html', status: 503 },
    'an HTML page with 200': { kind: 'html', status: 200 },
    'an HTML page with 403': { kind: 'html', status: 403 },
    'a 500 that echoes the request': { kind: 'echo', status: 500 },
  };
  for (const [what, fault] of Object.entries(stumbles)) {
    it(`repeats a read and a repeatable change after ${what}`, async () => {
      const { client, mailbox, tally } = openMailbox(sandbox);
      plant(fault, 2, 'users.getProfile');
      assert.equal((await profile(client)).emailAddress, 'alice@example.com');
      assert.equal(sent('users.getProfile'), 3);

      const ids = sandbox.mailbox.messages().map(({ id }) => id);
      sandbox.mailbox.modify(ids, [], ['STARRED']);
      plant(fault, 2, 'messages.batchModify');
      await mailbox.change([{ name: 'star', ids, add: ['STARRED'], remove: [] }]);
      assert.equal(sent('messages.batchModify'), 3);
      assert.equal(tally.counts.changed, ids.length);
      assert.equal(client.statistics.retries, 4);
    });
  }

  it('repeats a request that times out', async () => {
    const { client, named } = openMailbox(sandbox, { timeoutMs: 100 });
    plant({ kind: 'hang' });
    plant({ kind: 'hang-after' });
    assert.equal((await profile(client)).emailAddress, 'alice@example.com');
    assert.match(String(named('gmail.retry')[0]?.reason), /no answer within 0\.1s/);
  });

  const refusals: ReadonlyArray<readonly [string, FaultKind, new (...args: never[]) => Error]> = [
    ['a 400', googleErrors.invalidArgument('Invalid label: X'), CredentialError],
    ['a 404', googleErrors.notFound(), GmailRefusal],
    ['a 409', googleErrors.labelConflict(), CredentialError],
    ['a 403 for a scope', googleErrors.insufficientScopes(), CredentialError],
    ['a 403 for delegation', googleErrors.delegationDenied('bob@example.com'), CredentialError],
    ['an API that is not enabled', googleErrors.accessNotConfigured(), ConfigError],
    ['a spent daily limit', googleErrors.dailyLimit(), UnavailableError],
    ['a 400 that echoes the request', { kind: 'echo', status: 400 }, CredentialError],
  ];
  for (const [what, fault, type] of refusals) {
    it(`does not repeat a request after ${what}`, async () => {
      const { client } = openMailbox(sandbox);
      plant(fault);
      await assert.rejects(profile(client), type);
      assert.equal(sent('users.getProfile'), 1);
      assert.equal(client.statistics.retries, 0);
    });
  }

  it('gives up after six attempts, and says how many', async () => {
    const { client } = openMailbox(sandbox);
    plant({ ...googleErrors.backendError(503) }, 100);
    await assert.rejects(profile(client), (error: Error) => {
      assert.ok(error instanceof UnavailableError);
      assert.match(error.message, /6 attempts.*503/);
      return true;
    });
    assert.equal(sent('users.getProfile'), 6);
  });

  it('gives up after eight quota refusals, with pauses of more than a minute in all', async () => {
    const { client, clock } = openMailbox(sandbox);
    plant({ ...googleErrors.quota429() }, 100);
    await assert.rejects(profile(client), UnavailableError);
    assert.equal(sent('users.getProfile'), 8);
    assert.ok(clock.now() > 60_000, `paused for ${clock.now()} ms`);
  });

  it('doubles the longest pause each time, from half a second', async () => {
    const { client, named } = openMailbox(sandbox, { random: () => 1 });
    plant({ ...googleErrors.backendError(503) }, 5);
    await profile(client);
    assert.deepEqual(
      named('gmail.retry').map(({ delayMs }) => delayMs),
      [500, 1_000, 2_000, 4_000, 8_000],
    );
  });

  for (const [what, fault] of [
    ['a stumble', googleErrors.backendError(503)],
    ['a refusal for the quota', googleErrors.quota429()],
    ['too many at once', googleErrors.tooManyConcurrent()],
  ] as const) {
    it(`waits for the Retry-After of ${what}`, async () => {
      const { client, clock } = openMailbox(sandbox);
      plant({ ...fault, headers: { 'retry-after': '70' } });
      await profile(client);
      assert.equal(clock.now(), 70_000);
    });
  }

  it('does not wait for a Retry-After of more than ten minutes', async () => {
    const { client, clock } = openMailbox(sandbox);
    plant({ ...googleErrors.quota429(), headers: { 'retry-after': '601' } });
    await assert.rejects(profile(client), UnavailableError);
    assert.equal(clock.now(), 0);
  });

  it('delays all requests after one quota refusal', async () => {
    const { client, clock } = openMailbox(sandbox, { random: () => 1 });
    await profile(client);
    plant({ ...googleErrors.quota429() });
    const startedAt: number[] = [];
    plant({ kind: 'hook', before: () => startedAt.push(clock.now()) }, 20);
    await profile(client);
    await Promise.all([profile(client), profile(client)]);
    assert.ok(startedAt.length >= 3 && startedAt.every((at) => at >= 1_000), startedAt.join());
  });

  it('renews the access token once for many simultaneous 401 answers', async () => {
    const { client } = openMailbox(sandbox);
    await profile(client);
    sandbox.oauth.expireAccessTokens();
    const answers = await Promise.all(Array.from({ length: 25 }, () => profile(client)));
    assert.equal(answers.length, 25);
    assert.equal(sent('token'), 2);
  });

  it('requests one access token for many simultaneous requests', async () => {
    const { client } = openMailbox(sandbox);
    await Promise.all(Array.from({ length: 10 }, () => profile(client)));
    assert.equal(sent('token'), 1);
  });

  it('renews a token that is about to expire before it sends a request with it', async () => {
    sandbox.oauth.accessTokenLifetimeS = 200;
    const { client, clock } = openMailbox(sandbox);
    await profile(client);
    await clock.sleep(179_000, never);
    await profile(client);
    assert.equal(sent('token'), 1);
    await clock.sleep(2_000, never);
    await profile(client);
    assert.equal(sent('token'), 2);
    assert.equal(sent('users.getProfile'), 3);
  });

  it('throws CredentialError when Gmail refuses a fresh access token, too', async () => {
    const { client } = openMailbox(sandbox);
    plant({ ...googleErrors.invalidCredentials() }, 2);
    await assert.rejects(profile(client), CredentialError);
    assert.equal(sent('users.getProfile'), 2);
    assert.equal(sent('token'), 2);
  });

  describe('a request that must not be sent twice', () => {
    const insert = async (signal = never) => {
      const opened = openMailbox(sandbox, { scopes: [Scope.insert], timeoutMs: 300 });
      const raw = Buffer.from('From: a@example.com\r\nSubject: once\r\n\r\nonce\r\n');
      await createLiveWriter(opened.client).insert(raw, ['INBOX'], signal);
    };
    const ambiguous: Readonly<Record<string, FaultKind>> = {
      'a connection reset before the effect': { kind: 'reset-before' },
      'a connection reset after the effect': { kind: 'reset-after' },
      'no answer': { kind: 'hang' },
      'no answer after the effect': { kind: 'hang-after' },
      'a truncated answer': { kind: 'truncate' },
      'a malformed answer': { kind: 'malformed' },
      'a 503': { ...googleErrors.backendError(503) },
      'an HTML page': { kind: 'html', status: 502 },
    };
    for (const [what, fault] of Object.entries(ambiguous)) {
      it(`is not repeated after ${what}`, async () => {
        plant(fault, 1, 'messages.insert');
        await assert.rejects(insert(), UnavailableError);
        assert.equal(sent('messages.insert'), 1);
      });
    }

    const harmless: Readonly<Record<string, FaultKind>> = {
      'a 401': { ...googleErrors.invalidCredentials() },
      'a 429': { ...googleErrors.quota429() },
      'a 403 for the quota': { ...googleErrors.quota403() },
      'too many at once': { ...googleErrors.tooManyConcurrent() },
    };
    for (const [what, fault] of Object.entries(harmless)) {
      it(`is repeated after ${what}, which certainly had no effect`, async () => {
        plant(fault, 1, 'messages.insert');
        await insert();
        assert.equal(sent('messages.insert'), 2);
      });
    }
  });

  describe('when its signal is aborted', () => {
    const stopped = new Error('stopped');

    it('sends nothing when the signal was aborted before', async () => {
      const { client } = openMailbox(sandbox);
      await assert.rejects(profile(client, AbortSignal.abort(stopped)), stopped);
      assert.equal(sandbox.requests.length, 0);
    });

    it('ends the pause after a refusal at once', async () => {
      const { client, clock, events } = openMailbox(sandbox, { random: () => 1 });
      await profile(client);
      const stop = new AbortController();
      plant({ ...googleErrors.quota429(), headers: { 'retry-after': '500' } });
      const push = events.push.bind(events);
      events.push = (...added) => {
        if (added.some(({ event }) => event === 'gmail.retry')) stop.abort(stopped);
        return push(...added);
      };
      await assert.rejects(profile(client, stop.signal), stopped);
      assert.ok(clock.now() < 500_000);
    });

    it('ends a read under way at once', async () => {
      const { client } = openMailbox(sandbox, { timeoutMs: 60_000 });
      const stop = new AbortController();
      const startedAt = performance.now();
      sandbox.faults.add({ service: 'gmail', kind: 'hook', before: () => stop.abort(stopped) });
      sandbox.faults.add({ service: 'gmail', kind: 'hang' });
      await assert.rejects(profile(client, stop.signal), stopped);
      assert.ok(performance.now() - startedAt < 5_000);
    });

    it('waits for the answer to a change under way, and aborts the change only on giveUp', async () => {
      const { client, giveUp } = openMailbox(sandbox);
      const stop = new AbortController();
      const star = () =>
        createLiveWriter(client).modify(
          fixedIds(sandbox.mailbox.messages().map(({ id }) => id)),
          { addLabelIds: ['STARRED'], removeLabelIds: [] },
          stop.signal,
        );
      sandbox.faults.add({ service: 'gmail', kind: 'hook', before: () => stop.abort(stopped) });
      await star();

      const { signal } = new AbortController();
      sandbox.faults.add({ service: 'gmail', kind: 'hook', before: () => giveUp.abort(stopped) });
      sandbox.faults.add({ service: 'gmail', kind: 'hang' });
      const change = createLiveWriter(client).modify(
        fixedIds(['0']),
        { addLabelIds: ['STARRED'], removeLabelIds: [] },
        signal,
      );
      await assert.rejects(change, stopped);
    });
  });

  it('sends fewer requests at once after a concurrency refusal, and finishes all', async () => {
    const { client } = openMailbox(sandbox);
    plant({ kind: 'slow', delayMs: 3 }, 1_000);
    sandbox.gmail.concurrency.limit = 2;
    sandbox.gmail.concurrency.refusals = 0;
    await Promise.all(Array.from({ length: 80 }, () => profile(client)));
    assert.equal(sandbox.requests.filter(({ service, status }) => service === 'gmail' && status === 200).length, 80);
    const refused = sandbox.gmail.concurrency.refusals;
    assert.ok(refused > 0 && refused < 30, `${refused} were refused`);
  });

  it('counts requests, retries and quota units', async () => {
    for (const [name, units] of [
      ['2026', 20],
      ['legacy', 5],
    ] as const) {
      const { client, mailbox } = openMailbox(sandbox, { profile: name });
      const [first] = await mailbox.search('-in:chats', { limit: 1 });
      plant({ ...googleErrors.backendError(503) });
      await mailbox.read([first?.id ?? ''], ['Subject']);
      assert.deepEqual(client.statistics, { requests: 4, retries: 1, quotaUnits: 1 + 5 + 2 * units });
    }
  });

  it('throws no error that contains a token', async () => {
    for (const fault of [...Object.values(stumbles), ...refusals.map(([, kind]) => kind)]) {
      const { client, tokens, events } = openMailbox(sandbox);
      sandbox.faults.clear();
      plant(fault, 100);
      const error = await profile(client).then(
        () => assert.fail('succeeded'),
        (thrown: unknown) => thrown,
      );
      const token = (await tokens.get()).value;
      const shown = inspect(error, { depth: 10, showHidden: true });
      if ('kind' in fault && fault.kind === 'echo') continue; // the redactor's work: Google's own words are kept
      assert.ok(!shown.includes(token), shown);
      assert.ok(!inspect(events).includes(token));
    }
  });

  it('does not follow a redirect with its token', async () => {
    const { client } = openMailbox(sandbox);
    const elsewhere = `${sandbox.monitorUrl}/stolen`;
    plant({ status: 302, headers: { location: elsewhere } }, 100);
    await assert.rejects(profile(client), ConfigError);
    assert.equal(sandbox.monitor.pings.length, 0);
  });
});
