/**
 * Puts messages of a copy back into a mailbox: chooses them, shows a forecast and asks, and imports what the mailbox lacks,
 * the oldest first. May be killed at any time and repeated: each message is imported once.
 */

import { counted, formatCount } from '../base/count.ts';
import type { FileStore } from '../base/file-store.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { didYouMean } from '../base/nearest.ts';
import { mapAtOnce } from '../base/pool.ts';
import type { Tally } from '../base/tally.ts';
import { ConfigError, CredentialError, RefusedError } from '../errors.ts';
import { type Copy, type CopyMessage, describeDamage, findFirstExport, openCopy } from '../export/copy.ts';
import { type Conditions, isAtOrBelow, isFrom, Selection } from '../export/selection.ts';
import { SourceError } from '../export/source-file.ts';
import { type CopyState, exportCommand, requireState } from '../export/state.ts';
import { MAX_CONCURRENT } from '../gmail/concurrency.ts';
import { IdSet } from '../gmail/ids.ts';
import { HIDING_LABELS, isSystemName } from '../gmail/labels.ts';
import { listMessageIds } from '../gmail/list-page.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { getMessage } from '../gmail/messages.ts';
import { COMPLETED_LABEL, JOURNAL_LABEL, UNDONE_LABEL } from '../gmail/own-labels.ts';
import type { Log } from '../screen/log.ts';
import { Arrivals, ForgottenHistoryError } from './arrivals.ts';
import { forecastRestore } from './forecast.ts';
import { renderRestoreForecast } from './forecast-screen.ts';
import { Importer } from './importer.ts';
import { RestoredLabels } from './labels.ts';
import { type Pin, readPin, type StoredPin, writePin } from './pin.ts';
import { type Candidate, candidateOf, findPresent } from './present.ts';
import { RestoreRecord, readRecords } from './record.ts';
import { readHead, readSource } from './sources.ts';

export interface RestoreOptions {
  readonly conditions: Conditions;
  readonly senders: readonly string[] | undefined;
  /** Whether messages are restored that the copy calls deleted; those that `conditions` names by their ids always are. */
  readonly withDeleted: boolean;
  /** The copy's state at this time; undefined for its latest one. */
  readonly until: Date | undefined;
  /** The mailbox that may get the copy of another one. */
  readonly intoMailbox: string | undefined;
}

export interface RestoreContext {
  readonly store: FileStore;
  readonly mailbox: Mailbox;
  readonly tally: Tally;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly runId: string;
  readonly startedAt: Date;
  readonly budgetMs: number;
  /** Rejects unless the person agrees; undefined when nobody is asked. */
  readonly confirm: ((question: string) => Promise<void>) | undefined;
  readonly show: (render: (columns: number) => string) => void;
  readonly wait: (ms: number) => Promise<void>;
  readonly signal: AbortSignal;
  readonly giveUp: AbortSignal;
}

/** The messages of the copy that are chosen, and that the mailbox lacks. */
interface Chosen {
  /** Their ids, the oldest first. */
  readonly missing: readonly string[];
  readonly there: number;
  /** Drafts, chats and journals. */
  readonly leftOut: number;
  /** The size of the missing messages' sources. */
  readonly bytes: number;
  readonly labels: ReadonlySet<string>;
}

/** A message of the copy that no list of the mailbox shows. */
interface Absent {
  readonly id: string;
  /** The message's date, in milliseconds since 1970. */
  readonly ms: number;
}

/** The mailbox as it was before the run listed it. */
interface Beginning {
  readonly address: string;
  readonly pin: StoredPin;
  readonly historyId: string;
}

interface Work {
  readonly arrivals: Arrivals;
  readonly importer: Importer;
  readonly record: RestoreRecord;
}

/** Messages whose sources are in memory at once, and whose Message-IDs one search looks for. */
const MOST_IN_BATCH = 40;

/** Larger messages are alone in memory. */
const BATCH_BYTES = 8_000_000;

/** Lists may not show younger messages yet, so the run asks for these by their ids. */
const RECENT_MS = 60 * 60_000;

/** A younger pin is kept: searches may not show yet what was imported since. */
const PIN_MS = 24 * 60 * 60_000;

/** Problems of the index that the log names. */
const MOST_DAMAGE_LOGGED = 20;

/**
 * Messages with these labels are not restored. Gmail gives DRAFT and CHAT to no imported message, and the journal of a run
 * in another mailbox would look like a run there.
 */
const LEFT_OUT: readonly string[] = ['DRAFT', 'CHAT', JOURNAL_LABEL, COMPLETED_LABEL, UNDONE_LABEL];

export async function restore(options: RestoreOptions, context: RestoreContext): Promise<void> {
  await new Restore(options, context).run();
}

class Restore {
  readonly #options: RestoreOptions;
  readonly #context: RestoreContext;
  readonly #labels: RestoredLabels;
  #failed = 0;

  constructor(options: RestoreOptions, context: RestoreContext) {
    this.#options = options;
    this.#context = context;
    this.#labels = new RestoredLabels(context);
  }

  async run(): Promise<void> {
    const { store, mailbox, log, signal, tally } = this.#context;
    const address = await mailbox.address();
    const { state } = await requireState(store, signal, { option: '--copy' });
    this.#requireOwner(state, address);
    if (!state.complete) log.warn('restore.copy_incomplete');
    const { until } = this.#options;
    const copy = await openCopy(store, signal, until === undefined ? {} : { until });
    log.info('restore.opened', { messages: copy.size, ...(until !== undefined && { asOf: until.toISOString() }) });
    for (const problem of copy.damage.slice(0, MOST_DAMAGE_LOGGED).map(describeDamage)) {
      log.error('restore.index_damaged', { problem });
    }
    if (until !== undefined && copy.size === 0) await this.#refuseUntil();
    this.#requireKnown(copy, state);

    const pin = await readPin(store, address, signal);
    // Pinned before the lists, so that nothing is added unseen between them.
    const historyId = await mailbox.historyId();
    const chosen = await this.#choose(copy, isSameMailbox(state.email, address), address);
    if (chosen.missing.length > 0) await this.#restoreMissing(copy, chosen, { address, pin, historyId });
    const { changed, skipped } = tally.counts;
    log.info('restore.finished', {
      imported: changed,
      there: skipped - chosen.leftOut,
      leftOut: chosen.leftOut,
      failed: this.#failed,
    });
    this.#requireSound(copy);
  }

  /** Shows the forecast, asks, and imports. */
  async #restoreMissing(copy: Copy, chosen: Chosen, { address, pin, historyId }: Beginning): Promise<void> {
    const { mailbox, log, startedAt, budgetMs } = this.#context;
    const { missing, bytes, there, leftOut } = chosen;
    const newLabels = await this.#labels.missing(chosen.labels);
    const { arrivals, keepsPin } = await this.#openArrivals(pin, historyId);
    const forecast = forecastRestore(mailbox.client, {
      messages: missing.length,
      bytes,
      searches: Math.ceil(missing.length / MOST_IN_BATCH),
      newLabels,
      budgetMs,
      elapsedMs: Date.now() - startedAt.getTime(),
    });
    const { messages, units } = forecast;
    mailbox.progress.stop();
    log.info('restore.forecast', { ...forecast, there, leftOut });
    this.#context.show((columns) => renderRestoreForecast(forecast, address, columns));
    await this.#context.confirm?.(`Import ${counted(messages, 'message')} into ${address}? [y/N] `);
    if (mailbox.live && !keepsPin) await this.#writePin({ email: address, historyId, startedAt }, pin.version);
    mailbox.progress.plan({ total: messages, units, unitsPerMinute: mailbox.client.unitsPerMinute });
    const record = new RestoreRecord({ ...this.#context, address });
    try {
      await this.#restoreAll(copy, missing, { arrivals, record });
    } catch (error) {
      await record.flush().catch(() => undefined);
      throw error;
    }
    await record.flush();
  }

  #requireOwner({ email }: CopyState, address: string): void {
    const { intoMailbox } = this.#options;
    const { store } = this.#context;
    if (intoMailbox !== undefined && !isSameMailbox(intoMailbox, address)) {
      throw new CredentialError(
        `--into-mailbox names ${intoMailbox}, but the refresh token opens ${address}`,
        `Use the credentials of ${intoMailbox}, or correct --into-mailbox.`,
      );
    }
    if (intoMailbox === undefined && !isSameMailbox(email, address)) {
      throw new CredentialError(
        `${store.name} holds a copy of the mailbox ${email}, but the refresh token opens ${address}`,
        `Add --into-mailbox ${address} to put the messages into that mailbox, or use the credentials of ${email}.`,
      );
    }
  }

  /** @throws ConfigError that names the day of the first export. */
  async #refuseUntil(): Promise<never> {
    const { store, signal } = this.#context;
    const first = (await findFirstExport(store, signal))?.toISOString().slice(0, 10);
    throw new ConfigError(
      `${store.name} holds no messages from the time of --as-of or before${first === undefined ? '' : `: its first export was on ${first} (UTC)`}`,
      'Write the day of an export, or a later one.',
    );
  }

  /** @throws ConfigError when the copy has none of the ids or labels that the options name. */
  #requireKnown(copy: Copy, state: CopyState): void {
    const { conditions } = this.#options;
    for (const id of conditions.ids ?? []) {
      if (copy.get(id) !== undefined) continue;
      throw new ConfigError(
        `the copy holds no message with the id ${id}`,
        'Write the id as the names of the files in messages/ have it.',
      );
    }
    const { labels } = conditions;
    if (labels === undefined) return;
    const known = new Set(Object.values(state.labels));
    for (const message of copy) for (const label of message.labels) known.add(label);
    for (const label of labels) {
      if (isSystemName(label.trim().toUpperCase()) || [...known].some((name) => isAtOrBelow(name, label))) continue;
      throw new ConfigError(
        `the copy has no label "${label}"${didYouMean(label, known)}`,
        'Write the name of a label as the copy has it, such as Work/Invoices.',
      );
    }
  }

  /**
   * The chosen messages that the mailbox has neither under their ids nor under those of an earlier restore, the oldest first.
   * Counts the other chosen ones as skipped. `isOwn`: the copy is the mailbox's, so that its ids mean the same messages.
   */
  async #choose(copy: Copy, isOwn: boolean, address: string): Promise<Chosen> {
    const { mailbox, tally, signal, store, log } = this.#context;
    const { conditions, senders, withDeleted } = this.#options;
    const selection = new Selection(conditions);
    const listed = await listMessageIds(mailbox.client, signal, {
      onFound: (found) => mailbox.progress.looking(found),
    });
    const restored = await readRecords(store, address, listed, signal);
    const hidden = isOwn ? await this.#listHidden() : IdSet.empty;
    let there = 0;
    let inTrash = 0;
    let leftOut = 0;
    let absent: Absent[] = [];
    for (const message of copy.all()) {
      const isMeant = !message.deleted || withDeleted || conditions.ids !== undefined;
      if (!isMeant || !selection.includes(message)) continue;
      if (message.labels.some((label) => LEFT_OUT.includes(label))) leftOut += 1;
      else if ((isOwn && listed.has(message.id)) || restored.has(message.id)) {
        there += 1;
        if (hidden.has(message.id) && !message.labels.some((label) => HIDING_LABELS.includes(label))) inTrash += 1;
      } else absent.push({ id: message.id, ms: message.date.getTime() });
    }
    if (inTrash > 0) log.warn('restore.in_trash', { messages: inTrash });
    if (isOwn) {
      const existing = await this.#findUnlisted(absent);
      absent = absent.filter(({ id }) => !existing.has(id));
      there += existing.size;
    }
    if (senders !== undefined) {
      const fitting = await this.#fromSenders(copy, absent, senders);
      absent = absent.filter(({ id }) => fitting.has(id));
      // Nobody read the senders of these messages.
      there = 0;
      leftOut = 0;
    }
    absent.sort((a, b) => a.ms - b.ms || (a.id < b.id ? -1 : 1));
    const labels = new Set<string>();
    let bytes = 0;
    for (const { id } of absent) {
      const message = copy.get(id) as CopyMessage;
      bytes += message.size;
      for (const label of message.labels) labels.add(label);
    }
    tally.matched(there + leftOut + absent.length);
    tally.skipped(there + leftOut);
    return { missing: absent.map(({ id }) => id), there, leftOut, bytes, labels };
  }

  /** The messages in Spam and Trash. */
  async #listHidden(): Promise<IdSet> {
    const { mailbox, signal } = this.#context;
    const lists: IdSet[] = [];
    for (const labelId of HIDING_LABELS) lists.push(await listMessageIds(mailbox.client, signal, { labelId }));
    return IdSet.union(lists);
  }

  /** The ids of messages of the last hour that the mailbox has although no list shows them yet. 20 quota units for each. */
  async #findUnlisted(absent: readonly Absent[]): Promise<ReadonlySet<string>> {
    const { mailbox, signal } = this.#context;
    const recent = Date.now() - RECENT_MS;
    const found = new Set<string>();
    const young = absent.filter(({ ms }) => ms > recent);
    await mapAtOnce(young, MAX_CONCURRENT, async ({ id }) => {
      if ((await getMessage(mailbox.client, { id, format: 'minimal' }, signal)) !== null) found.add(id);
    });
    return found;
  }

  /** The ids of messages from these senders. Those with a damaged file are among them: their import names the file. */
  async #fromSenders(copy: Copy, absent: readonly Absent[], senders: readonly string[]): Promise<ReadonlySet<string>> {
    const { store, signal } = this.#context;
    const fitting = new Set<string>();
    await mapAtOnce(absent, 2 * MAX_CONCURRENT, async ({ id }) => {
      const head = await readHead(store, copy.get(id) as CopyMessage, signal).catch((error) => {
        if (error instanceof SourceError) return null;
        throw error;
      });
      if (head === null || isFrom(head, senders)) fitting.add(id);
    });
    return fitting;
  }

  /** The messages that were added since an earlier restore began and that searches do not show; whether its pin still counts. */
  async #openArrivals({ pin }: StoredPin, historyId: string): Promise<{ arrivals: Arrivals; keepsPin: boolean }> {
    const { mailbox, signal, startedAt } = this.#context;
    if (pin !== null) {
      const earlier = new Arrivals(mailbox.client, pin.historyId, signal);
      try {
        await earlier.refresh(() => listMessageIds(mailbox.client, signal, { q: SHOWN_BY_SEARCH }));
        const isYoung = Math.abs(startedAt.getTime() - pin.startedAt.getTime()) < PIN_MS;
        // An old pin stays while searches do not show all that was added since.
        return { arrivals: earlier, keepsPin: isYoung || earlier.size > 0 };
      } catch (error) {
        // Searches show messages long before Gmail forgets their history.
        if (!(error instanceof ForgottenHistoryError)) throw error;
      }
    }
    return { arrivals: new Arrivals(mailbox.client, historyId, signal), keepsPin: false };
  }

  async #writePin(pin: Pin, version: string | null): Promise<void> {
    const { store, giveUp } = this.#context;
    if (await writePin(store, pin, version, giveUp)) return;
    throw new RefusedError(
      `another restore has begun: it replaced restore.json in ${store.name}`,
      'Wait until the other run has ended, then run again.',
    );
  }

  async #restoreAll(copy: Copy, missing: readonly string[], work: Pick<Work, 'arrivals' | 'record'>): Promise<void> {
    const importer = new Importer({ ...this.#context, labels: this.#labels, ...work });
    /** Sums of the sources that this run imported or found: a second message with the same source is there already. */
    const sums = new Set<string>();
    for (const batch of batchesOf(copy, missing)) {
      const unique = batch.filter(({ sha256 }) => {
        const sum = Buffer.from(sha256, 'hex').toString('latin1');
        if (sums.has(sum)) return false;
        sums.add(sum);
        return true;
      });
      this.#skip(batch.length - unique.length);
      await this.#restoreBatch(unique, { ...work, importer });
    }
  }

  async #restoreBatch(batch: readonly CopyMessage[], { arrivals, importer, record }: Work): Promise<void> {
    const { mailbox, store, signal, tally } = this.#context;
    const read = await mapAtOnce(batch, MAX_CONCURRENT, async (message) => {
      try {
        return candidateOf(message, await readSource(store, message, signal));
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        this.#fail(message, `its file ${error.message}`);
        return null;
      }
    });
    const candidates = read.filter((candidate) => candidate !== null);
    const present = await findPresent(candidates, { mailbox, arrivals, signal });
    this.#skip(present.size);
    const rest = candidates.filter((candidate) => !present.has(candidate));
    if (mailbox.live) for (const [{ message }, id] of present) await record.add(message.id, id);
    if (!mailbox.live) {
      mailbox.progress.advance(rest.length);
      return;
    }
    await inThreads(rest, async (candidate) => {
      const { message } = candidate;
      const imported = await importer.import(candidate);
      if (imported.id === undefined) {
        this.#fail(message, imported.reason);
        return;
      }
      tally.changed(1);
      mailbox.progress.advance(1);
      await record.add(message.id, imported.id);
    });
  }

  #skip(count: number): void {
    this.#context.tally.skipped(count);
    this.#context.mailbox.progress.advance(count);
  }

  #fail({ id, path }: CopyMessage, reason: string): void {
    const { log, tally, mailbox } = this.#context;
    log.error('restore.message_failed', { id, path, reason });
    this.#failed += 1;
    tally.failed(1);
    mailbox.progress.advance(1);
  }

  /** @throws RefusedError (65) when something of the copy was not restored. */
  #requireSound(copy: Copy): void {
    const { tally, store } = this.#context;
    const verify = exportCommand(store, '--verify');
    if (this.#failed > 0) {
      throw new RefusedError(
        `${formatCount(this.#failed)} of ${counted(tally.counts.matched, 'message')} could not be restored`,
        `Look at the restore.message_failed events of this run; ${verify} names all damaged files of the copy.`,
      );
    }
    if (copy.damageCount > 0) {
      throw new RefusedError(
        `the index of the copy is damaged in ${counted(copy.damageCount, 'place')}: messages may be missing`,
        `Look at the restore.index_damaged events of this run, and run ${verify}.`,
      );
    }
  }
}

/** A search that finds all mail, and goes by the search index. */
const SHOWN_BY_SEARCH = 'in:anywhere';

/** Batches whose sources fit in memory together. */
function* batchesOf(copy: Copy, ids: readonly string[]): Generator<CopyMessage[]> {
  let batch: CopyMessage[] = [];
  let bytes = 0;
  for (const id of ids) {
    const message = copy.get(id) as CopyMessage;
    if (batch.length > 0 && (batch.length >= MOST_IN_BATCH || bytes + message.size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += message.size;
  }
  if (batch.length > 0) yield batch;
}

/**
 * Works on the candidates, several at once, but on those of one thread in their order: Gmail puts an answer into a thread
 * that exists. Waits for all work that has begun, also after an error.
 */
async function inThreads(
  candidates: readonly Candidate[],
  work: (candidate: Candidate) => Promise<void>,
): Promise<void> {
  const threads = new Map<string, Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  await mapAtOnce(candidates, MAX_CONCURRENT, async (candidate) => {
    const { threadId } = candidate.message;
    const earlier = threads.get(threadId);
    const working = (async () => {
      await earlier;
      if (failure === undefined) await work(candidate);
    })().catch((error: unknown) => {
      failure ??= { error };
    });
    threads.set(threadId, working);
    await working;
  });
  if (failure !== undefined) throw failure.error;
}
