// Compares search terms with a message's texts: whole words and phrases, addresses and domains.

import type { StoredMessage } from '../message.ts';
import type { Term } from './parse.ts';
import { QuerySyntaxError } from './tokenize.ts';
import { wordsOf } from './words.ts';

type MessageTest = (message: StoredMessage) => boolean;

/** The texts of each field; a phrase is found within one of them. */
const FIELDS = {
  subject: (message: StoredMessage) => [message.subject],
  from: (message: StoredMessage) => [message.from],
  /** Gmail's to: finds copies and blind copies as well. */
  to: (message: StoredMessage) => [message.to, message.cc, message.bcc],
  cc: (message: StoredMessage) => [message.cc],
  bcc: (message: StoredMessage) => [message.bcc],
  list: (message: StoredMessage) => [message.listId],
  filename: (message: StoredMessage) => message.attachments.map(({ filename }) => filename),
  anywhere: (message: StoredMessage) => [
    message.subject,
    message.body,
    message.from,
    ...FIELDS.to(message),
    ...FIELDS.filename(message),
  ],
};

export type TextField = keyof typeof FIELDS;
export type AddressField = 'from' | 'to' | 'cc' | 'bcc';

const ADDRESS = /[^\s<>,;:"()]+@[^\s<>,;:"()]+/g;

const knownWords = new WeakMap<StoredMessage, Partial<Record<TextField, string>>>();

/** Returns a test for the words of a term, in their order and next to each other, in one of the message's texts. */
export function findsWords(field: TextField, term: Term): MessageTest {
  const phrase = phraseOf(term);
  return (message) => wordsIn(message, field).includes(phrase);
}

/**
 * Returns a test for people: `me`, a whole address, a domain with its `@`, or words of the name or the address (a domain
 * without `@` is such words, so it finds its subdomains too).
 */
export function findsPeople(field: AddressField, term: Term, ownAddress: string): MessageTest {
  // Gmail ignores the star of `*@example.com`.
  const value = !term.quoted && term.value.toLowerCase() === 'me' ? ownAddress : term.value.replace(/^[<*]+|>$/g, '');
  const phrase = phraseOf({ ...term, value });
  const [, local, domain] = /^([^@\s]*)@([^@\s]+)$/.exec(value.toLowerCase()) ?? [];
  if (domain === undefined) return (message) => wordsIn(message, field).includes(phrase);
  const wanted = `${local}@${domain}`;
  const agrees = (address: string) => (local === '' ? address.endsWith(wanted) : address === wanted);
  return (message) =>
    wordsIn(message, field).includes(phrase) && FIELDS[field](message).flatMap(addressesIn).some(agrees);
}

function phraseOf(term: Term): string {
  const { operator, value } = term;
  const phrase = wordsOf(value);
  if (phrase.trim() === '') {
    throw new QuerySyntaxError(`${operator === undefined ? 'A term' : `${operator}:`} has no word to search for`);
  }
  return phrase;
}

function wordsIn(message: StoredMessage, field: TextField): string {
  let known = knownWords.get(message);
  if (known === undefined) {
    known = {};
    knownWords.set(message, known);
  }
  known[field] ??= FIELDS[field](message).map(wordsOf).join('|');
  return known[field];
}

function addressesIn(header: string): string[] {
  return header.toLowerCase().match(ADDRESS) ?? [];
}
