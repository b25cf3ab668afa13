// The loopback HTTP server of every stand-in: records each request in one common list, and applies the faults that a test
// planted.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { answerInstead, type Fault, type Faults } from './faults.ts';

export type ServiceName =
  | 'aws'
  | 'kms'
  | 's3'
  | 'sts'
  | 'consent'
  | 'oauth'
  | 'gmail'
  | 'directory'
  | 'monitor'
  | 'mail'
  | 'receiver';

/** One request as it arrived, completed with its outcome. Times are epoch milliseconds of a clock that never jumps. */
export interface RecordedRequest {
  service: ServiceName;
  /** The operation, such as 'GetSecretValue', 'token', 'messages.batchModify' or 'ping'. */
  verb: string;
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  /** Parsed when it is JSON or a form (then an object of strings), otherwise the text; '' when the service takes bytes. */
  body: unknown;
  headers: IncomingHttpHeaders;
  startedAt: number;
  /** When the answer was handed over or the connection ended; absent while the request is under way. */
  finishedAt?: number;
  /** The status that was answered; absent when the connection was reset or hung. */
  status?: number;
  /** The quota units that the request was charged (Gmail only). */
  units?: number;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** An object that is not a Buffer is sent as JSON. */
  body?: string | Buffer | object;
}

/** A stand-in behind the server. */
export interface Service {
  readonly name: ServiceName;
  /** The bodies are bytes, too large to be recorded. */
  readonly takesBytes?: boolean;
  verb(method: string, path: string, headers: IncomingHttpHeaders, query: URLSearchParams): string;
  /** Performs the request and returns its answer. An exception is a bug of the stand-in. */
  handle(request: RecordedRequest, rawBody: Buffer): Answer | Promise<Answer>;
  /** Called once when a request is over, however it ended. */
  settled?(request: RecordedRequest): void;
}

/** Shared by all stand-ins of a sandbox. */
export interface Wire {
  requests: RecordedRequest[];
  faults: Faults;
  /** How long an answer is held back after its effect. */
  latencyMs?: number | (() => number);
}

export interface Listener {
  /** Such as `http://127.0.0.1:40123`, without a slash at the end. */
  readonly url: string;
  /** Destroys all connections. Throws when the stand-in, or a test's hook, threw meanwhile. */
  close(): Promise<void>;
}

/** Epoch milliseconds with a fraction, from a clock that never jumps. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

/** Starts a service on a free loopback port. */
export async function listen(service: Service, wire: Wire): Promise<Listener> {
  const failures: unknown[] = [];
  const server = createServer({ keepAliveTimeout: 120_000, maxHeaderSize: 1_000_000 }, (request, response) => {
    serve(service, wire, request, response).catch((error: unknown) => {
      failures.push(error);
      response.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      if (failures.length > 0) throw new AggregateError(failures, `the ${service.name} stand-in failed`);
    },
  };
}

async function serve(service: Service, wire: Wire, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  const request = record(service, incoming);
  wire.requests.push(request);
  let settled = false;
  const settle = () => {
    if (settled) return;
    settled = true;
    request.finishedAt = wallClock();
    service.settled?.(request);
  };
  response.once('close', () => {
    settle();
    gone.abort();
  });

  const rawBody = await buffer(incoming).catch(() => undefined);
  if (rawBody === undefined) return; // the client went away while it was sending
  if (!service.takesBytes) request.body = parseBody(rawBody, incoming.headers['content-type']);

  const faults = wire.faults.take(request);
  for (const fault of faults) {
    if (fault.kind !== 'hook') continue;
    if ((await fault.before?.(request)) === 'drop') return reset(incoming);
  }
  const fault = faults.find(({ kind }) => kind !== 'hook' && kind !== 'slow');
  if (fault?.kind === 'reset-before') return reset(incoming);
  if (fault?.kind === 'hang') return;

  let answer = fault && answerInstead(fault, request, rawBody);
  if (answer === undefined) {
    answer = await service.handle(request, rawBody);
    for (const hook of faults) if (hook.kind === 'hook') await hook.after?.(request);
  }
  await wait(delayMs(wire, faults), gone.signal);
  if (fault?.kind === 'reset-after') return reset(incoming);
  if (fault?.kind === 'hang-after' || response.destroyed) return;
  if (fault?.kind === 'malformed') answer = malformed(answer);
  request.status = answer.status;
  // Recorded before the answer is sent, so that a client that has the answer finds it in the list.
  settle();
  send(response, answer, fault?.kind);
}

function record(service: Service, incoming: IncomingMessage): RecordedRequest {
  const { url = '/' } = incoming;
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
  // URL resolves '..', which may be a part of a key in S3.
  const path = service.takesBytes ? (url.split('?')[0] ?? '/') : pathname;
  const method = incoming.method ?? 'GET';
  return {
    service: service.name,
    verb: service.verb(method, path, incoming.headers, searchParams),
    method,
    path,
    query: searchParams,
    body: '',
    headers: incoming.headers,
    startedAt: wallClock(),
  };
}

function parseBody(raw: Buffer, contentType = ''): unknown {
  const text = raw.toString();
  if (/^application\/x-www-form-urlencoded/i.test(contentType)) return Object.fromEntries(new URLSearchParams(text));
  if (!/^application\/(x-amz-)?json/i.test(contentType)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // the stand-ins refuse a body that is not an object
  }
}

function delayMs({ latencyMs = 0 }: Wire, faults: Fault[]): number {
  const latency = typeof latencyMs === 'function' ? latencyMs() : latencyMs;
  return faults.reduce((sum, fault) => sum + (fault.kind === 'slow' ? fault.delayMs : 0), latency);
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

function reset(incoming: IncomingMessage): void {
  incoming.socket.resetAndDestroy();
}

function malformed(answer: Answer): Answer {
  const bytes = bytesOf(answer.body ?? '{}');
  const body = Buffer.concat([bytes.subarray(0, -1), Buffer.from(',"')]);
  return { status: 200, headers: { 'content-type': contentType(answer) }, body };
}

function send(response: ServerResponse, answer: Answer, fault: Fault['kind']): void {
  const bytes = bytesOf(answer.body ?? '');
  const headers = { ...(bytes.length === 0 ? {} : { 'content-type': contentType(answer) }), ...answer.headers };
  if (fault !== 'truncate' && fault !== 'stall') {
    const length = answer.status === 204 ? {} : { 'content-length': bytes.length };
    response.writeHead(answer.status, { ...headers, ...length }).end(bytes);
  } else if (bytes.length > 0) {
    response.writeHead(answer.status, { ...headers, 'content-length': bytes.length });
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => {
      if (fault === 'truncate') response.socket?.end();
    });
  } else {
    // Without a body, the answer is cut in the middle of the headers.
    const start = `HTTP/1.1 ${answer.status} OK\r\ndate: `;
    if (fault === 'truncate') response.socket?.end(start);
    else response.socket?.write(start);
  }
}

function bytesOf(body: string | Buffer | object): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function contentType(answer: Answer): string {
  return answer.headers?.['content-type'] ?? 'application/json; charset=UTF-8';
}
