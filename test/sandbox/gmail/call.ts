// One authorized call of the Gmail API: its parameters, read as strictly as Google reads them.
import type { RecordedRequest } from '../http.ts';
import type { SandboxMailbox } from '../mailbox.ts';
import type { IssuedToken } from '../oauth.ts';
import { GmailRefusal, googleErrors } from './errors.ts';

/** The parameters of a method's handler. */
export interface Call {
  mailbox: SandboxMailbox;
  request: RecordedRequest;
  rawBody: Buffer;
  token: IssuedToken;
  /** The id in the path, or ''. */
  id: string;
  /** The second id in the path, or ''. */
  partId: string;
}

/** A handler returns the JSON of its answer, or undefined for 204. */
export type Handler = (call: Call) => object | undefined | Promise<object | undefined>;

/** Returns the JSON object of the body. @throws GmailRefusal 400 */
export function jsonBody({ request }: Call): Record<string, unknown> {
  const { body } = request;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidArgument('Invalid JSON payload received. Unexpected end of string.');
  }
  return body as Record<string, unknown>;
}

/** Returns a string of the body, or undefined. @throws GmailRefusal 400 */
export function stringIn(body: Record<string, unknown>, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string')
    throw invalidArgument(`Invalid value at '${name}' (TYPE_STRING), ${JSON.stringify(value)}`);
  return value;
}

/** Returns an array of strings of the body, [] when it is absent. @throws GmailRefusal 400 */
export function stringsIn(body: Record<string, unknown>, name: string): string[] {
  const value = body[name] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw invalidArgument(`Invalid value at '${name}' (TYPE_STRING), ${JSON.stringify(value)}`);
  }
  return value;
}

/** Returns a boolean of the query, false when it is absent. @throws GmailRefusal 400 */
export function booleanParameter({ request }: Call, name: string): boolean {
  const value = request.query.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false')
    throw invalidArgument(`Invalid value at '${name}' (TYPE_BOOL), "${value}"`);
  return value === 'true';
}

/** Returns one of the allowed values of a parameter, the first when it is absent. @throws GmailRefusal 400 */
export function choiceParameter<T extends string>({ request }: Call, name: string, choices: readonly [T, ...T[]]): T {
  const value = request.query.get(name);
  if (value === null) return choices[0];
  const choice = choices.find((allowed) => allowed === value.toLowerCase());
  if (choice === undefined) throw invalidArgument(`Invalid value at '${name}' (TYPE_ENUM), "${value}"`);
  return choice;
}

/** One page of a list: `items`, the token of the next page if there is one, and Gmail's saturating estimate. */
export interface Page<T> {
  items: readonly T[];
  rest: { nextPageToken?: string; resultSizeEstimate: number };
}

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 500;
const ESTIMATE_SATURATES_AT = 201;

/**
 * Cuts the page that the query asks for out of a list as it is now: when the list has shrunk since the page before,
 * items are skipped, as in Gmail. A page token is valid only for the query that it came from.
 *
 * @throws GmailRefusal 400
 */
export function pageOf<T>({ request }: Call, all: readonly T[]): Page<T> {
  const { query } = request;
  const wanted = query.get('maxResults') ?? String(DEFAULT_PAGE);
  if (!/^\d{1,9}$/.test(wanted)) throw invalidArgument(`Invalid value at 'max_results' (TYPE_UINT32), "${wanted}"`);
  const size = Math.min(Number(wanted) || DEFAULT_PAGE, LARGEST_PAGE);
  const mark = fingerprint([
    request.path,
    query.get('q') ?? '',
    query.get('includeSpamTrash') ?? '',
    ...query.getAll('labelIds'),
  ]);
  const token = query.get('pageToken');
  if (token && (!/^\d{20}$/.test(token) || !token.endsWith(mark))) throw invalidArgument('Invalid pageToken');
  const start = token ? Number(token.slice(0, 10)) : 0;
  const end = start + size;
  return {
    items: all.slice(start, end),
    rest: {
      ...(end < all.length ? { nextPageToken: String(end).padStart(10, '0') + mark } : {}),
      resultSizeEstimate: Math.min(all.length, ESTIMATE_SATURATES_AT),
    },
  };
}

/** Ten digits that differ for different lists of strings (FNV-1a). */
function fingerprint(parts: readonly string[]): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify(parts))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return String(hash).padStart(10, '0');
}

export function invalidArgument(message: string): GmailRefusal {
  return new GmailRefusal(googleErrors.invalidArgument(message));
}
