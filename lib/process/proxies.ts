/**
 * Finds proxies that the environment names. The program supports none and refuses to run with one, since a person who set
 * a proxy expects that no connection bypasses it.
 */
import type { Environment } from '../base/environment.ts';

const PROXIES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];

/** Variables that make a library or Node use a proxy. NO_PROXY names hosts to be reached without a proxy. */
export const PROXY_VARIABLES: readonly string[] = [...PROXIES, 'NO_PROXY', 'no_proxy', 'NODE_USE_ENV_PROXY'];

/** The variables in `env` that name a proxy; none when NO_PROXY covers all of `urls`. */
export function proxiesIn(env: Environment, urls: readonly string[]): string[] {
  const set = PROXIES.filter((name) => (env[name]?.trim() ?? '') !== '');
  const exceptions = [env.NO_PROXY, env.no_proxy].flatMap((list) => list?.toLowerCase().split(/[\s,]+/) ?? []);
  return urls.every((url) => exceptions.some((exception) => isCovered(URL.parse(url), exception))) ? [] : set;
}

/** Whether an entry of NO_PROXY covers the host of `url`: `*`, a host, a domain with all below it, each with a port. */
function isCovered(url: URL | null, exception: string): boolean {
  if (exception === '*') return true;
  const [, name = '', port] = /^(?:\*?\.)?(\[[0-9a-f:]+\]|[^:]+)(?::(\d+))?$/.exec(exception) ?? [];
  if (url === null || name === '') return false;
  const standardPort = url.protocol === 'http:' ? '80' : '443';
  if (port !== undefined && port !== (url.port || standardPort)) return false;
  return url.hostname === name || url.hostname.endsWith(`.${name}`);
}
