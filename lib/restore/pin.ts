/**
 * The file `restore.json` beside a copy: the mailbox's history id before the first import of a restore. A later run reads
 * from there which messages were added since: Gmail's search may not show the last ones yet, its history does.
 */
import type { FileStore } from '../base/file-store.ts';
import { isObject, parseJson } from '../base/json.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import { isHistoryId } from '../gmail/history-id.ts';

const PATH = 'restore.json';

export interface Pin {
  readonly email: string;
  readonly historyId: string;
  readonly startedAt: Date;
}

export interface StoredPin {
  /** Null when there is none for this mailbox. */
  readonly pin: Pin | null;
  /** The file's version, for `writePin`; null when there is none. */
  readonly version: string | null;
}

/** The pin for the mailbox `email`. A file that cannot be read as a pin counts as none, and is replaced later. */
export async function readPin(store: FileStore, email: string, signal: AbortSignal): Promise<StoredPin> {
  const file = await store.read(PATH, signal);
  if (file === null) return { pin: null, version: null };
  const value = parseJson(file.content.toString());
  const pin = isObject(value) ? pinIn(value) : null;
  return { pin: pin !== null && isSameMailbox(pin.email, email) ? pin : null, version: file.version };
}

function pinIn({ email, historyId, startedAt }: Readonly<Record<string, unknown>>): Pin | null {
  if (typeof email !== 'string' || !isHistoryId(historyId) || typeof startedAt !== 'string') return null;
  const time = new Date(startedAt);
  return Number.isNaN(time.getTime()) ? null : { email, historyId, startedAt: time };
}

/** Returns false, and writes nothing, when another run has replaced the file since. */
export async function writePin(
  store: FileStore,
  pin: Pin,
  version: string | null,
  signal: AbortSignal,
): Promise<boolean> {
  const text = `${JSON.stringify({ ...pin, startedAt: pin.startedAt.toISOString() })}\n`;
  return (await store.replace(PATH, Buffer.from(text), version, signal)) !== null;
}
