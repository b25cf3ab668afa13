// The methods threads.list and threads.get.
import type { StoredMessage } from '../mailbox.ts';
import { type Call, pageOf } from './call.ts';
import { GmailRefusal, googleErrors } from './errors.ts';
import { formatOf, search } from './messages.ts';
import { historyId, renderMessage, snippet } from './render.ts';

export function listThreads(call: Call): object {
  const newest = new Map<string, StoredMessage>();
  for (const message of search(call)) if (!newest.has(message.threadId)) newest.set(message.threadId, message);
  const { items, rest } = pageOf(call, [...newest.values()]);
  const threads = items.map((message) => ({
    id: message.threadId,
    snippet: snippet(message),
    historyId: historyId(message),
  }));
  return { ...(threads.length === 0 ? {} : { threads }), ...rest };
}

export function getThread(call: Call): object {
  const format = formatOf(call, ['full', 'metadata', 'minimal']);
  const messages = call.mailbox.messages().filter(({ threadId }) => threadId === call.id);
  const newest = messages[0];
  if (newest === undefined) throw new GmailRefusal(googleErrors.notFound());
  const metadataHeaders = call.request.query.getAll('metadataHeaders');
  return {
    id: call.id,
    historyId: historyId(newest),
    messages: messages.toReversed().map((message) => renderMessage(message, format, metadataHeaders)),
  };
}
