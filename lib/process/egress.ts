/**
 * Lets the process connect to declared hosts only, and listen only where a command needs it. The guards stop accidents
 * and libraries that report home, but not hostile code: only documented functions of Node are guarded.
 */
import dgram from 'node:dgram';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { EgressError } from '../errors.ts';
import { AllowedHosts, type Host } from './hosts.ts';
import { replaceFunction } from './replace.ts';

export interface Egress {
  /** Allows connections to `hosts` from now on. */
  allow(hosts: readonly Host[]): void;
  /** Allows servers on 127.0.0.1 from now on. */
  allowListening(): void;
  /** Called with the first refusal for each host, port and protocol. */
  onRefused: (refusal: EgressError) => void;
}

/** The modules whose functions are replaced. */
interface Modules {
  readonly net: object;
  readonly dns: object;
  readonly dgram: typeof dgram;
}

interface Policy {
  readonly hosts: AllowedHosts;
  mayListen(): boolean;
  /** Reports the refusal and returns the error for the caller of Node's function. */
  refuse(how: 'tcp' | 'tls' | 'unix socket' | 'udp' | 'dns' | 'listen', host: string, port?: number): EgressError;
}

/** Later refusals are not reported, so that a library that scans hosts does not fill the log. */
const MAX_REPORTED = 50;

/** All functions that `dns` and its resolvers share and that ask a name server. */
export const DNS_QUERIES = [
  ...['resolve', 'resolve4', 'resolve6', 'resolveAny', 'resolveCaa', 'resolveCname', 'resolveMx', 'resolveNaptr'],
  ...['resolveNs', 'resolvePtr', 'resolveSoa', 'resolveSrv', 'resolveTlsa', 'resolveTxt', 'reverse'],
] as const;

/**
 * Guards the network functions of Node. Call it before any library is loaded.
 * @throws ConfigError when this Node lacks a function to guard.
 */
export function guardEgress(onRefused: Egress['onRefused'], modules: Modules = { net, dns, dgram }): Egress {
  const hosts = new AllowedHosts();
  const reported = new Set<string>();
  let listening = false;
  const egress: Egress = {
    onRefused,
    allow(more) {
      for (const host of more) hosts.add(host);
    },
    allowListening() {
      listening = true;
    },
  };
  const policy: Policy = {
    hosts,
    mayListen: () => listening,
    refuse(how, host, port) {
      const name = host.slice(0, 255).replace(/[^!-~]/g, '?');
      const refusal = new EgressError(how, name, Number.isNaN(port) ? undefined : port);
      if (!reported.has(refusal.message) && reported.size < MAX_REPORTED) {
        reported.add(refusal.message);
        egress.onRefused(refusal);
      }
      return refusal;
    },
  };
  guardConnections(modules, policy);
  guardServers(modules, policy);
  guardDatagrams(modules, policy);
  guardLookups(modules, policy);
  syncBuiltinESMExports();
  return egress;
}

interface SocketOptions {
  readonly path?: unknown;
  readonly host?: unknown;
  readonly port?: unknown;
  readonly lookup?: unknown;
}

/** HTTP, TLS, HTTP/2, fetch and WebSocket all connect by `net.Socket.prototype.connect` (seen with 24.21 and 26.12). */
function guardConnections(modules: Modules, { hosts, refuse }: Policy): void {
  replaceFunction(modules, 'net.Socket.prototype.connect', (connect) => {
    return function (this: net.Socket & { encrypted?: boolean }, ...args) {
      const [options, done] = readSocketArguments(args);
      const { path, port } = options;
      const host = String(options.host || 'localhost');
      if (!path && hosts.has(host, Number(port))) {
        // Node connects to what was checked, also when the options have getters. A `lookup` of the caller could resolve an
        // allowed name to any address.
        const checked = { host, port: Number(port), path: undefined, lookup: undefined };
        return Reflect.apply(connect, this, [Object.create(options, Object.getOwnPropertyDescriptors(checked)), done]);
      }
      const refusal = path
        ? refuse('unix socket', String(path))
        : refuse(this.encrypted ? 'tls' : 'tcp', host, Number(port));
      // The look-up of this name fails with the refusal. All callers handle a failed look-up.
      const lookup = (_name: unknown, _options: unknown, fail: (error: Error) => void) =>
        queueMicrotask(() => fail(refusal));
      return Reflect.apply(connect, this, [
        { host: 'refused.invalid', port: 1, autoSelectFamily: false, lookup },
        done,
      ]);
    };
  });
}

/**
 * Reads `(options, done)`, `(path, done)` or `(port, host, done)`, the documented arguments of `connect` and `listen`, or
 * the array `[options, done]` that Node's own callers hand to `connect`. Any other call has no host and no port, so the
 * guards refuse it.
 */
function readSocketArguments(args: readonly unknown[]): [options: SocketOptions, done: unknown] {
  const [first, second] = args;
  if (Array.isArray(first)) return [(first[0] ?? {}) as SocketOptions, first[1]];
  const done = args.at(-1);
  if (typeof first === 'object' && first !== null) return [first as SocketOptions, done];
  if (typeof first === 'string' && !(Number(first) >= 0)) return [{ path: first }, done];
  const isPort = typeof first === 'number' || typeof first === 'string';
  return [isPort ? { port: first, ...(typeof second === 'string' && { host: second }) } : {}, done];
}

function guardServers(modules: Modules, { mayListen, refuse }: Policy): void {
  replaceFunction(modules, 'net.Server.prototype.listen', (listen) => {
    return function (this: net.Server, ...args) {
      const [{ host, port, path }] = readSocketArguments(args);
      if (mayListen() && host === '127.0.0.1') return Reflect.apply(listen, this, args);
      const refusal = refuse('listen', String(path ?? host ?? '*'), path ? undefined : Number(port ?? 0));
      queueMicrotask(() => this.emit('error', refusal));
      return this;
    };
  });
}

/** The program has no use for UDP, so all of it is refused. */
function guardDatagrams(modules: Modules, { refuse }: Policy): void {
  const fail = (socket: dgram.Socket, args: readonly unknown[], refusal: EgressError) => {
    const done = args.at(-1);
    queueMicrotask(() => (typeof done === 'function' ? done(refusal) : socket.emit('error', refusal)));
    return socket;
  };
  const refuseBind = (options: { readonly address?: unknown; readonly port?: unknown }) =>
    refuse('listen', typeof options.address === 'string' ? options.address : '*', Number(options.port ?? 0) || 0);
  const refuseConnect = (port: unknown, address: unknown) =>
    refuse('udp', typeof address === 'string' ? address : 'localhost', Number(port));

  replaceFunction(modules, 'dgram.Socket.prototype.bind', () => {
    return function (this: dgram.Socket, ...args) {
      const [first, address] = args;
      const options = typeof first === 'object' && first !== null ? first : { port: first, address };
      // The callback of `bind` takes no error.
      return fail(this, [], refuseBind(options));
    };
  });
  replaceFunction(modules, 'dgram.Socket.prototype.connect', () => {
    return function (this: dgram.Socket, ...args) {
      return fail(this, args, refuseConnect(args[0], args[1]));
    };
  });
  replaceFunction(modules, 'dgram.Socket.prototype.send', () => {
    return function (this: dgram.Socket, ...args) {
      // (message, [offset, length,] [port, [address]], [done])
      const given = args.slice(1).filter((arg) => typeof arg !== 'function');
      const address = given.findLast((arg) => typeof arg === 'string' && Number.isNaN(Number(arg)));
      return fail(this, args, refuseConnect(given.findLast((arg) => Number.isInteger(Number(arg))) ?? 0, address));
    };
  });
  // Early versions of Node 24 have neither bindSync nor connectSync.
  if ('bindSync' in modules.dgram.Socket.prototype) {
    replaceFunction(modules, 'dgram.Socket.prototype.bindSync', () => (options = {}) => {
      throw refuseBind(options as object);
    });
    replaceFunction(modules, 'dgram.Socket.prototype.connectSync', () => (port, address) => {
      throw refuseConnect(port, address);
    });
  }
}

function guardLookups(modules: Modules, { hosts, refuse }: Policy): void {
  /** Replaces a function whose first argument is a name. The function answers by a callback, or without one by a promise. */
  const guard = (path: string, mayAsk: (name: string) => boolean) => {
    replaceFunction(modules, path, (ask) => {
      return function (this: unknown, ...args) {
        const [name, port] = args;
        // Node itself refuses a name that is no string.
        if (typeof name !== 'string' || mayAsk(name)) return Reflect.apply(ask, this as never, args);
        const refusal = refuse('dns', name, typeof port === 'number' && path.endsWith('Service') ? port : undefined);
        const done = args.at(-1);
        if (typeof done !== 'function') return Promise.reject(refusal);
        queueMicrotask(() => done(refusal));
        return {};
      };
    });
  };
  const mayAsk = (name: string) => hosts.has(name);
  for (const module of ['dns', 'dns.promises']) {
    // For an IP address, Node asks no name server.
    guard(`${module}.lookup`, (name) => net.isIP(name) !== 0 || mayAsk(name));
    guard(`${module}.lookupService`, mayAsk);
    for (const holder of [module, `${module}.Resolver.prototype`]) {
      for (const query of DNS_QUERIES) guard(`${holder}.${query}`, mayAsk);
      // A query tells the name server the name, so another server would be another host.
      replaceFunction(modules, `${holder}.setServers`, () => (servers) => {
        throw refuse('dns', String(Array.isArray(servers) ? servers[0] : '*'));
      });
    }
  }
}
