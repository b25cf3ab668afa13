/**
 * The mailbox as jobs see it: searches, label changes, reads and inserts. Pages results, cuts changes into batches, counts
 * them in the tally, and stops with the run.
 */
import { Faults } from '../base/faults.ts';
import { TRY_NEXT_RUN } from '../base/network-failure.ts';
import { OpenCalls } from '../base/open-calls.ts';
import { mapAtOnce } from '../base/pool.ts';
import type { Tally } from '../base/tally.ts';
import { UnavailableError } from '../errors.ts';
import type { MailboxProfile } from '../google/ownership.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import { applyPortions, type PlanJournal, planOfLabels } from './apply-plan.ts';
import { RunChanges } from './change-effects.ts';
import {
  type ChangePlan,
  type ChangeSet,
  type LabelOperation,
  leaveOut,
  requireSound,
  setSizes,
  totalOf,
} from './change-plan.ts';
import type { GmailClient } from './client.ts';
import { MAX_CONCURRENT } from './concurrency.ts';
import { type Guard, trippedGuard } from './guards.ts';
import type { HandOver, MessagesOptions, UpcomingReads } from './hand-over.ts';
import { type HistoryChanges, readAdded, readHistory } from './history.ts';
import { IdSet } from './ids.ts';
import { type Label, type LabelDirectory, labelSearch } from './labels.ts';
import type { MessageRef } from './list-page.ts';
import { MailboxLabels, type ResolvedSet } from './mailbox-labels.ts';
import { getMessage, getSource, type MessageSource, type ReadMessage, readHeaders } from './messages.ts';
import { COMPLETED_LABEL, JOURNAL_LABEL } from './own-labels.ts';
import { readProfile } from './profile.ts';
import { Protection } from './protection.ts';
import type { CheckedSearch } from './query/label-terms.ts';
import { type FindOptions, Searcher, type SearchOptions } from './searcher.ts';
import type { FoundIds, Span } from './windows.ts';
import { fixedIds, type LabelChange, type LabelSet, type Writer } from './writer.ts';

export interface UpcomingChanges {
  readonly plan: ChangePlan;
  readonly guards: readonly Guard[];
  /** Labels that do not exist yet and will be created. */
  readonly newLabels: readonly string[];
  readonly keepsJournal: boolean;
}

export interface ApplyPlanOptions {
  /** The guards of the run when left out. */
  readonly guards?: readonly Guard[];
  /** Whether the changes can be undone; true when left out. */
  readonly keepsJournal?: boolean;
  /**
   * Plans of the same sets that this run has already applied. If there are any, nothing is announced or confirmed again,
   * and the guards limit all plans together.
   */
  readonly earlierPlans?: readonly ChangePlan[];
}

export interface MailboxOptions {
  readonly client: GmailClient;
  readonly writer: Writer;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Log;
  /** Stops the work before its next request. */
  readonly signal: AbortSignal;
  /** Asked of Gmail when left out. */
  readonly profile?: MailboxProfile | undefined;
  readonly span?: Span;
  /** Listed anew when left out. */
  readonly labels?: MailboxLabels;
  /** Limits on the changes of the run. */
  readonly guards?: readonly Guard[];
  /** The journal of the run; changes cannot be undone when left out. */
  readonly journal?: () => PlanJournal;
  /** Called with the number of searches that follow; each searches all windows of the span. */
  readonly announceSearches?: (searches: number) => void;
  /** Called before the guards are checked. */
  readonly announceChanges?: (upcoming: UpcomingChanges) => Promise<void>;
  /** Called before messages are read to be handed over. */
  readonly announceReads?: (upcoming: UpcomingReads) => void;
  /** Called before the first change; rejects to prevent it. Returns whether a person was asked, which takes time. */
  readonly confirm?: () => Promise<boolean>;
  /** Gets the calls of the job that the run waits for at its end. */
  readonly calls?: OpenCalls;
  /** Gets the errors that `each` of `messages` throws outside its promise. */
  readonly faults?: Faults;
  /** The job's scopes, for `messages`; not checked there when left out. */
  readonly scopes?: readonly string[];
  /** The place in the job's file that threw an error, for the log of `messages`. */
  readonly placeOf?: (error: unknown) => string | undefined;
}

export class Mailbox {
  readonly #options: MailboxOptions;
  readonly #client: GmailClient;
  readonly #writer: Writer;
  readonly #signal: AbortSignal;
  readonly #labels: MailboxLabels;
  readonly #searcher: Searcher;
  readonly #changes = new RunChanges();
  readonly #calls: OpenCalls;
  readonly #faults: Faults;
  #profile: Promise<MailboxProfile> | undefined;

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#writer = options.writer;
    this.#signal = options.signal;
    this.#calls = options.calls ?? new OpenCalls();
    this.#faults = options.faults ?? new Faults();
    if (options.profile !== undefined) this.#profile = Promise.resolve(options.profile);
    this.#labels = options.labels ?? new MailboxLabels(options);
    this.#searcher = new Searcher({
      ...options,
      labels: this.#labels,
      span: options.span,
      onFound: (messages) => options.progress.looking(messages),
    });
  }

  /** Milliseconds by the clock of the Gmail client. @internal */
  now(): number {
    return this.#client.clock.now();
  }

  /**
   * False in a dry run, which sends no changes. Sends no request.
   * @example if (!mailbox.live) return;
   */
  get live(): boolean {
    return this.#writer.live;
  }

  /** Sends the requests of jobs of the program that have no method here. @internal */
  get client(): GmailClient {
    return this.#client;
  }

  /** Shows a person how far the job is. @internal */
  get progress(): Progress {
    return this.#options.progress;
  }

  /** The span of time that limits searches; undefined for all mail. @internal */
  get span(): Span | undefined {
    return this.#options.span;
  }

  /**
   * Begins a plan: this many searches follow, each of all windows of the span. Tells a person what they cost, and puts old
   * journals into the trash meanwhile.
   * @internal
   */
  beginPlan(searches: number): void {
    void this.#options.journal?.().begin();
    this.#options.announceSearches?.(searches);
  }

  /**
   * The mail address of the mailbox. At most 1 quota unit in a run, together with `size`.
   * @example const own = await mailbox.address();
   */
  async address(): Promise<string> {
    return (await this.#getProfile()).address;
  }

  /**
   * The number of messages, Spam and Trash included. At most 1 quota unit in a run, together with `address`.
   * @throws UnavailableError (75) when Gmail does not say.
   * @example const isLarge = (await mailbox.size()) > 100_000;
   */
  async size(): Promise<number> {
    const { messages } = await this.#getProfile();
    if (messages !== undefined) return messages;
    throw new UnavailableError(
      'Gmail did not say how many messages the mailbox holds: its answer to users.getProfile has no messagesTotal',
      TRY_NEXT_RUN,
    );
  }

  /** 1 quota unit, once; none when the options have the profile that the run asked for with its first access token. */
  #getProfile(): Promise<MailboxProfile> {
    this.#profile ??= readProfile(this.#client, this.#signal);
    return this.#profile;
  }

  /**
   * All messages that `query` finds, drafts too, newest first; in a backfill those of its span. 5 quota units for each 500.
   * @throws Error (1) for a query that Gmail would understand differently. ConfigError (78) when Gmail refuses it.
   * @example const unread = await mailbox.search('is:unread older_than:7d');
   */
  search(query: string, options?: SearchOptions): Promise<MessageRef[]>;
  /** @internal */
  search(search: CheckedSearch, options?: SearchOptions): Promise<MessageRef[]>;
  async search(search: string | CheckedSearch, options?: SearchOptions): Promise<MessageRef[]> {
    const found = await this.#calls.track(this.#searcher.search(search, options));
    this.#changes.found(IdSet.of(found.map(({ id }) => id)));
    return found;
  }

  /** The ids of all messages that `search` finds, by window in a backfill. 5 quota units for each 500. @internal */
  find(search: string | CheckedSearch, options?: FindOptions): Promise<FoundIds> {
    return this.#searcher.find(search, options);
  }

  /** The newest `limit` messages that `search` finds in all mail, also in a backfill. @internal */
  async findNewest(search: string | CheckedSearch, limit: number): Promise<IdSet> {
    return IdSet.of((await this.#searcher.search(search, { limit, allTime: true })).map(({ id }) => id));
  }

  /**
   * Lists the labels. 1 quota unit.
   * @example const work = (await mailbox.labels()).find('Work');
   */
  labels(): Promise<LabelDirectory> {
    return this.#labels.list();
  }

  /** The labels as this run last listed them, with those created since. The first call costs 1 quota unit. @internal */
  knownLabels(): Promise<LabelDirectory> {
    return this.#labels.known();
  }

  /** The hidden label called `name`, created when there is none. @internal */
  async hiddenLabel(name: string): Promise<Label> {
    return (await this.#labels.known()).find(name) ?? (await this.#labels.ensure(name, true));
  }

  /**
   * Creates a label; null when one of that name exists. `hidden` keeps it out of Gmail's lists. 5 quota units. `change` and
   * `messages` create their labels themselves.
   * @example await mailbox.createLabel('Auto/Quiet', { hidden: true });
   */
  createLabel(name: string, { hidden = false } = {}): Promise<Label | null> {
    return this.#labels.create(name, hidden);
  }

  /**
   * Deletes a label, not its messages; false when there was none. `job undo` does not restore it. 5 quota units.
   * @example if (label !== undefined) await mailbox.deleteLabel(label);
   */
  deleteLabel(label: Label): Promise<boolean> {
    return this.#labels.delete(label);
  }

  /**
   * Changes the labels of messages, set after set, in batches of 1,000. Counts a message as changed when Gmail accepted
   * its batch, as skipped when it has the change already or no longer exists, as failed when Gmail refused it, and as
   * remaining when the run ended first or Gmail was away. Creates labels that are added and do not exist. The run's guards
   * limit the changes of all calls together, and its journal records them for `job undo`.
   *
   * Quota units: 50 for each 1,000 messages of a set, 30 for the journal of a call, and the cheaper way to find out what
   * each message lacks: 20 for each message, or for each label that the sets name, for Trash and for Spam 1, and 5 for
   * each 500 messages with the label. For messages that no search of the run has found, 20 for each, or 5 for each 500 of
   * the mailbox.
   * @throws GuardError (65) before the first change of the call when a guard does not allow them all.
   * @example await mailbox.change([{ name: 'quiet', ids, add: ['Auto/Quiet'], remove: ['INBOX'] }]);
   */
  async change(sets: readonly ChangeSet[]): Promise<void> {
    requireSound(sets);
    const changing = this.#changes.inTurn(async () => {
      const { tally, journal } = this.#options;
      void journal?.().begin();
      await this.#labels.requireClear(sets.flatMap(({ add, remove }) => [...add, ...remove]));
      const { plan, done } = await this.#changes.plan(sets, await this.#labels.known(), {
        find: (query, options) => this.#everywhere().find(query, options),
        labelsOf: (ids) => this.labelsOf(ids),
        size: () => this.size(),
        count: (label) => this.#labels.countMessages(label),
      });
      tally.matched(done);
      tally.skipped(done);
      const failedBefore = tally.counts.failed;
      let isConfirmed = false;
      try {
        await this.#apply(plan);
        isConfirmed = tally.counts.failed === failedBefore;
      } finally {
        this.#changes.record(plan, await this.#labels.known(), isConfirmed);
      }
    });
    await this.#calls.track(changing);
  }

  /** Searches all mail, also in a backfill. */
  #everywhere(): Searcher {
    return new Searcher({ ...this.#options, labels: this.#labels, span: undefined, onFound: () => undefined });
  }

  /**
   * Makes the changes of a plan, as `change` does. Writes each portion of the plan to the journal before changing it.
   * @throws GuardError before the first change when a guard does not allow them all.
   * @internal
   */
  async applyPlan(plan: ChangePlan, options: ApplyPlanOptions = {}): Promise<void> {
    await this.#changes.inTurn(() => this.#apply(plan, options));
  }

  async #apply(given: ChangePlan, options: ApplyPlanOptions = {}): Promise<void> {
    const { guards = this.#options.guards ?? [], earlierPlans = [] } = options;
    const { tally, progress, log } = this.#options;
    const { announceChanges, confirm } = earlierPlans.length > 0 ? {} : this.#options;
    const journal = this.#options.journal?.();
    await journal?.begin();
    await this.#labels.requireClear(given.sets.flatMap(({ operations }) => operations.map(({ label }) => label)));
    let plan = this.live ? await this.#withoutJournals(given) : given;
    const sizes = setSizes(plan);
    const total = totalOf(plan);
    tally.matched(total);
    const earlier = this.#changes.planned - earlierPlans.reduce((sum, plan) => sum + totalOf(plan), 0);
    this.#changes.planned += total;
    const keepsJournal = journal !== undefined && options.keepsJournal !== false && total > 0;
    if (announceChanges !== undefined) {
      const added = neededOperations(plan).flatMap((operations) => operations.filter(({ add }) => add));
      const newLabels = await this.#labels.missing([
        ...added.map(({ label }) => label),
        ...(keepsJournal ? [JOURNAL_LABEL, COMPLETED_LABEL] : []),
      ]);
      await announceChanges({ plan, guards, keepsJournal, newLabels });
    }
    const tripped =
      total === 0
        ? undefined
        : trippedGuard([...earlierPlans, plan], guards, { earlier, changed: tally.counts.changed });
    if (tripped !== undefined) throw tripped;
    if (!this.live || total === 0) return;
    const protection = plan.protection && new Protection(plan.protection, { client: this.#client, mailbox: this, log });
    const wasAsked = await confirm?.();
    progress.start(total);
    // A person may take minutes to answer, and star messages meanwhile.
    if (wasAsked === true && protection !== undefined) {
      await protection.search([...sizes.keys()].filter((set) => (sizes[set] ?? 0) > 0));
      plan = this.#skip(plan, protection.found);
    }
    // Labels are created before the first batch: later the minute's quota may have no room for small requests.
    const resolved: ResolvedSet[] = [];
    for (const operations of neededOperations(plan)) resolved.push(await this.#labels.resolve(operations));
    const context = { writer: this.#writer, tally, progress, log, signal: this.#signal, protection };
    await applyPortions(plan, resolved, { ...context, journal: keepsJournal ? journal : undefined });
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

  /** The plan without the messages of `leftOut`, which count as skipped. */
  #skip(plan: ChangePlan, leftOut: IdSet): ChangePlan {
    const rest = leaveOut(plan, leftOut);
    const skipped = totalOf(plan) - totalOf(rest);
    this.#options.tally.skipped(skipped);
    this.#options.progress.advance(skipped);
    return rest;
  }

  /**
   * Changes labels that are given by their ids. Calls `confirm` with the number of messages before the first change, and
   * leaves out the messages that it returns.
   * @internal
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
    await applyPortions(plan, resolved, context);
  }

  /**
   * Hands every message that `query` finds to `each`, the oldest first (in a backfill as its windows are), and marks it with
   * the label `done`, which later searches leave out. Drafts and chats are left out unless the query names them.
   *
   * At least once: after a kill or a stop, the next run hands over again the messages that `each` was working on, at most
   * `atOnce`. An error of `each` counts the message as failed, logs its id, and goes on; the next run tries it again.
   *
   * A dry run counts, and hands nothing over. 25 quota units for each message (20 to read, 5 to mark), 5 for each 500 that
   * the search finds, and 20 for each content of an attachment in a message of more than 2 MB.
   * @throws UnavailableError, ConfigError and CredentialError, of Gmail and of `each`. Error for a wrong label or a missing
   *   scope, which are bugs of the job.
   * @example await mailbox.messages('in:inbox', { done: 'Jobs/Read', each: ({ subject }) => void seen.add(subject) });
   */
  messages(query: string, options: MessagesOptions): Promise<void> {
    return this.#calls.track(this.#handOver([{ ...options, query }]));
  }

  /**
   * As `messages`, for several searches: finds the messages of all of them before it hands the first one over, so that a
   * forecast has the sum. A message that two searches find counts twice; their labels `done` must differ.
   * @internal
   */
  messagesOf(handOvers: readonly HandOver[]): Promise<void> {
    return this.#calls.track(this.#handOver(handOvers));
  }

  async #handOver(handOvers: readonly HandOver[]): Promise<void> {
    // Loads the parser of messages for jobs that read.
    const { handOver } = await import('./hand-over.ts');
    const { span, scopes, placeOf, announceReads, confirm } = this.#options;
    const [calls, faults] = [this.#calls, this.#faults];
    const [labels, searcher] = [this.#labels, this.#searcher];
    const onFound = (ids: IdSet) => this.#changes.found(ids);
    const ours = { calls, faults, labels, searcher, span, scopes, placeOf, announceReads, confirm, onFound };
    await handOver(handOvers, { ...this.#options, ...ours });
  }

  /**
   * Reads headers of messages, in the order of `ids`, without messages that no longer exist. 20 quota units for each.
   * @example const senders = (await mailbox.read(ids, ['From'])).map((message) => message.header('From'));
   */
  async read(ids: readonly string[], headers: readonly string[]): Promise<ReadMessage[]> {
    const read = (id: string) => readHeaders(this.#client, id, headers, this.#signal);
    const found = await this.#calls.track(mapAtOnce(ids, MAX_CONCURRENT, read));
    return found.filter((message) => message !== null);
  }

  /**
   * Inserts a message into the mailbox and returns its id; nothing is mailed. Only a `repeatable` request is sent again
   * after a failure, since a second one would make a second message. 25 quota units. Rejects with the reason of `tooLate`
   * when that aborts before the request is sent.
   * @example await mailbox.insert(Buffer.from('Subject: Done\r\n\r\nAll is done.\r\n'), ['INBOX', 'UNREAD']);
   */
  insert(
    raw: Buffer,
    labelIds: readonly string[],
    { tooLate, repeatable = false }: { readonly tooLate?: AbortSignal; readonly repeatable?: boolean } = {},
  ): Promise<string | undefined> {
    const signal = tooLate === undefined ? this.#signal : AbortSignal.any([this.#signal, tooLate]);
    return this.#calls.track(this.#writer.insert(raw, labelIds, signal, repeatable));
  }

  /**
   * Imports a message as it is, spared by the spam filter, at the date of its header Date. 25 quota units. Sent at most
   * once: after an UnavailableError the message may be there.
   * @internal
   */
  import(source: Buffer, labelIds: readonly string[]): Promise<string | undefined> {
    return this.#calls.track(this.#writer.import(source, labelIds, this.#signal));
  }

  /**
   * The ids of the current labels of messages, which searches show late, by message id. 20 quota units for each.
   * @example const isUnread = (await mailbox.labelsOf([id])).get(id)?.includes('UNREAD');
   */
  async labelsOf(ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const read = async (id: string) => ({
      id,
      message: await getMessage(this.#client, { id, format: 'minimal' }, this.#signal),
    });
    const found = await mapAtOnce(ids, MAX_CONCURRENT, read);
    return new Map(found.flatMap(({ id, message }) => (message === null ? [] : [[id, message.labelIds ?? []]])));
  }

  /**
   * The RFC 822 source of a message, and its labels; null when it no longer exists. 20 quota units.
   * @example const bytes = (await mailbox.source(id))?.raw.length;
   */
  source(id: string): Promise<MessageSource | null> {
    return getSource(this.#client, id, this.#signal);
  }

  /** The current history id of the mailbox. 1 quota unit. @throws UnavailableError when Gmail names none. @internal */
  async historyId(): Promise<string> {
    const { historyId } = await readProfile(this.#client, this.#signal);
    if (historyId !== undefined) return historyId;
    throw new UnavailableError(
      'Gmail did not name the current history id: its answer to users.getProfile has no historyId',
      TRY_NEXT_RUN,
    );
  }

  /**
   * The changes to the messages of `among` after the history id `since`; null when Gmail no longer knows that id.
   * @internal
   */
  history(since: string, among: IdSet): Promise<HistoryChanges | null> {
    return readHistory(this.#client, since, among, this.#signal);
  }

  /**
   * Messages with a label that were added to the mailbox after the history id `since`, also before searches show them.
   * @internal
   */
  addedSince(since: string, labelId: string): Promise<string[]> {
    return readAdded(this.#client, since, labelId, this.#signal);
  }

  /** Changes up to 1,000 of the program's own messages, outside the tally. 5 quota units each, at most 50. @internal */
  async changeOwn(ids: readonly string[], change: LabelChange): Promise<void> {
    if (ids.length > 10) return await this.#writer.modify(fixedIds(ids), change, this.#signal);
    for (const id of ids) await this.#writer.modifyOne(id, change, this.#signal);
  }
}

/** The operations of each set; none for a set without messages, so that its labels are not created. */
function neededOperations(plan: ChangePlan): (readonly LabelOperation[])[] {
  const sizes = setSizes(plan);
  return plan.sets.map(({ operations }, index) => ((sizes[index] ?? 0) > 0 ? operations : []));
}
