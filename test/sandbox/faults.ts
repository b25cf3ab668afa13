// Faults that a test plants to make requests go wrong in a given way.
import type { Answer, RecordedRequest, ServiceName } from './http.ts';
import { s3Error } from './s3-errors.ts';

/** The requests that a fault affects: matching ones, after the first `skip`, `times` of them (default 1). */
export interface FaultTarget {
  service?: ServiceName;
  verb?: string;
  match?: (request: RecordedRequest) => boolean;
  skip?: number;
  times?: number;
}

/** The kinds of faults. */
export type FaultKind =
  /** This answer instead of the effect. */
  | { kind?: 'status'; status: number; body?: string | Buffer | object; headers?: Record<string, string> }
  /** A Google-like HTML error page instead of the effect. */
  | { kind: 'html'; status: number }
  /** An error instead of the effect, whose JSON body repeats the request's headers and body. */
  | { kind: 'echo'; status: number }
  /** No effect, and the connection is reset. */
  | { kind: 'reset-before' }
  /** The effect happens, and the connection is reset before any answer. */
  | { kind: 'reset-after' }
  /** No effect, and never an answer. */
  | { kind: 'hang' }
  /** The effect happens, and there is never an answer. */
  | { kind: 'hang-after' }
  /** The effect happens; the answer states its full length, and ends in the middle. */
  | { kind: 'truncate' }
  /** The effect happens; the answer stops in the middle, and the connection stays open. */
  | { kind: 'stall' }
  /** The effect happens; the answer is a complete 200 whose JSON or XML is broken. */
  | { kind: 'malformed' }
  /** The effect happens; its answer comes later. */
  | { kind: 'slow'; delayMs: number }
  /**
   * Runs before the effect, or between the effect and its answer, and is awaited. A `before` that returns `'drop'`
   * prevents the effect and resets the connection: for a test that kills its child at that point.
   */
  | {
      kind: 'hook';
      before?: (request: RecordedRequest) => unknown;
      after?: (request: RecordedRequest) => unknown;
    };

export type Fault = FaultTarget & FaultKind;

interface Planted {
  fault: Fault;
  skip: number;
  left: number;
  hits: number;
}

/** The planted faults. */
export class Faults {
  #planted: Planted[] = [];

  /** Plants a fault. Returns a counter of the requests that met the fault. */
  add(fault: Fault): { readonly hits: number } {
    const planted: Planted = { fault, skip: fault.skip ?? 0, left: fault.times ?? 1, hits: 0 };
    this.#planted.push(planted);
    return planted;
  }

  clear(): void {
    this.#planted = [];
  }

  /**
   * Takes the faults that this request meets, in the order of planting: every hook and delay, up to and including the
   * first fault of another kind. Faults behind that one do not see the request.
   */
  take(request: RecordedRequest): Fault[] {
    const taken: Fault[] = [];
    for (const planted of this.#planted) {
      if (planted.left <= 0 || !concerns(planted.fault, request)) continue;
      if (planted.skip > 0) {
        planted.skip -= 1;
        continue;
      }
      planted.left -= 1;
      planted.hits += 1;
      taken.push(planted.fault);
      if (planted.fault.kind !== 'hook' && planted.fault.kind !== 'slow') break;
    }
    this.#planted = this.#planted.filter((planted) => planted.left > 0);
    return taken;
  }
}

function concerns(fault: Fault, request: RecordedRequest): boolean {
  return (
    (fault.service === undefined || fault.service === request.service) &&
    (fault.verb === undefined || fault.verb === request.verb) &&
    (fault.match === undefined || fault.match(request))
  );
}

/** The answer that replaces the effect; undefined for faults that let the effect happen. */
export function answerInstead(fault: Fault, request: RecordedRequest, rawBody: Buffer): Answer | undefined {
  switch (fault.kind) {
    case undefined:
    case 'status':
      return {
        status: fault.status,
        ...(fault.body === undefined ? {} : { body: fault.body }),
        ...(fault.headers === undefined ? {} : { headers: fault.headers }),
      };
    case 'html':
      return {
        status: fault.status,
        headers: { 'content-type': 'text/html; charset=UTF-8' },
        body: htmlErrorPage(fault.status),
      };
    case 'echo':
      return { status: fault.status, body: echo(fault.status, request, rawBody.toString()) };
    default:
      return undefined;
  }
}

/** A page of Google's front end, which is not JSON. */
export function htmlErrorPage(status: number): string {
  return [
    '<!DOCTYPE html>',
    '<html lang="en">',
    `<head><meta charset="utf-8"><title>Error ${status} (Server Error)!!1</title></head>`,
    `<body><p><b>${status}.</b> <ins>That’s an error.</ins></p>`,
    '<p>The server encountered a temporary error and could not complete your request. Please try again in 30 seconds.</p>',
    '</body></html>',
  ].join('\n');
}

/** The request, repeated under every key from which the clients of Google and AWS take an error's text. */
function echo(status: number, request: RecordedRequest, body: string): string | object {
  const repeated = `${request.method} ${request.path} ${request.query} ${JSON.stringify(request.headers)} ${body}`;
  if (request.service === 's3') return s3Error('InternalError', { message: repeated }).body;
  if (request.service === 'sts') return `<ErrorResponse><Error><Message>${repeated}</Message></Error></ErrorResponse>`;
  return {
    error:
      request.service === 'gmail'
        ? {
            code: status,
            message: repeated,
            errors: [{ message: repeated, domain: 'global', reason: 'backendError' }],
            status: 'UNKNOWN',
          }
        : 'server_error',
    error_description: repeated,
    __type: 'InternalServiceError',
    Message: repeated,
    request: { method: request.method, path: request.path, headers: request.headers, body },
  };
}
