/** The file `state.json` of a copy: whose mailbox it is, and the history id up to which the copy is complete. */
import { crc32 } from 'node:zlib';
import type { FileStore } from '../base/file-store.ts';
import { isObject, parseJson } from '../base/json.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { ConfigError, CredentialError, type RefusedError } from '../errors.ts';
import { isHistoryId } from '../gmail/history-id.ts';
import { isMessageId } from '../gmail/ids.ts';
import { quote } from '../screen/command-spelling.ts';
import { INDEX } from './index-writer.ts';

const STATE_PATH = 'state.json';

/** A later version may write a higher number; this program refuses such a copy. */
const FORMAT = 1;

export interface CopyState {
  readonly format: typeof FORMAT;
  readonly email: string;
  /** The next run reads the mailbox's history from here. */
  readonly historyId: string;
  /** `listed`, and no message failed. */
  readonly complete: boolean;
  /** Whether messages in Spam and Trash are copied. */
  readonly spamTrash: boolean;
  /** The user's own labels: id → name. */
  readonly labels: Readonly<Record<string, string>>;
  /** Whether every message of a whole listing is copied or in `failed`. */
  readonly listed: boolean;
  /** The ids of messages that Gmail did not give; the next run tries them again. */
  readonly failed: readonly string[];
  /** Keys of other versions, which `writeState` keeps. */
  readonly further?: Readonly<Record<string, unknown>>;
}

export interface StoredState {
  readonly state: CopyState;
  /** False when the file lacks the sum that it names: a byte was flipped, or a person edited it. */
  readonly isSound: boolean;
  /** For `writeState`. */
  readonly version: string;
}

/**
 * The state of the copy; null when the place has none. `address` is the mailbox that the copy must belong to.
 * @throws ConfigError (78) for a state that cannot be read or has another format, CredentialError (77) for another mailbox.
 */
export async function readState(store: FileStore, signal: AbortSignal, address?: string): Promise<StoredState | null> {
  const file = await store.read(STATE_PATH, signal);
  if (file === null) return null;
  const text = file.content.toString('utf8');
  const state = parseState(text, store.name);
  if (address !== undefined && !isSameMailbox(state.email, address)) {
    throw new CredentialError(
      `${store.name} holds a copy of the mailbox ${state.email}, but this is ${address}`,
      'Name another place, or use the credentials of that mailbox.',
    );
  }
  return { state, isSound: hasItsSum(text), version: file.version };
}

/**
 * The state of a copy that is read, whose place `option` names. `Lost` is thrown when only the state is missing.
 * @throws ConfigError (78) where there is no copy, and as readState().
 */
export async function requireState(
  store: FileStore,
  signal: AbortSignal,
  { option, address, Lost = ConfigError }: RequiredState,
): Promise<StoredState> {
  const stored = await readState(store, signal, address);
  if (stored !== null) return stored;
  if (await hasIndex(store, signal)) {
    throw new Lost(
      `the copy in ${store.name} has messages and an index, but its state.json is missing`,
      `Run ${exportCommand(store)}: it writes state.json again, and keeps the messages that are there. If the mailbox is gone, write the file by hand: "Layout of a copy" in jobs/README.md has its text.`,
    );
  }
  const making = option === '--into' ? `; ${exportCommand(store)} makes a copy there` : '';
  throw new ConfigError(
    `${store.name} holds no copy of a mailbox`,
    `Name the place of the copy with ${option} or EXPORT_URL${making}.`,
  );
}

export interface RequiredState {
  readonly option: '--into' | '--copy';
  readonly address?: string;
  readonly Lost?: typeof ConfigError | typeof RefusedError;
}

/** Whether the place has an index: without a state.json, somebody deleted that file. */
export async function hasIndex(store: FileStore, signal: AbortSignal): Promise<boolean> {
  for await (const _ of store.list(INDEX, signal)) return true;
  return false;
}

/** The command that exports to this place, as messages name it. */
export function exportCommand({ name }: FileStore, ...options: readonly string[]): string {
  return `\`${['job export --into', quote(name), ...options].join(' ')}\``;
}

/**
 * Writes the state in place of the one with this version; null for none. Returns the new version, or null, without a change,
 * when another run has written the state.
 */
export function writeState(
  store: FileStore,
  { further = {}, ...state }: CopyState,
  version: string | null,
  signal: AbortSignal,
): Promise<string | null> {
  const text = JSON.stringify({ ...state, ...further });
  const withSum = `${text.slice(0, -1)},"sum":"${sumOf(text)}"}\n`;
  return store.replace(STATE_PATH, Buffer.from(withSum), version, signal);
}

/** A state of another program may have no sum. */
function hasItsSum(text: string): boolean {
  const [, content, sum] = /^(.*),"sum":"([^"]*)"\}\n?$/s.exec(text) ?? [];
  return content === undefined || sum === sumOf(`${content}}`);
}

function sumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}

/** @throws ConfigError for text that is no state of format 1. */
function parseState(text: string, place: string): CopyState {
  const value = parseJson(text.replace(/^\uFEFF/, ''));
  if (!isObject(value)) throw damaged(place, 'it is no JSON object');
  const { format, email, historyId, complete, spamTrash, labels, listed = complete, failed = [], ...rest } = value;
  const { sum: _, ...further } = rest;
  if (typeof format !== 'number') throw damaged(place, 'it has no format');
  if (format !== FORMAT) {
    throw new ConfigError(
      `the copy in ${place} has the format ${format}, and this version reads format ${FORMAT} only`,
      'Use the version of gmail-jobs that wrote the copy, or a newer one; or name another place.',
    );
  }
  if (typeof email !== 'string' || email === '') throw damaged(place, 'it has no email');
  if (!isHistoryId(historyId)) throw damaged(place, 'historyId is no whole number in quotes');
  if (typeof complete !== 'boolean') throw damaged(place, 'complete is neither true nor false');
  if (typeof spamTrash !== 'boolean') throw damaged(place, 'spamTrash is neither true nor false');
  if (typeof listed !== 'boolean') throw damaged(place, 'listed is neither true nor false');
  if (!isObject(labels) || !isRecordOfNames(labels)) throw damaged(place, 'labels is no object of names');
  if (!Array.isArray(failed) || !failed.every(isMessageId)) throw damaged(place, 'failed is no list of message ids');
  return {
    format: FORMAT,
    email,
    historyId,
    complete,
    spamTrash,
    // Without a prototype, so that a label's id such as `constructor` finds nothing.
    labels: Object.assign(Object.create(null), labels),
    listed,
    failed: [...new Set(failed)],
    further,
  };
}

function isRecordOfNames(labels: Readonly<Record<string, unknown>>): labels is Readonly<Record<string, string>> {
  return Object.values(labels).every((name) => typeof name === 'string' && name !== '');
}

function damaged(place: string, problem: string): ConfigError {
  return new ConfigError(
    `state.json in ${place} is damaged: ${problem}`,
    'Put back an older version of state.json, or delete it: the next export then writes it again, and keeps the messages that are there.',
  );
}
