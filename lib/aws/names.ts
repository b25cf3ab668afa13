/** AWS's partitions, regions and hosts, and the names and ARNs of secrets and KMS keys. */
import { beginsLikeCredential } from '../base/credential-like.ts';
import type { Host } from '../process/hosts.ts';

interface Partition {
  /** How the names of its regions begin. */
  readonly beginning: string;
  /** As in `arn:<partition>:…`. */
  readonly name: string;
  /** The domains of its services, the usual one first. */
  readonly domains: readonly [string, ...string[]];
}

/** All regions whose names begin with no other partition's beginning. */
const COMMERCIAL: Partition = { beginning: '', name: 'aws', domains: ['amazonaws.com', 'api.aws'] };

/** Source: the endpoint rules of AWS's SDKs. */
const PARTITIONS: readonly Partition[] = [
  { beginning: 'cn-', name: 'aws-cn', domains: ['amazonaws.com.cn', 'api.amazonwebservices.com.cn'] },
  { beginning: 'us-gov-', name: 'aws-us-gov', domains: ['amazonaws.com', 'api.aws'] },
  { beginning: 'us-iso-', name: 'aws-iso', domains: ['c2s.ic.gov'] },
  { beginning: 'us-isob-', name: 'aws-iso-b', domains: ['sc2s.sgov.gov'] },
  { beginning: 'eu-isoe-', name: 'aws-iso-e', domains: ['cloud.adc-e.uk'] },
  { beginning: 'us-isof-', name: 'aws-iso-f', domains: ['csp.hci.ic.gov'] },
  { beginning: 'eusc-', name: 'aws-eusc', domains: ['amazonaws.eu', 'api.amazonwebservices.eu'] },
  COMMERCIAL,
];

const REGION = String.raw`[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}`;
const WHOLE_REGION = new RegExp(`^${REGION}$`);

/** Whether AWS could have a region of that name. */
export function isRegion(text: string): boolean {
  return WHOLE_REGION.test(text);
}

/** The partition that a region belongs to, as ARNs name it. */
export function partitionOf(region: string): string {
  return partitionIn(region).name;
}

/** The usual address of a service in a region. */
export function hostOf(service: string, region: string): string {
  return `${service}.${region}.${partitionIn(region).domains[0]}`;
}

/** All addresses of a service in a region. `*` stands for any region of the partition `aws`. */
export function serviceHosts(service: string, region: string): Host[] {
  const names = [service, `${service}-fips`];
  // Other services have the domain api.aws for IPv6.
  if (service === 's3') names.push('s3.dualstack', 's3-fips.dualstack');
  return names.flatMap((name) =>
    partitionIn(region).domains.map((domain) => ({ name: `${name}.${region}.${domain}`, port: 443 })),
  );
}

function partitionIn(region: string): Partition {
  return PARTITIONS.find(({ beginning }) => region.startsWith(beginning)) ?? COMMERCIAL;
}

const DOMAINS = PARTITIONS.flatMap(({ domains }) => domains.map((domain) => RegExp.escape(domain))).join('|');
const SERVICE_HOST = new RegExp(
  String.raw`^(?:(?:bucket\.)?vpce-[a-z0-9-]+\.)?([a-z]+\d?)(?:-fips)?(?:\.dualstack)?(?:\.${REGION})?(?:\.vpce)?\.(?:${DOMAINS})$`,
);

/** The service at a host of AWS, such as `secretsmanager`; undefined for other hosts, EC2 machines too. */
export function serviceAt(host: string): string | undefined {
  return SERVICE_HOST.exec(host)?.[1];
}

/** Source: docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html. */
export const SECRET_NAME = /^[\w/+=.@-]{1,512}$/;

const SECRET_ARN = new RegExp(String.raw`^arn:aws[a-z-]*:secretsmanager:(${REGION}):\d{12}:secret:[\w/+=.@-]{1,519}$`);

/** Whether `text` is the name or ARN of a secret, and no credential that was pasted in its place. */
export function isSecretId(text: string): boolean {
  return (SECRET_NAME.test(text) || SECRET_ARN.test(text)) && !beginsLikeCredential(text);
}

/** Whether names of secrets may begin with `text`. */
export function isSecretPrefix(text: string): boolean {
  return SECRET_NAME.test(text) && !beginsLikeCredential(text);
}

/** The secret's name in its ARN, which ends with a hyphen and six characters more; `secretId` unchanged when it is a name. */
export function secretNameOf(secretId: string): string {
  if (!SECRET_ARN.test(secretId)) return secretId;
  return secretId.replace(/^.*?:secret:/, '').replace(/-[A-Za-z0-9]{6}$/, '');
}

/** The region in `secretId`; undefined when it is no ARN. */
export function regionOfSecret(secretId: string): string | undefined {
  return SECRET_ARN.exec(secretId)?.[1];
}

const KEY_RESOURCE = 'key/(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})';
const ALIAS = String.raw`alias/[\w/-]{1,250}`;
const KMS_ARN = new RegExp(String.raw`^arn:(aws[a-z-]*):kms:(${REGION}):\d{12}:(?:(${KEY_RESOURCE})|${ALIAS})$`);
const KMS_ALIAS = new RegExp(`^${ALIAS}$`);

/** Whether `text` is the ARN of a KMS key, and not of an alias. */
export function isKeyArn(text: string): boolean {
  return regionOfKey(text) !== undefined && KMS_ARN.exec(text)?.[3] !== undefined;
}

/** Whether `text` is the name of an alias in KMS, such as `alias/gmail-jobs`. */
export function isKeyAlias(text: string): boolean {
  return KMS_ALIAS.test(text);
}

/** The region in the ARN of a KMS key or alias; undefined for other texts, and for a region of another partition. */
export function regionOfKey(text: string): string | undefined {
  const [, partition, region = ''] = KMS_ARN.exec(text) ?? [];
  return partition !== undefined && partition === partitionOf(region) ? region : undefined;
}
