/** Reads the history of a mailbox: changes since a history id. Unlike searches, it shows changes at once. */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import type { GmailClient } from './client.ts';
import { IdCollector, type IdSet } from './ids.ts';
import { GmailRefusal } from './responses.ts';

/** Gmail's largest page of history records. */
const RECORDS_PER_PAGE = 500;

const CHANGES = ['labelAdded', 'labelRemoved', 'messageDeleted'];

/** A message, and the labels that a record added to it or removed from it. */
export interface LabelledMessage {
  readonly id: string;
  readonly labelIds: readonly string[];
}

/** The changes of one moment. */
export interface HistoryRecord {
  readonly id: string;
  /** New messages, with their labels as far as Gmail says them. */
  readonly added: readonly LabelledMessage[];
  readonly labelsAdded: readonly LabelledMessage[];
  readonly labelsRemoved: readonly LabelledMessage[];
  /** The ids of messages that were deleted permanently. */
  readonly deleted: readonly string[];
}

export interface HistoryPage {
  /** Oldest first. */
  readonly records: readonly HistoryRecord[];
  readonly next: string | undefined;
  /** The mailbox's current history id. */
  readonly historyId: string;
}

/**
 * All changes of the mailbox after the history id `since`, page by page; null when Gmail no longer knows that id, after about
 * a week. 2 quota units for each 500.
 */
export async function readHistoryPage(
  client: GmailClient,
  since: string,
  pageToken: string | undefined,
  signal: AbortSignal,
): Promise<HistoryPage | null> {
  const page = await readPage(client, { since, pageToken, historyTypes: ['messageAdded', ...CHANGES] }, signal);
  if (page === null) return null;
  const records = (page.history ?? []).map(
    (record): HistoryRecord => ({
      id: record.id ?? '0',
      added: (record.messagesAdded ?? []).flatMap(({ message }) => labelled(message?.id, message?.labelIds)),
      labelsAdded: (record.labelsAdded ?? []).flatMap(({ message, labelIds }) => labelled(message?.id, labelIds)),
      labelsRemoved: (record.labelsRemoved ?? []).flatMap(({ message, labelIds }) => labelled(message?.id, labelIds)),
      deleted: (record.messagesDeleted ?? []).flatMap(({ message }) => message?.id ?? []),
    }),
  );
  return { records, next: page.nextPageToken || undefined, historyId: page.historyId ?? since };
}

function labelled(id: string | null | undefined, labelIds: readonly string[] | null | undefined): LabelledMessage[] {
  return id ? [{ id, labelIds: labelIds ?? [] }] : [];
}

export interface HistoryChanges {
  /** Label id → message id → whether the last change added the label (true) or removed it (false). */
  readonly labels: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
  /** The ids of messages that were deleted permanently. */
  readonly deleted: ReadonlySet<string>;
}

/**
 * The changes to the messages of `among` after `since`, the history id of a message or of the mailbox; null when Gmail no
 * longer knows that id, after about a week. 2 quota units for each 500 changes of the mailbox.
 */
export async function readHistory(
  client: GmailClient,
  since: string,
  among: IdSet,
  signal: AbortSignal,
): Promise<HistoryChanges | null> {
  const labels = new Map<string, Map<string, boolean>>();
  const deleted = new Set<string>();
  const note = (changes: gmail_v1.Schema$HistoryLabelAdded[] | undefined, carries: boolean) => {
    for (const { message, labelIds } of changes ?? []) {
      const id = message?.id ?? '';
      if (id === '' || !among.has(id)) continue;
      for (const label of labelIds ?? []) {
        const messages = labels.get(label) ?? new Map<string, boolean>();
        labels.set(label, messages.set(id, carries));
      }
    }
  };
  let pageToken: string | undefined;
  do {
    const page = await readPage(client, { since, pageToken, historyTypes: CHANGES }, signal);
    if (page === null) return null;
    for (const { labelsAdded, labelsRemoved, messagesDeleted } of page.history ?? []) {
      note(labelsAdded, true);
      note(labelsRemoved, false);
      forgetContradictions(labelsAdded, labelsRemoved, labels);
      for (const { message } of messagesDeleted ?? []) {
        if (message?.id && among.has(message.id)) deleted.add(message.id);
      }
    }
    pageToken = page.nextPageToken ?? undefined;
  } while (pageToken !== undefined);
  return { labels, deleted };
}

/**
 * The ids of messages with this label that were added to the mailbox after the history id `since`, oldest first; none when
 * Gmail no longer knows that id. 2 quota units for each 500.
 */
export async function readAdded(
  client: GmailClient,
  since: string,
  labelId: string,
  signal: AbortSignal,
): Promise<string[]> {
  return (await readAdditions(client, since, signal, labelId))?.ids ?? [];
}

export interface Additions {
  /** Oldest first. Some of these messages may have been deleted again. */
  readonly ids: string[];
  /** The mailbox's history id at the time of the reading. */
  readonly historyId: string;
}

/**
 * The messages that were added to the mailbox after the history id `since`, with this label or any; null when Gmail no
 * longer knows that id. 2 quota units for each 500.
 */
export async function readAdditions(
  client: GmailClient,
  since: string,
  signal: AbortSignal,
  labelId?: string,
): Promise<Additions | null> {
  const ids: string[] = [];
  let historyId: string | undefined;
  let pageToken: string | undefined;
  do {
    const request = { since, pageToken, historyTypes: ['messageAdded'], ...(labelId !== undefined && { labelId }) };
    const page = await readPage(client, request, signal);
    if (page === null) return null;
    // The pages are of different moments, so the next reading begins at the first page's.
    historyId ??= page.historyId ?? since;
    for (const { messagesAdded } of page.history ?? []) {
      ids.push(...(messagesAdded ?? []).flatMap(({ message }) => message?.id ?? []));
    }
    pageToken = page.nextPageToken ?? undefined;
  } while (pageToken !== undefined);
  return { ids, historyId };
}

/**
 * The ids of the messages with any change after the history id `since`, additions and deletions included; null when Gmail no
 * longer knows that id. 2 quota units for each 500 changes of the mailbox.
 */
export async function readChangedIds(client: GmailClient, since: string, signal: AbortSignal): Promise<IdSet | null> {
  const ids = new IdCollector();
  const historyTypes = [...CHANGES, 'messageAdded'];
  let pageToken: string | undefined;
  do {
    const page = await readPage(client, { since, pageToken, historyTypes }, signal);
    if (page === null) return null;
    for (const { messagesAdded, messagesDeleted, labelsAdded, labelsRemoved } of page.history ?? []) {
      for (const changes of [messagesAdded, messagesDeleted, labelsAdded, labelsRemoved]) {
        for (const { message } of changes ?? []) if (message?.id) ids.add(message.id);
      }
    }
    pageToken = page.nextPageToken ?? undefined;
  } while (pageToken !== undefined);
  return ids.finish();
}

/** Forgets labels that one record both adds to a message and removes from it: the record does not say which came last. */
function forgetContradictions(
  added: gmail_v1.Schema$HistoryLabelAdded[] = [],
  removed: gmail_v1.Schema$HistoryLabelRemoved[] = [],
  labels: ReadonlyMap<string, Map<string, boolean>>,
): void {
  if (added.length === 0 || removed.length === 0) return;
  const got = new Set(
    added.flatMap(({ message, labelIds }) => (labelIds ?? []).map((label) => `${label} ${message?.id}`)),
  );
  for (const { message, labelIds } of removed) {
    for (const label of labelIds ?? [])
      if (got.has(`${label} ${message?.id}`)) labels.get(label)?.delete(message?.id ?? '');
  }
}

interface PageRequest {
  readonly since: string;
  readonly pageToken: string | undefined;
  readonly historyTypes: readonly string[];
  readonly labelId?: string;
}

async function readPage(client: GmailClient, request: PageRequest, signal: AbortSignal) {
  const { since, pageToken, historyTypes, labelId } = request;
  const params = {
    userId: 'me',
    startHistoryId: since,
    historyTypes: [...historyTypes],
    maxResults: RECORDS_PER_PAGE,
    fields:
      'history(id,messagesAdded/message(id,labelIds),labelsAdded(message/id,labelIds),labelsRemoved(message/id,labelIds),messagesDeleted/message/id),nextPageToken,historyId',
    ...(labelId !== undefined && { labelId }),
    ...(pageToken !== undefined && { pageToken }),
  };
  try {
    return await client.request<gmail_v1.Schema$ListHistoryResponse>(
      'history.list',
      (api, options) => api.users.history.list(params, options),
      signal,
    );
  } catch (error) {
    if (error instanceof GmailRefusal && error.status === 404) return null;
    throw error;
  }
}
