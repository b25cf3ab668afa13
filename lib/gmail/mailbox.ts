/** The verbs that jobs use. They count, chunk, page and stop by themselves. */

import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import type { Log } from '../log.ts';
import type { Progress } from '../progress.ts';
import type { Tally } from '../tally.ts';
import { carryOut, type JournalPage, type ResolvedSet } from './carry-out.ts';
import { type ChangePlan, setSizes } from './change-plan.ts';
import { type Guard, trippedGuard } from './changes.ts';
import type { GmailClient } from './client.ts';
import { IdCollector, IdSet } from './ids.ts';
import { LabelBook } from './label-book.ts';
import { JOURNAL_LABEL, type Label, type LabelDirectory, labelSearch } from './labels.ts';
import { type Found, listEach, listSideBySide } from './listing.ts';
import { type ReadMessage, readHeaders } from './read.ts';
import { type Span, type Window, windowTerms } from './window.ts';
import type { Writer } from './writer.ts';

/** Gmail's largest page of a list. */
const PAGE_SIZE = 500;

/** A message as lists show it. */
export interface MessageRef {
  readonly id: string;
  readonly threadId: string;
}

export interface SearchOptions {
  /** Stop after this many, the newest ones. */
  readonly limit?: number;
  /** Look in Trash and Spam too. */
  readonly includeSpamTrash?: boolean;
  /** Look at mail outside the span of a backfill too. */
  readonly allTime?: boolean;
  /** Find the program's own journals too. */
  readonly journals?: boolean;
}

/** Messages that get the same change, under the name of the rule that wants it. Labels are given by name. */
export interface ChangeSet {
  readonly name: string;
  readonly ids: readonly string[];
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** What is ahead when a plan is carried out. */
export interface Ahead {
  readonly plan: ChangePlan;
  readonly guards: readonly Guard[];
  /** Labels that will be made. */
  readonly newLabels: readonly string[];
  readonly keepsJournal: boolean;
}

export interface CarryOutOptions {
  readonly guards?: readonly Guard[];
  readonly journal?: ((page: JournalPage) => Promise<void>) | undefined;
}

export interface MailboxOptions {
  readonly client: GmailClient;
  readonly writer: Writer;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Log;
  /** Ends the work before the next request. */
  readonly signal: AbortSignal;
  readonly span?: Span;
  /** The labels, when they are known from before. */
  readonly labels?: LabelBook;
  /** Told what is ahead, before the guards are held against it. */
  readonly announce?: (ahead: Ahead) => Promise<void>;
  /** Asked before the first change; rejects when there is to be none. */
  readonly confirm?: () => Promise<void>;
}

export class Mailbox {
  readonly #options: MailboxOptions;
  readonly #client: GmailClient;
  readonly #writer: Writer;
  readonly #signal: AbortSignal;
  readonly #labels: LabelBook;
  /** How many messages were found so far, by all searches together. */
  #listed = 0;
  #profile: Promise<{ readonly address: string; readonly messages: number }> | undefined;

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#writer = options.writer;
    this.#signal = options.signal;
    this.#labels = options.labels ?? new LabelBook(options);
  }

  /** False in a dry run, in which nothing that a job wants to change is sent. */
  get live(): boolean {
    return this.#writer.live;
  }

  /** The span of time to which searches are bound; undefined for all mail. */
  get span(): Span | undefined {
    return this.#options.span;
  }

  /** The same mailbox, with searches bound to `span`. */
  spanning(span: Span): Mailbox {
    const narrowed = new Mailbox({ ...this.#options, span, labels: this.#labels });
    narrowed.#profile = this.#profile;
    return narrowed;
  }

  /** The mailbox's own address. */
  async address(): Promise<string> {
    return (await this.profile()).address;
  }

  /** The mailbox's address, and how many messages there are in it, with Spam and Trash. 1 quota unit, once. */
  profile(): Promise<{ readonly address: string; readonly messages: number }> {
    this.#profile ??= this.#client
      .request<gmail_v1.Schema$Profile>(
        'users.getProfile',
        (api, options) => api.users.getProfile({ userId: 'me' }, options),
        this.#signal,
      )
      .then(({ emailAddress, messagesTotal }) => ({ address: emailAddress ?? '', messages: messagesTotal ?? 0 }));
    return this.#profile;
  }

  /** All messages that `query` finds, newest first. 5 quota units for each 500. */
  async search(query: string, options: SearchOptions = {}): Promise<MessageRef[]> {
    const { limit = Number.POSITIVE_INFINITY } = options;
    const found = new Map<string, MessageRef>();
    const q = await this.#bound(query, options);
    let token: string | undefined;
    do {
      const page = await this.#listPage(q, limit - found.size, options, token);
      // A message that arrives meanwhile shifts the pages: one may be listed twice.
      for (const message of page.messages) found.set(message.id, message);
      token = page.next;
    } while (token !== undefined && found.size < limit);
    return [...found.values()];
  }

  /** The ids of all messages that `query` finds, packed, by windows in a backfill. 5 quota units for each 500. */
  async find(query: string, options: Omit<SearchOptions, 'limit' | 'allTime'> = {}): Promise<Found> {
    const { span } = this;
    const fetch = async (window: Window | null, token: string | undefined) => {
      const q = await this.#bound(query, options, window ?? span?.whole);
      const { messages, next } = await this.#listPage(q, PAGE_SIZE, options, token);
      this.#listed += messages.length;
      this.#options.progress.looking(this.#listed);
      return { ids: messages.map(({ id }) => id), next };
    };
    return span?.asked === true ? listEach(fetch, span.windows) : listSideBySide(fetch, span?.windows ?? []);
  }

  /** The newest so many messages that `query` finds in all mail, whatever the span of a backfill is. */
  async findNewest(
    query: string,
    limit: number,
    options: Pick<SearchOptions, 'includeSpamTrash'> = {},
  ): Promise<IdSet> {
    const ids = new IdCollector();
    for (const { id } of await this.search(query, { ...options, limit, allTime: true })) ids.add(id);
    return ids.finish();
  }

  /** `query`, in parentheses for it may hold an OR, without journals, and bound to `window` or the span. */
  async #bound(query: string, { journals, allTime }: SearchOptions, window = this.span?.whole): Promise<string> {
    const bounds = window === undefined || allTime === true ? [] : windowTerms(window);
    const hasJournals = journals !== true && (await this.#labels.known()).find(JOURNAL_LABEL) !== undefined;
    const terms = [...(hasJournals ? [`-${labelSearch(JOURNAL_LABEL)}`] : []), ...bounds];
    return terms.length === 0 ? query : [`(${query})`, ...terms].join(' ');
  }

  async #listPage(q: string, most: number, { includeSpamTrash = false }: SearchOptions, pageToken: string | undefined) {
    const params = { userId: 'me', q, maxResults: Math.min(PAGE_SIZE, most), includeSpamTrash };
    const page = await this.#client.request<gmail_v1.Schema$ListMessagesResponse>(
      'messages.list',
      (api, options) => api.users.messages.list({ ...params, ...(pageToken && { pageToken }) }, options),
      this.#signal,
    );
    const messages = (page.messages ?? []).flatMap(({ id, threadId }): MessageRef[] =>
      typeof id === 'string' ? [{ id, threadId: threadId ?? id }] : [],
    );
    return { messages, next: page.nextPageToken || undefined };
  }

  /** The mailbox's labels as they are now. 1 quota unit. */
  labels(): Promise<LabelDirectory> {
    return this.#labels.list();
  }

  /** Makes a label; null when one of that name exists. `hidden` keeps it out of Gmail's lists. 5 quota units. */
  createLabel(name: string, { hidden = false } = {}): Promise<Label | null> {
    return this.#labels.create(name, hidden);
  }

  /** Deletes a label, not its messages; false when it was already gone. 5 quota units. */
  deleteLabel(label: Label): Promise<boolean> {
    return this.#labels.delete(label);
  }

  /**
   * Changes the labels of messages, set after set, in batches of 1,000, and counts each: changed when Gmail accepted
   * the batch, failed when it refused it, remaining when the run ended before or the service stayed away. A label
   * that does not exist is made when something gets it.
   * @throws GuardError before the first change when there are more than `guard` allows.
   */
  async change(sets: readonly ChangeSet[], guard?: Guard): Promise<void> {
    const plan = {
      sets: sets.map(({ name, add, remove, ids }) => ({
        name,
        operations: [...add.map((label) => ({ add: true, label })), ...remove.map((label) => ({ add: false, label }))],
        found: ids.length,
      })),
      windows: [
        {
          window: this.span?.whole ?? null,
          changes: sets.map(({ ids }) => ({ ids: IdSet.of(ids), effects: undefined })),
        },
      ],
    };
    await this.carryOut(plan, guard === undefined ? {} : { guards: [guard] });
  }

  /** The same for a plan, whose way back is written to the journal portion by portion. */
  async carryOut(plan: ChangePlan, { guards = [], journal }: CarryOutOptions = {}): Promise<void> {
    const { tally, progress, log, announce, confirm } = this.#options;
    const sizes = setSizes(plan);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    tally.matched(total);
    const wanted = plan.sets.map(({ operations }, index) => ((sizes[index] ?? 0) > 0 ? operations : []));
    const keepsJournal = journal !== undefined && total > 0;
    if (announce !== undefined) {
      const given = wanted.flatMap((operations) => operations.filter(({ add }) => add).map(({ label }) => label));
      const newLabels = await this.#labels.missing([...given, ...(keepsJournal ? [JOURNAL_LABEL] : [])]);
      await announce({ plan, guards, keepsJournal, newLabels });
    }
    const tripped = trippedGuard(new Map(plan.sets.map(({ name }, index) => [name, sizes[index] ?? 0])), guards);
    if (tripped !== undefined) throw tripped;
    if (!this.live || total === 0) return;
    await confirm?.();
    progress.start(total);
    // Labels are made before the first batch, while there is room for small requests in the quota of the minute.
    const resolved: ResolvedSet[] = [];
    for (const operations of wanted) resolved.push(await this.#labels.resolve(operations));
    await carryOut(plan, resolved, { writer: this.#writer, tally, progress, log, signal: this.#signal, journal });
  }

  /** Reads headers of messages, in the order of `ids`; those that vanished meanwhile are left out. 20 units each. */
  async read(ids: readonly string[], headers: readonly string[]): Promise<ReadMessage[]> {
    const messages = await Promise.all(ids.map((id) => readHeaders(this.#client, id, headers, this.#signal)));
    return messages.filter((message) => message !== null);
  }

  /**
   * Puts a message into the mailbox without sending it. Never repeated by itself: see Writer. 25 quota units.
   * Rejects with the reason of `tooLate` when that is aborted before the message could be given to Gmail.
   */
  async insert(raw: Buffer, labelIds: readonly string[], tooLate?: AbortSignal): Promise<void> {
    const signal = tooLate === undefined ? this.#signal : AbortSignal.any([this.#signal, tooLate]);
    await this.#writer.insert(raw, labelIds, signal);
  }
}
