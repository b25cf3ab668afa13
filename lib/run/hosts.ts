/** The hosts that the program connects to, by its configuration. A job adds its own: see `hostsOf` in job.ts. */
import { serviceAt, serviceHosts } from '../aws/names.ts';
import type { Environment } from '../base/environment.ts';
import { examineConfig, isLoopback, readMonitorUrl } from '../config.ts';
import { type Host, hostOfUrl } from '../process/hosts.ts';

/**
 * The hosts of Google, AWS and the monitor, and of the AWS credential source that the environment names. aws/kms.ts and
 * aws/s3.ts allow the hosts of KMS and S3 when they are used.
 */
export function neededHosts(env: Environment): Host[] {
  const { config, faulty } = examineConfig(env);
  const { gmailApiUrl, tokenUrl, revokeUrl, awsRegion } = config;
  const monitor = readMonitorUrl(env);
  const urls = [gmailApiUrl, tokenUrl, revokeUrl, ...(monitor === undefined ? [] : [monitor])];
  const aws = [
    ...(faulty.has('AWS_REGION') || faulty.has('AWS_DEFAULT_REGION') ? [] : serviceHosts('secretsmanager', awsRegion)),
    ...endpointOf(env, 'SECRETS_MANAGER'),
    ...endpointOf(env, 'KMS'),
    ...endpointOf(env, 'S3'),
    ...credentialHosts(env, awsRegion),
  ];
  return [...urls.map(hostOfUrl), ...aws];
}

/**
 * The endpoint that the environment sets for a service: a loopback address, or an endpoint of AWS for this service, such
 * as a VPC's. Others under amazonaws.com are refused: they may be any customer's server.
 */
function endpointOf(env: Environment, service: string): Host[] {
  return [env[`AWS_ENDPOINT_URL_${service}`], env.AWS_ENDPOINT_URL].flatMap((address) => {
    const url = URL.parse(address?.trim() ?? '');
    if (url === null || !/^https?:$/.test(url.protocol)) return [];
    const host = hostOfUrl(url.href);
    const isAws = url.protocol === 'https:' && serviceAt(host.name) === service.replace('_', '').toLowerCase();
    return isAws || isLoopback(host.name) ? [host] : [];
  });
}

/** The hosts that AWS's SDK asks for credentials, by the source that the environment names. */
function credentialHosts(env: Environment, region: string): Host[] {
  const named = (name: string) => (env[name]?.trim() ?? '') !== '';
  const profile = named('AWS_PROFILE');
  const hosts: Host[] = [];
  if (profile || named('AWS_WEB_IDENTITY_TOKEN_FILE')) {
    // A profile may set another region.
    hosts.push(...serviceHosts('sts', profile ? '*' : region), { name: 'sts.amazonaws.com', port: 443 });
    hosts.push(...endpointOf(env, 'STS'));
  }
  if (profile) {
    for (const service of ['portal.sso', 'oidc']) hosts.push(...serviceHosts(service, '*'));
    hosts.push({ name: '*.signin.aws.amazon.com', port: 443 });
    hosts.push({ name: '169.254.169.254', port: 80 }, { name: 'fd00:ec2::254', port: 80 });
  }
  if (profile || named('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI')) hosts.push({ name: '169.254.170.2', port: 80 });
  const container = URL.parse(env.AWS_CONTAINER_CREDENTIALS_FULL_URI?.trim() ?? '');
  if (container !== null && /^https?:$/.test(container.protocol)) hosts.push(hostOfUrl(container.href));
  return hosts;
}
