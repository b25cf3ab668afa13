/**
 * The same gatekeeper one floor below: in the handles to which Node's sockets and resolvers pass on what they do. It
 * catches code that takes a handle into its own hands. Every question to a name server passes here.
 */
import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';
import { apply } from './builtins.ts';
import type { Gatekeeper, How } from './gatekeeper.ts';
import { replace } from './replace.ts';

type Handle = Record<string, (...args: unknown[]) => unknown> & { close(): void };

/** A request to a name server, as Node's two interfaces make it. */
interface NameRequest {
  readonly reject?: (error: Error) => void;
  readonly callback?: (error: Error) => void;
}

/** To be called before the sockets themselves are guarded. */
export function guardHandles(gatekeeper: Gatekeeper): void {
  const { mayConnect, mayListen, refuse } = gatekeeper;
  const refuseAll = (prototype: Handle, how: How, names: readonly string[]) => {
    for (const name of names) {
      replace(prototype, name, () => (...args) => {
        const [, first] = args;
        throw refuse(how, typeof first === 'string' ? first : '*', typeof args[2] === 'number' ? args[2] : undefined);
      });
    }
  };

  const tcp = madeBy(net, '_createServerHandle', '127.0.0.1', 0, 4);
  if (tcp !== null) {
    const prototype = Object.getPrototypeOf(tcp) as Handle;
    tcp.close();
    for (const name of ['connect', 'connect6']) {
      replace(prototype, name, (connect) => {
        return function (this: unknown, ...args) {
          // Taken by their numbers, and as they are: what stands here is where the connection leads.
          const { 1: address, 2: port } = args;
          if (typeof address !== 'string' || typeof port !== 'number' || !mayConnect(address, port)) {
            throw refuse('tcp', String(address), Number(port));
          }
          return apply(connect, this, args);
        };
      });
    }
    replace(prototype, 'listen', (listen) => {
      return function (this: unknown, ...args) {
        const bound: { address?: string; port?: number } = {};
        (this as Handle).getsockname?.(bound);
        // Without an address the port is taken, as Node is about to find out.
        if (!mayListen(bound.address ?? '127.0.0.1')) throw refuse('listen', bound.address ?? '*', bound.port);
        return apply(listen, this, args);
      };
    });
  }
  const pipe = pipePrototype();
  if (pipe !== null) refuseAll(pipe, 'unix socket', ['connect', 'bind', 'listen', 'fchmod']);
  const udp = udpPrototype();
  if (udp !== null) {
    refuseAll(udp, 'udp', ['open', 'bind', 'bind6', 'connect', 'connect6', 'send', 'send6']);
    // These send a packet by themselves: the router is told who listens to whom.
    refuseAll(udp, 'udp', ['addMembership', 'addSourceSpecificMembership']);
  }
  guardQuestions(gatekeeper);
}

/**
 * What the handles of Unix sockets inherit from. A job finds one by any file descriptor that is a pipe, and Node has some
 * of its own, so it does not do to look at stdout and stderr: those may be a terminal or files.
 */
function pipePrototype(): Handle | null {
  const socket = new net.Socket();
  try {
    // Node takes a handle before it finds that no path is a number.
    socket.connect({ path: 1 as never });
  } catch {
    // As expected.
  }
  const { _handle: handle } = socket as unknown as { _handle: Handle | null };
  socket.destroy();
  return handle?.constructor.name === 'Pipe' ? (Object.getPrototypeOf(handle) as Handle) : null;
}

function guardQuestions({ mayLookUp, refuse }: Gatekeeper): void {
  const { _handle: handle } = new dns.Resolver() as unknown as { _handle: Handle };
  const prototype = Object.getPrototypeOf(handle) as Handle;
  for (const name of Object.getOwnPropertyNames(prototype).filter((one) => /^(query|getHostByAddr$)/.test(one))) {
    replace(prototype, name, (ask) => {
      return function (this: unknown, ...args) {
        const { 0: request, 1: host } = args as [NameRequest, unknown];
        if (typeof host === 'string' && mayLookUp(host)) return apply(ask, this, args);
        const refusal = refuse('dns', String(host));
        const fail = request.reject ?? request.callback;
        if (fail === undefined) throw refusal;
        queueMicrotask(() => fail(refusal));
        return 0;
      };
    });
  }
  // Another server could be told anything by the names that it is asked for.
  replace(prototype, 'setServers', () => (servers) => {
    const [[, address, port] = []] = (Array.isArray(servers) ? servers : []) as unknown[][];
    throw refuse('dns', String(address ?? '*'), typeof port === 'number' ? port : undefined);
  });
}

function udpPrototype(): Handle | null {
  const socket = dgram.createSocket('udp4') as unknown as { close(): void } & Record<symbol, { handle?: Handle }>;
  const handle = Object.getOwnPropertySymbols(socket)
    .map((symbol) => socket[symbol]?.handle)
    .find((one) => typeof one?.send === 'function');
  const prototype = handle === undefined ? null : (Object.getPrototypeOf(handle) as Handle);
  socket.close();
  return prototype;
}

/** What the function of Node's own returns, when there is one and it returns a handle and no error's number. */
function madeBy(module: object, name: string, ...args: unknown[]): Handle | null {
  const make = (module as Record<string, unknown>)[name];
  const made: unknown = typeof make === 'function' ? make(...args) : null;
  return typeof made === 'object' ? (made as Handle | null) : null;
}
