/** Fetches one version of the secret from AWS Secrets Manager, anew on every call, and proves its shape. */
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { ConfigError } from '../errors.ts';
import { connectToAws, type SecretAddress } from './aws.ts';
import { type Credentials, readCredentials } from './shape.ts';

export type { AuthorizedUser, Credentials, ServiceAccount } from './shape.ts';

export type Stage = 'AWSCURRENT' | 'AWSPREVIOUS' | 'AWSPENDING';

export interface FetchedSecret {
  /** The secret's full name, with region and account; undefined when AWS does not say. */
  readonly arn?: string | undefined;
  readonly versionId: string;
  /** When this version was put into AWS; undefined when AWS does not say. */
  readonly createdAt: Date | undefined;
  /** The proven credentials, or what is wrong with the value. */
  readonly credentials: Credentials | ConfigError;
}

/** Fetches the secret's version of a stage; null when the secret has none of that stage. */
export type FetchSecret = (stage: Stage, signal: AbortSignal) => Promise<FetchedSecret | null>;

/**
 * A way to fetch the secret at `address`. Everything in it is given to `hide` before it is looked at.
 * The fetch throws ConfigError, CredentialError or UnavailableError for what AWS refuses.
 */
export function createSecretFetcher(address: SecretAddress, hide: (secret: string) => void): FetchSecret {
  const sendToAws = connectToAws(address);
  return async (stage, signal) => {
    const command = new GetSecretValueCommand({ SecretId: address.secretId, VersionStage: stage });
    const answer = await sendToAws(
      'GetSecretValue',
      (client, options) =>
        client.send(command, options).catch((error: unknown) => {
          if (isMissingStage(error)) return null;
          throw error;
        }),
      signal,
    );
    if (answer === null) return null;
    const text = answer.SecretString ?? Buffer.from(answer.SecretBinary ?? []).toString();
    const credentials = readCredentials(text, address.secretId, hide);
    return { arn: answer.ARN, versionId: answer.VersionId ?? 'unknown', createdAt: answer.CreatedDate, credentials };
  };
}

function isMissingStage(error: unknown): boolean {
  return error instanceof Error && error.name === 'ResourceNotFoundException' && /staging label/i.test(error.message);
}
