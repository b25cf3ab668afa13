/**
 * The server that Google's consent page sends the browser back to: on 127.0.0.1 alone, for one answer to one question.
 * The browser waits for its page until the outcome is known.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '../errors.ts';
import { isState } from './consent.ts';
import { PAGE_HEADERS, type Page, renderPage } from './page.ts';

/** What the browser brought back, or the person pasted. */
export interface ConsentAnswer {
  readonly parameters: URLSearchParams;
  /** Shows the outcome in the browser. Never fails: who closed the tab can read it in the terminal. */
  reply(page: Page): Promise<void>;
}

export interface Loopback extends AsyncDisposable {
  readonly redirectUri: string;
  /** The answer that carries the state; resolves once, and never rejects. */
  readonly answer: Promise<ConsentAnswer>;
  /** Whether an answer came that did not carry it. */
  readonly mismatched: boolean;
}

const HOST = '127.0.0.1';
const PATH = '/oauth2callback';

/** How long the browser may take to read its page before the connection is cut. */
const READ_WITHIN_MS = 2_000;

/** Listens on `port`, 0 for a free one. @throws ConfigError when the port is taken or may not be used. */
export async function startLoopback(port: number, state: string): Promise<Loopback> {
  let mismatched = false;
  let answered = false;
  const { promise: answer, resolve } = Promise.withResolvers<ConsentAnswer>();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams: parameters } = new URL(request.url ?? '/', `http://${HOST}`);
    if (pathname !== PATH) return show(response, 404, NOT_HERE);
    if (request.method !== 'GET') return show(response, 405, NOT_HERE);
    if (!isState(parameters.get('state'), state)) {
      mismatched = true;
      return show(response, 400, WRONG_STATE);
    }
    if (answered) return show(response, 410, ANSWERED);
    answered = true;
    resolve({ parameters, reply: (page) => show(response, 200, page) });
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.listen(port, HOST);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(
      error.code === 'EADDRINUSE'
        ? `port ${port} of ${HOST} is taken by another program`
        : `port ${port} of ${HOST} cannot be used (${error.code})`,
      'Leave out --port, and a free one is taken; or name another.',
    );
  });
  return {
    redirectUri: `http://${HOST}:${(server.address() as AddressInfo).port}${PATH}`,
    answer,
    get mismatched() {
      return mismatched;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function show(response: ServerResponse, status: number, page: Page): Promise<void> {
  if (response.destroyed) return;
  response.writeHead(status, { ...PAGE_HEADERS, connection: 'close' });
  const closed = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, READ_WITHIN_MS);
    response.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  response.end(renderPage(page));
  await closed;
}

const NOT_HERE: Page = {
  tone: 'neutral',
  title: 'Nothing to see here',
  text: 'This address belongs to a gmail-jobs command that waits for Google’s answer.',
  next: ['Agree on Google’s page, which the command opened or printed the link of.'],
};

const WRONG_STATE: Page = {
  tone: 'bad',
  title: 'This answer belongs to another question',
  text: 'It does not carry the state of the command that is waiting now, so it was not used. It may come from an earlier link, or from somebody else.',
  next: ['Open the link that the terminal shows now; the command is still waiting for its answer.'],
};

const ANSWERED: Page = {
  tone: 'neutral',
  title: 'This was answered already',
  text: 'The command took the first answer, and takes no second one.',
  next: ['Look at the terminal: it says how it went.'],
};
