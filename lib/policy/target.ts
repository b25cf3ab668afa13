/** Reads the secrets, KMS keys and the place of files for which `job policy` prints a document. */

import { isKeyAlias, isKeyArn, isRegion, partitionOf, SECRET_NAME } from '../aws/names.ts';
import { beginsLikeCredential } from '../base/credential-like.ts';
import type { Environment } from '../base/environment.ts';
import { UsageError } from '../errors.ts';
import { readMailboxesFile } from '../run/fleet/mailboxes-file.ts';
import { hasMailbox, MAILBOX, parsePlace, type S3Place } from '../store/place.ts';

/** Where the secret lies. An ARN holds all three values. */
export interface SecretPlace {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

export interface PolicyTarget {
  readonly name: string;
  /** `--secret` or GMAIL_SECRET_ID. */
  readonly source: string;
  /** The place; or the options that the person must add to name the place. CloudFormation needs none. */
  readonly place: SecretPlace | { readonly missing: readonly string[] };
  /** Whether the secret was given by its ARN. */
  readonly isArn: boolean;
  /** The six characters that AWS appends to the name in the ARN. Undefined when only the name is known. */
  readonly suffix: string | undefined;
}

export interface PolicyTargetOptions {
  readonly secret: string | undefined;
  readonly account: string | undefined;
  readonly region: string | undefined;
}

/** The secrets that the entries of mailboxes.yaml name. */
export interface FleetTargets {
  readonly secrets: readonly PolicyTarget[];
  readonly prefixes: readonly string[];
  /** The place of secrets that are named without an ARN; or the missing options. */
  readonly place: PolicyTarget['place'];
}

const SUFFIX = /^(.+)-([A-Za-z0-9]{6}|\?{6})$/;
const ACCOUNT = /^\d{12}$/;

/**
 * The secret in `--secret`, else in GMAIL_SECRET_ID; in the account of the `signingKeys` when no other one is named.
 * @throws UsageError when it is missing or malformed.
 */
export function readTarget(
  options: PolicyTargetOptions,
  env: Environment,
  signingKeys: readonly string[] = [],
): PolicyTarget {
  const source = options.secret === undefined ? 'GMAIL_SECRET_ID' : '--secret';
  const secret = (options.secret ?? env.GMAIL_SECRET_ID ?? '').trim();
  const environmentRegion = regionOf(env);
  if (secret === '') {
    throw new UsageError(
      options.secret === undefined ? 'the secret is not named' : '--secret is empty',
      'Write --secret <arn>, or --secret <name> --account <12 digits> --region <region>, or set GMAIL_SECRET_ID.',
    );
  }
  if (secret.startsWith('arn:')) return fromArn(secret, source, options);
  const account = options.account ?? accountOf(signingKeys);
  return fromName(secret, source, { account, region: options.region ?? environmentRegion });
}

/** The account of the keys' ARNs, when it is one. */
function accountOf(signingKeys: readonly string[]): string | undefined {
  const accounts = new Set(signingKeys.filter(isKeyArn).map((arn) => arn.split(':')[4]));
  return accounts.size === 1 ? [...accounts][0] : undefined;
}

/**
 * The secrets of the fleet in MAILBOXES_FILE.
 * @throws ConfigError for a missing or wrong file, UsageError for a wrong region.
 */
export async function readFleetTargets(
  { account, region }: Omit<PolicyTargetOptions, 'secret'>,
  env: Environment,
): Promise<FleetTargets> {
  const awsRegion = region ?? regionOf(env);
  const mailboxesFile = env.MAILBOXES_FILE?.trim() || undefined;
  const sources = await readMailboxesFile({ mailboxesFile, awsRegion });
  const secrets = sources.flatMap((source): PolicyTarget[] => {
    if (source.kind === 'prefix') return [];
    const { secretId } = source;
    if (secretId.startsWith('arn:')) return [fromArn(secretId, source.label, NO_OPTIONS)];
    return [fromName(secretId, source.label, { account, region: awsRegion })];
  });
  const prefixes = sources.flatMap((source) => (source.kind === 'prefix' ? [source.prefix] : []));
  const isKnown = ({ place }: PolicyTarget) => !('missing' in place);
  const own = placeOf({ account, region: awsRegion });
  const place = prefixes.length === 0 && secrets.every(isKnown) ? (secrets[0]?.place ?? own) : own;
  return { secrets, prefixes, place };
}

const NO_OPTIONS: PolicyTargetOptions = { secret: undefined, account: undefined, region: undefined };

/**
 * The secret in JOB_SECRET_ID, at the place of `target` when only its name is given; undefined when the variable is not set
 * or names the target itself.
 * @throws UsageError when it is malformed or lies in another region.
 */
export function readJobTarget(
  target: Omit<PolicyTarget, 'isArn' | 'suffix'>,
  env: Environment,
): PolicyTarget | undefined {
  const source = 'JOB_SECRET_ID';
  const secret = env.JOB_SECRET_ID?.trim() ?? '';
  if (secret === '') return undefined;
  const own = secret.startsWith('arn:')
    ? fromArn(secret, source, NO_OPTIONS)
    : { ...fromName(secret, source, { account: undefined, region: undefined }), place: target.place };
  if (!('missing' in own.place) && !('missing' in target.place) && own.place.region !== target.place.region) {
    throw new UsageError(
      `${source} lies in ${own.place.region}, but ${target.source} in ${target.place.region}`,
      'The program reads both secrets in one region: store the second one there.',
    );
  }
  const isSamePlace = 'missing' in own.place || 'missing' in target.place || own.place.account === target.place.account;
  return own.name === target.name && isSamePlace ? undefined : own;
}

/**
 * The bucket in EXPORT_URL, where jobs keep files.
 * @throws UsageError when the variable names no bucket, or one place for all mailboxes of a fleet.
 */
export function readFilesPlace(isFleet: boolean, env: Environment): S3Place {
  const text = env.EXPORT_URL?.trim() ?? '';
  const example = `s3://bucket/${isFleet ? MAILBOX : 'prefix'}`;
  if (text === '') {
    throw new UsageError(
      '--export needs the place of the files, and EXPORT_URL is not set',
      `Set EXPORT_URL=${example}, as the jobs have it.`,
    );
  }
  const place = parsePlace(text);
  if ('problem' in place) throw new UsageError(`EXPORT_URL ${place.problem}`, `Set EXPORT_URL=${example}.`);
  if (place.kind === 'folder') {
    throw new UsageError(
      'EXPORT_URL names a folder, for which AWS has no policy',
      `Leave out --export; or set EXPORT_URL=${example} to keep the files in S3.`,
    );
  }
  if (isFleet && !hasMailbox(place)) {
    throw new UsageError(
      'the mailboxes of the fleet would keep their files in the same place',
      `Write ${MAILBOX} in EXPORT_URL where the address belongs: ${example}.`,
    );
  }
  return place;
}

function regionOf({ AWS_REGION, AWS_DEFAULT_REGION }: Environment): string | undefined {
  const region = AWS_REGION?.trim() || AWS_DEFAULT_REGION?.trim() || undefined;
  if (region === undefined || isRegion(region)) return region;
  throw new UsageError('AWS_REGION is no AWS region', 'Set it to one such as eu-central-1, or write --region.');
}

function fromName(
  name: string,
  source: string,
  { account, region }: Omit<PolicyTargetOptions, 'secret'>,
): PolicyTarget {
  if (!SECRET_NAME.test(name) || beginsLikeCredential(name)) {
    throw new UsageError(
      `${source} is no name that AWS allows`,
      'A secret\'s name has up to 512 of the letters A-Z and a-z, digits and "/_+=.@-"; or write its ARN.',
    );
  }
  return { name, source, place: placeOf({ account, region }), isArn: false, suffix: undefined };
}

function placeOf({ account, region }: Omit<PolicyTargetOptions, 'secret'>): PolicyTarget['place'] {
  if (account !== undefined && region !== undefined) return { partition: partitionOf(region), region, account };
  return {
    missing: [...(account === undefined ? ['--account'] : []), ...(region === undefined ? ['--region'] : [])],
  };
}

function fromArn(arn: string, source: string, { account, region }: PolicyTargetOptions): PolicyTarget {
  const { resource, ...place } = splitArn(arn, source, 'secretsmanager', SECRET_REMEDY);
  const [kind, rest = '', ...more] = resource.split(':');
  const [, name = '', suffix] = SUFFIX.exec(rest) ?? ['', rest];
  if (kind !== 'secret' || more.length > 0 || !SECRET_NAME.test(name)) {
    throw new UsageError(`${source} is not the ARN of a single secret`, SECRET_REMEDY);
  }
  if (account !== undefined && account !== place.account) {
    throw new UsageError(
      `--account is not the account in ${source}`,
      'Leave --account out: the ARN of the secret says the account.',
    );
  }
  if (region !== undefined && region !== place.region) {
    throw new UsageError(
      `--region is not the region in ${source}`,
      'Leave --region out: the ARN of the secret says the region.',
    );
  }
  return { name, source, place, isArn: true, suffix: suffix?.startsWith('?') ? undefined : suffix };
}

/** @throws UsageError when the target's place is not known. */
export function requirePlace({ place, source }: Pick<PolicyTarget, 'place' | 'source'>): SecretPlace {
  if (!('missing' in place)) return place;
  throw new UsageError(
    `${source} is a name, and an IAM policy needs an ARN: ${place.missing.join(' and ')} ${place.missing.length === 1 ? 'is' : 'are'} missing`,
    'Write --account <12 digits> (the AWS console shows it at the top right) and --region <region>, or the ARN of the secret in place of its name.',
  );
}

/** @throws UsageError when `keyArn` is not the ARN of a key, or lies in another region than the secret. */
export function requireKeyIn(secretRegion: string | undefined, keyArn: string): void {
  const { region } = requireKey(keyArn, '--kms-key');
  if (secretRegion !== undefined && region !== secretRegion) {
    throw new UsageError(
      `--kms-key lies in ${region}, but the secret in ${secretRegion}`,
      'AWS encrypts a secret with a key of the same region: write the ARN of that key.',
    );
  }
}

function requireKey(keyArn: string, source: string): SecretPlace {
  const { resource, ...place } = splitArn(keyArn, source, 'kms', KEY_REMEDY);
  if (resource.startsWith('alias/')) {
    throw new UsageError(`${source} is an alias, but IAM allows the use of a key only by its ARN`, KEY_REMEDY);
  }
  if (!isKeyArn(keyArn)) throw new UsageError(`${source} is no ARN of a key`, KEY_REMEDY);
  return place;
}

/** @throws UsageError when `key` is not the ARN of a key; with `mayCreate`, the name of an alias is allowed too. */
export function requireSigningKey(key: string, mayCreate: boolean): void {
  if (key.startsWith('alias/aws/')) {
    throw new UsageError(
      '--kms-sign names an alias of AWS (alias/aws/…)',
      'Choose another alias, such as alias/gmail-jobs.',
    );
  }
  if (mayCreate && isKeyAlias(key)) return;
  if (key.startsWith('alias/')) {
    throw new UsageError(
      '--kms-sign is an alias, but IAM allows the use of a key only by its ARN',
      `${KEY_REMEDY} With --cloudformation, an alias names a key to create.`,
    );
  }
  requireKey(key, '--kms-sign');
}

const SECRET_REMEDY =
  'Copy the Secret ARN from the AWS console (Secrets Manager → the secret): arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX.';
const KEY_REMEDY =
  'Copy the ARN of the key from the AWS console (Key Management Service → Customer managed keys): arn:aws:kms:REGION:ACCOUNT:key/ID.';

/** The parts of an ARN of the service `wanted`. */
function splitArn(arn: string, source: string, wanted: string, remedy: string): SecretPlace & { resource: string } {
  const [prefix, partition = '', service = '', region = '', account = '', ...resource] = arn.split(':');
  const problem = (what: string) => new UsageError(`${source} ${what}`, remedy);
  if (prefix !== 'arn' || service === '' || resource.length === 0) throw problem('is no ARN');
  if (service !== wanted) throw problem(`is the ARN of another service (${service})`);
  if (!isRegion(region)) throw problem('names no AWS region');
  if (!ACCOUNT.test(account)) throw problem('has an account that is not 12 digits');
  if (partition !== partitionOf(region)) {
    throw problem(`has the partition "${partition}", but ${region} belongs to "${partitionOf(region)}"`);
  }
  return { partition, region, account, resource: resource.join(':') };
}

export function readAccount(text: string): string {
  if (ACCOUNT.test(text)) return text;
  const unbroken = /^\d{4}-\d{4}-\d{4}$/.test(text) ? 'Write the 12 digits without hyphens.' : 'Write 12 digits.';
  throw new UsageError(`"${text}" is no AWS account`, unbroken);
}

export function readRegion(text: string): string {
  if (isRegion(text)) return text;
  throw new UsageError(`"${text}" is no AWS region`, 'Write one such as eu-central-1.');
}
