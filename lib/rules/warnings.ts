/** What is allowed in rules but probably not meant: told when the rules are read, for a person to think about. */
import { labelNamed } from '../gmail/query/label-terms.ts';
import type { Term } from '../gmail/query/parse.ts';
import { labelKey } from './actions.ts';
import type { Rule, RuleSet, Search } from './schema.ts';

export interface RuleWarning {
  readonly rule: string;
  readonly warning: string;
}

/** Everything about the rules that can be seen without the mailbox, but perhaps its `own` address. */
export function findWarnings({ protect, rules }: RuleSet, own?: string): RuleWarning[] {
  const warnings: RuleWarning[] = [];
  for (const [index, rule] of rules.entries()) {
    const warn = (warning: string) => warnings.push({ rule: rule.name, warning });
    const place = throwsInto(rule);
    if (place !== undefined && !keepsSentMail(protect) && mayFindSentMail(rule.search.terms, own)) {
      const what = place === 'TRASH' ? 'trash sent mail too' : 'mark sent mail as spam too';
      const alias = rule.search.terms.some((term) => term.negated && isFromMe(term, own));
      const why = alias ? ' (-from:me does not leave out what was sent from an alias)' : '';
      warn(`it would ${what}${why}: add -in:sent to its query unless that is meant`);
    }
    if (rule.noted) {
      warn('a line of its query contains #. It is not a comment there: Gmail searches for its words');
    }
    const guarded = changedAndNamed(rule, protect?.terms ?? []);
    if (guarded.length > 0) {
      warn(
        `it changes ${listed(guarded)}, which protect names: messages may become protected, or stay so, against its intention`,
      );
    }
    const contrary = byLabel(rules.slice(index + 1), (other) => opposed(rule, other));
    if (contrary.length > 0) {
      const told = contrary.map(
        ([label, names]) =>
          `${listed(names)} undo each other where both match: one adds ${label}, the other removes it`,
      );
      warn(`it and ${told.join('; it and ')}`);
    }
    const others = rules.filter((other) => other !== rule);
    const changed = byLabel(others, (other) => changedAndNamed(other, rule.search.terms));
    if (changed.length > 0) {
      const named = changed.map(
        ([label, names]) => `${label}, which ${listed(names)} change${names.length > 1 ? '' : 's'}`,
      );
      warn(`its query names ${named.join(', and ')}: the rule sees that in the next run`);
    }
  }
  return warnings;
}

/** Label → the names of the rules to which `labelsOf` gives it. */
function byLabel(rules: readonly Rule[], labelsOf: (rule: Rule) => readonly string[]): [string, string[]][] {
  const pairs = rules.flatMap((rule) => labelsOf(rule).map((label) => ({ label, name: rule.name })));
  return [...Map.groupBy(pairs, ({ label }) => label)].map(([label, named]) => [label, named.map(({ name }) => name)]);
}

/** `a, b and c` */
function listed(names: readonly string[]): string {
  return new Intl.ListFormat('en-GB').format(names);
}

/** Whether a rule that throws mail away relies on who sent it: then the mailbox's own address tells whether that is safe. */
export function trustsSenders({ rules }: RuleSet): boolean {
  const asksFrom = ({ search }: Rule) => search.terms.some(({ operator, negated }) => operator === 'from' && !negated);
  return rules.some((rule) => throwsInto(rule) !== undefined && asksFrom(rule));
}

/** Where a rule puts mail that Gmail deletes after 30 days. */
function throwsInto({ operations }: Rule): string | undefined {
  return operations.find(({ add, label }) => add && (label === 'TRASH' || label === 'SPAM'))?.label;
}

/** Whether all of sent mail is protected. */
function keepsSentMail(protect: Search | undefined): boolean {
  const terms = protect?.terms ?? [];
  const [first] = terms;
  const isOneOf = first?.condition != null && terms.every(({ condition }) => condition === first.condition);
  return isOneOf && terms.some((term) => !term.negated && labelNamed(term) === 'SENT');
}

/** Categories that Gmail sorts incoming mail into; sent mail has none of them. */
const INCOMING = [
  'CATEGORY_SOCIAL',
  'CATEGORY_PROMOTIONS',
  'CATEGORY_UPDATES',
  'CATEGORY_FORUMS',
  'INBOX',
  'SPAM',
  'TRASH',
];

/** Whether nothing in the query keeps sent mail out: `-in:sent`, another place, a category, somebody else as sender. */
function mayFindSentMail(terms: readonly Term[], own: string | undefined): boolean {
  const conditions = Map.groupBy(terms, ({ condition }) => condition);
  conditions.delete(null);
  return ![...conditions.values()].some((alternatives) => alternatives.every((term) => keepsSentMailOut(term, own)));
}

/** `-from:me` does not: Gmail means the main address by it, and mail may be sent from an alias. */
function keepsSentMailOut(term: Term, own: string | undefined): boolean {
  const label = labelNamed(term);
  if (term.negated) return label === 'SENT';
  // Sent mail is in the archive.
  if (term.operator === 'in' && term.value.toLowerCase() === 'archive') return false;
  return (term.operator === 'from' && !isFromMe(term, own)) || (label !== null && INCOMING.includes(label));
}

/** Whether a term about the sender finds what the mailbox's owner sends: `me`, the own address, a part of it. */
function isFromMe({ operator, value }: Term, own: string | undefined): boolean {
  if (operator !== 'from') return false;
  // Gmail compares whole words of an address.
  const words = (address: string) =>
    `.${address
      .toLowerCase()
      .replace(/\+[^@]*(?=@)/, '')
      .replace(/^[*@]+/, '')
      .replaceAll('@', '.')}.`;
  return value.toLowerCase() === 'me' || (own !== undefined && words(own).includes(words(value)));
}

/** Labels that `rule` changes and `terms` name. */
function changedAndNamed(rule: Rule, terms: readonly Term[]): string[] {
  const named = new Set(terms.map(labelNamed).flatMap((label) => (label === null ? [] : [labelKey(label)])));
  return rule.operations.filter(({ label }) => named.has(labelKey(label))).map(({ label }) => label);
}

/** Labels that one of the rules adds and the other removes. */
function opposed(rule: Rule, other: Rule): string[] {
  return rule.operations
    .filter((one) => other.operations.some((two) => labelKey(one.label) === labelKey(two.label) && one.add !== two.add))
    .map(({ label }) => label);
}
