/**
 * A Maildir: a file for each message in the folder `cur`, whose name ends with the message's flags. Source:
 * cr.yp.to/proto/maildir.html. Messages are found again by their names, so that a repeated run adds what is missing.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, opendir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import {
  codeOf,
  deleteLeftovers,
  FILE_MODE,
  FOLDER_MODE,
  removeIfThere,
  syncFolder,
  unlessMissing,
} from '../store/file-system.ts';
import { withUnixLines } from './unix-lines.ts';

/** Mail programs deliver into `new` by way of `tmp`; this program leaves `new` to them. */
const FOLDERS = ['tmp', 'new', 'cur'] as const;

/** Anybody may delete files in `tmp` that are older. Source: cr.yp.to/proto/maildir.html. */
const LEFTOVER_MS = 36 * 60 * 60 * 1_000;

/** Begins the part of a name behind the unique part; flags follow in ascending order. */
const INFO = ':2,';

/** The flags that Gmail's labels say: draft, flagged, seen, trashed. A mail program keeps others, such as R for replied. */
const OF_GMAIL = /[DFST]/g;

export interface MaildirMessage {
  readonly id: string;
  readonly date: Date;
  readonly labels: readonly string[];
}

interface Entry {
  readonly folder: 'new' | 'cur';
  readonly name: string;
}

export class Maildir {
  readonly #folder: string;
  readonly #owner: string;
  /** The files of this mailbox, by the ids of their messages. */
  readonly #entries = new Map<string, Entry>();

  private constructor(folder: string, owner: string) {
    this.#folder = folder;
    this.#owner = owner;
  }

  /**
   * Reads which messages are there. `owner` ends the unique part of each name, so that several mailboxes can share a folder.
   * @throws ConfigError for a folder with other files, which is no Maildir.
   */
  static async open(folder: string, owner: string): Promise<Maildir> {
    await requireMaildir(folder);
    const maildir = new Maildir(folder, owner);
    for (const name of ['new', 'cur'] as const) await maildir.#readFolder(name);
    return maildir;
  }

  /** Makes what is missing of the folder. Called before the first change. */
  async prepare(): Promise<void> {
    for (const name of FOLDERS) await mkdir(join(this.#folder, name), { recursive: true, mode: FOLDER_MODE });
    const mark = `.${this.#owner}.`;
    await deleteLeftovers(join(this.#folder, 'tmp'), (name) => name.includes(mark), LEFTOVER_MS);
  }

  /** The ids of the messages that are there. */
  ids(): Iterable<string> {
    return this.#entries.keys();
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** Adds a message. It appears whole, or not at all when `source` fails. */
  async add(message: MaildirMessage, source: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    const unique = this.#uniqueName(message);
    const unfinished = join(this.#folder, 'tmp', `${unique}.${randomBytes(9).toString('hex')}`);
    const name = `${unique}${INFO}${flagsOf(message.labels)}`;
    try {
      const handle = await open(unfinished, 'wx', FILE_MODE);
      try {
        for await (const chunk of withUnixLines(source)) await handle.appendFile(chunk);
        // Mail programs take it for the date of arrival.
        await handle.utimes(message.date, message.date);
        await handle.sync();
      } finally {
        await handle.close();
      }
      // Replaces only the same file of another run.
      await rename(unfinished, join(this.#folder, 'cur', name));
    } catch (error) {
      await removeIfThere(unfinished);
      throw error;
    }
    this.#entries.set(message.id, { folder: 'cur', name });
  }

  /** Whether the flags of a message that is there differ from those that its labels say. */
  differs(id: string, labels: readonly string[]): boolean {
    const entry = this.#entries.get(id);
    return entry !== undefined && withFlags(entry.name, labels) !== entry.name;
  }

  /** Gives the message the flags that its labels say. False when a mail program has renamed or removed the file meanwhile. */
  async setFlags(id: string, labels: readonly string[]): Promise<boolean> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    const name = withFlags(entry.name, labels);
    // Files in `new` have no flags.
    const from = join(this.#folder, entry.folder, entry.name);
    try {
      await rename(from, join(this.#folder, 'cur', name));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      return false;
    }
    this.#entries.set(id, { folder: 'cur', name });
    return true;
  }

  /** Flushes the names to the disk. */
  async close(): Promise<void> {
    await syncFolder(join(this.#folder, 'cur'));
  }

  /** Such as `1795741323.18f0….alice@example.com`: time, unique identifier and host, as other programs write them. */
  #uniqueName({ id, date }: MaildirMessage): string {
    return `${Math.floor(date.getTime() / 1_000)}.${id}.${this.#owner}`;
  }

  async #readFolder(folder: Entry['folder']): Promise<void> {
    const end = `.${this.#owner}`;
    const entries = await unlessMissing(opendir(join(this.#folder, folder)));
    if (entries === null) return;
    for await (const { name } of entries) {
      const unique = name.split(':', 1)[0] ?? '';
      if (!unique.endsWith(end)) continue;
      const [, id] = /^\d+\.([0-9a-f]+)$/.exec(unique.slice(0, -end.length)) ?? [];
      if (id !== undefined) this.#entries.set(id, { folder, name });
    }
  }
}

/** Refuses a folder with other files, such as a home folder: a Maildir there would be a mistake. */
async function requireMaildir(folder: string): Promise<void> {
  const names = await unlessMissing(readdir(folder));
  if (names === null || FOLDERS.every((name) => names.includes(name))) return;
  const other = names.find((name) => !name.startsWith('.') && !FOLDERS.some((one) => one === name));
  if (other === undefined) return;
  throw new ConfigError(
    `${folder} is no Maildir: it has other files (${other})`,
    'Name a new folder, or the folder of a Maildir, which holds the folders cur, new and tmp.',
  );
}

/** The flags of a message with these labels, in ascending order. */
function flagsOf(labels: readonly string[]): string {
  const flags = [
    ['D', labels.includes('DRAFT')],
    ['F', labels.includes('STARRED')],
    ['S', !labels.includes('UNREAD')],
    ['T', labels.includes('TRASH')],
  ] as const;
  return flags.map(([flag, isSet]) => (isSet ? flag : '')).join('');
}

/** The file's name with the flags that the labels say, and those of a mail program that Gmail does not know. */
function withFlags(name: string, labels: readonly string[]): string {
  const [unique = '', info = ''] = name.split(INFO, 2);
  const flags = [...info.replace(OF_GMAIL, ''), ...flagsOf(labels)];
  return `${unique}${INFO}${flags.sort().join('')}`;
}
