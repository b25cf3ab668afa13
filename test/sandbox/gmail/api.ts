// The Gmail API: finds the method of a request, checks the access token, its scopes and the quota, and only then acts.
import { htmlErrorPage } from '../faults.ts';
import { type Answer, type RecordedRequest, type Service, wallClock } from '../http.ts';
import type { SandboxMailbox } from '../mailbox.ts';
import type { IssuedToken, SandboxOAuth } from '../oauth.ts';
import type { Call, Handler } from './call.ts';
import { GmailRefusal, type GoogleError, googleErrors } from './errors.ts';
import { selectFields } from './fields.ts';
import { listHistory } from './history.ts';
import { importMessage, insertMessage } from './insert.ts';
import { createLabel, deleteLabel, getLabel, listLabels, updateLabel } from './labels.ts';
import {
  batchModifyMessages,
  getAttachment,
  getMessage,
  listMessages,
  modifyMessage,
  trashMessage,
} from './messages.ts';
import { ConcurrencyLimit, type GmailVerb, QuotaMeter, type QuotaOptions } from './quota.ts';
import { ACCEPTED } from './scopes.ts';
import { getThread, listThreads } from './threads.ts';

interface Route {
  verb: GmailVerb;
  scopes: readonly string[];
  /** The query parameters that the method knows besides the common ones. */
  parameters: readonly string[];
  handler: Handler;
}

const LONGEST_ADDRESS = 8_192;

const COMMON_PARAMETERS = ['alt', 'fields', 'key', 'prettyPrint', 'quotaUser', 'uploadType'];
const LISTING = ['q', 'maxResults', 'pageToken', 'includeSpamTrash', 'labelIds'];
const HISTORY = ['startHistoryId', 'historyTypes', 'labelId', 'maxResults', 'pageToken'];
const IMPORTING = ['internalDateSource', 'neverMarkSpam', 'processForCalendar', 'deleted'];
const READING = ['format', 'metadataHeaders'];

/** By HTTP method and path below the user, where `*` is an id. */
const ROUTES: Record<string, Route> = {
  'GET profile': route('users.getProfile', ACCEPTED.profile, [], getProfile),
  'GET messages': route('messages.list', ACCEPTED.read, LISTING, listMessages),
  'GET messages/*': route('messages.get', ACCEPTED.read, READING, getMessage),
  'GET messages/*/attachments/*': route('messages.attachments.get', ACCEPTED.readAll, [], getAttachment),
  'POST messages/*/modify': route('messages.modify', ACCEPTED.change, [], modifyMessage),
  'POST messages/batchModify': route('messages.batchModify', ACCEPTED.change, [], batchModifyMessages),
  'POST messages': route('messages.insert', ACCEPTED.insert, ['internalDateSource', 'deleted'], insertMessage),
  'POST messages/import': route('messages.import', ACCEPTED.insert, IMPORTING, importMessage),
  'POST messages/*/trash': route('messages.trash', ACCEPTED.change, [], trashMessage),
  'GET threads': route('threads.list', ACCEPTED.read, LISTING, listThreads),
  'GET threads/*': route('threads.get', ACCEPTED.read, READING, getThread),
  'GET history': route('history.list', ACCEPTED.read, HISTORY, listHistory),
  'GET labels': route('labels.list', ACCEPTED.readLabels, [], listLabels),
  'GET labels/*': route('labels.get', ACCEPTED.readLabels, [], getLabel),
  'POST labels': route('labels.create', ACCEPTED.changeLabels, [], createLabel),
  'PUT labels/*': route('labels.update', ACCEPTED.changeLabels, [], updateLabel),
  'PATCH labels/*': route('labels.update', ACCEPTED.changeLabels, [], updateLabel),
  'DELETE labels/*': route('labels.delete', ACCEPTED.changeLabels, [], deleteLabel),
};

const UPLOADS: readonly GmailVerb[] = ['messages.insert', 'messages.import'];

/** A mailbox behind the API, with the limits of its user. */
export interface ServedMailbox {
  readonly mailbox: SandboxMailbox;
  readonly quota: QuotaMeter;
}

export class SandboxGmail implements Service {
  readonly name = 'gmail';
  /** The mailbox of every token whose address is not in `others`. */
  readonly mailbox: SandboxMailbox;
  readonly quota: QuotaMeter;
  readonly concurrency: ConcurrencyLimit;
  /** Further mailboxes by address. */
  readonly others = new Map<string, ServedMailbox>();
  readonly #oauth: SandboxOAuth;

  constructor(mailbox: SandboxMailbox, oauth: SandboxOAuth, quota: QuotaOptions = {}, maxConcurrent?: number) {
    this.mailbox = mailbox;
    this.quota = new QuotaMeter(quota, wallClock);
    this.concurrency = new ConcurrencyLimit(maxConcurrent);
    this.#oauth = oauth;
  }

  verb(method: string, path: string): string {
    return find(method, path)?.route.verb ?? 'unknown';
  }

  async handle(request: RecordedRequest, rawBody: Buffer): Promise<Answer> {
    // Google's front end refuses longer request lines.
    if (`${request.path}?${request.query}`.length > LONGEST_ADDRESS) {
      return { status: 414, headers: { 'content-type': 'text/html; charset=UTF-8' }, body: htmlErrorPage(414) };
    }
    try {
      const found = find(request.method, request.path);
      if (found === undefined) throw new GmailRefusal(googleErrors.notFound());
      const { route, user, id, partId } = found;
      const token = this.#authorize(request, route);
      // A service account without a subject has no mailbox.
      if (token.email.endsWith('.gserviceaccount.com')) throw new GmailRefusal(googleErrors.failedPrecondition());
      if (user !== 'me' && user !== token.email) throw new GmailRefusal(googleErrors.delegationDenied(user));
      const { mailbox, quota } = this.others.get(token.email) ?? this;
      this.#spend(request, route, quota);
      refuseUnknownParameters(request, route);
      const body = await route.handler({ mailbox, request, rawBody, token, id, partId });
      return answer(body, request.query.get('fields'));
    } catch (error) {
      if (!(error instanceof GmailRefusal)) throw error;
      return error.answer;
    }
  }

  settled(request: RecordedRequest): void {
    this.concurrency.release(request);
  }

  #authorize(request: RecordedRequest, { scopes }: Route): IssuedToken {
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (bearer === undefined) throw new GmailRefusal(googleErrors.missingCredentials());
    const token = this.#oauth.find(bearer);
    if (token === undefined) throw new GmailRefusal(googleErrors.invalidCredentials());
    if (!scopes.some((scope) => token.scopes.includes(scope))) {
      throw new GmailRefusal(googleErrors.insufficientScopes(scopes));
    }
    return token;
  }

  /** Serves one more mailbox, to the tokens that were issued for its address. */
  serve(mailbox: SandboxMailbox, quota: QuotaOptions = {}): void {
    this.others.set(mailbox.email, { mailbox, quota: new QuotaMeter(quota, wallClock) });
  }

  #spend(request: RecordedRequest, { verb }: Route, quota: QuotaMeter): void {
    if (!this.concurrency.enter(request)) throw new GmailRefusal(googleErrors.tooManyConcurrent());
    const units = quota.charge(verb);
    if (units === undefined) throw new GmailRefusal(quotaRefusal(quota));
    request.units = units;
  }
}

function quotaRefusal({ refuseWith }: QuotaMeter): GoogleError {
  return refuseWith === 403 ? googleErrors.quota403() : googleErrors.quota429();
}

function route(verb: GmailVerb, scopes: readonly string[], parameters: readonly string[], handler: Handler): Route {
  return { verb, scopes, parameters, handler };
}

function find(method: string, path: string): { route: Route; user: string; id: string; partId: string } | undefined {
  const parts = /^(\/upload)?\/gmail\/v1\/users\/([^/]+)\/(.+)$/.exec(path);
  const [, upload, user = '', below = ''] = parts ?? [];
  const [collection, second, third, fourth, ...more] = below.split('/');
  const exact = ROUTES[`${method} ${below}`];
  const rest = [...(third === undefined ? [] : [third]), ...(fourth === undefined ? [] : ['*'])];
  const route = exact ?? (more.length === 0 ? ROUTES[[`${method} ${collection}/*`, ...rest].join('/')] : undefined);
  if (route === undefined || (upload !== undefined && !UPLOADS.includes(route.verb))) return undefined;
  return {
    route,
    user: decodeURIComponent(user),
    id: exact ? '' : decodeURIComponent(second ?? ''),
    partId: fourth ?? '',
  };
}

function refuseUnknownParameters({ query }: RecordedRequest, { parameters }: Route): void {
  const unknown = [...query.keys()].find((name) => !COMMON_PARAMETERS.includes(name) && !parameters.includes(name));
  if (unknown === undefined) return;
  throw new GmailRefusal(
    googleErrors.invalidArgument(
      `Invalid JSON payload received. Unknown name "${unknown}": Cannot bind query parameter. Field '${unknown}' could not be found in request message.`,
    ),
  );
}

function answer(body: object | undefined, fields: string | null): Answer {
  if (body === undefined) return { status: 204 };
  const shown = fields === null ? body : selectFields(body, fields);
  // Seen with Gmail: when the requested fields are empty, the answer is a 204.
  if (fields !== null && Object.values(Object(shown)).every((value) => value === 0)) return { status: 204 };
  return { status: 200, body: Object(shown) as object };
}

/** The address is that of the grant, so that a test can play a wrong account. */
function getProfile({ mailbox, token }: Call): object {
  const messages = mailbox.messages();
  return {
    emailAddress: token.email,
    messagesTotal: messages.length,
    threadsTotal: new Set(messages.map(({ threadId }) => threadId)).size,
    historyId: String(mailbox.history.last),
  };
}
