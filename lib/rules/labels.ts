/**
 * Fits rules to the labels of the mailbox, before the first search: replaces the names in the rules by the names that the
 * mailbox lists, and refuses missing labels that would change what is protected or excluded.
 */
import { didYouMean } from '../base/nearest.ts';
import { ConfigError } from '../errors.ts';
import type { LabelOperation } from '../gmail/change-plan.ts';
import { LabelDirectory, normalizeLabel, quoteLabel, systemLabelId } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { isInOwnFolder, isProgramLabel } from '../gmail/own-labels.ts';
import { labelNamed } from '../gmail/query/label-terms.ts';
import type { Term } from '../gmail/query/parse.ts';
import { IN_VALUES, termOf } from '../gmail/query/values.ts';
import type { Search } from '../gmail/settings-schema.ts';
import { labelKey } from './actions.ts';
import type { Rule, RuleSet } from './schema.ts';
import { findWarnings, needsOwnAddress, type RuleWarning } from './warnings.ts';

export interface FittedRules<R extends RuleSet> {
  readonly ruleSet: R;
  /** Empty when the rules name only system labels. */
  readonly labels: LabelDirectory;
  readonly warnings: readonly RuleWarning[];
}

/**
 * The rules with the mailbox's names for labels, and their warnings.
 * @throws ConfigError when a missing label would change what is protected or excluded, or a name fits several labels.
 */
export async function fitToMailbox<R extends RuleSet>(given: R, mailbox: Mailbox): Promise<FittedRules<R>> {
  const labels = namesUserLabels(given) ? await mailbox.labels() : new LabelDirectory([]);
  const ruleSet = resolveLabels(given, labels);
  requireLabels(ruleSet, labels);
  const own = needsOwnAddress(ruleSet) ? await mailbox.address() : undefined;
  return { ruleSet, labels, warnings: [...findWarnings(ruleSet, own), ...findLabelWarnings(ruleSet, labels)] };
}

/** Label names that need no quotes in a search. */
const PLAIN = /^[\p{L}\p{N}/_.-]+$/u;

/**
 * The rules with the mailbox's names for labels. All spellings of a missing label become its first spelling.
 * @throws ConfigError when a name fits several labels, or a rule adds and removes the same label.
 */
export function resolveLabels<R extends RuleSet>(ruleSet: R, labels: LabelDirectory): R {
  /** Normalized name of a missing label → its first spelling. */
  const missing = new Map<string, string>();
  const nameOf = (label: string, place: string): string => {
    if (!isUserLabel(label)) return label;
    const listed = labels.find(label, place);
    if (listed !== undefined) return listed.name;
    const normalized = normalizeLabel(label);
    const name = missing.get(normalized) ?? label;
    missing.set(normalized, name);
    return name;
  };
  const rules = ruleSet.rules.map((rule): Rule => {
    const place = `rule ${rule.name}`;
    const resolve = ({ add, label }: LabelOperation) => ({ add, label: nameOf(label, place) });
    return {
      ...rule,
      search: resolveSearch(rule.search, (label) => nameOf(label, place), labels),
      operations: withoutRepetition(rule.operations.map(resolve), place),
      pending: rule.pending.map(resolve),
    };
  });
  const protect = ruleSet.protect && resolveSearch(ruleSet.protect, (label) => nameOf(label, 'protect'), labels);
  return { ...ruleSet, protect, rules };
}

/** The search with the mailbox's names in its terms about labels; a missing label keeps its name. */
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

/** The operations, with one for each label: two names in a rule may be the same label of the mailbox. */
function withoutRepetition(operations: readonly LabelOperation[], place: string): LabelOperation[] {
  const byLabel = new Map<string, LabelOperation>();
  for (const operation of operations) {
    const known = byLabel.get(labelKey(operation.label));
    if (known !== undefined && known.add !== operation.add) {
      throw new ConfigError(
        `${place} both adds and removes the label "${operation.label}", which it spells in two ways`,
        'Correct the names in the rules file. Gmail ignores case, and takes hyphen, slash and space for the same character.',
      );
    }
    byLabel.set(labelKey(operation.label), known ?? operation);
  }
  return [...byLabel.values()];
}

/** Whether the rules name labels of the user: otherwise the mailbox's labels need not be listed. */
export function namesUserLabels({ protect, rules }: RuleSet): boolean {
  const inTerms = (terms: readonly Term[]) => terms.some((term) => isUserLabel(labelNamed(term)));
  return (
    protect?.terms.some((term) => mustBeListed(labelNamed(term))) === true ||
    rules.some(({ search, operations }) => inTerms(search.terms) || operations.some(({ label }) => isUserLabel(label)))
  );
}

/**
 * @throws ConfigError for a missing label that `protect` names, that a query negates and no enabled rule adds, or that
 *   `in:` names.
 */
export function requireLabels({ protect, rules, labelsAddedByAnyRule }: RuleSet, labels: LabelDirectory): void {
  const added = new Set(labelsAddedByAnyRule.map(normalizeLabel));
  const problems = missingLabels(protect ?? { query: '', terms: [] }, labels).map(
    (missing) => `protect names ${missing}, so this part of protect would match nothing`,
  );
  for (const { name, search } of rules) {
    const notAdded = search.terms.filter(
      (term) => isUserLabel(labelNamed(term)) && !added.has(normalizeLabel(labelNamed(term) ?? '')),
    );
    const negated = notAdded.filter((term) => term.negated);
    for (const missing of missingLabels({ ...search, terms: negated }, labels)) {
      problems.push(
        `rule ${name}: the query excludes ${missing}. No enabled rule adds this label, so nothing would be excluded`,
      );
    }
    const places = notAdded.filter((term) => !term.negated && term.operator === 'in');
    for (const missing of missingLabels({ ...search, terms: places }, labels)) {
      problems.push(
        `rule ${name}: the query has ${missing}. No enabled rule adds this label, so nothing would be found`,
      );
    }
  }
  if (problems.length === 0) return;
  throw new ConfigError(problems.join('; '), 'Correct the name in the rules file, or create the label in Gmail.');
}

/** Describes each label that a search names and the mailbox does not have, with the most similar name. */
function missingLabels({ query, terms }: Search, labels: LabelDirectory): string[] {
  const missing = new Map<string, string>();
  for (const term of terms) {
    const label = labelNamed(term);
    // The program creates its own labels with its first run.
    if (!mustBeListed(label) || isProgramLabel(label) || labels.find(label) !== undefined) continue;
    const what =
      term.operator === 'in'
        ? `"in:${label}", which is neither a place in Gmail nor a label`
        : `the label "${label}", which does not exist`;
    missing.set(label, what + (unquotedName(query, term, labels) ?? didYouMeanLabel(term, label, labels)));
  }
  return [...missing.values()];
}

/** The end of a message for `label:Clean up`, when the mailbox has a label "Clean up"; undefined otherwise. */
function unquotedName(query: string, { operator, value, to }: Term, labels: LabelDirectory): string | undefined {
  const words = /^(?:[^\S\n]+[^\s:"(){}]+)*/.exec(query.slice(to))?.[0].trim().split(/\s+/) ?? [];
  for (let count = words.length; count > 0; count -= 1) {
    const label = labels.find([value, ...words.slice(0, count)].join(' '));
    if (label !== undefined) return `: a name with a space needs quotes: write ${operator}:"${label.name}"`;
  }
  return undefined;
}

function didYouMeanLabel({ operator }: Term, label: string, labels: LabelDirectory): string {
  const own = labels.all().filter(({ name }) => isUserLabel(name) && !isInOwnFolder(name));
  const names = [...own.map(({ name }) => name), ...(operator === 'in' ? IN_VALUES : [])];
  const meant = termOf(label.toLowerCase());
  return meant === undefined ? didYouMean(label, names) : ` (did you mean ${meant}?)`;
}

/** Whether `label` belongs to the user: it is no system label, and no internal label of Gmail (`^…`). */
function isUserLabel(label: string | null): label is string {
  return label !== null && systemLabelId(label) === undefined && !label.startsWith('^');
}

/** Whether a search for the label finds nothing unless the mailbox lists the label. Gmail may list internal labels. */
function mustBeListed(label: string | null): label is string {
  return label !== null && systemLabelId(label) === undefined;
}

/** Warnings about missing labels in queries: such a rule finds less than it seems. */
export function findLabelWarnings({ rules }: RuleSet, labels: LabelDirectory): RuleWarning[] {
  return rules.flatMap(({ name, search }) => {
    const asked = search.terms.filter((term) => !term.negated && isUserLabel(labelNamed(term)));
    return missingLabels({ ...search, terms: asked }, labels).map((missing) => ({
      rule: name,
      warning: `its query names ${missing}`,
    }));
  });
}
