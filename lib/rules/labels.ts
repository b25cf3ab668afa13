/**
 * Puts the mailbox's labels in the place of the names that rules have for them, once and before anything else: whatever
 * comes after compares names exactly, searches for listed names and changes listed labels.
 */
import { didYouMean } from '../base/nearest.ts';
import { ConfigError } from '../errors.ts';
import type { LabelOperation } from '../gmail/change-plan.ts';
import { LabelDirectory, normalizeLabel, quoteLabel, systemLabelId } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { isOwnLabel, isProgramLabel } from '../gmail/own-labels.ts';
import { labelNamed } from '../gmail/query/label-terms.ts';
import type { Term } from '../gmail/query/parse.ts';
import { PLACES, termOf } from '../gmail/query/values.ts';
import { labelKey } from './actions.ts';
import type { Rule, RuleSet, Search } from './schema.ts';
import { findWarnings, type RuleWarning, trustsSenders } from './warnings.ts';

/** The rules on a mailbox: with its labels in place of the names that the file has for them. */
export interface FittedRules<R extends RuleSet> {
  readonly ruleSet: R;
  /** As far as the rules need them. */
  readonly labels: LabelDirectory;
  readonly warnings: readonly RuleWarning[];
}

/**
 * Everything about the rules that depends on the mailbox's labels.
 * @throws ConfigError when a label that does not exist would change what is protected or left out, or a name fits several.
 */
export async function fitToMailbox<R extends RuleSet>(given: R, mailbox: Mailbox): Promise<FittedRules<R>> {
  const labels = namesUserLabels(given) ? await mailbox.labels() : new LabelDirectory([]);
  const ruleSet = resolveLabels(given, labels);
  requireLabels(ruleSet, labels);
  const own = trustsSenders(ruleSet) ? await mailbox.address() : undefined;
  return { ruleSet, labels, warnings: [...findWarnings(ruleSet, own), ...findLabelWarnings(ruleSet, labels)] };
}

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

function missingLabels({ query, terms }: Search, labels: LabelDirectory): MissingLabel[] {
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
function isUserLabel(label: string | null): label is string {
  return label !== null && systemLabelId(label) === undefined && !label.startsWith('^');
}

/** Whether the mailbox must list the label for a search to find it; one of Gmail's internal ones may be listed too. */
function isListed(label: string | null): label is string {
  return label !== null && systemLabelId(label) === undefined;
}

/** Labels that a rule's query names and the mailbox does not have: the rule finds less than it seems. */
export function findLabelWarnings({ rules }: RuleSet, labels: LabelDirectory): RuleWarning[] {
  return rules.flatMap(({ name, search }) => {
    const asked = search.terms.filter((term) => !term.negated && isUserLabel(labelNamed(term)));
    return missingLabels({ ...search, terms: asked }, labels).map(({ told }) => ({
      rule: name,
      warning: `its query names ${told}`,
    }));
  });
}
