/** The verbs that jobs use. They count, chunk, page and stop by themselves. */

import { mapAtOnce } from '../base/pool.ts';
import type { Tally } from '../base/tally.ts';
import { UnavailableError } from '../errors.ts';
import type { MailboxProfile } from '../google/ownership.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import { applyPlan, type PlanJournal, planOfLabels } from './apply-plan.ts';
import {
  type ChangePlan,
  type ChangeSet,
  type LabelOperation,
  leaveOut,
  planOf,
  setSizes,
  totalOf,
} from './change-plan.ts';
import type { GmailClient } from './client.ts';
import { MAX_CONCURRENT } from './concurrency.ts';
import { type Guard, trippedGuard } from './guards.ts';
import { type HistoryChanges, readAdded, readHistory } from './history.ts';
import { IdSet } from './ids.ts';
import { type Label, type LabelDirectory, labelSearch } from './labels.ts';
import { MailboxLabels, type ResolvedSet } from './mailbox-labels.ts';
import { describe, getMessage, getSource, type MessageSource, type ReadMessage } from './messages.ts';
import { COMPLETED_LABEL, JOURNAL_LABEL } from './own-labels.ts';
import { readProfile } from './profile.ts';
import { Protection } from './protection.ts';
import { type FindOptions, type MessageRef, Searcher, type SearchOptions } from './searcher.ts';
import type { FoundIds, Span } from './windows.ts';
import { fixedIds, type LabelChange, type LabelSet, type Writer } from './writer.ts';

export type { MessageRef, SearchOptions } from './searcher.ts';

/** What is ahead when a plan is carried out. */
export interface UpcomingChanges {
  readonly plan: ChangePlan;
  readonly guards: readonly Guard[];
  /** Labels that will be made. */
  readonly newLabels: readonly string[];
  readonly keepsJournal: boolean;
}

export interface ApplyPlanOptions {
  readonly guards?: readonly Guard[];
  readonly journal?: PlanJournal | undefined;
  /**
   * Plans of the same sets that the run has carried out, when it goes on with what it has missed: nobody is told or
   * asked again, and the guards hold for all plans together.
   */
  readonly earlierPlans?: readonly ChangePlan[];
}

export interface MailboxOptions {
  readonly client: GmailClient;
  readonly writer: Writer;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Log;
  /** Ends the work before the next request. */
  readonly signal: AbortSignal;
  /** Whose mailbox it is, and how large it is, when that is known from before. */
  readonly profile?: MailboxProfile | undefined;
  readonly span?: Span;
  /** The labels, when they are known from before. */
  readonly labels?: MailboxLabels;
  /** Told that so many searches of all windows are ahead. */
  readonly announceSearches?: (searches: number) => void;
  /** Told what is ahead, before the guards are held against it. */
  readonly announceChanges?: (upcoming: UpcomingChanges) => Promise<void>;
  /** Asked before the first change; rejects when there is to be none. Returns whether that took a person's answer. */
  readonly confirm?: () => Promise<boolean>;
}

export class Mailbox {
  readonly #options: MailboxOptions;
  readonly #client: GmailClient;
  readonly #writer: Writer;
  readonly #signal: AbortSignal;
  readonly #labels: MailboxLabels;
  readonly #searcher: Searcher;
  #profile: Promise<MailboxProfile> | undefined;

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#writer = options.writer;
    this.#signal = options.signal;
    if (options.profile !== undefined) this.#profile = Promise.resolve(options.profile);
    this.#labels = options.labels ?? new MailboxLabels(options);
    this.#searcher = new Searcher({
      ...options,
      labels: this.#labels,
      span: options.span,
      onFound: (messages) => options.progress.looking(messages),
    });
  }

  /** Milliseconds by the clock of the mailbox's client. */
  now(): number {
    return this.#client.clock.now();
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

  /** Says that so many searches of all windows are about to be made, so that a person knows what that costs. */
  announceSearches(searches: number): void {
    this.#options.announceSearches?.(searches);
  }

  /** The mailbox's own address. */
  async address(): Promise<string> {
    return (await this.#getProfile()).address;
  }

  /**
   * How many messages there are in the mailbox, with Spam and Trash.
   * @throws UnavailableError when Gmail does not say: no guard is held against a guess.
   */
  async size(): Promise<number> {
    const { messages } = await this.#getProfile();
    if (messages !== undefined) return messages;
    throw new UnavailableError(
      'Gmail did not say how many messages the mailbox holds (users.getProfile without messagesTotal)',
      'Run again later.',
    );
  }

  /** 1 quota unit, once; none where it is known from the access token. */
  #getProfile(): Promise<MailboxProfile> {
    this.#profile ??= readProfile(this.#client, this.#signal);
    return this.#profile;
  }

  /** All messages that `query` finds, newest first. 5 quota units for each 500. */
  search(query: string, options?: SearchOptions): Promise<MessageRef[]> {
    return this.#searcher.search(query, options);
  }

  /** The ids of all messages that `query` finds, packed, by windows in a backfill. 5 quota units for each 500. */
  find(query: string, options?: FindOptions): Promise<FoundIds> {
    return this.#searcher.find(query, options);
  }

  /** The newest so many messages that `query` finds in all mail, whatever the span of a backfill is. */
  findNewest(
    query: string,
    limit: number,
    options?: Pick<SearchOptions, 'includeSpamTrash' | 'labelsChecked'>,
  ): Promise<IdSet> {
    return this.#searcher.findNewest(query, limit, options);
  }

  /** The mailbox's labels as they are now. 1 quota unit. */
  labels(): Promise<LabelDirectory> {
    return this.#labels.list();
  }

  /** The mailbox's labels as they were listed before in this run, with those made since. */
  knownLabels(): Promise<LabelDirectory> {
    return this.#labels.known();
  }

  /** The hidden label of this name, made when there is none. */
  async hiddenLabel(name: string): Promise<Label> {
    return (await this.#labels.known()).find(name) ?? (await this.#labels.make(name, true));
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
    const plan = planOf(sets);
    await this.applyPlan(plan, guard === undefined ? {} : { guards: [guard] });
  }

  /** The same for a plan, whose way back is written to the journal portion by portion. */
  async applyPlan(
    given: ChangePlan,
    { guards = [], journal, earlierPlans = [] }: ApplyPlanOptions = {},
  ): Promise<void> {
    const { tally, progress, log } = this.#options;
    const { announceChanges, confirm } = earlierPlans.length > 0 ? {} : this.#options;
    await this.#labels.requireClear(given.sets.flatMap(({ operations }) => operations.map(({ label }) => label)));
    let plan = this.live ? await this.#withoutJournals(given) : given;
    const sizes = setSizes(plan);
    const total = totalOf(plan);
    tally.matched(total);
    const keepsJournal = journal !== undefined && total > 0;
    if (announceChanges !== undefined) {
      const added = neededOperations(plan).flatMap((operations) => operations.filter(({ add }) => add));
      const newLabels = await this.#labels.missing([
        ...added.map(({ label }) => label),
        ...(keepsJournal ? [JOURNAL_LABEL, COMPLETED_LABEL] : []),
      ]);
      await announceChanges({ plan, guards, keepsJournal, newLabels });
    }
    const tripped = total === 0 ? undefined : trippedGuard([...earlierPlans, plan], guards, tally.counts.changed);
    if (tripped !== undefined) throw tripped;
    if (!this.live || total === 0) return;
    const protection = plan.protection && new Protection(plan.protection, { client: this.#client, mailbox: this, log });
    const wasAsked = await confirm?.();
    progress.start(total);
    // A person may take any time to answer.
    if (wasAsked === true && protection !== undefined) {
      await protection.look([...sizes.keys()].filter((set) => (sizes[set] ?? 0) > 0));
      plan = this.#skip(plan, protection.found);
    }
    // Labels are made before the first batch, while there is room for small requests in the quota of the minute.
    const resolved: ResolvedSet[] = [];
    for (const operations of neededOperations(plan)) resolved.push(await this.#labels.resolve(operations));
    const context = { writer: this.#writer, tally, progress, log, signal: this.#signal, journal, protection };
    await applyPlan(plan, resolved, context);
  }

  /**
   * The plan without journals. Searches leave journals out by their label; a run that began before the label existed may
   * have found the first journal of another run. 1 quota unit, in such a run alone.
   */
  async #withoutJournals(plan: ChangePlan): Promise<ChangePlan> {
    if (totalOf(plan) === 0 || (await this.knownLabels()).find(JOURNAL_LABEL) !== undefined) return plan;
    const label = (await this.labels()).find(JOURNAL_LABEL);
    if (label === undefined) return plan;
    const journals = await this.search(labelSearch(label.name), { journals: true, includeSpamTrash: true });
    return leaveOut(plan, IdSet.of(journals.map(({ id }) => id)));
  }

  /** The plan without these messages, which are counted as skipped. */
  #skip(plan: ChangePlan, leftOut: IdSet): ChangePlan {
    const rest = leaveOut(plan, leftOut);
    const skipped = totalOf(plan) - totalOf(rest);
    this.#options.tally.skipped(skipped);
    this.#options.progress.advance(skipped);
    return rest;
  }

  /**
   * The same for labels that are known by their ids; `confirm` is asked before the first change, and says which messages
   * are to be left out after all.
   */
  async changeLabels(sets: readonly LabelSet[], confirm: (messages: number) => Promise<IdSet>): Promise<void> {
    const { tally, progress, log } = this.#options;
    const { plan: whole, resolved } = planOfLabels(sets);
    const total = totalOf(whole);
    tally.matched(total);
    if (!this.live || total === 0) return;
    const leftOut = await confirm(total);
    progress.start(total);
    const plan = this.#skip(whole, leftOut);
    const context = { writer: this.#writer, tally, progress, log, signal: this.#signal, journal: undefined };
    await applyPlan(plan, resolved, context);
  }

  /** Reads headers of messages, in the order of `ids`; those that vanished meanwhile are left out. 20 units each. */
  async read(ids: readonly string[], headers: readonly string[]): Promise<ReadMessage[]> {
    const read = (id: string) =>
      getMessage(this.#client, { id, format: 'metadata', metadataHeaders: headers }, this.#signal);
    const messages = await mapAtOnce(ids, MAX_CONCURRENT, read);
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
    const found = await mapAtOnce(ids, MAX_CONCURRENT, read);
    return new Map(found.flatMap(({ id, message }) => (message === null ? [] : [[id, message.labelIds ?? []]])));
  }

  /** The RFC 822 source of a message, and its labels; null when it vanished. 20 quota units. */
  source(id: string): Promise<MessageSource | null> {
    return getSource(this.#client, id, this.#signal);
  }

  /** An id of this moment in the mailbox's history. 1 quota unit. @throws UnavailableError when Gmail names none. */
  async historyId(): Promise<string> {
    const { historyId } = await readProfile(this.#client, this.#signal);
    if (historyId !== undefined) return historyId;
    throw new UnavailableError(
      'Gmail did not say where its history of the mailbox stands (users.getProfile without historyId)',
      'Run the command again.',
    );
  }

  /** The changes to these messages after the history id `since`; null when Gmail's history does not reach back so far. */
  history(since: string, among: IdSet): Promise<HistoryChanges | null> {
    return readHistory(this.#client, since, among, this.#signal);
  }

  /** The messages of a label that were put into the mailbox after the history id `since`, also before searches show them. */
  addedSince(since: string, labelId: string): Promise<string[]> {
    return readAdded(this.#client, since, labelId, this.#signal);
  }

  /** Changes up to 1,000 messages of the program's own, which count nowhere. 5 quota units each, at most 50. */
  async changeOwn(ids: readonly string[], change: LabelChange): Promise<void> {
    if (ids.length > 10) return await this.#writer.modify(fixedIds(ids), change, this.#signal);
    for (const id of ids) await this.#writer.modifyOne(id, change, this.#signal);
  }
}

/** The operations of each set of the plan; none for a set without messages, whose labels are not made. */
function neededOperations(plan: ChangePlan): (readonly LabelOperation[])[] {
  const sizes = setSizes(plan);
  return plan.sets.map(({ operations }, index) => ((sizes[index] ?? 0) > 0 ? operations : []));
}
