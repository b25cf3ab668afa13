/**
 * The same gatekeeper one floor below: in the handles to which Node's sockets and resolvers pass on what they do. It
 * catches code that takes a handle into its own hands. Every question to a name server passes here.
 */
import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';
import type { Gatekeeper, How } from '../egress.ts';
import { replace } from './replace.ts';

type Handle = Record<string, (...args: unknown[]) => unknown> & { close(): void };

/** A request to a name server, as Node's two interfaces make it. */
interface NameRequest {
  readonly reject?: (error: Error) => void;
  readonly callback?: (error: Error) => void;
}

/** `pipes` are streams on which the process was started: the only way to a handle of a Unix socket. */
export function guardHandles(gatekeeper: Gatekeeper, pipes: readonly unknown[]): void {
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
          const [, address, port] = args;
          if (!mayConnect(String(address), Number(port))) throw refuse('tcp', String(address), Number(port));
          return Reflect.apply(connect, this, args);
        };
      });
    }
    replace(prototype, 'listen', (listen) => {
      return function (this: unknown, ...args) {
        const bound: { address?: string; port?: number } = {};
        (this as Handle).getsockname?.(bound);
        // Without an address the port is taken, as Node is about to find out.
        if (!mayListen(bound.address ?? '127.0.0.1')) throw refuse('listen', bound.address ?? '*', bound.port);
        return Reflect.apply(listen, this, args);
      };
    });
  }
  for (const pipe of pipes) {
    const handle = (pipe as { _handle?: Handle | null })._handle;
    if (handle?.constructor.name !== 'Pipe') continue;
    refuseAll(Object.getPrototypeOf(handle) as Handle, 'unix socket', ['connect', 'bind', 'listen']);
    break;
  }
  const udp = udpPrototype();
  if (udp !== null) refuseAll(udp, 'udp', ['bind', 'bind6', 'connect', 'connect6', 'send', 'send6']);
  guardQuestions(gatekeeper);
}

function guardQuestions({ mayLookUp, refuse }: Gatekeeper): void {
  const { _handle: handle } = new dns.Resolver() as unknown as { _handle: Handle };
  const prototype = Object.getPrototypeOf(handle) as Handle;
  for (const name of Object.getOwnPropertyNames(prototype).filter((one) => /^(query|getHostByAddr$)/.test(one))) {
    replace(prototype, name, (ask) => {
      return function (this: unknown, ...args) {
        const [request, host] = args as [NameRequest, unknown];
        if (mayLookUp(String(host))) return Reflect.apply(ask, this, args);
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
