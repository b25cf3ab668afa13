/**
 * Verifies a copy: reads each file back and compares it with its line, the files with the lines, and the lines with the
 * mailbox. Changes neither the copy nor the mailbox.
 */
import { counted, formatCount } from '../base/count.ts';
import type { FileStore } from '../base/file-store.ts';
import { eachAtOnce } from '../base/pool.ts';
import type { Tally } from '../base/tally.ts';
import { RefusedError } from '../errors.ts';
import { readChangedIds } from '../gmail/history.ts';
import { compareHistoryIds } from '../gmail/history-id.ts';
import { IdSet } from '../gmail/ids.ts';
import { listMessageIds } from '../gmail/list-page.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { Log } from '../screen/log.ts';
import { type Copy, type CopyMessage, openCopy } from './copy.ts';
import { LabelComparison } from './label-comparison.ts';
import { checkSource, idOfPath, SourceError, sizeInTrailer } from './source-file.ts';
import { type CopyState, exportCommand, requireState } from './state.ts';
import { type Survey, surveyMailbox } from './survey.ts';

export interface VerifyRequest {
  readonly store: FileStore;
  readonly mailbox: Mailbox;
  /** Checks only the names and sizes of files, and does not read their content. */
  readonly quick: boolean;
  readonly tally: Tally;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly signal: AbortSignal;
}

/** The fields of the event `export.verified`. */
interface VerifiedCounts {
  /** Messages with a line in the index, deleted ones too. */
  messages: number;
  /** Files of these messages. */
  files: number;
  /** Bytes of the sources that were read. */
  bytes: number;
  sound: number;
  /** Messages whose line or file is damaged. */
  damaged: number;
  /** Messages whose file is missing, and messages of the mailbox that the copy lacks. */
  missing: number;
  /** Damaged lines, and damaged or missing parts, of the index; a state.json that was changed. */
  problems: number;
  /** Files that no line describes, such as a killed run leaves. */
  unclaimed: number;
  /** Messages that changed in the mailbox after the copy. */
  aged: number;
}

/** Files that are read at the same time. */
const FILES_AT_ONCE = 12;

/** More problems than these are only counted. */
const MOST_EVENTS = 300;

/** At most so many ids are in the error's message. */
const MOST_NAMED = 5;

/** At most so many differences are confirmed by reading the message, for 20 quota units each. */
const MOST_CONFIRMED = 100;

/**
 * Verifies the copy in `store`. Counts each message of the copy in the tally: skipped when it is sound, failed when it is
 * damaged or missing.
 * @throws RefusedError (65) for a damaged copy, ConfigError (78) where there is none, CredentialError (77) for a copy of
 * another mailbox.
 */
export async function verifyCopy(request: VerifyRequest): Promise<void> {
  const { store, mailbox, signal, log } = request;
  const address = await mailbox.address();
  const { state, isSound } = await requireState(store, signal, { option: '--into', address, Lost: RefusedError });
  const copy = await openCopy(store, signal);
  const verification = new Verification(request, state, copy);
  if (!isSound) verification.reportState();
  try {
    await verification.run();
  } finally {
    log.info('export.verified', { ...verification.counts });
  }
  verification.requireSound();
}

class Verification {
  readonly #request: VerifyRequest;
  readonly #state: CopyState;
  readonly #copy: Copy;
  /** The messages that have a line, deleted ones too. */
  readonly #described: IdSet;
  /** By index of `described`: 1 when the message's file is there; 1 when the message is counted as failed. */
  readonly #present: Uint8Array;
  readonly #failed: Uint8Array;
  readonly counts: VerifiedCounts = {
    messages: 0,
    files: 0,
    bytes: 0,
    sound: 0,
    damaged: 0,
    missing: 0,
    problems: 0,
    unclaimed: 0,
    aged: 0,
  };
  #events = 0;
  readonly #named: string[] = [];

  constructor(request: VerifyRequest, state: CopyState, copy: Copy) {
    this.#request = request;
    this.#state = state;
    this.#copy = copy;
    this.#described = copy.allIds();
    this.#present = new Uint8Array(this.#described.size);
    this.#failed = new Uint8Array(this.#described.size);
    this.counts.messages = this.#described.size;
  }

  async run(): Promise<void> {
    const { tally, mailbox } = this.#request;
    tally.matched(this.counts.messages);
    this.#reportIndex();
    await this.#compareWithMailbox();
    await this.#findFiles();
    mailbox.progress.start(this.counts.messages);
    await eachAtOnce(this.#copy.all(), FILES_AT_ONCE, (message) => this.#check(message));
  }

  /** @throws RefusedError when something is damaged or missing. */
  requireSound(): void {
    const { sound, damaged, missing, problems } = this.counts;
    if (damaged + missing + problems === 0) return;
    const failed = [
      ...(damaged > 0 ? [`${formatCount(damaged)} damaged`] : []),
      ...(missing > 0 ? [`${formatCount(missing)} missing`] : []),
    ].join(' and ');
    const some = [
      ...(failed === '' ? [] : [`of ${counted(sound + damaged + missing, 'message')} ${failed}`]),
      ...(problems > 0 ? [`${counted(problems, 'problem')} of the index or state.json`] : []),
    ].join('; ');
    const ids = this.#named.length === 0 ? '' : ` (${this.#named.join(', ')}${this.#ellipsis()})`;
    throw new RefusedError(`the copy in ${this.#request.store.name} is not sound: ${some}${ids}`, this.#remedy());
  }

  #remedy(): string {
    const { damaged, missing } = this.counts;
    const command = exportCommand(this.#request.store);
    return [
      'Look at the export.damaged events of this run.',
      damaged + missing > 0
        ? `To copy a message again, delete its file (which may stay when only its labels differ), add its id to "failed" in state.json, and run ${command}.`
        : `Run ${command}.`,
      ...(this.#copy.damageCount > 0 ? ['Then correct or delete the damaged lines of the index by hand.'] : []),
    ].join(' ');
  }

  #ellipsis(): string {
    const { damaged, missing, problems } = this.counts;
    return damaged + missing + problems > this.#named.length ? ', …' : '';
  }

  reportState(): void {
    const problem =
      'was changed by hand or by the disk: the next export compares the whole mailbox, and writes it again';
    this.#report({ path: 'state.json', problem });
    this.counts.problems += 1;
  }

  #reportIndex(): void {
    const { damage, damageCount } = this.#copy;
    for (const { path, problem } of damage) this.#report({ path, problem });
    this.counts.problems += damageCount;
  }

  async #findFiles(): Promise<void> {
    const { store, signal, log } = this.#request;
    for await (const { path } of store.list('messages/', signal)) {
      const id = idOfPath(path);
      const index = id === null || this.#copy.get(id)?.path !== path ? -1 : this.#described.indexOf(id);
      if (index === -1) {
        this.counts.unclaimed += 1;
        if (this.counts.unclaimed <= MOST_EVENTS) log.info('export.unclaimed', { path });
      } else {
        this.counts.files += 1;
        this.#present[index] = 1;
      }
    }
  }

  async #check(message: CopyMessage): Promise<void> {
    const { store, signal, quick, tally, mailbox } = this.#request;
    signal.throwIfAborted();
    const index = this.#described.indexOf(message.id);
    try {
      if (this.#present[index] === 0) throw new MissingFile('its file is missing');
      if (quick) await this.#checkSize(message);
      else await checkSource(store, message.path, message, signal);
      this.counts.bytes += message.size;
      if (this.#failed[index] === 0) {
        this.counts.sound += 1;
        tally.skipped(1);
      }
    } catch (error) {
      // RefusedError: such as an object of S3 that lacks its checksum.
      if (!(error instanceof SourceError || error instanceof RefusedError)) throw error;
      this.#fail(message, index, error.message, error instanceof MissingFile ? 'missing' : 'damaged');
    }
    mailbox.progress.advance(1);
  }

  async #checkSize({ path, size }: CopyMessage): Promise<void> {
    const { store, signal } = this.#request;
    const end = await store.readEnd(path, 4, signal);
    if (end === null) throw new MissingFile('its file is missing');
    const found = sizeInTrailer(end);
    // The last bytes of a file that was cut off are no size.
    if (found !== size) throw new SourceError('is cut off, or has other bytes at its end than its line says');
  }

  async #compareWithMailbox(): Promise<void> {
    const { listed, spamTrash } = this.#state;
    const { mailbox, signal } = this.#request;
    const { client, progress } = mailbox;
    const onFound = (found: number) => progress.looking(found);
    if (!listed) {
      const all = await listMessageIds(client, signal, { onFound });
      await this.#judge(this.#differences(all, IdSet.empty, null));
      return;
    }
    const labels = (await mailbox.knownLabels()).all();
    const survey = await surveyMailbox(client, labels, signal, onFound);
    for (const { id, historyId } of this.#copy.all()) {
      // The export would take changes of the message for older ones.
      if (compareHistoryIds(historyId, survey.historyId) > 0)
        this.#failId(id, 'has a history id that lies in the future');
    }
    const comparison = new LabelComparison(this.#state.labels, labels);
    const { all, outsideSpamTrash } = survey;
    const lacking = (spamTrash ? all : outsideSpamTrash).without(this.#described);
    await this.#judge(this.#differences(all, lacking, { survey, comparison }));
  }

  #differences(
    all: IdSet,
    lacking: IdSet,
    labels: { survey: Survey; comparison: LabelComparison } | null,
  ): Differences {
    const there = this.#described.marks(all);
    const differing = labels?.comparison.findDiffering(this.#copy, this.#described, labels.survey.labels);
    const gone: string[] = [];
    const wronglyDeleted: string[] = [];
    const relabelled: string[] = [];
    for (const { id, deleted } of this.#copy.all()) {
      const index = this.#described.indexOf(id);
      if (deleted) {
        if (there[index] === 1) wronglyDeleted.push(id);
      } else if (there[index] === 0) gone.push(id);
      else if (differing?.[index] === 1) relabelled.push(id);
    }
    return { gone, wronglyDeleted, relabelled, lacking, comparison: labels?.comparison };
  }

  /** Counts differences that the mailbox's history since the state explains as aged, and the others as failed. */
  async #judge({ gone, wronglyDeleted, relabelled, lacking, comparison }: Differences): Promise<void> {
    const { mailbox, signal, log } = this.#request;
    const notCopied = lacking.without(IdSet.of(this.#state.failed));
    const differences = gone.length + wronglyDeleted.length + relabelled.length + notCopied.size;
    const changed =
      differences === 0 ? IdSet.empty : await readChangedIds(mailbox.client, this.#state.historyId, signal);
    if (changed === null) {
      log.warn('export.history_expired', { historyId: this.#state.historyId, aged: differences });
    }
    const unexplained = (ids: readonly string[]) => {
      const left = changed === null ? [] : ids.filter((id) => !changed.has(id));
      this.counts.aged += ids.length - left.length;
      return left;
    };
    const isGone = unexplained(gone);
    const isRelabelled = unexplained(relabelled);
    const current = await mailbox.labelsOf([...isGone, ...isRelabelled].slice(0, MOST_CONFIRMED));
    for (const id of isGone) {
      if (!current.has(id))
        this.#failId(id, 'is no longer in the mailbox, but the copy does not say that it was deleted');
    }
    for (const id of unexplained(wronglyDeleted)) this.#failId(id, 'is deleted in the copy, but is in the mailbox');
    for (const [at, id] of isRelabelled.entries()) {
      const labels = isGone.length + at < MOST_CONFIRMED ? (current.get(id) ?? null) : undefined;
      // Null: the message was deleted after the lists. Undefined: nobody asked Gmail for it.
      if (labels === null || (labels && comparison?.isSame(this.#copy.get(id)?.labels ?? [], labels))) continue;
      this.#failId(id, 'has other labels in the mailbox than in the copy');
    }
    const failed = lacking.without(notCopied);
    this.#failLacking(failed, 'is not in the copy: Gmail did not give it; the next export tries again');
    this.#failLacking(IdSet.of(unexplained(notCopied.list())), 'is in the mailbox, but not in the copy');
  }

  /** Counts messages of the mailbox that have no line in the copy. */
  #failLacking(ids: IdSet, problem: string): void {
    const { tally } = this.#request;
    tally.matched(ids.size);
    tally.failed(ids.size);
    this.counts.missing += ids.size;
    for (const id of ids.list()) this.#report({ id, problem });
  }

  #failId(id: string, problem: string): void {
    this.#fail({ id }, this.#described.indexOf(id), problem, 'damaged');
  }

  /** Counts a message once, also when several things are wrong. With a path, the problem is of the message's file. */
  #fail({ id, path }: FailedMessage, index: number, problem: string, as: 'damaged' | 'missing'): void {
    this.#report({ id, path, problem });
    if (this.#failed[index] === 1) return;
    this.#failed[index] = 1;
    this.counts[as] += 1;
    this.#request.tally.failed(1);
  }

  #report({ id, path, problem }: Partial<FailedMessage> & { readonly problem: string }): void {
    this.#events += 1;
    const name = id ?? path ?? '';
    if (this.#named.length < MOST_NAMED && !this.#named.includes(name)) this.#named.push(name);
    if (this.#events <= MOST_EVENTS) this.#request.log.error('export.damaged', { id, path, problem });
  }
}

class MissingFile extends SourceError {}

interface FailedMessage {
  readonly id: string;
  readonly path?: string | undefined;
}

interface Differences {
  /** Messages that are live in the copy and not in the mailbox. */
  readonly gone: readonly string[];
  /** Messages that are deleted in the copy, and are in the mailbox. */
  readonly wronglyDeleted: readonly string[];
  readonly relabelled: readonly string[];
  /** Messages of the mailbox that the copy lacks. */
  readonly lacking: IdSet;
  readonly comparison: LabelComparison | undefined;
}
