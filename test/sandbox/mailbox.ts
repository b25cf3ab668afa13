// A made-up mailbox in memory: messages, labels, and a search index that lags behind changes, like Gmail's.

import { FIRST_HISTORY_ID, History } from './history.ts';
import { type LabelOptions, LabelSet, type StoredLabel, UnknownLabelError } from './labels.ts';
import { messageIdAt, parseMessage, type StoredMessage } from './message.ts';
import { compileQuery } from './search/evaluate.ts';

export { LabelConflictError, type LabelOptions, type StoredLabel, UnknownLabelError } from './labels.ts';
export type { StoredMessage } from './message.ts';
export { QuerySyntaxError, UnknownOperatorError } from './search/tokenize.ts';

export interface SandboxMailboxOptions {
  email: string;
  /** Copied, so that several mailboxes can start from the same messages. */
  messages?: Iterable<StoredMessage>;
  /** Names of the user's labels; their ids are Label_1, Label_2 … in this order. */
  labels?: readonly string[];
  now?: () => number;
  searchLagMs?: number;
}

export interface SearchOptions {
  includeSpamTrash?: boolean;
  /** Only messages that carry all of these labels. */
  labelIds?: readonly string[];
}

/** How messages.import treats messages; may be set at any time. */
export interface ImportRules {
  /** Put in front of each source, each header with its line end. */
  addedHeaders: string;
  refusesSent: boolean;
  /** The spam classifier. */
  isSpam: (source: Buffer) => boolean;
}

/** A change that the search may not show yet. */
interface PendingChange {
  readonly atMs: number;
  readonly message: StoredMessage;
  /** The labels before the change; undefined for a new message. */
  readonly before: Set<string> | undefined;
}

interface CachedSearch {
  readonly revision: number;
  readonly second: number | undefined;
  readonly results: readonly StoredMessage[];
}

const CACHED_SEARCHES = 64;

/** The store behind the fake Gmail API. */
export class SandboxMailbox {
  readonly email: string;
  readonly history = new History();
  readonly imports: ImportRules = { addedHeaders: '', refusesSent: false, isSpam: () => false };
  /** How long a change of labels or a new message stays hidden from searches; may be set at any time. */
  searchLagMs: number;

  readonly #now: () => number;
  readonly #labels: LabelSet;
  readonly #byId = new Map<string, StoredMessage>();
  readonly #byMessageId = new Map<string, StoredMessage>();
  #newestFirst: StoredMessage[];
  #inserted = 0;

  /** Counts what can alter the result of a search. */
  #revision = 0;
  #pending: PendingChange[] = [];
  /** The labels that searches see for messages with pending changes: those before the first pending change. */
  readonly #stale = new Map<StoredMessage, Set<string> | undefined>();
  readonly #searches = new Map<string, CachedSearch>();

  /** @throws UnknownLabelError when a message carries a label that is neither Gmail's nor one of `labels`. */
  constructor(options: SandboxMailboxOptions) {
    this.email = options.email;
    this.searchLagMs = options.searchLagMs ?? 0;
    this.#now = options.now ?? Date.now;
    this.#labels = new LabelSet(options.labels);
    for (const message of options.messages ?? []) {
      this.#requireLabels(message.labelIds);
      this.#index({ ...message, labelIds: new Set(message.labelIds), historyId: FIRST_HISTORY_ID });
    }
    this.#newestFirst = [...this.#byId.values()].sort(newerFirst);
  }

  get(id: string): StoredMessage | undefined {
    return this.#byId.get(id);
  }

  /** Returns all messages, spam and trash included, newest first. */
  messages(): StoredMessage[] {
    return [...this.#newestFirst];
  }

  labels(): StoredLabel[] {
    return this.#labels.all();
  }

  /** Finds a label as Gmail compares names: case does not count, and - / space & ( ) { } " | are one character. */
  findLabel(name: string): StoredLabel | undefined {
    return this.#labels.find(name);
  }

  /** @throws LabelConflictError when the name is taken, also by one of Gmail's own labels. */
  createLabel(name: string, options?: LabelOptions): StoredLabel {
    this.#revision += 1;
    return this.#labels.create(name, options);
  }

  /** Renames a user's label, which leaves no history. @throws UnknownLabelError, LabelConflictError */
  renameLabel(id: string, name: string): void {
    this.#revision += 1;
    this.#labels.rename(id, name);
  }

  /** Removes a user's label from every message and deletes it; returns whether there was one. */
  deleteLabel(id: string): boolean {
    if (!this.#labels.delete(id)) return false;
    for (const message of this.#newestFirst) message.labelIds.delete(id);
    for (const { before } of this.#pending) before?.delete(id);
    this.#revision += 1;
    return true;
  }

  /**
   * Adds and removes labels; unknown message ids are ignored. Returns how many messages really changed.
   *
   * @throws UnknownLabelError before anything is changed.
   */
  modify(ids: Iterable<string>, addLabelIds: readonly string[], removeLabelIds: readonly string[]): number {
    this.#requireLabels(addLabelIds);
    this.#requireLabels(removeLabelIds);
    let changed = 0;
    for (const id of new Set(ids)) {
      const message = this.#byId.get(id);
      if (message === undefined) continue;
      const labelIds = message.labelIds;
      const added = addLabelIds.filter((label) => !labelIds.has(label));
      const removed = removeLabelIds.filter((label) => labelIds.has(label));
      if (added.length + removed.length === 0) continue;
      this.history.record(message, { added, removed });
      this.#changeLater(message, new Set(labelIds));
      for (const label of addLabelIds) labelIds.add(label);
      for (const label of removeLabelIds) labelIds.delete(label);
      changed += 1;
    }
    return changed;
  }

  /** Deletes messages permanently; ignores unknown ids. Searches show it at once, despite their lag. */
  delete(ids: Iterable<string>): void {
    const gone = new Set(ids);
    for (const message of this.#newestFirst) {
      if (!gone.has(message.id)) continue;
      this.#byId.delete(message.id);
      if (this.#byMessageId.get(message.messageId) === message) this.#byMessageId.delete(message.messageId);
      this.history.record(message, 'deleted');
    }
    this.#newestFirst = this.#newestFirst.filter(({ id }) => !gone.has(id));
    this.#revision += 1;
  }

  /**
   * Puts a message into the mailbox from its RFC 822 source. An answer joins the thread of the message it answers; with
   * `threadsBySubject` only when both have the same subject.
   *
   * @throws UnknownLabelError before anything is changed.
   */
  async insert(
    raw: Buffer | string,
    labelIds: readonly string[],
    internalDateMs?: number,
    { threadsBySubject = false } = {},
  ): Promise<StoredMessage> {
    this.#requireLabels(labelIds);
    const dateMs = internalDateMs ?? this.#now();
    const { content, answers } = await parseMessage(raw);
    const id = this.#unusedId(dateMs);
    const answered = answers
      .map((messageId) => this.#byMessageId.get(messageId))
      .find((found) => found && (!threadsBySubject || baseSubject(found.subject) === baseSubject(content.subject)));
    const message: StoredMessage = {
      ...content,
      id,
      threadId: answered?.threadId ?? id,
      internalDateMs: dateMs,
      labelIds: new Set(labelIds),
    };
    this.#index(message);
    const position = this.#newestFirst.findIndex((other) => newerFirst(message, other) < 0);
    this.#newestFirst.splice(position === -1 ? this.#newestFirst.length : position, 0, message);
    this.#changeLater(message, undefined);
    this.history.record(message, 'inserted');
    return message;
  }

  /**
   * Returns the messages that a query finds, newest first. An empty query finds all; TRASH and SPAM are left out unless
   * they are asked for. The array is shared between callers.
   *
   * @throws QuerySyntaxError for a query that is not well formed.
   * @throws UnknownOperatorError for an operator or a value of one that the sandbox does not know.
   */
  search(q: string, options: SearchOptions = {}): readonly StoredMessage[] {
    const nowMs = this.#now();
    this.#settle(nowMs);
    const key = JSON.stringify([q, options.includeSpamTrash ?? false, options.labelIds ?? []]);
    const second = Math.floor(nowMs / 1000);
    const cached = this.#searches.get(key);
    if (cached?.revision === this.#revision && (cached.second ?? second) === second) return cached.results;

    const query = compileQuery(q, { nowMs, email: this.email, findLabel: (name) => this.#labels.find(name)?.id });
    const wanted = options.labelIds ?? [];
    const trash = options.includeSpamTrash || query.asksForTrash || wanted.includes('TRASH');
    const spam = options.includeSpamTrash || query.asksForSpam || wanted.includes('SPAM');
    const results: StoredMessage[] = [];
    for (const message of this.#newestFirst) {
      const labels = this.#stale.has(message) ? this.#stale.get(message) : message.labelIds;
      if (labels === undefined || !wanted.every((label) => labels.has(label))) continue;
      const inTrash = labels.has('TRASH');
      const inSpam = labels.has('SPAM');
      const shown = (!inTrash && !inSpam) || (inTrash && trash) || (inSpam && spam);
      if (shown && query.matches(message, labels)) results.push(message);
    }
    this.#remember(key, { revision: this.#revision, second: query.dependsOnClock ? second : undefined, results });
    return results;
  }

  /**
   * Returns the sorted label names of every message, by message id. Two mailboxes are in the same state when their
   * snapshots are deeply equal; the ids of their labels may differ.
   */
  snapshot(): Record<string, string[]> {
    const name = (id: string) => this.#labels.get(id)?.name ?? id;
    return Object.fromEntries(this.#newestFirst.map(({ id, labelIds }) => [id, [...labelIds].map(name).sort()]));
  }

  #requireLabels(ids: Iterable<string>): void {
    for (const id of ids) if (this.#labels.get(id) === undefined) throw new UnknownLabelError(id);
  }

  #index(message: StoredMessage): void {
    this.#byId.set(message.id, message);
    if (message.messageId !== '') this.#byMessageId.set(message.messageId, message);
  }

  #unusedId(dateMs: number): string {
    for (;;) {
      this.#inserted += 1;
      const id = messageIdAt(dateMs, this.#inserted);
      if (!this.#byId.has(id)) return id;
    }
  }

  #changeLater(message: StoredMessage, before: Set<string> | undefined): void {
    this.#pending.push({ atMs: this.#now(), message, before });
    if (!this.#stale.has(message)) this.#stale.set(message, before);
  }

  /** Makes changes whose lag is over visible to searches. */
  #settle(nowMs: number): void {
    const firstHidden = this.#pending.findIndex(({ atMs }) => atMs + this.searchLagMs > nowMs);
    const due = firstHidden === -1 ? this.#pending.length : firstHidden;
    if (due === 0) return;
    this.#pending = this.#pending.slice(due);
    this.#stale.clear();
    for (const { message, before } of this.#pending) if (!this.#stale.has(message)) this.#stale.set(message, before);
    this.#revision += 1;
  }

  #remember(key: string, search: CachedSearch): void {
    this.#searches.delete(key);
    this.#searches.set(key, search);
    const oldest = this.#searches.keys().next();
    if (this.#searches.size > CACHED_SEARCHES && !oldest.done) this.#searches.delete(oldest.value);
  }
}

/** The subject without the prefixes of answers. */
function baseSubject(subject: string): string {
  return subject.replace(/^(\s*(re|fwd?|aw|wg)\s*:)+/i, '').trim();
}

function newerFirst(a: StoredMessage, b: StoredMessage): number {
  return b.internalDateMs - a.internalDateMs || (a.id < b.id ? 1 : -1);
}
