// The methods labels.list, get, create, update and delete.
import { isAllowedName } from '../labels.ts';
import { LabelConflictError, type StoredLabel } from '../mailbox.ts';
import { type Call, invalidArgument, jsonBody, stringIn } from './call.ts';
import { GmailRefusal, googleErrors } from './errors.ts';

const LONGEST_NAME = 225;
const MOST_LABELS = 10_000;

export function listLabels({ mailbox }: Call): object {
  return { labels: mailbox.labels().map(resource) };
}

export function getLabel(call: Call): object {
  const label = existing(call);
  const carrying = call.mailbox.messages().filter(({ labelIds }) => labelIds.has(label.id));
  const unread = carrying.filter(({ labelIds }) => labelIds.has('UNREAD'));
  const threads = (messages: typeof carrying) => new Set(messages.map(({ threadId }) => threadId)).size;
  return {
    ...resource(label),
    messagesTotal: carrying.length,
    messagesUnread: unread.length,
    threadsTotal: threads(carrying),
    threadsUnread: threads(unread),
  };
}

export function createLabel(call: Call): object {
  const body = jsonBody(call);
  const name = stringIn(body, 'name')?.trim();
  if (!name || name.length > LONGEST_NAME || !isAllowedName(name)) throw invalidArgument('Invalid label name');
  if (call.mailbox.labels().length >= MOST_LABELS) throw invalidArgument('Too many labels');
  try {
    return resource(call.mailbox.createLabel(name, visibility(body)));
  } catch (error) {
    if (!(error instanceof LabelConflictError)) throw error;
    throw new GmailRefusal(googleErrors.labelConflict());
  }
}

/** Changes the visibility of a label; the made-up mailbox cannot rename labels. */
export function updateLabel(call: Call): object {
  const label = existing(call);
  const body = jsonBody(call);
  if (label.type === 'system') throw invalidArgument('Invalid update request');
  const name = stringIn(body, 'name');
  if (name !== undefined && name !== label.name) throw new Error('the sandbox cannot rename labels');
  return resource(Object.assign(label, visibility(body)));
}

export function deleteLabel(call: Call): undefined {
  const label = existing(call);
  if (label.type === 'system') throw invalidArgument('Invalid delete request');
  call.mailbox.deleteLabel(label.id);
}

function existing({ mailbox, id }: Call): StoredLabel {
  const label = mailbox.labels().find((candidate) => candidate.id === id);
  if (label === undefined) throw new GmailRefusal(googleErrors.notFound());
  return label;
}

function visibility(body: Record<string, unknown>): { labelListVisibility?: string; messageListVisibility?: string } {
  return {
    ...choice(body, 'labelListVisibility', ['labelShow', 'labelShowIfUnread', 'labelHide']),
    ...choice(body, 'messageListVisibility', ['show', 'hide']),
  };
}

function choice(body: Record<string, unknown>, name: string, choices: readonly string[]): Record<string, string> {
  const value = stringIn(body, name);
  if (value === undefined) return {};
  if (!choices.includes(value)) throw invalidArgument(`Invalid value at 'label.${name}' (TYPE_ENUM), "${value}"`);
  return { [name]: value };
}

function resource({ id, name, type, labelListVisibility, messageListVisibility }: StoredLabel): object {
  return {
    id,
    name,
    type,
    ...(messageListVisibility === undefined ? {} : { messageListVisibility }),
    ...(labelListVisibility === undefined ? {} : { labelListVisibility }),
  };
}
