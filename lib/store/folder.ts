/**
 * Files in a folder of this machine. A file is written under a temporary name, flushed to the disk, and then gets its
 * name by a hard link or a rename, so that a kill or a power failure leaves no part of a file under its name.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rmdir,
  stat,
  unlink,
} from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { type Clock, systemClock } from '../base/clock.ts';
import type { FileContent, FileStore, StoredFile } from '../base/file-store.ts';
import { guardedStream } from '../base/guarded-stream.ts';
import { mapAtOnce } from '../base/pool.ts';
import { ConfigError, RefusedError } from '../errors.ts';
import {
  codeOf,
  deleteLeftovers,
  explainFolderError,
  FILE_MODE,
  FOLDER_MODE,
  NO_HARD_LINKS,
  removeIfThere,
  syncFolder,
  unlessMissing,
} from './file-system.ts';

/** How the names of unfinished files begin. */
const UNFINISHED = '.tmp-';
/** How the names of lock files begin. */
const LOCK = '.lock-';

const STATS_AT_ONCE = 16;

/** Unfinished files of killed processes are deleted when they are older. */
const LEFTOVER_MS = 24 * 60 * 60 * 1_000;

/**
 * A process that holds a lock for longer gives it up without a change. A process that waits takes over a lock that
 * somebody else has held for STALE_LOCK_MS: its holder was killed.
 */
const LOCK_MS = 1_000;
const STALE_LOCK_MS = 3_000;
const LOCK_PAUSE_MS = 20;

export class FolderStore implements FileStore {
  /** The folder's absolute path. */
  readonly name: string;

  readonly #clock: Clock;

  constructor(path: string, clock: Clock = systemClock) {
    this.name = resolve(path);
    this.#clock = clock;
  }

  async read(path: string, signal: AbortSignal): Promise<FileContent | null> {
    return await this.#withFile(path, signal, async (handle) => {
      const content = await handle.readFile();
      return { content, version: versionOf(content) };
    });
  }

  async open(path: string, signal: AbortSignal): Promise<Readable | null> {
    const handle = await this.#openFile(path, signal);
    if (handle === null) return null;
    // The stream closes the handle.
    return guardedStream(handle.createReadStream(), {
      signal,
      explain: (error) => explainFolderError(error, this.name, path),
    });
  }

  async readEnd(path: string, bytes: number, signal: AbortSignal): Promise<Buffer | null> {
    return await this.#withFile(path, signal, async (handle) => {
      const { size } = await handle.stat();
      const end = Buffer.alloc(Math.min(bytes, size));
      const { bytesRead } = await handle.read(end, 0, end.length, size - end.length);
      return end.subarray(0, bytesRead);
    });
  }

  async create(path: string, content: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const file = await this.#locate(path, signal);
    return await this.#explained(path, async () => {
      if (await exists(file)) return false;
      const unfinished = await this.#write(content);
      try {
        await this.#makeFolder(dirname(file));
        return await this.#publish(unfinished, file, signal);
      } finally {
        await removeIfThere(unfinished);
      }
    });
  }

  async replace(
    path: string,
    content: Uint8Array,
    version: string | null,
    signal: AbortSignal,
  ): Promise<string | null> {
    if (version === null) return (await this.create(path, content, signal)) ? versionOf(content) : null;
    const file = await this.#locate(path, signal);
    return await this.#explained(path, async () => {
      if (!(await hasVersion(file, version))) return null;
      const unfinished = await this.#write(content);
      try {
        const isReplaced = await this.#locked(file, signal, async (isStillMine) => {
          if (!(await hasVersion(file, version))) return false;
          if (!(await isStillMine())) return 'lost';
          await rename(unfinished, file);
          return true;
        });
        if (!isReplaced) return null;
        await syncFolder(dirname(file));
        return versionOf(content);
      } finally {
        await removeIfThere(unfinished);
      }
    });
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredFile> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    if (folder !== '') await this.#locate(folder.slice(0, -1), signal);
    yield* this.#walk(folder, prefix, signal);
  }

  async requireWritable(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#explained('', async () => {
      const made = await mkdir(this.name, { recursive: true, mode: FOLDER_MODE });
      try {
        await deleteLeftovers(this.name, (name) => name.startsWith(UNFINISHED), LEFTOVER_MS);
        const unfinished = await this.#write(new Uint8Array());
        await unlink(unfinished);
      } finally {
        if (made !== undefined) await removeFolders(this.name, made);
      }
    });
  }

  close(): void {
    // No file stays open between two calls.
  }

  /** Calls `use` with the open file; null when there is none. */
  async #withFile<T>(path: string, signal: AbortSignal, use: (handle: FileHandle) => Promise<T>): Promise<T | null> {
    const handle = await this.#openFile(path, signal);
    if (handle === null) return null;
    return await this.#explained(path, async () => {
      try {
        return await use(handle);
      } finally {
        await handle.close();
      }
    });
  }

  async #openFile(path: string, signal: AbortSignal): Promise<FileHandle | null> {
    const file = await this.#locate(path, signal);
    return await this.#explained(path, async () => {
      try {
        await this.#requireInside(file);
        return await open(file, 'r');
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return null;
        throw error;
      }
    });
  }

  /**
   * The file's path on this machine.
   * @throws RefusedError for a path that leaves the folder, ConfigError when a symbolic link leads out of the folder.
   */
  async #locate(path: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const parts = path.split('/');
    if (path.includes('\0') || parts.some((part) => ['', '.', '..'].includes(part) || isOwn(part))) {
      throw new RefusedError(`${JSON.stringify(path)} is no path of a file in ${this.name}`, 'Correct the path.');
    }
    const file = join(this.name, ...parts);
    await this.#explained(path, () => this.#requireInside(dirname(file)));
    return file;
  }

  /** Accepts a path that does not exist yet. @throws ConfigError when a symbolic link leads out of the folder. */
  async #requireInside(path: string): Promise<void> {
    const root = await realOrNull(this.name);
    const real = root === null ? null : await realOrNull(path);
    if (root === null || real === null || real === root || real.startsWith(root === sep ? sep : root + sep)) return;
    throw new ConfigError(
      `${path} leads out of ${this.name}, by a symbolic link`,
      'Remove the symbolic link, or name another folder. Only the folder itself may be a symbolic link.',
    );
  }

  /** Writes an unfinished file and returns its path. */
  async #write(content: Uint8Array): Promise<string> {
    // In the folder itself, where requireWritable() finds what killed processes left.
    const unfinished = join(this.name, `${UNFINISHED}${randomBytes(9).toString('base64url')}`);
    const handle = await open(unfinished, 'wx', FILE_MODE).catch(async (error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      await this.#makeFolder(this.name);
      return await open(unfinished, 'wx', FILE_MODE);
    });
    try {
      try {
        await handle.writeFile(content);
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      await removeIfThere(unfinished);
      throw error;
    }
    return unfinished;
  }

  /** Gives an unfinished file its name; false when the name is taken. */
  async #publish(unfinished: string, file: string, signal: AbortSignal): Promise<boolean> {
    try {
      await link(unfinished, file);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      if (!NO_HARD_LINKS.has(codeOf(error))) throw error;
      // exFAT and some file systems of other machines have no hard links.
      const isCreated = await this.#locked(file, signal, async (isStillMine) => {
        if (await exists(file)) return false;
        if (!(await isStillMine())) return 'lost';
        await rename(unfinished, file);
        return true;
      });
      if (!isCreated) return false;
    }
    await syncFolder(dirname(file));
    return true;
  }

  /** Makes a folder with its parents, and flushes the entry of each new one to the disk. */
  async #makeFolder(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  }

  /**
   * Calls `change` while no other process changes the file in this way. `change` asks `isStillMine` immediately before its
   * change, and returns 'lost' when it may not make the change: it is then called again.
   */
  async #locked(
    file: string,
    signal: AbortSignal,
    change: (isStillMine: () => Promise<boolean>) => Promise<boolean | 'lost'>,
  ): Promise<boolean> {
    const lock = join(dirname(file), `${LOCK}${versionOf(Buffer.from(file)).slice(0, 16)}`);
    const mine = randomBytes(9).toString('base64url');
    for (;;) {
      await this.#takeLock(lock, mine, signal);
      const sinceMs = this.#clock.now();
      try {
        const done = await change(
          async () => (await readOrNull(lock)) === mine && this.#clock.now() - sinceMs < LOCK_MS,
        );
        if (done !== 'lost') return done;
      } finally {
        if ((await readOrNull(lock)) === mine) await removeIfThere(lock);
      }
    }
  }

  /** Resolves when this process holds the lock. */
  async #takeLock(lock: string, mine: string, signal: AbortSignal): Promise<void> {
    let seen: string | null = null;
    let sinceMs = 0;
    for (;;) {
      signal.throwIfAborted();
      try {
        const handle = await open(lock, 'wx', FILE_MODE);
        try {
          await handle.writeFile(mine);
        } finally {
          await handle.close();
        }
        return;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
      const holder = await readOrNull(lock);
      if (holder !== seen) {
        seen = holder;
        sinceMs = this.#clock.now();
      } else if (holder !== null && this.#clock.now() - sinceMs > STALE_LOCK_MS) {
        await removeIfThere(lock);
        seen = null;
      }
      await this.#clock.sleep(LOCK_PAUSE_MS, signal);
    }
  }

  async *#walk(folder: string, prefix: string, signal: AbortSignal): AsyncGenerator<StoredFile> {
    signal.throwIfAborted();
    const entries = await this.#explained(folder, async () => await this.#entriesOf(folder));
    const found = entries.filter(
      ({ path }) => path.startsWith(prefix) || (path.endsWith('/') && prefix.startsWith(path)),
    );
    // Files before the next folder, so that one portion of them is measured at a time.
    for (let at = 0; at < found.length; ) {
      const next = found[at];
      if (next?.path.endsWith('/')) {
        yield* this.#walk(next.path, prefix, signal);
        at += 1;
        continue;
      }
      const untilFolder = found.slice(at, at + 512).findIndex(({ path }) => path.endsWith('/'));
      const files = found.slice(at, at + (untilFolder === -1 ? 512 : untilFolder));
      signal.throwIfAborted();
      const measured = await this.#explained(folder, () =>
        mapAtOnce(files, STATS_AT_ONCE, async ({ path }) => ({ path, bytes: await bytesOf(join(this.name, path)) })),
      );
      for (const { path, bytes } of measured) if (bytes !== null) yield { path, bytes };
      at += files.length;
    }
  }

  /** The files and folders (which end with a slash) in `folder`, in the order of the paths below them. */
  async #entriesOf(folder: string): Promise<{ readonly path: string }[]> {
    let entries: Dirent[];
    try {
      entries = await readdir(join(this.name, folder), { withFileTypes: true });
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
    const found: { path: string; bytes: Buffer }[] = [];
    for (const entry of entries) {
      if (isOwn(entry.name)) continue;
      let isFolder = entry.isDirectory();
      let isFile = entry.isFile();
      if (entry.isSymbolicLink()) {
        const target = join(this.name, folder, entry.name);
        await this.#requireInside(target);
        // A folder inside is listed where it is; a link to a parent folder would have no end.
        isFile = (await statOrNull(target))?.isFile() ?? false;
        isFolder = false;
      }
      if (!isFile && !isFolder) continue;
      const path = `${folder}${entry.name}${isFolder ? '/' : ''}`;
      found.push({ path, bytes: Buffer.from(path) });
    }
    return found.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  }

  async #explained<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw explainFolderError(error, this.name, path);
    }
  }
}

/** Whether the name is one of this file's own: an unfinished file or a lock. */
function isOwn(name: string): boolean {
  return name.startsWith(UNFINISHED) || name.startsWith(LOCK);
}

function versionOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

async function hasVersion(file: string, version: string): Promise<boolean> {
  const content = await unlessMissing(readFile(file));
  return content !== null && versionOf(content) === version;
}

/** Removes empty folders, from `last` up to `first`. */
async function removeFolders(last: string, first: string): Promise<void> {
  for (let folder = last; folder.length >= first.length; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch (error) {
      // Another process has made a file there.
      if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error))) return;
      throw error;
    }
  }
}

async function exists(file: string): Promise<boolean> {
  return (await unlessMissing(lstat(file))) !== null;
}

async function bytesOf(file: string): Promise<number | null> {
  return (await statOrNull(file))?.size ?? null;
}

function statOrNull(path: string) {
  return unlessMissing(stat(path));
}

function realOrNull(path: string) {
  return unlessMissing(realpath(path));
}

function readOrNull(path: string) {
  return unlessMissing(readFile(path, 'utf8'));
}
