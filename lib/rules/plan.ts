/**
 * From rules to searches, and from what the searches found to label changes: all rules are searched first, on the
 * mailbox as the run found it, and what an earlier rule already does is left out of later ones.
 */
import { ConfigError } from '../errors.ts';
import { GmailRefusal } from '../gmail/answers.ts';
import type { ChangeSet } from '../gmail/changes.ts';
import { type LabelDirectory, systemLabelId } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { labelKey, pendingSearch } from './actions.ts';
import { asksForSpamOrTrash, labelNamed, type Term } from './query.ts';
import type { Rule, RuleSet, Search } from './schema.ts';

/** What a rule would do. */
export interface PlannedRule extends ChangeSet {
  /** How many messages the rule's search found. */
  readonly matched: number;
  /** How many of them are left as they are: spared by keepNewest, or already dealt with by an earlier rule. */
  readonly skipped: number;
}

export interface ComposedSearch {
  readonly query: string;
  readonly includeSpamTrash: boolean;
}

/**
 * The search for exactly those messages that still need the rule's change; null when there can be none, because a label
 * that the rule only removes does not exist.
 */
export function composeSearch(rule: Rule, protect: Search | undefined, labels: LabelDirectory): ComposedSearch | null {
  const exists = (label: string) => labels.find(label) !== undefined;
  const possible = rule.pending.filter(({ add, label }) => add || exists(label));
  if (possible.length === 0) return null;
  // A label that does not exist yet is missing on every match.
  const everyMatch = possible.some(({ add, label }) => add && !exists(label));
  return compose(rule, [
    ...(protect === undefined ? [] : [`-(${protect.query})`]),
    ...(everyMatch ? [] : [`{${possible.map(pendingSearch).join(' ')}}`]),
  ]);
}

/** The rule's query with further conditions; without drafts and chats, unless the query names them. */
function compose({ search }: Rule, conditions: readonly string[]): ComposedSearch {
  const named = new Set(search.terms.map(labelNamed));
  const without = [...(named.has('DRAFT') ? [] : ['-in:drafts']), ...(named.has('CHAT') ? [] : ['-in:chats'])];
  return {
    query: [`(${search.query})`, ...conditions, ...without].join(' '),
    includeSpamTrash: asksForSpamOrTrash(search.terms),
  };
}

/** Labels of a user's own that the rules name, in searches or actions: without any, the labels need not be listed. */
export function namesUserLabels({ protect, rules }: RuleSet): boolean {
  const inTerms = (terms: readonly Term[]) => terms.some((term) => isUserLabel(labelNamed(term)));
  return (
    inTerms(protect?.terms ?? []) ||
    rules.some(({ search, operations }) => inTerms(search.terms) || operations.some(({ label }) => isUserLabel(label)))
  );
}

/** @throws ConfigError when `protect` names a label that does not exist: it would protect nothing. */
export function requireProtectLabels({ protect }: RuleSet, labels: LabelDirectory): void {
  for (const label of missingLabels(protect?.terms ?? [], labels)) {
    throw new ConfigError(
      `protect names the label "${label}", which does not exist: it would protect nothing`,
      'Correct the name in the rules file, or make the label in Gmail.',
    );
  }
}

/** The labels that a search names and the mailbox does not have. */
export function missingLabels(terms: readonly Term[], labels: LabelDirectory): string[] {
  const named = terms.map(labelNamed).filter((label) => isUserLabel(label));
  return [...new Set(named)].filter((label) => labels.find(label) === undefined);
}

function isUserLabel(label: string | null): label is string {
  return label !== null && systemLabelId(label) === undefined && !label.startsWith('^');
}

/** Searches the mailbox for all rules side by side, and works out what each of them changes. Changes nothing. */
export async function planRules(
  { protect, rules }: RuleSet,
  mailbox: Mailbox,
  labels: LabelDirectory,
): Promise<PlannedRule[]> {
  const found = await Promise.all(rules.map((rule) => findMatches(rule, protect, mailbox, labels)));
  const ledger = new Ledger();
  return rules.map((rule, index) => {
    const { ids, spared } = found[index] ?? { ids: [], spared: new Set() };
    const wanted = ids.filter((id) => !spared.has(id) && ledger.claim(id, rule));
    return {
      name: rule.name,
      ids: wanted,
      add: rule.operations.filter(({ add }) => add).map(({ label }) => label),
      remove: rule.operations.filter(({ add }) => !add).map(({ label }) => label),
      matched: ids.length,
      skipped: ids.length - wanted.length,
    };
  });
}

async function findMatches(rule: Rule, protect: Search | undefined, mailbox: Mailbox, labels: LabelDirectory) {
  const search = composeSearch(rule, protect, labels);
  if (search === null) return { ids: [], spared: new Set<string>() };
  const find = async ({ query, includeSpamTrash }: ComposedSearch, limit = Number.POSITIVE_INFINITY) =>
    (await mailbox.search(query, { includeSpamTrash, limit })).map(({ id }) => id);
  try {
    const ids = await find(search);
    // The newest are looked for afterwards: mail that arrives in between is then spared, not changed.
    const newest = rule.keepNewest > 0 && ids.length > 0 ? await find(compose(rule, []), rule.keepNewest) : [];
    return { ids, spared: new Set(newest) };
  } catch (error) {
    if (!(error instanceof GmailRefusal) || error.status !== 400) throw error;
    throw new ConfigError(
      `Gmail does not accept the query of the rule ${rule.name}: ${error.message}`,
      "Correct the query; try it in Gmail's search box.",
    );
  }
}

/** What the rules so far do to a message: label → whether it is on afterwards. Shared by all that get the same. */
interface Fate {
  readonly labels: ReadonlyMap<string, boolean>;
  readonly next: Map<Rule, Fate>;
}

/** Remembers what the rules before do to each message. */
class Ledger {
  readonly #untouched: Fate = { labels: new Map(), next: new Map() };
  readonly #fates = new Map<string, Fate>();

  /** Whether the rule has something to do for the message after the rules before it; takes note that it does. */
  claim(id: string, rule: Rule): boolean {
    const before = this.#fates.get(id) ?? this.#untouched;
    if (before.labels.get('TRASH') === true) return false;
    if (rule.operations.every(({ add, label }) => before.labels.get(labelKey(label)) === add)) return false;
    let after = before.next.get(rule);
    if (after === undefined) {
      const own = rule.operations.map(({ add, label }) => [labelKey(label), add] as const);
      after = { labels: new Map([...before.labels, ...own]), next: new Map() };
      before.next.set(rule, after);
    }
    this.#fates.set(id, after);
    return true;
  }
}
