/** Fetches one version of the secret from AWS Secrets Manager, anew on every call, and proves its shape. */
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { ConfigError } from '../errors.ts';
import { connectToAws, type SecretAddress, type SendToAws, valueIn } from './client.ts';
import { namedMailbox } from './named-mailbox.ts';
import { type Credentials, mailboxOf, readCredentials } from './shape.ts';

export type { AuthorizedUser, Credentials, ServiceAccount } from './shape.ts';

export type Stage = 'AWSCURRENT' | 'AWSPREVIOUS' | 'AWSPENDING';

/** Which version: the one that carries a staging label, or the one with an id. */
export type VersionSelector = { readonly stage: Stage } | { readonly versionId: string };

export interface FetchedSecret {
  /** The secret's full name, with region and account; undefined when AWS does not say. */
  readonly arn?: string | undefined;
  readonly versionId: string;
  /** When this version was put into AWS; undefined when AWS does not say. */
  readonly createdAt: Date | undefined;
  /** The proven credentials, or what is wrong with the value. */
  readonly credentials: Credentials | ConfigError;
  /** The address of the mailbox that it is for, as far as the value says so without doubt: a broken one may, too. */
  readonly mailbox: string | undefined;
}

/** Fetches the secret's version of a stage; null when the secret has none of that stage. */
export type FetchSecret = (stage: Stage, signal: AbortSignal) => Promise<FetchedSecret | null>;

/**
 * A way to fetch the secret at `address`. Everything in it is given to `hide` before it is looked at.
 * The fetch throws ConfigError, CredentialError or UnavailableError for what AWS refuses.
 */
export function createSecretFetcher(address: SecretAddress, hide: (secret: string) => void): FetchSecret {
  const sendToAws = connectToAws(address);
  return (stage, signal) => fetchVersion(sendToAws, address.secretId, { stage }, hide, signal);
}

/** The version of a stage or with an id; null when the secret has none. Everything secret is given to `hide` first. */
export async function fetchVersion(
  sendToAws: SendToAws,
  secretId: string,
  which: VersionSelector,
  hide: (secret: string) => void,
  signal: AbortSignal,
): Promise<FetchedSecret | null> {
  const selector = 'stage' in which ? { VersionStage: which.stage } : { VersionId: which.versionId };
  const command = new GetSecretValueCommand({ SecretId: secretId, ...selector });
  const answer = await sendToAws(
    'GetSecretValue',
    (client, options) =>
      client.send(command, options).then(
        (answer) => ({ ...answer, text: valueIn(answer) }),
        (error: unknown) => {
          if (isMissingVersion(error)) return null;
          throw error;
        },
      ),
    signal,
  );
  if (answer === null) return null;
  const { text } = answer;
  const credentials = readCredentials(text, secretId, hide);
  return {
    arn: answer.ARN,
    versionId: answer.VersionId ?? 'unknown',
    createdAt: Number.isNaN(answer.CreatedDate?.getTime()) ? undefined : answer.CreatedDate,
    credentials,
    mailbox: credentials instanceof ConfigError ? namedMailbox(text) : mailboxOf(credentials),
  };
}

const REMEDY_WITHOUT: Readonly<Record<Stage, string>> = {
  AWSCURRENT: "Store one with `job authorize`, or put a service account's key into it in the AWS console.",
  AWSPENDING:
    'Nothing waits to go live: put a version there with `job authorize --stage AWSPENDING`, or check without --stage.',
  AWSPREVIOUS: 'There is one as soon as another version is stored: check without --stage.',
};

/** The secret has no version with this staging label. */
export function noVersion(stage: Stage): ConfigError {
  return new ConfigError(`the secret has no version ${stage}`, REMEDY_WITHOUT[stage]);
}

/** AWS has one name for a missing secret and a missing version of it. */
function isMissingVersion(error: unknown): boolean {
  return (
    error instanceof Error && error.name === 'ResourceNotFoundException' && /secret value for/i.test(error.message)
  );
}
