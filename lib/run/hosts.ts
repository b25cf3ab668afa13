/** The hosts that the program itself needs, as its configuration names them. */

import { domainsOf, serviceAt } from '../aws/names.ts';
import type { Environment } from '../base/environment.ts';
import { examineConfig, isLoopback, readMonitorUrl } from '../config.ts';
import { type Host, hostOfUrl } from '../process/hosts.ts';

/** Google's, AWS's and the monitor's, with those that a named source of AWS credentials asks. */
export function neededHosts(env: Environment): Host[] {
  const { config, faulty } = examineConfig(env);
  const { gmailApiUrl, tokenUrl, revokeUrl, awsRegion } = config;
  const monitor = readMonitorUrl(env);
  const urls = [gmailApiUrl, tokenUrl, revokeUrl, ...(monitor === undefined ? [] : [monitor])];
  const aws = [
    ...(faulty.has('AWS_REGION') || faulty.has('AWS_DEFAULT_REGION') ? [] : awsHosts('secretsmanager', awsRegion)),
    ...endpointOf(env, 'SECRETS_MANAGER'),
    ...credentialHosts(env, awsRegion),
  ];
  return [...urls.map(hostOfUrl), ...aws];
}

function awsHosts(service: string, region: string): Host[] {
  return [service, `${service}-fips`].flatMap((name) =>
    domainsOf(region).map((domain) => ({ name: `${name}.${region}.${domain}`, port: 443 })),
  );
}

/**
 * Another address of a service, where the environment names one: a stand-in on this machine, or one of AWS's own for this
 * service, such as a VPC endpoint's. Below the same domains are the machines of everybody who rents one.
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

/** What the other sources of AWS credentials ask; README, "Configuration", says which there are. */
function credentialHosts(env: Environment, region: string): Host[] {
  const named = (name: string) => (env[name]?.trim() ?? '') !== '';
  const profile = named('AWS_PROFILE');
  const hosts: Host[] = [];
  if (profile || named('AWS_WEB_IDENTITY_TOKEN_FILE')) {
    // A profile may name a region of its own.
    hosts.push(...awsHosts('sts', profile ? '*' : region), { name: 'sts.amazonaws.com', port: 443 });
    hosts.push(...endpointOf(env, 'STS'));
  }
  if (profile) {
    for (const service of ['portal.sso', 'oidc']) hosts.push(...awsHosts(service, '*'));
    hosts.push({ name: '*.signin.aws.amazon.com', port: 443 });
    hosts.push({ name: '169.254.169.254', port: 80 }, { name: 'fd00:ec2::254', port: 80 });
  }
  if (profile || named('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI')) hosts.push({ name: '169.254.170.2', port: 80 });
  const container = URL.parse(env.AWS_CONTAINER_CREDENTIALS_FULL_URI?.trim() ?? '');
  if (container !== null && /^https?:$/.test(container.protocol)) hosts.push(hostOfUrl(container.href));
  return hosts;
}
