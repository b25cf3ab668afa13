/**
 * The secrets of a job: keys of the secret that JOB_SECRET_ID names, or GMAIL_SECRET_ID when JOB_SECRET_ID is not set. A run
 * reads them once, at its start.
 */
import { ConfigError } from '../errors.ts';
import { MIN_SECRET_LENGTH } from '../process/redact.ts';
import type { FurtherKeys } from './further-keys.ts';
import { unwrap } from './pasted.ts';
import { createSecretFetcher } from './secret.ts';
import type { SecretAddress } from './secrets-manager.ts';

/** The further keys of one version of a secret. */
export interface VersionKeys {
  readonly secretId: string;
  readonly versionId: string;
  /** Null when the value is no JSON object. */
  readonly furtherKeys: FurtherKeys | null;
}

/**
 * Reads the keys of a secret without credentials, in its current version. Gives the values of the keys `names` to `hide`.
 * @throws ConfigError, CredentialError or UnavailableError when AWS does not return the version.
 */
export async function fetchJobKeys(
  address: SecretAddress,
  names: readonly string[],
  hide: (secret: string) => void,
  signal: AbortSignal,
): Promise<VersionKeys> {
  const { secretId } = address;
  const secret = await createSecretFetcher(address, hide, names)('AWSCURRENT', signal);
  if (secret === null) throw new ConfigError(`secret ${secretId}: it has no value`, correctIn(secretId, names));
  return { secretId, versionId: secret.versionId, furtherKeys: secret.furtherKeys };
}

/**
 * The secrets of a job by their names, without what pasting adds around a value.
 * @throws ConfigError that names each key which is missing, empty, too short or not a string.
 */
export function readJobSecrets(
  job: { readonly name: string; readonly secrets: readonly string[] },
  { secretId, versionId, furtherKeys }: VersionKeys,
): Readonly<Record<string, string>> {
  const values = job.secrets.map((name) => [name, unpasted(furtherKeys?.get(name))] as const);
  const faulty = values.filter(([, value]) => problemOf(value) !== undefined);
  if (faulty.length === 0) return Object.fromEntries(values) as Record<string, string>;
  const form = furtherKeys === null ? ', whose value is no JSON object' : '';
  throw new ConfigError(
    `${job.name} cannot run: in the secret ${secretId} (version ${versionId}${form}), ${faulty.map(([name, value]) => `${name} ${problemOf(value)}`).join(', ')}`,
    correctIn(
      secretId,
      faulty.map(([name]) => name),
    ),
  );
}

function unpasted(written: string | undefined): unknown {
  const value: unknown = written === undefined ? undefined : JSON.parse(written);
  return typeof value === 'string' ? unwrap(value) : value;
}

/** Such as `is missing`; undefined for a value that a job may get. */
function problemOf(value: unknown): string | undefined {
  if (value === undefined) return 'is missing';
  if (typeof value !== 'string') return 'is not a string';
  if (value === '') return 'is empty';
  return value.length < MIN_SECRET_LENGTH ? `is shorter than ${MIN_SECRET_LENGTH} characters` : undefined;
}

function correctIn(secretId: string, names: readonly string[]): string {
  const pairs = names.map((name) => `"${name}":"…"`).join(',');
  return `Store ${pairs} in the JSON of the secret ${secretId} (AWS console → Retrieve secret value → Edit).`;
}
