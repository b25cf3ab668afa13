/** Answers of the token endpoint, and the error that each causes. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import type { JobError } from '../../../lib/errors.ts';
import { postForm } from '../../../lib/google/oauth.ts';
import { exchangeRefreshToken } from '../../../lib/google/token.ts';
import type { FaultKind } from '../../sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';
import { VirtualClock } from '../../virtual-clock.ts';

const never = new AbortController().signal;
const TOKEN = '1//0gSomebodysToken-Zq7Wx3';

describe("Google's token endpoint", () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
  });
  afterEach(() => sandbox.faults.clear());
  after(() => sandbox.close());

  async function failure(fault: FaultKind): Promise<JobError> {
    sandbox.faults.add({ service: 'oauth', times: 10, ...fault });
    const { client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken } = sandbox.secretValue;
    const user = { type: 'authorized_user' as const, clientId, clientSecret, refreshToken, email: undefined };
    const tokenUrl = sandbox.env.GOOGLE_TOKEN_URL ?? '';
    const options = { tokenUrl, timeoutMs: 2_000, clock: new VirtualClock(), random: () => 0, hide: () => undefined };
    return exchangeRefreshToken(user, null, undefined, never, options).then(
      () => assert.fail('a token was issued'),
      (error: JobError) => error,
    );
  }

  const refused = (error: unknown, error_description?: unknown) => ({
    status: 400,
    body: { error, error_description },
  });
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  const answers: readonly [what: string, fault: FaultKind, code: number, told: RegExp][] = [
    [
      'resets',
      { kind: 'reset-before' },
      75,
      /not available after 5 attempts: the connection failed \((UND_ERR_SOCKET|ECONNRESET)\)$/,
    ],
    ['408', { status: 408, body: {} }, 75, /status 408$/],
    ['429', { status: 429, body: {} }, 75, /status 429$/],
    ['503', { kind: 'html', status: 503 }, 75, /status 503 without JSON$/],
    ['slow_down', { status: 400, body: { error: 'slow_down' } }, 75, /slow_down$/],
    ['a page with 200', { kind: 'html', status: 200 }, 78, /did not answer as expected: status 200 without JSON$/],
    ['invalid_grant with 200', { status: 200, body: { error: 'invalid_grant' } }, 77, /\(invalid_grant\)/],
    ['407', { status: 407, body: {} }, 78, /a proxy .* wants a login/],
    ['a token that no header can hold', { status: 200, body: { access_token: 'ya29.\u2603' } }, 75, /no header may/],
    ['a MAC token', { status: 200, body: { access_token: 'x', token_type: 'mac' } }, 75, /another type than Bearer/],
    ['a disabled client', { status: 401, body: { error: 'disabled_client' } }, 77, /OAuth client is disabled/],
    [
      'a damaged encoding',
      { status: 200, headers: { 'content-encoding': 'br' }, body: 'x' },
      75,
      /not available after/,
    ],
    ['half of an answer', { kind: 'truncate' }, 75, /UND_ERR_SOCKET/],
    ['an answer 50,000 levels deep', { status: 200, body: deep }, 75, /status 200 without JSON$/],
    ['an error 50,000 levels deep', { status: 400, body: `{"error":${deep}}` }, 77, /\(an unknown code\)$/],
    [
      '403 without JSON',
      { kind: 'html', status: 403 },
      78,
      /Google's token endpoint did not answer as expected: status 403 without JSON$/,
    ],
    [
      'a redirect',
      { status: 302, headers: { location: '/elsewhere' } },
      78,
      /answers with a redirect, which the program does not follow$/,
    ],
    [
      'a reason',
      refused('invalid_grant', 'Token has been expired or revoked.'),
      77,
      /; Google says: Token has been expired or revoked\.$/,
    ],
    [
      'a reason that says nothing',
      refused('invalid_grant', 'Bad Request'),
      77,
      /issued to the same client and account since$/,
    ],
    [
      'an unknown reason',
      refused('consent_required', 'The user must agree again.'),
      77,
      /\(consent_required\); Google says: The user must agree again\.$/,
    ],
    ['a token in place of the code', refused(TOKEN, TOKEN), 77, /\(an unknown code\)$/],
    [
      'a token among its words',
      refused('invalid_client', `The token ${TOKEN} is not known here`),
      77,
      /; Google says: The token … is not known here$/,
    ],
    ['no reason', refused(undefined), 77, /\(no reason given\)$/],
  ];
  for (const [what, fault, code, told] of answers) {
    it(`exits ${code} after ${what}`, async () => {
      const { exitCode, message, remedy, stack } = await failure(fault);
      assert.equal(exitCode, code, stack);
      assert.match(message, told);
      assert.doesNotMatch(`${message}${remedy}${stack}`, /Somebodys/);
    });
  }
});

describe('postForm', () => {
  it('sends the headers that it is given with the form', async () => {
    const received: { headers: IncomingHttpHeaders; form: string }[] = [];
    const standIn = createServer(async (request, response) => {
      received.push({ headers: request.headers, form: (await request.toArray()).join('') });
      response.end('{"access_token":"ya29.made-up"}');
    });
    await new Promise<void>((resolve) => standIn.listen(0, '127.0.0.1', resolve));
    const hidden: string[] = [];
    const options = { timeoutMs: 2_000, hide: (secret: string) => hidden.push(secret), headers: { DPoP: 'a.proof' } };
    const url = `http://127.0.0.1:${(standIn.address() as AddressInfo).port}/token`;
    const answer = await postForm(url, new URLSearchParams({ grant_type: 'refresh_token' }), never, options);
    standIn.close();
    assert.partialDeepStrictEqual(answer, { status: 200, body: { access_token: 'ya29.made-up' } });
    assert.deepEqual(hidden, ['ya29.made-up']);
    assert.partialDeepStrictEqual(received, [
      {
        headers: { dpop: 'a.proof', 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
        form: 'grant_type=refresh_token',
      },
    ]);
  });
});
