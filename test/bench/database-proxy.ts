/** A proxy before PostgreSQL that delays what clients send, and counts and times the statements. It knows no TLS. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** ReadyForQuery, with which PostgreSQL ends a statement: postgresql.org/docs/current/protocol-message-formats.html. */
const READY = 'Z'.charCodeAt(0);

/** The type, and a length that counts itself but not the type. */
const HEADER_BYTES = 5;

export interface Statements {
  /** The login of each connection counts as one. */
  readonly count: number;
  /** PostgreSQL's time in milliseconds, without the delay. */
  readonly serverMs: number;
}

export interface DatabaseProxy {
  /** The database's address through the proxy. */
  readonly url: string;
  /** The statements of all connections since the last call. */
  take(): Statements;
}

/** Delays each packet of a client by `latencyMs`, so that a statement takes as much longer. */
export async function startDatabaseProxy(databaseUrl: string, latencyMs: number): Promise<DatabaseProxy> {
  const { hostname, port } = new URL(databaseUrl);
  let statements = { count: 0, serverMs: 0 };
  const server = createServer({ noDelay: true }, (client) => {
    const database = connect({ host: hostname, port: Number(port), noDelay: true });
    let sentAt: number | undefined;
    client.on('data', (chunk) =>
      setTimeout(() => {
        sentAt ??= performance.now();
        database.write(chunk);
      }, latencyMs),
    );
    const countReady = readyCounter(() => {
      statements.count += 1;
      statements.serverMs += performance.now() - (sentAt ?? performance.now());
      sentAt = undefined;
    });
    database.on('data', (chunk) => {
      countReady(chunk);
      client.write(chunk);
    });
    endTogether(client, database, latencyMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    take() {
      const taken = statements;
      statements = { count: 0, serverMs: 0 };
      return taken;
    },
  };
}

/** Calls `onReady` for each ReadyForQuery in the stream from the server. */
function readyCounter(onReady: () => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (data.length >= HEADER_BYTES) {
      const length = 1 + data.readInt32BE(1);
      if (data.length < length) break;
      if (data[0] === READY) onReady();
      data = data.subarray(length);
    }
    rest = Buffer.from(data);
  };
}

function endTogether(client: Socket, database: Socket, latencyMs: number): void {
  client.on('end', () => setTimeout(() => database.end(), latencyMs));
  for (const [one, other] of [
    [client, database],
    [database, client],
  ] as const) {
    one.on('error', () => {});
    one.on('close', () => other.destroySoon());
  }
}
