/** From rules to searches: what still has to be changed, what state it is in, and which labels must exist for it. */

import type { LabelOperation } from '../gmail/change-plan.ts';
import type { LabelDirectory } from '../gmail/labels.ts';
import { asksForSpamOrTrash, labelNamed } from '../gmail/query/label-terms.ts';
import { pendingSearch } from './actions.ts';
import type { Rule, Search } from './schema.ts';

export interface ComposedSearch {
  readonly query: string;
  readonly includeSpamTrash: boolean;
  /** Its labels were looked up when the rules were read: one that does not exist is made by a rule. */
  readonly labelsChecked: true;
}

/**
 * The search for exactly those messages that still need the rule's change; null when there can be none, because a label
 * that the rule only removes does not exist.
 */
export function composeSearch(rule: Rule, protect: Search | undefined, labels: LabelDirectory): ComposedSearch | null {
  const exists = (label: string) => labels.find(label) !== undefined;
  const possible = possiblyPending(rule, labels);
  if (possible.length === 0) return null;
  // A label that does not exist yet is missing on every match.
  const everyMatch = possible.some(({ add, label }) => add && !exists(label));
  return compose(rule, [
    ...unprotected(protect),
    ...(everyMatch ? [] : [`{${possible.map(pendingSearch).join(' ')}}`]),
  ]);
}

/** The search for all that the rule's query matches, be it protected or done: of these keepNewest spares the newest. */
export function composeMatches(rule: Rule): ComposedSearch {
  return compose(rule, []);
}

/** Longer conditions are left out of the search for protected messages, which then finds more of them. */
const LONGEST_CONDITION = 1_000;

/**
 * The search for protected messages among those that `rules` may still change. Not by their queries: a person who stars
 * a message may have read it as well, so that a query finds it no more.
 */
export function composeProtected(rules: readonly Rule[], protect: Search, labels: LabelDirectory): ComposedSearch {
  const pending = rules.flatMap((rule) => possiblyPending(rule, labels));
  const everyMatch = pending.some(({ add, label }) => add && labels.find(label) === undefined);
  const condition = `{${[...new Set(pending.map(pendingSearch))].join(' ')}}`;
  const narrows = !everyMatch && pending.length > 0 && condition.length <= LONGEST_CONDITION;
  return {
    query: `(${protect.query})${narrows ? ` ${condition}` : ''}`,
    includeSpamTrash: rules.some(({ search }) => asksForSpamOrTrash(search.terms)),
    labelsChecked: true,
  };
}

/**
 * Which of the messages that a rule's search finds one of its operations really changes: all, none, those that one search
 * finds, which is all but those that the other one finds.
 */
export type ChangedMessages = 'all' | 'none' | { readonly changed: ComposedSearch; readonly unchanged: ComposedSearch };

/**
 * What is known of the effect of `operation` on what the rule's search finds, or the searches that tell it: so the state
 * that each message had is known without reading any.
 */
export function composeChanged(
  rule: Rule,
  operation: LabelOperation,
  protect: Search | undefined,
  labels: LabelDirectory,
): ChangedMessages {
  const { add, label } = operation;
  const whole = composeSearch(rule, protect, labels);
  if (whole === null) return 'none';
  if (labels.find(label) === undefined) return add ? 'all' : 'none';
  // Gmail leaves Trash and Spam out of a search that does not ask for them.
  if (!whole.includeSpamTrash && (label === 'TRASH' || label === 'SPAM')) return add ? 'all' : 'none';
  const possible = possiblyPending(rule, labels);
  if (possible.length === 1 && possible[0]?.label === label) return 'all';
  const unchanged = `${whole.query} ${pendingSearch({ add: !add, label })}`;
  return {
    changed: compose(rule, [...unprotected(protect), pendingSearch(operation)]),
    unchanged: { ...whole, query: unchanged },
  };
}

/** What may still have to be done for a match: to take off a label that does not exist is nothing. */
function possiblyPending({ pending }: Rule, labels: LabelDirectory): LabelOperation[] {
  return pending.filter(({ add, label }) => add || labels.find(label) !== undefined);
}

function unprotected(protect: Search | undefined): string[] {
  return protect === undefined ? [] : [`-(${protect.query})`];
}

/** The rule's query with further conditions; without drafts and chats, unless the query names them. */
function compose({ search }: Rule, conditions: readonly string[]): ComposedSearch {
  const named = new Set(search.terms.map(labelNamed));
  const without = [...(named.has('DRAFT') ? [] : ['-in:drafts']), ...(named.has('CHAT') ? [] : ['-in:chats'])];
  return {
    query: [`(${search.query})`, ...conditions, ...without].join(' '),
    includeSpamTrash: asksForSpamOrTrash(search.terms),
    labelsChecked: true,
  };
}
