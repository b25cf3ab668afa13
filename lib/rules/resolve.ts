/**
 * Puts the mailbox's labels in the place of the names that rules have for them, once and before anything else: whatever
 * comes after compares names exactly, searches for listed names and changes listed labels.
 */
import { ConfigError } from '../errors.ts';
import type { LabelOperation } from '../gmail/change-plan.ts';
import { type LabelDirectory, normalizeLabel, quoteLabel } from '../gmail/labels.ts';
import { labelNamed } from '../gmail/query/labels.ts';
import type { Term } from '../gmail/query/parse.ts';
import { labelKey } from './actions.ts';
import type { Rule, RuleSet, Search } from './schema.ts';
import { isUserLabel } from './search.ts';

/** Label names that need no quotes in a search. */
const PLAIN = /^[\p{L}\p{N}/_.-]+$/u;

/**
 * The rules with the names of the mailbox's labels. Several spellings of a label that does not exist become the first.
 * @throws ConfigError when a name fits several labels, or a rule adds and removes the same label.
 */
export function resolveLabels<R extends RuleSet>(ruleSet: R, labels: LabelDirectory): R {
  /** Normalised name → how it is spelled first. */
  const missing = new Map<string, string>();
  const nameOf = (label: string, whose: string): string => {
    if (!isUserLabel(label)) return label;
    const listed = labels.find(label, whose);
    if (listed !== undefined) return listed.name;
    const normalized = normalizeLabel(label);
    const name = missing.get(normalized) ?? label;
    missing.set(normalized, name);
    return name;
  };
  const rules = ruleSet.rules.map((rule): Rule => {
    const whose = `rule ${rule.name}`;
    const resolve = ({ add, label }: LabelOperation) => ({ add, label: nameOf(label, whose) });
    return {
      ...rule,
      search: resolveSearch(rule.search, (label) => nameOf(label, whose), labels),
      operations: withoutRepetition(rule.operations.map(resolve), whose),
      pending: rule.pending.map(resolve),
    };
  });
  const protect = ruleSet.protect && resolveSearch(ruleSet.protect, (label) => nameOf(label, 'protect'), labels);
  return { ...ruleSet, protect, rules };
}

/** The search with listed names as the values of its terms about labels. A label that does not exist stays as it is. */
function resolveSearch({ query, terms }: Search, nameOf: (label: string) => string, labels: LabelDirectory): Search {
  let text = '';
  let read = 0;
  const resolved = terms.map((term): Term => {
    const label = labelNamed(term);
    const { from, to } = term;
    text += query.slice(read, from);
    read = to;
    const written = query.slice(from, to);
    const name = isUserLabel(label) ? nameOf(label) : null;
    const isWritten = name === null || labels.find(name) === undefined || (name === written && PLAIN.test(name));
    const value = isWritten ? written : quoteLabel(name);
    const start = text.length;
    text += value;
    return { ...term, value: name ?? term.value, from: start, to: text.length };
  });
  return { query: text + query.slice(read), terms: resolved };
}

/** The operations, each label once, when two names of the rule turn out to be one label. */
function withoutRepetition(operations: readonly LabelOperation[], whose: string): LabelOperation[] {
  const byLabel = new Map<string, LabelOperation>();
  for (const operation of operations) {
    const known = byLabel.get(labelKey(operation.label));
    if (known !== undefined && known.add !== operation.add) {
      throw new ConfigError(
        `${whose} both adds and removes the label "${operation.label}", which it spells in two ways`,
        'Correct the names in the rules file; to Gmail case, hyphens, slashes and spaces are the same.',
      );
    }
    byLabel.set(labelKey(operation.label), known ?? operation);
  }
  return [...byLabel.values()];
}
