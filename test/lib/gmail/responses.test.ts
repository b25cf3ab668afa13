import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, CredentialError, RefusedError, UnavailableError } from '../../../lib/errors.ts';
import { GmailRefusal, interpretResponse, type ResponseMeaning } from '../../../lib/gmail/responses.ts';
import { type GoogleError, googleErrors } from '../../sandbox/gmail/errors.ts';

function meaningOf({ status, body }: GoogleError, retryAfter: string | null = null): ResponseMeaning {
  return interpretResponse('messages.list', { status, retryAfter, body: JSON.stringify(body) });
}

/** An error body in Google's older form, with one reason. */
function withReason(status: number, reason: string, message = 'm'): GoogleError {
  return { status, body: { error: { code: status, message, errors: [{ message, domain: 'usageLimits', reason }] } } };
}

/** An error body in Google's newer form only. */
function withDetail(status: number, reason: string): GoogleError {
  return { status, body: { error: { code: status, message: 'm', details: [{ reason, domain: 'googleapis.com' }] } } };
}

const HTML = '<!DOCTYPE html><html><title>Error</title></html>';

describe('interpretResponse', () => {
  it('returns the data of a JSON object', () => {
    const meaning = interpretResponse('messages.list', { status: 200, retryAfter: null, body: '{"messages":[]}' });
    assert.deepEqual(meaning, { kind: 'ok', data: { messages: [] } });
  });

  for (const [method, status, body] of [
    ['messages.list', 204, ''],
    ['messages.list', 200, ''],
    ['messages.list', 200, '{"messages":{}}'],
    ['messages.list', 200, '{"messages":[null]}'],
    ['labels.list', 200, '{"labels":null}'],
    ['messages.list', 200, '{}'],
    ['messages.list', 200, '{"nextPageToken":"1"}'],
    ['messages.list', 200, '{"messages":[{"threadId":"1"}]}'],
    ['messages.list', 202, '{"messages":[]}'],
    ['messages.get', 200, '{}'],
    ['messages.modify', 200, '{"labelIds":[]}'],
    ['messages.modify', 204, ''],
    ['messages.insert', 200, '{"id":""}'],
    ['history.list', 200, '{}'],
    ['labels.list', 200, '{}'],
    ['labels.list', 200, '{"labels":[{"id":"Label_1"}]}'],
    ['labels.create', 200, '{}'],
    ['labels.create', 200, '{"id":"Label_1"}'],
    ['users.getProfile', 200, '{"emailAddress":7,"messagesTotal":7}'],
    ['users.getProfile', 200, '{"emailAddress":"","messagesTotal":7}'],
  ] as const) {
    it(`retries when ${method} is answered with ${status} and the incomplete ${body}`, () => {
      assert.equal(interpretResponse(method, { status, retryAfter: null, body }).kind, 'again');
    });
  }

  it('blames the account for a refused request that names nothing else', () => {
    for (const method of ['users.getProfile', 'labels.list']) {
      for (const status of [400, 409, 410]) {
        const { body } = withReason(status, 'other');
        const meaning = interpretResponse(method, { status, retryAfter: null, body: JSON.stringify(body) });
        assert.ok(meaning.kind === 'failed' && meaning.error instanceof CredentialError, `${method} ${status}`);
      }
    }
  });

  it('retries after an HTML page, and blames the configuration when it lasts, but not for a 5xx', () => {
    for (const [status, isLasting] of [
      [200, true],
      [403, true],
      [404, true],
      [502, false],
    ] as const) {
      const meaning = interpretResponse('messages.list', { status, retryAfter: null, body: HTML });
      assert.equal(meaning.kind, 'again');
      assert.equal('error' in meaning && meaning.error instanceof ConfigError, isLasting, String(status));
    }
    const proxy = interpretResponse('messages.list', { status: 407, retryAfter: null, body: HTML });
    assert.ok(proxy.kind === 'failed' && proxy.error instanceof ConfigError);
  });

  for (const method of ['messages.batchModify', 'labels.delete']) {
    it(`accepts for ${method} only a response without content`, () => {
      const kindOf = (status: number, body: string) =>
        interpretResponse(method, { status, retryAfter: null, body }).kind;
      for (const [status, body] of [
        [204, ''],
        [200, ''],
        [200, '{}\n'],
      ] as const) {
        assert.equal(kindOf(status, body), 'ok');
      }
      for (const body of [
        '{"id":"1"}',
        '[]',
        'null',
        'OK',
        HTML,
        '{"error":{}}',
        '{"error":"broken"}',
        '{"error":null}',
      ]) {
        assert.equal(kindOf(200, body), 'again', body);
        assert.equal(kindOf(204, body), 'again', body);
      }
      assert.equal(kindOf(202, ''), 'again');
    });
  }

  it('tells the quota of the project from that of the mailbox', () => {
    const perMinute = (whose: string) =>
      `Quota exceeded for quota metric 'Queries' and limit 'Queries per minute${whose}'`;
    for (const [{ status, body }, expected] of [
      [googleErrors.quota429(), false],
      [googleErrors.quota403('userRateLimitExceeded'), false],
      [googleErrors.quota403('rateLimitExceeded'), true],
      [googleErrors.quota403('rateLimitExceeded', perMinute(' per user')), false],
      [googleErrors.quota403('rateLimitExceeded', perMinute('')), true],
    ] as const) {
      const meaning = interpretResponse('messages.list', { status, retryAfter: null, body: JSON.stringify(body) });
      assert.ok(meaning.kind === 'quota');
      assert.equal(meaning.isForProject, expected, JSON.stringify(body));
    }
  });

  it('treats an error in the body of a 200 as that error', () => {
    for (const method of ['messages.list', 'messages.batchModify', 'labels.create']) {
      for (const [error, kind] of [
        [googleErrors.invalidArgument('Invalid label: X'), 'failed'],
        [googleErrors.quota429(), 'quota'],
        [googleErrors.quota403(), 'quota'],
        [googleErrors.invalidCredentials(), 'unauthorized'],
        [googleErrors.backendError(), 'again'],
        [googleErrors.failedPrecondition(), 'precondition'],
      ] as const) {
        const meaning = interpretResponse(method, { status: 200, retryAfter: null, body: JSON.stringify(error.body) });
        assert.equal(meaning.kind, kind, `${method} ${JSON.stringify(error.body)}`);
      }
    }
  });

  it('distinguishes a request that is too long from a failure of the front end', () => {
    const reasonOf = (status: number, urlLength: number, body = HTML) => {
      const meaning = interpretResponse('messages.list', { status, retryAfter: null, body, urlLength });
      return meaning.kind === 'failed' && meaning.error instanceof GmailRefusal ? meaning.error.reason : meaning.kind;
    };
    for (const status of [413, 414, 431]) assert.equal(reasonOf(status, 0), 'tooLong');
    assert.equal(reasonOf(400, 9_000), 'tooLong');
    assert.equal(reasonOf(400, 7_000), 'again');
    assert.equal(reasonOf(403, 9_000), 'again');
    assert.equal(reasonOf(400, 9_000, JSON.stringify(googleErrors.invalidArgument('m').body)), 'invalidArgument');
    assert.equal(reasonOf(400, 9_000, JSON.stringify(withReason(400, 'badRequest').body)), 'other');
  });

  it("shows the server's words without possible secrets and addresses", () => {
    const message = 'Bad Request for alice@example.com with ya29.a0AfH6SMBxxxxxxxxxxxx in Label_5';
    const meaning = meaningOf(withReason(400, 'invalidArgument', message));
    assert.ok(meaning.kind === 'failed');
    assert.match(meaning.error.message, /^Gmail refused messages\.list: 400 Bad Request for … with …/);
  });

  for (const [what, body] of Object.entries({
    'broken JSON': '{"messages":[',
    'an HTML page': HTML,
    nothing: '',
    'a list': '[]',
    null: 'null',
    'a number': '7',
  })) {
    it(`retries when a 200 has ${what}`, () => {
      assert.equal(interpretResponse('messages.list', { status: 200, retryAfter: null, body }).kind, 'again');
    });
  }

  const kinds: ReadonlyArray<readonly [string, GoogleError, ResponseMeaning['kind']]> = [
    ['429 for the quota', googleErrors.quota429(), 'quota'],
    ['403 userRateLimitExceeded', googleErrors.quota403(), 'quota'],
    ['403 rateLimitExceeded', googleErrors.quota403('rateLimitExceeded'), 'quota'],
    ['403 RATE_LIMIT_EXCEEDED in its details', withDetail(403, 'RATE_LIMIT_EXCEEDED'), 'quota'],
    ['429 for too many at once', googleErrors.tooManyConcurrent(), 'crowded'],
    ['401 for an expired token', googleErrors.invalidCredentials(), 'unauthorized'],
    ['401 for a missing token', googleErrors.missingCredentials(), 'unauthorized'],
    ['500', googleErrors.backendError(500), 'again'],
    ['502', googleErrors.backendError(502), 'again'],
    ['503', googleErrors.backendError(503), 'again'],
    ['504', googleErrors.backendError(504), 'again'],
    ['408', withReason(408, 'timeout'), 'again'],
    ['400', googleErrors.invalidArgument('Invalid label: X'), 'failed'],
    ['400 failedPrecondition', googleErrors.failedPrecondition(), 'precondition'],
    [
      '400 for a mail service that is not enabled',
      googleErrors.failedPrecondition('Mail service not enabled'),
      'precondition',
    ],
    [
      '400 FAILED_PRECONDITION by its status alone',
      { status: 400, body: { error: { status: 'FAILED_PRECONDITION' } } },
      'precondition',
    ],
    [
      '403 for too many at once',
      withReason(403, 'rateLimitExceeded', 'Too many concurrent requests for user'),
      'crowded',
    ],
    ['404', googleErrors.notFound(), 'failed'],
    ['409', googleErrors.labelConflict(), 'failed'],
    ['403 for a scope', googleErrors.insufficientScopes(), 'failed'],
    ['403 for an API that is not enabled', googleErrors.accessNotConfigured(), 'failed'],
    ['403 for the day', googleErrors.dailyLimit(), 'failed'],
    ['403 for delegation', googleErrors.delegationDenied('bob@example.com'), 'failed'],
  ];
  for (const [what, error, kind] of kinds) {
    it(`is "${kind}" for ${what}`, () => assert.equal(meaningOf(error).kind, kind));
  }

  for (const status of [400, 403, 404, 429, 500, 502, 503]) {
    it(`retries after an HTML page with status ${status}`, () => {
      const { kind } = interpretResponse('messages.list', { status, retryAfter: null, body: HTML });
      assert.equal(kind, status === 429 ? 'quota' : 'again');
    });
  }

  const failures: ReadonlyArray<readonly [string, GoogleError, new (...args: never[]) => Error, RegExp]> = [
    ['insufficient scopes', googleErrors.insufficientScopes(), CredentialError, /lacks a scope for messages\.list/],
    [
      'a scope, by details alone',
      withDetail(403, 'ACCESS_TOKEN_SCOPE_INSUFFICIENT'),
      CredentialError,
      /lacks a scope for messages\.list/,
    ],
    ['an API not enabled', googleErrors.accessNotConfigured(), ConfigError, /API is not enabled/],
    ['an API not enabled, by details alone', withDetail(403, 'SERVICE_DISABLED'), ConfigError, /API is not enabled/],
    ['the daily limit', googleErrors.dailyLimit(), UnavailableError, /Daily Limit Exceeded/],
    ['any other 403', googleErrors.delegationDenied('b'), CredentialError, /denied access.*Delegation denied/],
    ['a bad request', googleErrors.invalidArgument('Invalid label: X'), RefusedError, /400 Invalid label: X/],
  ];
  for (const [what, error, type, message] of failures) {
    it(`is a ${type.name} with a remedy for ${what}`, () => {
      const meaning = meaningOf(error);
      assert.equal(meaning.kind, 'failed');
      assert.ok(meaning.error instanceof type);
      assert.match(meaning.error.message, message);
      assert.ok(meaning.error.remedy.length > 20);
    });
  }

  for (const status of [400, 404, 409]) {
    it(`keeps the status ${status} of a refusal`, () => {
      const meaning = meaningOf(withReason(status, 'x'));
      assert.ok(meaning.kind === 'failed' && meaning.error instanceof GmailRefusal);
      assert.equal(meaning.error.status, status);
    });
  }

  it('shortens a long message, and keeps an error to one line', () => {
    const meaning = meaningOf(withReason(400, 'x', `${'long\n'.repeat(1_000)}`));
    assert.ok(meaning.kind === 'failed');
    assert.ok(meaning.error.message.length < 400);
    assert.ok(!meaning.error.message.includes('\n'));
  });

  it('accepts malformed error bodies', () => {
    for (const body of ['{}', '{"error":null}', '{"error":"text"}', '{"error":{"errors":{},"details":[null,1]}}']) {
      for (const status of [400, 403, 404, 418]) {
        assert.equal(interpretResponse('x', { status, retryAfter: null, body }).kind, 'failed', `${status} ${body}`);
      }
    }
  });

  it('returns the Retry-After with every meaning that waits', () => {
    for (const error of [googleErrors.quota429(), googleErrors.tooManyConcurrent(), googleErrors.backendError()]) {
      const meaning = meaningOf(error, '7');
      assert.ok('retryAfterMs' in meaning);
      assert.equal(meaning.retryAfterMs, 7_000);
    }
  });
});

describe('the Retry-After of a response', () => {
  const now = Date.parse('2026-11-23T03:16:08Z');
  for (const [header, ms] of [
    [null, 0],
    ['0', 0],
    ['30', 30_000],
    [' 30 ', 30_000],
    ['Mon, 23 Nov 2026 03:16:28 GMT', 20_000],
    ['Mon, 23 Nov 2026 03:16:00 GMT', 0],
    ['-5', 0],
    ['soon', 0],
    ['', 0],
    ['1e9', 0],
    ['30s', 0],
    ['9999999999', 0],
  ] as const) {
    it(`is ${ms} ms for ${JSON.stringify(header)}`, () => {
      const meaning = interpretResponse('x', { status: 503, retryAfter: header, body: '' }, now);
      assert.equal('retryAfterMs' in meaning && meaning.retryAfterMs, ms);
    });
  }
});
