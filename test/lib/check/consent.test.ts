import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAY_MS, formatAge } from '../../../lib/base/duration.ts';
import { checkConsent } from '../../../lib/check/consent.ts';
import type { SoundVersion } from '../../../lib/check/secret.ts';
import { UnavailableError } from '../../../lib/errors.ts';
import { TokenRefusal } from '../../../lib/google/token.ts';

function version(ageDays: number | undefined, refreshToken = 'one'): SoundVersion {
  return {
    stage: 'AWSCURRENT',
    mailbox: undefined,
    versionId: 'v',
    furtherKeys: null,
    ageMs: ageDays === undefined ? undefined : ageDays * DAY_MS,
    credentials: { type: 'authorized_user', clientId: 'c', clientSecret: 's', refreshToken, email: undefined },
  };
}

const works = { refreshTokenLifetimeMs: undefined };
const dead = new TokenRefusal('invalid_grant', 'dead', 'authorize');

async function statusOf(
  current: SoundVersion,
  outcome: Parameters<typeof checkConsent>[0]['outcome'],
  before: SoundVersion | null = null,
) {
  const { status } = await checkConsent({ version: current, outcome, previous: async () => before });
  return status;
}

describe('checkConsent', () => {
  it('rules Testing out once a token is older than 7 days', async () => {
    assert.equal(await statusOf(version(7.01), works), 'ok');
    assert.equal(await statusOf(version(1, 'one'), works, version(30, 'one')), 'ok');
  });

  it('says nothing about a young token that works', async () => {
    assert.equal(await statusOf(version(6.99), works), 'skipped');
    assert.equal(await statusOf(version(1), works, version(3, 'two')), 'skipped');
    assert.equal(await statusOf(version(1, 'two'), works, version(40)), 'skipped');
    assert.equal(await statusOf(version(undefined), works), 'skipped');
  });

  it('warns when AWSPREVIOUS was replaced on its seventh or eighth day', async () => {
    assert.equal(await statusOf(version(2, 'two'), works, version(9)), 'warning');
    assert.equal(await statusOf(version(2, 'two'), works, version(9.4)), 'warning');
    assert.equal(await statusOf(version(2, 'two'), works, version(12)), 'skipped');
  });

  it('warns of a token with a limited lifetime, however old it is', async () => {
    assert.equal(await statusOf(version(1), { refreshTokenLifetimeMs: 6 * DAY_MS }), 'warning');
    assert.equal(await statusOf(version(30), { refreshTokenLifetimeMs: 80 * DAY_MS }), 'warning');
  });

  it('suspects Testing only when a dead token is at least seven days old', async () => {
    assert.equal(await statusOf(version(7.5), dead), 'warning');
    assert.equal(await statusOf(version(3), dead), 'skipped');
    assert.equal(await statusOf(version(30), new UnavailableError('away', 'wait')), 'skipped');
    assert.equal(await statusOf(version(30), new TokenRefusal('invalid_client', 'gone', 'look')), 'skipped');
  });
});

describe('formatAge', () => {
  it('names the largest unit that fits', () => {
    assert.equal(formatAge(12.9 * DAY_MS), '12 days');
    assert.equal(formatAge(DAY_MS), '1 day');
    assert.equal(formatAge(3 * 3_600_000), '3 hours');
    assert.equal(formatAge(60_000), '1 minute');
    assert.equal(formatAge(59_999), 'less than a minute');
    assert.equal(formatAge(-5), 'less than a minute');
  });
});
