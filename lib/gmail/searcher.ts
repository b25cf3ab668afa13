/**
 * Sends searches to Gmail: refuses invalid ones, limits them to the span of a backfill, leaves out the program's own
 * journals, and reads all pages.
 */
import { formatCount } from '../base/count.ts';
import { didYouMean } from '../base/nearest.ts';
import { ConfigError } from '../errors.ts';
import type { GmailClient } from './client.ts';
import type { IdSet } from './ids.ts';
import { labelSearch, systemLabelId } from './labels.ts';
import { IDS_ALONE, type MessageRef, PAGE_SIZE, readListPage } from './list-page.ts';
import { listEach, listSideBySide } from './listing.ts';
import type { MailboxLabels } from './mailbox-labels.ts';
import { JOURNAL_LABEL } from './own-labels.ts';
import { type CheckedSearch, labelNamed } from './query/label-terms.ts';
import { parseQuery, type Term } from './query/parse.ts';
import { QueryError } from './query/tokens.ts';
import { IN_VALUES } from './query/values.ts';
import { GmailRefusal } from './responses.ts';
import { type FoundIds, type Span, type Window, windowTerms } from './windows.ts';

export interface SearchOptions {
  /** Find only this many of the newest messages. */
  readonly limit?: number;
  /** Search Trash and Spam, too. */
  readonly includeSpamTrash?: boolean;
  /** Search outside the span of a backfill, too. */
  readonly allTime?: boolean;
  /** Find the program's own journals, too, and search all mail: the query is sent unchanged. @internal */
  readonly journals?: boolean;
}

export interface FindOptions extends Pick<SearchOptions, 'includeSpamTrash'> {
  /** Return only messages of this set, which saves memory. */
  readonly among?: IdSet;
  /** A search between changes: it is not shown as progress and not split into windows that a person asked for. */
  readonly isBackground?: boolean;
}

/** Gmail refused a search for its content or its length. The message shows the search without mail addresses. */
export class SearchRefusal extends ConfigError {
  readonly refusal: GmailRefusal;
  /** Characters of the whole search. */
  readonly length: number;

  constructor(q: string, refusal: GmailRefusal) {
    const start = q.replace(/[^\s"(){}:]+@[^\s"(){}]+/g, '…').slice(0, SHOWN);
    const search = `the search "${start}${start.length < SHOWN ? '' : '…'}"`;
    super(
      refusal.reason === 'tooLong'
        ? `${search} is too long for Gmail: ${formatCount(q.length)} characters`
        : `Gmail does not accept ${search}: ${refusal.message}`,
      "Shorten or correct it; try it in Gmail's search box.",
      { cause: refusal },
    );
    this.refusal = refusal;
    this.length = q.length;
  }
}

const SHOWN = 100;

/** Whether Gmail refused the search itself; on a later page it may have refused the page token. */
function isAboutSearch(error: unknown, pageToken: string | undefined): error is GmailRefusal {
  if (!(error instanceof GmailRefusal)) return false;
  return error.reason === 'tooLong' || (error.reason === 'invalidArgument' && pageToken === undefined);
}

export interface SearcherOptions {
  readonly client: GmailClient;
  readonly labels: MailboxLabels;
  readonly span: Span | undefined;
  readonly signal: AbortSignal;
  /** Called with the number of messages that all calls of `find` have found so far. */
  readonly onFound: (messages: number) => void;
}

export class Searcher {
  readonly #options: SearcherOptions;
  #found = 0;

  constructor(options: SearcherOptions) {
    this.#options = options;
  }

  /** All messages that `search` finds, newest first. 5 quota units for each 500. */
  async search(search: string | CheckedSearch, options: SearchOptions = {}): Promise<MessageRef[]> {
    const { query, includeSpamTrash } = await this.#check(search, options);
    const { limit = Number.POSITIVE_INFINITY } = options;
    const found = new Map<string, MessageRef>();
    const q = await this.#complete(query, options);
    let token: string | undefined;
    do {
      const page = await this.#listPage(q, limit - found.size, includeSpamTrash, token);
      // A message that arrives meanwhile shifts the pages, so that another one may be listed twice.
      for (const message of page.messages) found.set(message.id, message);
      token = page.next;
    } while (token !== undefined && found.size < limit);
    return [...found.values()];
  }

  /** The ids of all messages that `search` finds, by window in a backfill. 5 quota units for each 500. */
  async find(search: string | CheckedSearch, options: FindOptions = {}): Promise<FoundIds> {
    const { query, includeSpamTrash } = await this.#check(search, options);
    const { span, onFound } = this.#options;
    const fetch = async (window: Window | null, token: string | undefined) => {
      const q = await this.#complete(query, options, window ?? span?.whole);
      const { messages, next } = await this.#listPage(q, PAGE_SIZE, includeSpamTrash, token, IDS_ALONE);
      this.#found += messages.length;
      if (options.isBackground !== true) onFound(this.#found);
      const ids = messages.map(({ id }) => id);
      return { ids: options.among === undefined ? ids : ids.filter((id) => options.among?.has(id)), next };
    };
    return span?.asked === true && options.isBackground !== true
      ? listEach(fetch, span.windows)
      : listSideBySide(fetch, span?.windows ?? []);
  }

  /** @throws Error, as parseSearch; also for an `in:` that names neither a place nor a label. */
  async #check(query: string | CheckedSearch, { includeSpamTrash = false }: SearchOptions): Promise<CheckedSearch> {
    if (typeof query !== 'string') return query;
    for (const term of parseSearch(query)) {
      const label = term.operator === 'in' ? labelNamed(term) : null;
      if (label === null || systemLabelId(label) !== undefined) continue;
      const labels = await this.#options.labels.known();
      if (labels.find(label) !== undefined) continue;
      throw invalidSearch(
        query,
        term.from,
        `"in:${label}" is neither a place of Gmail nor a label${didYouMean(label, IN_VALUES)}`,
      );
    }
    return { query, includeSpamTrash };
  }

  /** The search that is sent: `query`, in parentheses since it may hold an OR, without journals, in `window` or the span. */
  async #complete(
    query: string,
    { journals, allTime }: SearchOptions,
    window = this.#options.span?.whole,
  ): Promise<string> {
    if (journals === true) return query;
    const label = (await this.#options.labels.known()).find(JOURNAL_LABEL);
    const bounds = window === undefined || allTime === true ? [] : windowTerms(window);
    const terms = [...(label === undefined ? [] : [`-${labelSearch(label.name)}`]), ...bounds];
    return terms.length === 0 ? query : [`(${query})`, ...terms].join(' ');
  }

  async #listPage(q: string, most: number, includeSpamTrash: boolean, pageToken: string | undefined, fields?: string) {
    const request = { q, maxResults: Math.min(PAGE_SIZE, most), includeSpamTrash };
    const { client, signal } = this.#options;
    return await readListPage(client, request, pageToken, signal, fields).catch((error) => {
      throw isAboutSearch(error, pageToken) ? new SearchRefusal(q, error) : error;
    });
  }
}

/** More than parseQuery allows by default: a job nests the search of an option a little deeper. */
const MOST_COMPOSED_LEVELS = 200;

/** The terms of a job's search. @throws Error for one that Gmail would understand differently, which is a bug of the job. */
export function parseSearch(query: string): Term[] {
  if (typeof query !== 'string') throw new TypeError('the job gave a search that is no text');
  try {
    return parseQuery(query, MOST_COMPOSED_LEVELS);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw invalidSearch(query, error.at, error.message, error);
  }
}

function invalidSearch(query: string, at: number, problem: string, cause?: Error): Error {
  const start = Math.max(0, at - 20);
  const part = `${start > 0 ? '…' : ''}${query.slice(start, start + 80)}${query.length > start + 80 ? '…' : ''}`;
  return new Error(`the job built an invalid search, which was not sent: ${problem} (in: ${part})`, { cause });
}
