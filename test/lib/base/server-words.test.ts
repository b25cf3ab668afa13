import assert from 'node:assert/strict';
import { it } from 'node:test';
import { serverCode, serverWords } from '../../../lib/base/server-words.ts';

const WHOLE = [
  'Invalid label name',
  'Label name exists or conflicts',
  'Requested entity was not found.',
  'Precondition check failed.',
  'Mail service not enabled',
  "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'gmail.googleapis.com'",
  'The security token included in the request is expired',
  'Signature not yet current: 20261127T010203Z is still later than 20261127T005703Z (20261127T005203Z + 5 min.)',
  'Token must be a short-lived token (60 minutes) and in a reasonable timeframe.',
  'invalid_grant: Bad Request',
  'RATE_LIMIT_EXCEEDED',
  "Too many concurrent requests for user (userRateLimitExceeded), limit 2,400, don't retry before 2026-11-27T01:02:03.000Z",
];

it("keeps a server's plain words", () => {
  for (const text of WHOLE) assert.equal(serverWords(text), text);
  assert.equal(serverWords(' Bad\n  Request\t'), 'Bad Request');
});

const PARTLY: readonly [text: string, shown: string][] = [
  [
    'User: arn:aws:iam::123456789012:user/jobs is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-b with an explicit deny in a service control policy',
    'User: … is not authorized to perform: secretsmanager:GetSecretValue on resource: … with an explicit deny in a service control policy',
  ],
  ['Not a valid email: alice@example.com or such', 'Not a valid email: … or such'],
  [
    'Enable it by visiting https://console.example/overview?project=1&key=abc then retry.',
    'Enable it by visiting … then retry.',
  ],
  ['The token 1//0gAbCdEf was not accepted', 'The token … was not accepted'],
  ['The token "ya29.a0AbCd" "GOCSPX-abcdefgh" was not accepted here', 'The token … was not accepted here'],
  ['The key AKIAABCDEFGHIJKLMNOP is not known', 'The key … is not known'],
  ['The key ASIAIOSFODNN7EXAMPLE is not known', 'The key … is not known'],
  ['The key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY is not known', 'The key … is not known'],
  ['The key IQoJbJpZluMWarkXYZaBcD is not known', 'The key … is not known'],
  ['The hash 0123456789abcdef0123456789abcdef is not known', 'The hash … is not known'],
  ['The number 123456789012345678901234 is too long', 'The number … is too long'],
  ['The word \u001b[31mred\u001b[0m is a color', 'The word … is a color'],
  ['The word a\u200bb is a pair', 'The word … is a pair'],
  ['The form client_secret=abc&refresh_token=def is not valid', 'The form … is not valid'],
];

it('replaces tokens, keys, addresses, links and control characters', () => {
  for (const [text, shown] of PARTLY) assert.equal(serverWords(text), shown);
});

it('returns an empty text for values that are not text or have no words', () => {
  const nothing = [
    ...['', ' ', '…', '12', '1//0gAbCdEf', 'grant_type=refresh_token&refresh_token=1%2F%2F0gAbCdEf'],
    ...['{"refresh_token":"1//0gAbCdEf"}', '{ "client_id": "a1b2", "refresh_token": "1//0gAbCdEf" }'],
    ...['<html><body>Error 502</body></html>', '\u0000\u0001', undefined, null, 5, ['Bad Request'], {}],
  ];
  for (const text of nothing) assert.equal(serverWords(text), '', String(text));
});

it('shows at most 240 characters and cuts after a word', () => {
  const shown = serverWords('word '.repeat(1_000_000));
  assert.match(shown, /^(word )+…$/);
  assert.ok(shown.length <= 242);
});

it('accepts only texts in the form of an error code as codes', () => {
  for (const code of ['invalid_grant', 'AccessDeniedException', 'Sender.Throttled'])
    assert.equal(serverCode(code), code);
  for (const text of ['', 'a b', 'a=b', '1//0g', 'é', 'a'.repeat(65), 5, null, undefined]) {
    assert.equal(serverCode(text), undefined);
  }
});
