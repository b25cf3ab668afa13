/** The sentences, numbers and times of a digest, shared by its HTML and its plain text. */
import { DateTime } from 'luxon';
import { counted, formatCount } from '../base/count.ts';
import { DAY_MS } from '../base/duration.ts';
import type { Count, DigestContents } from './contents.ts';
import type { Period } from './period.ts';

const HOUR_MS = 3_600_000;

export const HEADINGS = {
  waiting: 'Waiting longest for an answer',
  unread: 'Unread',
  senders: 'Who wrote',
  largest: 'Largest',
} as const;

/** Such as `Your day in mail`. */
export function nameDigest(period: Period): string {
  return period.kind === 'day' ? 'Your day in mail' : 'Your week in mail';
}

export function writeSubject(period: Period): string {
  return `${nameDigest(period)}: ${period.title}`;
}

/** The words after the number of messages: `messages came in`. */
export function describeArrival(total: number): string {
  return total === 1 ? 'message came in' : 'messages came in';
}

export function describeUnread({ total, unread }: DigestContents): string {
  if (unread === 0) return 'All of it is read.';
  if (total === 1) return 'It is still unread.';
  if (unread === total) return 'All of them are still unread.';
  return unread === 1 ? 'One is still unread.' : `${formatCount(unread)} are still unread.`;
}

/** Shown for a period without mail. */
export const QUIET = 'Nothing came in. Enjoy the quiet.';

/** The line that Gmail's list of messages shows beside the subject. */
export function summarize(contents: DigestContents): string {
  const { total, now } = contents;
  const [longest] = contents.waiting;
  const first = total === 0 ? QUIET : `${formatCount(total)} ${describeArrival(total)}. ${describeUnread(contents)}`;
  return longest === undefined
    ? first
    : `${first} The longest wait for an answer is ${formatMessageAge(longest.receivedAt, now)}.`;
}

export function countStates(contents: DigestContents): Count[] {
  return [
    { name: 'Unread', count: contents.unread },
    { name: 'Important', count: contents.important },
    { name: 'Starred', count: contents.starred },
    { name: 'With files', count: contents.withAttachments },
  ];
}

/** Sentences at the end of the digest that say how its numbers were found. */
export function writeNotes({ period, total, read, spam, trash, waiting }: DigestContents): string[] {
  const left = [
    spam > 0 ? `${formatCount(spam)} in Spam` : '',
    trash > 0 ? `${formatCount(trash)} in Trash` : '',
  ].filter(Boolean);
  return [
    ...(read < total
      ? [
          `Senders, sizes and the unread list come from the newest ${formatCount(read)} of ${formatCount(total)} messages.`,
        ]
      : []),
    ...(left.length > 0 ? [`Not counted: ${left.join(' and ')}.`] : []),
    ...(waiting.length > 0
      ? ['Waiting: conversations in the inbox, of the last twelve months, without newsletters and notices.']
      : []),
    `Times are those of ${period.timeZone}. gmail-jobs put this into your inbox; nothing was sent.`,
  ];
}

/** A message's time within its period: `14:05`, or `Mon 14:05`. */
export function formatTime(receivedAt: Date, { kind, timeZone }: Period): string {
  const local = DateTime.fromJSDate(receivedAt, { zone: timeZone }).setLocale('en-GB');
  return local.toFormat(kind === 'day' ? 'HH:mm' : 'ccc HH:mm');
}

/** A message's age: `3 hours`, `12 days`. */
export function formatMessageAge(receivedAt: Date, now: Date): string {
  const ms = Math.max(0, now.getTime() - receivedAt.getTime());
  const [amount, unit] = ms < 2 * DAY_MS ? [Math.floor(ms / HOUR_MS), 'hour'] : [Math.floor(ms / DAY_MS), 'day'];
  if (amount === 0) return 'under an hour';
  return counted(amount, unit);
}

/** A size as Gmail shows it: `12 KB`, `3.4 MB`. */
export function formatSize(bytes: number): string {
  const megabytes = bytes / 1024 ** 2;
  if (megabytes < 0.95) return `${Math.max(1, Math.round(bytes / 1024))} KB`;
  return `${megabytes < 9.95 ? megabytes.toFixed(1) : Math.round(megabytes)} MB`;
}
