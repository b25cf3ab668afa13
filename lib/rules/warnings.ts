/** Warnings about rules that are allowed, but probably not meant. */
import { labelNamed } from '../gmail/query/label-terms.ts';
import type { Term } from '../gmail/query/parse.ts';
import type { Search } from '../gmail/settings-schema.ts';
import { labelKey } from './actions.ts';
import type { Rule, RuleSet } from './schema.ts';

export interface RuleWarning {
  readonly rule: string;
  readonly warning: string;
}

/** The warnings that need no mailbox, except perhaps its `own` address. */
export function findWarnings({ protect, rules }: RuleSet, own?: string): RuleWarning[] {
  const warnings: RuleWarning[] = [];
  for (const [index, rule] of rules.entries()) {
    const warn = (warning: string) => warnings.push({ rule: rule.name, warning });
    const place = discardsInto(rule);
    if (place !== undefined && !protectsSentMail(protect) && mayFindSentMail(rule.search.terms, own)) {
      const what = place === 'TRASH' ? 'trash sent mail too' : 'mark sent mail as spam too';
      const alias = rule.search.terms.some((term) => term.negated && isFromMe(term, own));
      const why = alias ? ' (-from:me does not leave out what was sent from an alias)' : '';
      warn(`it would ${what}${why}: add -in:sent to its query unless that is meant`);
    }
    if (rule.hasCommentLine) {
      warn('a line of its query contains #. It is not a comment there: Gmail searches for its words');
    }
    const guarded = changedAndNamed(rule, protect?.terms ?? []);
    if (guarded.length > 0) {
      warn(
        `it changes ${listed(guarded)}, which protect names: it may protect messages by accident, or skip messages that it is meant to change`,
      );
    }
    const contrary = byLabel(rules.slice(index + 1), (other) => contradictions(rule, other));
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
      warn(`its query names ${named.join(', and ')}: the rule sees these changes in the next run`);
    }
  }
  return warnings;
}

/** Pairs of a label and the names of the rules for which `labelsOf` returns it. */
function byLabel(rules: readonly Rule[], labelsOf: (rule: Rule) => readonly string[]): [string, string[]][] {
  const pairs = rules.flatMap((rule) => labelsOf(rule).map((label) => ({ label, name: rule.name })));
  return [...Map.groupBy(pairs, ({ label }) => label)].map(([label, named]) => [label, named.map(({ name }) => name)]);
}

function listed(names: readonly string[]): string {
  return new Intl.ListFormat('en-GB').format(names);
}

/** Whether a rule that trashes mail or marks it as spam searches by sender: then findWarnings needs the address. */
export function needsOwnAddress({ rules }: RuleSet): boolean {
  const asksFrom = ({ search }: Rule) => search.terms.some(({ operator, negated }) => operator === 'from' && !negated);
  return rules.some((rule) => discardsInto(rule) !== undefined && asksFrom(rule));
}

/** TRASH or SPAM when the rule adds it: Gmail deletes such mail after 30 days. */
function discardsInto({ operations }: Rule): string | undefined {
  return operations.find(({ add, label }) => add && (label === 'TRASH' || label === 'SPAM'))?.label;
}

/** Whether `protect` finds all sent mail. */
function protectsSentMail(protect: Search | undefined): boolean {
  const terms = protect?.terms ?? [];
  const [first] = terms;
  const isOneOf = first?.condition != null && terms.every(({ condition }) => condition === first.condition);
  return isOneOf && terms.some((term) => !term.negated && labelNamed(term) === 'SENT');
}

/** Labels that sent mail does not have. */
const INCOMING = [
  'CATEGORY_SOCIAL',
  'CATEGORY_PROMOTIONS',
  'CATEGORY_UPDATES',
  'CATEGORY_FORUMS',
  'INBOX',
  'SPAM',
  'TRASH',
];

/** Whether no condition of the query excludes sent mail: `-in:sent`, another place, a category, another sender. */
function mayFindSentMail(terms: readonly Term[], own: string | undefined): boolean {
  const conditions = Map.groupBy(terms, ({ condition }) => condition);
  conditions.delete(null);
  return ![...conditions.values()].some((alternatives) => alternatives.every((term) => excludesSentMail(term, own)));
}

/** `-from:me` does not exclude sent mail: it means the main address, and mail may be sent from an alias. */
function excludesSentMail(term: Term, own: string | undefined): boolean {
  const label = labelNamed(term);
  if (term.negated) return label === 'SENT';
  // The archive contains sent mail.
  if (term.operator === 'in' && term.value.toLowerCase() === 'archive') return false;
  return (term.operator === 'from' && !isFromMe(term, own)) || (label !== null && INCOMING.includes(label));
}

/** Whether a term finds mail from the mailbox's own address: `from:me`, `from:` that address or a part of it. */
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
function contradictions(rule: Rule, other: Rule): string[] {
  return rule.operations
    .filter((one) => other.operations.some((two) => labelKey(one.label) === labelKey(two.label) && one.add !== two.add))
    .map(({ label }) => label);
}
