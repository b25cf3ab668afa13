/**
 * The secret as a person's commands see it: its versions read by stage or id, new versions, and staging labels moved.
 * Runs of jobs only read, with secret.ts.
 */
import { randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import type { Clock } from '../base/clock.ts';
import { ConfigError, UnavailableError } from '../errors.ts';
import { connectToAws, type SecretAddress } from './client.ts';
import { type AuthorizedUser, type FetchedSecret, fetchVersion, type Stage, type VersionSelector } from './secret.ts';

export interface Vault {
  readonly address: SecretAddress;
  /**
   * The version, or null when the secret has no such version.
   * @throws NoSuchSecretError when there is no secret, ConfigError, CredentialError or UnavailableError for the rest.
   */
  read(which: VersionSelector, signal: AbortSignal): Promise<FetchedSecret | null>;
  /** Makes the secret; its first version is AWSCURRENT. Returns the version's id. */
  create(user: AuthorizedUser, signal: AbortSignal): Promise<string>;
  /** Stores a new version, to which AWS moves the staging label. Returns its id. */
  put(user: AuthorizedUser, stage: Stage, signal: AbortSignal): Promise<string>;
  /**
   * Moves a staging label from one version to another; from AWSCURRENT's old version AWS moves AWSPREVIOUS along.
   * @throws ConfigError when the label is elsewhere by now.
   */
  moveStage(stage: Stage, from: string, to: string, signal: AbortSignal): Promise<void>;
  /** Takes a staging label off a version, if it is there. */
  dropStage(stage: Stage, from: string, signal: AbortSignal): Promise<void>;
}

/** The vault at `address`. Everything secret that it reads is given to `hide` before anything else. */
export function openVault(address: SecretAddress, hide: (secret: string) => void): Vault {
  const { secretId } = address;
  const send = connectToAws(address);

  const read = (which: VersionSelector, signal: AbortSignal) => fetchVersion(send, secretId, which, hide, signal);

  /** Moves the label and returns true; false when AWS finds it on another version than the one named. */
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
        SecretString: toJson(user),
        Tags: [{ Key: 'application', Value: 'gmail-jobs' }],
        // The same for every attempt, so that one whose answer got lost is not refused when it is repeated.
        ClientRequestToken: randomUUID(),
      });
      const answer = await send('CreateSecret', (client, options) => client.send(command, options), signal);
      return answer.VersionId ?? 'unknown';
    },
    async put(user, stage, signal) {
      const command = new PutSecretValueCommand({
        SecretId: secretId,
        SecretString: toJson(user),
        VersionStages: [stage],
        ClientRequestToken: randomUUID(),
      });
      const answer = await send('PutSecretValue', (client, options) => client.send(command, options), signal);
      return answer.VersionId ?? 'unknown';
    },
    async moveStage(stage, from, to, signal) {
      if (await relabel(stage, from, to, signal)) return;
      // An attempt whose answer got lost may have moved it.
      if ((await read({ stage }, signal))?.versionId === to) return;
      throw new ConfigError(
        `secret ${secretId}: ${stage} was moved by somebody else during the command`,
        'Look at the versions of the secret in the AWS console, then run the command again.',
      );
    },
    async dropStage(stage, from, signal) {
      await relabel(stage, from, undefined, signal);
    },
  };
}

/** The secret's value, in the format that Google's own tools write and read. */
function toJson({ clientId, clientSecret, refreshToken, email }: AuthorizedUser): string {
  return JSON.stringify({
    type: 'authorized_user',
    client_id: clientId,
    client_secret: clientSecret,
    refresh_token: refreshToken,
    email,
  });
}

/** False for AWS's refusal of a label that is not where the request says; throws everything else. */
function isMisplaced(error: unknown): false {
  if (error instanceof Error && error.name === 'InvalidParameterException') return false;
  throw error;
}

/** How long a change in AWS may take until it is seen everywhere. */
const VISIBLE_WITHIN = 6;
const VISIBLE_STEP_MS = 500;

/**
 * The version `versionId`, read by `which`, as soon as AWS shows it: reads may lag behind writes.
 * @throws UnavailableError when it is not seen within a few seconds.
 */
export async function readWhenVisible(
  vault: Vault,
  which: VersionSelector,
  versionId: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<FetchedSecret> {
  for (let attempt = 1; ; attempt += 1) {
    const version = await vault.read(which, signal);
    if (version?.versionId === versionId) return version;
    if (attempt === VISIBLE_WITHIN) {
      throw new UnavailableError(
        `AWS does not show the version ${versionId} that was just stored`,
        'Look at the secret in the AWS console, then run the command again.',
      );
    }
    await clock.sleep(VISIBLE_STEP_MS * attempt, signal);
  }
}
