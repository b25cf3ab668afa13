// The methods messages.list, get, modify, batchModify and trash.
import { QuerySyntaxError, type StoredMessage, UnknownLabelError, UnknownOperatorError } from '../mailbox.ts';
import { booleanParameter, type Call, choiceParameter, invalidArgument, jsonBody, pageOf, stringsIn } from './call.ts';
import { GmailRefusal, googleErrors } from './errors.ts';
import { attachmentOf, type Format, renderMessage } from './render.ts';
import { onlyMetadata } from './scopes.ts';

const MOST_IDS = 1000;
const UNCHANGEABLE = ['SENT', 'DRAFT', 'CHAT'];
/** Labels of which a message has at most one. */
export const EXCLUSIVE: readonly string[] = ['INBOX', 'SPAM', 'TRASH'];

export function listMessages(call: Call): object {
  const { items, rest } = pageOf(call, search(call));
  const messages = items.map(({ id, threadId }) => ({ id, threadId }));
  return { ...(messages.length === 0 ? {} : { messages }), ...rest };
}

export function getMessage(call: Call): object {
  const format = formatOf(call, ['full', 'metadata', 'minimal', 'raw']);
  return renderMessage(existing(call), format, call.request.query.getAll('metadataHeaders'));
}

export function getAttachment(call: Call): object {
  const body = attachmentOf(existing(call), call.partId);
  if (body === undefined) throw invalidArgument('Invalid attachment token');
  return body;
}

export async function modifyMessage(call: Call): Promise<object> {
  const message = existing(call);
  await applyLabels(call, [message.id]);
  return summary(message);
}

export async function batchModifyMessages(call: Call): Promise<undefined> {
  const ids = stringsIn(jsonBody(call), 'ids');
  if (ids.length === 0) throw invalidArgument('No message ids specified.');
  if (ids.length > MOST_IDS) throw invalidArgument(`Number of ids cannot exceed ${MOST_IDS}`);
  await applyLabels(call, ids);
}

export function trashMessage(call: Call): object {
  const message = existing(call);
  call.mailbox.modify([message.id], ['TRASH'], ['INBOX', 'SPAM']);
  return summary(message);
}

/** The messages that the query parameters of a list find now. @throws GmailRefusal */
export function search(call: Call): readonly StoredMessage[] {
  const { mailbox, request } = call;
  const q = request.query.get('q') ?? '';
  if (q !== '' && onlyMetadata(call.token.scopes)) {
    throw new GmailRefusal(googleErrors.metadataScope("Metadata scope does not support 'q' parameter"));
  }
  const labelIds = request.query.getAll('labelIds');
  const known = new Set(mailbox.labels().map(({ id }) => id));
  const unknown = labelIds.find((id) => !known.has(id));
  if (unknown !== undefined) throw invalidArgument(`Invalid label: ${unknown}`);
  try {
    return mailbox.search(q, { includeSpamTrash: booleanParameter(call, 'includeSpamTrash'), labelIds });
  } catch (error) {
    // Gmail guesses the meaning of an invalid query; a stand-in that guesses would hide mistakes.
    if (error instanceof QuerySyntaxError || error instanceof UnknownOperatorError) {
      throw invalidArgument(error.message);
    }
    throw error;
  }
}

/** Returns the format asked for. @throws GmailRefusal when gmail.metadata does not allow it. */
export function formatOf<T extends Format>(call: Call, formats: readonly [T, ...T[]]): T {
  const format = choiceParameter(call, 'format', formats);
  if (onlyMetadata(call.token.scopes) && (format === 'full' || format === 'raw')) {
    throw new GmailRefusal(googleErrors.metadataScope(`Metadata scope doesn't allow format ${format.toUpperCase()}`));
  }
  return format;
}

function existing({ mailbox, id }: Call): StoredMessage {
  if (!/^[0-9a-f]{1,16}$/.test(id)) throw invalidArgument('Invalid id value');
  const message = mailbox.get(id);
  if (message === undefined) throw new GmailRefusal(googleErrors.notFound());
  return message;
}

async function applyLabels(call: Call, ids: readonly string[]): Promise<void> {
  const body = jsonBody(call);
  const add = stringsIn(body, 'addLabelIds');
  const remove = stringsIn(body, 'removeLabelIds');
  if (add.length === 0 && remove.length === 0) throw invalidArgument('No label add or removes specified');
  const unchangeable = [...add, ...remove].find((id) => UNCHANGEABLE.includes(id));
  if (unchangeable !== undefined) throw invalidArgument(`Invalid label: ${unchangeable}`);
  if (new Set(add.filter((id) => EXCLUSIVE.includes(id))).size > 1) {
    throw invalidArgument('Cannot add more than one of INBOX, SPAM and TRASH');
  }
  if (add.some((id) => remove.includes(id))) throw invalidArgument('Cannot both add and remove the same label');
  await refusingUnknownLabels(() => call.mailbox.modify(ids, add, remove));
}

/** Makes a change, and refuses a missing label as Gmail does. */
export async function refusingUnknownLabels<T>(change: () => T | Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    throw error instanceof UnknownLabelError ? invalidArgument(error.message) : error;
  }
}

/** The short form of a message, which answers a change. */
export function summary({ id, threadId, labelIds }: StoredMessage): object {
  return { id, threadId, ...(labelIds.size === 0 ? {} : { labelIds: [...labelIds] }) };
}
