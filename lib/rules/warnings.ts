/** What is allowed in rules but probably not meant: told when the rules are read, for a person to think about. */
import type { LabelDirectory } from '../gmail/labels.ts';
import { labelNamed } from '../gmail/query/labels.ts';
import type { Term } from '../gmail/query/parse.ts';
import { labelKey } from './actions.ts';
import type { Rule, RuleSet } from './schema.ts';
import { missingLabels } from './search.ts';

export interface RuleWarning {
  readonly rule: string;
  readonly warning: string;
}

/** Everything about the rules that can be seen without the mailbox. */
export function findWarnings({ protect, rules }: RuleSet): RuleWarning[] {
  const warnings: RuleWarning[] = [];
  for (const [index, rule] of rules.entries()) {
    const warn = (warning: string) => warnings.push({ rule: rule.name, warning });
    if (trashes(rule) && mayFindSentMail(rule.search.terms)) {
      warn('it would trash sent mail too: add -in:sent to its query unless that is meant');
    }
    if (rule.noted) {
      warn('its query has a line with #, which is no comment there: Gmail searches for its words');
    }
    for (const label of changedAndNamed(rule, protect?.terms ?? [])) {
      warn(
        `it changes ${label}, which protect names: messages may become protected, or stay so, against its intention`,
      );
    }
    for (const other of rules.slice(index + 1)) {
      for (const label of opposed(rule, other)) {
        warn(`it and ${other.name} undo each other where both match: one adds ${label}, the other removes it`);
      }
    }
    for (const other of rules) {
      if (other === rule) continue;
      for (const label of changedAndNamed(other, rule.search.terms)) {
        warn(`its query names ${label}, which ${other.name} changes: it sees that change in the next run only`);
      }
    }
  }
  return warnings;
}

/** Labels that a rule's query names and the mailbox does not have: such a search finds nothing, or everything. */
export function findLabelWarnings({ rules }: RuleSet, labels: LabelDirectory): RuleWarning[] {
  return rules.flatMap((rule) =>
    missingLabels(rule.search.terms, labels).map((label) => ({
      rule: rule.name,
      warning: `its query names the label "${label}", which does not exist`,
    })),
  );
}

function trashes(rule: Rule): boolean {
  return rule.operations.some(({ add, label }) => add && label === 'TRASH');
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

/** Whether nothing in the query keeps sent mail out: a place, a category, a sender, or `-in:sent`. */
function mayFindSentMail(terms: readonly Term[]): boolean {
  const conditions = Map.groupBy(terms, ({ condition }) => condition);
  conditions.delete(null);
  return ![...conditions.values()].some((alternatives) => alternatives.every(keepsSentMailOut));
}

function keepsSentMailOut(term: Term): boolean {
  const label = labelNamed(term);
  const fromMe = term.operator === 'from' && term.value.toLowerCase() === 'me';
  if (term.negated) return label === 'SENT' || fromMe;
  return (term.operator === 'from' && !fromMe) || (label !== null && INCOMING.includes(label));
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
