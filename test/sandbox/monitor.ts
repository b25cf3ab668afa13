// A monitor of scheduled jobs, like Healthchecks: it accepts a ping at any path.
import type { Answer, RecordedRequest, Service } from './http.ts';

export interface Ping {
  method: string;
  /** With its query, such as `/ping/abc/start` or `/abc?s=0`. */
  path: string;
  body: unknown;
}

export class SandboxMonitor implements Service {
  readonly name = 'monitor';
  /** The accepted pings, in order; a ping that a fault swallowed is only in the list of requests. */
  readonly pings: Ping[] = [];

  verb(): string {
    return 'ping';
  }

  handle({ method, path, query, body }: RecordedRequest): Answer {
    this.pings.push({ method, path: query.size > 0 ? `${path}?${query}` : path, body });
    return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'OK' };
  }
}
