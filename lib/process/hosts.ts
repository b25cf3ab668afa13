/** A host and port that may be connected to, and a list of them. */
import { lowerCase, matches, newTable, part, type Table } from './egress/builtins.ts';

export interface Host {
  /** In lower case, without brackets; `*` stands for one label of a name. */
  readonly name: string;
  readonly port: number;
}

const HTTPS = 443;
const HTTP = 80;

/** A name of letters, digits, hyphens and dots; an IPv6 address in brackets; and perhaps a port. */
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

/** The host of a web address. */
export function hostOfUrl(address: string): Host {
  const { hostname, port, protocol } = new URL(address);
  return { name: plainName(hostname), port: port === '' ? (protocol === 'http:' ? HTTP : HTTPS) : Number(port) };
}

/** The hosts that may be reached, and nothing else. */
export class AllowedHosts {
  /** Name → its ports. */
  readonly #ports = newTable<Table<true>>();
  /** A regular expression's source → the expression, and its ports. */
  readonly #patterns = newTable<{ readonly pattern: RegExp; readonly ports: Table<true> }>();

  add({ name, port }: Host): void {
    if (name.includes('*')) {
      const pattern = name.replaceAll('.', '\\.').replaceAll('*', '[a-z0-9-]+');
      this.#patterns[pattern] ??= { pattern: new RegExp(`^${pattern}$`), ports: newTable() };
      this.#patterns[pattern].ports[port] = true;
      return;
    }
    this.#ports[name] ??= newTable();
    this.#ports[name][port] = true;
  }

  /** Whether a connection to `port` may be opened; without a port, whether the name may be looked up. */
  has(host: string, port?: number): boolean {
    const name = plainName(host);
    const ports = this.#ports[name];
    if (ports !== undefined && (port === undefined || ports[port])) return true;
    for (const source in this.#patterns) {
      const one = this.#patterns[source];
      if (one !== undefined && matches(one.pattern, name) && (port === undefined || one.ports[port])) return true;
    }
    return false;
  }
}

/** `host` as it is compared: lower case, without brackets and without the dot of the root. */
export function plainName(host: string): string {
  let name = lowerCase(host);
  if (name[0] === '[' && name[name.length - 1] === ']') name = part(name, 1, name.length - 1);
  return name[name.length - 1] === '.' ? part(name, 0, name.length - 1) : name;
}
