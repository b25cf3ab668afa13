// The Admin SDK's users.list: the users of a Workspace, for administrators with a token of the right scope.

import { GmailRefusal, type GoogleError, googleErrors } from './gmail/errors.ts';
import { selectFields } from './gmail/fields.ts';
import type { Answer, RecordedRequest, Service } from './http.ts';
import type { SandboxOAuth } from './oauth.ts';

const SCOPES = ['admin.directory.user.readonly', 'admin.directory.user'].map(
  (name) => `https://www.googleapis.com/auth/${name}`,
);
const PARAMETERS = [
  ...['customer', 'domain', 'maxResults', 'orderBy', 'pageToken', 'projection', 'query', 'sortOrder', 'viewType'],
  ...['alt', 'fields', 'key', 'prettyPrint', 'quotaUser'],
];
const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 500;

export interface DirectoryUser {
  primaryEmail: string;
  suspended: boolean;
  archived: boolean;
  isMailboxSetup: boolean;
  isAdmin: boolean;
  orgUnitPath: string;
}

export class SandboxDirectory implements Service {
  readonly name = 'directory';
  /** The users of the one Workspace. */
  readonly users: DirectoryUser[] = [];
  /** No page has more users. */
  largestPage = LARGEST_PAGE;
  readonly #oauth: SandboxOAuth;

  constructor(oauth: SandboxOAuth) {
    this.#oauth = oauth;
  }

  /** Adds a user: active, no administrator, in the organizational unit `/`, unless `more` says otherwise. */
  add(primaryEmail: string, more: Partial<DirectoryUser> = {}): DirectoryUser {
    const user: DirectoryUser = {
      primaryEmail,
      suspended: false,
      archived: false,
      isMailboxSetup: true,
      isAdmin: false,
      orgUnitPath: '/',
      ...more,
    };
    this.users.push(user);
    return user;
  }

  verb(method: string, path: string): string {
    return method === 'GET' && path === '/admin/directory/v1/users' ? 'users.list' : 'unknown';
  }

  handle(request: RecordedRequest): Answer {
    try {
      if (request.verb !== 'users.list') throw new GmailRefusal(googleErrors.notFound());
      this.#authorize(request);
      return { status: 200, body: this.#list(request.query) };
    } catch (error) {
      if (!(error instanceof GmailRefusal)) throw error;
      return error.answer;
    }
  }

  #authorize({ headers }: RecordedRequest): void {
    const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    if (bearer === undefined) throw new GmailRefusal(googleErrors.missingCredentials());
    const token = this.#oauth.find(bearer);
    if (token === undefined) throw new GmailRefusal(googleErrors.invalidCredentials());
    if (!SCOPES.some((scope) => token.scopes.includes(scope)))
      throw new GmailRefusal(googleErrors.insufficientScopes(SCOPES));
    const user = this.users.find(({ primaryEmail }) => primaryEmail.toLowerCase() === token.email.toLowerCase());
    if (user?.isAdmin !== true || user.suspended) throw new GmailRefusal(directoryErrors.forbidden());
  }

  #list(query: URLSearchParams): object {
    const unknown = [...query.keys()].find((name) => !PARAMETERS.includes(name));
    if (unknown !== undefined) throw new GmailRefusal(googleErrors.invalidArgument(`Unknown name "${unknown}"`));
    // Seen by users: without customer and domain the answer is "Bad Request" (google-api-python-client, issue 579).
    if (query.get('customer') !== 'my_customer' && !query.has('domain'))
      throw new GmailRefusal(directoryErrors.invalid('Bad Request'));
    const size = Number(query.get('maxResults') ?? DEFAULT_PAGE);
    if (!(size >= 1 && size <= LARGEST_PAGE))
      throw new GmailRefusal(directoryErrors.invalid('Invalid Input: maxResults'));
    const found = this.users.filter(search(query.get('query') ?? ''));
    found.sort((one, other) => (one.primaryEmail < other.primaryEmail ? -1 : 1));
    const start = Number(Buffer.from(query.get('pageToken') ?? '', 'base64url').toString() || 0);
    if (!Number.isSafeInteger(start)) throw new GmailRefusal(directoryErrors.invalid('Invalid Input: pageToken'));
    const end = start + Math.min(size, this.largestPage);
    const users = found.slice(start, end);
    const body = {
      kind: 'admin#directory#users',
      etag: '"sandbox"',
      ...(users.length > 0 && { users: users.map((user) => ({ kind: 'admin#directory#user', ...user })) }),
      ...(end < found.length && { nextPageToken: Buffer.from(String(end)).toString('base64url') }),
    };
    const fields = query.get('fields');
    return fields === null ? body : Object(selectFields(body, fields));
  }
}

/** The refusals that the Admin SDK alone has. */
export const directoryErrors = {
  invalid: (message = 'Invalid Input: query') => refusal(400, message, 'invalid'),
  forbidden: () => refusal(403, 'Not Authorized to access this resource/api', 'forbidden'),
};

function refusal(code: number, message: string, reason: string): GoogleError {
  return { status: code, body: { error: { code, message, errors: [{ message, domain: 'global', reason }] } } };
}

/** Terms such as `orgUnitPath='/Sales'` and `isSuspended=false`, all of which must hold. */
function search(query: string): (user: DirectoryUser) => boolean {
  const terms = query.match(/[^\s'"=:]+[=:](?:'[^']*'|"[^"]*"|\S+)|\S+/g) ?? [];
  const tests = terms.map(termTest);
  return (user) => tests.every((test) => test(user));
}

function termTest(term: string): (user: DirectoryUser) => boolean {
  const [, field = '', operator = '', quoted = ''] = /^(\w+)([=:])(.+)$/.exec(term) ?? [];
  const value = quoted.replace(/^(['"])(.*)\1$/, '$2');
  const isFlag = value === 'true' || value === 'false';
  if (field === 'orgUnitPath' && operator === '=')
    return ({ orgUnitPath: path }) => path === value || path.startsWith(value.endsWith('/') ? value : `${value}/`);
  if (field === 'isSuspended' && isFlag) return ({ suspended }) => String(suspended) === value;
  if (field === 'isAdmin' && isFlag) return ({ isAdmin }) => String(isAdmin) === value;
  if (field === 'email' && operator === ':' && value.endsWith('*'))
    return ({ primaryEmail }) => primaryEmail.startsWith(value.slice(0, -1));
  throw new GmailRefusal(directoryErrors.invalid());
}
