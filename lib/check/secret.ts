/** Whether AWS gives out the secret, and whether the secret is one: without it, what runs would do instead. */
import { SecretStateError } from '../credentials/aws.ts';
import type { Credentials, FetchedSecret, FetchSecret, Stage } from '../credentials/secret.ts';
import { mailboxOf } from '../credentials/shape.ts';
import { ConfigError, JobError } from '../errors.ts';
import { formatAge } from './age.ts';
import { bridged, type Finding, failed, notReached, ok } from './finding.ts';

/** A version of the secret whose shape is proven. */
export interface SoundVersion {
  readonly stage: Stage;
  readonly credentials: Credentials;
  readonly versionId: string;
  /** Undefined when AWS does not say. */
  readonly ageMs: number | undefined;
}

export interface Versions {
  /** The version that was asked for, or the one before, which runs use as long as that one is broken. */
  readonly chosen: SoundVersion;
  /** The version before; null when there is none, or none that is sound. Fetched at most once. */
  readonly previous: () => Promise<SoundVersion | null>;
}

export interface SecretCheck {
  readonly fetchSecret: FetchSecret;
  readonly stage: Stage;
  readonly signal: AbortSignal;
}

/** Yields the lines `aws` and `secret`; returns null when there is no version to go on with. */
export async function* checkSecret({
  fetchSecret,
  stage,
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
    yield failed('secret', noSuchStage(stage));
    return null;
  }
  const chosen = sound(secret, stage);
  const data = { stage, version: secret.versionId, createdAt: secret.createdAt?.toISOString() ?? null };
  if (chosen !== null) {
    yield ok('secret', describe(chosen), { data: { ...data, type: chosen.credentials.type } });
    return { chosen, previous };
  }
  const before = await previous();
  const failure = failed('secret', secret.credentials, { data });
  const problem = { ...failure, detail: `${failure.detail} (${stage}, version ${shortId(secret.versionId)})` };
  yield before === null ? problem : bridged(problem);
  return before === null ? null : { chosen: before, previous };
}

/** The beginning of a version's id, which is enough to find it in the console. */
function shortId(versionId: string): string {
  return versionId.slice(0, 8);
}

function sound({ credentials, versionId, createdAt }: FetchedSecret, stage: Stage): SoundVersion | null {
  if (credentials instanceof ConfigError) return null;
  return {
    stage,
    credentials,
    versionId,
    ageMs: createdAt === undefined ? undefined : Date.now() - createdAt.getTime(),
  };
}

function allowed(arn: string | undefined): Finding {
  const [, , , region, account] = (arn ?? '').split(':');
  const where = account === undefined ? '' : ` in account ${account} (${region})`;
  return ok('aws', `GetSecretValue is allowed${where}`, { data: { account: account ?? null, arn: arn ?? null } });
}

function describe({ stage, versionId, ageMs, credentials }: SoundVersion): string {
  const age = ageMs === undefined ? '' : `, ${formatAge(ageMs)} old`;
  const kind = credentials.type === 'service_account' ? "a service account's key" : "a user's refresh token";
  const whose = mailboxOf(credentials);
  return `${stage}, version ${shortId(versionId)}${age}: ${kind}${whose === undefined ? '' : ` for ${whose}`}`;
}

function noSuchStage(stage: Stage): ConfigError {
  const remedy =
    stage === 'AWSPENDING'
      ? 'Nothing waits to go live: put a version there with `job authorize --stage AWSPENDING`, or check without --stage.'
      : 'Put a value into the secret in the AWS console.';
  return new ConfigError(`the secret has no version ${stage}`, remedy);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
