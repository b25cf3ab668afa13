/** Composes the searches of a rule from its query, `protect` and its actions. find.ts sends them. */

import type { LabelOperation } from '../gmail/change-plan.ts';
import type { LabelDirectory } from '../gmail/labels.ts';
import { asksForSpamOrTrash, type CheckedSearch, withoutDrafts } from '../gmail/query/label-terms.ts';
import type { Search } from '../gmail/settings-schema.ts';
import { pendingSearch } from './actions.ts';
import type { Rule } from './schema.ts';

/**
 * The search for exactly the messages that still need the change of the rule; null when no message can, because the rule
 * only removes labels that do not exist.
 */
export function composeSearch(rule: Rule, protect: Search | undefined, labels: LabelDirectory): CheckedSearch | null {
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

/** The search for all matches of the query, protected and already changed ones included: keepNewest counts them all. */
export function composeMatches(rule: Rule): CheckedSearch {
  return compose(rule, []);
}

/** In characters: the search for protected messages leaves out a longer condition, and then finds more messages. */
const LONGEST_CONDITION = 1_000;

/**
 * The search for protected messages that `rules` may still change. Leaves out the queries: a person who stars a message may
 * also have read it, and then `is:unread` does not find it any more.
 */
export function composeProtected(rules: readonly Rule[], protect: Search, labels: LabelDirectory): CheckedSearch {
  const pending = rules.flatMap((rule) => possiblyPending(rule, labels));
  const everyMatch = pending.some(({ add, label }) => add && labels.find(label) === undefined);
  const condition = `{${[...new Set(pending.map(pendingSearch))].join(' ')}}`;
  const narrows = !everyMatch && pending.length > 0 && condition.length <= LONGEST_CONDITION;
  return {
    query: `(${protect.query})${narrows ? ` ${condition}` : ''}`,
    includeSpamTrash: rules.some(({ search }) => asksForSpamOrTrash(search.terms)),
  };
}

/**
 * The messages that an operation really changes, among the matches of its rule: all, none, or the messages that `changed`
 * finds. `unchanged` finds the other matches.
 */
export type ChangedMessages = 'all' | 'none' | { readonly changed: CheckedSearch; readonly unchanged: CheckedSearch };

/**
 * The matches of the rule that `operation` really changes. They tell undo the earlier labels of each message, so that no
 * message has to be read.
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

/** The pending operations without removals of labels that do not exist. */
function possiblyPending({ pending }: Rule, labels: LabelDirectory): LabelOperation[] {
  return pending.filter(({ add, label }) => add || labels.find(label) !== undefined);
}

function unprotected(protect: Search | undefined): string[] {
  return protect === undefined ? [] : [`-(${protect.query})`];
}

/** The query of the rule with `conditions`, and without drafts and chats unless the query names them. */
function compose({ search }: Rule, conditions: readonly string[]): CheckedSearch {
  return {
    query: [`(${search.query})`, ...conditions, ...withoutDrafts(search.terms)].join(' '),
    includeSpamTrash: asksForSpamOrTrash(search.terms),
  };
}
