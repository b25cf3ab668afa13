/**
 * Writes the messages of a copy for other mail programs: into one mbox, or into a Maildir. Works on files alone, without a
 * mailbox. Messages that are gone from the mailbox are left out.
 */
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { counted } from '../base/count.ts';
import type { FileStore } from '../base/file-store.ts';
import { mapAhead, mapAtOnce } from '../base/pool.ts';
import type { Tally } from '../base/tally.ts';
import { ConfigError, RefusedError, StoppedError, UsageError } from '../errors.ts';
import { valueOption } from '../options.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import { explainFolderError, requireLastingFolder, unlessMissing } from '../store/file-system.ts';
import { addressAsName } from '../store/place.ts';
import { type Copy, type CopyMessage, openCopy } from './copy.ts';
import { Maildir } from './maildir.ts';
import { MboxFile, requireNoMbox } from './mbox.ts';
import { openSource, SourceError } from './source-file.ts';
import { exportCommand, requireState } from './state.ts';

const CONVERT_FORMS = ['mbox', 'maildir'] as const;

type ConvertForm = (typeof CONVERT_FORMS)[number];

/** The option --as. */
export const formOption = valueOption<ConvertForm>(
  `<${CONVERT_FORMS.join('|')}>`,
  'write the messages of the copy into <folder>, for other mail programs; opens no mailbox',
  (text) => {
    const form = CONVERT_FORMS.find((one) => one === text.toLowerCase());
    if (form !== undefined) return form;
    throw new UsageError(
      `"${text}" is not one of ${CONVERT_FORMS.join(', ')}`,
      `Write one of ${CONVERT_FORMS.join(', ')}.`,
    );
  },
);

export interface ConvertRequest {
  readonly as: ConvertForm;
  /** As a person typed it. */
  readonly folder: string;
  /** Which messages are written; all when left out. */
  readonly includes?: ((message: CopyMessage) => boolean) | undefined;
}

export interface ConvertContext {
  readonly store: FileStore;
  readonly tally: Tally;
  readonly progress: Progress;
  readonly log: Pick<Log, 'info' | 'error'>;
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
  /** Whether the process runs on a dyno, whose disk is deleted at its end. */
  readonly isDyno: boolean;
}

/** Messages up to this size are read into memory ahead of their turn, AHEAD of them at a time; larger ones are streamed. */
const SMALL_BYTES = 256 * 1_024;
const AHEAD = 16;

const MAILDIR_LANES = 16;

/**
 * Writes `<folder>/<address>.mbox`, or brings the Maildir `folder` up to date.
 * @throws RefusedError after the work, when messages were left out because their files are damaged. ConfigError when the
 * place holds no copy, the folder cannot be used, or the mbox exists.
 */
export async function convertCopy(request: ConvertRequest, context: ConvertContext): Promise<void> {
  const remedy = 'Run the command on a machine of yours, with --into or EXPORT_URL naming the copy in S3.';
  requireLastingFolder(request.folder, context.isDyno, remedy);
  const folder = resolve(request.folder);
  try {
    await requireOutside(folder, context.store);
    await new Conversion(request, folder, context).work();
  } catch (error) {
    throw explainFolderError(error, folder);
  }
}

class Conversion {
  readonly #request: ConvertRequest;
  readonly #folder: string;
  readonly #context: ConvertContext;
  #damaged = 0;

  constructor(request: ConvertRequest, folder: string, context: ConvertContext) {
    this.#request = request;
    this.#folder = folder;
    this.#context = context;
  }

  async work(): Promise<void> {
    const { store, signal, tally } = this.#context;
    const { state } = await requireState(store, signal, { option: '--into' });
    const { email, complete } = state;
    const copy = await openCopy(store, signal);
    const name = addressAsName(email);
    const done =
      this.#request.as === 'mbox' ? await this.#writeMbox(copy, `${name}.mbox`) : await this.#updateMaildir(copy, name);
    this.#reportIndex(copy);
    if (done !== null) {
      const { as } = this.#request;
      this.#context.log.info('export.converted', { as, ...done, damaged: this.#damaged, complete });
    }
    if (this.#damaged === 0) return;
    throw new RefusedError(
      `${this.#damaged} of ${counted(tally.counts.matched, 'message')} could not be read from ${store.name}: the files are damaged`,
      `The events export.damaged name the files. ${exportCommand(store, '--verify')} says how to have messages copied again; then run this once more.`,
    );
  }

  /** Null in a dry run. */
  async #writeMbox(copy: Copy, name: string) {
    const { tally, progress, dryRun, signal } = this.#context;
    const path = join(this.#folder, name);
    await requireNoMbox(path);
    const ids = this.#oldestFirst(copy);
    tally.matched(ids.length);
    if (dryRun) return null;
    progress.start(ids.length);
    await using mbox = await MboxFile.create(this.#folder, name);
    let messages = 0;
    try {
      for await (const [message, open] of mapAhead(ids, AHEAD, (id) => this.#readAhead(copy.get(id) as CopyMessage))) {
        signal.throwIfAborted();
        const isWritten = await this.#unlessDamaged(message, async () => mbox.append(message.date, await open()));
        if (isWritten) messages += 1;
        progress.advance(1);
      }
    } catch (error) {
      if (!(error instanceof StoppedError) || error.reason !== 'budget') throw error;
      throw new ConfigError(
        `The time budget ended before all messages were in ${path}, and a part of an mbox is not kept`,
        'Give the run more time: --budget 12h.',
      );
    }
    await mbox.publish();
    tally.changed(messages);
    tally.failed(this.#damaged);
    return { path, messages, bytes: mbox.bytes };
  }

  /** Null in a dry run. */
  async #updateMaildir(copy: Copy, owner: string) {
    const { tally, progress, dryRun, signal } = this.#context;
    const maildir = await Maildir.open(this.#folder, owner);
    const missing: string[] = [];
    const toFlag: string[] = [];
    for (const { id, labels } of this.#chosen(copy)) {
      if (!maildir.has(id)) missing.push(id);
      else if (maildir.differs(id, labels)) toFlag.push(id);
    }
    for (const id of maildir.ids()) {
      const message = copy.get(id);
      if (message?.deleted === true && this.#isChosen(message) && maildir.differs(id, labelsFor(message))) {
        toFlag.push(id);
      }
    }
    tally.matched(missing.length + toFlag.length);
    if (dryRun) return null;
    progress.start(missing.length + toFlag.length);
    await maildir.prepare();
    let added = 0;
    let flagged = 0;
    await this.#each(toFlag, async (id) => {
      const isFlagged = await maildir.setFlags(id, labelsFor(copy.get(id) as CopyMessage));
      if (isFlagged) flagged += 1;
      tally[isFlagged ? 'changed' : 'skipped'](1);
    });
    await this.#each(missing, async (id) => {
      const message = copy.get(id) as CopyMessage;
      const isAdded = await this.#unlessDamaged(message, async () => maildir.add(message, await this.#open(message)));
      if (isAdded) added += 1;
      tally[isAdded ? 'changed' : 'failed'](1);
    });
    signal.throwIfAborted();
    await maildir.close();
    return { path: this.#folder, messages: added, flagged };
  }

  /** Calls `work` for some messages at a time. After an error, waits for what is under way, then throws the error. */
  async #each(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
    const { signal, progress } = this.#context;
    const failures: unknown[] = [];
    await mapAtOnce(ids, MAILDIR_LANES, async (id) => {
      if (failures.length > 0) return;
      try {
        signal.throwIfAborted();
        await work(id);
        progress.advance(1);
      } catch (error) {
        failures.push(error);
      }
    });
    if (failures.length > 0) throw failures[0];
  }

  *#chosen(copy: Copy): Generator<CopyMessage, void, undefined> {
    for (const message of copy) if (this.#isChosen(message)) yield message;
  }

  #isChosen(message: CopyMessage): boolean {
    return this.#request.includes?.(message) !== false;
  }

  /** The ids of the messages in the order of their dates. */
  #oldestFirst(copy: Copy): string[] {
    const dated: { readonly id: string; readonly ms: number }[] = [];
    for (const { id, date } of this.#chosen(copy)) dated.push({ id, ms: date.getTime() });
    dated.sort((a, b) => a.ms - b.ms || (a.id < b.id ? -1 : 1));
    return dated.map(({ id }) => id);
  }

  /** A function that gives the source of the message: at once for a small one. */
  async #readAhead(
    message: CopyMessage,
  ): Promise<readonly [CopyMessage, () => Promise<Iterable<Buffer> | AsyncIterable<Buffer>>]> {
    if (message.size > SMALL_BYTES) return [message, () => this.#open(message)];
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of await this.#open(message)) chunks.push(chunk);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      return [message, () => Promise.reject(error)];
    }
    return [message, async () => chunks];
  }

  /** @throws SourceError for a file that is missing; reading throws a SourceError for one that is damaged. */
  async #open(message: CopyMessage): Promise<AsyncIterable<Buffer>> {
    const { store, signal } = this.#context;
    return await openSource(store, message.path, message, signal);
  }

  /** False, with an event, when the message's file is damaged. */
  async #unlessDamaged({ id, path }: CopyMessage, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#damaged += 1;
      this.#context.log.error('export.damaged', { id, path, problem: error.message });
      return false;
    }
  }

  /** Counts damaged lines of the index as failed messages: their messages may be missing. */
  #reportIndex({ damage, damageCount }: Copy): void {
    const { log, tally } = this.#context;
    for (const { path, problem } of damage) log.error('export.damaged', { path, problem });
    tally.matched(damageCount);
    tally.failed(damageCount);
    this.#damaged += damageCount;
  }
}

/** The message's labels; those of a deleted message with TRASH. */
function labelsFor({ labels, deleted }: CopyMessage): readonly string[] {
  return deleted ? [...labels, 'TRASH'] : labels;
}

/** @throws UsageError for text that names no folder of this machine. */
export function parseTargetFolder(text: string): string {
  if (text === '' || text.includes('\0') || /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    throw new UsageError(`"${text}" is no path of a folder`, 'Write the path of a folder on this machine.');
  }
  return text;
}

/** @throws ConfigError when the folder is in the copy: the copy has only files of its own. */
async function requireOutside(folder: string, store: FileStore): Promise<void> {
  if (!isAbsolute(store.name)) return;
  const copy = await realPath(store.name);
  const target = await realPath(folder);
  if (target !== copy && !target.startsWith(copy === sep ? sep : copy + sep)) return;
  throw new ConfigError(`${folder} is in the copy (${store.name})`, 'Name a folder outside of the copy.');
}

/** The path without symbolic links, also of a folder that does not exist yet. */
async function realPath(path: string): Promise<string> {
  const real = await unlessMissing(realpath(path));
  if (real !== null) return real;
  const parent = dirname(path);
  return parent === path ? path : resolve(await realPath(parent), path.slice(parent.length).replace(/^[/\\]+/, ''));
}
