/** Guards the network functions of this test's own process, and tries every documented way through them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import dns, { lookup as namedLookup } from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { connect as namedConnect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { type EgressError, egressBehind } from '../../../lib/errors.ts';
import { DNS_QUERIES, guardEgress } from '../../../lib/process/egress.ts';

const HOST = '127.0.0.1';

/** TLS without certificates: both sides know a key. */
const PSK = { ciphers: 'PSK', maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' } as const;
const key = Buffer.alloc(16, 7);
const PSK_SERVER = { ...PSK, pskCallback: () => key };
const PSK_CLIENT = {
  ...PSK,
  pskCallback: () => ({ psk: key, identity: 'test' }),
  checkServerIdentity: () => undefined,
};

const servers = {
  http: http.createServer((_request, response) => response.setHeader('connection', 'close').end('ok')),
  https: https.createServer(PSK_SERVER, (_request, response) => response.setHeader('connection', 'close').end('ok')),
  http2: http2.createServer((_request, response) => response.end('ok')),
  http2OverTls: http2.createSecureServer(PSK_SERVER, (_request, response) => response.end('ok')),
  /** The one that no host list names. */
  undeclared: net.createServer((socket) => {
    arrived.push('a connection');
    socket.destroy();
  }),
};
servers.http.on('upgrade', ({ headers }, socket) => {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const lines = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: upgrade'];
  socket.end(`${[...lines, `sec-websocket-accept: ${accept.digest('base64')}`].join('\r\n')}\r\n\r\n`);
});

const udp = dgram.createSocket('udp4', () => arrived.push('a datagram'));
const arrived: string[] = [];
const reported: EgressError[] = [];
const ports = {} as Record<keyof typeof servers | 'udp', number>;

const listen = async (server: net.Server, ...args: unknown[]) => {
  (server.listen as (...args: unknown[]) => void)(...args);
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
};

let egress: ReturnType<typeof guardEgress>;

before(async () => {
  // Both addresses of localhost, so that a connection arrives by whichever Node tries.
  for (const [name, server] of Object.entries(servers) as [keyof typeof servers, net.Server][]) {
    ports[name] = await listen(server, 0, name === 'undeclared' ? '::' : HOST);
  }
  udp.bind(0, HOST);
  await once(udp, 'listening');
  ports.udp = udp.address().port;
  egress = guardEgress((refusal) => reported.push(refusal));
  const { undeclared: _undeclared, udp: _udp, ...declared } = ports;
  for (const port of Object.values(declared)) {
    egress.allow([
      { name: HOST, port },
      { name: 'localhost', port },
    ]);
  }
});

after(() => {
  for (const server of [...Object.values(servers), udp]) server.close();
});

const request = async (sent: http.ClientRequest) => {
  const [response] = await once(sent.end(), 'response');
  response.resume();
};

const sessionOf = async (session: http2.ClientHttp2Session) => {
  await once(session, 'connect');
  session.close();
};

const socketOf = async (socket: net.Socket, event = 'connect') => {
  await once(socket, event);
  socket.destroy();
};

const called = (call: (done: (error: unknown, ...results: unknown[]) => void) => unknown) =>
  new Promise((resolve, reject) => {
    call((error, ...results) => (error ? reject(error) : resolve(results)));
  });

/** Each way to `port` of `host`, by the server that it needs. */
type Ways = Record<string, (host: string, port: number) => Promise<unknown>>;

const WAYS: Partial<Record<keyof typeof servers, Ways>> = {
  http: {
    fetch: async (host, port) => (await fetch(`http://${host}:${port}/`)).text(),
    WebSocket: (host, port) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://${host}:${port}/`);
        socket.onopen = resolve;
        // The event names no reason; a refusal is the last one that was made.
        socket.onerror = ({ error }: { readonly error?: unknown }) => reject(error ?? new Error('no reason'));
      }),
    'http.request of a URL': (host, port) => request(http.request(`http://${host}:${port}/`)),
    'http.request of options': (host, port) => request(http.request({ host, port, agent: false })),
    'http.request by an agent': (host, port) =>
      request(http.request({ host, port, agent: new http.Agent({ keepAlive: true, autoSelectFamily: true }) })),
    'net.connect of options': (host, port) => socketOf(net.connect({ host, port })),
    'net.connect of a port and a host': (host, port) => socketOf(net.connect(port, host)),
    'net.connect of a port as text': (host, port) => socketOf(net.connect(String(port) as never, host)),
    'net.connect with a listener': (host, port) =>
      called((done) => {
        const socket = net.connect(port, host, () => {
          socket.destroy();
          done(null);
        });
        socket.on('error', done);
      }),
    'net.createConnection': (host, port) => socketOf(net.createConnection({ host, port, timeout: 1_000 })),
    'connect as a named import': (host, port) => socketOf(namedConnect(port, host)),
    'a new socket': (host, port) => socketOf(new net.Socket().connect({ host, port })),
    'a new socket of a port': (host, port) => socketOf(new net.Socket().connect(port, host)),
  },
  https: {
    'https.request': (host, port) => request(https.request({ ...PSK_CLIENT, host, port, agent: false })),
    'https.get of a URL': (host, port) => request(https.get(`https://${host}:${port}/`, PSK_CLIENT)),
    'tls.connect of options': (host, port) => socketOf(tls.connect({ ...PSK_CLIENT, host, port }), 'secureConnect'),
    'tls.connect of a port and a host': (host, port) => socketOf(tls.connect(port, host, PSK_CLIENT), 'secureConnect'),
  },
  http2: { 'http2.connect': (host, port) => sessionOf(http2.connect(`http://${host}:${port}`)) },
  http2OverTls: {
    'http2.connect over TLS': (host, port) => sessionOf(http2.connect(`https://${host}:${port}`, PSK_CLIENT)),
  },
};

/** Runs an attempt that must fail, and returns the refusal. */
async function refusalOf(attempt: () => unknown): Promise<EgressError> {
  const error = await (async () => attempt())().then(
    () => assert.fail('it was not refused'),
    (reason: unknown) => reason,
  );
  const refusal = egressBehind(error);
  assert.ok(refusal, String(error));
  assert.equal(refusal.code, 'ERR_EGRESS_REFUSED');
  return refusal;
}

const placeOf = ({ how, host, port }: EgressError) => [how, host, port];

describe('a connection', () => {
  for (const [server, ways] of Object.entries(WAYS) as [keyof typeof servers, Ways][]) {
    const how = server === 'https' || server === 'http2OverTls' ? 'tls' : 'tcp';
    for (const [way, connect] of Object.entries(ways)) {
      it(`reaches a declared host by its address and by its name, and no other: ${way}`, async () => {
        await connect(HOST, ports[server]);
        await connect('localhost', ports[server]);
        for (const [host, port] of [
          [HOST, ports.undeclared],
          ['elsewhere.example', ports[server]],
        ] as const) {
          // A WebSocket's error event holds no cause.
          if (way === 'WebSocket') {
            await assert.rejects(connect(host, port));
            assert.ok(reported.some((refusal) => refusal.host === host && refusal.port === port));
          } else {
            assert.deepEqual(placeOf(await refusalOf(() => connect(host, port))), [how, host, port]);
          }
        }
      });
    }
  }

  it('goes to localhost when its caller names no host', async () => {
    await socketOf(net.connect(ports.http));
    assert.deepEqual(placeOf(await refusalOf(() => socketOf(net.connect(ports.undeclared)))), [
      'tcp',
      'localhost',
      ports.undeclared,
    ]);
  });

  it('does not follow a look-up of its caller, which could lead anywhere', async () => {
    const lookup = () => assert.fail('it was asked');
    await socketOf(net.connect({ host: 'localhost', port: ports.http, lookup }));
  });

  it('goes to no other place than was checked, although the options answer differently each time', async () => {
    for (const name of ['port', 'host', 'path'] as const) {
      for (let honest = 1; honest < 6; honest += 1) {
        let asked = 0;
        const declared = { port: ports.http, host: HOST, path: undefined };
        const other = { port: ports.undeclared, host: '127.0.0.2', path: '/run/a.sock' };
        const options = Object.defineProperty({ ...declared }, name, {
          get: () => (asked++ < honest ? declared : other)[name],
        });
        await socketOf(net.connect(options as net.NetConnectOpts)).catch((error) =>
          assert.ok(egressBehind(error), error),
        );
      }
    }
    assert.deepEqual(arrived, []);
  });

  it('takes frozen and inherited options', async () => {
    await socketOf(net.connect(Object.freeze({ host: HOST, port: ports.http })));
    await socketOf(net.connect(Object.create({ host: HOST, port: ports.http })));
  });

  it('is refused to a Unix socket, by whichever argument', async () => {
    for (const connect of [
      () => net.connect('/run/a.sock'),
      () => net.connect({ path: '/run/a.sock' }),
      () => new net.Socket().connect('/run/a.sock'),
      () => tls.connect({ path: '/run/a.sock' }),
      () => http.request({ socketPath: '/run/a.sock' }).end(),
    ]) {
      const refusal = await refusalOf(() => once(connect(), 'connect'));
      assert.deepEqual(placeOf(refusal), ['unix socket', '/run/a.sock', undefined]);
    }
  });

  it('is refused when its arguments have no documented form', async () => {
    const connect = (...args: unknown[]) => {
      const socket = new net.Socket();
      (socket.connect as (...args: unknown[]) => void)(...args);
      return once(socket, 'connect');
    };
    for (const args of [[], [undefined, HOST], [null], [true], [[]], [[ports.http, HOST]], [{ host: HOST }], [{}]]) {
      assert.equal((await refusalOf(() => connect(...args))).how, 'tcp');
    }
  });
});

describe('a server', () => {
  it('is refused, by every form of its arguments', async () => {
    for (const args of [[0], [0, HOST], [{ port: 0, host: HOST }], [{ path: '/run/b.sock' }], ['/run/b.sock'], []]) {
      assert.equal((await refusalOf(() => listen(net.createServer(), ...args))).how, 'listen');
    }
    assert.equal((await refusalOf(() => listen(http.createServer(), 0))).how, 'listen');
  });

  it('listens on 127.0.0.1 alone once a command may listen', async () => {
    egress.allowListening();
    const server = http.createServer();
    await listen(server, 0, HOST);
    server.close();
    for (const args of [[0], [0, '0.0.0.0'], [{ port: 0 }], ['/run/b.sock']]) {
      assert.equal((await refusalOf(() => listen(net.createServer(), ...args))).how, 'listen');
    }
  });
});

describe('UDP', () => {
  const socket = () => dgram.createSocket('udp4').unref();

  it('sends nothing', async () => {
    const send = socket().send.bind(socket()) as (...args: unknown[]) => void;
    for (const args of [
      ['x', ports.udp, HOST],
      [Buffer.from('xyz'), 0, 1, ports.udp, HOST],
    ]) {
      const refusal = await refusalOf(() => called((done) => send(...args, done)));
      assert.deepEqual(placeOf(refusal), ['udp', HOST, ports.udp]);
    }
    const silent = socket();
    silent.send('x', ports.udp, HOST);
    await refusalOf(() => once(silent, 'listening'));
  });

  it('connects and listens nowhere', async () => {
    const connecting = () => called((done) => socket().connect(ports.udp, HOST, done as () => void));
    assert.deepEqual(placeOf(await refusalOf(connecting)), ['udp', HOST, ports.udp]);
    assert.deepEqual(placeOf(await refusalOf(() => once(socket().bind(0), 'listening'))), ['listen', '*', 0]);
    assert.equal((await refusalOf(() => socket().bindSync())).how, 'listen');
    assert.equal((await refusalOf(() => socket().connectSync(ports.udp, HOST))).how, 'udp');
  });
});

describe('a name', () => {
  it('is looked up when it is declared, also by a function that was promisified', async () => {
    await called((done) => dns.lookup('localhost', done));
    await called((done) => dns.lookup('localhost', { all: true }, done));
    await dns.promises.lookup('localhost');
    assert.equal(typeof (await promisify(dns.lookup)('localhost')).address, 'string');
    assert.deepEqual(await dns.promises.lookup('192.0.2.1'), { address: '192.0.2.1', family: 4 });
  });

  const name = 'elsewhere.example';
  const lookups: Record<string, () => unknown> = {
    'dns.lookup': () => called((done) => dns.lookup(name, done)),
    'dns.lookup with options': () => called((done) => dns.lookup(name, { all: true }, done)),
    'dns.lookup as a named import': () => called((done) => namedLookup(name, done)),
    'dns.lookup, promisified': () => promisify(dns.lookup)(name),
    'dns.promises.lookup': () => dns.promises.lookup(name),
    'dns.lookupService': () => called((done) => dns.lookupService('192.0.2.1', 80, done)),
    'dns.promises.lookupService': () => dns.promises.lookupService('192.0.2.1', 80),
    'dns.setServers': () => dns.setServers(['192.0.2.1']),
    'dns.promises.setServers': () => dns.promises.setServers(['192.0.2.1']),
    'Resolver.setServers': () => new dns.Resolver().setServers(['192.0.2.1:53']),
    'promises.Resolver.setServers': () => new dns.promises.Resolver().setServers(['192.0.2.1']),
  };
  for (const [way, lookup] of Object.entries(lookups)) {
    it(`is not looked up when it is undeclared: ${way}`, async () => {
      assert.equal((await refusalOf(lookup)).how, 'dns');
    });
  }

  it('is not looked up when it is undeclared: every query of a name server', async () => {
    for (const query of DNS_QUERIES) {
      for (const holder of [dns, new dns.Resolver()]) {
        const ask = holder[query] as (name: string, done: (error: unknown) => void) => void;
        await refusalOf(() => called((done) => ask.call(holder, name, done)));
      }
      for (const holder of [dns.promises, new dns.promises.Resolver()]) {
        await refusalOf(() => (holder[query] as (name: string) => Promise<unknown>).call(holder, name));
      }
    }
  });

  it('has no query in this version of Node that is not guarded', () => {
    for (const holder of [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype]) {
      const queries = Object.getOwnPropertyNames(holder).filter((one) => /^(resolve|reverse|query)/.test(one));
      assert.deepEqual(queries.sort(), [...DNS_QUERIES].sort());
    }
  });
});

describe('a refusal', () => {
  it('is reported once for each host, port and protocol, without what could break a line', async () => {
    const places = reported.map(({ message }) => message);
    assert.equal(new Set(places).size, places.length);
    const refusal = await refusalOf(() => socketOf(net.connect(1, 'a\nb')));
    assert.equal(refusal.host, 'a?b');
  });

  it('lets nothing through', () => assert.deepEqual(arrived, []));
});
