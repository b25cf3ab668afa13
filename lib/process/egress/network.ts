/**
 * Puts a gatekeeper into Node's own ways to reach other hosts. All of TCP, and with it HTTP, TLS, HTTP/2, fetch and
 * WebSocket, goes through one method of sockets; look-ups of names, UDP and servers have their own. Methods of prototypes
 * are replaced where there is a choice: who has taken a function before finds the gatekeeper all the same.
 */
import dgram from 'node:dgram';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { apply, newTable, type Table } from './builtins.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import { guardHandles } from './handles.ts';
import { type Method, replace } from './replace.ts';

/** What only Node's own code is meant to use. */
interface Internals {
  _normalizeArgs(args: readonly unknown[]): [ConnectOptions, unknown];
}

interface ConnectOptions {
  readonly path?: unknown;
  readonly host?: unknown;
  readonly port?: unknown;
  readonly lookup?: unknown;
}

export function guardNetwork(gatekeeper: Gatekeeper): void {
  /** Address → the names that it was found for. */
  const found = newTable<Table<true>>();
  const mayConnect = (address: string, port: number) => {
    if (gatekeeper.mayConnect(address, port)) return true;
    for (const name in found[address]) if (gatekeeper.mayConnect(name, port)) return true;
    return false;
  };
  guardHandles({ ...gatekeeper, mayConnect });
  guardConnections(gatekeeper);
  guardServers(gatekeeper);
  guardDatagrams(gatekeeper);
  guardLookups(gatekeeper, (name, address) => {
    const names = found[address] ?? newTable();
    found[address] = names;
    names[name] = true;
  });
  // The same for those who ask for a server's handle, or for a socket with an address, themselves.
  const refuse = () => {
    throw gatekeeper.refuse('listen', '*');
  };
  replace(net, '_createServerHandle', () => refuse);
  replace(
    net,
    'BoundSocket',
    () =>
      class {
        constructor() {
          refuse();
        }
      } as unknown as Method,
  );
  syncBuiltinESMExports();
}

function guardConnections(gatekeeper: Gatekeeper): void {
  replace(net.Socket.prototype, 'connect', (connect) => {
    return function (this: net.Socket & { encrypted?: boolean }, ...args) {
      const [options, done] = (
        Array.isArray(args[0]) ? args[0] : (net as unknown as Internals)._normalizeArgs(args)
      ) as ReturnType<Internals['_normalizeArgs']>;
      const { path, host = 'localhost', port } = options;
      const local = path !== undefined && path !== null && path !== '';
      if (!local && gatekeeper.mayConnect(String(host), Number(port))) {
        // A look-up of one's own could lead anywhere.
        const target = options.lookup === undefined ? options : { ...options, lookup: undefined };
        return apply(connect, this, [target, done]);
      }
      const refusal = local
        ? gatekeeper.refuse('unix socket', String(path))
        : gatekeeper.refuse(this.encrypted ? 'tls' : 'tcp', String(host), Number(port));
      // It fails as a name that cannot be looked up: then the socket is in every state that its user expects.
      const nowhere = { host: 'refused.invalid', port: 1, autoSelectFamily: false, lookup: failWith(refusal) };
      return apply(connect, this, [nowhere, done]);
    };
  });
}

function failWith(error: Error) {
  return (_name: unknown, _options: unknown, done: (error: Error) => void) => queueMicrotask(() => done(error));
}

function guardServers(gatekeeper: Gatekeeper): void {
  replace(net.Server.prototype, 'listen', (listen) => {
    return function (this: net.Server, ...args) {
      const [options] = (net as unknown as Internals)._normalizeArgs(args);
      const { host, port, path } = options;
      if (gatekeeper.mayListen(host === undefined ? undefined : String(host))) return apply(listen, this, args);
      const refusal = gatekeeper.refuse('listen', String(path ?? host ?? '*'), path ? undefined : Number(port ?? 0));
      queueMicrotask(() => this.emit('error', refusal));
      return this;
    };
  });
}

/** No part of the program speaks UDP, so all of it is refused. */
function guardDatagrams(gatekeeper: Gatekeeper): void {
  const refuse = (socket: dgram.Socket, args: readonly unknown[], host: string, port: unknown) => {
    const refusal = gatekeeper.refuse('udp', host, Number(port ?? 0));
    const done = args.findLast((arg) => typeof arg === 'function') as ((error: Error) => void) | undefined;
    queueMicrotask(() => (done === undefined ? socket.emit('error', refusal) : done(refusal)));
    return socket;
  };
  replace(dgram.Socket.prototype, 'connect', () => {
    return function (this: dgram.Socket, ...args) {
      return refuse(this, args, typeof args[1] === 'string' ? args[1] : 'localhost', args[0]);
    };
  });
  replace(dgram.Socket.prototype, 'bind', () => {
    return function (this: dgram.Socket, ...args) {
      const { port, address } = (typeof args[0] === 'object' ? args[0] : { port: args[0], address: args[1] }) as {
        port?: unknown;
        address?: unknown;
      };
      const refusal = gatekeeper.refuse('listen', typeof address === 'string' ? address : '*', Number(port ?? 0) || 0);
      queueMicrotask(() => this.emit('error', refusal));
      return this;
    };
  });
  for (const name of ['send', 'sendto'] as const) {
    replace(dgram.Socket.prototype, name, () => {
      return function (this: dgram.Socket, ...args) {
        // (msg, [offset, length,] [port, [address]], [done]): the address is the last text after the message.
        const given = args.slice(1).filter((arg) => typeof arg !== 'function');
        const address = given.findLast((arg) => typeof arg === 'string' && Number.isNaN(Number(arg)));
        const port = given.findLast((arg) => Number.isInteger(Number(arg)));
        return refuse(this, args, String(address ?? 'localhost'), port);
      };
    });
  }
}

function guardLookups(gatekeeper: Gatekeeper, remember: (name: string, address: string) => void): void {
  const rememberAll = (name: string, result: unknown) => {
    if (typeof result === 'string') return remember(name, result);
    const { address, length = 0 } = (result ?? {}) as { address?: unknown; length?: number };
    if (typeof address === 'string') remember(name, address);
    // By its numbers: what `for` and `of` do can be replaced.
    for (let i = 0; i < length; i += 1) rememberAll(name, (result as unknown[])[i]);
  };
  const { isIP } = net;
  // An address is no name, and nobody is asked for it; what is neither, Node refuses by itself.
  const mayLookUp = (name: unknown) => typeof name !== 'string' || isIP(name) !== 0 || gatekeeper.mayLookUp(name);

  replace(dns, 'lookup', (lookup) => (...args) => {
    const name = args[0];
    const last = args.length - 1;
    const done = args[last];
    if (typeof done !== 'function') return apply(lookup, dns, args as never[]);
    if (!mayLookUp(name)) {
      const refusal = gatekeeper.refuse('dns', String(name));
      queueMicrotask(() => done(refusal));
      return {};
    }
    args[last] = (error: unknown, result: unknown, ...more: unknown[]) => {
      if ((error === null || error === undefined) && typeof name === 'string') rememberAll(name, result);
      done(error, result, ...more);
    };
    return apply(lookup, dns, args as never[]);
  });
  replace(dns.promises, 'lookup', (lookup) => async (...args) => {
    if (!mayLookUp(args[0])) throw gatekeeper.refuse('dns', String(args[0]));
    const result = await apply(lookup, dns.promises, args);
    if (typeof args[0] === 'string') rememberAll(args[0], result);
    return result;
  });
  replace(dns, 'lookupService', (lookupService) => (...args) => {
    const { 0: address, 1: port, 2: done } = args;
    if (typeof address !== 'string' || gatekeeper.mayLookUp(address) || typeof done !== 'function') {
      return apply(lookupService, dns, args);
    }
    const refusal = gatekeeper.refuse('dns', String(address), Number(port));
    queueMicrotask(() => done(refusal));
    return {};
  });
  replace(dns.promises, 'lookupService', (lookupService) => async (...args) => {
    const { 0: address, 1: port } = args;
    if (typeof address === 'string' && !gatekeeper.mayLookUp(address)) {
      throw gatekeeper.refuse('dns', address, Number(port));
    }
    return apply(lookupService, dns.promises, args);
  });
}
