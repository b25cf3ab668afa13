/** The lines `aws` and `secret` of `job check`: whether AWS returns the secret, and whether its value is sound. */
import type { FurtherKeys } from '../aws/further-keys.ts';
import { type FetchedSecret, type FetchSecret, noVersion, type Stage } from '../aws/secret.ts';
import { SecretStateError } from '../aws/secrets-manager.ts';
import type { Credentials } from '../aws/shape.ts';
import { ageOf, formatAge } from '../base/duration.ts';
import { once } from '../base/once.ts';
import type { ConfiguredMailbox } from '../config.ts';
import { ConfigError, JobError } from '../errors.ts';
import { type MeantMailbox, meantMailbox, requireAgreement } from '../google/ownership.ts';
import { bridged, type Finding, failed, notReached, ok } from './finding.ts';

/** A version of the secret whose value has the right shape. */
export interface SoundVersion {
  readonly stage: Stage;
  readonly credentials: Credentials;
  readonly mailbox: string | undefined;
  readonly versionId: string;
  readonly furtherKeys: FurtherKeys | null;
  /** Undefined when AWS does not say. */
  readonly ageMs: number | undefined;
}

export interface Versions {
  /** The version to check: the requested one, or AWSPREVIOUS if runs use it because the requested one is broken. */
  readonly chosen: SoundVersion;
  /** Undefined when neither GMAIL_MAILBOX nor the secret names a mailbox. */
  readonly meant: MeantMailbox | undefined;
  /** AWSPREVIOUS; null when it is missing or not sound. Fetched at most once. */
  readonly previous: () => Promise<SoundVersion | null>;
}

export interface SecretCheck {
  readonly fetchSecret: FetchSecret;
  readonly stage: Stage;
  /** The mailbox in GMAIL_MAILBOX. */
  readonly configuredMailbox: ConfiguredMailbox | undefined;
  /** Returns AWSPREVIOUS if it stands in for a broken version, else the error that a run would end with. */
  readonly findStandIn: (
    problem: ConfigError,
    fetchPrevious: () => Promise<SoundVersion | null>,
    meant: MeantMailbox | undefined,
  ) => Promise<{ readonly version: SoundVersion } | JobError>;
  readonly signal: AbortSignal;
}

/** Yields the lines `aws` and `secret`. Returns null when runs would have no usable version. */
export async function* checkSecret({
  fetchSecret,
  stage,
  configuredMailbox,
  findStandIn,
  signal,
}: SecretCheck): AsyncGenerator<Finding, Versions | null> {
  let secret: FetchedSecret | null;
  try {
    secret = await fetchSecret(stage, signal);
  } catch (error) {
    if (error instanceof SecretStateError) {
      yield ok('aws', 'AWS accepts the keys');
      yield failed('secret', error);
    } else {
      yield failed('aws', error);
      yield notReached('secret');
    }
    return null;
  }
  yield allowed(secret?.arn);

  const previous = once(async () => {
    if (stage !== 'AWSCURRENT') return null;
    try {
      const before = await fetchSecret('AWSPREVIOUS', signal);
      return before === null ? null : sound(before, 'AWSPREVIOUS');
    } catch (error) {
      if (error instanceof JobError) return null;
      throw error;
    }
  });
  if (secret === null) {
    yield failed('secret', noVersion(stage));
    return null;
  }
  const chosen = sound(secret, stage);
  const meant = meantMailbox(configuredMailbox, secret);
  const data = { stage, version: secret.versionId, createdAt: secret.createdAt?.toISOString() ?? null };
  if (chosen !== null) {
    try {
      requireAgreement(configuredMailbox, secret);
    } catch (error) {
      yield failed('secret', error, { data });
      return null;
    }
    yield ok('secret', describe(chosen), { data: { ...data, type: chosen.credentials.type } });
    return { chosen, meant, previous };
  }
  const outcome = await findStandIn(secret.credentials as ConfigError, previous, meant);
  const failure = failed('secret', outcome instanceof JobError ? outcome : secret.credentials, { data });
  const problem = { ...failure, detail: `${failure.detail} (${stage}, version ${shortId(secret.versionId)})` };
  if (outcome instanceof JobError) {
    yield problem;
    return null;
  }
  yield bridged(problem);
  return { chosen: outcome.version, meant, previous };
}

/** Enough of the id to find the version in the AWS console. */
function shortId(versionId: string): string {
  return versionId.slice(0, 8);
}

function sound(secret: FetchedSecret, stage: Stage): SoundVersion | null {
  const { credentials, mailbox, versionId, furtherKeys, createdAt } = secret;
  if (credentials instanceof ConfigError) return null;
  return { stage, credentials, mailbox, versionId, furtherKeys, ageMs: ageOf(createdAt) };
}

function allowed(arn: string | undefined): Finding {
  const [, , , region, account] = (arn ?? '').split(':');
  const where = account === undefined ? '' : ` in account ${account} (${region})`;
  return ok('aws', `GetSecretValue is allowed${where}`, { data: { account: account ?? null, arn: arn ?? null } });
}

function describe({ stage, versionId, ageMs, credentials, mailbox }: SoundVersion): string {
  const age = ageMs === undefined ? '' : `, ${formatAge(ageMs)} old`;
  const kind = credentials.type === 'service_account' ? "a service account's key" : "a user's refresh token";
  return `${stage}, version ${shortId(versionId)}${age}: ${kind}${mailbox === undefined ? '' : ` for ${mailbox}`}`;
}
