/** Parses host names, and keeps the list of hosts that the process may reach. */

export interface Host {
  /** In lower case, without brackets; `*` stands for one label of a name. */
  readonly name: string;
  readonly port: number;
}

const HTTPS = 443;
const HTTP = 80;

/** A name of letters, digits, hyphens and dots, or an IPv6 address in brackets; a port may follow. */
const HOST =
  /^(?:\[([0-9a-f:]+)\]|((?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?))(?::(\d{1,5}))?$/i;

/**
 * The host in `text`: `api.example.com` (port 443) or `api.example.com:8443`.
 * @throws TypeError when it is anything else, such as a URL.
 */
export function parseHost(text: string): Host {
  const [, address, name, port] = HOST.exec(text) ?? [];
  const host = { name: plainName(address ?? name ?? ''), port: Number(port ?? HTTPS) };
  if (host.name !== '' && host.port >= 1 && host.port <= 65_535) return host;
  throw new TypeError(`hosts: "${text}" must be a host's name such as api.example.com, or api.example.com:8443`);
}

export function hostOfUrl(address: string): Host {
  const { hostname, port, protocol } = new URL(address);
  return { name: plainName(hostname), port: port === '' ? (protocol === 'http:' ? HTTP : HTTPS) : Number(port) };
}

export class AllowedHosts {
  readonly #ports = new Map<string, Set<number>>();
  /** Names with a `*`. */
  readonly #patterns: { readonly pattern: RegExp; readonly port: number }[] = [];

  add({ name, port }: Host): void {
    if (name.includes('*')) {
      const pattern = new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '[a-z0-9-]+')}$`);
      this.#patterns.push({ pattern, port });
      return;
    }
    const ports = this.#ports.get(name);
    if (ports === undefined) this.#ports.set(name, new Set([port]));
    else ports.add(port);
  }

  /** Whether the process may connect to `port` of `host`; without a port, whether it may look the name up. */
  has(host: string, port?: number): boolean {
    const name = plainName(host);
    const ports = this.#ports.get(name);
    if (ports !== undefined && (port === undefined || ports.has(port))) return true;
    return this.#patterns.some((one) => (port === undefined || one.port === port) && one.pattern.test(name));
  }
}

/** `host` in lower case, without a final dot; an IPv6 address without brackets, in the short form that URLs have. */
function plainName(host: string): string {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  return name.includes(':') ? (URL.parse(`http://[${name}]`)?.hostname.slice(1, -1) ?? name) : name;
}
