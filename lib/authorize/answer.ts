/**
 * Receives the answer of Google's consent page: from the browser, by a server on 127.0.0.1, or pasted into the terminal.
 * The exchange of its code is left to consent.ts.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '../errors.ts';
import type { Terminal } from '../screen/terminal.ts';
import { isState, wrongState } from './link.ts';
import { type OutcomePage, PAGE_HEADERS, renderPage } from './outcome-page.ts';

export interface ConsentAnswer {
  readonly parameters: URLSearchParams;
  /** Shows the outcome in the waiting browser. Does not reject when the tab was closed. */
  reply(page: OutcomePage): Promise<void>;
}

export interface Loopback extends AsyncDisposable {
  readonly redirectUri: string;
  /** Resolves with the first answer that has the link's state. Never rejects. */
  readonly answer: Promise<ConsentAnswer>;
  /** Whether an answer came with another state. */
  readonly mismatched: boolean;
}

const HOST = '127.0.0.1';
const PATH = '/oauth2callback';

/** A browser that has not read its page within this time is disconnected. */
const READ_WITHIN_MS = 2_000;

/**
 * Listens on `port`; 0 takes a free one. The server answers one request with the link's state, and refuses all others.
 * @throws ConfigError when the port cannot be used.
 */
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
        ? `port ${port} of ${HOST} is used by another program`
        : `port ${port} of ${HOST} cannot be used (${error.code})`,
      'Leave out --port to use a free port, or name another port.',
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

async function show(response: ServerResponse, status: number, page: OutcomePage): Promise<void> {
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

const NOT_HERE: OutcomePage = {
  tone: 'neutral',
  title: 'Nothing to see here',
  text: 'This address belongs to a gmail-jobs command that waits for Google’s answer.',
  next: ['Agree on Google’s page. The command opened it, or printed a link to it.'],
};

const WRONG_STATE: OutcomePage = {
  tone: 'bad',
  title: 'This answer belongs to another link',
  text: 'The waiting command did not use this answer, which has another state than the command sent. The answer belongs to an earlier link, or somebody else made it.',
  next: ['Open the link that the terminal shows now: the command is still waiting.'],
};

const ANSWERED: OutcomePage = {
  tone: 'neutral',
  title: 'The command already has an answer',
  text: 'The command used the first answer and ignores this one.',
  next: ['The terminal shows the result.'],
};

const QUESTION =
  'If the browser cannot load its last page, paste the address of that page here (the text stays hidden) and press Enter: ';

const NO_ANSWER = 'This is not the address of the last page, which contains /oauth2callback? and a code.';

/**
 * Asks until the person pastes an answer with the link's state. Stays pending when the input ends without one, because
 * the browser may still answer.
 * @throws CredentialError when the input ends and held only answers with another state.
 */
export async function pastedAnswer(
  state: string,
  terminal: Terminal,
  hide: (secret: string) => void,
  signal: AbortSignal,
): Promise<ConsentAnswer> {
  let mismatched = false;
  for (;;) {
    // Not shown: the address holds the code.
    const line = await terminal.ask(QUESTION, signal, { secret: true });
    if (line === null && mismatched) throw wrongState();
    if (line === null) return new Promise<never>(() => undefined);
    const parameters = new URLSearchParams(/\?([^#]*)/.exec(line)?.[1] ?? line.trim());
    hide(parameters.get('code') ?? '');
    const isAnswer = parameters.has('code') || parameters.has('error');
    if (isAnswer && isState(parameters.get('state'), state)) return { parameters, reply: async () => undefined };
    mismatched ||= isAnswer;
    if (line.trim() !== '') terminal.print(isAnswer ? `Not used: ${wrongState().message}.` : NO_ANSWER);
  }
}
