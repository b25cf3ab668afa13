/** Which secret a policy is about, and which key encrypts it: ARNs and names, proven by AWS's grammar. */

import { isRegion, partitionOf, SECRET_NAME } from '../aws/names.ts';
import { beginsLikeCredential } from '../base/credential-like.ts';
import { UsageError } from '../errors.ts';

/** Where the secret lies. An ARN says all of it; a name needs an account and a region besides. */
export interface Place {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

export interface Target {
  readonly name: string;
  /** Undefined for a name without account or region, which is enough for CloudFormation. */
  readonly place: Place | undefined;
  /** The six characters that AWS has put behind the name; undefined when the name alone is known. */
  readonly suffix: string | undefined;
}

export interface TargetOptions {
  readonly secret: string;
  /** Where the secret was named: `--secret` or `GMAIL_SECRET_ID`. */
  readonly source: string;
  readonly account: string | undefined;
  /** The region that was asked for, which an ARN must not contradict. */
  readonly region: string | undefined;
  /** The region of the environment, for a name. */
  readonly fallbackRegion: string | undefined;
}

const SUFFIX = /^(.+)-([A-Za-z0-9]{6}|\?{6})$/;
const ACCOUNT = /^\d{12}$/;

/** @throws UsageError that names what is wrong, and the remedy. */
export function readTarget(options: TargetOptions): Target {
  return options.secret.startsWith('arn:') ? fromArn(options) : fromName(options);
}

function fromName({ secret: name, source, account, region, fallbackRegion }: TargetOptions): Target {
  if (!SECRET_NAME.test(name) || beginsLikeCredential(name)) {
    throw new UsageError(
      `${source} is no name that AWS allows`,
      'A secret\'s name has up to 512 of the letters A-Z and a-z, digits and "/_+=.@-"; or write its ARN.',
    );
  }
  const where = region ?? fallbackRegion;
  const place = account === undefined || where === undefined ? undefined : placeIn(where, account);
  return { name, place, suffix: undefined };
}

function fromArn({ secret, source, account, region }: TargetOptions): Target {
  const { resource, ...place } = splitArn(secret, source, 'secretsmanager', SECRET_REMEDY);
  const [kind, rest = '', ...more] = resource.split(':');
  const [, name = '', suffix] = SUFFIX.exec(rest) ?? ['', rest];
  if (kind !== 'secret' || more.length > 0 || !SECRET_NAME.test(name)) {
    throw new UsageError(`${source} is no ARN of one secret`, SECRET_REMEDY);
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
  return { name, place, suffix: suffix?.startsWith('?') ? undefined : suffix };
}

/** The target's place. @throws UsageError when it is not known. */
export function requirePlace({ place }: Target, options: TargetOptions): Place {
  if (place !== undefined) return place;
  const missing = [
    ...(options.account === undefined ? ['--account'] : []),
    ...(options.region === undefined && options.fallbackRegion === undefined ? ['--region'] : []),
  ];
  throw new UsageError(
    `${options.source} is a name, and an IAM policy needs an ARN: ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`,
    'Write --account <12 digits> (the AWS console shows it at the top right) and --region <region>, or the ARN of the secret in place of its name.',
  );
}

/** Proves that `keyArn` is a key's, in the secret's region. @throws UsageError that names what is wrong, and the remedy. */
export function requireKeyIn(secretRegion: string | undefined, keyArn: string): void {
  const { resource, region } = splitArn(keyArn, '--kms-key', 'kms', KEY_REMEDY);
  if (resource.startsWith('alias/')) {
    throw new UsageError('--kms-key is an alias, by which IAM cannot allow the use of a key', KEY_REMEDY);
  }
  if (!/^key\/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.test(resource)) {
    throw new UsageError('--kms-key is no ARN of a key', KEY_REMEDY);
  }
  if (secretRegion !== undefined && region !== secretRegion) {
    throw new UsageError(
      `--kms-key lies in ${region}, but the secret in ${secretRegion}`,
      'A secret is encrypted with a key of its own region: write the ARN of that key.',
    );
  }
}

const SECRET_REMEDY =
  'Copy the Secret ARN from the AWS console (Secrets Manager → the secret): arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX.';
const KEY_REMEDY =
  'Copy the ARN of the key from the AWS console (Key Management Service → Customer managed keys): arn:aws:kms:REGION:ACCOUNT:key/ID.';

/** The parts of an ARN of `wanted`, a service. */
function splitArn(arn: string, source: string, wanted: string, remedy: string): Place & { resource: string } {
  const [prefix, partition = '', service = '', region = '', account = '', ...resource] = arn.split(':');
  const problem = (what: string) => new UsageError(`${source} ${what}`, remedy);
  if (prefix !== 'arn' || service === '' || resource.length === 0) throw problem('is no ARN');
  if (service !== wanted) throw problem(`is the ARN of another service (${service})`);
  if (!isRegion(region)) throw problem('has no region that AWS could have');
  if (!ACCOUNT.test(account)) throw problem('has an account that is not 12 digits');
  if (partition !== partitionOf(region)) {
    throw problem(`has the partition "${partition}", but ${region} belongs to "${partitionOf(region)}"`);
  }
  return { partition, region, account, resource: resource.join(':') };
}

function placeIn(region: string, account: string): Place {
  return { partition: partitionOf(region), region, account };
}

/** The value of `--account`. */
export function readAccount(text: string): string {
  if (ACCOUNT.test(text)) return text;
  const unbroken = /^\d{4}-\d{4}-\d{4}$/.test(text) ? 'Write the 12 digits without hyphens.' : 'Write 12 digits.';
  throw new UsageError(`"${text}" is no AWS account`, unbroken);
}

/** The value of `--region`. */
export function readRegion(text: string): string {
  if (isRegion(text)) return text;
  throw new UsageError(`"${text}" is no AWS region`, 'Write one such as eu-central-1.');
}
