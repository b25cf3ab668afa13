/**
 * Hands every message that a search finds to a job, and marks the message with a label that the search excludes, so that
 * no later run hands it over again. Works in `atOnce` lanes. A lane marks its message before it hands over the next one, so
 * after a kill the next run hands over at most one message of each lane again.
 *
 * Guards and journal leave the marks out: if `job undo` removed a mark, the next run would hand the message over again.
 */

import type { Faults } from '../base/faults.ts';
import { passingFailure } from '../base/network-failure.ts';
import type { OpenCalls } from '../base/open-calls.ts';
import type { Tally } from '../base/tally.ts';
import { egressBehind, JobError, RefusedError, StoppedError } from '../errors.ts';
import { allowChanges } from '../google/scopes.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import type { GmailClient } from './client.ts';
import { MAX_CONCURRENT } from './concurrency.ts';
import { IdSet } from './ids.ts';
import { type Label, type LabelDirectory, labelSearch, systemLabelId } from './labels.ts';
import type { MailboxLabels } from './mailbox-labels.ts';
import { type Message, type OpenedMessage, openMessage } from './message.ts';
import { LARGE_SEARCH } from './messages.ts';
import { asksForSpamOrTrash, withoutDrafts } from './query/label-terms.ts';
import { GmailRefusal } from './responses.ts';
import { parseSearch, type Searcher } from './searcher.ts';
import { type AlignedWindow, alignWindows, type FoundIds, type Span } from './windows.ts';
import type { Writer } from './writer.ts';

export interface MessagesOptions {
  /**
   * Does the job's work for one message. A RefusedError, whose text is logged, or a bug fails this message alone. Any other
   * JobError, such as UnavailableError, ConfigError, CredentialError or GuardError, and a failure of the network end the
   * run.
   */
  readonly each: (message: Message) => unknown;
  /** The name of the label that marks messages for which `each` is done. Created when it does not exist. */
  readonly done: string;
  /** How many messages `each` gets at the same time, 1 to 8; 1 when left out. */
  readonly atOnce?: number;
}

/** The messages that a backfill is going to read and mark. */
export interface UpcomingReads {
  readonly messages: number;
  /** The number of windows that hold such messages. */
  readonly windows: number;
  readonly requests: number;
  readonly units: number;
}

export interface HandOverContext {
  readonly client: GmailClient;
  readonly writer: Writer;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly calls: OpenCalls;
  readonly faults: Faults;
  readonly labels: MailboxLabels;
  readonly searcher: Searcher;
  readonly span: Span | undefined;
  /** The job's scopes; not checked when left out. */
  readonly scopes: readonly string[] | undefined;
  /** The place in the job's file that threw an error; see `readStack`. */
  readonly placeOf: ((error: unknown) => string | undefined) | undefined;
  readonly announceReads: ((upcoming: UpcomingReads) => void) | undefined;
  /** Called before the first message is handed over; rejects to prevent it. */
  readonly confirm: (() => Promise<unknown>) | undefined;
  /** Called with the messages that the search has found. */
  readonly onFound: (ids: IdSet) => void;
}

/** A search, and the job's work for the messages that it finds. */
export interface HandOver extends MessagesOptions {
  readonly query: string;
}

/** The messages of one search. */
interface Planned {
  readonly options: MessagesOptions;
  /** The label `done`; undefined when it does not exist yet. */
  readonly known: Label | undefined;
  readonly windows: readonly { readonly window: AlignedWindow['window']; readonly ids: IdSet }[];
  readonly all: IdSet;
  readonly large: IdSet;
}

/** See `Mailbox.messages`. Searches for all before the first message is handed over. */
export async function handOver(handOvers: readonly HandOver[], context: HandOverContext): Promise<void> {
  const { client, writer, progress, signal, labels, announceReads, confirm } = context;
  for (const options of handOvers) requireValidOptions(options, context.scopes);
  await labels.requireClear(handOvers.map(({ done }) => done));
  const plans: Planned[] = [];
  for (const options of handOvers) plans.push(await plan(options, context));
  const upcoming = plans.map((planned) => upcomingOf(planned, client));
  const sum = (key: keyof UpcomingReads) => upcoming.reduce((total, one) => total + one[key], 0);
  const messages = sum('messages');
  announceReads?.({ messages, windows: sum('windows'), requests: sum('requests'), units: sum('units') });
  if (!writer.live || messages === 0) return;

  await confirm?.();
  progress.start(messages);
  // The units that are held back pay for the marks after a stop, at most one in each lane.
  client.quota.holdBack();
  const release = () => client.quota.release();
  signal.addEventListener('abort', release, { once: true });
  try {
    for (const planned of plans) if (planned.all.size > 0) await work(planned, context);
  } finally {
    signal.removeEventListener('abort', release);
    release();
  }
}

async function plan({ query, ...options }: HandOver, context: HandOverContext): Promise<Planned> {
  const { client, tally, log, labels, searcher, span } = context;
  const { done } = options;
  const known = (await labels.known()).find(done);
  const terms = parseSearch(query);
  const excludesDone = known === undefined ? [] : [`-${labelSearch(known.name)}`];
  const notDone = [`(${query})`, ...excludesDone, ...withoutDrafts(terms)].join(' ');
  const includeSpamTrash = asksForSpamOrTrash(terms);
  const found = await searcher.find(notDone, { includeSpamTrash });
  const windows = alignWindows([found], span)
    .map(({ window, ids: [ids = IdSet.empty] }) => ({ window, ids }))
    .filter(({ ids }) => ids.size > 0);
  if (isNewestFirst(span)) windows.reverse();
  const all = IdSet.union(windows.map(({ ids }) => ids));
  const large =
    all.size === 0
      ? IdSet.empty
      : allOf(await searcher.find(`${notDone} ${LARGE_SEARCH}`, { includeSpamTrash, among: all, isBackground: true }));
  context.onFound(all);
  tally.matched(all.size);
  const planned = { options, known, windows, all, large };
  const { units } = upcomingOf(planned, client);
  log.info('message.planned', { done, messages: all.size, large: large.size, units });
  return planned;
}

function upcomingOf({ all, known, windows }: Planned, client: GmailClient): UpcomingReads {
  const created = known === undefined && all.size > 0 ? 1 : 0;
  const unitsPerMessage = client.costOf('messages.get') + client.costOf('messages.modify');
  return {
    messages: all.size,
    windows: windows.length,
    requests: 2 * all.size + created,
    units: all.size * unitsPerMessage + created * client.costOf('labels.create'),
  };
}

async function work({ options, known, windows, large }: Planned, context: HandOverContext): Promise<void> {
  const { progress, log, labels, span } = context;
  const lanes = new Lanes(options, known ?? (await labels.ensure(options.done)), context);
  for (const [index, { window, ids }] of windows.entries()) {
    progress.window(window?.name ?? null);
    const small = ids.without(large);
    const counts: LaneCounts = { changed: 0, skipped: 0, failed: 0 };
    const order = { isNewestFirst: isNewestFirst(span), counts };
    await lanes.work(small, { ...order, isLarge: false });
    // Last: if a large message exhausts the memory, all small ones are done.
    await lanes.work(ids.without(small), { ...order, isLarge: true });
    if (window === null) continue;
    const windowsLeft = windows.length - index - 1;
    log.info('window.finished', { window: window.name, messages: ids.size, ...counts, windowsLeft });
  }
}

function isNewestFirst(span: Span | undefined): boolean {
  return span?.oldestFirst === false;
}

interface LaneCounts {
  changed: number;
  skipped: number;
  failed: number;
}

interface LaneWork {
  readonly isNewestFirst: boolean;
  /** Large messages are handed over one by one. */
  readonly isLarge: boolean;
  readonly counts: LaneCounts;
}

/** Counts one message. */
type Count = (result: keyof LaneCounts) => void;

class Lanes {
  readonly #options: MessagesOptions;
  readonly #label: Label;
  readonly #context: HandOverContext;
  /** Aborted by an error that ends the run. */
  readonly #fatal = new AbortController();
  /** Aborted when no lane may take another message. */
  readonly #signal: AbortSignal;
  #names: Promise<ReadonlyMap<string, string>> | undefined;
  /** A run lists the labels at most once more, for labels that were created after its start. */
  #hasListedAgain = false;

  constructor(options: MessagesOptions, label: Label, context: HandOverContext) {
    this.#options = options;
    this.#label = label;
    this.#context = context;
    this.#signal = AbortSignal.any([context.signal, this.#fatal.signal]);
  }

  /** Hands the messages over. After a stop or a fatal error, finishes the messages under way and throws the reason. */
  async work(ids: IdSet, { isNewestFirst, isLarge, counts }: LaneWork): Promise<void> {
    const { tally, progress } = this.#context;
    let taken = 0;
    let counted = 0;
    const take = (): string | undefined => {
      if (taken === ids.size || this.#signal.aborted) return undefined;
      taken += 1;
      return ids.at(isNewestFirst ? ids.size - taken : taken - 1);
    };
    const count: Count = (result) => {
      counted += 1;
      counts[result] += 1;
      tally[result](1);
      progress.advance(1);
    };
    const lanes = isLarge ? 1 : (this.#options.atOnce ?? 1);
    await Promise.all(Array.from({ length: lanes }, () => this.#lane(take, isLarge, count)));
    if (counted < ids.size) this.#signal.throwIfAborted();
  }

  async #lane(take: () => string | undefined, isLarge: boolean, count: Count): Promise<void> {
    let marked = Promise.resolve();
    for (let id = take(); id !== undefined; id = take()) {
      // The next message is read while the last one is marked, and handed over when the mark is confirmed.
      const reading = this.#read(id, isLarge, count);
      await marked;
      const message = await reading;
      if (message === null || this.#signal.aborted) continue;
      if (await this.#callEach(message, count)) marked = this.#mark(id, count);
    }
    await marked;
  }

  /** Returns null for a message that is not handed over: it failed, was deleted, or has the mark already. */
  async #read(id: string, isLarge: boolean, count: Count): Promise<Message | null> {
    const { client } = this.#context;
    const nameLabels = (labelIds: readonly string[]) => this.#nameLabels(labelIds);
    let opened: OpenedMessage | null;
    try {
      opened = await openMessage(id, isLarge, { client, signal: this.#signal, nameLabels });
    } catch (error) {
      this.#fail(id, error, count);
      return null;
    }
    // The message was deleted, or marked by another run: searches show a new label some seconds late.
    if (opened === null || opened.labelIds.includes(this.#label.id)) {
      count('skipped');
      return null;
    }
    return opened.message;
  }

  /** Returns whether `each` succeeded, and the calls that it made without an `await`. */
  async #callEach(message: Message, count: Count): Promise<boolean> {
    const { calls, faults } = this.#context;
    const uncaught: unknown[] = [];
    try {
      await faults.during(
        (error) => uncaught.push(error),
        () => calls.during(() => this.#options.each(message)),
      );
      if (uncaught.length > 0) throw uncaught[0];
      return true;
    } catch (error) {
      this.#fail(message.id, error, count);
      return false;
    }
  }

  /** Never rejects: a mark that fails ends the run, and the message counts as remaining. */
  async #mark(id: string, count: Count): Promise<void> {
    const { writer, client } = this.#context;
    try {
      await writer.modifyOne(id, { addLabelIds: [this.#label.id], removeLabelIds: [] }, client.giveUp);
    } catch (error) {
      const isDeleted = error instanceof GmailRefusal && error.status === 404;
      if (!isDeleted) return this.#fatal.abort(error);
    }
    count('changed');
  }

  #fail(id: string, error: unknown, count: Count): void {
    if (endsRun(error)) {
      this.#fatal.abort(error);
      return;
    }
    count('failed');
    this.#context.log.error('message.failed', {
      id,
      // The text of any other error may quote the mail.
      error: error instanceof RefusedError ? error.message : error instanceof Error ? error.name : typeof error,
      at: this.#context.placeOf?.(error),
    });
  }

  async #nameLabels(labelIds: readonly string[]): Promise<string[]> {
    const { labels } = this.#context;
    this.#names ??= labels.known().then(namesById);
    let names = await this.#names;
    if (!this.#hasListedAgain && labelIds.some((id) => !names.has(id))) {
      this.#hasListedAgain = true;
      this.#names = labels.list().then(namesById);
      names = await this.#names;
    }
    return labelIds.map((id) => names.get(id) ?? id);
  }
}

function allOf({ windows, unplaced }: FoundIds): IdSet {
  return IdSet.union([...windows.values(), unplaced]);
}

function namesById(directory: LabelDirectory): ReadonlyMap<string, string> {
  return new Map(directory.all().map(({ id, name }) => [id, name]));
}

/** @throws Error, a bug of the job. */
function requireValidOptions(options: MessagesOptions, scopes: readonly string[] | undefined): void {
  const { done, each, atOnce = 1 } = options ?? {};
  if (typeof each !== 'function') throw new TypeError('mailbox.messages: each must be a function');
  if (typeof done !== 'string') throw new TypeError('mailbox.messages: done must be the name of a label');
  if (!Number.isInteger(atOnce) || atOnce < 1 || atOnce > MAX_CONCURRENT) {
    throw new Error(`mailbox.messages: atOnce is ${atOnce}, and must be a whole number from 1 to ${MAX_CONCURRENT}`);
  }
  if (systemLabelId(done) !== undefined) {
    throw new Error(`mailbox.messages: done is "${done}", a label of Gmail's own; it must be a label of yours`);
  }
  // Without this check the job would do its work for one message before the mark fails.
  if (scopes !== undefined && !allowChanges(scopes)) {
    throw new Error('mailbox.messages marks messages with a label: the job needs Scope.modify among its scopes');
  }
}

/** Whether an error says that the next message would fail, too. */
function endsRun(error: unknown): boolean {
  if (error instanceof StoppedError || egressBehind(error) !== undefined) return true;
  if (error instanceof JobError) return !(error instanceof RefusedError);
  return passingFailure(error) !== undefined;
}
