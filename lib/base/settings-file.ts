/** Reads the text of a settings file, such as rules.yaml, or says why it cannot be read. */
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { ConfigError } from '../errors.ts';

export interface SettingsFile {
  readonly path: string;
  /** The file as messages name it: `the rules file jobs/rules.yaml`. */
  readonly name: string;
  /** The variable that holds the path. */
  readonly variable: string;
  /** The next step when there is no such file. */
  readonly remedy: string;
}

/** @throws ConfigError when the file cannot be read. */
export async function readSettingsFile({ path, name, variable, remedy }: SettingsFile): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_ACCESS_DENIED') {
      throw new ConfigError(
        `${name} is outside the app's folder, where this process may not read`,
        `Put it into the app's folder and set ${variable} to its path there, or add --allow-fs-read=<its folder> to the command in the Procfile.`,
        { cause: error },
      );
    }
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`;
    throw new ConfigError(`${name} ${why}`, remedy, { cause: error });
  }
}

/** `path` relative to the working folder; unchanged outside of that folder, and when that folder was deleted. */
export function shortPath(path: string): string {
  try {
    const short = relative('', path);
    return short === '' || short.startsWith('..') ? path : short;
  } catch {
    return path;
  }
}
