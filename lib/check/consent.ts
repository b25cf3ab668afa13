/**
 * The line `consent` of `job check`: whether the consent screen is in Testing, where refresh tokens die after 7 days.
 * Google does not say, so the age of the secret's versions and the lifetime in the token's answer decide.
 */

import { DAY_MS, formatAge } from '../base/duration.ts';
import { JobError } from '../errors.ts';
import { AUTHORIZE_AGAIN, TokenRefusal } from '../google/token.ts';
import { type Finding, notReached, ok, skipped, warning } from './finding.ts';
import type { VersionGrant } from './grant.ts';
import type { SoundVersion } from './secret.ts';

/** Source: developers.google.com/identity/protocols/oauth2, "Refresh token expiration". */
const TESTING_DAYS = 7;

const PUBLISH = `Cloud console → Google Auth Platform → Audience: the page must say Internal or In production (Publish app). Then ${AUTHORIZE_AGAIN}.`;

export interface ConsentCheck {
  readonly version: SoundVersion;
  /** The result of the token request for this version. */
  readonly outcome: Pick<VersionGrant, 'refreshTokenLifetimeMs'> | JobError;
  readonly previous: () => Promise<SoundVersion | null>;
}

export async function checkConsent({ version, outcome, previous }: ConsentCheck): Promise<Finding> {
  const { credentials, ageMs } = version;
  if (credentials.type === 'service_account') return skipped('consent', 'a service account needs no consent');
  if (outcome instanceof JobError) {
    const isDead = outcome instanceof TokenRefusal && outcome.code === 'invalid_grant';
    return isDead ? died(ageMs) : notReached('consent');
  }
  if (outcome.refreshTokenLifetimeMs !== undefined) return limited(outcome.refreshTokenLifetimeMs);
  if (ageMs === undefined) return unknown();
  if (ageMs > TESTING_DAYS * DAY_MS) return proven(ageMs);

  const before = await previous();
  if (before?.ageMs === undefined || before.credentials.type !== 'authorized_user') return tooEarly(ageMs);
  if (before.credentials.refreshToken === credentials.refreshToken) {
    return before.ageMs > TESTING_DAYS * DAY_MS ? proven(before.ageMs) : tooEarly(before.ageMs);
  }
  const lived = before.ageMs - ageMs;
  if (Math.round(lived / DAY_MS) !== TESTING_DAYS) return tooEarly(ageMs);
  return warning('consent', 'may be in Testing: the previous version was replaced when it was 7 days old', PUBLISH);
}

function limited(remainingMs: number): Finding {
  const data = { expiresInS: Math.round(remainingMs / 1_000) };
  const left = `Google ends the refresh token in ${formatAge(remainingMs)}`;
  if (remainingMs <= TESTING_DAYS * DAY_MS) {
    return warning('consent', `looks like Testing, where tokens live 7 days: ${left}`, PUBLISH, { data });
  }
  const remedy = `Before the token ends, ${AUTHORIZE_AGAIN}, and allow access without a time limit.`;
  return warning('consent', `access was allowed for a limited time: ${left}`, remedy, { data });
}

/** The token may be older than the version that holds it, since other versions may hold the same token. */
function proven(ageMs: number): Finding {
  return ok('consent', `not in Testing: the token is at least ${formatAge(ageMs)} old and works`);
}

function unknown(): Finding {
  return skipped('consent', 'unknown: AWS does not say how old the secret is');
}

function died(ageMs: number | undefined): Finding {
  if (ageMs === undefined) return unknown();
  if (ageMs < TESTING_DAYS * DAY_MS) {
    return skipped('consent', 'unknown: this version is younger than the 7 days that tokens live in Testing');
  }
  return warning(
    'consent',
    `may be in Testing, where tokens live 7 days: this token is ${formatAge(ageMs)} old and does not work`,
    PUBLISH,
  );
}

function tooEarly(ageMs: number): Finding {
  return skipped(
    'consent',
    `too early to tell: the token is ${formatAge(ageMs)} old. If the consent screen is in Testing (see Google Auth Platform → Audience), the token dies after 7 days`,
  );
}
