/**
 * Brings a copy up to date with its mailbox. Writes in this order: message files, lines of the index, state; so a run may be
 * killed at any time, and two runs at once only slow each other down.
 *
 * A first run lists the mailbox and copies every message, over as many runs as its budget needs; from then on the mailbox's
 * history says what is new, relabelled or deleted. When Gmail no longer knows the history, the mailbox is listed and compared.
 */
import type { DateRange } from '../base/date-range.ts';
import type { FileStore } from '../base/file-store.ts';
import { mapAtOnce } from '../base/pool.ts';
import type { Tally } from '../base/tally.ts';
import { ConfigError, RefusedError } from '../errors.ts';
import { MAX_CONCURRENT } from '../gmail/concurrency.ts';
import { type HistoryPage, readAdditions, readHistoryPage } from '../gmail/history.ts';
import { compareHistoryIds, laterHistoryId } from '../gmail/history-id.ts';
import { IdSet } from '../gmail/ids.ts';
import { HIDING_LABELS } from '../gmail/labels.ts';
import { listMessageIds } from '../gmail/list-page.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { getMessage, LARGE_SEARCH } from '../gmail/messages.ts';
import { windowOf, windowTerms } from '../gmail/windows.ts';
import type { Log } from '../screen/log.ts';
import { CopyChanges, surveyLines } from './changes.ts';
import { type Copy, describeDamage, openCopy } from './copy.ts';
import { CountedLines } from './counted-lines.ts';
import { Fetcher } from './fetch.ts';
import { type ExportForecast, forecastExport } from './forecast.ts';
import { LabelNames } from './label-names.ts';
import type { Line } from './line.ts';
import { type CopyState, hasIndex, readState, writeState } from './state.ts';
import { surveyMailbox } from './survey.ts';

export interface ExportContext {
  readonly mailbox: Mailbox;
  readonly store: FileStore;
  readonly tally: Tally;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly runId: string;
  readonly budgetMs: number;
  /** Ends reads and waits. */
  readonly signal: AbortSignal;
  /** Ends writes of index and state. */
  readonly giveUp: AbortSignal;
  /** Called before messages are copied. */
  readonly announce: (forecast: ExportForecast) => void;
}

export interface ExportOptions {
  /** Copies only what the search finds; all messages when both are left out. */
  readonly query?: string | undefined;
  readonly range?: DateRange | undefined;
  /** Copies messages in Spam and Trash, too, from now on. */
  readonly spamTrash: boolean;
}

/** More ids are not kept in the state: the next run finds them by listing the mailbox. */
const MOST_FAILED = 1_000;

/** In a state whose predecessor was deleted or damaged: the run cannot know what changed since, so it compares the mailbox. */
const UNKNOWN_HISTORY = '1';

/** How often a run lists the mailbox at most: each further list shows the messages that came during the work before. */
const MOST_LISTS = 3;

/** How many of the newest messages are looked at for a history id from before the newest one came. */
const NEWEST = 5;

/** At most so many messages are asked for one by one before they count as gone. */
const MOST_ASKED = 100;

/** Messages that are copied one by one, because a search for the large ones would cost as much. */
const FEW = 5;

/**
 * Exports the mailbox, or the part of it that a search finds.
 * @throws RefusedError (65) at the end when Gmail did not give some messages; JobError of Gmail and of the store.
 */
export async function exportMailbox(context: ExportContext, options: ExportOptions): Promise<void> {
  await new Export(context, options).run();
}

class Export {
  readonly #context: ExportContext;
  readonly #options: ExportOptions;
  readonly #lines: CountedLines;
  #state: CopyState | undefined;
  /** Null before the state exists, and undefined when another run has moved it. */
  #version: string | null | undefined;
  #fetcher: Fetcher | undefined;
  /** The newest history id that Gmail has named. */
  #mailboxHistoryId = '0';
  /** Why the mailbox is listed and compared, if it is. */
  #whyCompared = 'Gmail no longer knows the history since the last run';
  #relabelled = 0;
  #deleted = 0;

  constructor(context: ExportContext, options: ExportOptions) {
    const { store, runId, tally, giveUp, mailbox } = context;
    this.#context = context;
    this.#options = options;
    this.#lines = new CountedLines({ store, runId, tally, giveUp, progress: mailbox.progress });
  }

  async run(): Promise<void> {
    const isNew = await this.#open();
    const names = await LabelNames.list(this.#client, this.#current.labels, this.#context.signal);
    const page = isNew ? this.#emptyPage() : await this.#historyPage();
    this.#mailboxHistoryId = page?.historyId ?? this.#current.historyId;
    if (this.#isUpToDate(names, page)) {
      this.#reportOpened(isNew, undefined);
      await this.#moveState({ historyId: page?.historyId ?? this.#current.historyId });
      this.#finish();
      return;
    }
    const copy = await openCopy(this.#context.store, this.#context.signal);
    this.#reportOpened(isNew, copy.size);
    const [first] = copy.damage;
    if (first !== undefined) {
      this.#context.log.warn('export.index_damaged', { problems: copy.damageCount, first: describeDamage(first) });
    }
    await this.#workKeepingLines(() => this.#work(copy, names, page));
    this.#finish();
  }

  get #client() {
    return this.#context.mailbox.client;
  }

  get #current(): CopyState {
    if (this.#state === undefined) throw new Error('the state of the copy is not open');
    return this.#state;
  }

  /** `messages` is undefined when nothing is new, since the index was not read then. */
  #reportOpened(isNew: boolean, messages: number | undefined): void {
    const { store, log } = this.#context;
    const { listed, complete, spamTrash } = this.#current;
    log.info('export.opened', { place: store.name, messages, isNew, listed, complete, spamTrash });
  }

  /** Whether only a part of the mailbox is copied. */
  get #isPart(): boolean {
    return this.#options.query !== undefined || this.#options.range !== undefined;
  }

  /** Reads the state, or creates it with the mailbox's current history id. Returns whether the copy is new. */
  async #open(): Promise<boolean> {
    const { store, signal, giveUp, mailbox } = this.#context;
    const email = await mailbox.address();
    const stored = await readState(store, signal, email);
    if (stored !== null) {
      this.#state = stored.isSound ? stored.state : { ...stored.state, historyId: UNKNOWN_HISTORY };
      if (!stored.isSound) this.#whyCompared = 'state.json was changed by hand or by the disk';
      else if (stored.state.historyId === UNKNOWN_HISTORY)
        this.#whyCompared = 'an earlier run found no sound state.json';
      this.#version = stored.version;
      return false;
    }
    // An index without a state: somebody deleted state.json.
    const hasLines = await hasIndex(store, signal);
    const historyId = hasLines ? UNKNOWN_HISTORY : await mailbox.historyId();
    this.#state = {
      format: 1,
      email,
      historyId,
      complete: false,
      spamTrash: this.#options.spamTrash,
      labels: {},
      listed: false,
      failed: [],
    };
    this.#version = null;
    if (hasLines) this.#whyCompared = 'state.json was missing';
    if (!mailbox.live) return !hasLines;
    this.#version = await writeState(store, this.#state, null, giveUp);
    if (this.#version !== null) return !hasLines;
    const other = await readState(store, signal, email);
    if (other === null) {
      throw new ConfigError(
        `state.json in ${store.name} was there, and is gone`,
        'Run again, while nothing else deletes files there.',
      );
    }
    this.#state = other.state;
    this.#version = other.version;
    return false;
  }

  #emptyPage(): HistoryPage {
    return { records: [], next: undefined, historyId: this.#current.historyId };
  }

  async #historyPage(pageToken?: string): Promise<HistoryPage | null> {
    if (this.#current.historyId === UNKNOWN_HISTORY) return null;
    return await readHistoryPage(this.#client, this.#current.historyId, pageToken, this.#context.signal);
  }

  #isUpToDate(names: LabelNames, page: HistoryPage | null): boolean {
    if (this.#isPart || page === null || page.records.length > 0 || page.next !== undefined) return false;
    const { listed, failed, spamTrash } = this.#current;
    if (!listed || failed.length > 0 || (this.#options.spamTrash && !spamTrash)) return false;
    const { renames, deleted } = names.compare();
    return renames.length + deleted.length === 0;
  }

  /** Does the work, and writes the lines of all that was done, after an error too. */
  async #workKeepingLines(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      await this.#lines.flush();
    } catch (error) {
      await this.#lines.flush();
      const failed = this.#fetcher?.failed ?? [];
      // The state of a listed copy has not moved yet: the next run reads the same history, and finds these messages there.
      if (!this.#current.listed && failed.length > 0)
        await this.#moveState({ failed: this.#withFailed(this.#current.failed) });
      throw error;
    }
  }

  async #work(copy: Copy, names: LabelNames, first: HistoryPage | null): Promise<void> {
    const { log } = this.#context;
    const spamTrash = this.#current.spamTrash || this.#options.spamTrash;
    if (this.#isPart && this.#current.listed) {
      // The history is left to the next export of the whole mailbox.
      await this.#fetchPart(copy, names, spamTrash);
      return;
    }
    if (names.isAmbiguous(copy.labelNames())) {
      log.info('export.labels_ambiguous');
      await this.#repair(copy, names, spamTrash);
      return;
    }
    const changes = new CopyChanges(copy, names);
    const historyId = await this.#readHistory(changes, first);
    if (historyId === null) {
      log.info('export.history_gone', { historyId: this.#current.historyId, reason: this.#whyCompared });
      await this.#repair(copy, names, spamTrash);
      return;
    }
    await this.#writeLines(
      () => changes.lines(historyId, !this.#isPart),
      await this.#linesOfUnclear(changes, copy, names, historyId),
    );
    if (!this.#current.listed || spamTrash !== this.#current.spamTrash) {
      await this.#fetchLacking(copy, names, { historyId, spamTrash });
      return;
    }
    const { failed } = this.#current;
    const missing = IdSet.of(changes.toFetch(spamTrash)).without(copy.ids());
    // The copy may have a line of a failed message: a person puts the id of a damaged file there.
    await this.#fetch(IdSet.union([missing, IdSet.of(failed)]), copy, names, spamTrash);
    await this.#settle({ historyId, labels: names.own });
  }

  /** Reads the history to its end. Returns the mailbox's history id; null when Gmail no longer knows the history. */
  async #readHistory(changes: CopyChanges, first: HistoryPage | null): Promise<string | null> {
    let page = first;
    while (page !== null) {
      await changes.add(page);
      if (page.next === undefined) return first?.historyId ?? null;
      page = await this.#historyPage(page.next);
    }
    return null;
  }

  /** Lines for messages whose labels do not follow from the history: reads these messages, 20 quota units each. */
  async #linesOfUnclear(changes: CopyChanges, copy: Copy, names: LabelNames, mailboxId: string): Promise<Line[]> {
    const lines: Line[] = [];
    for (const id of changes.unclear) {
      const message = await getMessage(this.#client, { id, format: 'minimal' }, this.#context.signal);
      const known = copy.get(id)?.historyId ?? mailboxId;
      const historyId = laterHistoryId(known, message?.historyId ?? mailboxId);
      if (message !== null) lines.push({ id, labels: await names.of(message.labelIds ?? []), historyId });
      else if (copy.get(id)?.deleted === false && !this.#isPart) lines.push({ id, deleted: true, historyId });
    }
    return lines;
  }

  /** Lists the whole mailbox by its labels, and compares it with the copy. */
  async #repair(copy: Copy, names: LabelNames, spamTrash: boolean): Promise<void> {
    const { signal, mailbox } = this.#context;
    const survey = await surveyMailbox(this.#client, names.all, signal, (found) => mailbox.progress.looking(found));
    const missing = this.#isPart ? IdSet.empty : copy.ids().without(survey.all);
    const unlisted = await this.#confirmGone(missing);
    // An export with the former state may have run a moment ago, and a list may be seconds late.
    const isRecent = this.#current.historyId === UNKNOWN_HISTORY;
    const gone = isRecent ? await this.#confirmByIds(unlisted) : unlisted;
    await this.#writeLines(() => surveyLines(copy, survey, gone));
    const { historyId } = survey;
    this.#mailboxHistoryId = historyId;
    const listed = spamTrash ? survey.all : survey.outsideSpamTrash;
    await this.#fetchLacking(copy, names, { historyId, spamTrash }, listed);
  }

  /** Moves the state of a copy that is not listed to `historyId`, then copies the messages that it lacks. */
  async #fetchLacking(
    copy: Copy,
    names: LabelNames,
    { historyId, spamTrash }: Pick<CopyState, 'historyId' | 'spamTrash'>,
    listed?: IdSet,
  ): Promise<void> {
    await this.#moveState({ historyId, spamTrash, listed: false, complete: false, labels: names.own });
    if (this.#isPart) await this.#fetchPart(copy, names, spamTrash);
    else await this.#fetchAll(copy, names, spamTrash, listed);
  }

  /** Lists the mailbox, and copies all messages that the copy lacks. `listed` is a list that was made just now. */
  async #fetchAll(copy: Copy, names: LabelNames, spamTrash: boolean, listed?: IdSet): Promise<void> {
    const { mailbox, log } = this.#context;
    let known = copy.ids().without(IdSet.of(this.#current.failed));
    for (let round = 1; round <= MOST_LISTS; round += 1) {
      const { ids: shown, all } =
        round === 1 && listed !== undefined ? { ids: listed, all: undefined } : await this.#list(spamTrash);
      const ids = round === 2 ? IdSet.union([shown, await this.#notShown(copy, all ?? shown)]) : shown;
      if (round === 1) {
        if (all !== undefined) await this.#writeGone(copy, all);
        log.info('export.listed', { messages: ids.size, missing: ids.without(known).size });
      }
      const tried = IdSet.of(this.#fetcher?.failed ?? []);
      const missing = ids.without(known, tried);
      if (round > 1 && missing.size === 0) break;
      await this.#fetch(missing, copy, names, spamTrash);
      if (!mailbox.live) return;
      known = IdSet.union([known, missing]);
    }
    await this.#settle({});
  }

  /** Lists the mailbox without a search, whose index shows new messages late. */
  async #list(spamTrash: boolean): Promise<{ ids: IdSet; all: IdSet }> {
    const { signal, mailbox } = this.#context;
    const all = await listMessageIds(this.#client, signal, { onFound: (found) => mailbox.progress.looking(found) });
    if (spamTrash) return { ids: all, all };
    const hidden: IdSet[] = [];
    for (const labelId of HIDING_LABELS) hidden.push(await listMessageIds(this.#client, signal, { labelId }));
    return { ids: all.without(...hidden), all };
  }

  /** Writes that messages of the copy are gone, which a list of the whole mailbox does not show. */
  async #writeGone(copy: Copy, all: IdSet): Promise<void> {
    const gone = await this.#confirmByIds(await this.#confirmGone(copy.ids().without(all)));
    const mailboxId = this.#current.historyId;
    const lines = function* (): Generator<Line> {
      for (const id of gone.list()) {
        yield { id, deleted: true, historyId: laterHistoryId(copy.get(id)?.historyId ?? mailboxId, mailboxId) };
      }
    };
    await this.#writeLines(lines);
  }

  /**
   * Messages that came shortly before the copy's first history id, and that the list `shown` does not show yet: a list may
   * be seconds late, the history is not. The history is read from before the newest messages of the list. 2 quota units.
   */
  async #notShown(copy: Copy, shown: IdSet): Promise<IdSet> {
    const newest = shown.list(Math.max(0, shown.size - NEWEST));
    const from = newest
      .flatMap((id) => this.#fetcher?.firstHistoryIds.get(id) ?? copy.get(id)?.historyId ?? [])
      .sort(compareHistoryIds);
    for (const since of from) {
      const added = await readAdditions(this.#client, since, this.#context.signal);
      if (added !== null) return IdSet.of(added.ids).without(shown);
    }
    return IdSet.empty;
  }

  /** The messages that a second list does not show either: a change may move a message between the pages of a list. */
  async #confirmGone(missing: IdSet): Promise<IdSet> {
    if (missing.size === 0) return missing;
    return missing.without(await listMessageIds(this.#client, this.#context.signal));
  }

  /** Leaves out those of the newest messages that Gmail gives by their ids: a list may be seconds late. 20 quota units for each. */
  async #confirmByIds(gone: IdSet): Promise<IdSet> {
    const { signal } = this.#context;
    const there = await mapAtOnce(gone.list(Math.max(0, gone.size - MOST_ASKED)), MAX_CONCURRENT, async (id) =>
      (await getMessage(this.#client, { id, format: 'minimal' }, signal)) === null ? [] : [id],
    );
    return gone.without(IdSet.of(there.flat()));
  }

  /** Copies what the search finds and the copy lacks. */
  async #fetchPart(copy: Copy, names: LabelNames, spamTrash: boolean): Promise<void> {
    const { mailbox, log } = this.#context;
    const { query, range } = this.#options;
    const terms = range === undefined ? [] : windowTerms(windowOf(range));
    const q = query === undefined ? terms.join(' ') : [`(${query})`, ...terms].join(' ');
    const { unplaced: found } = await mailbox.find(q, { includeSpamTrash: spamTrash });
    const failed = IdSet.of(this.#current.failed);
    const missing = IdSet.union([found.without(copy.ids()), failed]);
    log.info('export.listed', { messages: found.size, missing: missing.size });
    // A search that names Spam or Trash finds messages there.
    await this.#fetch(missing, copy, names, true);
    if (!this.#current.listed) {
      await this.#moveState({ failed: this.#withFailed([]), complete: false, listed: false });
    }
  }

  async #fetch(ids: IdSet, copy: Copy, names: LabelNames, withSpamTrash: boolean): Promise<void> {
    const { mailbox, store, tally, log, signal, giveUp, announce, budgetMs } = this.#context;
    if (ids.size === 0) return;
    tally.matched(ids.size);
    const large = ids.size <= FEW ? ids : await this.#largeAmong(ids);
    const forecast = await forecastExport({ ids, large, mailbox, budgetMs, signal });
    log.info('export.forecast', { ...forecast });
    announce(forecast);
    if (!mailbox.live) return;
    const { messages: total, units, unitsPerMinute } = forecast;
    mailbox.progress.plan({ total, units, unitsPerMinute });
    mailbox.progress.start(total);
    this.#fetcher ??= new Fetcher({
      client: this.#client,
      store,
      lines: this.#lines,
      names,
      tally,
      progress: mailbox.progress,
      log,
      signal,
      giveUp,
      withSpamTrash,
      copy,
      mailboxHistoryId: this.#mailboxHistoryId,
    });
    await this.#fetcher.fetch(ids, large);
  }

  async #largeAmong(among: IdSet): Promise<IdSet> {
    const options = { includeSpamTrash: true, isBackground: true, among };
    const { windows, unplaced } = await this.#context.mailbox.find(LARGE_SEARCH, options);
    return IdSet.union([...windows.values(), unplaced]);
  }

  /** Counts the lines, and writes them in a live run. `make` is called twice, which saves memory. */
  async #writeLines(make: () => Iterable<Line>, more: readonly Line[] = []): Promise<void> {
    const { tally, mailbox } = this.#context;
    let count = 0;
    for (const lines of [more, make()]) {
      for (const line of lines) {
        count += 1;
        if ('deleted' in line) this.#deleted += 1;
        else this.#relabelled += 1;
      }
    }
    tally.matched(count);
    if (!mailbox.live || count === 0) return;
    mailbox.progress.start(count);
    for (const lines of [make(), more]) for (const line of lines) await this.#lines.add(line);
  }

  /** Writes the state of a copy that has all of the mailbox, except the messages that failed. */
  async #settle(state: Partial<CopyState>): Promise<void> {
    const failed = this.#fetcher?.failed ?? [];
    const listed = failed.length <= MOST_FAILED;
    await this.#moveState({ ...state, listed, failed: listed ? failed : [], complete: failed.length === 0 });
  }

  /** The ids that failed before or in this run, as far as the state keeps them. */
  #withFailed(before: readonly string[]): string[] {
    return [...new Set([...before, ...(this.#fetcher?.failed ?? [])])].slice(0, MOST_FAILED);
  }

  /** Writes the lines, then the state, unless the state stays as it is or another run has moved it. */
  async #moveState(changes: Partial<CopyState>): Promise<void> {
    const { store, giveUp, mailbox, log } = this.#context;
    await this.#lines.flush();
    const before = this.#current;
    const next = { ...before, ...changes };
    if (!mailbox.live || this.#version === undefined || JSON.stringify(next) === JSON.stringify(before)) return;
    this.#state = next;
    const version = await writeState(store, next, this.#version, giveUp);
    if (version === null) log.info('export.state_moved', {});
    this.#version = version ?? undefined;
  }

  /** @throws RefusedError when messages failed. */
  #finish(): void {
    const { log, tally } = this.#context;
    const { copied = 0, bytes = 0, failed = [] } = this.#fetcher ?? {};
    log.info('export.finished', {
      copied,
      bytes,
      relabelled: this.#relabelled,
      deleted: this.#deleted,
      complete: this.#current.complete,
    });
    if (failed.length === 0) return;
    throw new RefusedError(
      `${failed.length} of ${tally.counts.matched} messages could not be copied`,
      'Look at the export.message_failed events of this run; the next run tries these messages again.',
    );
  }
}
