/** The line `key` of `job check`: whether the refresh token is bound to a KMS key, and whether the key signs. */
import { JobError } from '../errors.ts';
import { exchangeForAllScopes } from '../google/exchange.ts';
import { type ExchangeOptions, proverFor, REVOKE_UNBOUND } from '../google/token.ts';
import { type Finding, failed, ok, skipped, warning } from './finding.ts';
import type { SoundVersion, Versions } from './secret.ts';

export interface KeyCheck {
  readonly versions: Versions;
  readonly exchange: ExchangeOptions;
  readonly signal: AbortSignal;
}

/** Yields the line `key`. Returns false when a run could make no proof for a bound refresh token. */
export async function* checkKey({ versions, exchange, signal }: KeyCheck): AsyncGenerator<Finding, boolean> {
  const { credentials, ageMs } = versions.chosen;
  if (credentials.type === 'service_account') {
    yield skipped('key', 'a service account has no refresh token');
    return true;
  }
  const { binding } = credentials;
  if (binding === undefined) {
    yield skipped(
      'key',
      'the secret names no KMS key, so the refresh token must work without one: the secret alone opens the mailbox',
    );
    return true;
  }
  const { kmsKeyId } = binding;
  const data = { kmsKeyId };
  try {
    await (await proverFor(binding, exchange))?.prove(signal);
  } catch (error) {
    yield failed('key', error, { data });
    return false;
  }
  const previous = await versions.previous();
  const isSame = previous !== null && bindingOf(previous)?.kmsKeyId === kmsKeyId;
  const boundAgeMs = isSame ? (previous.ageMs ?? ageMs) : ageMs;
  const since = boundAgeMs === undefined ? undefined : new Date(Date.now() - boundAgeMs).toISOString().slice(0, 10);
  const detail = `the refresh token is bound to ${kmsKeyId}${since === undefined ? '' : `, since ${since} or earlier`}; the key signs`;
  if (previous !== null && (await opensWithoutKey(previous, exchange, signal))) {
    yield warning(
      'key',
      `${detail}; AWSPREVIOUS is bound to no key, so it still opens the mailbox without the key`,
      REVOKE_UNBOUND,
      { data },
    );
  } else yield ok('key', detail, { data });
  return true;
}

function bindingOf({ credentials }: SoundVersion) {
  return credentials.type === 'authorized_user' ? credentials.binding : undefined;
}

/** Whether a version holds a refresh token that is bound to no key and works. */
async function opensWithoutKey(
  { credentials, ageMs }: SoundVersion,
  exchange: ExchangeOptions,
  signal: AbortSignal,
): Promise<boolean> {
  if (credentials.type !== 'authorized_user' || credentials.binding !== undefined) return false;
  return await exchangeForAllScopes(credentials, ageMs, signal, exchange).then(
    () => true,
    (error: unknown) => {
      if (error instanceof JobError) return false;
      throw error;
    },
  );
}
