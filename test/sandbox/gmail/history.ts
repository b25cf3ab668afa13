// The method history.list.
import type { HistoryRecord } from '../history.ts';
import { type Call, invalidArgument, pageOf } from './call.ts';
import { GmailRefusal, googleErrors } from './errors.ts';

const TYPES = ['messageAdded', 'messageDeleted', 'labelAdded', 'labelRemoved'];

export function listHistory(call: Call): object {
  const { query } = call.request;
  const start = query.get('startHistoryId') ?? '';
  if (!/^\d{1,15}$/.test(start)) throw invalidArgument('Missing required parameter: startHistoryId');
  const wanted = query.getAll('historyTypes');
  const unknown = wanted.find((type) => !TYPES.includes(type));
  if (unknown !== undefined) throw invalidArgument(`Invalid value at 'history_types' (TYPE_ENUM), "${unknown}"`);

  const { history } = call.mailbox;
  const records = history.since(Number(start));
  if (records === undefined) throw new GmailRefusal(googleErrors.notFound());
  const labelId = query.get('labelId');
  const isWanted = ({ message }: HistoryRecord) =>
    labelId === null || call.mailbox.get(message.id)?.labelIds.has(labelId) === true;
  const shown = records
    .filter(isWanted)
    .map((record) => render(record, wanted))
    .filter((record) => Object.keys(record).length > 2);
  const { items, rest } = pageOf(call, shown);
  const { nextPageToken } = rest;
  return {
    ...(items.length > 0 && { history: items }),
    ...(nextPageToken !== undefined && { nextPageToken }),
    historyId: String(history.last),
  };
}

/** The changes of a record that have one of the requested types; all changes when no type is requested. */
function render({ id, message, change }: HistoryRecord, wanted: readonly string[]): object {
  const shows = (type: string) => wanted.length === 0 || wanted.includes(type);
  const head = { id: String(id), messages: [message] };
  if (change === 'inserted') return { ...head, ...(shows('messageAdded') && { messagesAdded: [{ message }] }) };
  if (change === 'deleted') return { ...head, ...(shows('messageDeleted') && { messagesDeleted: [{ message }] }) };
  const { added, removed } = change;
  return {
    ...head,
    ...(added.length > 0 && shows('labelAdded') && { labelsAdded: [{ message, labelIds: added }] }),
    ...(removed.length > 0 && shows('labelRemoved') && { labelsRemoved: [{ message, labelIds: removed }] }),
  };
}
