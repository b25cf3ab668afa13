/** AWS's regions and the partitions that they belong to, with their DNS names. Source: the endpoint rules of AWS's SDKs. */

interface Partition {
  /** How the names of its regions begin. */
  readonly beginning: string;
  /** As in `arn:<partition>:…`. */
  readonly name: string;
  /** The domains of its services, the usual one first. */
  readonly domains: readonly [string, ...string[]];
}

/** Regions of all other beginnings. */
const COMMERCIAL: Partition = { beginning: '', name: 'aws', domains: ['amazonaws.com', 'api.aws'] };

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

const REGION = /^[a-z]{2,4}(-[a-z]+){1,3}-\d{1,2}$/;

/** Whether AWS could have a region of that name. */
export function isRegion(text: string): boolean {
  return REGION.test(text);
}

/** The partition that a region belongs to, as ARNs name it. */
export function partitionOf(region: string): string {
  return partitionIn(region).name;
}

/** The domains of the services in a region, the usual one first. `*` stands for any region of the partition `aws`. */
export function domainsOf(region: string): readonly [string, ...string[]] {
  return partitionIn(region).domains;
}

/** The usual address of a service in a region. */
export function hostOf(service: string, region: string): string {
  return `${service}.${region}.${domainsOf(region)[0]}`;
}

function partitionIn(region: string): Partition {
  return PARTITIONS.find(({ beginning }) => region.startsWith(beginning)) ?? COMMERCIAL;
}
