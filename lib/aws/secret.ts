/** Reads one version of the secret from AWS Secrets Manager, anew on every call. secret-store.ts writes. */
import { GetSecretValueCommand, type GetSecretValueResponse } from '@aws-sdk/client-secrets-manager';
import { ConfigError } from '../errors.ts';
import { type FurtherKeys, furtherKeysIn, hideKeys } from './further-keys.ts';
import { namedMailbox } from './named-mailbox.ts';
import {
  connectToSecret,
  NoSuchVersionError,
  type SecretAddress,
  type SendToSecretsManager,
} from './secrets-manager.ts';
import { type Credentials, mailboxOf, readCredentials, type ServiceAccountKey } from './shape.ts';

export type Stage = 'AWSCURRENT' | 'AWSPREVIOUS' | 'AWSPENDING';

/** Which version: the one that carries a staging label, or the one with an id. */
export type VersionSelector = { readonly stage: Stage } | { readonly versionId: string };

/** A version of the secret, and the staging label that it was read by. */
export interface ReadVersion {
  readonly stage: Stage;
  readonly versionId: string;
}

export interface FetchedSecret<C = Credentials> {
  /** The secret's full name, with region and account; undefined when AWS does not say. */
  readonly arn?: string | undefined;
  readonly versionId: string;
  /** When this version was put into AWS; undefined when AWS does not say. */
  readonly createdAt: Date | undefined;
  /** The proven credentials, or what is wrong with the value. */
  readonly credentials: C | ConfigError;
  /** The mailbox's address in the value; undefined when there is none, or none beyond doubt in a broken value. */
  readonly mailbox: string | undefined;
  /** Null when the value is no JSON object. */
  readonly furtherKeys: FurtherKeys | null;
  /** Whether the process had fetched it for another run. */
  readonly isHeld?: boolean;
}

/** Fetches the secret's version of a stage; null when the secret has none of that stage. */
export type FetchSecret<C = Credentials> = (stage: Stage, signal: AbortSignal) => Promise<FetchedSecret<C> | null>;

/**
 * Returns a function that fetches the secret at `address`. Everything secret in the credentials goes to `hide` first; of the
 * further keys, all that looks like a secret, and the values of the keys `jobSecrets`.
 * @throws, when used, ConfigError, CredentialError or UnavailableError for what AWS refuses.
 */
export function createSecretFetcher(
  address: SecretAddress,
  hide: (secret: string) => void,
  jobSecrets: readonly string[] = [],
): FetchSecret {
  const send = connectToSecret(address);
  // Messages name the keys, which may stand among the words of a broken value.
  const hideOthers = (secret: string) => {
    if (!jobSecrets.includes(secret)) hide(secret);
  };
  return async (stage, signal) => {
    const secret = await fetchVersion(send, address.secretId, { stage }, hideOthers, signal, readCredentials);
    hideKeys(jobSecrets, secret?.furtherKeys ?? null, hide);
    return secret;
  };
}

/** The selected version, read by `read`; null when the secret has none. Everything secret in it is given to `hide` first. */
export async function fetchVersion<C extends Credentials | ServiceAccountKey>(
  send: SendToSecretsManager,
  secretId: string,
  which: VersionSelector,
  hide: (secret: string) => void,
  signal: AbortSignal,
  read: (text: string, secretId: string, hide: (secret: string) => void) => C | ConfigError,
): Promise<FetchedSecret<C> | null> {
  const selector = 'stage' in which ? { VersionStage: which.stage } : { VersionId: which.versionId };
  const command = new GetSecretValueCommand({ SecretId: secretId, ...selector });
  const answer = await send(
    'GetSecretValue',
    async (client, options) => {
      const answer = await client.send(command, options);
      return { ...answer, text: valueIn(answer) };
    },
    signal,
  ).catch((error: unknown) => {
    if (error instanceof NoSuchVersionError) return null;
    throw error;
  });
  if (answer === null) return null;
  const { text } = answer;
  const credentials = read(text, secretId, hide);
  return {
    arn: answer.ARN,
    versionId: answer.VersionId ?? 'unknown',
    createdAt: Number.isNaN(answer.CreatedDate?.getTime()) ? undefined : answer.CreatedDate,
    credentials,
    mailbox: credentials instanceof ConfigError ? namedMailbox(text) : mailboxOf(credentials),
    furtherKeys: furtherKeysIn(text, !(credentials instanceof ConfigError)),
  };
}

/** The value in AWS's answer. @throws SyntaxError when there is none, so that the request is repeated. */
function valueIn({ SecretString: text, SecretBinary: bytes }: GetSecretValueResponse): string {
  if (typeof text === 'string') return text;
  if (bytes instanceof Uint8Array) return Buffer.from(bytes).toString();
  throw new SyntaxError('an answer without a value');
}

const NO_VERSION_REMEDY: Readonly<Record<Stage, string>> = {
  AWSCURRENT: "Store one with `job authorize`, or put a service account's key into it in the AWS console.",
  AWSPENDING:
    'No version waits to go live: store one with `job authorize --stage AWSPENDING`, or check without --stage.',
  AWSPREVIOUS: 'There is one as soon as another version is stored: check without --stage.',
};

/** The error for a secret without a version of the stage. */
export function noVersion(stage: Stage): ConfigError {
  return new ConfigError(`the secret has no version ${stage}`, NO_VERSION_REMEDY[stage]);
}
