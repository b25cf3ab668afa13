/** Renders a digest as plain text, for mail programs that show no HTML. */
import { formatCount } from '../base/count.ts';
import type { Count, DigestContents, DigestLine } from './contents.ts';
import * as wording from './wording.ts';

const BAR_LENGTH = 24;

export function renderText(contents: DigestContents): string {
  const { period, now } = contents;
  const { waiting, unread, senders, largest } = wording.HEADINGS;
  const more = contents.unread - contents.unreadMessages.length;
  const parts = [
    [wording.nameDigest(period).toUpperCase(), period.title],
    contents.total === 0 ? [wording.QUIET] : overview(contents),
    list(waiting, contents.waiting, ({ receivedAt }) => wording.formatMessageAge(receivedAt, now)),
    [
      ...list(unread, contents.unreadMessages, ({ receivedAt }) => wording.formatTime(receivedAt, period)),
      ...(more > 0 && contents.unreadMessages.length > 0 ? [`  and ${formatCount(more)} more`] : []),
    ],
    contents.senders.length === 0
      ? []
      : [
          senders.toUpperCase(),
          ...contents.senders.map(({ name, count }) => `  ${formatCount(count).padStart(5)}  ${unlinked(name)}`),
        ],
    list(largest, contents.largest, ({ sizeBytes }) => wording.formatSize(sizeBytes)),
    ['--', ...wording.writeNotes(contents)],
  ];
  return `${parts
    .filter((part) => part.length > 0)
    .map((part) => part.join('\n'))
    .join('\n\n')}\n`;
}

function overview(contents: DigestContents): string[] {
  const { total, categories } = contents;
  const width = Math.max(...categories.map(({ name }) => name.length));
  const bar = ({ name, count }: Count) => {
    const length = Math.max(1, Math.round((BAR_LENGTH * count) / total));
    return `  ${name.padEnd(width)}  ${formatCount(count).padStart(6)}  ${'█'.repeat(length)}`;
  };
  return [
    `${formatCount(total)} ${wording.describeArrival(total)}. ${wording.describeUnread(contents)}`,
    '',
    ...categories.map(bar),
    '',
    `  ${wording
      .countStates(contents)
      .map(({ name, count }) => `${name} ${formatCount(count)}`)
      .join(' · ')}`,
  ];
}

/** Message lines under a heading, each with a time or size in front; no lines at all without messages. */
function list(heading: string, lines: readonly DigestLine[], front: (line: DigestLine) => string): string[] {
  const width = Math.max(...lines.map((line) => front(line).length));
  const rows = lines.map(
    (line) => `  ${front(line).padStart(width)}  ${unlinked(line.sender.name)}: ${unlinked(line.subject)}`,
  );
  return rows.length === 0 ? [] : [heading.toUpperCase(), ...rows];
}

/** Mail programs turn web addresses in plain text into links; an invisible word joiner prevents that. */
function unlinked(text: string): string {
  return text.replaceAll('://', ':\u2060//').replace(/\bwww\./gi, '$&\u2060');
}
