// The meaning of each of Gmail's search operators for one message (support.google.com/mail/answer/7190).

import type { StoredMessage } from '../message.ts';
import type { Term } from './parse.ts';
import { type AddressField, findsPeople, findsWords, type TextField } from './text.ts';
import { QuerySyntaxError, UnknownOperatorError } from './tokenize.ts';
import { parseAgeMs, parseDateMs, parseSizeBytes, unknownValue } from './values.ts';

export interface SearchContext {
  readonly nowMs: number;
  /** The mailbox's own address, for `from:me`. */
  readonly email: string;
  /** Returns the id of the label with that name. */
  readonly findLabel: (name: string) => string | undefined;
}

export type Predicate = (message: StoredMessage, labelIds: ReadonlySet<string>) => boolean;

export interface CompiledTerm {
  readonly matches: Predicate;
  readonly cost: number;
  readonly asksForTrash?: boolean;
  readonly asksForSpam?: boolean;
  readonly dependsOnClock?: boolean;
}

type Operator = (value: string, term: Term, context: SearchContext) => CompiledTerm;

const CHEAP = 1;
const TEXT = 100;

const SYSTEM_PLACES = new Map([
  ['inbox', 'INBOX'],
  ['trash', 'TRASH'],
  ['spam', 'SPAM'],
  ['sent', 'SENT'],
  ['draft', 'DRAFT'],
  ['drafts', 'DRAFT'],
  ['chat', 'CHAT'],
  ['chats', 'CHAT'],
]);

const STATES = new Map([['unread', 'UNREAD'], ['starred', 'STARRED'], ['important', 'IMPORTANT'], ...SYSTEM_PLACES]);

const CATEGORIES = new Map([
  ['primary', 'CATEGORY_PERSONAL'],
  ['personal', 'CATEGORY_PERSONAL'],
  ['social', 'CATEGORY_SOCIAL'],
  ['promotions', 'CATEGORY_PROMOTIONS'],
  ['updates', 'CATEGORY_UPDATES'],
  ['forums', 'CATEGORY_FORUMS'],
  // Gmail decides these by content; no message of the sandbox has them.
  ['reservations', 'none'],
  ['purchases', 'none'],
]);

const NOT_ARCHIVED = ['INBOX', 'TRASH', 'SPAM', 'SENT', 'DRAFT', 'CHAT'];

/** The targets of links in a message. */
const LINKS = new Map([
  ['drive', /\bdrive\.google\.com\//],
  ['document', /\bdocs\.google\.com\/document\//],
  ['spreadsheet', /\bdocs\.google\.com\/spreadsheets\//],
  ['presentation', /\bdocs\.google\.com\/presentation\//],
  ['youtube', /\b(youtube\.com|youtu\.be)\//],
]);

/** The API's STARRED sets the yellow star, so every star in the sandbox is yellow. */
const OTHER_STARS = new Set([
  'orange-star',
  'red-star',
  'purple-star',
  'blue-star',
  'green-star',
  'red-bang',
  'yellow-bang',
  'orange-guillemet',
  'green-check',
  'blue-info',
  'purple-question',
]);

const OPERATORS = new Map<string, Operator>([
  ['from', people('from')],
  ['to', people('to')],
  ['cc', people('cc')],
  ['bcc', people('bcc')],
  ['deliveredto', deliveredTo],
  ['subject', words('subject')],
  ['list', words('list')],
  ['filename', words('filename')],
  ['rfc822msgid', messageId],
  ['label', (value, _term, context) => label(STATES.get(value.toLowerCase()) ?? context.findLabel(value))],
  ['in', place],
  ['is', state],
  ['has', feature],
  ['category', (value) => label(known(CATEGORIES, 'category', value))],
  ['after', (value) => notBefore(parseDateMs('after', value))],
  ['newer', (value) => notBefore(parseDateMs('newer', value))],
  ['before', (value) => before(parseDateMs('before', value))],
  ['older', (value) => before(parseDateMs('older', value))],
  ['newer_than', (value, _term, context) => relative(notBefore, parseAgeMs('newer_than', value, second(context)))],
  ['older_than', (value, _term, context) => relative(before, parseAgeMs('older_than', value, second(context)))],
  ['size', (value) => largerThan(parseSizeBytes('size', value))],
  ['larger', (value) => largerThan(parseSizeBytes('larger', value))],
  ['smaller', (value) => smallerThan(parseSizeBytes('smaller', value))],
]);

/**
 * Compiles one term of a query.
 *
 * @throws UnknownOperatorError for an operator or a value that is not known.
 * @throws QuerySyntaxError for an operand without anything to search for.
 */
export function compileTerm(term: Term, context: SearchContext): CompiledTerm {
  if (term.operator === undefined) return { matches: findsWords('anywhere', term), cost: 2 * TEXT };
  const operator = OPERATORS.get(term.operator);
  if (operator === undefined) throw new UnknownOperatorError(`Unknown operator ${term.operator}:`);
  if (term.value.trim() === '') throw new QuerySyntaxError(`${term.operator}: has no operand`);
  return operator(term.value, term, context);
}

function people(field: AddressField): Operator {
  return (_value, term, context) => ({ matches: findsPeople(field, term, context.email), cost: TEXT });
}

function words(field: TextField): Operator {
  return (_value, term) => ({ matches: findsWords(field, term), cost: TEXT });
}

/** Received mail was delivered to the mailbox's own address; other addresses are looked up among the recipients. */
function deliveredTo(value: string, term: Term, context: SearchContext): CompiledTerm {
  if (value.toLowerCase() !== context.email.toLowerCase()) return people('to')(value, term, context);
  return test((_message, labelIds) => !labelIds.has('SENT') && !labelIds.has('DRAFT') && !labelIds.has('CHAT'));
}

function messageId(value: string): CompiledTerm {
  const wanted = value.replace(/^<|>$/g, '');
  return test((message) => message.messageId.replace(/^<|>$/g, '') === wanted);
}

/** A label that does not exist is on no message. */
function label(id: string | undefined): CompiledTerm {
  if (id === undefined) return test(() => false);
  const compiled = test((_message, labelIds) => labelIds.has(id));
  return { ...compiled, asksForTrash: id === 'TRASH', asksForSpam: id === 'SPAM' };
}

function place(value: string, _term: Term, context: SearchContext): CompiledTerm {
  switch (value.toLowerCase()) {
    case 'anywhere':
      return { ...test(() => true), asksForTrash: true, asksForSpam: true };
    case 'archive':
      return test((_message, labelIds) => !NOT_ARCHIVED.some((id) => labelIds.has(id)));
    case 'snoozed':
      return test(() => false);
    default:
      return label(STATES.get(value.toLowerCase()) ?? context.findLabel(value));
  }
}

function state(value: string): CompiledTerm {
  switch (value.toLowerCase()) {
    case 'read':
      return test((_message, labelIds) => !labelIds.has('UNREAD'));
    case 'muted':
    case 'snoozed':
      return test(() => false);
    default:
      return label(known(STATES, 'is', value));
  }
}

function feature(value: string): CompiledTerm {
  const name = value.toLowerCase();
  const link = LINKS.get(name);
  if (link !== undefined) return { matches: (message) => link.test(message.body), cost: TEXT };
  if (OTHER_STARS.has(name)) return test(() => false);
  switch (name) {
    case 'attachment':
      return test((message) => message.attachments.length > 0);
    case 'yellow-star':
      return label('STARRED');
    case 'userlabels':
      return test((_message, labelIds) => hasUserLabel(labelIds));
    case 'nouserlabels':
      return test((_message, labelIds) => !hasUserLabel(labelIds));
    default:
      throw unknownValue('has', value);
  }
}

function hasUserLabel(labelIds: ReadonlySet<string>): boolean {
  for (const id of labelIds) if (id.startsWith('Label_')) return true;
  return false;
}

function known(values: ReadonlyMap<string, string>, operator: string, value: string): string {
  const id = values.get(value.toLowerCase());
  if (id === undefined) throw unknownValue(operator, value);
  return id;
}

/** Ages are counted from the whole second, like the times that after: and before: can name. */
function second(context: SearchContext): number {
  return Math.floor(context.nowMs / 1000) * 1000;
}

function relative(compare: (timeMs: number) => CompiledTerm, timeMs: number): CompiledTerm {
  return { ...compare(timeMs), dependsOnClock: true };
}

function notBefore(timeMs: number): CompiledTerm {
  return test((message) => message.internalDateMs >= timeMs);
}

function before(timeMs: number): CompiledTerm {
  return test((message) => message.internalDateMs < timeMs);
}

function largerThan(bytes: number): CompiledTerm {
  return test((message) => message.sizeBytes > bytes);
}

function smallerThan(bytes: number): CompiledTerm {
  return test((message) => message.sizeBytes < bytes);
}

function test(matches: Predicate): CompiledTerm {
  return { matches, cost: CHEAP };
}
