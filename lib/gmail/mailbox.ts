/** The verbs that jobs use. They count, chunk, page and stop by themselves. */

import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import type { Log } from '../log.ts';
import type { Progress } from '../progress.ts';
import type { Tally } from '../tally.ts';
import { GmailRefusal } from './answers.ts';
import { applyChangeSet, type ChangeSet, type Guard, tooManyChanges } from './changes.ts';
import type { GmailClient } from './client.ts';
import { IdSet } from './ids.ts';
import { type Label, LabelDirectory, systemLabelId } from './labels.ts';
import { describe, getMessage, type ReadMessage } from './messages.ts';
import type { LabelChange, LabelSet, Writer } from './writer.ts';

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
  /** Look among the journals too. */
  readonly journals?: boolean;
}

export interface MailboxOptions {
  readonly client: GmailClient;
  readonly writer: Writer;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Log;
  /** Ends the work before the next request. */
  readonly signal: AbortSignal;
}

export class Mailbox {
  readonly #options: MailboxOptions;
  readonly #client: GmailClient;
  readonly #writer: Writer;
  readonly #signal: AbortSignal;
  /** The labels as they were listed last, and those made since. */
  #directory: LabelDirectory | undefined;
  #address: Promise<string> | undefined;

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#writer = options.writer;
    this.#signal = options.signal;
  }

  /** False in a dry run, in which nothing that a job wants to change is sent. */
  get live(): boolean {
    return this.#writer.live;
  }

  /** The mailbox's own address. 1 quota unit, once. */
  address(): Promise<string> {
    this.#address ??= this.#client
      .request<gmail_v1.Schema$Profile>(
        'users.getProfile',
        (api, options) => api.users.getProfile({ userId: 'me' }, options),
        this.#signal,
      )
      .then(({ emailAddress }) => emailAddress ?? '');
    return this.#address;
  }

  /** All messages that `query` finds, newest first. 5 quota units for each 500. */
  async search(
    query: string,
    { limit = Number.POSITIVE_INFINITY, includeSpamTrash = false }: SearchOptions = {},
  ): Promise<MessageRef[]> {
    const found = new Map<string, MessageRef>();
    let pageToken: string | undefined;
    do {
      const maxResults = Math.min(PAGE_SIZE, limit - found.size);
      const params = { userId: 'me', q: query, maxResults, includeSpamTrash, ...(pageToken && { pageToken }) };
      const page = await this.#client.request<gmail_v1.Schema$ListMessagesResponse>(
        'messages.list',
        (api, options) => api.users.messages.list(params, options),
        this.#signal,
      );
      for (const { id, threadId } of page.messages ?? []) {
        // A message that arrives meanwhile shifts the pages: one may be listed twice.
        if (typeof id === 'string') found.set(id, { id, threadId: threadId ?? id });
      }
      pageToken = page.nextPageToken || undefined;
    } while (pageToken !== undefined && found.size < limit);
    return [...found.values()];
  }

  /** The ids of all messages that `query` finds, packed. 5 quota units for each 500. */
  async find(query: string, options: SearchOptions = {}): Promise<IdSet> {
    return IdSet.of((await this.search(query, options)).map(({ id }) => id));
  }

  /** The mailbox's labels. 1 quota unit. */
  async labels(): Promise<LabelDirectory> {
    const { labels = [] } = await this.#client.request<gmail_v1.Schema$ListLabelsResponse>(
      'labels.list',
      (api, options) => api.users.labels.list({ userId: 'me' }, options),
      this.#signal,
    );
    this.#directory = new LabelDirectory(labels.flatMap(({ id, name }) => (id && name ? [{ id, name }] : [])));
    return this.#directory;
  }

  /** Makes a label; null when one of that name exists. `hidden` keeps it out of Gmail's lists. 5 quota units. */
  async createLabel(name: string, { hidden = false } = {}): Promise<Label | null> {
    try {
      const label = await this.#writer.createLabel(name, hidden, this.#signal);
      if (this.live) this.#options.log.info('label.created', { label: name });
      return label;
    } catch (error) {
      if (error instanceof GmailRefusal && error.status === 409) return null;
      throw error;
    }
  }

  /** Deletes a label, not its messages; false when it was already gone. 5 quota units. */
  async deleteLabel(label: Label): Promise<boolean> {
    try {
      await this.#writer.deleteLabel(label.id, this.#signal);
      return true;
    } catch (error) {
      if (error instanceof GmailRefusal && error.status === 404) return false;
      throw error;
    }
  }

  /**
   * Changes the labels of messages, set after set, in batches of 1,000, and counts each: changed when Gmail accepted
   * the batch, failed when it refused it, remaining when the run ended before or the service stayed away. A label
   * that does not exist is made when something gets it.
   * @throws GuardError before the first change when there are more than `guard` allows.
   */
  async change(sets: readonly ChangeSet[], guard?: Guard): Promise<void> {
    const { tally, progress, log } = this.#options;
    const total = sets.reduce((sum, { ids }) => sum + ids.length, 0);
    tally.matched(total);
    if (guard !== undefined && total > guard.atMost) throw tooManyChanges(total, guard);
    if (!this.live) return;
    progress.start(total);
    const wanted = sets.filter(({ ids }) => ids.length > 0);
    // Labels are made before the first batch, while there is room for small requests in the quota of the minute.
    const changes: [ChangeSet, LabelChange | GmailRefusal][] = [];
    for (const set of wanted) changes.push([set, await this.#resolve(set).catch(asRefusal)]);
    for (const [set, change] of changes) {
      await applyChangeSet(set, change, {
        modify: (ids, change, signal) => this.#writer.modify(ids, change, signal),
        tally,
        progress,
        log,
        signal: this.#signal,
      });
    }
  }

  /** The same for labels that are known by their ids; searches for nothing and makes nothing. */
  async changeLabels(sets: readonly LabelSet[]): Promise<void> {
    const { tally, progress, log } = this.#options;
    const total = sets.reduce((sum, { ids }) => sum + ids.size, 0);
    tally.matched(total);
    if (!this.live) return;
    progress.start(total);
    for (const { name, ids, change } of sets) {
      await applyChangeSet({ name, ids: ids.list(), add: [], remove: [] }, change, {
        modify: (batch, labels, signal) => this.#writer.modify(batch, labels, signal),
        tally,
        progress,
        log,
        signal: this.#signal,
      });
    }
  }

  /** The set's labels by their ids. Those to add are made when they do not exist, those to remove are left out. */
  async #resolve({ add, remove }: ChangeSet): Promise<LabelChange> {
    const isSystem = (name: string) => systemLabelId(name) !== undefined;
    const directory = [...add, ...remove].every(isSystem)
      ? new LabelDirectory([])
      : (this.#directory ?? (await this.labels()));
    const addLabelIds: string[] = [];
    for (const name of add) addLabelIds.push((directory.find(name) ?? (await this.#makeLabel(name))).id);
    return { addLabelIds, removeLabelIds: remove.flatMap((name) => directory.find(name)?.id ?? []) };
  }

  /** The label called `name`, made now; or the one that another run has just made, or that Gmail takes it for. */
  async #makeLabel(name: string): Promise<Label> {
    const label = (await this.createLabel(name)) ?? (await this.labels()).find(name);
    if (label === undefined)
      throw new GmailRefusal(409, `Gmail says that the label "${name}" exists, but does not list it`);
    this.#directory?.add(label);
    return label;
  }

  /** Reads headers of messages, in the order of `ids`; those that vanished meanwhile are left out. 20 units each. */
  async read(ids: readonly string[], headers: readonly string[]): Promise<ReadMessage[]> {
    const read = (id: string) =>
      getMessage(this.#client, { id, format: 'metadata', metadataHeaders: headers }, this.#signal);
    const messages = await Promise.all(ids.map(read));
    return messages.flatMap((message, index) => (message === null ? [] : [describe(ids[index] ?? '', message)]));
  }

  /**
   * Puts a message into the mailbox without sending it; only a `repeatable` one is sent again: see Writer. 25 units.
   * Rejects with the reason of `tooLate` when that is aborted before the message could be given to Gmail.
   */
  insert(
    raw: Buffer,
    labelIds: readonly string[],
    { tooLate, repeatable = false }: { readonly tooLate?: AbortSignal; readonly repeatable?: boolean } = {},
  ): Promise<string | undefined> {
    const signal = tooLate === undefined ? this.#signal : AbortSignal.any([this.#signal, tooLate]);
    return this.#writer.insert(raw, labelIds, signal, repeatable);
  }

  /** The labels of messages, as they are and not as searches know them; without those that vanished. 20 units each. */
  async labelsOf(ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const read = async (id: string) => ({
      id,
      message: await getMessage(this.#client, { id, format: 'minimal' }, this.#signal),
    });
    const found = await Promise.all(ids.map(read));
    return new Map(found.flatMap(({ id, message }) => (message === null ? [] : [[id, message.labelIds ?? []]])));
  }

  /** The RFC 822 source of a message, and its labels; null when it vanished. 20 quota units. */
  async source(id: string): Promise<{ readonly raw: Buffer; readonly labelIds: readonly string[] } | null> {
    const message = await getMessage(this.#client, { id, format: 'raw' }, this.#signal);
    return message && { raw: Buffer.from(message.raw ?? '', 'base64url'), labelIds: message.labelIds ?? [] };
  }

  /** Changes up to 1,000 messages of the program's own, which count nowhere. 5 quota units each, at most 50. */
  async changeOwn(ids: readonly string[], change: LabelChange): Promise<void> {
    if (ids.length > 10) return await this.#writer.modify(ids, change, this.#signal);
    for (const id of ids) await this.#writer.modifyOne(id, change, this.#signal);
  }
}

/** A refusal as a value, since it concerns one set alone; anything else ends the work. */
function asRefusal(error: unknown): GmailRefusal {
  if (error instanceof GmailRefusal) return error;
  throw error;
}
