/**
 * Gathers the numbers and messages of a digest. All counts come from searches; only the newest messages are read, because
 * reading one message costs 20 quota units, as much as a search that lists 2,000.
 */
import { type Label, labelSearch } from '../gmail/labels.ts';
import type { MessageRef } from '../gmail/list-page.ts';
import { parseSender, type Sender, subjectLine } from '../gmail/mail-text.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { ReadMessage } from '../gmail/messages.ts';
import { windowTerms } from '../gmail/windows.ts';
import type { Period } from './period.ts';

export const MOST_READ = 200;

const MOST_SENDERS = 5;
const MOST_LARGEST = 5;
const MOST_UNREAD = 8;
const MOST_WAITING = 5;

/** Gmail's categories of bulk mail; mail in none of them is in Gmail's "Primary". */
const BULK_CATEGORIES = ['Updates', 'Promotions', 'Social', 'Forums'] as const;

/** Older mail is left out: a reminder after more than a year helps nobody. */
const LONGEST_WAIT = '1y';

const HEADERS = ['From', 'Subject'];

export interface Count {
  readonly name: string;
  readonly count: number;
}

export interface DigestLine {
  readonly threadId: string;
  readonly sender: Sender;
  readonly subject: string;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
}

export interface DigestContents {
  readonly period: Period;
  /** When the contents were gathered. */
  readonly now: Date;
  /** The mailbox's own address. */
  readonly address: string;
  /** Messages that arrived, without those in Spam and Trash. */
  readonly total: number;
  /** Only categories with mail. */
  readonly categories: readonly Count[];
  readonly unread: number;
  readonly important: number;
  readonly starred: number;
  readonly withAttachments: number;
  /** Not part of `total`. */
  readonly spam: number;
  readonly trash: number;
  /** How many of the newest messages were read; all fields below come from these. */
  readonly read: number;
  readonly senders: readonly (Sender & { readonly count: number })[];
  readonly largest: readonly DigestLine[];
  /** Unread messages, bulk mail last, the newest first. */
  readonly unreadMessages: readonly DigestLine[];
  /** Conversations in the whole inbox whose last message is somebody else's, the oldest first. */
  readonly waiting: readonly DigestLine[];
}

type Reader = Pick<Mailbox, 'search' | 'read'>;

/**
 * Counts the mail that arrived in `period`, and finds the conversations that wait for an answer `now`. Leaves out digests,
 * which carry the label `mark`. Includes mail whose sender is the mailbox's own address, since contact forms send such mail.
 */
export async function gatherContents(
  mailbox: Reader,
  { address, period, mark, now }: { address: string; period: Period; mark: Label; now: Date },
): Promise<DigestContents> {
  const received = `-in:sent -${labelSearch(mark.name)}`;
  const bounds = windowTerms({ name: period.id, fromS: period.startS, toS: period.endS }).join(' ');
  const incoming = `${bounds} ${received} -in:drafts -in:chats`;
  const count = async (condition: string) => (await mailbox.search(`${incoming} ${condition}`)).length;
  const [all, states, bulk, waiting] = await Promise.all([
    mailbox.search(incoming),
    Promise.all(['is:unread', 'is:important', 'is:starred', 'has:attachment', 'in:spam', 'in:trash'].map(count)),
    Promise.all(BULK_CATEGORIES.map((name) => mailbox.search(`${incoming} category:${name.toLowerCase()}`))),
    findWaiting(mailbox, received),
  ]);
  const [unread = 0, important = 0, starred = 0, withAttachments = 0, spam = 0, trash = 0] = states;
  const newest = all.slice(0, MOST_READ - waiting.length).map(({ id }) => id);
  const messages = await mailbox.read([...new Set([...newest, ...waiting])], HEADERS);
  const byId = new Map(messages.map((message) => [message.id, message]));
  const pick = (ids: readonly string[]) => ids.flatMap((id) => byId.get(id) ?? []);
  const read = pick(newest);
  const bulkIds = new Set(bulk.flat().map(({ id }) => id));
  return {
    period,
    now,
    address,
    total: all.length,
    categories: countCategories(all, bulk, bulkIds),
    unread,
    important,
    starred,
    withAttachments,
    spam,
    trash,
    read: read.length,
    senders: countSenders(read),
    largest: read
      .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, MOST_LARGEST)
      .map(toLine),
    unreadMessages: pickUnread(read, bulkIds),
    waiting: pick(waiting).map(toLine),
  };
}

/**
 * Returns the messages that have waited longest for an answer, the oldest first: the newest message of each conversation,
 * when it is in the inbox and nothing was sent after it. Leaves out bulk mail and the person's own mail.
 */
async function findWaiting(mailbox: Reader, received: string): Promise<string[]> {
  const bulk = BULK_CATEGORIES.map((name) => `-category:${name.toLowerCase()}`).join(' ');
  const inbox = `(in:inbox ${received} ${bulk})`;
  const [both, sent] = await Promise.all([
    mailbox.search(`(${inbox} OR in:sent) newer_than:${LONGEST_WAIT}`),
    mailbox.search(`in:sent newer_than:${LONGEST_WAIT}`),
  ]);
  const newestOfThread = new Map<string, string>();
  for (const { id, threadId } of both) if (!newestOfThread.has(threadId)) newestOfThread.set(threadId, id);
  const answers = new Set(sent.map(({ id }) => id));
  const unanswered = [...newestOfThread.values()].filter((id) => !answers.has(id));
  return unanswered.slice(-MOST_WAITING).reverse();
}

function countCategories(
  all: readonly MessageRef[],
  bulk: readonly (readonly MessageRef[])[],
  bulkIds: ReadonlySet<string>,
): Count[] {
  const primary = all.filter(({ id }) => !bulkIds.has(id)).length;
  const counts = BULK_CATEGORIES.map((name, index) => ({ name, count: bulk[index]?.length ?? 0 }));
  return [{ name: 'Primary', count: primary }, ...counts].filter(({ count }) => count > 0);
}

function countSenders(messages: readonly ReadMessage[]): (Sender & { count: number })[] {
  const senders = new Map<string, Sender & { count: number }>();
  for (const message of messages) {
    const sender = parseSender(message.header('From'));
    const key = sender.address || sender.name;
    const known = senders.get(key);
    if (known === undefined) senders.set(key, { ...sender, count: 1 });
    else known.count += 1;
  }
  return [...senders.values()].sort((a, b) => b.count - a.count).slice(0, MOST_SENDERS);
}

function pickUnread(messages: readonly ReadMessage[], bulkIds: ReadonlySet<string>): DigestLine[] {
  const unread = messages.filter(({ labelIds }) => labelIds.includes('UNREAD'));
  const bulkLast = unread.toSorted((a, b) => Number(bulkIds.has(a.id)) - Number(bulkIds.has(b.id)));
  return bulkLast.slice(0, MOST_UNREAD).map(toLine);
}

function toLine(message: ReadMessage): DigestLine {
  const { threadId, receivedAt, sizeBytes } = message;
  const sender = parseSender(message.header('From'));
  return { threadId, sender, subject: subjectLine(message.header('Subject')), receivedAt, sizeBytes };
}
