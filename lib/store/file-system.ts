/** For files in a folder that a person has named: modes, flushes, and the file system's errors with their remedies. */
import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError, JobError, RefusedError, UnavailableError } from '../errors.ts';

/** Mail is for its owner only. */
export const FILE_MODE = 0o600;
export const FOLDER_MODE = 0o700;

/** @throws ConfigError, on a dyno with `remedyOnDyno`; also for a path whose ~ the shell did not replace. */
export function requireLastingFolder(path: string, isDyno: boolean, remedyOnDyno: string): void {
  if (isDyno) {
    throw new ConfigError(
      `${path} is a folder on the disk of this dyno, which Heroku deletes when the dyno ends`,
      remedyOnDyno,
    );
  }
  if (/^~(?:\/|$)/.test(path)) {
    throw new ConfigError(
      `the shell did not replace the ~ in ${path}`,
      'Write the whole path of the folder, such as /home/alice/mail.',
    );
  }
}

/** Answers to link() by file systems without hard links. Source: link(2). */
export const NO_HARD_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** An error of the file system with its remedy. Other errors are returned unchanged. `path` is in `folder`; '' for the folder. */
export function explainFolderError(error: unknown, folder: string, path = ''): Error {
  const { code = '', syscall = '', path: at = '' } = (error ?? {}) as NodeJS.ErrnoException;
  if (error instanceof JobError || code === '') return error as Error;
  const what = path === '' ? folder : join(folder, path);
  if (code === 'ERR_ACCESS_DENIED') return locked(folder, error);
  if (['ENOENT', 'ENOTDIR', 'EEXIST'].includes(code)) {
    const obstacle = findObstacle(at || what);
    if (obstacle !== undefined) {
      return new ConfigError(obstacle.problem, `${obstacle.remedy}, or name another folder than ${folder}.`);
    }
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    const how = code === 'EROFS' ? 'the disk is mounted read-only' : 'the operating system denies it';
    return new ConfigError(
      `the files in ${folder} cannot be used: ${how} (${code}, ${syscall} ${at || what})`,
      'Give the user who runs the program read and write permission for this folder and what is in it, or name another folder.',
    );
  }
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)) {
    // A disk does not become empty by itself, so it is no failure that the next run may pass.
    return new ConfigError(
      `there is no space for the files in ${folder} (${code})`,
      'Free space on the disk (or raise the quota of the user), or name a folder on another disk; then run again: nothing that was written is lost.',
    );
  }
  if (['ENOTDIR', 'EEXIST', 'EISDIR'].includes(code)) {
    const [found, expected] = code === 'EISDIR' ? ['a folder', 'a file'] : ['a file', 'a folder'];
    return new ConfigError(
      `${at || what} is ${found}, but ${expected} is expected there`,
      `Move it away, or name another folder than ${folder}.`,
    );
  }
  if (['ENAMETOOLONG', 'EILSEQ', 'EINVAL'].includes(code)) {
    return new RefusedError(
      `the file system of ${folder} does not accept the name of ${JSON.stringify(path)} (${code})`,
      'Choose a shorter name without special characters.',
    );
  }
  if (PASSING.has(code)) {
    return new UnavailableError(
      `the files in ${folder} could not be used (${code}, ${syscall})`,
      'Nothing to do unless it lasts: the next run tries again. If it lasts, check the disk, or the network to it.',
    );
  }
  return new ConfigError(
    `the files in ${folder} could not be used (${code}, ${syscall} ${at || what})`,
    'Check the folder and its disk, or name another folder.',
  );
}

interface Obstacle {
  readonly problem: string;
  /** The beginning of a sentence. */
  readonly remedy: string;
}

/** The file or broken link that stands in the path where a folder is expected; undefined when there is none. */
function findObstacle(path: string): Obstacle | undefined {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const entry = lookAt(lstatSync, at);
    if (entry === undefined) continue;
    const target = entry.isSymbolicLink() ? lookAt(statSync, at) : entry;
    if (target === undefined) {
      const problem = `${at} is a link to ${readlinkSync(at)}, which does not exist`;
      return { problem, remedy: 'Mount the disk to which the link leads, or correct the link' };
    }
    if (target.isDirectory()) return undefined;
    return { problem: `${at} is a file, but a folder is expected there`, remedy: 'Move it away' };
  }
  return undefined;
}

/** Undefined when there is nothing, or when the process may not look. */
function lookAt(look: (path: string) => Stats, path: string): Stats | undefined {
  try {
    return look(path);
  } catch {
    return undefined;
  }
}

/** The code of an error of the file system, such as ENOENT; '' for other errors. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? '';
}

/** Failures of the machine or of a network disk that may pass by themselves. Source: errno(3). */
const PASSING: ReadonlySet<string> = new Set([
  ...['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'ENOLCK', 'ESTALE', 'ETIMEDOUT'],
  ...['EHOSTDOWN', 'EHOSTUNREACH', 'ENETDOWN', 'ENETUNREACH', 'ECONNRESET', 'ENOTCONN', 'EREMOTEIO'],
]);

/** Node's permission model keeps the process from the folder. */
function locked(folder: string, error: unknown): ConfigError {
  const { permission } = error as { permission?: string };
  const write = `--allow-fs-write=${folder}`;
  // Node allows the files in a folder only when the folder exists at the start (seen with 24.21).
  const where = 'to the command in the Procfile, behind --permission';
  return permission === 'FileSystemRead'
    ? new ConfigError(
        `the process may not read ${folder}, because it runs with --permission`,
        `Create the folder, and add --allow-fs-read=${folder} ${where}; to write there, add ${write} too.`,
      )
    : new ConfigError(
        `the process may not write into ${folder}, because it runs with --permission`,
        `Create the folder, and add ${write} ${where}.`,
      );
}

/** Flushes the entries of a folder to the disk, where the system can. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EBADF', 'EPERM'].includes(codeOf(error))) throw error;
  } finally {
    await handle.close();
  }
}

/** Deletes the files in a folder whose names `isUnfinished` accepts and that were not written for `olderThanMs`: killed runs left them. */
export async function deleteLeftovers(
  folder: string,
  isUnfinished: (name: string) => boolean,
  olderThanMs: number,
): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!isUnfinished(name)) continue;
    const path = join(folder, name);
    const mtimeMs = (await unlessMissing(stat(path)))?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - mtimeMs > olderThanMs) await removeIfThere(path);
  }
}

export async function removeIfThere(path: string): Promise<void> {
  await unlessMissing(unlink(path));
}

/** Null when there is no such file. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
