/** Writes the secret: stores versions and moves staging labels. A run writes only a refresh token that Google replaced. */
import { randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import type { Clock } from '../base/clock.ts';
import { formatCount } from '../base/count.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import { ConfigError, UnavailableError } from '../errors.ts';
import type { FurtherKeys } from './further-keys.ts';
import { type FetchedSecret, fetchVersion, type ReadVersion, type Stage, type VersionSelector } from './secret.ts';
import { connectToSecret, LOOK_AT_VERSIONS, type SecretAddress } from './secrets-manager.ts';
import { type AuthorizedUser, readCredentials } from './shape.ts';

/** Every method may throw NoSuchSecretError, another ConfigError, CredentialError or UnavailableError. */
export interface SecretStore {
  readonly address: SecretAddress;
  /** The version; null when the secret has no such version. */
  read(which: VersionSelector, signal: AbortSignal): Promise<FetchedSecret | null>;
  /** Makes the secret; its first version is AWSCURRENT. Returns the version's id. */
  create(user: AuthorizedUser, signal: AbortSignal): Promise<string>;
  /**
   * Stores a new version with the further keys of the version that it replaces; AWS moves the staging label to it. Returns
   * the version's id.
   * @throws ConfigError also when the value is longer than AWS stores.
   */
  put(user: AuthorizedUser, further: FurtherKeys | null, stage: Stage, signal: AbortSignal): Promise<string>;
  /**
   * Moves a staging label from one version to another. With AWSCURRENT, AWS moves AWSPREVIOUS to the old version.
   * @throws ConfigError when the label is on neither of the two.
   */
  moveStage(stage: Stage, from: string, to: string, signal: AbortSignal): Promise<void>;
  /** Takes a staging label off a version, if it is there. */
  dropStage(stage: Stage, from: string, signal: AbortSignal): Promise<void>;
}

/** The store of the secret at `address`. Everything secret that it reads is given to `hide` first. */
export function openSecretStore(address: SecretAddress, hide: (secret: string) => void): SecretStore {
  const { secretId } = address;
  const send = connectToSecret(address);

  const read = (which: VersionSelector, signal: AbortSignal) =>
    fetchVersion(send, secretId, which, hide, signal, readCredentials);

  /** Moves the label and returns true; false when AWS finds the label on another version than `from`. */
  const relabel = (stage: Stage, from: string, to: string | undefined, signal: AbortSignal): Promise<boolean> => {
    const command = new UpdateSecretVersionStageCommand({
      SecretId: secretId,
      VersionStage: stage,
      RemoveFromVersionId: from,
      ...(to === undefined ? {} : { MoveToVersionId: to }),
    });
    return send(
      'UpdateSecretVersionStage',
      (client, options) => client.send(command, options).then(() => true, isMisplaced),
      signal,
    );
  };

  return {
    address,
    read,
    async create(user, signal) {
      const command = new CreateSecretCommand({
        Name: secretId,
        Description: `Gmail credentials of ${user.email}: stored by gmail-jobs, read on each run of its jobs`,
        SecretString: toJson(user, null),
        Tags: [{ Key: 'application', Value: 'gmail-jobs' }],
        // One id for all attempts: AWS accepts a repetition after a lost answer, and makes no second version.
        ClientRequestToken: randomUUID(),
      });
      const answer = await send('CreateSecret', (client, options) => client.send(command, options), signal);
      return answer.VersionId ?? 'unknown';
    },
    async put(user, further, stage, signal) {
      const value = toJson(user, further);
      requireFits(value, secretId);
      const command = new PutSecretValueCommand({
        SecretId: secretId,
        SecretString: value,
        VersionStages: [stage],
        ClientRequestToken: randomUUID(),
      });
      const answer = await send('PutSecretValue', (client, options) => client.send(command, options), signal);
      return answer.VersionId ?? 'unknown';
    },
    async moveStage(stage, from, to, signal) {
      if (await relabel(stage, from, to, signal)) return;
      // An attempt whose answer got lost may have moved the label.
      if ((await read({ stage }, signal))?.versionId === to) return;
      throw movedMeanwhile(secretId, stage);
    },
    async dropStage(stage, from, signal) {
      await relabel(stage, from, undefined, signal);
    },
  };
}

/**
 * Stores credentials whose refresh token Google replaced, since the old token may stop working. The new version gets the
 * staging label and the further keys of the old version. Returns the new version's id.
 * @throws ConfigError when the label has been moved, CredentialError or UnavailableError when AWS refuses.
 */
export async function storeReplacedToken(
  store: SecretStore,
  user: AuthorizedUser,
  from: ReadVersion,
  signal: AbortSignal,
): Promise<string> {
  const now = await store.read({ stage: from.stage }, signal);
  if (now?.versionId === from.versionId) return store.put(user, now.furtherKeys, from.stage, signal);
  throw movedMeanwhile(store.address.secretId, from.stage);
}

function movedMeanwhile(secretId: string, stage: Stage): ConfigError {
  return new ConfigError(
    `secret ${secretId}: ${stage} was moved by somebody else at the same time`,
    `${LOOK_AT_VERSIONS}, then run the command again.`,
  );
}

/** The secret's value: the credentials in the format that Google's own tools write and read, then the further keys. */
function toJson(
  { clientId, clientSecret, refreshToken, email, binding }: AuthorizedUser,
  further: FurtherKeys | null,
): string {
  const credentials = JSON.stringify({
    type: 'authorized_user',
    client_id: clientId,
    client_secret: clientSecret,
    refresh_token: refreshToken,
    email,
    dpop: binding && { kms_key_id: binding.kmsKeyId, jwk: binding.jwk },
  });
  const pairs = [...(further ?? [])].map(([key, written]) => `,${JSON.stringify(key)}:${written}`);
  return `${credentials.slice(0, -1)}${pairs.join('')}}`;
}

/** Source: docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html. */
const MAX_BYTES = 65_536;

function requireFits(value: string, secretId: string): void {
  const bytes = Buffer.byteLength(value);
  if (bytes <= MAX_BYTES) return;
  throw new ConfigError(
    `secret ${secretId}: with the keys of your jobs, the new version would have ${formatCount(bytes)} bytes, and AWS stores at most ${formatCount(MAX_BYTES)}`,
    'Move keys of your jobs to a secret of their own and name it in JOB_SECRET_ID, then run the command again.',
  );
}

/** False for AWS's refusal of a label that is not where the request says; throws everything else. */
function isMisplaced(error: unknown): false {
  if (error instanceof Error && error.name === 'InvalidParameterException') return false;
  throw error;
}

/** AWS shows a change everywhere within seconds. */
const NOT_VISIBLE: RetryPolicy = { pausesMs: [500, 1_000, 1_500, 2_000, 2_500], fixedShare: 1 };

/**
 * The version `versionId`, read by `which`, as soon as AWS shows it: reads may lag behind writes.
 * @throws UnavailableError when AWS does not show it within 7.5 seconds.
 */
export async function readWhenVisible(
  store: SecretStore,
  which: VersionSelector,
  versionId: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<FetchedSecret> {
  return await retry({
    send: async () => {
      const version = await store.read(which, signal);
      return version?.versionId === versionId ? { value: version } : { kind: 'not visible' };
    },
    policies: { 'not visible': NOT_VISIBLE },
    random: Math.random,
    wait: (pauseMs) => clock.sleep(pauseMs, signal),
    failure: () =>
      new UnavailableError(
        `AWS does not show the version ${versionId} that was just stored`,
        `${LOOK_AT_VERSIONS}, then run the command again.`,
      ),
  });
}
