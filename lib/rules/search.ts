/** From rules to searches: what still has to be changed, what state it is in, and which labels must exist for it. */

import { didYouMean } from '../base/nearest.ts';
import { ConfigError } from '../errors.ts';
import type { LabelOperation } from '../gmail/change-plan.ts';
import { isOwnLabel, isProgramLabel } from '../gmail/label-names.ts';
import { type LabelDirectory, normalizeLabel, systemLabelId } from '../gmail/labels.ts';
import { asksForSpamOrTrash, labelNamed } from '../gmail/query/labels.ts';
import type { Term } from '../gmail/query/parse.ts';
import { PLACES, termOf } from '../gmail/query/values.ts';
import { pendingSearch } from './actions.ts';
import type { Rule, RuleSet, Search } from './schema.ts';

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
export type Effect = 'all' | 'none' | { readonly changed: ComposedSearch; readonly unchanged: ComposedSearch };

/**
 * What is known of the effect of `operation` on what the rule's search finds, or the searches that tell it: so the state
 * that each message had is known without reading any.
 */
export function composeEffect(
  rule: Rule,
  operation: LabelOperation,
  protect: Search | undefined,
  labels: LabelDirectory,
): Effect {
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

/** Labels of a user's own that the rules name, in searches or actions: without any, the labels need not be listed. */
export function namesUserLabels({ protect, rules }: RuleSet): boolean {
  const inTerms = (terms: readonly Term[]) => terms.some((term) => isUserLabel(labelNamed(term)));
  return (
    protect?.terms.some((term) => isListed(labelNamed(term))) === true ||
    rules.some(({ search, operations }) => inTerms(search.terms) || operations.some(({ label }) => isUserLabel(label)))
  );
}

/**
 * @throws ConfigError when a label that does not exist would change what is protected or left out: one that `protect`
 *   names, or that a query negates and no enabled rule of the file adds; and when `in:` names neither a place nor a label.
 */
export function requireLabels({ protect, rules, labelsAddedByAnyRule }: RuleSet, labels: LabelDirectory): void {
  const given = new Set(labelsAddedByAnyRule.map(normalizeLabel));
  const problems = missingLabels(protect ?? { query: '', terms: [] }, labels).map(
    (missing) => `protect names ${missing.told}, so protect would match nothing for it`,
  );
  for (const { name, search } of rules) {
    const notGiven = search.terms.filter(
      (term) => isUserLabel(labelNamed(term)) && !given.has(normalizeLabel(labelNamed(term) ?? '')),
    );
    const negated = notGiven.filter((term) => term.negated);
    for (const { told } of missingLabels({ ...search, terms: negated }, labels)) {
      problems.push(
        `rule ${name}: the query excludes ${told}. No enabled rule adds this label, so nothing would be excluded`,
      );
    }
    const places = notGiven.filter((term) => !term.negated && term.operator === 'in');
    for (const { told } of missingLabels({ ...search, terms: places }, labels)) {
      problems.push(`rule ${name}: the query has ${told}. No enabled rule adds this label, so nothing would be found`);
    }
  }
  if (problems.length === 0) return;
  throw new ConfigError(problems.join('; '), 'Correct the name in the rules file, or make the label in Gmail.');
}

/** A label that a search names and the mailbox does not have. */
interface MissingLabel {
  readonly term: Term;
  /** With the nearest that there is. */
  readonly told: string;
}

export function missingLabels({ query, terms }: Search, labels: LabelDirectory): MissingLabel[] {
  const missing = new Map<string, MissingLabel>();
  for (const term of terms) {
    const label = labelNamed(term);
    // The program's own labels come with its first run.
    if (!isListed(label) || isProgramLabel(label) || labels.find(label) !== undefined) continue;
    const what =
      term.operator === 'in'
        ? `"in:${label}", which is neither a place in Gmail nor a label`
        : `the label "${label}", which does not exist`;
    missing.set(label, {
      term,
      told: what + (unquotedName(query, term, labels) ?? didYouMeanLabel(term, label, labels)),
    });
  }
  return [...missing.values()];
}

/** The label that the term names together with the words behind it: `label:Clean up` for `label:"Clean up"`. */
function unquotedName(query: string, { operator, value, to }: Term, labels: LabelDirectory): string | undefined {
  const words = /^(?:[^\S\n]+[^\s:"(){}]+)*/.exec(query.slice(to))?.[0].trim().split(/\s+/) ?? [];
  for (let count = words.length; count > 0; count -= 1) {
    const label = labels.find([value, ...words.slice(0, count)].join(' '));
    if (label !== undefined) return `: a name with a space needs quotes: write ${operator}:"${label.name}"`;
  }
  return undefined;
}

function didYouMeanLabel({ operator }: Term, label: string, labels: LabelDirectory): string {
  const own = labels.all().filter(({ name }) => isUserLabel(name) && !isOwnLabel(name));
  const names = [...own.map(({ name }) => name), ...(operator === 'in' ? PLACES : [])];
  const meant = termOf(label.toLowerCase());
  return meant === undefined ? didYouMean(label, names) : ` (did you mean ${meant}?)`;
}

/** Whether it is a label of the user's, and neither one of the system nor one of Gmail's internal ones. */
export function isUserLabel(label: string | null): label is string {
  return label !== null && systemLabelId(label) === undefined && !label.startsWith('^');
}

/** Whether the mailbox must list the label for a search to find it; one of Gmail's internal ones may be listed too. */
function isListed(label: string | null): label is string {
  return label !== null && systemLabelId(label) === undefined;
}
